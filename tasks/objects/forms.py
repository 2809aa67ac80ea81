"""Solids that objects are put together from: of rings, of revolution, along a path, of an outline, of a sheet."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tasks.meshes.refine import Faces, Points

EDGE = 0.018
"""Edge length that surfaces are built with, at an object's longest side of about 1."""
CORNER_DEG = 25.0
"""A line that turns by more at one point has a corner there, which stays; less is a bend, sampled finely."""
BEND_DEG = 18.0
"""Turn between neighbouring samples of a bend."""


# --- lines -----------------------------------------------------------------------------------------


def curve(points: Any, n: int = 400) -> Points:
    """The clamped cubic B-spline of a control polygon (k, d): smooth, tangent to its first and last leg."""
    from scipy.interpolate import BSpline

    control = np.asarray(points, dtype=np.float64)
    knots = np.concatenate([[0.0] * 3, np.linspace(0, 1, len(control) - 2), [1.0] * 3])
    return np.asarray(BSpline(knots, control, 3)(np.linspace(0, 1, n)))


def oval(flat: float = 1.0, power: float = 2.0, n: int = 256) -> Points:
    """A closed outline (n, 2), counter-clockwise, of half widths 1 and `flat`: an ellipse, or, with a greater
    power, a rectangle with rounded corners."""
    turn = 2 * np.pi * np.arange(n) / n
    x, y = np.cos(turn), np.sin(turn)
    return np.stack([np.sign(x) * np.abs(x) ** (2 / power), flat * np.sign(y) * np.abs(y) ** (2 / power)], axis=1)


def wall(middle: Points, thickness: float) -> Points:
    """Closed profile of a wall around its middle line (n, 2), which starts on the axis; the rim is round."""
    from scipy.spatial import cKDTree

    half = thickness / 2
    middle = _spaced(np.asarray(middle, dtype=np.float64), half / 10)
    tangent = np.gradient(middle, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], axis=1)
    turn = np.linspace(0, np.pi, 24)[1:-1, None]
    rim = middle[-1] + half * (np.cos(turn) * normal[-1] + np.sin(turn) * tangent[-1])
    tree = cKDTree(middle)
    sides = []
    for side in (middle + half * normal, (middle - half * normal)[::-1]):
        # In a bend tighter than the wall is thick, the offset line folds over itself: what comes too near goes.
        clear = tree.query(side)[0] > 0.99 * half
        clear[[0, -1]] = True
        sides.append(side[clear & (side[:, 0] >= 0)])
    outer, inner = sides
    return np.concatenate([[(0.0, outer[0, 1])], outer[1:], rim, inner[:-1], [(0.0, inner[-1, 1])]])


def _spaced(line: Points, edge: float, bends: float = 0.0) -> Points:
    """A polyline resampled to even steps of at most `edge` that keeps its corners; `bends` adds a step per degrees."""
    step = np.diff(line, axis=0)
    length = np.linalg.norm(step, axis=1)
    line, step, length = line[np.r_[True, length > 0]], step[length > 0], length[length > 0]
    way = step / length[:, None]
    turn = np.zeros(len(line))
    turn[1:-1] = np.degrees(np.arccos(np.clip((way[1:] * way[:-1]).sum(axis=1), -1, 1)))
    corners = np.flatnonzero(turn > CORNER_DEG)
    turn[corners] = 0
    cost = length / edge + ((turn[1:] + turn[:-1]) / 2 / bends if bends else 0)
    ends = np.concatenate([[0], corners, [len(line) - 1]])
    pieces = []
    for start, end in pairwise(ends):
        along = np.concatenate([[0.0], np.cumsum(cost[start:end])])
        at = np.linspace(0, along[-1], max(2, int(np.ceil(along[-1] - 1e-9)) + 1))[:-1]
        pieces.append(np.stack([np.interp(at, along, column) for column in line[start : end + 1].T], axis=1))
    return np.concatenate([*pieces, line[-1:]])


# --- solids ----------------------------------------------------------------------------------------


def loft(rings: Sequence[Points], closed: bool = False) -> Any:
    """The closed manifold through consecutive rings of points (n, 3); rings may differ in n.

    A ring of one point is a tip; the first and the last ring must be tips, unless `closed` joins the
    last ring to the first one. Ring sizes that follow the radius keep triangles near a tip as large
    as elsewhere, so that no pole shows in the shading.
    """
    start = np.cumsum([0, *(len(r) for r in rings)])
    pairs = [(k, (k + 1) % len(rings)) for k in range(len(rings) - (0 if closed else 1))]
    strips = [strip for k, m in pairs for strip in _strip(len(rings[k]), int(start[k]), len(rings[m]), int(start[m]))]
    return _solid(np.concatenate(rings), np.concatenate(strips))


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


