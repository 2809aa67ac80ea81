"""Every table of a workspace, one frozen dataclass per row, and the Arrow schemas derived from them.

The dataclass is the single source: `arrow_schema(Sample)` is what the Parquet parts carry. Frame
intervals are half-open `[start_frame, end_frame)`; seconds are frame / fps; masks are COCO RLE.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeVar

import pyarrow as pa

SCHEMA_VERSION = 1

Label = Annotated[str, pa.dictionary(pa.int32(), pa.string())]
"""A string with few distinct values: dictionary-encoded in Parquet."""

Vector = Annotated[list[float], pa.list_(pa.float32())]

Status = Literal["candidate", "accepted", "corrected", "rejected"]
AuthorKind = Literal["model", "rule", "renderer", "person"]


@dataclass(frozen=True)
class Interval:
    """Half-open frame interval `[start_frame, end_frame)`."""

    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class Mask:
    """One frame's mask as compressed COCO RLE (column-major, as pycocotools writes it).

    `area` is the mask's fractional coverage in pixels, anti-aliased rim included; the RLE holds the
    pixels covered by at least one half. `box` is x, y, width, height in pixels.
    """

    frame: int
    height: int
    width: int
    counts: str
    area: float
    box: Vector


@dataclass(frozen=True)
class Score:
    name: str
    value: float


@dataclass(frozen=True)
class MediaRef:
    """How a sample uses a file: `role` is unmarked, marked, image, …; `id` points into `media`."""

    role: str
    id: str


@dataclass(frozen=True)
class Media:
    """One file. `id` is the SHA-256 of its bytes; `path` is relative to the workspace (or release)."""

    id: str
    path: str
    role: Label
    mime: Label
    bytes: int
    sample: str | None = None
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    frames: int | None = None
    frame: int | None = None
    """Frame of `parent` that this image was taken from."""
    start_s: float | None = None
    end_s: float | None = None
    parent: str | None = None
    """Media id of the file that this one was derived from."""


@dataclass(frozen=True)
class Sample:
    """The unit of the data set. `id` is stable across rebuilds and says nothing about the label."""

    id: str
    kind: Label
    dataset: Label
    media: list[MediaRef]
    groups: list[str]
    """What must not be split between train and test: the object instance, for a rendered clip."""
    shard: str
    """The render/import shard that made it; later stages cut their work by it."""
    object: Label
    instance: str
    defect: Label
    """Defect type, or `none`."""
    clip: int | None = None
    frames: int | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    environment: Label | None = None
    floor: Label | None = None
    material: Label | None = None
    robot: Label | None = None
    point: Label | None = None
    source: str = ""
    """Where the shape came from: `builtin:vase0` or the mesh file's name and hash."""
    licence: Label = ""
    object_group: Label | None = None
    """Semantic group of the object's category: vase, for vase3."""
    material_group: Label | None = None
    sky: Label | None = None
    view: Label | None = None
    """How much of the clip shows the defect, as planned: one of `schemas.names.VIEWS`."""


@dataclass(frozen=True)
class Signal:
    """A per-frame (or per-time) series of one sample; `rate_hz` is the frame rate for frame series."""

    sample: str
    name: Label
    unit: Label
    rate_hz: float
    values: Vector


@dataclass(frozen=True)
class DefectFacts:
    """Measured facts of a synthesised defect; lengths in per cent of the object's longest side."""

    extent_pct: float
    width_pct: float
    depth_pct: float
    area_pct: float
    """Labelled surface in per cent of the object's whole surface."""
    position: list[float]
    """Centre in object coordinates; the object's bounding box is scaled to a longest side of 1."""
    severity: Label | None = None
    object_mm: float | None = None
    """Longest side of the object in millimetres, where it is known: what turns the percentages into lengths."""


