"""Crack: a thin, jagged line that forks, cut deep with sharp edges; no lips, and nothing about it is even."""

from dataclasses import dataclass
from functools import reduce
from operator import add

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tasks.defects import paths
from tasks.defects.cutting import difference, marked, sweep
from tasks.defects.made import Made, Misfit, apart, window
from tasks.defects.measure import buried
from tasks.defects.paths import Path
from tasks.defects.places import Place, Surface
from tasks.defects.sound import tunnels, watertight
from tasks.meshes import Shape
from tasks.meshes.refine import Points, refine

ZIGZAG = ((0.21, 0.050), (0.085, 0.022), (0.035, 0.008))
"""Scales of the zig-zag: leg and sideways swing, as shares of the length."""
BRANCHES = (1, 3)
FORK_DEG = (28.0, 62.0)
BRANCH = (0.16, 0.34)
"""Length of a branch, as a share of the main line's."""
TIP = 0.12
"""Width of a crack's tip, as a share of where it is widest."""
DEEP = 4.0
"""Depth of a crack in a solid, in widths."""
SHALLOW = 1.6
"""A wall too thin for a slit of so many widths is cracked right through."""
IN_WALL = 0.7
"""A slit that ends in a wall takes so much of its thickness."""
FURROW = 2.0
"""Depth of a furrow, in widths."""
RING = 0.25
"""Width of the marked ring around the slit, in widths."""
LIFT = 0.06
"""Lines are dropped on the surface from so high above the path's tangent plane."""


@dataclass(frozen=True)
class _Line:
    """One line of a crack on the surface: all (N, ...), from its root to its tip."""

    points: Points
    normals: Points
    across: Points
    half: NDArray[np.float64]


def crack(surface: Surface, place: Place, sizes: tuple[float, ...], rng: Generator) -> Made:
    """A slit cut out of a closed shape; in a surface without thickness, a furrow with a sharp bottom."""
    length, width = sizes
    path = paths.over(surface, place, length, max(2.2 * width, 0.07 * length), float(rng.uniform(-1, 1)) / length)
    if path is None:
        raise Misfit
    lines = _lines(surface, path, width, rng)
    if watertight(surface.shape):
        return _slit(surface, lines, path, width, rng)
    return _furrow(surface, lines, path, width)


# --- the lines -------------------------------------------------------------------------------------


def _zigzag(rng: Generator, length: float) -> Points:
    """Corners (N, 2) of a jagged line along the x axis: uneven legs of several scales, swinging to and fro."""
    swings = []
    for leg, swing in ZIGZAG:
        count = max(2, round(1 / leg))
        at = np.arange(count + 1) + np.concatenate([[0.0], rng.uniform(-0.33, 0.33, count - 1), [0.0]])
        side = np.where(np.arange(count + 1) % 2, 1.0, -1.0) * rng.choice((-1.0, 1.0))
        swings.append((at / count * length, side * rng.uniform(0.25, 1.0, count + 1) * swing * length))
    x = np.unique(np.concatenate([at for at, _ in swings]))
    x = x[np.concatenate([[True], np.diff(x) > 1e-3 * length])]
    y = sum(np.interp(x, at, side) for at, side in swings)
    return np.stack([x, y], axis=1)


