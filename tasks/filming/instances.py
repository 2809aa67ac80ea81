"""What is filmed: the instances that a recipe asks for, and each of them as a shape with its exact label."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from schemas.errors import BadInput
from schemas.names import GROUP_OF
from schemas.objects import MILLIMETRES, ObjectSpec
from schemas.recipe import Recipe
from schemas.rows import DefectFacts
from tasks import defects, objects
from tasks.files import sha256_file
from tasks.filming import poses
from tasks.filming.sampling import sampled
from tasks.meshes import Shape, imported, shapenet

NORMAL = "normal"


@dataclass(frozen=True)
class Instance:
    """One object to be rendered. Files are named by their content: where they lie decides nothing."""

    key: str
    """`vase0-bulge-0`: category, defect or `normal`, running number; unique within a recipe."""
    category: str
    group: str
    defect: str
    """Defect type, or `none`."""
    source: str
    """`builtin:vase0`, or the mesh file's name."""
    sha256: str
    """Of the mesh file; empty for a built-in object and for a file that cannot be read."""
    bodies: str
    open_surface: bool
    licence: str
    labels: str = ""
    """SHA-256 of the file of labels; empty for a defect that is made here."""
    template: str = ""
    """SHA-256 of the mesh without the defect, where there is one."""
    spare: str = ""
    """SHA-256 of the same item in another format, for where the mesh cannot be used."""
    up: str = ""
    unit: str = ""
    size_mm: float | None = None
    problem: str = ""
    """Why it cannot be made, where that is known before."""


@dataclass(frozen=True)
class Thing:
    """An instance as geometry."""

    shape: Shape
    label: NDArray[np.float32] | None
    """float32 (V,), 1 on a defect and 0 elsewhere; None without a defect."""
    facts: tuple[DefectFacts, ...]
    """One per defect, the largest area first."""
    source: str
    """Where the shape came from, and what was repaired."""


@dataclass(frozen=True)
class _Wanted:
    """An instance as the recipe names it, with the places of its files."""

    key: str
    category: str
    group: str
    defect: str
    spec: ObjectSpec
    mesh: Path | None = None
    labels: Path | None = None
    template: Path | None = None
    spare: Path | None = None
    problem: str = ""


def instances(recipe: Recipe) -> list[Instance]:
    """The instances that a recipe asks for, in its order; equal categories continue one running number.

    With a `scale` below 1, that share of them, at least one: a subset of those of any larger scale, spread evenly over
    objects and types of defects. Raises CallError for a `shapenet` folder that is not there.
    """
    wanted = list(_wanted(recipe))
    parts = [(w.category, w.defect) for w in wanted]
    return [_instance(w) for w in sampled(wanted, [w.key for w in wanted], parts, recipe.scale)]


def make(instance: Instance, recipe: Recipe, rng: Callable[[str], Generator], arc: float | None = None) -> Thing:
    """The object, its pose and its defects.

    `rng` gives the generator of a name; equal generators give equal bytes. `arc` is the share of an orbit from
    which the place of a defect that is made here is to be seen, left to chance if None. Raises BadInput when the mesh
    or its label cannot be used, or has no room for the defect.
    """
    wanted = next(w for w in _wanted(recipe) if w.key == instance.key)
    if wanted.problem:
        raise BadInput(wanted.problem)
    thing, size_mm, template = _at_rest(wanted, instance, rng)
    if rng(f"{instance.key}/pose").random() < recipe.render.lying:
        thing, size_mm, template = _laid(thing, size_mm, template, rng(f"{instance.key}/side"))
    if thing.label is not None:
        thing = replace(thing, facts=imported.facts(thing.shape, thing.label, template))
    elif instance.defect != "none":
        made = defects.apply(thing.shape, instance.defect, recipe.render.defect, rng(f"{instance.key}/defect"), arc)
        thing = replace(thing, shape=made.shape, label=made.label, facts=made.facts)
    return replace(thing, facts=tuple(replace(f, object_mm=size_mm) for f in thing.facts))


