"""Bulge, concavity, hole and scratch as real changes of a shape's geometry, each vertex labelled.

Bulges, concavities and scratches bend space itself along one direction: a displacement that is a
smooth function of the position and that nowhere runs faster than the position does. Such a map has an
inverse, so a closed surface stays closed, never passes through itself, and both walls of a thin shell
move together. Holes are boolean differences. Sizes follow MMVIAD's defect synthesis, section 3.1.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from schemas.errors import BadInput
from schemas.objects import DefectSize
from schemas.rows import DefectFacts
from tasks import paths
from tasks.meshes import Shape
from tasks.objects import loft
from tasks.places import Place, Surface, bodies, find
from tasks.refine import Points, edges_of, refine

LABEL_SHARE = 0.12
"""A vertex belongs to the defect when it moved by more than this share of the greatest displacement."""
MIN_FIT = 0.25
TRIES = 16
FLOOR = 1e-4
"""How far a change may push the shape below z = 0."""


@dataclass(frozen=True)
class Defective:
    shape: Shape
    label: NDArray[np.float32]
    """float32 (V,), 1 on the defect and 0 elsewhere"""
    facts: DefectFacts


class _Misfit(Exception):
    """The defect cannot be made at this place; another one may do."""


@dataclass(frozen=True)
class _Draw:
    """The sizes of one defect, at a longest side of 1."""

    radius: float
    depth: float
    length: float
    width: float


def apply(shape: Shape, kind: str, size: DefectSize, rng: Generator) -> Defective:
    """The shape with one defect of a kind of `schemas.names.DEFECT_TYPES`, drawn within `size`.

    Equal shapes and generator states give equal bytes. The result keeps the scale and position of
    `shape`. Raises BadInput where the shape has no place for it, or a hole is asked of an open surface.
    """
    maker, reach = _MAKERS[kind]
    if kind == "hole" and not _watertight(shape):
        raise BadInput("a hole needs a watertight mesh and this one is open; close it, or ask for another defect")
    surface = Surface(shape, rng)
    draw = _Draw(*(float(rng.uniform(*r)) / 100 for r in _ranges(size)))
    least = _Draw(*(r[0] / 100 for r in _ranges(size)))
    offers = [(draw, p) for p in find(surface, reach(draw), rng)][:TRIES]
    if not offers or offers[0][1].fit < 1:
        # Where the drawn size has no unspoilt place, the least size of the range may have one.
        offers += [(least, p) for p in find(surface, reach(least), rng)][:TRIES]
        offers.sort(key=lambda offer: -offer[1].fit)
    for sizes, place in offers:
        if place.fit < MIN_FIT:
            break
        try:
            return _checked(shape, maker(surface, place, sizes, rng))
        except _Misfit:
            continue
    raise BadInput(
        f"no place where even the smallest {kind} asked for fits (thick, smooth and clear enough) and is seen; "
        "lower the sizes under render.defect, or ask for another defect"
    )


def _ranges(size: DefectSize) -> tuple[tuple[float, float], ...]:
    return size.radius_pct, size.depth_pct, size.scratch_length_pct, size.scratch_width_pct


def _watertight(shape: Shape) -> bool:
    return bool((np.bincount(edges_of(shape.faces)[1].ravel()) == 2).all())


def _volume(shape: Shape) -> float:
    a, b, c = shape.vertices[shape.faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _areas(shape: Shape) -> NDArray[np.float64]:
    a, b, c = shape.vertices[shape.faces].transpose(1, 0, 2)
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def _checked(before: Shape, made: Defective) -> Defective:
    """What was made, when it is as sound as what it was made of."""
    shape = made.shape
    sound = (
        np.isfinite(shape.vertices).all()
        and _areas(shape).min() > min(1e-16, float(_areas(before).min()) / 1e6)
        and _watertight(shape) == _watertight(before)
        and np.sign(_volume(shape)) == np.sign(_volume(before))
        and bodies(shape) == bodies(before)
        and shape.vertices[:, 2].min() > -FLOOR
        and made.label.any()
    )
    if not sound:
        raise _Misfit
    return made


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """From 0 at x <= 0 to 1 at x >= 1, with two continuous derivatives: no crease in the shading."""
    x = np.clip(x, 0, 1)
    return np.asarray(x**3 * (x * (6 * x - 15) + 10))


def _window(depth: NDArray[np.float64], full: float, fade: float) -> NDArray[np.float64]:
    """1 within `full` of the tangent plane, above and below, falling to 0 over `fade`."""
    return 1 - _smooth((np.abs(depth) - full) / fade)


class _Outline:
    """A slightly irregular, slightly elliptic closed curve around a centre, of mean radius 1."""

    def __init__(self, rng: Generator, amplitude: float) -> None:
        self.order = np.arange(2, 6)
        self.size = amplitude * rng.uniform(0.5, 1.0, 4) / (self.order - 1)
        self.phase = rng.uniform(0, 2 * np.pi, 4)

    def __call__(self, angle: NDArray[np.float64]) -> NDArray[np.float64]:
        waves = self.size * np.cos(self.order * angle[..., None] + self.phase)
        return np.asarray(1 + waves.sum(axis=-1))


def _spans(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Greatest and least extent of plane points over all directions."""
    turn = np.pi * np.arange(36) / 36
    spans = np.ptp(np.outer(np.cos(turn), x) + np.outer(np.sin(turn), y), axis=1)
    return float(spans.max()), float(spans.min())


