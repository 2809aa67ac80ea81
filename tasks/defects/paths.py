"""Long, slightly curved paths over a surface: where a scratch runs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.defects.places import CLEAR, Place, Surface
from tasks.meshes.refine import Points

STEPS = 48
DENSE = 24
"""Path points per width."""
MAX_TURN = 0.94
"""Least cosine between the normals of one step and the next."""
MIN_EVEN = 0.75
"""Least cosine between a step's normal and those around it (their 10% quantile): no sharp edge is near."""


@dataclass(frozen=True)
class Path:
    points: Points
    """(N, 3), on the surface, densely and evenly spaced"""
    normals: Points
    tangents: Points
    along: NDArray[np.float64]
    """(N,) arc length from the start"""


def over(surface: Surface, place: Place, length: float, width: float, bend: float) -> Path | None:
    """A path of `length` through the place that leaves room for `width`; `bend` is its curvature, 1/length.

    None when the surface ends, reaches the floor or turns too sharply, whichever of four ways it heads.
    """
    for heading in (place.u, place.v, place.u + place.v, place.u - place.v):
        ahead = _steps(surface, place, heading, bend, length / STEPS, width)
        behind = _steps(surface, place, -heading, -bend, length / STEPS, width)
        if len(ahead) + len(behind) >= STEPS:
            take = min(len(ahead), max(STEPS // 2, STEPS - len(behind)))
            return _dense([*behind[: STEPS - take][::-1], (place.point, place.normal), *ahead[:take]], width)
    return None


def _steps(
    surface: Surface, place: Place, heading: Points, bend: float, step: float, width: float
) -> list[tuple[Points, Points]]:
    """Points and normals of up to STEPS steps one way, until an obstacle is reached."""
    point, normal, trail = place.point, place.normal, list[tuple[Points, Points]]()
    for _ in range(STEPS):
        heading = heading + bend * step * np.cross(normal, heading)
        heading = heading - (heading @ normal) * normal
        heading = heading / np.linalg.norm(heading)
        start = point + step * heading + 2 * step * normal
        (found,) = surface.hits(start[None], -normal)
        if not len(found) or not CLEAR < found[0] < 4 * step:
            break
        after = start - found[0] * normal
        around = surface.around(after, width, normal)
        if len(around) < 3 or after[2] < width * np.sqrt(max(0.0, 1 - normal[2] ** 2)):
            break
        turned = surface.normals[around].mean(axis=0)
        turned /= np.linalg.norm(turned)
        if turned @ normal < MAX_TURN or np.quantile(surface.normals[around] @ turned, 0.1) < MIN_EVEN:
            break
        point, normal = after, turned
        trail.append((point, normal))
    return trail


def _dense(trail: list[tuple[Points, Points]], width: float) -> Path:
    from scipy.ndimage import gaussian_filter1d

    points = np.array([p for p, _ in trail])
    normals = gaussian_filter1d(np.array([n for _, n in trail]), 1.5, axis=0, mode="nearest")
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    along = np.linspace(0, length[-1], int(np.ceil(length[-1] / width * DENSE)))
    place, normal = (np.stack([np.interp(along, length, c) for c in v.T], axis=1) for v in (points, normals))
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    tangent = gaussian_filter1d(np.gradient(place, axis=0), DENSE / 2, axis=0, mode="nearest")
    tangent -= np.einsum("ij,ij->i", tangent, normal)[:, None] * normal
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    return Path(place, normal, tangent, along)
