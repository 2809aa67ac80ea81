"""Values on a regular grid: read and written between the grid points, and cut at zero into a closed surface."""

from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from tasks.meshes.refine import Faces, Points

Grid = NDArray[np.float64]
"""(X, Y, Z)"""
SNAP = 0.08
"""A corner of the surface keeps this share of an edge away from its ends: no slivers."""

_CORNERS = np.array(list(product((0, 1), repeat=3)))


def weights(at: Points, shape: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The eight grid points (N, 8), flat, around each place `at` (N, 3) in steps of the grid, and their shares."""
    low = np.clip(np.floor(at).astype(np.int64), 0, np.array(shape) - 2)
    part = at - low
    flat = np.ravel_multi_index(tuple((low[:, None] + _CORNERS).transpose(2, 0, 1)), shape)
    return flat, np.where(_CORNERS == 1, part[:, None], 1 - part[:, None]).prod(axis=2)


_TETRAHEDRA = np.array(
    [
        np.cumsum(np.vstack([np.zeros(3, int), np.eye(3, dtype=int)[list(order)]]), axis=0) @ (4, 2, 1)
        for order in permutations(range(3))
    ]
)
"""The six tetrahedra (6, 4) around a cube's diagonal, as indices into its corners; alike in every cube, so the faces
of neighbours agree."""


def cut(values: Grid) -> tuple[Points, Faces]:
    """The surface between negative values (inside) and the others, in steps of the grid: closed and manifold, wound
    outward, as long as no value on the grid's border is negative (marching tetrahedra)."""
    inside = values < 0
    shape = values.shape
    some, every = inside[:-1, :-1, :-1].copy(), inside[:-1, :-1, :-1].copy()
    for x, y, z in _CORNERS[1:]:
        part = inside[x : shape[0] - 1 + x, y : shape[1] - 1 + y, z : shape[2] - 1 + z]
        some |= part
        every &= part
    cubes = np.stack(np.nonzero(some & ~every), axis=1)
    corner = np.ravel_multi_index(tuple((cubes[:, None] + _CORNERS).transpose(2, 0, 1)), shape)
    tetra = corner[:, _TETRAHEDRA].reshape(-1, 4)
    within = inside.ravel()[tetra]
    count = within.sum(axis=1)
    a, b, c, d = np.take_along_axis(tetra, np.argsort(~within, axis=1, kind="stable"), axis=1).T
    edges = np.concatenate(
        [
            np.stack([np.stack([p[count == wanted], q[count == wanted]], axis=1) for p, q in triangle], axis=1)
            for wanted, triangle in (
                (1, ((a, b), (a, c), (a, d))),
                (2, ((a, c), (b, c), (a, d))),
                (2, ((b, c), (b, d), (a, d))),
                (3, ((a, d), (b, d), (c, d))),
            )
        ]
    )
    # Each edge runs from inside to outside, and the triangle of the middles looks the same way.
    ends = np.stack(np.unravel_index(edges, shape), axis=3).astype(np.float64)
    first, second, third = ends.sum(axis=2).transpose(1, 0, 2)
    way = (ends[:, :, 1] - ends[:, :, 0]).sum(axis=1)
    inward = np.einsum("ij,ij->i", np.cross(second - first, third - first), way) < 0
    edges[inward] = edges[inward][:, ::-1]
    pairs = np.sort(edges.reshape(-1, 2), axis=1)
    unique, inverse = np.unique(pairs, axis=0, return_inverse=True)
    value = values.ravel()[unique]
    share = np.clip(value[:, 0] / (value[:, 0] - value[:, 1]), SNAP, 1 - SNAP)[:, None]
    place = np.stack(np.unravel_index(unique, shape), axis=2).astype(np.float64)
    return place[:, 0] * (1 - share) + place[:, 1] * share, inverse.reshape(-1, 3).astype(np.int32)
