"""The clips of a release as an examination: what is shown, what is asked, and what is right (MMVIAD, 4.1)."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from annotation.answers import CHOICES, KEYS, Reply, Sheet, Spans, grade, iou, merged
from schemas.arrow import from_dict
from schemas.errors import CallError, DefectoryError
from schemas.names import VIEWS
from schemas.rows import QA, Sample, Split
from tasks.filming import plan
from tasks.qa import parse_seconds
from tasks.release import manifest

NORMAL = "no defect"


@dataclass(frozen=True)
class Item:
    """One clip with its questions."""

    sample: str
    instance: str
    object: str
    object_group: str
    defect: str
    view: str
    """How much of the clip shows the defect, by the label: one of `schemas.names.VIEWS`, or NORMAL."""
    frames: int
    fps: float
    clip: Path
    media: str
    """Hash of the clip's bytes."""
    questions: dict[str, str]
    """Key -> text."""
    sheet: Sheet
    truth: dict[str, Any]
    """Key -> the option that is right, or Spans."""


@dataclass(frozen=True)
class Exam:
    """A split of a release under one protocol."""

    release: str
    protocol: str
    split: str
    items: list[Item]


def of(folder: Path, protocol: str | None, split: str) -> Exam:
    """The clips of a split in order of their ids; `protocol` is the one that the shards follow if it is not named.

    Raises CallError for a folder that is no release, for a protocol or split that it does not have, and
    for one of images, which nothing is asked about; DefectoryError for a release that cannot be read.
    """
    tables = folder / "manifest"
    if not tables.is_dir():
        raise CallError(f"{folder}: no release, it has no manifest/; give the folder that `defectory release` named")
    try:
        about = manifest.metadata(tables / "samples.parquet")
        wanted = protocol or about["protocol"]
        splits = list(_rows(tables, "splits", Split))
        chosen = {s.sample for s in splits if (s.protocol, s.split) == (wanted, split)}
        if not chosen:
            there = sorted({f"{s.protocol}: {s.split}" for s in splits})
            raise CallError(f"{folder.name}: has no split {split} of protocol {wanted}; there are {', '.join(there)}")
        asked: dict[str, dict[str, QA]] = {}
        for q in _rows(tables, "qa", QA):
            if q.sample in chosen:
                asked.setdefault(q.sample, {})[q.key] = q
        if not asked:
            raise CallError(f"{folder.name}: holds no questions to ask, as releases of clips do; name one of those")
        found = sorted((s for s in samples(folder) if s.id in chosen), key=lambda s: s.id)
        paths = {
            row["sample"]: (row["path"], row["id"])
            for batch in pq.ParquetFile(tables / "media.parquet").iter_batches(columns=["sample", "path", "id", "role"])
            for row in batch.to_pylist()
            if row["role"] == "unmarked" and row["sample"] in chosen
        }
        items = [_item(folder, s, asked[s.id], *paths[s.id]) for s in found]
    except (OSError, KeyError, ValueError, TypeError, pa.ArrowException) as e:
        raise DefectoryError(
            f"{folder.name}: cannot be read as a release ({type(e).__name__}: {e}); `defectory verify` says what"
        ) from None
    return Exam(f"{about['dataset']}-{about['release']}", wanted, split, items)


def samples(folder: Path) -> Iterator[Sample]:
    """All clips of a release, whatever their split."""
    return _rows(folder / "manifest", "samples", Sample)


def _rows(tables: Path, name: str, row: type[Any]) -> Iterator[Any]:
    with pq.ParquetFile(tables / f"{name}.parquet") as file:
        for batch in file.iter_batches(batch_size=1024):
            yield from (from_dict(row, values) for values in batch.to_pylist())


def _item(folder: Path, s: Sample, asked: dict[str, QA], path: str, media: str) -> Item:
    clip = (folder / path).resolve()
    if not clip.is_relative_to(folder.resolve()):
        raise ValueError(f"{path} leads out of the release")
    frames, fps = s.frames or 1, s.fps or 1.0
    truth: dict[str, Any] = {k: asked[k].answer for k in CHOICES}
    told = parse_seconds(asked["q4"].answer)
    truth["q4"] = merged((start, min(end, frames / fps)) for start, end in told)  # rounding may lead out of the clip
    return Item(
        sample=s.id,
        instance=s.instance,
        object=s.object,
        object_group=s.object_group or s.object,
        defect=truth["q2"],
        view=view(truth["q4"], frames, fps) if truth["q2"] != "none" else NORMAL,
        frames=frames,
        fps=fps,
        clip=clip,
        media=media,
        questions={k: asked[k].question for k in KEYS},
        sheet=Sheet({k: tuple(asked[k].options) for k in CHOICES}, frames / fps),
        truth=truth,
    )


def seen(spans: Spans, frames: int, fps: float) -> NDArray[np.bool_]:
    """Whether each frame (frames,) of a clip shows the defect: intervals in seconds are rounded frames."""
    shown = np.zeros(frames, bool)
    for start, end in spans:
        shown[round(start * fps) : round(end * fps)] = True
    return shown


def view(spans: Spans, frames: int, fps: float) -> str:
    """How much of a clip shows the defect, as `schemas.names.VIEWS` has it: told as the plan tells it."""
    return VIEWS[int(plan.view(seen(spans, frames, fps)))]


def sampled(frames: int, count: int) -> list[int]:
    """Indices of `count` frames in the middles of as many equal parts of the clip; all frames of a shorter one."""
    return [int((i + 0.5) * frames / count) for i in range(count)] if frames > count else list(range(frames))


def as_image(item: Item) -> Item:
    """The same clip as one picture, its middle frame, with one question: is a defect seen in it?"""
    at = sampled(item.frames, 1)[0]
    shown = seen(item.truth["q4"], item.frames, item.fps)[at]
    sheet = replace(item.sheet, keys=("q1",))
    return replace(item, sheet=sheet, truth={"q1": "Yes" if shown else "No"})


def constant(train: list[Item]) -> dict[str, Any]:
    """The best answers that look at nothing: per question the commonest one in train; for the intervals, whichever of
    `[]` and the whole clip scores better there (None stands for the whole clip)."""
    keys = train[0].sheet.keys
    best: dict[str, Any] = {
        k: min(Counter(i.truth[k] for i in train).items(), key=lambda entry: (-entry[1], entry[0]))[0]
        for k in keys
        if k in CHOICES
    }
    if "q4" in keys:
        never, always = (sum(iou(i.truth["q4"], _said(i, said)) for i in train) for said in ((), None))
        best["q4"] = () if never >= always else None
    return best


def baseline(train: list[Item], items: list[Item]) -> np.ndarray:
    """Grades, (clips, questions), of `constant` on `items`."""
    best = constant(train)
    rows = [
        [grade(k, Reply("answered", _said(i, v) if k == "q4" else v), i.truth[k]) for k, v in best.items()]
        for i in items
    ]
    return np.array(rows)


def _said(item: Item, spans: Spans | None) -> Spans:
    return ((0.0, item.sheet.seconds),) if spans is None else spans
