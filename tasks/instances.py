"""What is filmed: the instances that a recipe asks for, and each of them as a shape with its exact label."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from schemas.errors import DefectoryError
from schemas.objects import ObjectSpec
from schemas.recipe import Recipe
from schemas.rows import DefectFacts
from tasks import defects, meshes, objects
from tasks.files import sha256_file
from tasks.meshes import Shape

NORMAL = "normal"


@dataclass(frozen=True)
class Instance:
    """One object to be rendered. A mesh file is named by its content: where it lies decides nothing."""

    key: str
    """`vase-bulge-0`: category, defect or `normal`, running number; unique within a recipe."""
    category: str
    group: str
    defect: str
    """Defect type, or `none`."""
    source: str
    """`builtin:vase`, or the mesh file's name."""
    sha256: str
    """Of the mesh file; empty for a built-in object and for a file that cannot be read."""
    bodies: str
    open_surface: bool
    licence: str


@dataclass(frozen=True)
class Thing:
    """An instance as geometry."""

    shape: Shape
    label: NDArray[np.float32] | None
    """float32 (V,), 1 on a defect and 0 elsewhere; None without a defect."""
    facts: tuple[DefectFacts, ...]
    """One per defect."""
    source: str
    """Where the shape came from, and what was repaired."""


def instances(recipe: Recipe) -> list[Instance]:
    """Every instance that a recipe asks for, in its order; equal categories continue one running number."""
    return [instance for instance, _ in _listed(recipe)]


def make(instance: Instance, recipe: Recipe, rng: Callable[[str], Generator], arc: float | None = None) -> Thing:
    """The object, its pose and its defects.

    `rng` gives the generator of a name; equal generators give equal bytes. `arc` is the share of an orbit from
    which the defect's place is to be seen, left to chance if None. Raises BadInput when the mesh cannot be used or
    has no room for the defect.
    """
    spec = next(spec for i, spec in _listed(recipe) if i.key == instance.key)
    source = instance.source
    if spec.mesh is None:
        shape = objects.make(str(spec.builtin), rng(f"{instance.key}/shape"))
    else:
        loaded = meshes.load(Path(spec.mesh), spec.bodies, spec.open_surface, spec.up)
        shape, notes = loaded.shape, loaded.notes
        if sha256_file(Path(spec.mesh)) != instance.sha256:
            raise DefectoryError(f"{instance.source}: the file changed during the build; run the same command again")
        source += f" sha256:{instance.sha256}" + (f" ({'; '.join(notes)})" if notes else "")
    if instance.defect == "none":
        return Thing(shape, None, (), source)
    where = {} if arc is None else {"arc": arc}
    made = defects.apply(shape, instance.defect, recipe.render.defect, rng(f"{instance.key}/defect"), **where)
    facts = made.facts if isinstance(made.facts, tuple) else (made.facts,)
    return Thing(made.shape, made.label, facts, source)


def _listed(recipe: Recipe) -> Iterator[tuple[Instance, ObjectSpec]]:
    count: Counter[str] = Counter()
    for spec in recipe.objects:
        source = f"builtin:{spec.builtin}" if spec.builtin else Path(spec.mesh or "").name
        sha256 = "" if spec.mesh is None else content_of(spec.mesh)
        category = spec.category or spec.builtin or Path(spec.mesh or "").stem.lower()
        for defect in (*("none",) * spec.normal, *spec.defects):
            kind = f"{_plain(category)}-{NORMAL if defect == 'none' else defect}"
            key = f"{kind}-{count[kind]}"
            count[kind] += 1
            group = spec.semantic_group or category
            yield (
                Instance(key, category, group, defect, source, sha256, spec.bodies, spec.open_surface, spec.licence),
                spec,
            )


def _plain(category: str) -> str:
    """The category as a part of file names: lower-case letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", category.lower()).strip("-") or "object"


def content_of(path: str) -> str:
    """SHA-256 of a file, read again only when the file changed; empty if it cannot be read."""
    try:
        facts = Path(path).stat()
        return _hashed(path, facts.st_mtime_ns, facts.st_size)
    except OSError:
        return ""


@lru_cache(maxsize=4096)
def _hashed(path: str, _mtime_ns: int, _size: int) -> str:
    return sha256_file(Path(path))
