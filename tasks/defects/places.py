"""Where on a surface a defect can sit: off the floor, clear of sharp edges or right on one, and seen as wanted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tasks.meshes import Shape
from tasks.meshes.refine import Points

ELEVATIONS = (15.0, 25.0, 35.0)
AZIMUTHS = 24
CANDIDATES = 160
WIDER = 4
"""With a wanted arc, so many times as many points are looked at from the orbit, and the best of them judged."""
SAMPLES = 40_000
MIN_SEEN = 0.2
"""Mean over the orbit's cameras of the cosine under which a place is seen (0 where it is hidden)."""
MIN_COSINE = 0.1
"""A camera that looks at a place more aslant than this does not see it."""
MIN_FLAT = 0.82
"""Cosine between a place's mean normal and the normals around it (their 5% quantile)."""
MIN_COVER = 0.8
"""Share of the disc around a place that surface of the same orientation fills."""
CLEAR = 1e-4
"""Rays start so far off the surface, to not hit the face that they start on."""
HARDLY = 0.03
"""Places that are seen less than this are left out, unless they are wanted so."""
ENOUGH = 16
"""So many unspoilt places are enough to choose from."""
APART = 1.3
"""Another defect stays this many radii away."""
COARSE = 2_500
"""Samples among which exposed places are looked for."""
AT_ONCE = 100
"""So many of them are held against all samples at a time: all at once would take gigabytes."""
WITNESSES = 7
"""Points that stand for a place when it is told from where it is seen."""
EXPOSED = 0.5
"""A place counts as exposed when it juts out at least by this share of what the shape's most exposed place does."""


@dataclass(frozen=True)
class Place:
    """A point on the surface with its mean outward normal and two tangents; `fit` in [0, 1], 1 is unspoilt."""

    point: Points
    normal: Points
    u: Points
    v: Points
    fit: float
    seen: float
    """Mean over the orbit's cameras of the cosine under which the place is seen, hidden counting as 0"""
    arc: float
    """Share of the orbit's azimuths from which some of the place is seen, the mean over its elevations"""

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
        self.points, normals = self.sample(SAMPLES, rng)
        self.normals = normals
        self.near = cKDTree(self.points)

    def sample(self, count: int, rng: Generator) -> tuple[Points, Points]:
        """Points spread evenly over the area, and the normals of their faces."""
        points, face = spread(self.shape, count, rng)
        return points, np.asarray(self.mesh.face_normals)[face]

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

    def lit(self, points: Points, normals: Points) -> NDArray[np.float64]:
        """Cosines (N, cameras) under which far cameras on the orbit see the points; 0 where one does not."""
        turn, rise = np.meshgrid(2 * np.pi * np.arange(AZIMUTHS) / AZIMUTHS, np.deg2rad(ELEVATIONS))
        towards = np.stack([np.cos(turn) * np.cos(rise), np.sin(turn) * np.cos(rise), np.sin(rise)], axis=-1).reshape(
            -1, 3
        )
        cosine: NDArray[np.float64] = np.clip(normals @ towards.T, 0, None)
        who, where = np.nonzero(cosine > MIN_COSINE)
        blocked = self.mesh.ray.intersects_any(points[who] + CLEAR * normals[who], towards[where])
        cosine[cosine <= MIN_COSINE] = 0
        cosine[who[blocked], where[blocked]] = 0
        return cosine

    def arcs(self, points: Points, normals: Points, radius: float, through: bool) -> NDArray[np.float64]:
        """Share (N,) of the orbit from which anything within `radius` of each point is seen.

        With `through`, that counts the other side of a thin wall, too.
        """
        near = []
        for point, normal, found in zip(points, normals, self.near.query_ball_point(points, radius), strict=True):
            index = np.array([self.near.query(point)[1]] if not found else sorted(found))
            alike = self.normals[index] @ normal
            order = np.argsort(alike, kind="stable")[0 if through else int((alike < 0).sum()) :]
            near.append(
                index[order[np.linspace(0, len(order) - 1, WITNESSES).astype(int)]] if len(order) else index[:1]
            )
        which = np.concatenate(near)
        lit = self.lit(self.points[which], self.normals[which]) > 0
        first = np.cumsum([0, *(len(n) for n in near[:-1])])
        return np.asarray(np.logical_or.reduceat(lit, first, axis=0).mean(axis=1))


