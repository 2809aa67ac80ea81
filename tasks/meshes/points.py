"""Points of a scan as they are worked with: each place once, no strays, at a longest side of 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput
from tasks.meshes.refine import Points

MIN_POINTS = 100
MAX_USED = 40_000
"""Of more points than so many, one per cell of a grid is used."""
SPARSE = 0.08
"""Points farther apart than this share of the longest side say too little."""
STRAY = 4.0
"""A point whose neighbours are so many spacings away belongs to nothing."""
NEIGHBOURS = 12


@dataclass(frozen=True)
class Cloud:
    """Points at a longest side of 1."""

    points: Points
    spacing: float
    """Typical distance between neighbours."""
    near: NDArray[np.int64]
    """(N, NEIGHBOURS) indices of the nearest points, the point itself left out"""
    apart: NDArray[np.float64]
    """(N,) distance between neighbours around each point"""


def thinned(points: Points) -> NDArray[np.int64]:
    """Indices of the points to use: each place once, and about `MAX_USED` of them."""
    cell = 1e-6
    while True:
        x, y, z = np.floor(points / cell).astype(np.int64).T
        _, first = np.unique((x << 42) + (y << 21) + z, return_index=True)
        if len(first) <= MAX_USED:
            return np.sort(first)
        # The points lie on a surface: their number falls with the square of the cell.
        cell = max(1e-4, cell * (len(first) / MAX_USED) ** 0.5 * 1.05)


def settled(name: str, points: Points, notes: list[str]) -> tuple[Cloud, NDArray[np.bool_]]:
    """The cloud without strays, and which points (N,) are left."""
    from scipy.spatial import cKDTree

    def look(at: Points) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        distance, near = cKDTree(at).query(at, k=NEIGHBOURS + 1)
        # Of random points on a surface, the fourth neighbour is as far as points of a square grid are.
        return distance[:, 4], near[:, 1:]

    if len(points) < MIN_POINTS:
        raise BadInput(f"{name}: {len(points)} different points are too few for a surface; give at least {MIN_POINTS}")
    apart, near = look(points)
    kept = apart < STRAY * float(np.median(apart))
    if not kept.all():
        if kept.mean() < 0.9:
            raise BadInput(f"{name}: {1 - kept.mean():.0%} of the points stand alone; clean the cloud first")
        notes.append(f"{int((~kept).sum()):,} stray points left out")
        apart, near = look(points[kept])
    spacing = float(np.median(apart))
    if spacing > SPARSE:
        raise BadInput(
            f"{name}: the points are {spacing:.0%} of the object's size apart, too sparse for a surface; "
            f"give points at most {SPARSE:.0%} apart"
        )
    return Cloud(points[kept], spacing, near.astype(np.int64), apart), kept


def unit(vectors: Points) -> Points:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
