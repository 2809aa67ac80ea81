"""What the makers of the six defects share: what they give, how they give up, and the curves they draw with."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tasks.meshes import Shape
from tasks.meshes.refine import Points

FAR = 0.05
LABEL_SHARE = 0.12
"""A vertex belongs to the defect when it moved by more than this share of the greatest displacement."""


class Misfit(Exception):
    """The defect cannot be made at this place; another one may do."""


@dataclass(frozen=True)
class Made:
    """A shape with one new defect, and the measures of it; lengths at a longest side of 1."""

    shape: Shape
    label: NDArray[np.bool_]
    """(V,) whether each vertex is part of the new defect"""
    extent: float
    width: float
    depth: float
    at: Points
    """(3,) its centre"""


def smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 at x <= 0 to 1 at x >= 1, with two continuous derivatives: no crease in the shading."""
    x = np.clip(x, 0, 1)
    return np.asarray(x**3 * (x * (6 * x - 15) + 10))


def window(depth: NDArray[np.float64], full: float, fade: float) -> NDArray[np.float64]:
    """1 within `full` of the tangent plane, above and below, falling to 0 over `fade`.

    `smooth` is at most 1.875 steep: a displacement by less than `fade / 1.875` keeps its inverse.
    """
    return 1 - smooth((np.abs(depth) - full) / fade)


def apart(places: Points) -> Callable[[Points], NDArray[np.float64]]:
    """A function that gives the distances (N,) of points from the nearest of the places (M, 3).

    Of points far off it gives that from the places' bounding box, which is less, and quicker.
    """
    from scipy.spatial import cKDTree

    tree, low, high = cKDTree(places), places.min(axis=0), places.max(axis=0)

    def distance(points: Points) -> NDArray[np.float64]:
        away: NDArray[np.float64] = np.linalg.norm(np.maximum(np.maximum(low - points, points - high), 0), axis=1)
        near = away < FAR
        away[near] = tree.query(points[near])[0]
        return away

    return distance


class Outline:
    """A slightly irregular, slightly elliptic closed curve around a centre, of mean radius 1."""

    def __init__(self, rng: Generator, amplitude: float) -> None:
        self.order = np.arange(2, 6)
        self.size = amplitude * rng.uniform(0.5, 1.0, 4) / (self.order - 1)
        self.phase = rng.uniform(0, 2 * np.pi, 4)

    def __call__(self, angle: NDArray[np.float64]) -> NDArray[np.float64]:
        waves = self.size * np.cos(self.order * angle[..., None] + self.phase)
        return np.asarray(1 + waves.sum(axis=-1))
