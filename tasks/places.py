"""Where on a surface a defect can sit: seen from the orbit, off the floor, away from sharp edges."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tasks.meshes import Shape
from tasks.refine import Points

ELEVATIONS = (15.0, 25.0, 35.0)
AZIMUTHS = 24
CANDIDATES = 160
SAMPLES = 40_000
MIN_SEEN = 0.2
"""Mean over the orbit's cameras of the cosine under which a place is seen (0 where it is hidden)."""
MIN_FLAT = 0.82
"""Cosine between a place's mean normal and the normals around it (their 5% quantile)."""
MIN_COVER = 0.8
"""Share of the disc around a place that surface of the same orientation fills."""
CLEAR = 1e-4
"""Rays start so far off the surface, to not hit the face that they start on."""


@dataclass(frozen=True)
class Place:
    """A point on the surface with its mean outward normal and two tangents; `fit` in [0, 1], 1 is unspoilt."""

    point: Points
    normal: Points
    u: Points
    v: Points
    fit: float
    seen: float

    def local(self, points: Points) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Coordinates along u and v, and the depth below the tangent plane."""
        offset = points - self.point
        return offset @ self.u, offset @ self.v, -(offset @ self.normal)


class Surface:
    """A shape with what placing needs: rays against it and an even sample of points and normals."""

    def __init__(self, shape: Shape, rng: Generator) -> None:
        import trimesh
        from scipy.spatial import cKDTree

        self.shape = shape
        self.mesh = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
        self.area = float(self.mesh.area)
        self.points, normals = self._sample(SAMPLES, rng)
        self.normals = normals
        self.near = cKDTree(self.points)

    def _sample(self, count: int, rng: Generator) -> tuple[Points, Points]:
        """Points spread evenly over the area, and the normals of their faces."""
        corners = self.shape.vertices[self.shape.faces]
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        area = np.linalg.norm(normal, axis=1)
        face = rng.choice(len(area), size=count, p=area / area.sum())
        a, b = np.sqrt(rng.random(count)), rng.random(count)
        weights = np.stack([1 - a, a * (1 - b), a * b], axis=1)
        return np.einsum("nk,nkd->nd", weights, corners[face]), normal[face] / area[face, None]

    def around(self, point: Points, radius: float, like: Points) -> NDArray[np.int64]:
        """Samples within `radius`, or somewhat more where they lie thin, whose normals are roughly like `like`."""
        radius = max(radius, float(np.sqrt(12 * self.area / SAMPLES / np.pi)))
        index = np.asarray(self.near.query_ball_point(point, radius, return_sorted=True), dtype=np.int64)
        return index[self.normals[index] @ like > -0.2]

    def hits(self, origin: Points, direction: Points) -> list[NDArray[np.float64]]:
        """Per ray (N, 3), the sorted distances of all its hits."""
        directions = np.broadcast_to(direction, origin.shape)
        places, ray, _ = self.mesh.ray.intersects_location(origin, directions, multiple_hits=True)
        along = np.linalg.norm(places - origin[ray], axis=1)
        return [np.sort(along[ray == k]) for k in range(len(origin))]

    def thickness(self, point: Points, normal: Points) -> float:
        """How deep the material below a surface point is, along the inward normal."""
        (found,) = self.hits((point - CLEAR * normal)[None], -normal)
        found = found[found > CLEAR]
        return float(found[0]) + CLEAR if len(found) else float("inf")

    def seen(self, points: Points, normals: Points) -> NDArray[np.float64]:
        """Mean cosine (N,) under which far cameras on the orbit see the points; hidden counts as 0."""
        turn, rise = np.meshgrid(2 * np.pi * np.arange(AZIMUTHS) / AZIMUTHS, np.deg2rad(ELEVATIONS))
        towards = np.stack([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)], axis=-1).reshape(
            -1, 3
        )
        cosine = np.clip(normals @ towards.T, 0, None)
        who, where = np.nonzero(cosine > 0.1)
        blocked = self.mesh.ray.intersects_any(points[who] + CLEAR * normals[who], towards[where])
        lit = np.zeros_like(cosine)
        lit[who, where] = cosine[who, where] * ~blocked
        return np.asarray(lit.mean(axis=1))


def frame(normal: Points, turn: float) -> tuple[Points, Points]:
    """Two unit tangents, at right angles, turned by `turn` radians."""
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    return np.cos(turn) * first + np.sin(turn) * second, np.cos(turn) * second - np.sin(turn) * first


def find(surface: Surface, radius: float, rng: Generator) -> Iterator[Place]:
    """Places for a defect of the given radius: the unspoilt ones in random order, then the rest, best first."""
    points, normals = surface._sample(CANDIDATES, rng)
    turns = rng.uniform(0, 2 * np.pi, CANDIDATES)
    seen = surface.seen(points, normals)
    places = []
    for k in np.flatnonzero(seen > 0.03):
        place = _judged(surface, points[k], normals[k], radius, float(turns[k]), float(seen[k]))
        if place is not None:
            places.append(place)
    # A stable sort: the unspoilt places, all of fit 1, stay in the random order they were drawn in.
    yield from sorted(places, key=lambda p: -p.fit)


def _judged(surface: Surface, point: Points, normal: Points, radius: float, turn: float, seen: float) -> Place | None:
    around = surface.around(point, radius, normal)
    if len(around) < 4:
        return None
    mean = surface.normals[around].mean(axis=0)
    mean /= np.linalg.norm(mean)
    flat = float(np.quantile(surface.normals[around] @ mean, 0.05))
    cover = len(around) * surface.area / SAMPLES / (np.pi * radius**2)
    # How far the disc's lower edge is from the floor; a level face may lie as low as it likes.
    dip = 1.2 * radius * float(np.sqrt(max(0.0, 1 - mean[2] ** 2)))
    lifted = float(point[2]) / max(dip, CLEAR)
    free = surface.hits((point + CLEAR * mean)[None], mean)[0]
    # A place that looks at another part of the object lies in its shade: inside a cup, behind a handle.
    room = float(free[0]) if len(free) else 1.0
    marks = (seen / MIN_SEEN, flat / MIN_FLAT, cover / MIN_COVER, lifted, room)
    fit = float(np.prod(np.clip(marks, 0, 1)))
    return Place(point, mean, *frame(mean, turn), fit=fit, seen=seen)


def bodies(shape: Shape) -> int:
    """Number of connected pieces of the surface."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = shape.faces.ravel(), shape.faces[:, [1, 2, 0]].ravel()
    count, _ = connected_components(
        coo_array((np.ones(len(a)), (a, b)), shape=(len(shape.vertices),) * 2), directed=False
    )
    return int(count)
