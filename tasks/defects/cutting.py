"""Boolean differences that remember which faces the tool has made, and the marking of those faces and their rim."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.defects.made import Misfit, apart
from tasks.meshes import Shape
from tasks.meshes.refine import Faces, Points, edges_of, refine


@dataclass(frozen=True)
class Cut:
    shape: Shape
    walls: NDArray[np.bool_]
    """(F,) whether each face is part of the tool's surface"""


def solid(vertices: Points, faces: NDArray[np.integer]) -> Any:
    """The manifold of a closed surface. Raises Misfit where it is none."""
    from manifold3d import Error, Manifold, Mesh64

    made = Manifold(Mesh64(vert_properties=vertices, tri_verts=faces.astype(np.uint64)))
    if made.status() != Error.NoError:
        raise Misfit
    return made


def sweep(sections: Sequence[Points]) -> Any:
    """The solid through consecutive sections (n, 3), all of the same n and turning the same way; a cap at each end."""
    count, rows = len(sections[0]), len(sections)
    here = np.arange(count)
    there = np.roll(here, -1)
    side = np.concatenate([np.stack([here, there, there + count], 1), np.stack([here, there + count, here + count], 1)])
    last, first_tip = (rows - 1) * count, rows * count
    strips = [side + k * count for k in range(rows - 1)]
    caps = [
        np.stack([there, here, np.full(count, first_tip)], 1),
        np.stack([last + here, last + there, np.full(count, first_tip + 1)], 1),
    ]
    tips = np.array([sections[0].mean(axis=0), sections[-1].mean(axis=0)])
    vertices, faces = np.concatenate([*sections, tips]), np.concatenate([*strips, *caps])
    a, b, c = vertices[faces].transpose(1, 0, 2)
    inward = np.einsum("ij,ij->", a - tips[0], np.cross(b - tips[0], c - tips[0])) < 0
    return solid(vertices, faces[:, ::-1] if inward else faces)


def difference(shape: Shape, tool: Any) -> Cut:
    """What a tool leaves of a closed shape. Raises Misfit where they do not meet, or nothing is left."""
    tool = tool.as_original()
    cut = (solid(shape.vertices, shape.faces) - tool).to_mesh64()
    faces = np.asarray(cut.tri_verts).astype(np.int32)
    walls = np.zeros(len(faces), dtype=bool)
    runs = np.asarray(cut.run_index) // 3
    for original, start, end in zip(cut.run_original_id, runs[:-1], runs[1:], strict=True):
        walls[int(start) : int(end)] = original == tool.original_id()
    if not walls.any() or walls.all():
        raise Misfit
    return Cut(Shape(np.asarray(cut.vert_properties, dtype=np.float64)[:, :3], faces), walls)


@dataclass(frozen=True)
class Marked:
    shape: Shape
    label: NDArray[np.bool_]
    """(V,) the walls and the ring around their rim"""
    walls: NDArray[np.int32]
    """Vertices of the walls."""
    rim: Points
    """(N, 3) points along the rim, no farther apart than a third of the ring's width"""


def marked(cut: Cut, ring: float) -> Marked:
    """The cut shape, refined at the rim so that a ring of the given width around the walls can be told apart."""
    rim = _rim(cut, ring / 3)
    distance = apart(rim)
    fine = refine(
        cut.shape.vertices,
        cut.shape.faces,
        longest=ring,
        distance=distance,
        radius=2 * ring,
    )
    walls = np.unique(fine.faces[cut.walls[fine.parent]])
    label = distance(fine.vertices) < ring
    label[walls] = True
    return Marked(Shape(fine.vertices, fine.faces), label, walls, rim)


def _rim(cut: Cut, step: float) -> Points:
    edges, of_face = edges_of(cut.shape.faces)
    sides = np.zeros((len(edges), 2), dtype=bool)
    for kind in (0, 1):
        sides[of_face[cut.walls == bool(kind)], kind] = True
    start, end = cut.shape.vertices[edges[sides.all(axis=1)]].transpose(1, 0, 2)
    if not len(start):
        raise Misfit
    pieces = np.maximum(1, np.ceil(np.linalg.norm(end - start, axis=1) / step)).astype(np.int64)
    which = np.repeat(np.arange(len(start)), pieces)
    share = (np.arange(len(which)) - np.repeat(np.cumsum(pieces) - pieces, pieces)) / pieces[which]
    return np.asarray(start[which] + share[:, None] * (end - start)[which])


def reindexed(vertices: Points, faces: Faces) -> Shape:
    """The shape of some faces, without the vertices that none of them uses."""
    used, index = np.unique(faces, return_inverse=True)
    return Shape(vertices[used], index.reshape(-1, 3).astype(np.int32))
