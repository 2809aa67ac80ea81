"""What all labelling projects have in common: what is put before a person, and what comes back."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from annotation.labelling.regions import Picture, from_mask, in_order, joined, pixel
from annotation.labelling.words import said, shown, tidy
from schemas.digests import digest
from schemas.errors import BadInput
from schemas.rows import Annotation, Interval, Region, Relation, Sample, Score

MODEL_VERSION = "candidates"
"""Names our predictions; a project that names it too shows them to the reviewer as a start."""

Status = Literal["accepted", "corrected", "rejected"]


@dataclass(frozen=True)
class Content:
    """What an annotation says, whoever says it: the fields of `Annotation` that reviewers judge and change."""

    label: str | None = None
    text: str | None = None
    intervals: list[Interval] | None = None
    regions: list[Region] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)


@dataclass(frozen=True)
class Item:
    """What one task puts before a reviewer."""

    sample: Sample
    media: Mapping[str, str]
    """Addresses that the reviewer's browser loads, by role: image, unmarked, marked."""
    judged: Mapping[str, Annotation] = field(default_factory=dict)
    """What is to be judged, by annotation task."""
    candidates: tuple[Annotation, ...] = ()
    """Texts to choose from."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What was measured, to be shown; heading and text."""
    scenario: str = ""
    """Whose safety criteria hold: a key of `safety.yaml`."""
    remarks: tuple[str, ...] = ()
    """Why it is looked at again: what earlier reviewers said."""
    frame: int | None = None
    """Of the clip that the picture was taken from."""


@dataclass(frozen=True)
class Answer:
    """What one person says on one annotation task of one sample."""

    task: str
    about: str | None
    """The annotation that was shown; none where people start from nothing."""
    status: Status
    content: Content = Content()
    comment: str = ""


@dataclass(frozen=True)
class Project:
    """A kind of labelling project."""

    name: str
    title: str
    """What it asks, in a few words."""
    judges: tuple[str, ...]
    """The annotation tasks that an answer speaks of."""
    kinds: tuple[str, ...]
    """The kinds of samples that it can show."""
    instruction: str
    """HTML, shown on request."""
    data: Callable[[Item], dict[str, Any]]
    """What is shown beyond what all tasks hold."""
    prediction: Callable[[Item], list[dict[str, Any]]]
    """What is filled in from the start."""
    reads: Callable[[Sequence[Any], Mapping[str, Any]], list[Answer]]
    """See `answers`."""
    config: str = ""
    """The file of its configuration in `configs/`, without `.xml`; its name, if empty."""

    def task(self, item: Item, round_: int, **also: Any) -> dict[str, Any]:
        """The task to import: `data` with our sample id, round and what else is given, and a prediction to start from.

        `content` covers all of it, so a task needs an update exactly when it differs. Raises BadInput when there is
        nothing to be shown.
        """
        sample = item.sample
        data = {
            "sample": sample.id,
            "project": self.name,
            "round": round_,
            "kind": sample.kind,
            "title": title(sample),
            "remarks": " · ".join(map(shown, item.remarks)),
            "width": sample.width or 0,
            "height": sample.height or 0,
            "frames": sample.frames or 0,
            "frame": item.frame,
            "fps": sample.fps or 0,
            "judged": {t: {"id": a.id, "content": meaning(content(item, t))} for t, a in item.judged.items()},
            **self.data(item),
            **also,
        }
        result = self.prediction(item)
        data["prediction"] = digest("prediction", result)
        data["content"] = digest("labelling task", data)
        return {"data": data, "predictions": [{"model_version": MODEL_VERSION, "result": result}]}

    def answers(self, result: Any, data: Mapping[str, Any]) -> list[Answer]:
        """What one person says, from an exported `result` and its task's `data`.

        Raises BadInput for an answer that cannot be used, and for a task that is not as it was pushed.
        """
        pushed = {key: value for key, value in data.items() if key != "content"}
        if data.get("content") != digest("labelling task", pushed) or data.get("project") != self.name:
            raise BadInput(
                f"sample {data.get('sample')!s:.60}: its task was edited in Label Studio; delete it and push again"
            )
        if not isinstance(result, list):
            raise BadInput(f"sample {data['sample']}: the answer is no list; open the task and submit it again")
        return self.reads(result, data)


def title(sample: Sample) -> str:
    said_of = f"defect: {sample.defect}" if sample.defect != "none" else "no defect"
    clip = f", clip {sample.clip + 1}" if sample.clip is not None else ""
    return shown(f"{sample.object}, {said_of}{clip}")


ADDRESS = re.compile(r"/data/local-files/\?d=|(s3|gs|azure-blob|https?)://")


def medium(item: Item, *roles: str) -> str:
    """The address of the first of `roles` that is there. Raises BadInput for none, or another kind of address."""
    found = next((item.media[role] for role in roles if role in item.media), None)
    if found is None:
        raise BadInput(f"sample {item.sample.id}: has no {' or '.join(roles)} to show; build it again")
    if not ADDRESS.match(found):
        raise BadInput(f"sample {item.sample.id}: `{found:.60}` is no address of a file or an object store; push again")
    return found


JUDGED = {
    "visible_interval": ("intervals",),
    "mask": ("regions", "relations"),
    "box": ("regions", "relations"),
    "caption": ("text", "scores"),
    "scene": ("text",),
    "safety_level": ("label", "choices"),
    "match": ("label", "text", "choices"),
}
"""Which of its fields people judge, by annotation task; all, if it is not named here."""


