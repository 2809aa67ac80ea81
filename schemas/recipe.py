"""The recipe: what to build, validated whole, with unknown keys refused.

Every default stands in a section and nowhere else. Lengths of defects are in per cent of the object's
longest side; similarities are cosines in [-1, 1]; shares are in [0, 1].
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.captions import Caption
from schemas.filming import Planning, Render
from schemas.objects import ObjectSpec
from schemas.review import Review
from schemas.section import Section
from schemas.sources import Images, SourceSpec


class Visibility(Section):
    """When the marked region counts as seen (MMVIAD, section 3.1, visible-time annotation)."""

    threshold: int = Field(16, ge=1, le=127)
    """Least rise of the red-difference chroma (Cr, 8 bit) of a pixel between unmarked and marked."""
    min_pixels: float = Field(24.0, gt=0)
    """Least visible defect area of a frame, in pixels of the full frame."""
    min_frames: int = Field(2, ge=1)
    """Shorter intervals are dropped, after gaps are closed."""
    close_gap: int = Field(1, ge=0)
    """Gaps of at most this many frames inside an interval are closed."""


class Keyframes(Section):
    """Fixed step, then a deep-feature filter (InspecSafe-V1, keyframe extraction)."""

    every: int = Field(5, ge=1)
    """One frame in every N is a candidate."""
    encoder: str = "phash"
    """`phash`, or a sentence-transformers image model by name or local path."""
    max_similarity: float = Field(0.98, ge=-1, le=1)
    """A frame more similar than this to the last kept one is dropped."""


class Dedup(Section):
    min_similarity: float = Field(0.995, ge=-1, le=1)
    """Keyframes at least this similar make their samples near-duplicates."""


class SplitSettings(Section):
    """How samples are divided; every protocol stands in the `splits` table (MMVIAD, section 4.1)."""

    train: float = Field(0.7, gt=0, lt=1)
    """Share of the samples in train; the rest is test."""
    protocols: tuple[Literal["grouped", "standard", "unseen"], ...] = Field(
        ("grouped", "standard", "unseen"), min_length=1
    )
    """`grouped`: no object instance and no near-duplicate in both; `standard`: by clip within each category, as
    published; `unseen`: categories in test that train never shows."""
    protocol: Literal["grouped", "standard", "unseen"] = "grouped"
    """The protocol that the shards of a release follow."""
    unseen_categories: float = Field(0.25, gt=0, lt=1)
    """Share of the object categories that the `unseen` protocol keeps for test."""

    @model_validator(mode="after")
    def _among(self) -> Self:
        if self.protocol not in self.protocols:
            raise ValueError(f"the shards follow `{self.protocol}`, which is not among `protocols`")
        return self


class ReleaseSettings(Section):
    version: str = Field("0.1.0", pattern=r"^\d+\.\d+\.\d+$")
    """X.Y.Z; `-draft` is added as long as the review has not passed."""
    shard_mb: float = Field(500.0, gt=0)
    """Size to aim at for a WebDataset shard."""
    licence: str = Field("CC-BY-4.0", pattern=r"^[A-Za-z0-9.+-]+$")
    """Licence of the release, an SPDX identifier."""


class RunSettings(Section):
    """How the work is run. Nothing here can change what comes out, so no fingerprint covers it."""

    runner: Literal["threads", "processes", "ray"] = "threads"
    """Where shards run; `ray` wants `pip install defectory[ray]`."""
    workers: int = Field(2, ge=1, le=1024)
    """Shards at a time."""
    retries: int = Field(2, ge=0, le=20)
    """Of a shard whose worker or service failed."""


class Recipe(Section):
    dataset: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    """Name of the data set: small letters, digits, dashes."""
    seed: int = Field(0, ge=0)
    """Of every random choice."""
    description: str = ""
    """What the data set is, in a sentence or two; stands on the card."""
    scale: float = Field(1.0, gt=0, le=1)
    """Share of the instances that is made: the same ones as in the whole data set, of every object and defect."""
    objects: tuple[ObjectSpec, ...] = ()
    """What to film."""
    sources: tuple[SourceSpec, ...] = ()
    """Image sets to import; a recipe has objects or sources."""
    images: Images = Images()
    plan: Planning = Planning()
    render: Render = Render()
    visibility: Visibility = Visibility()
    keyframes: Keyframes = Keyframes()
    dedup: Dedup = Dedup()
    caption: Caption = Caption()
    review: Review = Review()
    split: SplitSettings = SplitSettings()
    release: ReleaseSettings = ReleaseSettings()
    run: RunSettings = RunSettings()

    @property
    def kind(self) -> Literal["clip", "image"]:
        """What a sample of the data set is."""
        return "image" if self.sources else "clip"

    @model_validator(mode="after")
    def _about_something(self) -> Self:
        if bool(self.objects) == bool(self.sources):
            raise ValueError("a recipe names either `objects` to film or `sources` of images to import")
        return self
