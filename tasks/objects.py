"""The built-in objects: parametric, watertight, one body each, with real wall thickness."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.meshes import Shape, placed
from tasks.refine import Faces, Points, refine

EDGE = 0.018
"""Edge length that surfaces are built with, at an object's longest side of about 1."""


def make(name: str, rng: Generator) -> Shape:
    """One object of a kind of `schemas.names.BUILTIN_OBJECTS`; `rng` varies its proportions.

    The same generator state gives the same bytes. Raises KeyError for an unknown name.
    """
    solid = _MAKERS[name](rng)
    mesh = solid.to_mesh64()
    vertices, faces = np.asarray(mesh.vert_properties)[:, :3], np.asarray(mesh.tri_verts).astype(np.int32)
    shape = placed(vertices, faces)
    refined = refine(shape.vertices, shape.faces, longest=1.6 * EDGE)
    return Shape(refined.vertices, refined.faces)


# --- surfaces from rings ---------------------------------------------------------------------------


def loft(rings: list[Points]) -> Any:
    """The closed manifold through consecutive rings of points (n, 3); rings may differ in n.

    A ring of one point is a tip; the first and the last ring must be tips. Ring sizes that follow
    the radius keep triangles near a tip as large as elsewhere, so that no pole shows in the shading.
    """
    from manifold3d import Manifold, Mesh64

    start = np.cumsum([0, *(len(r) for r in rings)])
    strips = [
        strip
        for k in range(len(rings) - 1)
        for strip in _strip(len(rings[k]), int(start[k]), len(rings[k + 1]), int(start[k + 1]))
    ]
    vertices, faces = np.concatenate(rings), np.concatenate(strips)
    a, b, c = vertices[faces].transpose(1, 0, 2)
    if np.einsum("ij,ij->", a, np.cross(b, c)) < 0:
        faces = faces[:, ::-1]
    return Manifold(Mesh64(vert_properties=vertices, tri_verts=faces.astype(np.uint64)))


def _strip(n: int, at: int, m: int, to: int) -> list[Faces]:
    """Triangles between ring vertices at..at+n and to..to+m, both spaced evenly from the same angle."""
    here, there = (np.arange(n) + 0.5) / n, (np.arange(m) + 0.5) / m
    faces = []
    if n > 1:
        apex = np.searchsorted(there, here, side="left") % m
        faces.append(np.stack([at + np.arange(n), at + (np.arange(n) + 1) % n, to + apex], axis=1))
    if m > 1:
        apex = np.searchsorted(here, there, side="right") % n
        faces.append(np.stack([to + (np.arange(m) + 1) % m, to + np.arange(m), at + apex], axis=1))
    return faces


def lathe(profile: Points, edge: float = EDGE) -> Any:
    """The solid of revolution of a profile (n, 2) of (r, z) that starts and ends on the axis."""
    profile = _spaced(profile, edge)
    rings = [np.array([[0.0, 0.0, profile[0, 1]]])]
    for r, z in profile[1:-1]:
        turn = 2 * np.pi * np.arange(max(6, round(2 * np.pi * r / edge))) / max(6, round(2 * np.pi * r / edge))
        rings.append(np.stack([r * np.cos(turn), r * np.sin(turn), np.full_like(turn, z)], axis=1))
    return loft([*rings, np.array([[0.0, 0.0, profile[-1, 1]]])])


def tube(path: Points, across: float, along: float, edge: float = EDGE) -> Any:
    """A rod along a path (n, 3) in a plane y = const, with an elliptic section of the given half widths."""
    path = _spaced(path, edge)
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.array([0.0, 1.0, 0.0])
    turn = 2 * np.pi * np.arange(n := max(12, round(2 * np.pi * across / edge))) / n
    rings = [
        p + across * np.cos(turn)[:, None] * side + along * np.sin(turn)[:, None] * np.cross(t, side)
        for p, t in zip(path, tangent, strict=True)
    ]
    return loft([path[:1], *rings, path[-1:]])


def _spaced(path: Points, edge: float) -> Points:
    """A polyline resampled to even steps of about `edge`."""
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    at = np.linspace(0, length[-1], max(3, int(np.ceil(length[-1] / edge)) + 1))
    return np.stack([np.interp(at, length, column) for column in path.T], axis=1)


def curve(points: Any, n: int = 400) -> Points:
    """The clamped cubic B-spline of a control polygon (k, d): smooth, tangent to its first and last leg."""
    from scipy.interpolate import BSpline

    control = np.asarray(points, dtype=np.float64)
    knots = np.concatenate([[0.0] * 3, np.linspace(0, 1, len(control) - 2), [1.0] * 3])
    return np.asarray(BSpline(knots, control, 3)(np.linspace(0, 1, n)))