def _solid(vertices: Points, faces: Faces) -> Any:
    """The manifold of a closed surface, wound outward."""
    from manifold3d import Manifold, Mesh64

    a, b, c = vertices[faces].transpose(1, 0, 2)
    if np.einsum("ij,ij->", a, np.cross(b, c)) < 0:
        faces = faces[:, ::-1]
    return Manifold(Mesh64(vert_properties=vertices, tri_verts=faces.astype(np.uint64)))


def lathe(profile: Any, edge: float = EDGE, fold: int = 1) -> Any:
    """The solid of revolution of a profile (n, 2) of (r, z) that starts and ends on the axis.

    Every ring has a multiple of `fold` vertices, from angle 0 on: what has corners later has a vertex on each.
    """
    profile = _spaced(np.asarray(profile, dtype=np.float64), edge, BEND_DEG)
    rings = []
    for r, z in profile[1:-1]:
        n = fold * max(1, int(np.ceil(6 / fold)), round(2 * np.pi * r / edge / fold))
        turn = 2 * np.pi * np.arange(n) / n
        rings.append(np.stack([r * np.cos(turn), r * np.sin(turn), np.full_like(turn, z)], axis=1))
    first, last = (np.array([[0.0, 0.0, profile[k, 1]]]) for k in (0, -1))
    return loft([first, *rings, last])


def ring(section: Any, edge: float = EDGE) -> Any:
    """The solid ring whose section (n, 2), a closed line off the axis, in (r, z) goes round the axis."""
    section = _spaced(np.asarray(section, dtype=np.float64), edge, BEND_DEG)[:-1]
    n = round(2 * np.pi * section[:, 0].max() / edge)
    turn = 2 * np.pi * np.arange(n) / n
    flat = np.stack([np.cos(turn), np.sin(turn), np.zeros(n)], axis=1)
    return loft([r * flat + (0, 0, z) for r, z in section], closed=True)


def torus(radius: float, thick: float, z: float = 0.0, edge: float = EDGE) -> Any:
    """A ring of round section."""
    turn = np.linspace(0, 2 * np.pi, 48)
    return ring(np.stack([radius + thick * np.cos(turn), z + thick * np.sin(turn)], axis=1), edge)


def tube(
    path: Any,
    radius: float | Sequence[float],
    section: Points | None = None,
    side: tuple[float, float, float] | None = None,
    round_ends: bool = False,
    closed: bool = False,
    edge: float = EDGE,
) -> Any:
    """A rod along a path (n, 3).

    `radius`, one or several spread evenly over the length, scales the section (m, 2), a circle by
    default, whose first axis starts out along `side` (by default the coordinate axis that the path
    runs along least) and turns no more than the path makes it. Ends are flat or, with `round_ends`,
    domed. A `closed` path ends where it starts, in a plane across `side`.
    """
    path = _spaced(np.asarray(path, dtype=np.float64), edge, BEND_DEG)
    if closed:
        path = path[:-1]
        tangent = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    else:
        tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(path, axis=0), axis=1))])
    given = np.atleast_1d(np.asarray(radius, dtype=np.float64))
    scale = np.interp(along / along[-1], np.linspace(0, 1, len(given)), given)
    if section is None:
        section = oval()
    girth = float(np.linalg.norm(np.diff(section, axis=0, append=section[:1]), axis=1).sum() * scale.max())
    line = _around(section, max(12, round(girth / edge)))
    axis = np.eye(3)[np.abs(tangent).mean(axis=0).argmin()] if side is None else np.asarray(side, dtype=np.float64)
    rings = []
    for point, way, size in zip(path, tangent, scale, strict=True):
        axis = axis - (axis @ way) * way
        axis /= np.linalg.norm(axis)
        rings.append(point + size * (line[:, :1] * axis + line[:, 1:] * np.cross(way, axis)))
    if closed:
        return loft(rings, closed=True)
    heads = []
    for k, sign in ((0, -1.0), (-1, 1.0)):
        if round_ends:
            lift = np.deg2rad(np.arange(BEND_DEG, 89, BEND_DEG))
            bulge = scale[k] * float(np.abs(line).max(axis=0).min())
            dome = [path[k] + np.cos(a) * (rings[k] - path[k]) + sign * bulge * np.sin(a) * tangent[k] for a in lift]
            heads.append([*dome, (path[k] + sign * bulge * tangent[k])[None]])
        else:
            heads.append([path[k][None]])
    return loft([*heads[0][::-1], *rings, *heads[1]])


def _around(outline: Points, n: int) -> Points:
    """A closed outline resampled to n points, evenly."""
    line = np.concatenate([outline, outline[:1]])
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    at = length[-1] * np.arange(n) / n
    return np.stack([np.interp(at, length, column) for column in line.T], axis=1)


