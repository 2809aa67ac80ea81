"""Hole: slightly irregular and round, right through a thin wall, blind in a solid."""

from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.defects.cutting import difference, marked, sweep
from tasks.defects.made import Made, Misfit, Outline
from tasks.defects.measure import buried, spans
from tasks.defects.places import Place, Surface

RIM = 0.12
"""Width of the marked ring around a hole, in radii."""


def hole(surface: Surface, place: Place, sizes: tuple[float, ...], rng: Generator) -> Made:
    (radius,) = sizes
    outline = Outline(rng, 0.07)
    cut = difference(surface.shape, _cutter(place, radius, outline, _bottom(surface, place, radius)))
    made = marked(cut, RIM * radius)
    walls = made.shape.vertices[made.walls]
    x, y, _ = place.local(walls)
    depth = float(buried(surface, walls, place.normal).max())
    return Made(made.shape, made.label, *spans(x, y), depth=depth, at=place.point)


def _bottom(surface: Surface, place: Place, radius: float) -> float:
    """How far below the tangent plane the hole ends."""
    turn, share = np.meshgrid(2 * np.pi * np.arange(12) / 12, (0.0, 0.5, 1.0))
    disc = radius * share.ravel()[:, None]
    start = place.point + disc * (np.cos(turn).ravel()[:, None] * place.u + np.sin(turn).ravel()[:, None] * place.v)
    height = 0.8 * radius
    found = [h - height for h in surface.hits(start + height * place.normal, -place.normal)]
    if any(len(h) < 2 for h in found):
        raise Misfit
    entry, leave = np.array([h[0] for h in found]), np.array([h[1] for h in found])
    behind = min((h[2] for h in found if len(h) > 2), default=float("inf"))
    if leave.min() > 1.25 * (float(entry.max()) + radius):
        return radius
    end = float(leave.max()) + 0.02
    if end > behind - 0.01:
        end = (float(leave.max()) + behind) / 2
        if behind - float(leave.max()) < 0.005:
            raise Misfit
    return end


def _cutter(place: Place, radius: float, outline: Outline, bottom: float) -> Any:
    """The tool: walls with the irregular outline, a flat floor with a rounded edge."""
    turn = 2 * np.pi * np.arange(96) / 96
    top, round_off = 0.8 * radius, 0.18 * radius
    corner = np.linspace(0, np.pi / 2, 6)
    levels = [(1.0, z) for z in np.linspace(-top, bottom - round_off, 10)[:-1]]
    levels += [(1 - round_off / radius * (1 - np.cos(a)), bottom - round_off * (1 - np.sin(a))) for a in corner]
    levels += [(share, bottom) for share in (0.68, 0.52, 0.36, 0.2, 0.08)]
    around = radius * outline(turn)[:, None] * (np.cos(turn)[:, None] * place.u + np.sin(turn)[:, None] * place.v)
    return sweep([place.point + scale * around - z * place.normal for scale, z in levels])