def wall(middle: Points, thickness: float) -> Points:
    """Closed profile of a wall around its middle line (n, 2), which starts on the axis; the rim is round."""
    tangent = np.gradient(middle, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    half = thickness / 2
    turn = np.linspace(0, np.pi, 24)[1:-1, None]
    rim = middle[-1] + half * (np.cos(turn) * normal[-1] + np.sin(turn) * tangent[-1])
    outer, inner = middle + half * normal, (middle - half * normal)[::-1]
    outer[0, 0] = inner[-1, 0] = 0.0
    return np.concatenate([outer, rim, inner])


# --- the objects -----------------------------------------------------------------------------------


def _vase(rng: Generator) -> Any:
    belly, neck, lip = rng.uniform(0.26, 0.34), rng.uniform(0.10, 0.14), rng.uniform(0.17, 0.22)
    foot, waist = rng.uniform(0.15, 0.19), rng.uniform(0.30, 0.42)
    line = [(0, 0), (foot * 0.6, 0), (foot, 0), (foot, 0.05), (belly * 0.98, 0.16), (belly * 1.12, waist)]
    line += [(belly * 0.75, 0.62), (neck, 0.74), (neck, 0.86), (lip * 0.85, 0.95), (lip, 0.98)]
    return lathe(wall(curve(line), 0.035))


def _bowl(rng: Generator) -> Any:
    height, foot = rng.uniform(0.36, 0.48), rng.uniform(0.18, 0.22)
    line = [(0, 0), (0.1, 0), (0.2, 0.01), (0.36, 0.08 * height / 0.4), (0.46, 0.55 * height), (0.5, height)]
    ring = lathe(np.array([(0, -0.05), (foot + 0.02, -0.05), (foot + 0.035, 0.02), (0, 0.02)]))
    ring -= lathe(np.array([(0, -0.08), (foot - 0.02, -0.08), (foot - 0.03, -0.012), (0, -0.012)]))
    return lathe(wall(curve(line), 0.04)) + ring


def _cup(rng: Generator) -> Any:
    radius, base, height = rng.uniform(0.36, 0.42), rng.uniform(0.30, 0.36), rng.uniform(0.78, 0.92)
    line = [
        (0, 0),
        (base * 0.7, 0),
        (base, 0),
        (base, 0),
        (base * 1.02, 0.12),
        (radius, 0.5 * height),
        (radius, height),
    ]
    side, reach = curve(line), rng.uniform(0.24, 0.30)
    low, high = 0.24 * height, 0.80 * height
    # Both ends of the handle stop in the middle of the wall.
    x, foot = np.interp([high, low], side[:, 1], side[:, 0])
    bow = [(x, 0, high), (x + reach * 0.6, 0, high + 0.03), (x + reach * 1.2, 0, high - 0.02)]
    bow += [(x + reach * 1.1, 0, low + 0.12), (foot + reach * 0.6, 0, low), (foot, 0, low)]
    return lathe(wall(side, 0.04)) + tube(curve(bow), 0.05, 0.032, 0.015)


def _bucket(rng: Generator) -> Any:
    top, base, height = rng.uniform(0.36, 0.40), rng.uniform(0.25, 0.29), rng.uniform(0.62, 0.70)
    line = [
        (0, 0),
        (base * 0.8, 0),
        (base, 0),
        (base, 0),
        (base * 1.01, 0.06),
        (top * 0.9, 0.75 * height),
        (top, height),
    ]
    roll = np.linspace(0, 2 * np.pi, 40)
    ring = [(top + 0.022 * np.cos(a), height + 0.022 * np.sin(a)) for a in roll]
    body = lathe(wall(curve(line), 0.032)) + _ring(np.array(ring))
    return body + _bail(top, height, rng.uniform(0.32, 0.40), np.deg2rad(rng.uniform(0, 35)))


def _ring(section: Points) -> Any:
    """The solid ring whose section (n, 2), closed, in (r, z) goes round the axis."""
    from manifold3d import CrossSection, Manifold

    radius = section[:, 0].max()
    return Manifold.revolve(CrossSection([section[:-1]]), round(2 * np.pi * radius / EDGE))


def _bail(top: float, height: float, rise: float, lean: float) -> Any:
    """A bucket's handle: two lugs on the wall and a wire between them, leaning to one side."""
    from manifold3d import Manifold

    at = height - 0.05
    arc = np.linspace(0, np.pi, 200)
    wire = np.stack([(top + 0.045) * np.cos(arc), np.zeros(200), rise * np.sin(arc) ** 0.8], axis=1)
    bail = tube(wire, 0.016, 0.016, 0.012).rotate((float(np.rad2deg(lean)), 0, 0)).translate((0, 0, at))
    lug = Manifold.cylinder(0.075, 0.045, 0.045, 48).translate((0, 0, top - 0.012)).rotate((0, 90, 0))
    lug = lug.translate((0, 0, at))
    return bail + lug + lug.rotate((0, 0, 180))


def _bottle(rng: Generator) -> Any:
    body, neck, shoulder = rng.uniform(0.15, 0.19), rng.uniform(0.05, 0.06), rng.uniform(0.52, 0.62)
    line = [(0, 0.03), (body * 0.5, 0.02), (body, 0), (body, 0), (body, 0.12), (body, 0.3), (body, shoulder)]
    line += [(body, shoulder + 0.09), (neck * 1.1, shoulder + 0.16), (neck, shoulder + 0.24), (neck, 0.97), (neck, 1.0)]
    lip = neck + 0.026
    ring = [(neck, 0.93), (lip, 0.935), (lip, 0.985), (neck, 0.99), (neck, 0.93)]
    return lathe(wall(curve(line), 0.03), 0.015) + _ring(np.array(ring))


def _jar(rng: Generator) -> Any:
    from manifold3d import Manifold

    belly, mouth, height = rng.uniform(0.34, 0.40), rng.uniform(0.24, 0.28), rng.uniform(0.58, 0.66)
    line = [(0, 0), (0.18, 0), (0.26, 0), (0.27, 0.04), (belly * 1.05, 0.2), (belly * 1.1, 0.6 * height)]
    line += [(mouth * 1.05, 0.88 * height), (mouth, 0.93 * height), (mouth, height)]
    rim = mouth + 0.045
    dome = [(0, 0.13), (0.1, 0.13), (0.7 * rim, 0.11), (rim, 0.06), (rim, 0.012)]
    lid = lathe(wall(np.add(curve(dome), (0, height)), 0.035))
    seat = _ring(
        np.array([(mouth - 0.03, -0.02), (rim, -0.005), (rim, 0.03), (mouth - 0.03, 0.03), (mouth - 0.03, -0.02)])
    )
    seat = seat.translate((0, 0, height))
    knob = [(0, 0), (0.05, 0), (0.035, 0.04), (0.04, 0.06), (0.085, 0.08), (0.085, 0.13), (0.05, 0.16), (0, 0.16)]
    knob_solid = lathe(curve(knob), 0.012).translate((0, 0, height + 0.12))
    # A vent in the base, where no camera looks, joins the inside with the outside: one surface, no sealed cavity.
    vent = Manifold.cylinder(0.3, 0.03, 0.03, 48).translate((0, 0, -0.15))
    return lathe(wall(curve(line), 0.035)) + lid + seat + knob_solid - vent


def _ashtray(rng: Generator) -> Any:
    from manifold3d import Manifold

    height, well, count = rng.uniform(0.20, 0.26), rng.uniform(0.35, 0.38), int(rng.integers(3, 5))
    outer = [(0, 0), (0.38, 0), (0.45, 0), (0.46, 0.02), (0.5, 0.8 * height), (0.5, height), (0.47, height)]
    inner = [
        (0.43, height),
        (well + 0.03, height),
        (well, 0.7 * height),
        (well - 0.03, 0.07),
        (well - 0.1, 0.06),
        (0, 0.06),
    ]
    body = lathe(np.concatenate([curve(outer), curve(inner)]))
    groove = Manifold.cylinder(0.5, 0.05, 0.05, 64).translate((0, 0, 0.25)).rotate((0, 90, 0)).translate((0, 0, height))
    for k in range(count):
        body -= groove.rotate((0, 0, 360.0 * k / count + 20))
    return body


def _eraser(rng: Generator) -> Any:
    width, height, sleeve = rng.uniform(0.38, 0.46), rng.uniform(0.20, 0.26), rng.uniform(0.52, 0.62)
    slant = rng.uniform(0.0, 0.5)
    core = _rounded_box((1.0 - slant * height, width, height), 0.035)
    core = core.transform(np.array([[1, 0, slant, 0], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=np.float64))
    cover = _rounded_box((sleeve, width + 0.035, height + 0.035), 0.02)
    return core + cover.translate((0.5 - sleeve / 2 - 0.14, 0, 0))


def _rounded_box(size: tuple[float, float, float], radius: float) -> Any:
    from manifold3d import Manifold

    ball = Manifold.sphere(radius, 24)
    reach = [s / 2 - radius for s in size]
    corners = [
        ball.translate((x * reach[0], y * reach[1], z * reach[2])) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)
    ]
    return Manifold.batch_hull(corners)


_MAKERS: dict[str, Callable[[Generator], Any]] = {
    "ashtray0": _ashtray,
    "bottle0": _bottle,
    "bowl0": _bowl,
    "bucket0": _bucket,
    "cup0": _cup,
    "eraser0": _eraser,
    "jar0": _jar,
    "vase0": _vase,
}
