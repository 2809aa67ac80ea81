"""Every table of a workspace, one frozen dataclass per row.

Frame intervals are half-open `[start_frame, end_frame)`; seconds are frame / fps; masks are COCO RLE.
"""

from dataclasses import dataclass, field
from typing import Annotated, Any

import pyarrow as pa

from schemas.digests import digest

SCHEMA_VERSION = 1

Label = Annotated[str, pa.dictionary(pa.int32(), pa.string())]
"""A string with few distinct values: dictionary-encoded in Parquet."""

Vector = Annotated[list[float], pa.list_(pa.float32())]


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
    source_set: Label | None = None
    """Name of the image set that an imported image comes from."""
    source_class: Label | None = None
    """The class that the image had there, before classes were merged."""


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
class Claim:
    """One thing that a text says of a defect, held against what was measured."""

    dimension: Label
    """shape | size | depth | location | contrast | direction | number | …"""
    said: str
    """The words of the text."""
    claimed: Label
    """What they mean, as a value of the vocabulary of `annotation.grounding.claims`."""
    verdict: Label
    """supported | contradicted | uncheckable"""
    measured: str | None = None
    """What image, mask or renderer say about it; none where nothing does."""


@dataclass(frozen=True)
class Attribute:
    name: str
    value: str


@dataclass(frozen=True)
class Region:
    """One marked place of a sample: what a person drew, or a model proposed."""

    id: str
    kind: Label
    """polygon | box | brush | interval"""
    label: Label
    points: Vector
    """Polygon: x0, y0, x1, y1, …; box: x, y, width, height; pixels of the full picture. Interval: start and end frame,
    half-open. Empty for a brush."""
    rotation_deg: float = 0.0
    """Of a box, clockwise about its upper left corner."""
    counts: str | None = None
    """Brush: compressed COCO RLE of the full picture."""
    height: int | None = None
    width: int | None = None
    frame: int | None = None
    attributes: list[Attribute] = field(default_factory=list)


@dataclass(frozen=True)
class Relation:
    """Two regions of one annotation that belong together."""

    source: str
    target: str
    labels: list[str]


@dataclass(frozen=True)
class Annotation:
    """One statement about one sample by one author; append-only, never updated."""

    id: str
    sample: str
    task: Label
    """defect_type | object | mask | visible_interval | caption | …"""
    author_kind: Label
    """model | rule | renderer | person"""
    author: Label
    author_version: Label
    status: Label
    """candidate | accepted | corrected | rejected | withdrawn: its author took back what they had said; such a row says
    nothing itself."""
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
    claims: list[Claim] = field(default_factory=list)
    """What a caption claims, checked."""
    regions: list[Region] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    choices: list[str] = field(default_factory=list)
    """Answers of a task with fixed choices: yes/no/other, a safety level, criteria that are met."""
    batch: str | None = None
    """The batch of work that it was made in."""
    lead_time_s: float | None = None
    """How long the person took."""


@dataclass(frozen=True)
class Description:
    """The text levels and structured attributes of one sample (SteelDefectX, annotation levels T0 to T3)."""

    sample: str
    t0: str
    """Class-name template."""
    t1: str | None
    """Class level: visual attributes and causes."""
    t2: str | None
    """Written by a model."""
    t3: str | None
    """Reviewed by people."""
    type: Label
    shape: Label | None
    direction: Label | None
    distribution: Label | None
    number: int | None
    position: Label | None
    """Cell of a 3x3 grid that holds most of the defect."""
    shares: Vector
    """Share of the defect in each cell, row by row; empty without a mask."""
    scale: Label | None
    polarity: Label | None
    """brighter | darker | mixed | equal"""
    saliency: Label | None
    template: str
    """The attributes as a sentence."""


@dataclass(frozen=True)
class ClassDescription:
    """Class-level text by one author; append-only (SteelDefectX, class-level annotation)."""

    id: str
    taxonomy: Label
    label: Label
    name: str
    attributes: list[str]
    causes: list[str]
    text: str
    author_kind: Label
    author: Label
    author_version: Label
    status: Label
    answers: list[str] = field(default_factory=list)
    """The short answers that it was merged from."""
    cost_usd: float = 0.0


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
    batch: str | None = None
    """The quality batch that asked for it; none for a verdict of a plain review."""
    findings: list[str] = field(default_factory=list)
    """What a quality round found wrong, by the names of `tasks.quality.rounds.FINDINGS`; empty where all is right."""
    supersedes: str | None = None
    """The same reviewer's earlier verdict in the same quality batch."""


@dataclass(frozen=True)
class Batch:
    """A piece of work that was given to people or models: what, why, and which samples."""

    id: str
    kind: Label
    """annotation | quality | adjudication | reannotation"""
    task: Label
    round: int
    samples: list[str]
    reason: str = ""
    parent: str | None = None
    """The batch that it judges, or that it does again."""
    population: int | None = None
    """How many samples it was drawn from, for a quality round."""
    settings: str = ""
    """What was chosen for it, as JSON."""


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


Row = (
    Media | Sample | Signal | Annotation | Description | ClassDescription | Embedding | Group | Split | QA
    | Verdict | Batch | Reject | Survey | Planned | Run
)  # fmt: skip

TABLES: dict[str, type] = {
    "media": Media,
    "samples": Sample,
    "signals": Signal,
    "annotations": Annotation,
    "descriptions": Description,
    "class_texts": ClassDescription,
    "embeddings": Embedding,
    "groups": Group,
    "splits": Split,
    "qa": QA,
    "verdicts": Verdict,
    "batches": Batch,
    "rejects": Reject,
    "surveys": Survey,
    "plans": Planned,
    "runs": Run,
}
TABLE_OF: dict[type, str] = {row: name for name, row in TABLES.items()}


def annotation(**values: Any) -> Annotation:
    """An annotation whose id is the hash of everything it says, so equal statements are one."""
    return Annotation(id=digest("annotation", values), **values)
