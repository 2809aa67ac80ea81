"""Eraser, microphones and taps."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.meshes.refine import Points
from tasks.objects.forms import box, curve, lathe, levelled, oval, torus, tube, union
from tasks.objects.warps import polar, warped


def _eraser(rng: Generator) -> Any:
    width, height, sleeve = rng.uniform(0.38, 0.46), rng.uniform(0.20, 0.26), rng.uniform(0.52, 0.62)
    slant = rng.uniform(0.0, 0.5)
    core = box((1.0 - slant * height, width, height), 0.035, segments=24)
    core = core.transform(np.array([[1, 0, slant, 0], [0, 1, 0, 0], [0, 0, 1, 0]], dtype=np.float64))
    cover = box((sleeve, width + 0.035, height + 0.035), 0.02, segments=24)
    return core + cover.translate((0.5 - sleeve / 2 - 0.14, 0, 0))


def _grille(count: int, depth: float, low: float, high: float, pitch: float) -> Any:
    """Wire cloth between two heights: the radius rises and falls along two families of slanting lines."""

    def radius(turn: Points, r: Points, z: Points) -> Points:
        inside = np.clip((z - low) / 0.02, 0, 1) * np.clip((high - z) / 0.02, 0, 1)
        weave = np.cos(count * turn) * np.cos(2 * np.pi * z / pitch)
        return np.asarray(r * (1 + depth * weave * inside))

    return polar(radius)


def _hand_held(rng: Generator) -> Any:
    """A stage microphone lying on the floor: ball grille with its band, tapering handle, switch."""
    ball, grip, tail = rng.uniform(0.135, 0.155), rng.uniform(0.075, 0.085), rng.uniform(0.052, 0.06)
    turn = np.linspace(-1.1, np.pi / 2, 120)
    head = np.stack([ball * np.cos(turn), 0.86 + ball * np.sin(turn)], axis=1)
    profile = lathe(np.concatenate([[(0, head[0, 1])], head]), 0.0085, 24)
    mesh = warped(profile, _grille(24, 0.028, 0.72, 0.99, 2 * np.pi * ball / 24))
    low = float(head[0, 1])
    handle = [(0, 0), (tail, 0), (tail, 0), (tail, 0.03), (tail * 1.02, 0.3), (grip, 0.55), (grip, 0.64)]
    handle += [(grip * 1.05, 0.66), (head[0, 0] + 0.01, low - 0.01), (head[0, 0] + 0.012, low + 0.03), (0, low + 0.03)]
    rod = lathe(np.concatenate([curve(handle[:-1]), handle[-1:]]), 0.014)
    band = torus(ball, 0.016, 0.85, 0.012)
    switch = box((0.024, 0.035, 0.1), 0.01, (grip * 0.96, 0, 0.48))
    socket = lathe([(0, -0.05), (tail - 0.018, -0.05), (tail - 0.018, 0.05), (0, 0.05)], 0.012)
    solid = union([mesh, rod, band, switch]) - socket
    tilt = float(np.degrees(np.arcsin((ball + 0.016 - tail) / 0.85)))
    return levelled(solid.rotate((0, 0, 180)).rotate((0, 90 - tilt, 0)), 0.004)


def _studio(rng: Generator) -> Any:
    """A large-diaphragm microphone in a fork on a round foot."""
    radius, low, high = rng.uniform(0.125, 0.145), 0.36, 0.98
    split, foot = rng.uniform(0.64, 0.68), rng.uniform(0.23, 0.27)
    body = curve([(0, low), (radius * 0.7, low), (radius, low + 0.01), (radius, low + 0.05), (radius, split)])
    head = curve([(radius * 0.96, split), (radius * 0.96, high - 0.14), (radius * 0.9, high), (radius * 0.4, high)])
    barrel = lathe(np.concatenate([body, [(0, split)]]))
    cage = lathe([(0, split - 0.02), (radius * 0.96, split - 0.02), *head, (0, high)], 0.009, 20)
    cage = warped(cage, _grille(20, 0.03, split + 0.02, high - 0.02, 2 * np.pi * radius / 20))
    rings = [torus(radius, 0.014, split, 0.012), torus(radius * 0.955, 0.012, 0.5 * (split + high) + 0.06, 0.012)]
    plinth = curve([(0, 0), (foot, 0), (foot, 0), (foot, 0.04), (foot * 0.85, 0.05), (0.06, 0.06), (0.03, 0.09)])
    base = lathe([*plinth, (0.0, 0.09)])
    turn = np.linspace(np.pi, 2 * np.pi, 120)
    at, span = low + 0.14, radius + 0.05
    bow = np.stack([span * np.cos(turn), np.zeros(120), at + (at - 0.24) * np.sin(turn)], axis=1)
    fork = tube(bow, 0.032, oval(0.5, 4.0), round_ends=True, edge=0.014)
    stem = tube([(0, 0, 0.03), (0, 0, 0.25)], 0.024)
    screw = tube([(radius - 0.03, 0, at), (span + 0.045, 0, at)], 0.028, round_ends=True)
    badge = box((0.05, 0.03, 0.07), 0.01, (0, -radius, split - 0.1))
    return union([barrel, cage, *rings, base, fork, stem, screw, screw.mirror((1, 0, 0)), badge])


def _swan_neck(rng: Generator) -> Any:
    """A high bent spout over a round base, a lever at the side."""
    reach, high, low = rng.uniform(0.36, 0.44), rng.uniform(0.8, 0.84), rng.uniform(0.5, 0.58)
    bend = reach / 2
    base = [(0, 0), (0.13, 0), (0.13, 0), (0.13, 0.025), (0.09, 0.04), (0.07, 0.05), (0.066, 0.12), (0.066, 0.26)]
    body = lathe(np.concatenate([curve([*base, (0.064, 0.32), (0.042, 0.35)]), [(0.0, 0.35)]]), 0.013)
    turn = np.linspace(np.pi, 0, 80)
    arc = np.stack([bend + bend * np.cos(turn), np.zeros(80), high + bend * np.sin(turn)], axis=1)
    path = np.concatenate([[(0, 0, 0.3)], arc, [(reach, 0, low)]])
    neck = tube(path, (0.036, 0.034, 0.032), edge=0.012)
    mouth = [(0, 0), (0.043, 0), (0.043, 0.06), (0.03, 0.075), (0, 0.075)]
    nozzle = lathe(mouth, 0.013).translate((reach, 0, low - 0.02))
    bore = lathe([(0, -0.1), (0.028, -0.1), (0.028, 0.1), (0, 0.1)], 0.013).translate((reach, 0, low - 0.02))
    lift = np.deg2rad(rng.uniform(25, 50))
    hub = tube([(0, 0.03, 0.2), (0, 0.12, 0.2)], 0.05, side=(1, 0, 0), round_ends=True)
    far = (0, 0.13 + 0.26 * np.cos(lift), 0.2 + 0.26 * np.sin(lift))
    lever = tube([(0, 0.11, 0.2), far], (0.026, 0.02), oval(0.6, 3.0), side=(1, 0, 0), round_ends=True, edge=0.012)
    return union([body, neck, nozzle, hub, lever]) - bore


def _pillar(rng: Generator) -> Any:
    """An old basin tap: fluted base, stout spout, bonnet and a cross handle with knobs."""
    reach, arms, at = rng.uniform(0.4, 0.48), rng.uniform(0.17, 0.2), 0.34
    base = [(0, 0), (0.16, 0), (0.16, 0), (0.16, 0.03), (0.12, 0.06), (0.085, 0.08), (0.08, 0.16), (0.08, 0.22)]
    column = [(0.11, 0.26), (0.115, 0.34), (0.11, 0.42), (0.1, 0.46), (0.11, 0.48), (0.11, 0.53), (0.06, 0.62)]
    column += [(0.05, 0.68), (0.035, 0.7), (0.033, 0.78)]
    body = lathe(np.concatenate([curve([*base, *column]), [(0.0, 0.78)]]))
    path = [(0, 0, at), (0.2, 0, at + 0.02), (reach * 0.8, 0, at + 0.04), (reach, 0, at + 0.04), (reach, 0, at - 0.1)]
    spout = tube(curve(path), (0.075, 0.068, 0.06, 0.056, 0.054))
    lip = torus(0.05, 0.016, at - 0.09, 0.012).translate((reach, 0, 0))
    bore = lathe([(0, -0.05), (0.036, -0.05), (0.036, 0.08), (0, 0.08)], 0.013).translate((reach, 0, at - 0.1))
    knob = lathe(curve([(0, -0.045), (0.05, -0.04), (0.05, 0.04), (0, 0.045)]), 0.012)
    cross, turn = [], float(rng.uniform(15, 75))
    for k in range(4):
        arm = tube([(0, 0, 0), (arms, 0, 0)], (0.032, 0.024)) + knob.translate((arms + 0.01, 0, 0))
        cross.append(arm.rotate((0, 0, turn + 90 * k)).translate((0, 0, 0.81)))
    cap = lathe(curve([(0, -0.06), (0.055, -0.06), (0.062, 0), (0.055, 0.05), (0.03, 0.07), (0, 0.07)]))
    return union([body, spout, lip, *cross, cap.translate((0, 0, 0.81))]) - bore


MAKERS: dict[str, Callable[[Generator], Any]] = {
    "eraser0": _eraser,
    "microphone0": _hand_held,
    "microphone1": _studio,
    "tap0": _swan_neck,
    "tap1": _pillar,
}