@dataclass(frozen=True)
class Annotation:
    """One statement about one sample by one author; append-only, never updated."""

    id: str
    sample: str
    task: Label
    """defect_type | object | mask | visible_interval | caption | …"""
    author_kind: Label
    author: Label
    author_version: Label
    status: Label
    round: int = 0
    label: Label | None = None
    text: str | None = None
    intervals: list[Interval] | None = None
    masks: list[Mask] | None = None
    facts: DefectFacts | None = None
    scores: list[Score] = field(default_factory=list)
    cost_usd: float = 0.0
    supersedes: str | None = None
    candidate: int | None = None
    """Index among the candidates of one sample."""
    media: str | None = None
    """The file that was looked at: part of what is said, so a verdict on a clip does not pass to its re-render."""


@dataclass(frozen=True)
class Embedding:
    """Deep features of one kept keyframe; its presence is what makes the frame a keyframe."""

    sample: str
    media: str
    frame: int
    encoder: Label
    vector: Vector


@dataclass(frozen=True)
class Group:
    """`sample` belongs to `group`; samples that share a group never straddle train and test."""

    sample: str
    group: str
    kind: Label
    """instance | near-duplicate"""
    similarity: float


@dataclass(frozen=True)
class Split:
    sample: str
    protocol: Label
    split: Label
    group: str
    """The connected component of groups that was assigned as one."""


@dataclass(frozen=True)
class QA:
    id: str
    sample: str
    key: Label
    """q1 … q4"""
    task: Label
    question: str
    options: list[str]
    answer: str


@dataclass(frozen=True)
class Verdict:
    """A reviewer's decision on an annotation in a quality round."""

    id: str
    sample: str
    annotation: str | None
    task: Label
    round: int
    reviewer: Label
    verdict: Label
    """accepted | corrected | rejected"""
    comment: str = ""


@dataclass(frozen=True)
class Reject:
    """An input that could not be used, and why; the build went on without it."""

    stage: Label
    item: str
    reason: str


@dataclass(frozen=True)
class Run:
    """What a shard's execution cost. Holds clock readings, so it never enters a release."""

    stage: Label
    shard: str
    fingerprint: str
    rows: int
    bytes: int
    wall_s: float
    cost_usd: float


@dataclass(frozen=True)
class Survey:
    """What one candidate orbit of one instance would show of the defect, told by rays before anything is rendered."""

    instance: str
    defect: Label
    candidate: int
    elevation_deg: float
    focal_mm: float
    room: float
    """Distance of the camera, relative to that from which the object just fills the frame."""
    start_deg: float
    """Azimuth of the first frame."""
    arc: float | None = None
    """Share of the orbit from which the defect's place was to be seen; none asked for if missing."""
    problem: str | None = None
    """Why this orbit cannot be filmed, in a sentence."""
    pixels: Vector = field(default_factory=list)
    """Visible defect area in each frame of the orbit, in pixels; empty without a defect."""
    incidence_deg: Vector = field(default_factory=list)
    """Mean angle of incidence of what is visible, per frame; 0 where nothing is."""
    contrast_pct: Vector = field(default_factory=list)
    """Forecast difference in shading of what is visible from its surroundings, per frame; 0 where nothing is."""


@dataclass(frozen=True)
class Planned:
    """What is to be filmed as one clip: the chosen orbit of its instance, and what it will show."""

    sample: str
    instance: str
    clip: int
    candidate: int
    elevation_deg: float
    focal_mm: float
    room: float
    start_deg: float
    """Azimuth of the first frame of the orbit, which is that of clip 0."""
    rendered: bool
    """False for a clip that is left out because there are enough of its view."""
    arc: float | None = None
    view: Label | None = None
    """One of `schemas.names.VIEWS`; none without a defect, like all that follows."""
    pixels: Vector = field(default_factory=list)
    """Visible defect area in each frame of the clip, in pixels."""
    incidence_deg: float | None = None
    """The least mean angle of incidence among the frames that show the defect."""
    contrast_pct: float | None = None
    """The greatest forecast contrast among them."""
    grazing: bool | None = None
    small: bool | None = None
    low_contrast: bool | None = None


