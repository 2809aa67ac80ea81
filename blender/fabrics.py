"""Fabrics: canvas (plain weave), denim (twill of two colours), felt, knit (rows of stitches), tweed (flecked twill)."""

from typing import Any

import numpy as np
from nodes import (
    Colour,
    Inputs,
    between,
    blend,
    bump,
    cells,
    colour,
    herringbone,
    maths,
    mixed,
    noise,
    ramp,
    scattered,
    shade,
    twill,
    weave,
)

DYED = (
    (0.33, 0.030, 0.032), (0.08, 0.15, 0.33), (0.10, 0.22, 0.13), (0.40, 0.27, 0.07), (0.13, 0.13, 0.14),
    (0.30, 0.12, 0.22), (0.46, 0.42, 0.36), (0.10, 0.26, 0.29),
)  # fmt: skip
NATURAL = ((0.50, 0.43, 0.32), (0.36, 0.33, 0.25), (0.22, 0.24, 0.15), (0.29, 0.045, 0.035), (0.15, 0.17, 0.21))
INDIGO = ((0.022, 0.05, 0.14), (0.035, 0.075, 0.18), (0.014, 0.02, 0.042), (0.07, 0.12, 0.22))
SHEEP = ((0.17, 0.14, 0.10), (0.13, 0.14, 0.12), (0.20, 0.20, 0.19), (0.16, 0.09, 0.06))


def _cloth(base: Any, normal: Any, sheen: float = 0.25, tint: Colour = (1.0, 1.0, 1.0, 1.0)) -> Inputs:
    return {
        "Base Color": base,
        "Roughness": 1.0,
        "Specular IOR Level": 0.0,
        "Sheen Weight": sheen,
        "Sheen Tint": tint,
        "Normal": normal,
    }


def canvas(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, NATURAL)
    threads = maths(tree, "ABSOLUTE", weave(tree, where, rng.uniform(42.0, 52.0)))
    return _cloth(
        ramp(tree, threads, shade(base, 0.86), shade(base, 1.06), 0.0, 0.7), bump(tree, threads, 0.0012), sheen=0.0
    )


def denim(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Blue warp over white weft in diagonal lines, washed out in places."""
    base = colour(rng, INDIGO)
    lines = twill(tree, where, rng.uniform(30.0, 36.0))
    washed = noise(tree, scattered(tree, rng, where), 5.0, 2.0)
    white = maths(tree, "MULTIPLY_ADD", lines, 0.2, washed)
    dyed = ramp(tree, white, shade(base, 0.8), blend(base, (0.30, 0.36, 0.46, 1.0), 0.45), 0.35, 0.9)
    return _cloth(dyed, bump(tree, lines, 0.0012), sheen=0.0)


def felt(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Matted fibres: no thread to be seen, a soft rim of light."""
    base = colour(rng, DYED)
    matted = noise(tree, scattered(tree, rng, where), rng.uniform(26.0, 34.0), 2.0)
    return _cloth(
        ramp(tree, matted, shade(base, 0.84), shade(base, 1.1), 0.3, 0.7),
        bump(tree, matted, 0.004),
        sheen=0.8,
        tint=shade(base, 2.5),
    )


def knit(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Columns of V-shaped stitches, upright on the sides of the object."""
    base = colour(rng, DYED)
    columns = rng.uniform(12.0, 15.0)
    loops, aside = herringbone(tree, where, columns, columns * 1.3, 0.55)
    stitches = maths(tree, "ADD", loops, between(tree, aside, 0.7, 1.0, 0.0, -1.5))
    return _cloth(
        ramp(tree, maths(tree, "MULTIPLY_ADD", stitches, 0.4, 0.6), shade(base, 0.58), shade(base, 1.2)),
        bump(tree, stitches, 0.003),
        sheen=0.4,
        tint=shade(base, 2.5),
    )


def tweed(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Herringbone in two tones of wool with flecks of colour."""
    base = colour(rng, SHEEP)
    columns = rng.uniform(8.0, 10.0)
    lines, _ = herringbone(tree, where, columns, columns * 3.6, 1.8)
    tufts = cells(tree, scattered(tree, rng, where), columns * 4.5)["Color"]
    tone = ramp(tree, maths(tree, "MULTIPLY_ADD", lines, 0.5, 0.5), shade(base, 0.8), shade(base, 1.3), 0.1, 0.9)
    fleck = colour(rng, ((0.42, 0.12, 0.04), (0.10, 0.22, 0.34), (0.50, 0.38, 0.10), (0.36, 0.05, 0.05)))
    return _cloth(
        mixed(tree, between(tree, tufts, 0.66, 0.74, 0.0, 0.45), tone, fleck), bump(tree, lines, 0.001), sheen=0.3
    )
