"""Plain shapes for tests: a cube, a ball, a dome without a bottom, a rod, and the built-in objects."""

from functools import cache

import numpy as np
import trimesh

from tasks.meshes import Shape, placed
from tasks.meshes.refine import refine
from tasks.objects import make


@cache
def shape_of(name: str) -> Shape:
    """`cube`, `ball`, `dome` or `rod`; any other name is that of a built-in object."""
    if name == "cube":
        corners = trimesh.creation.box((1, 1, 1))
        fine = refine(np.asarray(corners.vertices), np.asarray(corners.faces, dtype=np.int32), 0.06)
        return placed(fine.vertices, fine.faces)
    if name == "rod":
        solid = trimesh.creation.cylinder(radius=0.004, height=1.0)
    elif name == "ball":
        solid = trimesh.creation.icosphere(subdivisions=4)
    elif name == "dome":
        solid = trimesh.creation.icosphere(subdivisions=4)
        solid.update_faces(solid.triangles_center[:, 2] > 0)
        solid.remove_unreferenced_vertices()
    else:
        return make(name, np.random.default_rng(3))
    return placed(np.asarray(solid.vertices), np.asarray(solid.faces, dtype=np.int32))


def mesh(shape: Shape) -> trimesh.Trimesh:
    return trimesh.Trimesh(shape.vertices, shape.faces, process=False)
