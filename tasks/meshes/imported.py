"""Mesh files with all that comes with them: point-wise labels, a template without the defect, a spare format."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput, DefectoryError
from schemas.rows import DefectFacts
from tasks import meshes
from tasks.defects import measure
from tasks.files import sha256_file
from tasks.meshes import Shape, labels

ALIGNED = 0.01
"""A template lies where the item does when half of the item's sound surface is nearer to it than this."""
APART = 0.04
"""Marked places farther from each other than this are defects of their own, at a longest side of 1."""
CELL = APART / 4


@dataclass(frozen=True)
class Named:
    """A file, and the content that it is known by."""

    path: Path
    sha256: str
    """Empty for a file that could not be read."""


@dataclass(frozen=True)
class Files:
    mesh: Named
    labels: Named | None = None
    template: Named | None = None
    spare: Named | None = None


@dataclass(frozen=True)
class Imported:
    shape: Shape
    label: NDArray[np.float32] | None
    """float32 (V,), of a mesh that comes with labels"""
    template: Shape | None
    """The shape without the defect, in the same position."""
    size: float
    """Longest side in the file's unit of length."""
    notes: tuple[str, ...]
    """What was repaired, made up, or left unused, in words."""


Bodies = Literal["one", "largest", "all"]


@lru_cache(maxsize=4)
def load(files: Files, bodies: Bodies, open_surface: bool, up: str | None) -> Imported:
    """The shape of a mesh file with its label and template, or of the spare file where the mesh cannot be used.

    The last few are kept. Raises BadInput for what cannot be used, and DefectoryError for a file that has changed.
    """
    try:
        return _load(files, bodies, open_surface, up)
    except BadInput as e:
        if files.spare is None:
            raise
        spare = Files(files.spare, files.labels, files.template)
        found = _load(spare, bodies, open_surface, up)
        return Imported(
            found.shape,
            found.label,
            found.template,
            found.size,
            (f"{files.spare.path.name} used, as {e}", *found.notes),
        )


def _load(files: Files, bodies: Bodies, open_surface: bool, up: str | None) -> Imported:
    loaded = meshes.load(files.mesh.path, bodies, open_surface, up)
    _unchanged(files.mesh)
    notes, shape, label, template = list(loaded.notes), loaded.shape, None, None
    if files.labels is not None:
        said = labels.read(files.labels.path, files.mesh.path)
        _unchanged(files.labels)
        there = labels.Labels(loaded.frame(said.points), said.flags, said.numbered)
        shape, label = labels.carried(files.labels.path.name, shape, there)
    if files.template is not None and label is not None:
        template = _template(files.template, loaded.frame, shape, label, bodies, open_surface, up, notes)
    return Imported(shape, label, template, loaded.frame.size, tuple(notes))


def _unchanged(file: Named) -> None:
    if sha256_file(file.path) != file.sha256:
        raise DefectoryError(f"{file.path.name}: the file changed during the build; run the same command again")


def _template(
    file: Named, frame: meshes.Frame, shape: Shape, label: NDArray[np.float32], bodies: Bodies, open_surface: bool,
    up: str | None, notes: list[str],
) -> Shape | None:  # fmt: skip
    """The template in the item's position; None, with a note, if it cannot be used or lies elsewhere."""
    try:
        loaded = meshes.load(file.path, bodies, open_surface, up)
    except BadInput as e:
        notes.append(f"no template to measure from: {e}")
        return None
    _unchanged(file)
    template = Shape(frame(loaded.frame.back(loaded.shape.vertices)), loaded.shape.faces)
    sound = shape.vertices[label == 0]
    off = float(np.median(measure.distance(sound[:: -(-len(sound) // 1000)], template)))
    if off > ALIGNED:
        notes.append(f"its template {file.path.name} lies elsewhere (off by {off:.1%}); depth measured without it")
        return None
    return template


def facts(shape: Shape, label: NDArray[np.float32], template: Shape | None) -> tuple[DefectFacts, ...]:
    """Measured facts of every defect that a label (V,) marks, the largest area first."""
    found = [measure.facts(shape, (owner == k).astype(np.float32), template)
             for owner in [_owners(shape, label)] for k in range(1, int(owner.max()) + 1)]  # fmt: skip
    return tuple(sorted(found, key=lambda f: -f.area_pct))


def _owners(shape: Shape, label: NDArray[np.float32]) -> NDArray[np.int64]:
    """Which defect each vertex (V,) belongs to, from 1 on, 0 for none. The two sides of a dented wall are one."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    marked = np.flatnonzero(label > 0)
    cells, cell = np.unique(np.floor(shape.vertices[marked] / CELL).astype(np.int64), axis=0, return_inverse=True)
    pairs = cKDTree(cells * CELL).query_pairs(APART, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(cells), len(cells)))
    _, piece = connected_components(graph, directed=False)
    owners = np.zeros(len(label), dtype=np.int64)
    owners[marked] = piece[cell.ravel()] + 1
    return owners
