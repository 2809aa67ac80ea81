"""What a changed mesh must still be: closed if it was, of as many bodies, above the floor, its older labels intact."""

import numpy as np
from numpy.typing import NDArray

from tasks.defects.made import Misfit
from tasks.defects.places import bodies
from tasks.meshes import Shape
from tasks.meshes.refine import Faces, edges_of

FLOOR = 1e-4
"""How far a change may push the shape below z = 0."""
LEAST_AREA = 1e-16
"""A face of less area counts as degenerate, unless the shape had nearly as small ones before."""

Owners = NDArray[np.int32]
"""(V,) which defect each vertex belongs to: 0 is none, 1 the first one made."""


def areas(shape: Shape) -> NDArray[np.float64]:
    """(F,)"""
    a, b, c = shape.vertices[shape.faces].transpose(1, 0, 2)
    return np.asarray(np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2)


def watertight(shape: Shape) -> bool:
    return bool((np.bincount(edges_of(shape.faces)[1].ravel()) == 2).all())


def volume(shape: Shape) -> float:
    """Volume that a closed surface encloses; negative when its faces look inward."""
    a, b, c = shape.vertices[shape.faces].transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def tunnels(shape: Shape) -> int:
    """Euler characteristic of the surface: it falls by 2 with every tunnel through the shape."""
    return len(np.unique(shape.faces)) - len(edges_of(shape.faces)[0]) + len(shape.faces)


def check(before: Shape, after: Shape) -> None:
    """Raises Misfit where the changed shape is less sound than the one it was made of."""
    sound = (
        len(after.faces)
        and np.isfinite(after.vertices).all()
        and areas(after).min() > min(LEAST_AREA, float(areas(before).min()) / 1e6)
        and watertight(after) == watertight(before)
        and (not watertight(before) or np.sign(volume(after)) == np.sign(volume(before)))
        and bodies(after) == bodies(before)
        and after.vertices[:, 2].min() > -FLOOR
    )
    if not sound:
        raise Misfit


def carried(before: Shape, owners: Owners, after: Shape) -> Owners:
    """The owners (V,) of a changed shape's vertices. Raises Misfit where a face with a label was touched.

    Labels are interpolated over faces: the marked area stays exactly what it was when all the faces that have a
    marked corner are still there, bit for bit, and none else has got one.
    """
    from scipy.spatial import cKDTree

    result = np.zeros(len(after.vertices), dtype=np.int32)
    if not owners.any():
        return result
    marked = before.faces[(owners[before.faces] > 0).any(axis=1)]
    used = np.unique(marked)
    distance, index = cKDTree(after.vertices).query(before.vertices[used])
    if distance.max() > 0:
        raise Misfit
    result[index] = owners[used]
    now = after.faces[(result[after.faces] > 0).any(axis=1)]
    if not np.array_equal(_canonical(index[np.searchsorted(used, marked)]), _canonical(now)):
        raise Misfit
    return result


def _canonical(faces: NDArray[np.integer]) -> Faces:
    """Faces in one order, each from its lowest corner on."""
    first = np.argmin(faces, axis=1)
    turned = np.take_along_axis(faces, (first[:, None] + np.arange(3)) % 3, axis=1)
    return np.asarray(turned[np.lexsort(turned.T)], dtype=np.int32)
