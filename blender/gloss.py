"""How much light gets through the gloss of a surface to its diffuse part and is not mirrored: Cycles' own numbers."""

from typing import Any

import bpy
import numpy as np
from nodes import axes, maths, node, vector
from vertices import baking, grid, received, target

SLOPES, ROUGHNESSES = 64, 16
TABLE = "gloss"


def through(scene: Any, principled: Any) -> np.ndarray | None:
    """The share that passes, (ROUGHNESSES, SLOPES) float32, or None where nothing is mirrored.

    Rows go from roughness 0 to 1; columns are the middles of even steps of the cosine between the normal and the
    direction of view. Found by baking the diffuse colour of a white square, which is seen from straight above: its
    normal bends along x, its roughness rises along y.
    """
    level, ior = (principled.inputs[name].default_value for name in ("Specular IOR Level", "IOR"))
    if level == 0.0:
        return None
    mesh = bpy.data.meshes.new(TABLE)
    grid(mesh, (np.arange(SLOPES) + 0.5) / SLOPES, np.linspace(0.0, 1.0, ROUGHNESSES))
    material = bpy.data.materials.new(TABLE)
    material.use_nodes = True
    material.cycles.use_bump_map_correction = False  # or it would bend the steep normals back
    tree = material.node_tree
    tree.nodes.clear()
    place = axes(tree, node(tree, "TexCoord").outputs["Object"])
    sine = maths(tree, "SQRT", maths(tree, "SUBTRACT", 1.0, maths(tree, "MULTIPLY", place["X"], place["X"])))
    white = node(
        tree, "BsdfPrincipled",
        {"Base Color": (1.0,) * 4, "Roughness": place["Y"], "Specular IOR Level": level, "IOR": ior,
         "Normal": vector(tree, sine, 0.0, place["X"])},
    )  # fmt: skip
    node(tree, "OutputMaterial", {"Surface": white.outputs["BSDF"]})
    mesh.materials.append(material)
    square = bpy.data.objects.new(TABLE, mesh)
    scene.collection.objects.link(square)
    target(mesh, TABLE)
    with baking(scene, square, 1, 0):
        seen = received(mesh, {"COLOR"})[:, 0].reshape(ROUGHNESSES, SLOPES)
    bpy.data.objects.remove(square)
    return np.ascontiguousarray(seen)


def picture(name: str, table: np.ndarray) -> Any:
    """The table as an image that shaders can read."""
    image = bpy.data.images.new(name, SLOPES, ROUGHNESSES, float_buffer=True)
    image.colorspace_settings.name = "Non-Color"
    image.pixels.foreach_set(np.repeat(table.ravel(), 4).astype(np.float32))
    image.update()
    return image


def passed(tree: Any, principled: Any, image: Any) -> Any:
    """The share that passes at each point of a surface, by its own roughness, normal and direction of view."""
    normal, rough = principled.inputs["Normal"], principled.inputs["Roughness"]
    bent = {"Normal": normal.links[0].from_socket} if normal.is_linked else {}
    aside = node(tree, "LayerWeight", {"Blend": 0.5} | bent).outputs["Facing"]
    row = rough.links[0].from_socket if rough.is_linked else rough.default_value
    # The first row's middle stands for roughness 0, the last one's for 1.
    up = maths(tree, "MULTIPLY_ADD", row, 1 - 1 / ROUGHNESSES, 0.5 / ROUGHNESSES)
    where = vector(tree, maths(tree, "SUBTRACT", 1.0, aside), up, 0.0)
    return node(tree, "TexImage", {"Vector": where}, image=image, extension="EXTEND").outputs["Color"]
