"""Triangle surfaces at rest: how every shape lies in its coordinates, and the way from a file's coordinates to them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.meshes.refine import Faces, Points


@dataclass(frozen=True)
class Shape:
    """A triangle surface: longest bounding-box side 1, centred in x and y, resting on z = 0, z up."""

    vertices: Points
    """float64 (V, 3)"""
    faces: Faces
    """int32 (F, 3), counter-clockwise seen from outside"""


@dataclass(frozen=True)
class Frame:
    """The map from the coordinates of a file to those of a shape: turned, then moved, then scaled."""

    turn: NDArray[np.float64]
    """(3, 3) rotation that points the file's upward axis to z"""
    foot: NDArray[np.float64]
    """(3,) turned point that comes to rest at the origin"""
    size: float
    """Longest side in the file's unit of length."""

    def __call__(self, points: Points) -> Points:
        return np.asarray((points @ self.turn.T - self.foot) / self.size)

    def back(self, points: Points) -> Points:
        """From the shape's coordinates to the file's."""
        return np.asarray((points * self.size + self.foot) @ self.turn)


def framed(vertices: Points) -> Frame:
    """The frame that lays upright `vertices` (V, 3) to rest: longest side 1, centred in x and y, on z = 0."""
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    foot = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    return Frame(np.eye(3), foot, float((high - low).max()))


def placed(vertices: Points, faces: Faces) -> Shape:
    """The shape scaled to a longest side of 1, centred in x and y, resting on the floor."""
    return Shape(framed(vertices)(vertices), faces.astype(np.int32))
