"""Floors: asphalt, concrete, epoxy, marble, planks, rubber, steel, tiles. Patterns lie in the plane z = 0."""

from typing import Any

import numpy as np
from nodes import (
    Colour,
    Inputs,
    axes,
    between,
    bump,
    cells,
    colour,
    maths,
    mixed,
    node,
    noise,
    ramp,
    scaled,
    scattered,
    shade,
    vectors,
)

MATT: Inputs = {"Roughness": 1.0, "Specular IOR Level": 0.0}
"""Of what has next to no gloss: none at all, so that nothing is left to trace under baked light (see baking.py)."""


def asphalt(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Dark binder around small stones, few of them pale."""
    base = colour(rng, ((0.075, 0.075, 0.078), (0.10, 0.098, 0.095), (0.058, 0.060, 0.065)))
    stones = cells(tree, scattered(tree, rng, where), rng.uniform(58.0, 68.0), dimensions="2D")
    tone = ramp(tree, stones["Color"], shade(base, 0.93), shade(base, 1.4), 0.3, 1.0)
    binder = between(tree, stones["Distance"], 0.25, 0.75, 1.0, 0.85)
    return {"Base Color": mixed(tree, 1.0, tone, binder, "MULTIPLY"), **MATT}


def concrete(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Trowelled: faint clouds, a sandy grain, small pores."""
    base = colour(rng, ((0.30, 0.295, 0.28), (0.36, 0.345, 0.315), (0.22, 0.222, 0.225)))
    place = scattered(tree, rng, where)
    clouds = noise(tree, place, rng.uniform(2.2, 3.2), 4.0, "2D")
    sand = noise(tree, place, 60.0, 0.0, "2D")
    pores = between(tree, cells(tree, place, 14.0, dimensions="2D")["Distance"], 0.05, 0.10, 0.45, 1.0)
    tone = ramp(tree, maths(tree, "MULTIPLY_ADD", sand, 0.55, clouds), shade(base, 0.68), shade(base, 1.2), 0.55, 1.0)
    return {
        "Base Color": mixed(tree, 1.0, tone, pores, "MULTIPLY"),
        **MATT,
    }


def epoxy(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """A poured, glossy coat with flakes strewn into it."""
    base = colour(
        rng, ((0.20, 0.22, 0.24), (0.10, 0.18, 0.24), (0.16, 0.24, 0.19), (0.36, 0.35, 0.32), (0.24, 0.06, 0.045))
    )
    flakes = cells(tree, scattered(tree, rng, where), rng.uniform(30.0, 38.0), dimensions="2D")["Color"]
    return {
        "Base Color": ramp(tree, flakes, base, shade(base, 1.75), 0.70, 0.72),
        "Roughness": rng.uniform(0.10, 0.18),
    }


def marble(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Pale or dark stone with bent veins, polished."""
    dark = rng.random() < 0.3
    base = colour(
        rng, ((0.030, 0.034, 0.034), (0.035, 0.055, 0.042)) if dark else ((0.62, 0.61, 0.58), (0.56, 0.52, 0.46))
    )
    vein = (0.42, 0.42, 0.40, 1.0) if dark else shade(base, 0.36)
    turned = scaled(tree, scattered(tree, rng, where), 1.0, 0.45, 1.0, rng.uniform(0, np.pi))
    bent = noise(tree, turned, rng.uniform(1.6, 2.2), 3.0, "2D")
    folds = maths(tree, "ABSOLUTE", maths(tree, "SINE", maths(tree, "MULTIPLY", bent, 4 * np.pi)))
    clouds = noise(tree, turned, 3.5, 1.0, "2D")
    stone = ramp(tree, maths(tree, "POWER", folds, 0.35), vein, base, 0.25, 0.85)
    return {
        "Base Color": mixed(tree, 1.0, stone, between(tree, clouds, 0.3, 0.7, 0.72, 1.0), "MULTIPLY"),
        "Roughness": rng.uniform(0.08, 0.16),
    }


def _bricks(
    tree: Any, where: Any, rng: np.random.Generator, offset: float, size: tuple[float, float],
    one: Colour, two: Colour, joint: Colour, width: float,
) -> Any:  # fmt: skip
    return node(
        tree, "TexBrick",
        {"Vector": where, "Color1": one, "Color2": two, "Mortar": joint, "Scale": rng.uniform(1.6, 2.6),
         "Mortar Size": width, "Mortar Smooth": 0.2, "Bias": 0.0, "Brick Width": size[0], "Row Height": size[1]},
        offset=offset,
    )  # fmt: skip


def planks(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.36, 0.24, 0.13), (0.46, 0.35, 0.22), (0.20, 0.14, 0.09), (0.40, 0.37, 0.32)))
    turned = scaled(tree, where, 1.0, 1.0, 1.0, rng.uniform(0, np.pi))
    bricks = _bricks(tree, turned, rng, 0.5, (4.0, 0.6), shade(base, 0.7), shade(base, 1.2), shade(base, 0.15), 0.008)
    fibres = noise(tree, scaled(tree, scattered(tree, rng, turned), 1.5, 26.0, 1.0), 1.0, 2.0, "2D")
    tint = between(tree, fibres, 0.3, 0.7, 0.55, 1.0)
    return {
        "Base Color": mixed(tree, 1.0, bricks.outputs["Color"], tint, "MULTIPLY"),
        "Roughness": rng.uniform(0.4, 0.6),
    }


def rubber(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """A mat with round studs in straight rows."""
    base = colour(rng, ((0.030, 0.030, 0.032), (0.04, 0.06, 0.085), (0.045, 0.07, 0.045), (0.10, 0.018, 0.015)))
    turn, rows = rng.uniform(0, np.pi), rng.uniform(7.0, 10.0)
    aside = vectors(tree, "WRAP", scaled(tree, where, rows, rows, 0.0, turn), (0.5,) * 3, (-0.5,) * 3)
    dots = vectors(tree, "LENGTH", aside)
    studs = between(tree, dots, 0.18, 0.42, 1.0, 0.0, "SMOOTHERSTEP")
    return {
        "Base Color": ramp(tree, studs, shade(base, 0.9), shade(base, 1.3)),
        "Normal": bump(tree, studs, 0.005),
        **MATT,
    }


def steel(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Tread plate: short raised bars in turns along and across."""
    base = colour(rng, ((0.42, 0.43, 0.44), (0.32, 0.34, 0.37), (0.48, 0.47, 0.45)), 0.08)
    turned = scaled(tree, where, 5.5, 5.5, 1.0, rng.uniform(0, np.pi))
    waves = axes(tree, vectors(tree, "SINE", vectors(tree, "MULTIPLY", turned, (np.pi, np.pi, 1.0))))
    x, y = (maths(tree, "ABSOLUTE", waves[n]) for n in range(2))
    checker = node(tree, "TexChecker", {"Vector": turned, "Scale": 1.0}).outputs["Fac"]
    along = maths(tree, "MULTIPLY", maths(tree, "POWER", x, 0.35), maths(tree, "POWER", y, 6.0))
    across = maths(tree, "MULTIPLY", maths(tree, "POWER", y, 0.35), maths(tree, "POWER", x, 6.0))
    bars = node(tree, "Mix", {0: checker, 2: along, 3: across}).outputs[0]
    raised = between(tree, bars, 0.3, 0.65)
    wear = noise(tree, turned, 0.6, 2.0, "2D")
    return {
        "Base Color": ramp(tree, wear, shade(base, 0.6), base, 0.3, 0.7),
        "Metallic": 1.0,
        "Roughness": between(tree, raised, 0.0, 1.0, rng.uniform(0.42, 0.5), 0.28),
        "Normal": bump(tree, raised, 0.009),
    }


def tiles(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(
        rng, ((0.55, 0.56, 0.55), (0.20, 0.30, 0.33), (0.50, 0.44, 0.34), (0.10, 0.11, 0.12), (0.30, 0.11, 0.06))
    )
    turned = scaled(tree, where, 1.0, 1.0, 1.0, rng.uniform(0, np.pi))
    bricks = _bricks(tree, turned, rng, 0.0, (1.0, 1.0), shade(base, 0.8), shade(base, 1.1), shade(base, 0.3), 0.018)
    return {
        "Base Color": bricks.outputs["Color"],
        "Roughness": rng.uniform(0.15, 0.3),
        "Normal": bump(tree, maths(tree, "SUBTRACT", 1.0, bricks.outputs["Fac"]), 0.01),
    }
