"""Recipe sections on what is filmed: objects, and the defects on them."""

from typing import Any, Literal, Self

from pydantic import Field, field_validator, model_validator

from schemas.names import BUILTIN_OBJECTS, GROUP_OF
from schemas.section import Count, Percent, Section

DefectType = Literal["crack", "scratch", "concavity", "bulge", "broken", "hole"]
Severity = Literal["slight", "moderate", "severe"]
Unit = Literal["mm", "cm", "m", "in"]
MILLIMETRES: dict[str, float] = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": 25.4}
MESH_SUFFIXES = (".obj", ".stl", ".ply", ".glb", ".pcd")


class ObjectSpec(Section):
    """One object (built in, or every mesh file that `mesh` matches) and the instances made of it."""

    builtin: Literal[BUILTIN_OBJECTS] | None = None  # type: ignore[valid-type]
    """A procedural object."""
    mesh: str | None = None
    """File or glob, relative to the recipe file; OBJ, STL, PLY, GLB or PCD."""
    shapenet: str | None = None
    """A folder laid out like Anomaly-ShapeNet (`obj/` or `pcd/`, one folder per category, `GT/*.txt`), relative to the
    recipe file: its templates become normal instances, its test items defective ones with the labels they come with."""
    category: str | None = None
    """The object class in labels; the builtin's name or the file's stem by default."""
    group: str | None = None
    """The semantic group that the category belongs to; the builtin's own, or the category."""
    normal: int = Field(1, ge=0, le=100_000)
    """Instances without a defect."""
    defects: tuple[DefectType, ...] = ()
    """One defective instance per entry; or a mapping of type to number, like `{crack: 3, hole: 2}`."""
    labels: str | None = None
    """Point-wise labels of a mesh that comes with a real defect: a text file of `x y z label` lines (comma or blank
    between), or of one label per vertex; `{stem}` stands for the mesh file's stem."""
    labelled: DefectType | None = None
    """The type of the defect that `labels` marks."""
    up: Literal["x", "y", "z", "-x", "-y", "-z"] | None = None
    """The mesh file's upward axis; y for GLB, z for the others by default."""
    unit: Unit | None = None
    """The mesh file's unit of length; with it, facts of defects are known in millimetres, too."""
    size_mm: float | None = Field(None, gt=0)
    """Longest side of the object in millimetres, in place of `unit`."""
    bodies: Literal["one", "largest", "all"] = "one"
    """What to do with a mesh of several separate bodies: reject it, keep the largest, keep all."""
    open_surface: bool = False
    """Take a mesh whose surface has an edge, such as a shell without thickness; otherwise it counts as broken."""
    licence: str = ""
    """Of the mesh file; travels with every sample made of it."""

    @field_validator("defects", mode="before")
    @classmethod
    def _counted(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if bad := [n for n in value.values() if not isinstance(n, int) or not 0 <= n <= 100_000]:
            raise ValueError(f"a number of instances is between 0 and 100000, not {bad[0]!r}")
        return tuple(kind for kind, count in value.items() for _ in range(count))

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.builtin, self.mesh, self.shapenet)) != 1:
            raise ValueError("name either `builtin` or `mesh` or `shapenet`, one of them and not more")
        if (self.labels is None) != (self.labelled is None):
            raise ValueError("`labels` (a file) and `labelled` (the defect's type) go together")
        if self.labels is not None and self.mesh is None:
            raise ValueError("`labels` belong to a `mesh`")
        if self.labels is not None and (self.defects or self.normal):
            raise ValueError("a mesh with `labels` is one defective instance; set `normal: 0` and leave out `defects`")
        if self.unit is not None and self.builtin is not None:
            raise ValueError("a built-in object has no `unit`; give its `size_mm`")
        if self.unit is not None and self.size_mm is not None:
            raise ValueError("give `unit` or `size_mm`, not both")
        return self

    @property
    def semantic_group(self) -> str | None:
        return self.group or (GROUP_OF[self.builtin] if self.builtin else self.category)


class DefectSize(Section):
    """Ranges that sizes are drawn from, in per cent of the object's longest side."""

    count: Count = (1, 1)
    """Defects of the same type on one instance."""
    severities: tuple[Severity, ...] = Field(("slight", "moderate", "severe"), min_length=1)
    """Severities to draw from: slight sizes come from the lower third of every range, severe ones from the upper."""
    radius_pct: Percent = (6.0, 12.0)
    """Of bulge, concavity and hole."""
    depth_pct: Percent = (4.5, 7.5)
    """Height or depth of bulge and concavity."""
    scratch_length_pct: Percent = (24.0, 42.0)
    """Length of a scratch."""
    scratch_width_pct: Percent = (1.8, 3.0)
    """Width of a scratch."""
    crack_length_pct: Percent = (22.0, 40.0)
    """Length of a crack along its main path."""
    crack_width_pct: Percent = (0.8, 1.6)
    """Width of a crack where it is widest."""
    broken_pct: Percent = (14.0, 26.0)
    """Size of the piece that is broken off."""
