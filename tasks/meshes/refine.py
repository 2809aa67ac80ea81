"""Conforming local refinement of a triangle mesh: split long edges without a T-junction anywhere."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Faces = NDArray[np.int32]

_SUCCESSOR = np.array([1, 2, 0])


@dataclass(frozen=True)
class Refined:
    vertices: Points
    """(V, 3); the given vertices come first, unmoved."""
    faces: Faces
    """(F, 3)"""
    parent: NDArray[np.int64]
    """(F,) the given face that each face is a piece of."""


def edges_of(faces: Faces) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Unique undirected edges (E, 2) and, per face, the indices (F, 3) of its edges ab, bc, ca."""
    pairs = np.stack([faces, faces[:, _SUCCESSOR]], axis=2).astype(np.int64)
    low, high = pairs.min(axis=2), pairs.max(axis=2)
    count = int(faces.max()) + 1 if len(faces) else 0
    keys, inverse = np.unique(low * count + high, return_inverse=True)
    return np.stack([keys // max(count, 1), keys % max(count, 1)], axis=1), inverse.reshape(-1, 3)


def split(vertices: Points, faces: Faces, marked: Callable[[NDArray[np.int64]], NDArray[np.bool_]]) -> Refined:
    """Halve every edge whose row of the unique edges is marked; each face becomes 1, 2, 3 or 4 faces.

    `marked` gets, per face, its edge indices (F, 3) and gives the mask (F, 3) of edges to halve; an
    edge that either of its faces asks for is halved in both, which is what keeps the mesh conforming.
    """
    edges, of_face = edges_of(faces)
    halve = np.zeros(len(edges), dtype=bool)
    halve[of_face[marked(of_face)]] = True
    middle = np.full(len(edges), -1, dtype=np.int64)
    middle[halve] = len(vertices) + np.arange(int(halve.sum()))
    points = np.concatenate([vertices, vertices[edges[halve]].mean(axis=1)])

    mids = middle[of_face]
    count = (mids >= 0).sum(axis=1)
    # Turn each face so that its one marked edge is ab, or its one unmarked edge is ca.
    turn = np.where(count == 1, np.argmax(mids >= 0, axis=1), np.where(count == 2, np.argmin(mids, axis=1) + 1, 0))
    order = (np.arange(3) + turn[:, None]) % 3
    corner = np.take_along_axis(faces.astype(np.int64), order, axis=1)
    mids = np.take_along_axis(mids, order, axis=1)
    (a, b, c), (ab, bc, ca) = corner.T, mids.T
    # Two marked edges leave the quadrilateral a, ab, bc, c; its shorter diagonal makes the rounder faces.
    flat = np.linalg.norm(points[a] - points[bc], axis=1) > np.linalg.norm(points[ab] - points[c], axis=1)
    pieces: tuple[tuple[NDArray[np.bool_], tuple[tuple[NDArray[np.int64], ...], ...]], ...] = (
        (count == 0, ((a, b, c),)),
        (count == 1, ((a, ab, c), (ab, b, c))),
        ((count == 2) & flat, ((ab, b, bc), (a, ab, c), (ab, bc, c))),
        ((count == 2) & ~flat, ((ab, b, bc), (a, ab, bc), (a, bc, c))),
        (count == 3, ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))),
    )
    new = [np.stack([k[mask] for k in triangle], axis=1) for mask, triangles in pieces for triangle in triangles]
    parent = [np.flatnonzero(mask) for mask, triangles in pieces for _ in triangles]
    return Refined(points, np.concatenate(new).astype(np.int32), np.concatenate(parent))


def refine(
    vertices: Points,
    faces: Faces,
    longest: float,
    distance: Callable[[Points], NDArray[np.float64]] | None = None,
    radius: float = 0.0,
) -> Refined:
    """Halve edges until none longer than `longest` is left on a face that comes within `radius` of a place.

    `distance` gives each point's distance (N,) from the place; None refines everywhere. A face is
    taken to reach two thirds of its longest edge from its centre, so that large faces which only
    pass through the place are caught as well, and the sizes around it grow gradually.
    """
    now = Refined(vertices, faces, np.arange(len(faces)))
    while True:
        corners = now.vertices[now.faces]
        lengths = np.linalg.norm(corners[:, _SUCCESSOR] - corners, axis=2)
        top = lengths.max(axis=1)
        active = top > longest
        if distance is not None and active.any():
            here = np.flatnonzero(active)
            active[here] = distance(corners[here].mean(axis=1)) < radius + top[here] * (2 / 3)
        if not active.any():
            return now
        wanted = (lengths > longest) & active[:, None]
        after = split(now.vertices, now.faces, lambda _, wanted=wanted: wanted)  # type: ignore[misc]
        now = Refined(after.vertices, after.faces, now.parent[after.parent])