def _facts(
    shape: Shape, label: NDArray[np.float32], spans: tuple[float, float], depth: float, at: Points
) -> DefectFacts:
    areas = _areas(shape)
    marked = label[shape.faces].mean(axis=1)
    return DefectFacts(
        extent_pct=100 * spans[0],
        width_pct=100 * spans[1],
        depth_pct=100 * depth,
        area_pct=float(100 * (areas * marked).sum() / areas.sum()),
        position=[float(x) for x in at],
    )


# --- bulge and concavity ---------------------------------------------------------------------------


def _bump(sign: float) -> Callable[[Surface, Place, _Draw, Generator], Defective]:
    def make(surface: Surface, place: Place, draw: _Draw, rng: Generator) -> Defective:
        """A smooth swelling (sign 1) or dent (sign -1): full at the centre, gone at the outline."""
        outline = _Outline(rng, 0.12)
        support = draw.radius / _CONTOUR
        # `_smooth` is at most 1.875 steep: with a longer fade than that many depths the map keeps its inverse.
        fade = max(2.2 * draw.depth, 0.6 * support)
        shape = surface.shape
        fine = refine(
            shape.vertices,
            shape.faces,
            longest=draw.radius / 10,
            distance=lambda points: np.asarray(np.linalg.norm(points - place.point, axis=1)),
            radius=1.3 * support,
        )
        x, y, below = place.local(fine.vertices)
        ratio = np.hypot(x, y) / (support * outline(np.arctan2(y, x)))
        share = (1 - _smooth((ratio - _PLATEAU) / (1 - _PLATEAU))) * _window(below, 0.6 * support, fade)
        moved = Shape(fine.vertices + sign * draw.depth * share[:, None] * place.normal, fine.faces)
        label = (share > LABEL_SHARE * share.max()).astype(np.float32)
        front = (label > 0) & (below < max(0.02, 0.5 * surface.thickness(place.point, place.normal)))
        if not front.any():
            raise _Misfit
        facts = _facts(moved, label, _spans(x[front], y[front]), draw.depth * float(share.max()), place.point)
        return Defective(moved, label, facts)

    return make


_PLATEAU = 0.1
_CONTOUR = 0.75
"""Where, as a share of the outline's radius, the displacement has fallen to LABEL_SHARE."""


# --- scratch ---------------------------------------------------------------------------------------