def _at_rest(
    wanted: _Wanted, instance: Instance, rng: Callable[[str], Generator]
) -> tuple[Thing, float | None, Shape | None]:
    """The object upright, with the label that it comes with; its longest side in millimetres, if known; and its
    template in the same position, if it has one that fits."""
    spec = wanted.spec
    if wanted.mesh is None:
        shape = objects.make(str(spec.builtin), rng(f"{instance.key}/shape"))
        return Thing(shape, None, (), instance.source), spec.size_mm, None
    files = imported.Files(
        imported.Named(wanted.mesh, instance.sha256),
        _named(wanted.labels, instance.labels),
        _named(wanted.template, instance.template),
        _named(wanted.spare, instance.spare),
    )
    found = imported.load(files, spec.bodies, spec.open_surface, spec.up)
    size_mm = found.size * MILLIMETRES[spec.unit] if spec.unit else spec.size_mm
    source = f"{instance.source} sha256:{instance.sha256}" + (f" ({'; '.join(found.notes)})" if found.notes else "")
    return Thing(found.shape, found.label, (), source), size_mm, found.template


def _laid(
    thing: Thing, size_mm: float | None, template: Shape | None, rng: Generator
) -> tuple[Thing, float | None, Shape | None]:
    """On another stable side, where there is one; what stands on its only one stays as it is."""
    frame = poses.lying(thing.shape, rng)
    if frame is None:
        return thing, size_mm, template

    def moved(shape: Shape) -> Shape:
        return Shape(frame(shape.vertices), shape.faces)

    # Facts are shares of the longest side, which another position may make a shorter or longer one.
    return replace(thing, shape=moved(thing.shape)), size_mm and size_mm * frame.size, template and moved(template)


def _named(path: Path | None, sha256: str) -> imported.Named | None:
    return None if path is None else imported.Named(path, sha256)


def _instance(wanted: _Wanted) -> Instance:
    spec = wanted.spec
    return Instance(
        key=wanted.key,
        category=wanted.category,
        group=wanted.group,
        defect=wanted.defect,
        source=f"builtin:{spec.builtin}" if wanted.mesh is None else wanted.mesh.name,
        sha256=content_of(wanted.mesh),
        bodies=spec.bodies,
        open_surface=spec.open_surface,
        licence=spec.licence,
        labels=content_of(wanted.labels),
        template=content_of(wanted.template),
        spare=content_of(wanted.spare),
        up=spec.up or "",
        unit=spec.unit or "",
        size_mm=spec.size_mm,
        problem=wanted.problem,
    )


def _wanted(recipe: Recipe) -> Iterator[_Wanted]:
    count: Counter[str] = Counter()
    for spec in recipe.objects:
        for one in _of(spec):
            kind = f"{_plain(one.category)}-{NORMAL if one.defect == 'none' else _plain(one.defect)}"
            yield replace(one, key=f"{kind}-{count[kind]}")
            count[kind] += 1


def _of(spec: ObjectSpec) -> Iterator[_Wanted]:
    """What one entry of a recipe asks for, without keys."""
    if spec.shapenet is not None:
        yield from _of_shapenet(spec, Path(spec.shapenet))
        return
    mesh = None if spec.mesh is None else Path(spec.mesh)
    category = spec.category or spec.builtin or Path(spec.mesh or "").stem.lower()
    group = spec.semantic_group or category
    for defect in (*("none",) * spec.normal, *spec.defects):
        yield _Wanted("", category, group, defect, spec, mesh)
    if spec.labels is not None:
        yield _Wanted("", category, group, str(spec.labelled), spec, mesh, Path(spec.labels))


def _of_shapenet(spec: ObjectSpec, root: Path) -> Iterator[_Wanted]:
    """Templates stand for what `normal` and `defects` ask for, like any mesh; the other items for themselves."""
    for item in shapenet.items(root):
        category = spec.category or item.category
        group = spec.group or GROUP_OF.get(category) or category.rstrip("0123456789") or category
        asked = ("none",) * spec.normal + spec.defects if item.template else (item.defect,)
        for defect in asked:
            like = item.like if item.labels is not None else None
            yield _Wanted("", category, group, defect, spec, item.mesh, item.labels, like, item.spare, item.problem)


def _plain(category: str) -> str:
    """The category as a part of file names: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-") or "object"


def content_of(path: Path | str | None) -> str:
    """SHA-256 of a file, read again only when the file changed; empty if there is none or it cannot be read."""
    if path is None:
        return ""
    try:
        facts = Path(path).stat()
        return _hashed(str(path), facts.st_mtime_ns, facts.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=1 << 16)
def _hashed(path: str, _mtime_ns: int, _size: int) -> str:
    return sha256_file(Path(path))