def content(item: Item, task: str) -> Content:
    """What the judged annotation says as it comes back: masks as regions to brush at, points in 32 bits, intervals in
    order. Regions of other frames than the item's are left out."""
    a, sample = item.judged[task], item.sample
    label = a.label or sample.defect
    masks = [from_mask(m, label, f"mask-{n}") for n, m in enumerate(a.masks or ())] if not a.regions else []

    def placed(r: Region) -> Region:
        r = replace(r, points=[pixel(v) for v in r.points], attributes=in_order(r.attributes))
        return r if r.kind == "interval" else replace(r, width=sample.width, height=sample.height, frame=item.frame)

    regions = [placed(r) for r in (*a.regions, *masks) if item.frame is None or r.frame in (None, item.frame)]
    ids = {r.id for r in regions}
    whole = Content(
        label=a.label,
        text=tidy(a.text) if a.text is not None else None,
        intervals=joined(a.intervals) if a.intervals is not None else None,
        regions=regions,
        relations=[link for link in a.relations if {link.source, link.target} <= ids],
        choices=a.choices,
        scores=[s for s in a.scores if s.name == RATING],
    )
    return Content(**{name: getattr(whole, name) for name in JUDGED[task]}) if task in JUDGED else whole


RATING = "rating"
"""The score that a person gives, of 1 to 5."""


def meaning(said: Content) -> str:
    """One hash for contents that say the same.

    A person who accepts what was filled in gets regions with new ids, in any order. A rating is not part of it.
    """
    placed = sorted(said.regions, key=lambda r: digest(replace(r, id="")))
    position = {r.id: n for n, r in enumerate(placed)}
    links = sorted([position[r.source], position[r.target], sorted(r.labels)] for r in said.relations)
    same = replace(said, regions=[replace(r, id="") for r in placed], relations=[], scores=[])
    return digest("content", replace(same, choices=sorted(said.choices)), links)


def answer(task: str, data: Mapping[str, Any], content: Content, verdict: str = "accept", comment: str = "") -> Answer:
    """An answer, `corrected` when it says something else than what was shown; what is rejected says nothing."""
    was = data["judged"].get(task, {})
    if verdict == "reject":
        return Answer(task, was.get("id"), "rejected", comment=comment)
    unchanged = meaning(content) == was.get("content")
    return Answer(task, was.get("id"), "accepted" if unchanged or not was else "corrected", content, comment)


def lead_time_s(exported: Mapping[str, Any]) -> float | None:
    """How long the person took, of an exported annotation; None where that is not told, or cannot be."""
    value = exported.get("lead_time")
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value) or value < 0:
        return None
    return float(value)


def picture(data: Mapping[str, Any], tag: str = "shown", label_tag: str = "class") -> Picture:
    """What a task's regions lie on."""
    return Picture(tag, data["width"], data["height"], data["frames"], data["frame"], label_tag)


# --- entries of a result --------------------------------------------------------------------------


def chosen(name: str, values: Iterable[str], to: str = "shown") -> dict[str, Any]:
    return _entry(name, to, "choices", {"choices": list(values)})


def written(name: str, text: str, to: str = "shown") -> dict[str, Any]:
    return _entry(name, to, "textarea", {"text": [text]})


def _entry(name: str, to: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"id": name, "from_name": name, "to_name": to, "type": kind, "value": value}


KEYS = {"choices": "choices", "textarea": "text", "rating": "rating", "taxonomy": "taxonomy"}


class Said:
    """A result's answers about the whole sample, by the name of the tag. Raises BadInput for malformed ones."""

    def __init__(self, result: Iterable[Any], data: Mapping[str, Any]) -> None:
        self.sample = data["sample"]
        self.given: dict[str, list[Any]] = {}
        for entry in result:
            kind = entry.get("type") if isinstance(entry, Mapping) else None
            if not isinstance(kind, str) or kind not in KEYS:
                continue
            value = entry.get("value")
            given = value.get(KEYS[kind]) if isinstance(value, Mapping) else None
            self.given.setdefault(str(entry.get("from_name")), []).extend(given if isinstance(given, list) else [given])

    def choices(self, name: str, allowed: Iterable[str] | None = None) -> list[str]:
        """What was chosen, in order; only of `allowed`, if that is given."""
        found = self.given.get(name, [])
        if not all(isinstance(f, str) and (allowed is None or f in allowed) for f in found):
            raise self.bad(f"has an answer to `{name}` that was not asked for")
        return list(dict.fromkeys(found))

    def choice(self, name: str, allowed: Iterable[str]) -> str:
        """The one choice."""
        found = self.choices(name, allowed)
        if len(found) != 1:
            raise self.bad(f"lacks a valid `{name}`")
        return found[0]

    def verdict(self, name: str = "verdict") -> str:
        return self.choice(name, ("accept", "reject"))

    def text(self, name: str) -> str:
        return said(" ".join(map(str, self.given.get(name, []))))

    def stars(self, name: str) -> int | None:
        found = self.given.get(name, [])
        if any(type(f) is not int or not 1 <= f <= 5 for f in found) or len(found) > 1:
            raise self.bad(f"has a malformed `{name}`")
        return found[0] if found else None

    def leaf(self, name: str) -> str | None:
        """The last name of the one path chosen in a taxonomy."""
        found = self.given.get(name, [])
        if len(found) > 1 or not all(isinstance(f, list) and f and isinstance(f[-1], str) for f in found):
            raise self.bad(f"has a malformed `{name}`")
        return found[0][-1] if found else None

    def bad(self, what: str) -> BadInput:
        return BadInput(f"sample {self.sample}: the answer {what}; open the task and answer it again")
