"""The two headsets, as they stand on their ear cups; the wearer looks along -y."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.meshes.refine import Points
from tasks.objects.forms import box, curve, lathe, levelled, oval, torus, tube, union


def _arch(half: float, foot: float, top: float, start: float = 0.0, n: int = 200) -> Points:
    """The bow of a headband in the plane y = 0, as an angle from one ear to the other."""
    turn = np.linspace(start, np.pi - start, n)
    return np.stack([half * np.cos(turn), np.zeros(n), foot + (top - foot) * np.sin(turn) ** 0.9], axis=1)


def _ear(radius: float, depth: float, pad: float) -> Any:
    """An ear cup with its cushion, outward along +x."""
    shell = [(0, 0), (radius * 0.9, 0), (radius * 0.92, 0.5 * depth), (radius * 0.7, depth), (radius * 0.6, depth)]
    shell += [(radius * 0.55, depth * 0.9), (0, depth * 0.9)]
    cushion = torus(radius * 0.76, pad, -0.4 * pad)
    return (lathe(curve(shell)) + cushion).rotate((0, 90, 0))


def _over_ear(rng: Generator) -> Any:
    """Large closed cups in forks, under a broad padded band."""
    half, radius, top = rng.uniform(0.34, 0.37), rng.uniform(0.2, 0.225), 0.97
    tall, depth = 1.25, 0.1
    at = tall * radius
    band = tube(_arch(half + 0.05, at + 0.12, top), 0.05, oval(0.32, 4.0), round_ends=True)
    pad = tube(_arch(half + 0.02, at + 0.12, top - 0.035, 0.75), 0.062, oval(0.55, 3.0), round_ends=True)
    turn = np.linspace(-0.15, np.pi + 0.15, 100)
    bow = np.stack([np.zeros(100), (radius + 0.02) * np.cos(turn), (at + 0.02) * np.sin(turn) * 0.98], axis=1)
    fork = tube(bow, 0.022, oval(1.5, 4.0), side=(1, 0, 0), round_ends=True)
    pins = tube([(0, -radius - 0.035, 0), (0, radius + 0.035, 0)], 0.024, side=(1, 0, 0))
    cup = _ear(radius, depth, 0.055).scale((1, 1, tall))
    stem = tube([(0.0, 0, at), (0.0, 0, at + 0.16)], 0.03, oval(0.6, 4.0))
    side = union([cup, (fork + pins + stem).translate((0.03, 0, 0))])
    tilted = side.rotate((0, rng.uniform(2, 6), 0)).translate((half, 0, at))
    return levelled(union([band, pad, tilted, tilted.mirror((1, 0, 0))]), 0.006)


def _boom(rng: Generator) -> Any:
    """Small round cups on a slim band, a microphone on a boom from one of them."""
    half, radius, top = rng.uniform(0.33, 0.36), rng.uniform(0.14, 0.16), 0.86
    cup = _ear(radius, 0.07, 0.05).translate((half, 0, radius))
    band = tube(_arch(half + 0.03, radius, top), 0.034, oval(0.4, 4.0))
    pad = tube(_arch(half + 0.015, radius, top - 0.02, 1.1), 0.045, oval(0.6, 3.0), round_ends=True)
    slide = [box((0.05, 0.09, 0.16), 0.015, (s * (half + 0.03), 0, radius + 0.19)) for s in (-1, 1)]
    hub = lathe(curve([(0, 0), (0.06, 0), (0.06, 0.03), (0.05, 0.045), (0, 0.045)])).rotate((0, 90, 0))
    hub = hub.translate((half + 0.05, 0, radius))
    reach, low = rng.uniform(0.4, 0.46), rng.uniform(0.08, 0.12)
    bow = [(half + 0.075, 0, radius), (half + 0.08, -0.12, radius - 0.01), (half + 0.06, -0.3, low + 0.02)]
    bow += [(half - 0.1, -reach, low), (half - 0.26, -reach, low)]
    arm = tube(curve(bow), 0.017, side=(0, 0, 1), edge=0.012)
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    foam = lathe(np.stack([0.055 * np.cos(turn), 0.08 * np.sin(turn)], axis=1), 0.012)
    foam = foam.rotate((0, 90, 0)).translate((half - 0.3, -reach, low))
    return levelled(union([band, pad, cup, cup.mirror((1, 0, 0)), *slide, hub, arm, foam]), 0.005)


MAKERS: dict[str, Callable[[Generator], Any]] = {"headset0": _over_ear, "headset1": _boom}
