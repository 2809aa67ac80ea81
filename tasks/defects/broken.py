"""Broken: a piece snapped off where the shape juts out, which leaves a rough face of fracture."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tasks.defects.cutting import Cut, difference, marked, reindexed, solid
from tasks.defects.made import Made, Misfit
from tasks.defects.measure import spans
from tasks.defects.places import Place, Surface, bodies, frame, pieces
from tasks.defects.sound import areas, tunnels
from tasks.meshes.refine import Faces, Points

FACETS = 24
ROUGH = ((5.0, 0.06), (12.0, 0.03))
"""Ridges of the fracture: their frequency over the tool's sphere, and their height in its radii."""
GRAIN = 0.011
"""Random height of every single point, likewise."""
FLAT = (0.38, 0.52)
"""In a solid, the fracture is flatter than a sphere by so much; a thin wall or a handle breaks right through."""
RAISED = 0.1
"""The tool's centre is outside the surface by so many of its radii, but in the middle of a handle."""
THIN = 0.6
"""A part is thin where it is thinner than so many sizes of the piece."""
CRUMBS = 0.02
"""A piece that is cut loose with less than this share of the surface falls off; a larger one must not be."""
LARGEST = 0.3
"""Share of the volume that may break off at most."""
RING = 0.008
CLOSE = 0.06
"""The piece's size is met to this share of it."""


def broken(surface: Surface, place: Place, sizes: tuple[float, ...], rng: Generator) -> Made:
    """The shape without the piece inside a rough, faceted boulder around the place; `sizes` is the piece's extent."""
    (size,) = sizes
    high, across = _girth(surface, place, size)
    boulder = _boulder(place, 1.0 if min(high, across) < THIN * size else float(rng.uniform(*FLAT)), rng)
    whole = solid(surface.shape.vertices, surface.shape.faces)
    reach = size / 1.6
    for _ in range(5):
        raised = -high / 2 if high < THIN * size else RAISED * reach
        tool = solid(place.point + raised * place.normal + reach * boulder[0], boulder[1])
        piece = _points(whole ^ tool)
        extent = _extent(piece)
        if abs(extent - size) < CLOSE * size:
            break
        reach *= float(np.clip(size / max(extent, 1e-6), 0.5, 2.0))
    else:
        raise Misfit
    if (whole ^ tool).volume() > LARGEST * whole.volume():
        raise Misfit
    cut = _without_crumbs(difference(surface.shape, tool), bodies(surface.shape))
    if tunnels(cut.shape) < tunnels(surface.shape):
        raise Misfit  # a window in a wall, with the rim left standing, is a hole
    made = marked(cut, RING)
    walls = made.shape.vertices[made.walls]
    x, y = (walls @ axis for axis in frame(place.normal, 0.0))
    return Made(
        made.shape,
        made.label,
        extent=extent,
        width=spans(x, y)[1],
        # Nothing is left above the fracture to be as deep as: the piece's own height.
        depth=float(np.ptp(piece @ place.normal)),
        at=walls.mean(axis=0),
    )


def _girth(surface: Surface, place: Place, size: float) -> tuple[float, float]:
    """How thick the shape is at the place along its normal, and across it where it is thinnest."""
    high = surface.thickness(place.point, place.normal)
    inside = place.point - min(0.25 * size, high / 2) * place.normal
    turn = 2 * np.pi * np.arange(24) / 24
    ways = np.cos(turn)[:, None] * place.u + np.sin(turn)[:, None] * place.v
    out = np.array([h[0] if len(h) else 2.0 for h in surface.hits(np.tile(inside, (24, 1)), ways)])
    return high, float((out[:12] + out[12:]).min())


def _points(piece: Any) -> Points:
    points = np.asarray(piece.to_mesh64().vert_properties, dtype=np.float64)[:, :3]
    if not len(points):
        raise Misfit
    return points


def _extent(points: Points) -> float:
    """Greatest of the spans along a few dozen directions."""
    turn = np.arange(64) + 0.5
    z = 1 - turn / 64
    around = np.pi * (1 + 5**0.5) * turn
    ways = np.stack([np.sqrt(1 - z**2) * np.cos(around), np.sqrt(1 - z**2) * np.sin(around), z])
    return float(np.ptp(points @ ways, axis=0).max())


def _without_crumbs(cut: Cut, count: int) -> Cut:
    """The cut shape without what came loose, so that it has as many bodies as before."""
    piece = pieces(cut.shape)[cut.shape.faces[:, 0]]
    area = np.bincount(piece, areas(cut.shape))
    order = np.argsort(-area, kind="stable")
    if area[order[count:]].sum() > CRUMBS * area.sum():
        raise Misfit
    kept = np.isin(piece, order[:count])
    return Cut(reindexed(cut.shape.vertices, cut.shape.faces[kept]), cut.walls[kept])


@lru_cache(maxsize=1)
def _sphere() -> tuple[Points, Faces]:
    import trimesh

    ball = trimesh.creation.icosphere(subdivisions=5)
    return np.asarray(ball.vertices), np.asarray(ball.faces, dtype=np.int32)


def _boulder(place: Place, flat: float, rng: Generator) -> tuple[Points, Faces]:
    """Vertices and faces of a stone of radius about 1 across and `flat` high, around the origin.

    Planes at random cut it to facets; ridges of several sizes roughen them. It is seen from its centre in every
    direction, so that it never passes through itself.
    """
    ways, faces = _sphere()
    planes = rng.normal(size=(FACETS, 3))
    planes /= np.linalg.norm(planes, axis=1, keepdims=True)
    cosine = np.maximum(ways @ planes.T, 1e-3)
    radius = (rng.uniform(0.72, 1.0, FACETS) / cosine).min(axis=1)
    radius = np.minimum(radius, 1.25)
    for frequency, height in ROUGH:
        radius = radius + height * _ridges(ways, frequency, rng)
    radius += GRAIN * rng.uniform(-1, 1, len(radius))
    stone = radius[:, None] * ways
    stone -= (1 - flat) * np.outer(stone @ place.normal, place.normal)
    return stone, faces


def _ridges(ways: Points, frequency: float, rng: Generator) -> NDArray[np.float64]:
    """Noise (N,) between -1 and 1 with sharp creases."""
    waves = rng.normal(size=(6, 3))
    waves *= frequency / np.linalg.norm(waves, axis=1, keepdims=True)
    swings = np.sin(ways @ waves.T + rng.uniform(0, 2 * np.pi, 6))
    return np.asarray(1 - 2 * np.abs(swings.mean(axis=1)) * 2)