def _lines(surface: Surface, path: Path, width: float, rng: Generator) -> list[_Line]:
    """The main line first, then its branches, which leave it to either side and thin out."""
    length = float(path.along[-1])
    flat = _zigzag(rng, length)
    flat[:, 1] -= np.interp(length / 2, *flat.T)
    share = flat[:, 0] / length
    half = width / 2 * (TIP + (1 - TIP) * np.sin(np.pi * np.clip(share, 0, 1)) ** 0.6)
    half *= rng.uniform(0.75, 1.0, len(half)) / 0.97
    main = _laid(surface, path, flat, np.array([0.0, 1.0]), half)
    if main is None or len(main.points) < len(flat):
        raise Misfit
    lines = [main]
    wanted, side = int(rng.integers(BRANCHES[0], BRANCHES[1] + 1)), rng.choice((-1.0, 1.0))
    for n in range(wanted):
        root = int(np.searchsorted(share, (n + rng.uniform(0.25, 0.85)) / wanted * 0.75 + 0.1))
        turn = side * (-1) ** n * np.deg2rad(rng.uniform(*FORK_DEG)) + rng.choice((0.0, np.pi), p=(0.8, 0.2))
        twig = _zigzag(rng, length * rng.uniform(*BRANCH))
        twig[:, 1] -= twig[0, 1]
        along = np.array([np.cos(turn), np.sin(turn)])
        across = np.array([-along[1], along[0]])
        thin = 0.8 * half[root] * (1 - (1 - TIP) * twig[:, 0] / twig[-1, 0]) * rng.uniform(0.8, 1.0, len(twig))
        branch = _laid(surface, path, flat[root] + twig[:, :1] * along + twig[:, 1:] * across, across, thin)
        if branch is not None:
            lines.append(branch)
    return lines


def _laid(surface: Surface, path: Path, flat: Points, across: Points, half: NDArray[np.float64]) -> _Line | None:
    """A line given along and across the path (N, 2), laid on the surface as far as that reaches; None if not at all."""
    s, t = flat.T
    at = np.clip(s, 0, path.along[-1])
    point, normal, tangent = (
        np.stack([np.interp(at, path.along, c) for c in v.T], axis=1)
        for v in (path.points, path.normals, path.tangents)
    )
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    aside = np.cross(normal, tangent)
    above = point + (s - at)[:, None] * tangent + t[:, None] * aside + LIFT * normal
    place, ray, face = surface.mesh.ray.intersects_location(above, -normal, multiple_hits=False)
    found = np.zeros_like(above)
    found[ray] = place
    facing = np.full(len(above), -1.0)
    facing[ray] = np.einsum("ij,ij->i", np.asarray(surface.mesh.face_normals)[face], normal[ray])
    depth = np.linalg.norm(found - above, axis=1)
    fine = (facing > 0.5) & (depth < 2 * LIFT) & (found[:, 2] > half)
    fine[1:] &= np.abs(np.diff(depth)) < 1.2 * np.linalg.norm(np.diff(flat, axis=0), axis=1)
    count = int(np.argmin(fine)) if not fine.all() else len(fine)
    if count < 4:
        return None
    found, normal, tangent, aside = found[:count], normal[:count], tangent[:count], aside[:count]
    normal = _normals(surface, found, normal)
    sideways = across[0] * tangent + across[1] * aside
    sideways -= np.einsum("ij,ij->i", sideways, normal)[:, None] * normal
    sideways /= np.linalg.norm(sideways, axis=1, keepdims=True)
    return _Line(found, normal, sideways, half[:count])


def _normals(surface: Surface, points: Points, like: Points) -> Points:
    """Mean normals (N, 3) of the surface around the points, of that side of it which looks `like` (N, 3)."""
    near = surface.normals[surface.near.query(points, k=24)[1]]
    near = near * (np.einsum("nkd,nd->nk", near, like) > 0.5)[..., None]
    mean = near.sum(axis=1) + 1e-6 * like
    return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True))


# --- cut or pressed --------------------------------------------------------------------------------


