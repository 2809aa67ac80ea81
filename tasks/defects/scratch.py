"""Scratch: a long, slightly curved V groove of even width with raised lips, which follows the surface."""

import numpy as np
from numpy.random import Generator

from tasks.defects import paths
from tasks.defects.made import LABEL_SHARE, Made, Misfit, apart, smooth, window
from tasks.defects.places import Place, Surface
from tasks.meshes import Shape
from tasks.meshes.refine import refine

TAPER = 0.18
"""The share of its length over which a scratch runs out, at either end."""


def scratch(surface: Surface, place: Place, sizes: tuple[float, ...], rng: Generator) -> Made:
    from scipy.spatial import cKDTree

    length, width = sizes
    half, bend = width / 2, float(rng.uniform(-1.2, 1.2)) / length
    path = paths.over(surface, place, length, width, bend)
    if path is None:
        raise Misfit
    deep = min(1.4 * half, surface.thickness(place.point, place.normal) / 2.6)
    if deep < 0.3 * half:
        raise Misfit
    tree = cKDTree(path.points)
    shape = surface.shape
    fine = refine(
        shape.vertices,
        shape.faces,
        longest=width / 8,
        distance=apart(path.points),
        radius=1.2 * width,
    )
    _, nearest = tree.query(fine.vertices)
    offset = fine.vertices - path.points[nearest]
    normal, tangent = path.normals[nearest], path.tangents[nearest]
    across = np.einsum("ij,ij->i", offset, np.cross(normal, tangent))
    below = -np.einsum("ij,ij->i", offset, normal)
    along = path.along[nearest] + np.einsum("ij,ij->i", offset, tangent)
    end = path.along[-1]
    taper = np.minimum(smooth(along / (TAPER * end)), smooth((end - along) / (TAPER * end)))
    ratio = np.abs(across) / (half * (0.35 + 0.65 * taper))
    groove = -np.clip(1.05 - np.sqrt(ratio**2 + 0.0025), 0, None)
    lip = 0.35 * np.exp(-(((ratio - 1.3) / 0.25) ** 2)) * (ratio > 0.6)
    share = (groove + lip) * taper * window(below, 0.3 * deep, 2.2 * deep) * (ratio < 2.4)
    moved = fine.vertices + deep * share[:, None] * normal
    inside = share < -LABEL_SHARE
    if not inside.any():
        raise Misfit
    return Made(
        Shape(moved, fine.faces),
        np.abs(share) > LABEL_SHARE,
        extent=float(np.ptp(along[inside])),
        width=float(np.ptp(across[inside])),
        depth=float(np.linalg.norm(moved - fine.vertices, axis=1)[inside].max()),
        at=path.points[len(path.points) // 2],
    )
