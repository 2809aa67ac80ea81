"""Bowls and cups."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.meshes.refine import Points
from tasks.objects.forms import curve, lathe, oval, ring, slab, torus, tube, union, wall
from tasks.objects.warps import Warp, polar, squared, warped


def _rice_bowl(rng: Generator) -> Any:
    height, foot = rng.uniform(0.36, 0.48), rng.uniform(0.18, 0.22)
    line = [(0, 0), (0.1, 0), (0.2, 0.01), (0.36, 0.08 * height / 0.4), (0.46, 0.55 * height), (0.5, height)]
    return lathe(wall(curve(line), 0.04)) + _foot(foot, 0.05)


def _foot(radius: float, height: float, thick: float = 0.04) -> Any:
    """A ring to stand on, from `height` below zero up into the base above."""
    half = thick / 2
    section = [(radius - half, -height), (radius + half, -height), (radius + half + 0.012, 0.01)]
    return ring([*section, (radius - half - 0.012, 0.01), (radius - half, -height)])


def _plate_bowl(rng: Generator) -> Any:
    """Wide and shallow, with a broad flat rim, like a soup plate."""
    well, deep = rng.uniform(0.29, 0.33), rng.uniform(0.11, 0.14)
    line = [(0, 0), (0.16, 0), (well - 0.05, 0), (well, 0.01), (well + 0.02, deep), (well + 0.025, deep)]
    line += [(well + 0.08, deep), (0.46, deep + 0.02), (0.5, deep + 0.03)]
    return lathe(wall(curve(line), 0.03)) + _foot(well * 0.72, 0.03, 0.03)


def _mixing_bowl(rng: Generator) -> Any:
    """Deep, with a rolled rim, a pouring spout and a ribbon handle opposite of it."""
    base, height, top = rng.uniform(0.2, 0.24), rng.uniform(0.46, 0.54), 0.4
    side = curve([(0, 0), (base * 0.8, 0), (base, 0), (base, 0.02), (top * 0.95, 0.3 * height), (top, height)])
    body = lathe(wall(side, 0.036)) + torus(top, 0.026, height)
    reach, sharp = rng.uniform(0.15, 0.2), rng.uniform(0.26, 0.32)

    def spout(turn: Points, r: Points, z: Points) -> Points:
        near = np.exp(-((turn / sharp) ** 2)) * np.clip((z / height - 0.45) / 0.55, 0, 1.1) ** 2
        return np.asarray(r + reach * near)

    x, low = np.interp([0.9 * height, 0.42 * height], side[:, 1], side[:, 0])
    bow = [(-x, 0, 0.9 * height), (-x - 0.1, 0, 0.95 * height), (-x - 0.16, 0, 0.8 * height)]
    bow += [(-low - 0.12, 0, 0.44 * height), (-low, 0, 0.42 * height)]
    return warped(body, polar(spout)) + tube(curve(bow), 0.05, oval(0.5, 3.0))


def _compote(rng: Generator) -> Any:
    """A bowl on a tall foot."""
    height, stem, foot = rng.uniform(0.28, 0.36), rng.uniform(0.06, 0.075), rng.uniform(0.24, 0.29)
    rise = height + rng.uniform(0.02, 0.08)
    deep = rng.uniform(0.22, 0.27)
    line = [(0, rise), (0.12, rise), (0.36, rise + 0.02), (0.44, rise + 0.5 * deep), (0.5, rise + deep)]
    column = [(0, rise + 0.01), (stem * 2.6, rise + 0.005), (stem, rise - 0.06), (stem, 0.5 * rise), (stem, 0.3 * rise)]
    column += [(foot * 0.6, 0.08), (foot, 0.05), (foot, 0.02), (foot, 0.0), (foot * 0.9, 0.0)]
    knob = lathe(curve([(0, -0.05), (0.09, -0.045), (0.12, 0), (0.09, 0.045), (0, 0.05)]) * (stem / 0.06, 1.0))
    base = lathe(np.concatenate([curve(column), [(0.0, 0.0)]]))
    return union([lathe(wall(curve(line), 0.036)), base, knob.translate((0, 0, 0.55 * rise))])


def _square_bowl(rng: Generator) -> Any:
    height, base, power = rng.uniform(0.26, 0.34), rng.uniform(0.24, 0.29), rng.uniform(5.0, 9.0)
    line = [(0, 0), (base * 0.85, 0), (base, 0), (base * 1.05, 0.01), (0.44, 0.6 * height), (0.47, height)]
    foot = _foot(base * 0.8, 0.035)
    return warped(lathe(wall(curve(line), 0.04), 0.016, 4) + foot, squared(power), _turned(45))


def _turned(degrees: float) -> Warp:
    angle = np.deg2rad(degrees)
    spin = np.array([[np.cos(angle), np.sin(angle), 0], [-np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
    return lambda points: np.asarray(points @ spin)


def _scalloped_bowl(rng: Generator) -> Any:
    """Lobes that grow towards a wavy rim, like a pressed-glass bowl."""
    height, lobes, depth = rng.uniform(0.3, 0.38), int(rng.integers(8, 13)), rng.uniform(0.06, 0.085)
    line = [(0, 0), (0.12, 0), (0.22, 0), (0.28, 0.03), (0.38, 0.55 * height), (0.46, 0.95 * height), (0.5, height)]
    solid = lathe(wall(curve(line), 0.036), 0.014, 4 * lobes)

    def lobed(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        share = np.clip(z / height, 0, 1)
        wave = np.abs(np.cos(lobes * np.arctan2(y, x) / 2)) - 0.6
        scale = 1 + 2 * depth * wave * np.clip(share * 2.5, 0, 1)
        return np.stack([x * scale, y * scale, z + 0.05 * wave * share**3], axis=1)

    return warped(solid, lobed) + _foot(0.17, 0.04)


def _mug(rng: Generator) -> Any:
    radius, base, height = rng.uniform(0.36, 0.42), rng.uniform(0.30, 0.36), rng.uniform(0.78, 0.92)
    line = [(0, 0), (base * 0.7, 0), (base, 0), (base, 0), (base * 1.02, 0.12), (radius, 0.5 * height)]
    side, reach = curve([*line, (radius, height)]), rng.uniform(0.24, 0.30)
    low, high = 0.24 * height, 0.80 * height
    # Both ends of the handle stop in the middle of the wall.
    x, foot = np.interp([high, low], side[:, 1], side[:, 0])
    bow = [(x, 0, high), (x + reach * 0.6, 0, high + 0.03), (x + reach * 1.2, 0, high - 0.02)]
    bow += [(x + reach * 1.1, 0, low + 0.12), (foot + reach * 0.6, 0, low), (foot, 0, low)]
    return lathe(wall(side, 0.04)) + tube(curve(bow), 0.05, oval(0.64), edge=0.015)


def _tea_cup(rng: Generator) -> Any:
    """Wide, flared and low, with an ear for a finger, on its saucer."""
    top, height, rim = rng.uniform(0.29, 0.32), rng.uniform(0.3, 0.35), 0.03
    plate = [(0, 0.045), (0.14, 0.045), (0.2, 0.045), (0.28, 0.03), (0.42, 0.08), (0.5, 0.11)]
    saucer = lathe(wall(curve(plate), rim)) + _foot(0.2, 0.045, 0.035).translate((0, 0, 0.045))
    foot = 0.06
    line = [(0, 0), (0.12, 0), (0.17, 0.0), (0.22, 0.05), (0.25, 0.5 * height), (top * 0.95, height), (top, height)]
    side = np.add(curve(line), (0, 0.045 + foot))
    low, high = 0.045 + foot + 0.3 * height, 0.045 + foot + 0.86 * height
    x, base = np.interp([high, low], side[:, 1], side[:, 0])
    reach = rng.uniform(0.14, 0.17)
    bow = [(x, 0, high), (x + 0.7 * reach, 0, high + 0.05), (x + 1.3 * reach, 0, high - 0.03)]
    bow += [(base + reach, 0, low + 0.03), (base + 0.5 * reach, 0, low - 0.02), (base, 0, low)]
    # Solid, where a ring would seal the air between cup and saucer.
    stand = lathe([(0, 0.04), (0.14, 0.04), (0.135, 0.07), (0.16, 0.05 + foot), (0, 0.05 + foot)])
    return union([saucer, lathe(wall(side, rim)), stand, tube(curve(bow), 0.026, oval(0.8), edge=0.014)])


def _takeaway_cup(rng: Generator) -> Any:
    """Tall, of paper, with a sleeve and a lid to drink through."""
    base, top, height = rng.uniform(0.2, 0.22), rng.uniform(0.275, 0.3), 0.86
    side = [(0, 0.03), (base - 0.02, 0.03), (base, 0.0), (top, height)]
    low, high = rng.uniform(0.2, 0.26), rng.uniform(0.58, 0.66)

    def at(z: float) -> float:
        return base + (top - base) * z / height

    sleeve = [(at(low) - 0.01, low), (at(low) + 0.022, low), (at(low) + 0.028, low + 0.01)]
    sleeve += [(at(high) + 0.028, high - 0.01), (at(high) + 0.022, high), (at(high) - 0.01, high)]
    cup = lathe(wall(np.array(side), 0.03)) + ring([*sleeve, sleeve[0]])
    # From the middle of the lid's underside round the rim to the middle of its upper side.
    lid = [(0, 0.025), (top - 0.09, 0.03), (top - 0.06, -0.02), (top + 0.02, -0.02), (top + 0.025, 0.01)]
    lid += [(top, 0.03), (top - 0.02, 0.09), (top - 0.05, 0.1), (top - 0.08, 0.06), (0, 0.055)]
    sip = slab(oval(0.45) * 0.06, 0.4).rotate((0, 0, 90)).translate((top - 0.13, 0, -0.1))
    return cup + (lathe(lid) - sip).translate((0, 0, height))


MAKERS: dict[str, Callable[[Generator], Any]] = {
    "bowl0": _rice_bowl,
    "bowl1": _plate_bowl,
    "bowl2": _mixing_bowl,
    "bowl3": _compote,
    "bowl4": _square_bowl,
    "bowl5": _scalloped_bowl,
    "cup0": _mug,
    "cup1": _tea_cup,
    "cup2": _takeaway_cup,
}
