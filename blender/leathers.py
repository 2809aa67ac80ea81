"""Leathers: smooth, pebbled, suede, worn."""

from typing import Any

import numpy as np
from nodes import Inputs, between, blend, bump, cells, colour, maths, mixed, noise, ramp, scattered, shade

HIDES = (
    (0.19, 0.075, 0.028), (0.022, 0.021, 0.020), (0.34, 0.19, 0.085), (0.16, 0.022, 0.016), (0.075, 0.045, 0.03),
    (0.03, 0.05, 0.09),
)  # fmt: skip


def smooth(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Polished hide: almost even, a satin shine, faint wrinkles."""
    base = colour(rng, HIDES)
    wrinkles = noise(tree, scattered(tree, rng, where), 11.0, 3.0)
    return {
        "Base Color": ramp(tree, wrinkles, shade(base, 0.7), shade(base, 1.2), 0.3, 0.7),
        "Roughness": rng.uniform(0.26, 0.36),
        "Normal": bump(tree, wrinkles, 0.006),
    }


def pebbled(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Embossed with round pebbles that are dark in between."""
    base = colour(rng, HIDES)
    pebbles = cells(tree, scattered(tree, rng, where), rng.uniform(24.0, 30.0))["Distance"]
    return {
        "Base Color": ramp(tree, pebbles, shade(base, 1.25), shade(base, 0.42), 0.25, 0.85),
        "Roughness": rng.uniform(0.36, 0.46),
        "Normal": bump(tree, pebbles, -0.009),
    }


def suede(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Napped: dull, velvety, in brushed patches of two tones."""
    base = colour(
        rng, ((0.30, 0.17, 0.085), (0.16, 0.085, 0.045), (0.22, 0.19, 0.15), (0.20, 0.03, 0.03), (0.06, 0.09, 0.13))
    )
    place = scattered(tree, rng, where)
    brushed = noise(tree, place, 5.0, 1.0)
    nap = noise(tree, place, 60.0, 0.0)
    tone = maths(tree, "MULTIPLY_ADD", nap, 0.45, brushed)
    return {
        "Base Color": ramp(tree, tone, shade(base, 0.6), shade(base, 1.25), 0.5, 0.95),
        "Roughness": 1.0,
        "Specular IOR Level": 0.0,
        "Sheen Weight": 0.8,
        "Sheen Roughness": 0.4,
        "Sheen Tint": shade(base, 2.2),
        "Normal": bump(tree, nap, 0.003),
    }


def worn(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Old hide: dark finish rubbed off to pale, dull patches, over a fine crackle."""
    base = colour(rng, (HIDES[0], HIDES[1], HIDES[3], HIDES[4]))
    place = scattered(tree, rng, where)
    rubbed = between(tree, noise(tree, place, rng.uniform(4.5, 6.5), 4.0), 0.50, 0.62)
    grain = cells(tree, place, 36.0)["Distance"]
    pale = blend(shade(base, 1.5), (0.42, 0.28, 0.16, 1.0), 0.42)
    finish = mixed(tree, rubbed, shade(base, 0.8), pale)
    return {
        "Base Color": mixed(tree, 1.0, finish, between(tree, grain, 0.2, 0.9, 1.1, 0.6), "MULTIPLY"),
        "Roughness": between(tree, rubbed, 0.0, 1.0, 0.38, 0.75),
        "Normal": bump(tree, grain, -0.004),
    }
