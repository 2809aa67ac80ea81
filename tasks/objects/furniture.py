"""Cabinet, chair, desk and shelf; their fronts look along -y."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.objects.forms import box, curve, lathe, oval, panel, tube, union

SOFT = 0.008
"""Radius of the edges of boards."""


def _board(low: tuple[float, float, float], high: tuple[float, float, float], radius: float = SOFT) -> Any:
    """A board between two opposite corners."""
    (x, y, z), (u, v, w) = low, high
    return box((u - x, v - y, w - z), radius, ((x + u) / 2, (y + v) / 2, (z + w) / 2), segments=4)


def _knob(at: tuple[float, float, float], size: float = 0.02) -> Any:
    """A turned knob that stands out of a front at y."""
    line = np.array([(0, -0.6), (0.5, -0.6), (0.45, 0.5), (1, 0.9), (1.05, 1.4), (0.6, 1.9), (0, 1.9)]) * size
    return lathe(curve(line), 0.009).rotate((90, 0, 0)).translate(at)


def _door(low: tuple[float, float], high: tuple[float, float], y: float, frame: float = 0.05) -> Any:
    """A framed front between two corners (x, z), its face at y, with a raised field."""
    (x, z), (u, w) = low, high
    leaf = _board((x, y, z), (u, y + 0.05, w))
    leaf -= _board((x + frame, y - 0.05, z + frame), (u - frame, y + 0.014, w - frame), 0.006)
    inset = frame + 0.028
    return leaf + _board((x + inset, y + 0.004, z + inset), (u - inset, y + 0.03, w - inset), 0.006)


def _cabinet(rng: Generator) -> Any:
    wide, deep, foot = rng.uniform(0.6, 0.72), rng.uniform(0.34, 0.42), rng.uniform(0.07, 0.1)
    half, front, back, top = wide / 2, -deep / 2, deep / 2, 0.955
    split, low = rng.uniform(0.7, 0.76), foot + 0.045
    body = _board((-half, front + 0.03, foot), (half, back, top))
    # Hollow, and open below, where no camera looks: walls of boards without a sealed inside.
    body -= _board((-half + 0.035, front + 0.075, foot - 0.1), (half - 0.035, back - 0.035, top - 0.035))
    field = _board((-half + 0.1, -1, low + 0.03), (half - 0.1, 1, top - 0.08), 0.006)
    body -= field.translate((0, back + 1 - 0.012, 0))
    field = _board((-1, front + 0.09, low + 0.03), (1, back - 0.06, top - 0.08), 0.006)
    body -= field.translate((half + 1 - 0.012, 0, 0)) + field.translate((-half - 1 + 0.012, 0, 0))
    cornice = _board((-half - 0.025, front - 0.01, top - 0.012), (half + 0.025, back + 0.012, 1.0), 0.012)
    plinth = [
        _board((-half - 0.008, front + 0.02, foot - 0.01), (half + 0.008, front + 0.065, foot + 0.03)),
        _board((-half - 0.008, front + 0.03, foot - 0.01), (-half + 0.03, back + 0.005, foot + 0.03)),
        _board((half - 0.03, front + 0.03, foot - 0.01), (half + 0.008, back + 0.005, foot + 0.03)),
    ]
    gap = 0.008
    fronts = []
    for s in (-1, 1):
        x, u = sorted((s * gap / 2, s * (half - 0.018)))
        fronts.append(_door((x, low), (u, split - gap), front))
        fronts.append(_door((x, split + gap), (u, top - 0.025), front, 0.035))
        fronts.append(_knob((s * 0.034, front, low + 0.52 * (split - low))))
        fronts.append(_knob((s * half / 2, front, (split + top) / 2)))
    turned = np.array([(0, 0), (0.022, 0), (0.024, 0.01), (0.034, 0.04), (0.036, foot + 0.02), (0, foot + 0.02)])
    foot_solid = lathe(turned)
    feet = [foot_solid.translate((x, y, 0)) for x in (-half + 0.04, half - 0.04) for y in (front + 0.055, back - 0.04)]
    return union([body, cornice, *plinth, *fronts, *feet])


def _chair(rng: Generator) -> Any:
    seat, half, deep = rng.uniform(0.44, 0.48), rng.uniform(0.2, 0.225), rng.uniform(0.2, 0.22)
    slats, rake = int(rng.integers(3, 5)), rng.uniform(0.05, 0.09)
    x, y = np.meshgrid(np.linspace(-1, 1, 33), np.linspace(-1, 1, 31), indexing="ij")
    wide = half + 0.03 - 0.015 * y
    dip = -0.018 * (1 - x**2) * (1 - 0.8 * y**2)
    cushion = panel(np.stack([x * wide, y * (deep + 0.02), seat + dip], axis=2), 0.042)
    posts, rungs, leg = [], [], (0.024, 0.027, 0.024)
    for s in (-1, 1):
        front = [(s * (half + 0.005), -deep - 0.015, 0), (s * (half - 0.01), -deep + 0.015, seat)]
        line = [(s * half, deep + 0.05, 0), (s * (half - 0.015), deep, 0.6 * seat), (s * (half - 0.015), deep, seat)]
        line += [(s * (half - 0.01), deep + 0.2 * rake, 0.7), (s * half, deep + rake, 1.0)]
        posts.append(tube(front, (0.02, 0.026, 0.03), round_ends=False, edge=0.015))
        posts.append(tube(curve(line), leg, round_ends=False, edge=0.015))
        rungs.append(tube([(s * half, -deep, 0.4 * seat), (s * half, deep + 0.015, 0.4 * seat)], 0.015, edge=0.014))
    rungs.append(tube([(-half, 0, 0.4 * seat), (half, 0, 0.4 * seat)], 0.015, edge=0.014))
    rungs.append(tube([(-half, -deep + 0.008, 0.62 * seat), (half, -deep + 0.008, 0.62 * seat)], 0.016, edge=0.014))
    frame = [_board((-half, y - 0.015, seat - 0.075), (half, y + 0.015, seat - 0.01)) for y in (-deep + 0.015, deep)]
    for k in range(slats):
        share = (k + 0.6) / (slats - 0.05)
        z, tall = seat + 0.06 + (0.9 - seat) * share * 0.95, 0.062 if k + 1 < slats else 0.1
        u, v = np.meshgrid(np.linspace(-1, 1, 33), np.linspace(-1, 1, 7), indexing="ij")
        middle = deep + rake * np.clip((z - seat) / (1 - seat), 0, 1) ** 1.3
        sheet = np.stack([u * (half - 0.012), middle + 0.035 * (1 - u**2), z + v * tall / 2], axis=2)
        frame.append(panel(sheet, 0.024))
    return union([cushion, *posts, *rungs, *frame])


def _desk(rng: Generator) -> Any:
    height, deep, pedestal = rng.uniform(0.52, 0.58), rng.uniform(0.44, 0.52), rng.uniform(0.27, 0.32)
    drawers, front, back = int(rng.integers(3, 5)), -deep / 2, deep / 2
    top = _board((-0.5, front, height - 0.04), (0.5, back, height), 0.012)
    left, right, floor = -0.47, -0.47 + pedestal, 0.05
    body = _board((left, front + 0.045, floor), (right, back - 0.03, height - 0.02))
    body -= _board((left + 0.03, front + 0.09, floor - 0.1), (right - 0.03, back - 0.06, height - 0.06))
    parts = [top, body]
    step = (height - 0.05 - floor - 0.012) / drawers
    for k in range(drawers):
        z = floor + 0.012 + k * step
        parts.append(_board((left + 0.01, front + 0.02, z), (right - 0.01, front + 0.07, z + step - 0.012), 0.01))
        middle, grip = (left + right) / 2, z + 0.6 * step
        bow = [(middle - 0.05, front + 0.03, grip), (middle - 0.05, front - 0.012, grip)]
        bow += [(middle + 0.05, front - 0.012, grip), (middle + 0.05, front + 0.03, grip)]
        parts.append(tube(curve(bow), 0.009, side=(0, 0, 1), edge=0.01))
    parts.append(_board((right - 0.02, back - 0.085, 0.2), (0.46, back - 0.055, height - 0.02)))
    parts.append(_board((right - 0.02, front + 0.05, height - 0.11), (0.46, front + 0.08, height - 0.02)))
    legs = [((0.44, y), (0.02, 0.032)) for y in (front + 0.065, back - 0.07)]
    legs += [((x, y), (0.02, 0.026)) for x in (left + 0.035, right - 0.035) for y in (front + 0.075, back - 0.065)]
    for (x, y), radius in legs:
        tall = height - 0.02 if x > right else floor + 0.02
        parts.append(tube([(x, y, 0), (x, y, tall)], radius, oval(1.0, 8.0)))
    return union(parts)


def _shelf(rng: Generator) -> Any:
    wide, deep, boards = rng.uniform(0.52, 0.62), rng.uniform(0.24, 0.3), int(rng.integers(4, 6))
    half, front, back, thick = wide / 2, -deep / 2, deep / 2, 0.034
    parts = [_board((s * half - thick / 2, front, 0), (s * half + thick / 2, back, 1.0)) for s in (-1, 1)]
    # Open behind, so that it is a shelf from every side; a rail at the top keeps the books in.
    parts.append(_board((-half, back - 0.04, 0.93), (half, back - 0.012, 0.985)))
    heights = np.linspace(0.075, 0.97, boards) + np.concatenate([[0], rng.uniform(-0.02, 0.02, boards - 2), [0]])
    parts += [_board((-half, front + 0.006, z - thick / 2), (half, back - 0.02, z + thick / 2)) for z in heights]
    parts += [_board((-half, y, 0), (half, y + 0.025, 0.075)) for y in (front + 0.03, back - 0.055)]
    return union(parts)


MAKERS: dict[str, Callable[[Generator], Any]] = {
    "cabinet0": _cabinet,
    "chair0": _chair,
    "desk0": _desk,
    "shelf0": _shelf,
}