def slab(outline: Any, height: float, bevel: float = 0.0, edge: float = EDGE) -> Any:
    """The plate from z = 0 to `height` over a closed outline (n, 2); its upper and lower edges rounded by `bevel`."""
    from manifold3d import triangulate

    outline = np.asarray(outline, dtype=np.float64)
    line = _spaced(np.concatenate([outline, outline[:1]]), edge, BEND_DEG)[:-1]
    if _signed_area(line) < 0:
        line = line[::-1]
    # At a corner both neighbours' insets hold: the offset point moves further than the bevel.
    way = np.roll(line, -1, axis=0) - line
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    out = np.stack([way[:, 1], -way[:, 0]], axis=1)
    both = out + np.roll(out, 1, axis=0)
    out = 2 * both / np.maximum((both**2).sum(axis=1, keepdims=True), 0.5)
    turn = np.linspace(0, np.pi / 2, 5) if bevel else np.array([0.0])
    low = [(bevel * (1 - np.sin(a)), bevel * (1 - np.cos(a))) for a in turn]
    n = max(1, int(np.ceil((height - 2 * bevel) / edge)))
    levels = low[:-1] + [(0.0, z) for z in np.linspace(bevel, height - bevel, n + 1)]
    levels += [(inset, height - z) for inset, z in low[-2::-1]]
    rings = [np.column_stack([line - inset * out, np.full(len(line), z)]) for inset, z in levels]
    m = len(line)
    strips = [s for k in range(len(rings) - 1) for s in _strip(m, k * m, m, (k + 1) * m)]
    base, lid = (np.asarray(triangulate([rings[k][:, :2]])).astype(np.int64) for k in (0, -1))
    faces = np.concatenate([*strips, base[:, ::-1], lid + (len(rings) - 1) * m])
    return _solid(np.concatenate(rings), faces)


def _signed_area(line: Points) -> float:
    x, y = line.T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def panel(grid: Points, thickness: float) -> Any:
    """The sheet (n, m, 3) of middle points thickened along its normals, with a round rim."""
    n, m, _ = grid.shape
    normal = np.cross(np.gradient(grid, axis=0), np.gradient(grid, axis=1))
    normal /= np.linalg.norm(normal, axis=2, keepdims=True)
    half = thickness / 2
    rows = np.r_[np.arange(m) * 0, np.arange(1, n), np.full(m - 1, n - 1), np.arange(n - 2, 0, -1)]
    columns = np.r_[np.arange(m), np.full(n - 1, m - 1), np.arange(m - 2, -1, -1), np.zeros(n - 2, dtype=int)]
    rim, up = grid[rows, columns], normal[rows, columns]
    out = np.cross(np.roll(rim, -1, axis=0) - np.roll(rim, 1, axis=0), up)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    out *= np.sign(np.einsum("ij,ij->", out, rim - grid.mean(axis=(0, 1))))
    middle = [rim + half * (np.cos(a) * up + np.sin(a) * out) for a in np.deg2rad([45, 90, 135])]
    index = np.arange(n * m).reshape(n, m)
    a, b, c, d = index[:-1, :-1].ravel(), index[1:, :-1].ravel(), index[1:, 1:].ravel(), index[:-1, 1:].ravel()
    top = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    edge, r, loops = index[rows, columns], len(rows), [index[rows, columns]]
    loops += [2 * n * m + k * r + np.arange(r) for k in range(3)]
    loops += [n * m + edge]
    faces = [top, top[:, ::-1] + n * m]
    for one, two in pairwise(loops):
        after_one, after_two = np.roll(one, -1), np.roll(two, -1)
        faces += [np.stack([one, after_one, after_two], axis=1), np.stack([one, after_two, two], axis=1)]
    flat = grid.reshape(-1, 3)
    vertices = np.concatenate([flat + half * normal.reshape(-1, 3), flat - half * normal.reshape(-1, 3), *middle])
    return _solid(vertices, np.concatenate(faces))


def box(size: tuple[float, float, float], radius: float, at: Any = (0, 0, 0), segments: int = 12) -> Any:
    """A box with rounded edges and corners around the point `at`."""
    from manifold3d import Manifold

    ball = Manifold.sphere(radius, segments)
    reach = [s / 2 - radius for s in size]
    corners = [
        ball.translate((x * reach[0], y * reach[1], z * reach[2])) for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)
    ]
    return Manifold.batch_hull(corners).translate(tuple(float(x) for x in at))


def union(parts: Sequence[Any]) -> Any:
    """All the parts in one solid."""
    from manifold3d import Manifold, OpType

    return Manifold.batch_boolean(list(parts), OpType.Add)


def levelled(solid: Any, rest: float) -> Any:
    """The solid with a flat of the height `rest` cut off below: what is round or soft does not stand on a line."""
    return solid.trim_by_plane((0, 0, 1), float(solid.bounding_box()[2]) + rest)
