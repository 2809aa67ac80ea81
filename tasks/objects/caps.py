"""The six caps; x points to the front, the brim."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.meshes.refine import Points
from tasks.objects.forms import box, curve, lathe, oval, panel, ring, slab, torus, tube, union, wall
from tasks.objects.warps import lifted, ribbed, warped


def _brim(head: tuple[float, float], length: float, arch: float, drop: float = 0.0, thick: float = 0.026) -> Any:
    """A peak in front of an oval head of half widths `head`: arched across by `arch`, falling by `drop` to its tip."""
    reach, rows = np.deg2rad(82), np.linspace(0, 1, 16)[:, None]
    turn = np.linspace(-reach, reach, 61)[None, :]
    inner = head[0] * np.cos(turn) - 0.012, head[1] * np.sin(turn)
    tip = np.cos(np.linspace(-np.pi / 2, np.pi / 2, 61))[None, :] ** 0.7
    outer = inner[0] + 0.02 + length * tip, inner[1] * 1.04
    x, y = (a + rows * (b - a) for a, b in zip(inner, outer, strict=True))
    z = thick / 2 + drop + arch * (1 - (y / head[1] / 1.04) ** 2) - drop * rows
    return panel(np.stack([x, y, z], axis=2), thick)


def _front(x: Points, y: Points, head: tuple[float, float]) -> Points:
    """How much of the brim's arch a point below the crown takes part in: none behind, all at the front."""
    return np.asarray(np.clip(x / head[0] * 1.5, 0, 1) * np.clip(1 - (y / head[1]) ** 2, 0, 1))


def _raised(head: tuple[float, float], rise: float, height: float) -> Any:
    """Lifts the front of a crown's rim to where the brim is sewn on."""
    return lifted(lambda x, y, z: np.asarray(z + rise * _front(x, y, head) * np.clip(1 - z / height, 0, 1)))


def _baseball(rng: Generator) -> Any:
    head, height = (rng.uniform(0.28, 0.31), rng.uniform(0.245, 0.265)), rng.uniform(0.3, 0.35)
    length, arch, seams = rng.uniform(0.26, 0.32), rng.uniform(0.05, 0.075), 6
    line = [(0, 1), (0.3, 1), (0.78, 0.95), (1.0, 0.62), (1.02, 0.3), (1, 0.0)]
    dome = lathe(wall(curve(np.array(line) * (0.28, height)), 0.028), 0.012, 24)
    crown = warped(
        dome.scale((head[0] / 0.28, head[1] / 0.28, 1)),
        ribbed(seams, 0.03, lambda a: -(np.cos(a / 2) ** 40)),
        _raised(head, arch, height),
    )
    gap = slab([(-0.1, 0.05), (0.1, 0.05), (0.09, 0.1), (0.05, 0.145), (0, 0.155), (-0.05, 0.145), (-0.09, 0.1)], 0.4)
    gap = gap.rotate((90, 0, -90))
    button = lathe(curve([(0, -0.02), (0.035, -0.02), (0.035, 0.012), (0.02, 0.022), (0, 0.022)]), 0.01)
    return union([crown - gap, _brim(head, length, arch), button.translate((0, 0, height + 0.01))])


def _flat(rng: Generator) -> Any:
    """A wide soft crown, low in front, sewn down on a short brim."""
    head, height, slope = (0.36, rng.uniform(0.3, 0.33)), rng.uniform(0.25, 0.29), rng.uniform(0.45, 0.55)
    line = [(0, 1), (0.5, 1), (0.95, 1.0), (1.14, 0.75), (1.15, 0.4), (1.0, 0.25), (0.94, 0)]
    dome = lathe(wall(curve(np.array(line) * (0.32, height)), 0.03), 0.014, 16).scale(
        (head[0] / 0.32, head[1] / 0.32, 1)
    )

    def slouch(x: Points, y: Points, z: Points) -> Points:
        share = np.clip((x + 0.12) / 0.55, 0, 1)
        low = 0.05 * _front(x, y, head) * np.clip(1 - z / height, 0, 1)
        return np.asarray(z * (1 - slope * share**1.4) + low)

    crown = warped(dome, ribbed(8, 0.015, lambda a: -(np.cos(a / 2) ** 40)), lifted(slouch))
    button = lathe(curve([(0, -0.03), (0.03, -0.03), (0.03, 0.01), (0.015, 0.018), (0, 0.018)]), 0.01)
    at = float(height * (1 - slope * (0.12 / 0.55) ** 1.4))
    peak = _brim((head[0], head[1] * 0.96), rng.uniform(0.14, 0.18), 0.035, 0.0, 0.03)
    return union([crown, peak, button.translate((0, 0, at + 0.01))])


def _beanie(rng: Generator) -> Any:
    """Knitted, with a rolled edge and a pompom."""
    height, cuff, ribs = rng.uniform(0.52, 0.6), rng.uniform(0.15, 0.19), int(rng.integers(26, 33))
    line = [(0, 1), (0.14, 1), (0.3, 0.9), (0.36, 0.62), (0.36, 0.35), (0.34, 0.02)]
    dome = lathe(wall(curve(np.array(line) * (1, height)), 0.04), 0.013, 4 * ribs)
    knit = warped(dome, ribbed(ribs, 0.016))
    fold = oval(0.5 * cuff / 0.04, 3.0) * 0.04 + (0.375, 0.5 * cuff)
    edge = warped(ring(np.concatenate([fold, fold[:1]]), 0.012), ribbed(ribs, 0.018))
    ball, tufts = rng.uniform(0.1, 0.125), 11
    turn = np.linspace(-np.pi / 2, np.pi / 2, 60)
    bob = lathe(np.stack([ball * np.cos(turn), ball * np.sin(turn)], axis=1), 0.011)

    def fuzz(points: Points) -> Points:
        x, y, z = points.T
        wave = np.cos(tufts * np.arctan2(y, x)) * np.sin(tufts * np.arccos(np.clip(z / ball, -1, 1)))
        return np.asarray(points * (1 + 0.06 * wave * np.hypot(x, y) / ball)[:, None])

    return union([knit, edge, warped(bob, fuzz).translate((0, 0, height + 0.8 * ball))])


