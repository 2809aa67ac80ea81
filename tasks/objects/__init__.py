"""The built-in objects: parametric, watertight, one body each, with real wall thickness."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.random import Generator

from tasks.meshes import Shape, placed
from tasks.meshes.refine import refine
from tasks.objects import bowls, caps, furniture, headsets, helmets, tools, vases, vessels
from tasks.objects.forms import EDGE, loft

__all__ = ["loft", "make"]


def make(name: str, rng: Generator) -> Shape:
    """One object of a kind of `schemas.names.BUILTIN_OBJECTS`; `rng` varies its proportions.

    The same generator state gives the same bytes. Raises KeyError for an unknown name.
    """
    solid = _MAKERS[name](rng)
    low, high = np.split(np.array(solid.bounding_box()), 2)
    # Flat faces come as few large triangles: an even net first, then what is still too long is halved.
    mesh = solid.refine_to_length(1.25 * EDGE * float((high - low).max())).to_mesh64()
    vertices, faces = np.asarray(mesh.vert_properties)[:, :3], np.asarray(mesh.tri_verts).astype(np.int32)
    shape = placed(vertices, faces)
    refined = refine(shape.vertices, shape.faces, longest=1.6 * EDGE)
    return Shape(refined.vertices, refined.faces)


_MAKERS: dict[str, Callable[[Generator], Any]] = {
    **vases.MAKERS,
    **bowls.MAKERS,
    **vessels.MAKERS,
    **caps.MAKERS,
    **headsets.MAKERS,
    **helmets.MAKERS,
    **furniture.MAKERS,
    **tools.MAKERS,
}
