"""How an object lies: on one of the sides that it does not roll off from."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tasks.meshes import Frame, Shape
from tasks.meshes.refine import Points
from tasks.meshes.shapes import framed

UPRIGHT = 0.95
"""A side counts as the upright one when its cosine to the object's own underside is more than this."""


def lying(shape: Shape, rng: Generator) -> Frame | None:
    """The way to another stable side, drawn by how likely the object comes to rest on it; None if it has no other.

    A side is a face of the convex hull that the centre of mass stands over; its likelihood is the solid angle that it
    takes seen from there (Boothroyd's centroid solid angle).
    """
    down, share = sides(shape)
    other = down[:, 2] > -UPRIGHT
    if not other.any():
        return None
    side = down[other][int(rng.choice(int(other.sum()), p=share[other] / share[other].sum()))]
    turn = _to_floor(side)
    found = framed(shape.vertices @ turn.T)
    return Frame(turn, found.foot, found.size)


def sides(shape: Shape) -> tuple[Points, NDArray[np.float64]]:
    """Outward normals (S, 3) of the stable sides, and the likelihoods (S,) of coming to rest on them, summing to 1."""
    from scipy.spatial import ConvexHull

    hull = ConvexHull(shape.vertices)
    corners = shape.vertices[hull.simplices]
    outward = hull.equations[:, :3]
    centre = _centre(shape, corners, outward)
    # Triangles of one flat side share their plane.
    _, side = np.unique(np.round(hull.equations, 4), axis=0, return_inverse=True)
    side = side.ravel()
    stable = np.bincount(side, _below(corners - centre, outward)) > 0
    angle = np.bincount(side, _solid_angles(corners - centre)) * stable
    normal = np.stack([np.bincount(side, outward[:, k]) for k in range(3)], axis=1)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return np.asarray(normal[stable]), np.asarray(angle[stable] / angle.sum())


def _centre(shape: Shape, hull: NDArray[np.float64], outward: Points) -> Points:
    """The centre of mass (3,) of a closed surface's inside, or of an open one's hull."""
    import trimesh

    mesh = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    if mesh.is_watertight and mesh.volume > 1e-9:
        return np.asarray(mesh.center_mass)
    return np.asarray(trimesh.Trimesh(shape.vertices, process=False).convex_hull.center_mass)


def _solid_angles(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solid angles (F,) of triangles (F, 3, 3) seen from the origin (Van Oosterom and Strackee, 1983)."""
    a, b, c = corners.transpose(1, 0, 2)
    la, lb, lc = (np.linalg.norm(v, axis=1) for v in (a, b, c))
    dot = [np.einsum("ij,ij->i", *pair) for pair in ((b, c), (c, a), (a, b))]
    volume = np.abs(np.einsum("ij,ij->i", a, np.cross(b, c)))
    return np.asarray(2 * np.arctan2(volume, la * lb * lc + dot[0] * la + dot[1] * lb + dot[2] * lc))


def _below(corners: NDArray[np.float64], outward: Points) -> NDArray[np.bool_]:
    """Whether the origin's foot on the plane of each triangle (F, 3, 3) lies in it or on its rim."""
    foot = np.einsum("ij,ij->i", corners[:, 0], outward)[:, None] * outward
    start = corners - foot[:, None]
    edge = np.roll(corners, -1, axis=1) - corners
    sides = np.einsum("nki,ni->nk", np.cross(start, edge), outward)
    return np.asarray((sides >= -1e-9).all(axis=1) | (sides <= 1e-9).all(axis=1))


def _to_floor(side: Points) -> NDArray[np.float64]:
    """The least rotation (3, 3) that turns a unit vector to -z."""
    if side[2] > 1 - 1e-12:
        return np.diag([1.0, -1.0, -1.0])
    axis = np.cross(side, [0.0, 0.0, -1.0])
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    return np.asarray(np.eye(3) + cross + cross @ cross / (1 - side[2]))
