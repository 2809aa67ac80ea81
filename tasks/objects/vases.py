"""The eleven vases."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.objects.forms import curve, lathe, oval, ring, torus, tube, union, wall
from tasks.objects.warps import faceted, ribbed, squared, twisted, warped


def _classic(rng: Generator) -> Any:
    belly, neck, lip = rng.uniform(0.26, 0.34), rng.uniform(0.10, 0.14), rng.uniform(0.17, 0.22)
    foot, waist = rng.uniform(0.15, 0.19), rng.uniform(0.30, 0.42)
    line = [(0, 0), (foot * 0.6, 0), (foot, 0), (foot, 0.05), (belly * 0.98, 0.16), (belly * 1.12, waist)]
    line += [(belly * 0.75, 0.62), (neck, 0.74), (neck, 0.86), (lip * 0.85, 0.95), (lip, 0.98)]
    return lathe(wall(curve(line), 0.035))


def _amphora(rng: Generator) -> Any:
    """An egg on a small foot, a narrow neck, two handles from the lip to the shoulder."""
    belly, neck, foot = rng.uniform(0.27, 0.31), rng.uniform(0.085, 0.1), rng.uniform(0.11, 0.13)
    line = [(0, 0.03), (foot * 0.5, 0.03), (foot, 0), (foot, 0), (foot, 0.03), (foot * 0.55, 0.06), (belly * 0.9, 0.24)]
    line += [(belly * 1.25, 0.52), (belly * 0.85, 0.68), (neck, 0.71), (neck, 0.8), (neck, 0.93), (neck * 1.7, 0.98)]
    side = curve(line)
    high, low = rng.uniform(0.86, 0.9), rng.uniform(0.6, 0.63)
    x, shoulder = np.interp([high, low], side[:, 1], side[:, 0])
    bow = [(x, 0, high), (x + 0.1, 0, high + 0.05), (shoulder + 0.09, 0, high + 0.02)]
    bow += [(shoulder + 0.06, 0, low + 0.1), (shoulder, 0, low)]
    handle = tube(curve(bow), 0.032, oval(0.7), edge=0.015)
    return union([lathe(wall(side, 0.034)), handle, handle.rotate((0, 0, 180))])


def _bud(rng: Generator) -> Any:
    """A small bulb with a neck as thin and long as a stalk."""
    bulb, neck, lip = rng.uniform(0.17, 0.21), rng.uniform(0.042, 0.05), rng.uniform(0.06, 0.075)
    line = [(0, 0), (bulb * 0.5, 0), (bulb * 0.75, 0), (bulb * 1.3, 0.08), (bulb * 1.1, 0.26), (neck, 0.3)]
    line += [(neck, 0.42), (neck, 0.6), (neck, 0.88), (lip, 0.97), (lip + 0.01, 0.98)]
    return lathe(wall(curve(line), 0.03), 0.014)


def _square(rng: Generator) -> Any:
    """Four flat sides that widen upwards, a lip turned out."""
    base, top, lip = rng.uniform(0.15, 0.18), rng.uniform(0.23, 0.27), rng.uniform(0.02, 0.04)
    line = [(0, 0), (base * 0.8, 0), (base, 0), (base, 0), (base, 0.04), (base * 1.02, 0.3), (top * 0.95, 0.7)]
    line += [(top, 0.88), (top * 0.98, 0.93), (top + lip, 0.98)]
    return warped(lathe(wall(curve(line), 0.04), 0.016, 4), squared(rng.uniform(9, 14)))


def _gourd(rng: Generator) -> Any:
    """Two bulbs, the smaller on top of the larger."""
    belly, upper, waist = rng.uniform(0.27, 0.3), rng.uniform(0.17, 0.2), rng.uniform(0.09, 0.115)
    line = [(0, 0), (0.1, 0), (0.16, 0), (belly * 1.15, 0.06), (belly * 1.3, 0.34), (belly * 0.9, 0.5), (waist, 0.54)]
    line += [(waist, 0.58), (upper * 1.1, 0.6), (upper * 1.35, 0.74), (upper, 0.86), (0.06, 0.88), (0.06, 0.95)]
    return lathe(wall(curve([*line, (0.075, 0.98)]), 0.032))


def _trumpet(rng: Generator) -> Any:
    """A wide bell on a slender stem with a knop, on a round foot."""
    bell, stem, foot = rng.uniform(0.26, 0.3), rng.uniform(0.06, 0.07), rng.uniform(0.17, 0.2)
    line = [(0, 0.2), (stem * 0.7, 0.2), (stem, 0.22), (stem * 1.05, 0.42), (stem * 1.4, 0.7), (bell * 0.7, 0.86)]
    body = lathe(wall(curve([*line, (bell, 0.96), (bell * 1.15, 0.97)]), 0.03))
    base = [(0, 0.24), (stem * 0.9, 0.24), (stem * 0.9, 0.14), (stem * 1.1, 0.07), (foot * 0.9, 0.045), (foot, 0.03)]
    knop = lathe(curve([(0, -0.04), (stem * 1.2, -0.04), (stem * 2, 0), (stem * 1.2, 0.04), (0, 0.04)]))
    stand = lathe(np.concatenate([curve([*base, (foot, 0), (foot * 0.95, 0)]), [(0.0, 0.0)]]))
    return union([body, stand, knop.translate((0, 0, 0.23))])


def _ginger(rng: Generator) -> Any:
    """Broad high shoulders over a tapering body, a short neck (meiping)."""
    shoulder, foot, neck = rng.uniform(0.29, 0.33), rng.uniform(0.14, 0.17), rng.uniform(0.1, 0.12)
    line = [(0, 0), (foot * 0.7, 0), (foot, 0), (foot, 0), (foot, 0.1), (shoulder * 0.7, 0.4), (shoulder * 1.1, 0.6)]
    line += [(shoulder * 1.15, 0.84), (shoulder * 0.7, 0.89), (neck, 0.89), (neck, 0.93), (neck, 0.97)]
    return lathe(wall(curve([*line, (neck + 0.03, 0.985)]), 0.035))


def _fluted(rng: Generator) -> Any:
    """An urn with upright ribs, a plain collar and a stepped foot."""
    belly, count, depth = rng.uniform(0.3, 0.33), int(rng.integers(14, 19)), rng.uniform(0.035, 0.05)
    line = [(0, 0.1), (0.1, 0.1), (0.14, 0.1), (belly, 0.16), (belly * 1.12, 0.45), (belly * 1.05, 0.66)]
    line += [(belly * 0.7, 0.74), (0.22, 0.78), (0.21, 0.84)]
    body = warped(
        lathe(wall(curve(line), 0.04), 0.012, 4 * count), ribbed(count, depth, lambda a: np.abs(np.cos(a / 2)))
    )
    collar = [(0, 0.74), (0.215, 0.78), (0.22, 0.83), (0.25, 0.9), (0.29, 0.93)]
    low = rng.uniform(0.17, 0.2)
    foot = [(0, 0), (low, 0), (low, 0.04), (low * 0.8, 0.05), (low * 0.6, 0.08), (low * 0.75, 0.12), (0, 0.12)]
    rim = wall(curve(collar), 0.04)
    rim = rim[rim[:, 0] > 0.17]
    return union([body, ring(np.concatenate([rim, rim[:1]])), lathe(foot)])


def _twisted(rng: Generator) -> Any:
    """Lobes that wind upwards like a drill."""
    count, turn, base = int(rng.integers(5, 8)), rng.uniform(0.26, 0.36), rng.uniform(0.2, 0.23)
    line = [(0, 0), (base * 0.8, 0), (base, 0), (base, 0), (base, 0.08), (base * 1.3, 0.34), (base * 1.2, 0.6)]
    line += [(base * 0.95, 0.8), (base * 1.1, 0.97)]
    body = lathe(wall(curve(line), 0.036), 0.014, 8 * count)
    return warped(body, ribbed(count, rng.uniform(0.1, 0.13)), twisted(turn))


def _hexagonal(rng: Generator) -> Any:
    """Six flat sides that meet in edges, broken at the shoulder."""
    base, shoulder, neck = rng.uniform(0.16, 0.19), rng.uniform(0.28, 0.32), rng.uniform(0.11, 0.13)
    high = rng.uniform(0.54, 0.62)
    line = [(0, 0), (base, 0), (shoulder, high), (neck, high + 0.2), (neck, high + 0.26), (neck + 0.06, 0.98)]
    return warped(lathe(wall(np.array(line), 0.04), 0.017, 6), faceted(6))


def _moon_flask(rng: Generator) -> Any:
    """A flat disc on edge with a round medallion, a short neck and two small handles."""
    flat, disc, neck = rng.uniform(0.4, 0.46), rng.uniform(0.34, 0.37), rng.uniform(0.075, 0.085)
    foot, at, thick = 0.14, 0.06 + disc * 0.95, 0.04
    turn = np.linspace(-np.pi / 2 + 0.38, np.pi / 2 - 0.24, 200)
    ball = np.stack([disc * np.cos(turn), at + disc * np.sin(turn)], axis=1)
    top = ball[-1, 1]
    outer = [(0, 0), (foot, 0), (foot * 0.96, 0.03), *ball, (neck, top + 0.03), (neck, 0.93), (neck + 0.03, 0.98)]
    inner = [(0, at - disc + thick), *(ball - (0, at)) * (1 - thick / disc) + (0, at)]
    inner = [p for p in inner if p[1] < top - 0.01] + [(neck - thick, top + 0.02), (neck - thick, 0.92)]
    inner += [(neck - 0.02, 1.0), (0, 1.0)]
    hollow = 1 - thick / disc
    body = lathe([*outer, (0, 0.98)]).scale((1, flat, 1))
    cavity = lathe(inner).scale((1, (flat * disc - thick) / (disc * hollow), 1))
    rise = at + 0.9 * disc
    bow = [(neck - 0.03, 0, rise + 0.12), (neck + 0.08, 0, rise + 0.16), (neck + 0.17, 0, rise + 0.06)]
    loop = tube(curve([*bow, (neck + 0.1, 0, rise - 0.06)]), 0.026, edge=0.014)
    # The medallion: a raised ring on either face.
    medal = torus(0.55 * disc, 0.02).rotate((90, 0, 0)).translate((0, flat * disc * 0.83, at))
    return union([body, loop, loop.rotate((0, 0, 180)), medal, medal.mirror((0, 1, 0))]) - cavity


MAKERS: dict[str, Callable[[Generator], Any]] = {
    "vase0": _classic,
    "vase1": _amphora,
    "vase2": _bud,
    "vase3": _square,
    "vase4": _gourd,
    "vase5": _trumpet,
    "vase6": _ginger,
    "vase7": _fluted,
    "vase8": _twisted,
    "vase9": _hexagonal,
    "vase10": _moon_flask,
}