Row = Media | Sample | Signal | Annotation | Embedding | Group | Split | QA | Verdict | Reject | Survey | Planned | Run

TABLES: dict[str, type] = {
    "media": Media,
    "samples": Sample,
    "signals": Signal,
    "annotations": Annotation,
    "embeddings": Embedding,
    "groups": Group,
    "splits": Split,
    "qa": QA,
    "verdicts": Verdict,
    "rejects": Reject,
    "surveys": Survey,
    "plans": Planned,
    "runs": Run,
}
TABLE_OF: dict[type, str] = {row: name for name, row in TABLES.items()}

_ARROW = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def _arrow_type(hint: Any) -> pa.DataType:
    if typing.get_origin(hint) is Annotated:
        return hint.__metadata__[0]
    if hint in _ARROW:
        return _ARROW[hint]
    if dataclasses.is_dataclass(hint):
        return pa.struct(list(_fields(typing.cast(type, hint))))
    if typing.get_origin(hint) is list:
        return pa.list_(_arrow_type(typing.get_args(hint)[0]))
    raise TypeError(f"no Arrow type for {hint}")


def _fields(row: type) -> Iterator[pa.Field]:
    hints = typing.get_type_hints(row, include_extras=True)
    for f in dataclasses.fields(row):
        hint = hints[f.name]
        nullable = typing.get_origin(hint) in (typing.Union, types.UnionType)
        if nullable:
            hint = next(a for a in typing.get_args(hint) if a is not type(None))
        yield pa.field(f.name, _arrow_type(hint), nullable=nullable)


def arrow_schema(row: type) -> pa.Schema:
    """The Arrow schema of a row class, with the table's name and schema version in its metadata."""
    meta = {"defectory.table": TABLE_OF[row], "defectory.schema_version": str(SCHEMA_VERSION)}
    return pa.schema(list(_fields(row)), metadata=meta)


def to_arrow(row: type, rows: Iterable[Any]) -> pa.Table:
    """Rows of one class as an Arrow table with exactly that class's schema."""
    return pa.Table.from_pylist([dataclasses.asdict(r) for r in rows], schema=arrow_schema(row))


def _revive(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        hint = next(a for a in typing.get_args(hint) if a is not type(None))
    if typing.get_origin(hint) is list:
        (inner,) = typing.get_args(hint)
        return [_revive(inner, v) for v in value] if dataclasses.is_dataclass(inner) else value
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value)
    return value


R = TypeVar("R")

_HINTS: dict[type, dict[str, Any]] = {}


def from_dict(row: type[R], values: dict[str, Any]) -> R:
    """The inverse of `dataclasses.asdict`, nested rows included."""
    if row not in _HINTS:
        _HINTS[row] = typing.get_type_hints(row)
    hints = _HINTS[row]
    return row(**{k: _revive(hints[k], v) for k, v in values.items() if k in hints})


def canonical(value: Any) -> str:
    """One JSON text for equal values, whatever the order of keys: what hashes are taken of."""

    def plain(v: Any) -> Any:
        if dataclasses.is_dataclass(v) and not isinstance(v, type):
            return dataclasses.asdict(v)
        if hasattr(v, "model_dump"):
            return v.model_dump(mode="json")
        raise TypeError(f"{type(v).__name__} has no canonical form")

    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=plain, ensure_ascii=True)


def digest(*parts: Any, length: int = 16) -> str:
    """Hex SHA-256 over the canonical form of `parts`, cut to `length` characters."""
    return hashlib.sha256(canonical(parts).encode()).hexdigest()[:length]


def annotation(**values: Any) -> Annotation:
    """An annotation whose id is the hash of everything it says, so equal statements are one."""
    return Annotation(id=digest("annotation", values), **values)
