"""Recipe sections on how objects are filmed: surroundings, surfaces, camera, renderer, and the plan of what is seen."""

from typing import Any, Literal, Self, cast

from pydantic import Field, field_validator, model_validator

from schemas.names import ENVIRONMENTS, FLOORS, MATERIAL_GROUP_OF, MATERIALS, SKIES
from schemas.objects import DefectSize
from schemas.section import Elevation, Focal, Room, Section, Share, Stops

SKY_SUFFIXES = (".hdr", ".exr")
OWN = ("color", "roughness", "normal", "metallic", "repeat", "blend", "material")
"""What is said of a surface of one's own; a built-in one has it from its name."""


class MaterialSpec(Section):
    """A surface: a built-in name alone, picture textures, or a material of a .blend file."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    """As it stands in labels."""
    group: str = ""
    """The material group in labels; a built-in material's own by default."""
    color: str | None = None
    """Picture file of the base colour, sRGB, relative to the recipe file."""
    roughness: str | float = 0.5
    """Picture file, or one value between 0 and 1."""
    normal: str | None = None
    """Picture file of a tangent-space normal map (OpenGL, y up)."""
    metallic: Share = 0.0
    """0 for everything but bare metal."""
    repeat: float = Field(1.0, gt=0, le=1000)
    """How often the pictures repeat along the object's longest side (or a floor's two lengths of it)."""
    blend: str | None = None
    """A .blend file, relative to the recipe file, that holds the material."""
    material: str | None = None
    """The material's name in the .blend file."""

    @property
    def files(self) -> tuple[str, ...]:
        named = (self.color, self.roughness, self.normal, self.blend)
        return tuple(f for f in named if isinstance(f, str))

    @model_validator(mode="before")
    @classmethod
    def _grouped(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {"group": MATERIAL_GROUP_OF.get(str(value.get("name")), ""), **value}
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.name in MATERIAL_GROUP_OF or self.name in FLOORS:
            if own := [key for key in OWN if getattr(self, key) != type(self).model_fields[key].default]:
                raise ValueError(
                    f"`{self.name}` is built in and takes no `{own[0]}`; give a surface of your own another name"
                )
            return self
        if (self.color is None) == (self.blend is None):
            raise ValueError(f"material `{self.name}`: give either `color` (a picture) or `blend` (a file)")
        if (self.blend is None) != (self.material is None):
            raise ValueError(f"material `{self.name}`: `blend` (a file) and `material` (a name in it) go together")
        if isinstance(self.roughness, float | int) and not 0 <= self.roughness <= 1:
            raise ValueError(f"material `{self.name}`: a roughness lies between 0 and 1")
        return self


class EnvironmentSpec(Section):
    """Light and floor around an object."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$")
    """As it stands in labels."""
    sky: str
    """One of Blender's built-in world HDRIs, or an equirectangular .hdr or .exr file relative to the recipe file."""
    floor: MaterialSpec | None = None
    """A built-in floor's name, or a surface of your own; drawn from the built-in ones if left out."""

    @field_validator("floor", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, str):
            if value not in FLOORS:
                raise ValueError(f"no floor of that name; the built-in ones are {', '.join(FLOORS)}")
            return {"name": value}
        return value

    @field_validator("floor")
    @classmethod
    def _for_floors(cls, value: MaterialSpec | None) -> MaterialSpec | None:
        if value and value.name in MATERIAL_GROUP_OF:
            raise ValueError(f"`{value.name}` is a built-in material of objects; the floors are {', '.join(FLOORS)}")
        return value

    @field_validator("sky")
    @classmethod
    def _light(cls, value: str) -> str:
        if value not in SKIES and not value.lower().endswith(SKY_SUFFIXES):
            raise ValueError(f"neither an .hdr or .exr file nor one of {', '.join(SKIES)}")
        return value


def _environment(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value in ENVIRONMENTS:
        sky, floor = ENVIRONMENTS[value]
        return {"name": value, "sky": sky, "floor": floor}
    if value.lower().endswith(SKY_SUFFIXES):
        return {"name": value.replace("\\", "/").rpartition("/")[2].rpartition(".")[0], "sky": value}
    raise ValueError(f"{value}: neither an .hdr or .exr file nor one of {', '.join(ENVIRONMENTS)}")


def _materials(value: Any) -> list[Any]:
    if isinstance(value, str) and value in MATERIALS:
        return [{"name": name} for name in MATERIALS[value]]
    if isinstance(value, str):
        if value not in MATERIAL_GROUP_OF:
            raise ValueError(f"{value}: no material or group of that name; the groups are {', '.join(MATERIALS)}")
        return [{"name": value}]
    return [value]


class Render(Section):
    """The orbit and its rendering (MMVIAD, section 3.1)."""

    width: int = Field(1920, ge=32, le=8192, multiple_of=2)
    """Of the clips, in pixels; even."""
    height: int = Field(1080, ge=32, le=8192, multiple_of=2)
    """Of the clips, in pixels; even."""
    fps: int = Field(30, ge=1, le=240)
    """Frames per second."""
    samples: int = Field(8, ge=1, le=65536)
    """Cycles samples per pixel around the object, before denoising; under baked light the rest of the picture takes
    half of them. Twice as many bring the picture 1.5 dB nearer the truth."""
    denoise: Literal["off", "fast", "balanced", "high"] = "fast"
    """Quality of the OIDN denoiser."""
    bounces: int = Field(4, ge=0, le=64)
    """Longest light path."""
    light: Literal["auto", "traced"] = "auto"
    """`auto` bakes the diffuse light once for an orbit that is large and long enough to be worth it; `traced` looks for
    it anew in every frame."""
    pair: Literal["one", "two"] = "one"
    """Where the marked clip comes from: the same render as the unmarked one, marked by the defect's mask; or, as in
    the paper, a second render of the object with a red defect, with the same seeds."""
    clip_seconds: float = Field(2.0, gt=0, le=60)
    """Length of a clip."""
    clip_degrees: float = Field(120.0, ge=1, le=360)
    """Camera motion in a clip; must divide 360, and a whole orbit is 360 / clip_degrees clips."""
    crf: int = Field(18, ge=0, le=40)
    """H.264 quality: 0 is lossless, 18 visually lossless, 28 visibly compressed."""
    elevation_deg: Elevation = (15.0, 35.0)
    """Range that the camera's elevation is drawn from."""
    focal_mm: Focal = (40.0, 65.0)
    """Range that the focal length is drawn from, for a sensor 36 mm wide."""
    room: Room = (1.04, 1.22)
    """Range of the camera's distance, relative to that from which the object just fills the frame."""
    exposure_ev: Stops = (-0.35, 0.35)
    """Range of the exposure, in stops from the one that shows the object's surface in the middle of the scale."""
    lying: Share = 0.0
    """Share of the instances that lie on another stable side in place of standing upright."""
    device: Literal["auto", "cpu", "cuda", "optix", "hip", "oneapi"] = "cpu"
    """What Cycles renders on; `auto` takes a GPU where there is one."""
    materials: tuple[MaterialSpec, ...] = Field(cast(Any, tuple(MATERIALS)), min_length=1, validate_default=True)
    """Materials to draw from: names of built-in materials or of their groups, or surfaces of your own."""
    environments: tuple[EnvironmentSpec, ...] = Field(
        cast(Any, tuple(ENVIRONMENTS)), min_length=1, validate_default=True
    )
    """Environments to draw from: built-in names, .hdr or .exr files relative to the recipe file, or your own pairs of
    a sky and a floor."""
    defect: DefectSize = DefectSize()
    """Sizes of the defects."""
    blender: str = ""
    """A `blender` executable to use in place of the embedded bpy environment."""
    frames_per_process: int = Field(500, ge=1)
    """A Blender process ends after this many frames, which bounds its memory."""
    stall_seconds: float = Field(300.0, gt=0)
    """A Blender worker that makes no progress for this long is killed and started again."""

    @field_validator("materials", mode="before")
    @classmethod
    def _expanded(cls, value: Any) -> Any:
        return [m for item in value for m in _materials(item)] if isinstance(value, list | tuple) else value

    @field_validator("materials")
    @classmethod
    def _for_objects(cls, value: tuple[MaterialSpec, ...]) -> tuple[MaterialSpec, ...]:
        if floors := [m.name for m in value if m.name in FLOORS]:
            raise ValueError(f"`{floors[0]}` is a built-in floor; the groups of materials are {', '.join(MATERIALS)}")
        return value

    @field_validator("environments", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return [_environment(item) for item in value] if isinstance(value, list | tuple) else value

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


class ViewMix(Section):
    """Shares of the defective clips by how much of a clip shows the defect; they add up to 1."""

    never: Share
    """In no frame."""
    briefly: Share
    """In at most a third of the frames."""
    half: Share
    """In more than a third, but not in all."""
    always: Share
    """In every frame."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        total = self.never + self.briefly + self.half + self.always
        if abs(total - 1) > 1e-6:
            raise ValueError(f"the shares of a mix add up to 1, not {total:g}")
        return self


class Planning(Section):
    """What the camera shall see of the defects, found with rays before anything is rendered."""

    candidates: int = Field(4, ge=1, le=64)
    """Orbits (elevation, distance, focal length, defect place) that are looked at for each instance."""
    mix: ViewMix | None = None
    """The wanted mix of views; without it, the first good orbit of every instance is taken."""
    grazing: Share | None = None
    """Wanted share of the clips with a visible defect in which it is only seen at a grazing angle."""
    small: Share | None = None
    """Wanted share of the clips with a visible defect in which it stays small in the frame."""
    low_contrast: Share | None = None
    """Wanted share of the clips with a visible defect in which it hardly differs from its surroundings in shading."""
    grazing_deg: float = Field(65.0, gt=0, lt=90)
    """A view is grazing when the defect's mean angle of incidence is above this in every frame that shows it."""
    small_pct: float = Field(0.15, gt=0, le=100)
    """A defect is small when it never covers more than this share of the frame's area, in per cent."""
    low_contrast_pct: float = Field(15.0, gt=0, le=100)
    """Contrast is low when the forecast shading differs by less than this, in per cent, in every frame."""
    skip: bool = False
    """Do not render clips of a view that there are enough of already."""
    min_best_px: float = Field(32.0, ge=0)
    """An instance whose defect covers fewer pixels of the frame than this in every frame of the orbit is rejected."""