def _scratch(surface: Surface, place: Place, draw: _Draw, rng: Generator) -> Defective:
    """A long, slightly curved V groove with raised lips, which follows the surface and tapers at both ends."""
    from scipy.spatial import cKDTree

    half, bend = draw.width / 2, float(rng.uniform(-1.2, 1.2)) / draw.length
    path = paths.over(surface, place, draw.length, draw.width, bend)
    if path is None:
        raise _Misfit
    deep = min(1.1 * half, surface.thickness(place.point, place.normal) / 2.6)
    if deep < 0.3 * half:
        raise _Misfit
    tree = cKDTree(path.points)
    shape = surface.shape
    fine = refine(
        shape.vertices,
        shape.faces,
        longest=draw.width / 8,
        distance=lambda points: np.asarray(tree.query(points)[0]),
        radius=1.2 * draw.width,
    )
    _, nearest = tree.query(fine.vertices)
    offset = fine.vertices - path.points[nearest]
    normal, tangent = path.normals[nearest], path.tangents[nearest]
    across = np.einsum("ij,ij->i", offset, np.cross(normal, tangent))
    below = -np.einsum("ij,ij->i", offset, normal)
    along = path.along[nearest] + np.einsum("ij,ij->i", offset, tangent)
    end = path.along[-1]
    taper = np.minimum(_smooth(along / (0.18 * end)), _smooth((end - along) / (0.18 * end)))
    ratio = np.abs(across) / (half * (0.35 + 0.65 * taper))
    groove = -np.clip(1.05 - np.sqrt(ratio**2 + 0.0025), 0, None)
    lip = 0.3 * np.exp(-(((ratio - 1.3) / 0.25) ** 2)) * (ratio > 0.6)
    share = (groove + lip) * taper * _window(below, 0.3 * deep, 2.2 * deep) * (ratio < 2.4)
    moved = Shape(fine.vertices + deep * share[:, None] * normal, fine.faces)
    label = (np.abs(share) > LABEL_SHARE).astype(np.float32)
    inside = share < -LABEL_SHARE
    if not inside.any():
        raise _Misfit
    spans = float(np.ptp(along[inside])), float(np.ptp(across[inside]))
    facts = _facts(moved, label, spans, float(-deep * share.min()), path.points[len(path.points) // 2])
    return Defective(moved, label, facts)


# --- hole ------------------------------------------------------------------------------------------


def _hole(surface: Surface, place: Place, draw: _Draw, rng: Generator) -> Defective:
    """A slightly irregular round hole: right through a thin wall, blind in a solid."""
    from manifold3d import Manifold, Mesh64
    from scipy.spatial import cKDTree

    outline = _Outline(rng, 0.07)
    bottom, depth = _bottom(surface, place, draw)
    shape = surface.shape
    whole = Manifold(Mesh64(vert_properties=shape.vertices, tri_verts=shape.faces.astype(np.uint64)))
    tool = _cutter(place, draw.radius, outline, bottom).as_original()
    cut = (whole - tool).to_mesh64()
    vertices = np.asarray(cut.vert_properties, dtype=np.float64)[:, :3]
    faces = np.asarray(cut.tri_verts).astype(np.int32)
    if len(faces) == 0:
        raise _Misfit
    made = _made_by(cut, tool.original_id(), len(faces))
    rim = np.intersect1d(faces[made], faces[~made])
    if not len(rim):
        raise _Misfit
    tree = cKDTree(vertices[rim])
    ring = 0.12 * draw.radius
    fine = refine(
        vertices,
        faces,
        longest=draw.radius / 12,
        distance=lambda points: np.asarray(tree.query(points)[0]),
        radius=2 * ring,
    )
    result = Shape(fine.vertices, fine.faces)
    label = np.zeros(len(fine.vertices), dtype=np.float32)
    label[tree.query(fine.vertices)[0] < ring] = 1
    walls = fine.faces[made[fine.parent]]
    label[walls] = 1
    x, y, _ = place.local(fine.vertices[np.unique(walls)])
    facts = _facts(result, label, _spans(x, y), depth, place.point)
    return Defective(result, label, facts)


def _made_by(cut: Any, tool: int, count: int) -> NDArray[np.bool_]:
    """Which faces (F,) of a boolean's result come from the tool's surface."""
    made = np.zeros(count, dtype=bool)
    runs = np.asarray(cut.run_index) // 3
    for original, start, end in zip(cut.run_original_id, runs[:-1], runs[1:], strict=True):
        made[int(start) : int(end)] = original == tool
    return made


def _bottom(surface: Surface, place: Place, draw: _Draw) -> tuple[float, float]:
    """How far below the tangent plane the hole ends, and its depth as a gauge would measure it."""
    turn, share = np.meshgrid(2 * np.pi * np.arange(12) / 12, (0.0, 0.5, 1.0))
    disc = draw.radius * share.ravel()[:, None]
    start = place.point + disc * (np.cos(turn).ravel()[:, None] * place.u + np.sin(turn).ravel()[:, None] * place.v)
    height = 0.8 * draw.radius
    found = [h - height for h in surface.hits(start + height * place.normal, -place.normal)]
    if any(len(h) < 2 for h in found):
        raise _Misfit
    entry, leave = np.array([h[0] for h in found]), np.array([h[1] for h in found])
    behind = min((h[2] for h in found if len(h) > 2), default=float("inf"))
    thick = float(np.median(leave - entry))
    blind = max(draw.radius, draw.depth)
    if leave.min() > 1.25 * (float(entry.max()) + blind):
        return blind, blind
    end = float(leave.max()) + 0.02
    if end > behind - 0.01:
        end = (float(leave.max()) + behind) / 2
        if behind - float(leave.max()) < 0.005:
            raise _Misfit
    return end, thick


def _cutter(place: Place, radius: float, outline: _Outline, bottom: float) -> Any:
    """The tool: walls with the irregular outline, a flat floor with a rounded edge."""
    turn = 2 * np.pi * np.arange(96) / 96
    top, round_off = 0.8 * radius, 0.18 * radius
    corner = np.linspace(0, np.pi / 2, 6)
    levels = [(1.0, z) for z in np.linspace(-top, bottom - round_off, 10)[:-1]]
    levels += [(1 - round_off / radius * (1 - np.cos(a)), bottom - round_off * (1 - np.sin(a))) for a in corner]
    levels += [(share, bottom) for share in (0.68, 0.52, 0.36, 0.2, 0.08)]
    shape = radius * outline(turn)
    rings = [
        place.point
        + scale * shape[:, None] * (np.cos(turn)[:, None] * place.u + np.sin(turn)[:, None] * place.v)
        - z * place.normal
        for scale, z in levels
    ]
    lid, floor = (place.point - z * place.normal for z in (-top, bottom))
    return loft([lid[None], *rings, floor[None]])


_MAKERS: dict[str, tuple[Callable[[Surface, Place, _Draw, Generator], Defective], Callable[[_Draw], float]]] = {
    "bulge": (_bump(1.0), lambda draw: draw.radius),
    "concavity": (_bump(-1.0), lambda draw: draw.radius),
    "hole": (_hole, lambda draw: 1.15 * draw.radius),
    "scratch": (_scratch, lambda draw: 2 * draw.width),
}
