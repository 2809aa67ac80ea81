"""Bulge and concavity: a smooth swelling or dent, full at the centre and gone at an irregular outline.

Space itself is bent along one direction, by a smooth function of the position that nowhere runs faster than the
position does. Such a map has an inverse, so a closed surface stays closed, never passes through itself, and both
walls of a thin shell move together.
"""

import numpy as np
from numpy.random import Generator

from tasks.defects.made import LABEL_SHARE, Made, Misfit, Outline, window
from tasks.defects.measure import spans
from tasks.defects.places import Place, Surface
from tasks.meshes import Shape
from tasks.meshes.refine import refine

STEEP = 1.5
"""Exponent of the cap (1 - r^2)^STEEP: steep near its foot, so that the shading shows where it ends."""
CONTOUR = float(np.sqrt(1 - LABEL_SHARE ** (1 / STEEP)))
"""Where, as a share of the outline's radius, the displacement has fallen to LABEL_SHARE."""


FLATTENED = 0.6
"""A dent in a surface that falls off by more than this share of its depth within the dent reads as a flat spot."""


def bulge(surface: Surface, place: Place, sizes: tuple[float, ...], rng: Generator) -> Made:
    return _bump(1.0, surface, place, sizes, rng)


def concavity(surface: Surface, place: Place, sizes: tuple[float, ...], rng: Generator) -> Made:
    return _bump(-1.0, surface, place, sizes, rng)


def _bump(sign: float, surface: Surface, place: Place, sizes: tuple[float, ...], rng: Generator) -> Made:
    radius, depth = sizes
    outline = Outline(rng, 0.12)
    support = radius / CONTOUR
    fade = max(2.2 * depth, 0.6 * support)
    fine = refine(
        surface.shape.vertices,
        surface.shape.faces,
        longest=radius / 10,
        distance=lambda points: np.asarray(np.linalg.norm(points - place.point, axis=1)),
        radius=1.3 * support,
    )
    x, y, below = place.local(fine.vertices)
    ratio = np.hypot(x, y) / (support * outline(np.arctan2(y, x)))
    share = np.clip(1 - ratio**2, 0, None) ** STEEP * window(below, 0.6 * support, fade)
    moved = fine.vertices + sign * depth * share[:, None] * place.normal
    label = share > LABEL_SHARE * share.max()
    front = label & (below < max(0.02, 0.5 * surface.thickness(place.point, place.normal)))
    if not front.any():
        raise Misfit
    edge = front & (ratio > 0.9 * CONTOUR)
    if sign < 0 and edge.any() and float(np.mean(below[edge])) > FLATTENED * depth:
        raise Misfit
    return Made(
        Shape(moved, fine.faces),
        label,
        *spans(x[front], y[front]),
        depth=float(np.linalg.norm(moved - fine.vertices, axis=1).max()),
        at=place.point,
    )
