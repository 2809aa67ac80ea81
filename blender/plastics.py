"""Plastics: glossy, matte, grained (a moulded texture), speckled (recycled flakes), rubberised (soft touch)."""

from typing import Any

import numpy as np
from nodes import Inputs, between, bump, cells, colour, maths, mixed, noise, ramp, scattered, shade

BRIGHT = (
    (0.42, 0.020, 0.016), (0.02, 0.10, 0.42), (0.02, 0.26, 0.09), (0.75, 0.47, 0.02), (0.68, 0.68, 0.65),
    (0.012, 0.012, 0.013), (0.02, 0.30, 0.34), (0.62, 0.16, 0.01),
)  # fmt: skip
MUTED = (
    (0.30, 0.035, 0.028), (0.10, 0.16, 0.24), (0.20, 0.24, 0.15), (0.50, 0.47, 0.40), (0.22, 0.23, 0.25),
    (0.030, 0.030, 0.032), (0.42, 0.30, 0.20), (0.16, 0.28, 0.32),
)  # fmt: skip
SOFT = ((0.016, 0.016, 0.017), (0.03, 0.034, 0.042), (0.16, 0.016, 0.014), (0.02, 0.045, 0.035), (0.055, 0.05, 0.045))


def glossy(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    return {
        "Base Color": colour(rng, BRIGHT),
        "Roughness": rng.uniform(0.07, 0.16),
        "Specular IOR Level": 0.6,
    }


def matte(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    return {
        "Base Color": colour(rng, MUTED),
        "Roughness": rng.uniform(0.55, 0.7),
        "Specular IOR Level": 0.35,
    }


def grained(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Shallow moulded pebbles, as on dashboards and tool cases."""
    base = colour(rng, MUTED)
    grain = cells(tree, scattered(tree, rng, where), rng.uniform(38.0, 48.0))["Distance"]
    return {
        "Base Color": ramp(tree, grain, shade(base, 1.2), shade(base, 0.55), 0.25, 0.85),
        "Roughness": rng.uniform(0.34, 0.46),
        "Normal": bump(tree, grain, -0.005),
    }


def speckled(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Flakes of two other colours in the base, as in recycled plastic."""
    base = colour(rng, (*MUTED[:4], (0.62, 0.60, 0.55), (0.035, 0.036, 0.04)))
    dark = sum(base[:3]) > 0.25
    flake = colour(rng, ((0.05, 0.05, 0.06), (0.06, 0.12, 0.20)) if dark else ((0.55, 0.52, 0.45), (0.35, 0.42, 0.40)))
    found = cells(tree, scattered(tree, rng, where), rng.uniform(24.0, 32.0))
    lucky = between(tree, found["Color"], 0.60, 0.61)
    inside = between(tree, found["Distance"], 0.36, 0.44, 1.0, 0.0)
    return {
        "Base Color": mixed(tree, maths(tree, "MULTIPLY", lucky, inside), base, flake),
        "Roughness": rng.uniform(0.3, 0.45),
    }


def rubberised(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """A soft, dark coat that shines only at grazing angles."""
    base = colour(rng, SOFT)
    return {
        "Base Color": base,
        "Roughness": rng.uniform(0.48, 0.58),
        "Specular IOR Level": 0.25,
        "Sheen Weight": rng.uniform(0.25, 0.4),
        "Sheen Roughness": 0.35,
        "Sheen Tint": shade(base, 3.0),
        "Normal": bump(tree, noise(tree, where, 70.0, 0.0), 0.0012),
    }
