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


FAR = 20.0
"""Strays farther out than so many widths of a cloud's middle four fifths go before the cloud is scaled."""
STRAYS = 0.1
"""A cloud with more strays than this share is no clean one."""


@dataclass(frozen=True)
class Cloud:
    """Points at a longest side of 1."""

    points: Points
    low: NDArray[np.float64]
    """(3,) the corner that they were moved to the origin from"""
    size: float
    """The longest side that they were scaled from."""
    spacing: float
    """Typical distance between neighbours."""
    near: NDArray[np.int64]
    """(N, NEIGHBOURS) indices of the nearest points, the point itself left out"""
    apart: NDArray[np.float64]
    """(N,) distance between neighbours around each point"""


def settled(name: str, points: Points, notes: list[str]) -> tuple[Cloud, NDArray[np.int64]]:
    """The cloud of `points` (N, 3), each place once and without strays, and which of them it is made of."""
    left = _within_reach(name, points)
    while True:
        low, size = points[left].min(axis=0), float(np.ptp(points[left], axis=0).max())
        if not size > 0:
            raise BadInput(f"{name}: all its points are one; export them again")
        at = (points[left] - low) / size
        used, place = _thinned(at)
        if len(used) < MIN_POINTS:
            raise BadInput(
                f"{name}: {len(used)} different points are too few for a surface; give at least {MIN_POINTS}"
            )
        apart, near = _neighbours(at[used])
        kept = apart < STRAY * float(np.median(apart))
        _refuse_lonely(name, int((~kept).sum()), len(kept))
        rest = left[kept[place]]
        if not np.ptp(points[rest], axis=0).max() < size:
            break
        # The strays had set the scale, and with it how finely the rest was looked at.
        left = rest
    if strays := len(points) - len(rest):
        notes.append(f"{strays:,} stray {'point' if strays == 1 else 'points'} left out")
    if len(used) < len(left):
        notes.append(f"{int(kept.sum()):,} of {len(rest):,} points used, one for each place")
    if not kept.all():
        apart, near = _neighbours(at[used[kept]])
    spacing = float(np.median(apart))
    if spacing > SPARSE:
        raise BadInput(
            f"{name}: the points are {spacing:.0%} of the object's size apart, too sparse for a surface; "
            f"give points at most {SPARSE:.0%} apart"
        )
    return Cloud(at[used[kept]], low, size, spacing, near, apart), left[used[kept]]


def _within_reach(name: str, points: Points) -> NDArray[np.int64]:
    """Indices of the points, but for those that stand alone so far out that the rest would look like one place."""
    from scipy.spatial import cKDTree

    # Each coordinate once: a scanner may put all that it did not see at one place.
    values = [np.unique(c) for c in points.T]
    low, high = np.array([(v[len(v) // 10], v[-1 - len(v) // 10]) for v in values]).T
    width = float((high - low).max())
    far = np.flatnonzero((np.abs(points - (low + high) / 2) > FAR * width).any(axis=1))
    if not len(far):
        return np.arange(len(points))
    places, place = np.unique(points[far], axis=0, return_inverse=True)
    # Points that are farther apart than this are too sparse to be a part of the object.
    alone = cKDTree(places).query(places, k=5)[0][:, 4] > STRAY * SPARSE * width
    _refuse_lonely(name, int(alone.sum()), len(points) - len(far) + len(places))
    return np.delete(np.arange(len(points)), far[alone[place.ravel()]])


def _refuse_lonely(name: str, alone: int, of: int) -> None:
    if alone > STRAYS * of:
        raise BadInput(f"{name}: {alone / of:.0%} of the points stand alone; clean the cloud first")


def _thinned(points: Points) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Indices of the points to use, each place once and about `MAX_USED` of them; and which of these stands for each
    point (N,)."""
    cell = 1e-6
    while True:
        x, y, z = np.floor(points / cell).astype(np.int64).T
        _, first, place = np.unique((x << 42) + (y << 21) + z, return_index=True, return_inverse=True)
        if len(first) <= MAX_USED:
            order = np.argsort(first)
            return first[order], np.argsort(order)[place]
        # The points lie on a surface: their number falls with the square of the cell.
        cell = max(1e-4, cell * (len(first) / MAX_USED) ** 0.5 * 1.05)


def _neighbours(points: Points) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How far apart the points around each one are (N,), and the nearest ones (N, NEIGHBOURS)."""
    from scipy.spatial import cKDTree

    distance, near = cKDTree(points).query(points, k=NEIGHBOURS + 1)
    # Of random points on a surface, the fourth neighbour is as far as points of a square grid are.
    return distance[:, 4], near[:, 1:].astype(np.int64)


def unit(vectors: Points) -> Points:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))
