"""Bottles, buckets, the jar and the ashtray."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.objects.forms import box, curve, lathe, oval, ring, slab, torus, tube, union, wall
from tasks.objects.warps import faceted, warped


def _wine_bottle(rng: Generator) -> Any:
    body, neck, shoulder = rng.uniform(0.15, 0.19), rng.uniform(0.05, 0.06), rng.uniform(0.52, 0.62)
    line = [(0, 0.03), (body * 0.5, 0.02), (body, 0), (body, 0), (body, 0.12), (body, 0.3), (body, shoulder)]
    line += [(body, shoulder + 0.09), (neck * 1.1, shoulder + 0.16), (neck, shoulder + 0.24), (neck, 0.97), (neck, 1.0)]
    lip = neck + 0.026
    band = [(neck, 0.93), (lip, 0.935), (lip, 0.985), (neck, 0.99), (neck, 0.93)]
    return lathe(wall(curve(line), 0.03), 0.015) + ring(band)


def _water_bottle(rng: Generator) -> Any:
    """Soft: rings pressed into the body, a grip waist, a screw neck with its collar."""
    body, waist, count = rng.uniform(0.16, 0.185), rng.uniform(0.84, 0.90), int(rng.integers(4, 6))
    neck = rng.uniform(0.062, 0.07)
    side = [(0, 0.03), (body * 0.5, 0.03), (body * 0.95, 0), (body, 0.01), (body, 0.06), (body, 0.24), (body, 0.3)]
    side += [(body * waist, 0.34), (body * waist, 0.46), (body, 0.5), (body, 0.56), (body, 0.66), (body * 0.98, 0.78)]
    line = curve([*side, (neck * 1.5, 0.85), (neck, 0.87), (neck, 0.9), (neck, 0.97), (neck, 1.0)], 900)
    z = line[:, 1]
    inside = (z > 0.07) & (z < 0.29) & (line[:, 0] > 0.9 * body)
    line[inside, 0] -= 0.009 * (1 - np.cos(2 * np.pi * (z[inside] - 0.07) / 0.22 * (count - 1))) / 2
    threads = [torus(neck + 0.012, 0.008, z, 0.012) for z in (0.945, 0.975)]
    return union([lathe(wall(line, 0.028), 0.012), torus(neck + 0.018, 0.014, 0.905, 0.012), *threads])


def _flask(rng: Generator) -> Any:
    """Flat and square-shouldered, with a short stout neck."""
    width, depth, shoulder = rng.uniform(0.27, 0.31), rng.uniform(0.14, 0.17), rng.uniform(0.66, 0.72)
    neck, thick = rng.uniform(0.075, 0.09), 0.035
    outer = slab(oval(depth / width, 5.0) * width, shoulder, 0.04)
    inner = slab(oval((depth - thick) / (width - thick), 5.0) * (width - thick), shoulder - 2 * thick, 0.02)
    panel = box((1.3 * width, 0.1, 0.62 * shoulder), 0.03)
    for sign in (-1, 1):
        outer -= panel.translate((0, sign * (depth + 0.038), 0.5 * shoulder))
    stem = [(0, shoulder - 0.03), (neck + 0.03, shoulder - 0.03), (neck, shoulder + 0.04), (neck, 0.9)]
    stem += [(neck + 0.022, 0.905), (neck + 0.022, 0.985), (neck + 0.008, 1.0), (0, 1.0)]
    bore = [(0, shoulder - 0.08), (neck - thick, shoulder - 0.08), (neck - thick, 1.1), (0, 1.1)]
    return outer + lathe(stem, 0.014) - inner.translate((0, 0, thick)) - lathe(bore, 0.014)


def _tin_bucket(rng: Generator) -> Any:
    top, base, height = rng.uniform(0.36, 0.40), rng.uniform(0.25, 0.29), rng.uniform(0.62, 0.70)
    line = [(0, 0), (base * 0.8, 0), (base, 0), (base, 0), (base * 1.01, 0.06), (top * 0.9, 0.75 * height)]
    body = lathe(wall(curve([*line, (top, height)]), 0.032)) + torus(top, 0.022, height)
    return body + _bail(top, height, rng.uniform(0.32, 0.40), np.deg2rad(rng.uniform(0, 35)))


def _bail(top: float, height: float, rise: float, lean: float) -> Any:
    """A bucket's handle: two lugs on the wall and a wire between them, leaning to one side."""
    from manifold3d import Manifold

    at = height - 0.05
    arc = np.linspace(0, np.pi, 200)
    wire = np.stack([(top + 0.045) * np.cos(arc), np.zeros(200), rise * np.sin(arc) ** 0.8], axis=1)
    bail = tube(wire, 0.016, edge=0.012).rotate((float(np.rad2deg(lean)), 0, 0)).translate((0, 0, at))
    lug = Manifold.cylinder(0.075, 0.045, 0.045, 48).translate((0, 0, top - 0.012)).rotate((0, 90, 0))
    lug = lug.translate((0, 0, at))
    return bail + lug + lug.rotate((0, 0, 180))


