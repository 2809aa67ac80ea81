"""Surfaces from picture files, projected from six sides: the meshes have no texture coordinates.

Cycles' box projection puts the picture on each side of a cube, upright and never mirrored, and blends
the sides where the surface faces between them.
"""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from nodes import Inputs, Surface, axes, facing, maths, node, vector, vectors

SIDES_BLEND = 0.2
"""How far around an edge of the cube two sides are mixed."""


def loaded(path: Path, where: str, wanted: str) -> Any:
    """A picture file. Raises ValueError, naming `where` and the file and what is `wanted`, if it is none."""
    if not path.is_file():
        raise ValueError(f"{where}: {path.name}: no such file; give {wanted}")
    try:
        image = bpy.data.images.load(str(path))
        pixels = image.size[0] * image.size[1] and len(image.pixels)  # reads the file
    except RuntimeError as e:
        raise ValueError(f"{where}: {path.name}: cannot be read; give {wanted}") from e
    if not pixels:
        raise ValueError(f"{where}: {path.name}: not a picture, or not whole; give {wanted}")
    return image


def pictured(wanted: dict[str, Any], folder: Path) -> Surface:
    """The surface of a material with `color`, `roughness` (a file or a number), `normal`, `metallic` and `repeat`.

    Raises ValueError naming the file that is missing or no picture. The seed shifts the pictures.
    """

    def surface(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
        repeat = wanted.get("repeat", 1.0)
        x, y, z = rng.uniform(0, 1, 3).tolist()
        place = vectors(tree, "MULTIPLY_ADD", where, (repeat,) * 3, (x, y, z))

        def picture(name: str, space: str) -> Any:
            image = loaded(folder / name, f"material {wanted['name']}", "a picture such as a PNG or JPEG")
            image.colorspace_settings.name = space
            return node(
                tree, "TexImage", {"Vector": place}, image=image, projection="BOX", projection_blend=SIDES_BLEND
            ).outputs["Color"]

        inputs: Inputs = {"Base Color": picture(wanted["color"], "sRGB"), "Metallic": wanted.get("metallic", 0.0)}
        rough = wanted.get("roughness", 0.5)
        inputs["Roughness"] = picture(rough, "Non-Color") if isinstance(rough, str) else rough
        if wanted.get("normal"):
            inputs["Normal"] = _normals(tree, picture(wanted["normal"], "Non-Color"))
        return inputs

    return surface


def _normals(tree: Any, colour: Any) -> Any:
    """World normals from a projected tangent-space map (OpenGL, y up): each side of the cube has its own frame.

    The sides' pictures lie along u = (0, +-1, 0), v = z on x; u = (-+1, 0, 0), v = z on y; and
    u = (0, -+1, 0), v = x on z, the upper sign for the side that faces along the axis.
    """
    tilt = axes(tree, vectors(tree, "MULTIPLY_ADD", colour, (2.0,) * 3, (-1.0,) * 3))
    u, v, up = tilt["X"], tilt["Y"], maths(tree, "MAXIMUM", tilt["Z"], 0.1)
    normal = node(tree, "TexCoord").outputs["Normal"]
    share, sign = axes(tree, facing(tree)), axes(tree, vectors(tree, "SIGN", normal))
    on_x, on_y, on_z = (maths(tree, "MULTIPLY", share[n], maths(tree, "MULTIPLY", sign[n], u)) for n in range(3))
    along_x = maths(tree, "MULTIPLY_ADD", share[2], v, maths(tree, "MULTIPLY", on_y, -1.0))
    along_y = maths(tree, "SUBTRACT", on_x, on_z)
    along_z = maths(tree, "MULTIPLY", maths(tree, "ADD", share[0], share[1]), v)
    straight = vectors(tree, "MULTIPLY", normal, vector(tree, up, up, up))
    tilted = vectors(tree, "ADD", straight, vector(tree, along_x, along_y, along_z))
    turned = node(tree, "VectorTransform", {0: tilted}, vector_type="NORMAL", convert_from="OBJECT", convert_to="WORLD")
    return vectors(tree, "NORMALIZE", turned.outputs[0])
