"""The four helmets; x points to the front."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.meshes.refine import Points
from tasks.objects.forms import box, curve, lathe, levelled, oval, slab, tube, union, wall
from tasks.objects.warps import polar, warped


def _bicycle(rng: Generator) -> Any:
    """An elongated shell with rows of long vents, pointed behind."""
    half = np.array([0.48, rng.uniform(0.33, 0.36), rng.uniform(0.34, 0.38)])
    thick, long, wide = 0.07, rng.uniform(0.11, 0.13), rng.uniform(0.034, 0.04)
    turn = np.linspace(np.pi / 2, -0.2, 100)
    line = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 0.4
    shell = lathe(wall(line, thick), 0.016).scale(tuple(half / 0.4))
    lens = slab(_lens(long, wide), 0.4).translate((0, 0, -0.2))
    vents = [
        _on(lens, half, pitch, roll)
        for roll, pitches in (
            (0.0, (-38, 2, 40)),
            (26.0, (-50, -14, 20, 52)),
            (-26.0, (-50, -14, 20, 52)),
            (54.0, (-40, 0, 38)),
            (-54.0, (-40, 0, 38)),
        )
        for pitch in pitches
    ]
    solid = shell - union(vents)

    def shaped(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        tail = np.clip(-x / half[0], 0, 1) ** 2
        share = np.clip(1 - z / half[2], 0, 2)
        arch = 0.07 * np.cos(np.pi * x / half[0]) * share
        return np.stack(
            [x - 0.06 * tail, y * (1 - 0.25 * tail), z + arch + 0.05 * tail * np.clip(z / half[2], 0, 1)], axis=1
        )

    return levelled(warped(solid, shaped), 0.008)


def _lens(long: float, wide: float) -> Points:
    along = np.linspace(-np.pi / 2, np.pi / 2, 60)
    return np.concatenate(
        [
            np.stack([long * np.sin(along), -wide * np.cos(along) ** 1.4], axis=1),
            np.stack([-long * np.sin(along), wide * np.cos(along) ** 1.4], axis=1)[1:-1],
        ]
    )


def _on(tool: Any, half: Points, pitch: float, roll: float) -> Any:
    """A tool along x, its z outward, put on an ellipsoid; `pitch` forward and `roll` aside, in degrees."""
    a, b = np.deg2rad(pitch), np.deg2rad(roll)
    unit = np.array([np.sin(a), np.cos(a) * np.sin(b), np.cos(a) * np.cos(b)])
    out = unit / half
    out /= np.linalg.norm(out)
    along = np.array([np.cos(a), -np.sin(a) * np.sin(b), -np.sin(a) * np.cos(b)]) * half
    along -= (along @ out) * out
    along /= np.linalg.norm(along)
    return tool.transform(np.column_stack([along, np.cross(out, along), out, unit * half]))


def _full_face(rng: Generator) -> Any:
    """Closed round the chin, with a visor, its hinges, and vents."""
    thick, chin, height = 0.075, rng.uniform(0.09, 0.13), rng.uniform(0.84, 0.9)
    line = [(0, 1), (0.26, 1), (0.42, 0.86), (0.43, 0.58), (0.4, 0.36), (0.37, 0.2), (0.36, 0.06), (0.34, 0)]
    middle = curve(np.array(line) * (1, height))
    shell = lathe(wall(middle, thick))
    skin = lathe(wall(middle * (0.9, 0.96), 0.03))
    low, high = rng.uniform(0.34, 0.38) * height, rng.uniform(0.68, 0.72) * height
    port = [(1, low - 0.05), (0.2, low), (0.06, low + 0.04), (0.0, (low + high) / 2), (0.04, high - 0.03), (0.2, high)]
    window = slab(curve([*port, (1, high + 0.02), (1, low - 0.05)], 200), 1.2).rotate((90, 0, 0)).translate((0, 0.6, 0))
    visor = skin ^ slab(_grown(port), 1.2).rotate((90, 0, 0)).translate((0, 0.6, 0))
    hinge = lathe(curve([(0, 0), (0.075, 0), (0.075, 0.03), (0.06, 0.045), (0, 0.045)])).rotate((-90, 0, 0))
    hinge = hinge.translate((0.03, 0.405, (low + high) / 2))
    slots = [
        box((0.3, 0.12, 0.026), 0.0125, (0.4, y, z)) for y in (-0.09, 0.09) for z in (0.11 * height, 0.18 * height)
    ]
    slots += [box((0.3, 0.02, 0.06), 0.0095, (0.3, y, 0.88 * height)) for y in (-0.1, 0.1)]
    solid = union([shell - window, visor, hinge, hinge.mirror((0, 1, 0))]) - union(slots)

    def shaped(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        jut = chin * np.clip(x / 0.4, 0, 1) ** 2 * np.exp(-(((z / height - 0.2) / 0.22) ** 2))
        return np.stack([x * 1.08 + jut, y * 0.9, z], axis=1)

    return warped(solid, shaped)


def _grown(port: list[tuple[float, float]]) -> list[tuple[float, float]]:
    return [(port[0][0], port[0][1] - 0.06), *[(x - 0.03, z) for x, z in port[1:]], (1.0, port[-1][1] + 0.08)]


def _hard_hat(rng: Generator) -> Any:
    """A dome with ridges from front to back over a brim that is longest in front."""
    radius, height, brim = rng.uniform(0.33, 0.36), rng.uniform(0.36, 0.4), 0.07
    visor = rng.uniform(0.1, 0.14)
    line = [(0, height), (0.16, height), (radius * 0.92, height * 0.92), (radius, 0.45 * height), (radius, 0.06)]
    dome = lathe(
        wall(curve([*line, (radius + 0.005, 0.02), (radius + 0.03, 0.015), (radius + brim, 0.0)]), 0.032), 0.014
    )

    def peak(turn: Points, r: Points, z: Points) -> Points:
        out = np.clip((r - radius - 0.005) / brim, 0, 1.3)
        return np.asarray(r + visor * out * np.exp(-((turn / 0.7) ** 4)))

    ridges = []
    arch = curve(line)
    arch = arch[arch[:, 1] > 0.3 * height] * 1.02
    for y, wide, flat in ((0.0, 0.055, 0.8), (0.13, 0.028, 1.4), (-0.13, 0.028, 1.4)):
        # Over the dome's cut at y: where the dome has the radius r, the cut is sqrt(r^2 - y^2) from the middle.
        over = arch[arch[:, 0] > 1.02 * abs(y)]
        along = np.sqrt(over[:, 0] ** 2 - y**2)
        ridge = np.column_stack([along, np.full(len(over), y), over[:, 1]])
        ridge = np.concatenate([ridge[::-1] * (-1, 1, 1), ridge])
        ridges.append(tube(ridge, wide, oval(flat, 3.0), side=(0, 1, 0), round_ends=True, edge=0.013))
    return union([warped(dome, polar(peak)), *ridges]).scale((1.1, 0.95, 1))


def _army(rng: Generator) -> Any:
    """A combat helmet: drawn down and flared over ears and neck, bolts at the sides, a mount on the brow."""
    height, flare = rng.uniform(0.56, 0.62), rng.uniform(0.04, 0.06)
    line = [(0, 1), (0.2, 1), (0.35, 0.92), (0.42, 0.68), (0.41, 0.4), (0.4, 0.16), (0.42 + flare, 0)]
    dome = lathe(wall(curve(np.array(line) * (1, height)), 0.045), 0.015)

    def skirt(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        turn, low = np.arctan2(y, x), np.clip(1 - z / height, 0, 1.2)
        brow, nape = np.exp(-((turn / 0.95) ** 4)), np.exp(-(((np.pi - np.abs(turn)) / 0.8) ** 4))
        rise = low**1.5 * (0.2 * brow + 0.07 * nape)
        out = 1 + 0.08 * brow * np.clip(low - 0.75, 0, 1) * 4
        return np.stack([x * 1.12 * out, y * 0.95, z + rise], axis=1)

    shell = warped(dome, skirt)
    bolt = lathe(curve([(0, -0.03), (0.036, -0.03), (0.036, 0.012), (0.02, 0.024), (0, 0.024)]), 0.01)
    bolts = [
        bolt.rotate((0, 90, 0))
        .rotate((0, 0, angle))
        .translate((0.478 * np.cos(np.deg2rad(angle)), 0.405 * np.sin(np.deg2rad(angle)), 0.5 * height))
        for angle in (55.0, 125.0, -55.0, -125.0)
    ]
    mount = box((0.1, 0.14, 0.16), 0.02).rotate((0, -12, 0)).translate((0.45, 0, 0.58 * height))
    slot = box((0.1, 0.06, 0.08), 0.012).rotate((0, -12, 0)).translate((0.53, 0, 0.58 * height))
    return union([shell, mount, *bolts]) - slot


MAKERS: dict[str, Callable[[Generator], Any]] = {
    "helmet0": _bicycle,
    "helmet1": _full_face,
    "helmet2": _hard_hat,
    "helmet3": _army,
}
