"""Woods: oak, walnut, pine (solid, with rings and fibres), bamboo (glued strips), plywood (stacked layers).

The grain runs upwards; each object is cut at random out of a tree whose heart stands beside it.
"""

from typing import Any

import numpy as np
from nodes import (
    Inputs,
    axes,
    between,
    blend,
    bump,
    colour,
    maths,
    mixed,
    node,
    noise,
    ramp,
    scaled,
    shade,
    vector,
    vectors,
)


def _trunk(tree: Any, where: Any, rng: np.random.Generator, wobble: float) -> tuple[Any, Any]:
    """Distance from the tree's heart, bent by `wobble`, and fibres around 0.5."""
    turn, aside = rng.uniform(0, 2 * np.pi), rng.uniform(0.35, 0.8)
    moved = vectors(tree, "ADD", where, (aside * np.cos(turn), aside * np.sin(turn), rng.uniform(-9, 9)))
    bent = noise(tree, scaled(tree, moved, 1.0, 1.0, 0.55), 2.2, 1.0)
    x, y, z = (axes(tree, moved)[n] for n in range(3))
    lean = maths(tree, "MULTIPLY_ADD", z, rng.uniform(0.10, 0.22), x)
    distance = vectors(tree, "LENGTH", vector(tree, lean, y, 0.0))
    fibres = noise(tree, scaled(tree, moved, 55.0, 55.0, 2.2), 1.0, 0.0)
    return maths(tree, "MULTIPLY_ADD", bent, wobble, distance), fibres


def _rings(tree: Any, distance: Any, number: float) -> Any:
    """Growth rings, `number` per unit: 0 in early wood, rising to 1 in late wood, then sharply back."""
    return maths(tree, "FRACT", maths(tree, "MULTIPLY", distance, number))


def _board(base: Any, height: Any, rough: float) -> Inputs:
    return {"Base Color": base, "Roughness": rough, "Specular IOR Level": 0.35, "Normal": height}


def oak(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.40, 0.26, 0.125), (0.46, 0.32, 0.17), (0.33, 0.20, 0.09)))
    distance, fibres = _trunk(tree, where, rng, 0.30)
    rings = _rings(tree, distance, rng.uniform(13.0, 17.0))
    pores = maths(tree, "MULTIPLY_ADD", rings, 0.45, fibres)
    wood = ramp(tree, pores, shade(base, 1.15), shade(base, 0.48), 0.45, 1.05)
    return _board(wood, bump(tree, fibres, -0.002), rng.uniform(0.5, 0.62))


def walnut(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.085, 0.040, 0.022), (0.065, 0.034, 0.021), (0.11, 0.056, 0.030)))
    distance, fibres = _trunk(tree, where, rng, 0.55)
    waves = maths(tree, "SINE", maths(tree, "MULTIPLY", distance, rng.uniform(42.0, 55.0)))
    figure = maths(tree, "MULTIPLY_ADD", waves, 0.28, fibres)
    wood = ramp(tree, figure, shade(base, 0.45), shade(base, 1.45), 0.2, 0.85)
    return _board(wood, bump(tree, fibres, -0.0012), rng.uniform(0.3, 0.42))


def pine(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Pale, with thin, dark late wood and a few knots."""
    base = colour(rng, ((0.60, 0.42, 0.20), (0.66, 0.49, 0.27), (0.55, 0.35, 0.15)))
    distance, fibres = _trunk(tree, where, rng, 0.22)
    rings = _rings(tree, distance, rng.uniform(10.0, 13.0))
    late = blend(base, (0.34, 0.14, 0.035, 1.0), 0.75)
    wood = ramp(tree, maths(tree, "POWER", rings, 3.0), base, late, 0.1, 0.9)
    tinted = ramp(tree, fibres, (0.86, 0.86, 0.86, 1.0), (1.0, 1.0, 1.0, 1.0), 0.35, 0.6)
    return _board(mixed(tree, 1.0, wood, tinted, "MULTIPLY"), bump(tree, rings, -0.001), rng.uniform(0.42, 0.55))


def bamboo(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Upright strips of slightly different tone, each with its dark joints."""
    base = colour(rng, ((0.58, 0.44, 0.20), (0.50, 0.34, 0.14), (0.55, 0.46, 0.24)))
    strips = rng.uniform(13.0, 17.0)
    placed = vectors(tree, "ADD", scaled(tree, where, strips, strips, 0.0), tuple(rng.uniform(0, 50, 3).tolist()))
    own = node(tree, "TexWhiteNoise", {"Vector": vectors(tree, "FLOOR", placed)}).outputs["Value"]
    joints = maths(
        tree, "FRACT", maths(tree, "MULTIPLY_ADD", axes(tree, where)["Z"], 2.6, maths(tree, "MULTIPLY", own, 7.0))
    )
    joint = between(tree, maths(tree, "ABSOLUTE", maths(tree, "SUBTRACT", joints, 0.5)), 0.0, 0.06, 0.7, 1.0)
    fibres = noise(tree, scaled(tree, where, 70.0, 70.0, 1.5), 1.0, 0.0)
    tone = maths(tree, "MULTIPLY_ADD", fibres, 0.35, maths(tree, "MULTIPLY", own, 0.65))
    wood = ramp(tree, tone, shade(base, 0.62), shade(base, 1.2), 0.1, 0.85)
    return _board(mixed(tree, 1.0, wood, joint, "MULTIPLY"), bump(tree, joint, 0.002), rng.uniform(0.28, 0.4))


def plywood(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Milled from a stack of sheets: pale and dark layers lie flat, one upon the other."""
    base = colour(rng, ((0.58, 0.42, 0.23), (0.52, 0.38, 0.22), (0.62, 0.48, 0.30)))
    wavy = noise(tree, where, 3.0, 0.0)
    level = maths(
        tree, "MULTIPLY_ADD", axes(tree, where)["Z"], rng.uniform(36.0, 42.0), maths(tree, "MULTIPLY", wavy, 0.5)
    )
    layer = maths(tree, "PINGPONG", level, 1.0)
    fibres = noise(tree, scaled(tree, where, 30.0, 30.0, 60.0), 1.0, 1.0)
    tone = maths(tree, "MULTIPLY_ADD", fibres, 0.5, between(tree, layer, 0.4, 0.6))
    return _board(
        ramp(tree, tone, blend(base, (0.22, 0.11, 0.05, 1.0), 0.62), shade(base, 1.1), 0.15, 1.1),
        bump(tree, fibres, 0.002),
        rng.uniform(0.55, 0.7),
    )
