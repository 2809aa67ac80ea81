"""Metals: brushed steel, cast iron, brass, copper, anodised aluminium."""

from typing import Any

import numpy as np
from nodes import Inputs, between, bump, colour, mixed, noise, ramp, scaled, scattered, shade


def brushed_steel(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Fine level strokes in the roughness and in the tone."""
    base = colour(rng, ((0.55, 0.55, 0.56), (0.45, 0.46, 0.48), (0.60, 0.57, 0.53)), 0.08)
    strokes = noise(tree, scaled(tree, scattered(tree, rng, where), 2.0, 2.0, 130.0), 1.0, 1.0)
    rough = rng.uniform(0.24, 0.34)
    return {
        "Base Color": ramp(tree, strokes, shade(base, 0.8), shade(base, 1.1), 0.3, 0.7),
        "Metallic": 1.0,
        "Roughness": between(tree, strokes, 0.3, 0.7, rough * 0.9, rough * 1.15),
    }


def cast_iron(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Near black and rough from the sand mould, some with a breath of red oxide."""
    base = colour(rng, ((0.060, 0.060, 0.063), (0.042, 0.043, 0.046), (0.068, 0.042, 0.034), (0.055, 0.050, 0.046)))
    sand = noise(tree, scattered(tree, rng, where), rng.uniform(46.0, 56.0), 1.0)
    return {
        "Base Color": ramp(tree, sand, shade(base, 0.7), shade(base, 1.35), 0.3, 0.72),
        "Metallic": 0.7,
        "Roughness": rng.uniform(0.5, 0.62),
        "Normal": bump(tree, sand, 0.006),
    }


def _tarnished(tree: Any, where: Any, rng: np.random.Generator, base: Any, dull: Any, low: float) -> Inputs:
    """Polished metal with dull patches."""
    patches = noise(tree, scattered(tree, rng, where), rng.uniform(3.0, 4.5), 3.0)
    tarnish = between(tree, patches, low, low + 0.22)
    shine = rng.uniform(0.12, 0.2)
    return {
        "Base Color": mixed(tree, tarnish, base, dull),
        "Metallic": 1.0,
        "Roughness": between(tree, tarnish, 0.0, 1.0, shine, 0.5),
    }


def brass(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.76, 0.54, 0.19), (0.70, 0.50, 0.22), (0.60, 0.42, 0.14)), 0.06)
    return _tarnished(tree, where, rng, base, shade(base, 0.5), 0.5)


def copper(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Salmon red, tarnished to brown; now and then a trace of green."""
    base = colour(rng, ((0.90, 0.44, 0.28), (0.82, 0.36, 0.22), (0.74, 0.31, 0.19)), 0.06)
    dull = ((0.34, 0.13, 0.075, 1.0), (0.24, 0.09, 0.055, 1.0), (0.22, 0.30, 0.23, 1.0))[int(rng.integers(3))]
    return _tarnished(tree, where, rng, base, dull, 0.54)


def anodised_aluminium(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    """Satin, evenly dyed, a little darker at grazing angles."""
    base = colour(
        rng,
        ((0.36, 0.045, 0.045), (0.03, 0.10, 0.42), (0.045, 0.045, 0.05), (0.50, 0.30, 0.05), (0.10, 0.32, 0.10),
         (0.20, 0.05, 0.30), (0.02, 0.28, 0.36)),
    )  # fmt: skip
    return {
        "Base Color": base,
        "Metallic": 1.0,
        "Roughness": rng.uniform(0.30, 0.42),
        "Specular Tint": shade(base, 1.3),
    }