def _pail(rng: Generator) -> Any:
    """Of wooden staves: flat sides, two hoops, two long staves as ears and a bar through them."""
    staves, top, slope = 2 * int(rng.integers(7, 10)), rng.uniform(0.33, 0.37), rng.uniform(0.82, 0.9)
    height, ear, thick = rng.uniform(0.54, 0.6), rng.uniform(0.3, 0.36), 0.05
    base = top * slope
    profile = [(0, 0.04), (base - thick, 0.04), (base - thick, 0), (base, 0), (top, height)]
    profile += [(top - thick, height), (base - thick + 0.005, 0.09), (0, 0.09)]
    body = warped(lathe(profile, fold=staves), faceted(staves))
    hoops = []
    for share in (0.16, 0.8):
        r, z = base + (top - base) * share, share * height
        hoops.append(ring([(r - 0.02, z), (r + 0.022, z), (r + 0.024, z + 0.06), (r - 0.02, z + 0.06), (r - 0.02, z)]))
    wide = 2 * top * np.sin(np.pi / staves) * 0.96
    middle = top * np.cos(np.pi / staves) - thick / 2
    outline = oval(1.0, 5.0) * (wide / 2, (ear + 0.16) / 2)
    stave = slab(outline, thick, 0.012).translate((0, 0, -thick / 2)).rotate((90, 0, 90))
    stave = stave.translate((middle, 0, height + (ear - 0.16) / 2)).rotate((0, 0, 180 / staves))
    bar = tube([(-middle - 0.06, 0, 0), (middle + 0.06, 0, 0)], 0.03, round_ends=True).rotate((0, 0, 180 / staves))
    ears = [stave, stave.rotate((0, 0, 180)), bar.translate((0, 0, height + ear - 0.08))]
    return union([body, *hoops, *ears])


def _jar(rng: Generator) -> Any:
    from manifold3d import Manifold

    belly, mouth, height = rng.uniform(0.34, 0.40), rng.uniform(0.24, 0.28), rng.uniform(0.58, 0.66)
    line = [(0, 0), (0.18, 0), (0.26, 0), (0.27, 0.04), (belly * 1.05, 0.2), (belly * 1.1, 0.6 * height)]
    line += [(mouth * 1.05, 0.88 * height), (mouth, 0.93 * height), (mouth, height)]
    rim = mouth + 0.045
    dome = [(0, 0.13), (0.1, 0.13), (0.7 * rim, 0.11), (rim, 0.06), (rim, 0.012)]
    lid = lathe(wall(np.add(curve(dome), (0, height)), 0.035))
    seat = ring([(mouth - 0.03, -0.02), (rim, -0.005), (rim, 0.03), (mouth - 0.03, 0.03), (mouth - 0.03, -0.02)])
    knob = [(0, 0), (0.05, 0), (0.035, 0.04), (0.04, 0.06), (0.085, 0.08), (0.085, 0.13), (0.05, 0.16), (0, 0.16)]
    knob_solid = lathe(curve(knob), 0.012).translate((0, 0, height + 0.12))
    # A vent in the base, where no camera looks, joins the inside with the outside: one surface, no sealed cavity.
    vent = Manifold.cylinder(0.3, 0.03, 0.03, 48).translate((0, 0, -0.15))
    return lathe(wall(curve(line), 0.035)) + lid + seat.translate((0, 0, height)) + knob_solid - vent


def _ashtray(rng: Generator) -> Any:
    from manifold3d import Manifold

    height, well, count = rng.uniform(0.20, 0.26), rng.uniform(0.35, 0.38), int(rng.integers(3, 5))
    outer = [(0, 0), (0.38, 0), (0.45, 0), (0.46, 0.02), (0.5, 0.8 * height), (0.5, height), (0.47, height)]
    inner = [(0.43, height), (well + 0.03, height), (well, 0.7 * height), (well - 0.03, 0.07), (well - 0.1, 0.06)]
    body = lathe(np.concatenate([curve(outer), curve([*inner, (0, 0.06)])]))
    groove = Manifold.cylinder(0.5, 0.05, 0.05, 64).translate((0, 0, 0.25)).rotate((0, 90, 0)).translate((0, 0, height))
    for k in range(count):
        body -= groove.rotate((0, 0, 360.0 * k / count + 20))
    return body


MAKERS: dict[str, Callable[[Generator], Any]] = {
    "ashtray0": _ashtray,
    "bottle0": _wine_bottle,
    "bottle1": _water_bottle,
    "bottle3": _flask,
    "bucket0": _tin_bucket,
    "bucket1": _pail,
    "jar0": _jar,
}