def _slit(surface: Surface, lines: list[_Line], path: Path, width: float, rng: Generator) -> Made:
    from scipy.spatial import cKDTree

    main = lines[0]
    thickness = np.array([surface.thickness(p, n) for p, n in zip(main.points, main.normals, strict=True)])
    through = IN_WALL * thickness.min() < SHALLOW * width
    deep = thickness.max() + 0.5 * width if through else min(DEEP * width, IN_WALL * thickness.min())
    if not np.isfinite(deep):
        raise Misfit
    tool = reduce(add, (sweep(_sections(line, float(deep), 0.6 if through else 0.25, rng)) for line in lines))
    made = marked(difference(surface.shape, tool), RING * width)
    if not through and tunnels(made.shape) != tunnels(surface.shape):
        raise Misfit
    walls = made.shape.vertices[made.walls]
    outward = main.normals[cKDTree(main.points).query(walls)[1]]
    return Made(
        made.shape,
        made.label,
        extent=_length(main),
        # The slit is as wide as the widest circle around a point of the main line that fits in its mouth.
        width=2 * float(cKDTree(made.rim).query(main.points[2:-2])[0].max()),
        depth=float(buried(surface, walls, outward).max()),
        at=path.points[len(path.points) // 2],
    )


def _sections(line: _Line, depth: float, bottom: float, rng: Generator) -> list[Points]:
    """Sections (6, 3) of the tool: upright above the surface, below it closing to `bottom` of their width."""
    step = np.asarray(np.gradient(line.points, axis=0))
    run = np.linalg.norm(step, axis=1)
    # Where the line runs aslant, its section along the fixed direction is wider than the slit.
    slant = 1 / np.sqrt(np.maximum(1 - (np.einsum("ij,ij->i", step, line.across) / run) ** 2, 0.3))
    left, right = line.half * slant * rng.uniform(0.85, 1.15, (2, len(run)))
    top, deep = np.maximum(2 * line.half, 0.008), np.full(len(run), depth)
    corners = (
        (-left, top), (right, top), (right * 0.9, -0.45 * deep), (right * bottom, -deep),
        (-left * bottom, -deep), (-left * 0.9, -0.45 * deep),
    )  # fmt: skip
    rings = np.stack([x[:, None] * line.across + z[:, None] * line.normals for x, z in corners], axis=1)
    return list(line.points[:, None] + rings)


def _length(line: _Line) -> float:
    """Along the line, its zig-zag smoothed away."""
    coarse = line.points[np.linspace(0, len(line.points) - 1, 9).astype(int)]
    return float(np.linalg.norm(np.diff(coarse, axis=0), axis=1).sum())


def _furrow(surface: Surface, lines: list[_Line], path: Path, width: float) -> Made:
    from scipy.spatial import cKDTree

    dense = [_dense(line, width / 10) for line in lines]
    points, normals, half = (np.concatenate(parts) for parts in zip(*dense, strict=True))
    tree = cKDTree(points)
    fine = refine(
        surface.shape.vertices,
        surface.shape.faces,
        longest=width / 7,
        distance=apart(points),
        radius=width,
    )
    away, nearest = tree.query(fine.vertices)
    normal = normals[nearest]
    below = -np.einsum("ij,ij->i", fine.vertices - points[nearest], normal)
    deep = FURROW * width
    aside = np.sqrt(np.maximum(away**2 - below**2, 0))
    share = np.clip(1.6 * (1 - aside / half[nearest]), 0, 1) * window(below, 0.3 * deep, 2.2 * deep)
    moved = fine.vertices - deep * share[:, None] * normal
    return Made(
        Shape(moved, fine.faces),
        share > 0,
        extent=_length(lines[0]),
        width=2 * float(lines[0].half.max()),
        depth=float(np.linalg.norm(moved - fine.vertices, axis=1).max()),
        at=path.points[len(path.points) // 2],
    )


def _dense(line: _Line, step: float) -> tuple[Points, Points, NDArray[np.float64]]:
    """Points, normals and half widths along a line, `step` apart."""
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(line.points, axis=0), axis=1))])
    at = np.arange(0, along[-1], step)
    points, normals = (np.stack([np.interp(at, along, c) for c in v.T], axis=1) for v in (line.points, line.normals))
    return points, normals / np.linalg.norm(normals, axis=1, keepdims=True), np.interp(at, along, line.half)
