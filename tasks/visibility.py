"""Visible-time annotation: when does the marked clip differ from the unmarked one? (MMVIAD, section 3.1)

Marking blends a pixel towards red, so its red-difference chroma rises by a share `a` of the way from
the unmarked value to red's own: a = (Cr_marked - Cr_unmarked) / (Cr_red - Cr_unmarked), whatever the
colour below. The sum of `a` over the frame is the visible defect area in pixels, and the chroma
planes give it without ever converting a frame to RGB.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from schemas.errors import BadInput
from schemas.recipe import Visibility
from schemas.rows import Annotation, Interval, Media, Row, Sample, Score, Signal, annotation
from tasks import video
from tasks.stage import Context, Shard, stage

MARK_CR = 240
"""Cr of pure red in 8-bit limited-range YCbCr, the same in BT.601 and BT.709."""
RIM = np.ones((3, 3), np.uint8)


def chroma_red(frame: Any) -> np.ndarray:
    """The Cr plane of a decoded frame, (H/2, W/2) uint8, without a copy where the format allows."""
    if frame.format.name != "yuv420p":
        frame = frame.reformat(format="yuv420p")
    plane = frame.planes[2]
    return np.frombuffer(plane, np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width]


def visible_area(unmarked: np.ndarray, marked: np.ndarray, threshold: int) -> float:
    """Visible marked area, in pixels of the full frame, from two Cr planes (uint8, same shape).

    Rises below `threshold` away from any other are compression noise and count nothing.
    """
    rise = cv2.subtract(marked, unmarked)
    firm = cv2.threshold(rise, threshold - 1, 1, cv2.THRESH_BINARY)[1]
    if not cv2.countNonZero(firm):
        return 0.0
    # The anti-aliased rim of the mark rises by less than the threshold; beside a firm pixel it counts all the same.
    where = cv2.dilate(firm, RIM) > 0
    full = MARK_CR - unmarked[where].astype(np.float32)
    share = rise[where] / np.maximum(full, threshold)
    return 4.0 * float(np.minimum(share, 1.0).sum())


def visible_pixels(unmarked: Path, marked: Path, threshold: int) -> np.ndarray:
    """The visible defect area of every frame, (frames,) float32, pixels.

    Raises BadInput when a file is no video or the two are not aligned.
    """
    areas: list[float] = []
    one, two = video.decoded(unmarked), video.decoded(marked)
    for a, b in _aligned(one, two, unmarked, marked):
        areas.append(visible_area(chroma_red(a), chroma_red(b), threshold))
    return np.array(areas, np.float32)


def _aligned(one: Iterator[Any], two: Iterator[Any], first: Path, second: Path) -> Iterator[tuple[Any, Any]]:
    count = 0
    for a in one:
        b = next(two, None)
        if b is None or (a.width, a.height) != (b.width, b.height):
            what = f"ends at frame {count}" if b is None else f"is {b.width}x{b.height}, not {a.width}x{a.height}"
            raise BadInput(f"{second.name}: {what}, {first.name} does not; render the pair again")
        yield a, b
        count += 1
    if next(two, None) is not None:
        raise BadInput(f"{first.name}: ends at frame {count}, {second.name} does not; render the pair again")


def intervals(seen: np.ndarray, min_frames: int, close_gap: int) -> list[Interval]:
    """Half-open intervals of the true frames: gaps up to `close_gap` closed first, then short ones dropped."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(seen, np.int8), [0]))))
    joined: list[list[int]] = []
    for start, end in edges.reshape(-1, 2).tolist():
        if joined and start - joined[-1][1] <= close_gap:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return [Interval(start, end) for start, end in joined if end - start >= min_frames]


def frames_of(spans: Iterable[Interval], frames: int) -> np.ndarray:
    """The inverse view of `intervals`: a boolean per frame."""
    seen = np.zeros(frames, bool)
    for span in spans:
        seen[span.start_frame : span.end_frame] = True
    return seen


def settled(seen: np.ndarray, min_frames: int, close_gap: int) -> np.ndarray:
    """Frames (…, frames) that show the defect as the intervals have it: short gaps closed, short intervals dropped."""
    return np.apply_along_axis(lambda one: frames_of(intervals(one, min_frames, close_gap), len(one)), -1, seen)


def agreement(found: np.ndarray, exact: np.ndarray) -> dict[str, int]:
    """Frames by agreement of two boolean series of equal length: tp, fp, fn, tn."""
    return {
        "tp": int((found & exact).sum()),
        "fp": int((found & ~exact).sum()),
        "fn": int((~found & exact).sum()),
        "tn": int((~found & ~exact).sum()),
    }


def f1(counts: Mapping[str, float]) -> float:
    """Frame-wise F1; 1 when there is nothing to find and nothing was found."""
    wrong = counts["fp"] + counts["fn"]
    return 1.0 if not wrong else 2 * counts["tp"] / (2 * counts["tp"] + wrong)


@stage(version=1, reads=("render",), writes=("signals", "annotations"), settings=lambda recipe: recipe.visibility)
def visibility(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Candidate intervals in which the marked defect is seen, checked against the exact mask."""
    want: Visibility = ctx.settings
    paths = {m.id: ctx.workspace.path(m.path) for m in ctx.rows(Media)}
    exact = {s.sample: np.array(s.values) for s in ctx.rows(Signal) if s.name == "mask_pixels"}
    for sample in ctx.rows(Sample):
        role = {m.role: m.id for m in sample.media}
        clip = role["unmarked"]
        if "marked" not in role:
            yield _interval_annotation(sample, clip, [], "no-defect")
            continue
        try:
            area = visible_pixels(paths[clip], paths[role["marked"]], want.threshold)
            if len(area) != sample.frames:
                raise BadInput(f"{paths[clip].name}: holds {len(area)} frames, not {sample.frames}; render it again")
        except BadInput as e:
            yield ctx.reject(sample.id, e)
            continue
        found = intervals(area >= want.min_pixels, want.min_frames, want.close_gap)
        yield Signal(sample.id, "visible_pixels", "px", sample.fps or 0.0, [round(float(v), 2) for v in area])
        counts = agreement(frames_of(found, len(area)), exact[sample.id] >= want.min_pixels)
        yield _interval_annotation(sample, clip, found, "frame-diff", counts)


def _interval_annotation(
    sample: Sample, clip: str, spans: list[Interval], author: str, counts: dict[str, int] | None = None
) -> Annotation:
    return annotation(
        sample=sample.id,
        task="visible_interval",
        author_kind="rule",
        author=author,
        author_version=str(1),
        status="candidate",
        intervals=spans,
        media=clip,
        scores=[Score(k, float(v)) for k, v in (counts or {}).items()],
    )