def spread(shape: Shape, count: int, rng: Generator) -> tuple[Points, NDArray[np.int64]]:
    """Random points (count, 3), spread evenly over a surface, and the faces (count,) that they lie on."""
    corners = shape.vertices[shape.faces]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    face = rng.choice(len(area), size=count, p=area / area.sum())
    a, b = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - a, a * (1 - b), a * b], axis=1)
    return np.einsum("nk,nkd->nd", weights, corners[face]), face


def frame(normal: Points, turn: float) -> tuple[Points, Points]:
    """Two unit tangents, at right angles, turned by `turn` radians."""
    first = np.cross(normal, np.eye(3)[np.argmin(np.abs(normal))])
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    return np.cos(turn) * first + np.sin(turn) * second, np.cos(turn) * second - np.sin(turn) * first


def find(
    surface: Surface,
    radius: float,
    rng: Generator,
    arc: float | None = None,
    avoid: Points | None = None,
    through: bool = False,
) -> list[Place]:
    """Smooth places for a defect of the given radius: the unspoilt ones, then the rest, best first.

    Without `arc`, the unspoilt ones are places that the orbit sees well, in random order. With it (0..1), they may be
    hard to see, and come in the order of how near their own arc is to it; one that no camera sees only for an `arc`
    of 0. None is near the points `avoid` (N, 3). `through` is for a defect that shows on both sides of a thin wall.
    """
    points, normals = surface.sample(CANDIDATES if arc is None else WIDER * CANDIDATES, rng)
    clear = _clear(points, radius, avoid)
    return _picked(surface, points[clear], normals[clear], radius, rng, arc, through, _even)