def _bucket_hat(rng: Generator) -> Any:
    """A steep crown with a flat top, a brim that slopes down all round, stitched in circles."""
    from manifold3d import Manifold

    top, base = rng.uniform(0.21, 0.235), rng.uniform(0.27, 0.29)
    height, brim = rng.uniform(0.4, 0.46), rng.uniform(0.12, 0.16)
    line = curve(
        [(0, height), (top * 0.6, height), (top, height), (top, height), (base, brim + 0.1), (base, brim)], 200
    )
    slope = curve([(base, brim), (base + 0.01, brim - 0.01), (0.4, brim * 0.45), (0.49, 0)], 100)
    hat = lathe(wall(np.concatenate([line, slope[1:]]), 0.03), 0.012)

    def stitched(x: Points, y: Points, z: Points) -> Points:
        r = np.hypot(x, y)
        return np.asarray(z + 0.004 * np.cos(2 * np.pi * r / 0.042) * np.clip((r - base - 0.02) / 0.02, 0, 1))

    hat = warped(hat, lifted(stitched))
    seam = torus(top + 0.012, 0.009, height - 0.008, 0.012)
    eye = Manifold.cylinder(1.0, 0.016, 0.016, 24).rotate((90, 0, 0)).translate((0, 0.5, 0))
    eyes = [eye.translate((x, 0, brim + 0.55 * (height - brim))) for x in (-0.05, 0.05)]
    return union([hat, seam]) - union(eyes)


def _officer(rng: Generator) -> Any:
    """A wide plate of a crown, higher in front, over a band with a badge, a cord and a short peak."""
    head, height, plate = (0.285, rng.uniform(0.26, 0.275)), rng.uniform(0.3, 0.34), rng.uniform(0.41, 0.44)
    band, tilt, rise = 0.13, rng.uniform(0.22, 0.32), 0.035
    line = [(0, height), (plate * 0.7, height), (plate, height - 0.005), (plate + 0.01, height - 0.04)]
    line += [(plate - 0.03, height - 0.07), (0.3, band + 0.02), (0.285, band), (0.285, 0.0)]
    dome = lathe(wall(np.concatenate([curve(line[:5], 100), curve(line[4:], 100)[1:]]), 0.03), 0.015)
    welt = union([torus(plate + 0.012, 0.012, height - 0.03, 0.012), torus(0.293, 0.013, band, 0.012)])
    tip = lifted(lambda x, y, z: np.asarray(z + tilt * x * np.clip((z - band) / (height - band), 0, 1)))
    crown = warped((dome + welt).scale((1, head[1] / 0.285, 1)), tip, _raised(head, rise, height))
    peak = _brim(head, rng.uniform(0.13, 0.16), rise, 0.035)
    turn = np.linspace(-1.25, 1.25, 80)
    cord = np.stack([(head[0] + 0.02) * np.cos(turn), (head[1] + 0.02) * np.sin(turn)], axis=1)
    cord = np.column_stack([cord, np.full(80, 0.075) + 0.02 * np.cos(turn)])
    badge = slab([(0, -0.06), (0.045, -0.01), (0.05, 0.05), (0, 0.07), (-0.05, 0.05), (-0.045, -0.01)], 0.05, 0.012)
    badge = badge.rotate((90, 0, 90)).rotate((0, 12, 0)).translate((0.28, 0, 0.165))
    studs = [box((0.03, 0.03, 0.03), 0.012, (*cord[k, :2], cord[k, 2])) for k in (0, -1)]
    return union([crown, peak, tube(cord, 0.014, side=(0, 0, 1), edge=0.012), badge, *studs])


def _kepi(rng: Generator) -> Any:
    """A short drum with a flat sunken top that leans forward, and a small level peak."""
    head, height = (0.31, rng.uniform(0.27, 0.285)), rng.uniform(0.36, 0.42)
    top, lean, rise = rng.uniform(0.245, 0.265), rng.uniform(0.06, 0.1), 0.03
    line = [(0, height - 0.02), (top - 0.03, height - 0.02), (top, height), (0.3, 0.1), (0.31, 0)]
    drum = lathe(wall(np.array(line), 0.03), 0.015)
    rims = [torus(top + 0.008, 0.014, height - 0.01, 0.012), torus(0.315, 0.012, 0.1, 0.012)]
    solid = union([drum, *rims]).scale((1, head[1] / 0.31, 1))

    def forward(points: Points) -> Points:
        x, y, z = np.asarray(points).T
        share = np.clip(z / height, 0, 1)
        return np.stack([x + lean * share, y, z - 0.22 * (x + 0.1) * share**2], axis=1)

    solid = warped(solid, forward, _raised(head, rise, height))
    return solid + _brim(head, rng.uniform(0.17, 0.21), rise, 0.01, 0.028)


MAKERS: dict[str, Callable[[Generator], Any]] = {
    "cap0": _baseball,
    "cap1": _flat,
    "cap2": _beanie,
    "cap3": _bucket_hat,
    "cap4": _officer,
    "cap5": _kepi,
}
