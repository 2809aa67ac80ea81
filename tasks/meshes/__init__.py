"""Mesh and point files as shapes: read, repaired where that is safe, refused with one sentence where it is not."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from tasks.meshes import cloud, faults
from tasks.meshes.files import AXES, UP, read
from tasks.meshes.repair import repaired
from tasks.meshes.shapes import Frame, Shape, framed, placed

__all__ = ["Frame", "Loaded", "Shape", "load", "placed"]


@dataclass(frozen=True)
class Loaded:
    shape: Shape
    notes: tuple[str, ...]
    """What was repaired or made up, in words."""
    frame: Frame
    """From the file's coordinates to the shape's; its size is the longest side in the file's unit."""


@faults.of_the_file
def load(
    path: Path, bodies: Literal["one", "largest", "all"] = "one", open_surface: bool = False, up: str | None = None
) -> Loaded:
    """The shape in an OBJ, STL, PLY, PCD (z up) or GLB (y up) file, or with the upward axis `up`.

    A point cloud (PCD, or PLY without faces) becomes a surface by reconstruction, which the notes say. Raises
    BadInput, in one sentence, for a file that is missing, empty, not a mesh, too small or too large, flat,
    non-manifold, a soup of loose triangles, or (`one`) of several bodies.
    """
    content, notes = read(path), list[str]()
    turn = AXES[up or UP.get(path.suffix.lower(), "z")]
    vertices, faces = content.vertices @ turn.T, content.faces
    if not len(faces):
        normals = None if content.normals is None else content.normals @ turn.T
        vertices, faces = cloud.surface(path.name, vertices, normals, open_surface, notes)
    vertices, faces = repaired(path.name, vertices, faces, bodies, open_surface, notes)
    frame = framed(vertices)
    return Loaded(Shape(frame(vertices), faces.astype(np.int32)), tuple(notes), replace(frame, turn=turn))
