"""Maps of space that give a solid of revolution ribs, sides, a twist: for `Manifold.warp_batch`."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.meshes.refine import Points

Column = NDArray[np.float64]
Warp = Callable[[Points], Points]


def polar(radius: Callable[[Column, Column, Column], Column]) -> Warp:
    """The map that gives a point at (angle, radius, z) another radius."""

    def warp(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        was = np.hypot(x, y)
        scale = radius(np.arctan2(y, x), was, z) / np.maximum(was, 1e-12)
        return np.stack([x * scale, y * scale, z], axis=1)

    return warp


def squared(power: float, sides: tuple[float, float] = (1.0, 1.0)) -> Warp:
    """Circles become rectangles with rounded corners (of half widths `sides`), squarer with a greater power."""

    def radius(turn: Column, r: Column, z: Column) -> Column:
        x, y = np.abs(np.cos(turn)) / sides[0], np.abs(np.sin(turn)) / sides[1]
        return np.asarray(r * (x**power + y**power) ** (-1 / power))

    return polar(radius)


def faceted(sides: int) -> Warp:
    """Circles become polygons with corners on them, one at angle 0."""
    half = np.pi / sides

    def radius(turn: Column, r: Column, z: Column) -> Column:
        return np.asarray(r * np.cos(half) / np.cos(np.mod(turn, 2 * half) - half))

    return polar(radius)


def ribbed(count: int, depth: float, form: Callable[[Column], Column] = np.cos) -> Warp:
    """`count` ribs that rise and fall by `depth` of the radius round every circle."""
    return polar(lambda turn, r, z: np.asarray(r * (1 + depth * form(count * turn))))


def twisted(turns: float, low: float = 0.0, high: float = 1.0) -> Warp:
    """Turn about the axis, growing smoothly from 0 at `low` to `turns` at `high`."""

    def warp(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        share = np.clip((z - low) / (high - low), 0, 1)
        angle = 2 * np.pi * turns * share
        return np.stack([x * np.cos(angle) - y * np.sin(angle), x * np.sin(angle) + y * np.cos(angle), z], axis=1)

    return warp


def lifted(height: Callable[[Column, Column, Column], Column]) -> Warp:
    """The map that gives a point (x, y, z) another z."""

    def warp(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        return np.stack([x, y, height(x, y, z)], axis=1)

    return warp


def warped(solid: Any, *warps: Warp) -> Any:
    """The solid after one map after the other."""
    for warp in warps:
        solid = solid.warp_batch(warp)
    return solid
