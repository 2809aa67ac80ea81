"""Fired and unfired clay: terracotta, stoneware (half glazed), porcelain, raw clay."""

from typing import Any

import numpy as np
from nodes import (
    Inputs,
    axes,
    between,
    blend,
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
)


def terracotta(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Orange to red earthenware with pale, chalky bloom."""
    base = colour(rng, ((0.42, 0.135, 0.055), (0.36, 0.095, 0.042), (0.47, 0.19, 0.085), (0.26, 0.062, 0.034)))
    bloom = noise(tree, scattered(tree, rng, where), rng.uniform(4.0, 6.0), 3.0)
    return {
        "Base Color": ramp(tree, bloom, shade(base, 0.85), blend(base, (0.62, 0.45, 0.34, 1.0), 0.38), 0.42, 0.8),
        "Roughness": 1.0,
        "Specular IOR Level": 0.0,
        "Normal": bump(tree, noise(tree, where, 45.0, 1.0), 0.0025),
    }


def stoneware(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """A glossy glaze that ends in a running line, iron specks in it, bare body below."""
    glaze = colour(
        rng, ((0.10, 0.20, 0.20), (0.05, 0.10, 0.20), (0.30, 0.33, 0.26), (0.10, 0.035, 0.018), (0.42, 0.38, 0.30))
    )
    body = colour(rng, ((0.28, 0.21, 0.14), (0.33, 0.27, 0.20)))
    place = scattered(tree, rng, where)
    runs = noise(tree, scaled(tree, place, 5.0, 5.0, 1.2), 1.0, 0.0)
    line = maths(tree, "MULTIPLY_ADD", runs, 0.22, axes(tree, node(tree, "TexCoord").outputs["Generated"])["Z"])
    edge = rng.uniform(0.34, 0.48)
    glazed = between(tree, line, edge, edge + 0.018)
    specks = between(tree, cells(tree, place, 30.0)["Distance"], 0.16, 0.24, 0.35, 1.0)
    pooled = ramp(tree, line, shade(glaze, 0.55), shade(glaze, 1.15), edge, edge + 0.30)
    coloured = mixed(tree, glazed, body, pooled)
    return {
        "Base Color": mixed(tree, 1.0, coloured, specks, "MULTIPLY"),
        "Roughness": between(tree, glazed, 0.0, 1.0, 0.85, rng.uniform(0.10, 0.2)),
        "Normal": bump(tree, glazed, 0.004),
    }


def porcelain(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """White or pale, even, under a clear glaze."""
    base = colour(rng, ((0.78, 0.77, 0.74), (0.74, 0.72, 0.65), (0.66, 0.73, 0.70), (0.70, 0.74, 0.79)), 0.05)
    return {
        "Base Color": base,
        "Roughness": rng.uniform(0.05, 0.10),
        "IOR": 1.6,
    }


def raw(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Unfired: dull grey to buff, coarse grains, turning rings, damp patches."""
    base = colour(rng, ((0.30, 0.27, 0.23), (0.38, 0.31, 0.22), (0.25, 0.24, 0.225), (0.30, 0.20, 0.13)))
    grain = noise(tree, scattered(tree, rng, where), rng.uniform(14.0, 18.0), 3.0)
    rings = maths(tree, "MULTIPLY_ADD", axes(tree, where)["Z"], 170.0, maths(tree, "MULTIPLY", grain, 4.0))
    height = maths(tree, "MULTIPLY_ADD", maths(tree, "SINE", rings), 0.05, grain)
    return {
        "Base Color": ramp(tree, grain, shade(base, 0.66), shade(base, 1.2), 0.32, 0.72),
        "Roughness": 1.0,
        "Specular IOR Level": 0.0,
        "Normal": bump(tree, height, 0.009),
    }