def exposed(
    surface: Surface, radius: float, rng: Generator, arc: float | None = None, avoid: Points | None = None
) -> list[Place]:
    """Places where the shape juts out (rims, corners, edges, handles; on a ball, anywhere), in the order of `find`.

    A place's normal points away from the material around it. How much a place juts out is how far the centroid of
    the surface within `radius` of it lies to one side (an integral invariant), less where that surface faces that way:
    0 on a plane and on a thin wall, 0.2 on a cube's edge, 0.4 at its corner and on the rim of a thin wall.
    """
    pick = rng.choice(SAMPLES, size=COARSE, replace=False)
    points, normals = surface.points[pick], surface.normals[pick]
    some = np.array_split(points, COARSE // AT_ONCE)
    outward, juts = (np.concatenate(parts) for parts in zip(*(_jut(surface, p, radius) for p in some), strict=True))
    # In an inner corner the centroid lies on the side of the air.
    juts *= np.einsum("ij,ij->i", outward, normals) > 0
    wanted = np.flatnonzero((juts > EXPOSED * juts.max()) & _clear(points, radius, avoid))
    wanted = wanted[: CANDIDATES if arc is None else WIDER * CANDIDATES]
    return _picked(surface, points[wanted], outward[wanted], radius, rng, arc, True, _jutting)


def _jut(surface: Surface, points: Points, radius: float) -> tuple[Points, NDArray[np.float64]]:
    """For each point the unit vector (N, 3) away from the surface around it, and how far it juts out that way (N,)."""
    from scipy.spatial import cKDTree

    pairs = cKDTree(points).sparse_distance_matrix(surface.near, radius, output_type="coo_matrix")
    count = np.bincount(pairs.row, minlength=len(points))
    total = [np.bincount(pairs.row, column[pairs.col], minlength=len(points)) for column in surface.points.T]
    outward = points - np.stack(total, axis=1) / count[:, None]
    juts = np.linalg.norm(outward, axis=1)
    outward /= np.maximum(juts, 1e-12)[:, None]
    # The centroid lies aside of a thin wall's faces, too, which look that way; around a rim, few faces look outward.
    aligned = np.einsum("ij,ij->i", surface.normals[pairs.col], outward[pairs.row]) ** 2
    return outward, juts * np.sqrt(1 - np.bincount(pairs.row, aligned, minlength=len(points)) / count)


def _clear(points: Points, radius: float, avoid: Points | None) -> NDArray[np.bool_]:
    from scipy.spatial import cKDTree

    if avoid is None or not len(avoid):
        return np.ones(len(points), dtype=bool)
    return np.asarray(cKDTree(avoid).query(points)[0] > APART * radius)


_Marks = Callable[[Surface, Points, Points, float], tuple[Points, tuple[float, ...]] | None]
"""A place's normal, and marks of how well a defect of a radius fits there, each 1 or more where nothing is amiss."""


def _picked(
    surface: Surface,
    points: Points,
    normals: Points,
    radius: float,
    rng: Generator,
    arc: float | None,
    through: bool,
    marks: _Marks,
) -> list[Place]:
    seen = surface.lit(points, normals).mean(axis=1)
    share = surface.arcs(points, normals, radius, through) if len(points) else seen
    if arc is None:
        order = np.flatnonzero(seen > HARDLY)
    else:
        order = np.argsort(np.abs(share - arc), kind="stable")
        order = order[share[order] > 0] if arc > 0 else order
    places: list[Place] = []
    unspoilt = 0
    for k in order:
        found = marks(surface, points[k], normals[k], radius)
        if found is None:
            continue
        normal, values = found
        spoiling = values if arc is not None else (*values, *_hidden(surface, points[k], normal, float(seen[k])))
        fit = float(np.prod(np.clip(spoiling, 0, 1)))
        u, v = frame(normal, float(rng.uniform(0, 2 * np.pi)))
        places.append(Place(points[k], normal, u, v, fit=fit, seen=float(seen[k]), arc=float(share[k])))
        unspoilt += fit == 1
        if unspoilt == ENOUGH:
            break
    # A stable sort: the unspoilt places, all of fit 1, stay in the order that they were looked at in.
    return sorted(places, key=lambda p: -p.fit)


def _hidden(surface: Surface, point: Points, normal: Points, seen: float) -> tuple[float, float]:
    """Marks of a place that is to be seen well.

    One that looks at another part of the object lies in its shade: inside a cup, behind a handle.
    """
    free = surface.hits((point + CLEAR * normal)[None], normal)[0]
    return seen / MIN_SEEN, float(free[0]) if len(free) else 1.0


def _even(surface: Surface, point: Points, normal: Points, radius: float) -> tuple[Points, tuple[float, ...]] | None:
    around = surface.around(point, radius, normal)
    if len(around) < 4:
        return None
    mean = surface.normals[around].mean(axis=0)
    mean /= np.linalg.norm(mean)
    flat = float(np.quantile(surface.normals[around] @ mean, 0.05))
    cover = len(around) * surface.area / SAMPLES / (np.pi * radius**2)
    # How far the disc's lower edge is from the floor; a level face may lie as low as it likes, if it looks up.
    dip = 1.2 * radius * float(np.sqrt(max(0.0, 1 - mean[2] ** 2))) + 0.5 * radius * max(0.0, -float(mean[2]))
    return mean, (flat / MIN_FLAT, cover / MIN_COVER, float(point[2]) / max(dip, CLEAR))


def _jutting(surface: Surface, point: Points, normal: Points, radius: float) -> tuple[Points, tuple[float, ...]]:
    return normal, (float(point[2]) / max(radius * (1 - float(normal[2])), CLEAR),)


def bodies(shape: Shape) -> int:
    """Number of connected pieces of the surface."""
    return int(pieces(shape).max()) + 1


def pieces(shape: Shape) -> NDArray[np.int32]:
    """For each vertex (V,) the number of the connected piece of the surface that it belongs to."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    a, b = shape.faces.ravel(), shape.faces[:, [1, 2, 0]].ravel()
    return np.asarray(
        connected_components(coo_array((np.ones(len(a)), (a, b)), shape=(len(shape.vertices),) * 2), directed=False)[1]
    )
