"""How the light that falls on a surface changes where relief bends its normal.

The light is gathered for normals that are tilted both ways along two directions of the surface, and follows the bent
normal to the second order:

    light x (1 + lean . d + bend |d|^2),    d = bent normal - normal

The second order holds what both ways have in common, above all that Cycles darkens light that grazes the true surface.
Lean and bend are those of the light's mean over the colours.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from nodes import maths, node, vector, vectors

ACROSS = "across"
"""Name of the vertex attribute that holds the first of the two directions; the second is at right angles to it."""
LEAN = "lean"
"""Name of the vertex attribute that holds the lean. The bend is the fourth channel of the light."""
TILT = 0.3
"""What is added to a normal of length 1: about the slope of the strongest relief."""
WAYS = [(axis, way) for axis in (0, 1) for way in (TILT, -TILT)]
"""The tilted normals for which light is gathered, in this order."""
LEAST = 1e-3
"""Light below which lean and bend are not told from noise."""


def directions(thing: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two directions along the surface at each vertex of `thing`, in world space, (V, 3) each; keeps the first one
    with the mesh."""
    mesh = thing.data
    normals = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertex_normals.foreach_get("vector", normals.ravel())
    normals = normals @ np.array(thing.rotation_euler.to_matrix(), np.float32).T
    aside = np.where(np.abs(normals[:, 2:]) < 0.7, np.float32([0, 0, 1]), np.float32([1, 0, 0]))
    across = np.cross(normals, aside)
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
    layer = mesh.attributes.new(ACROSS, "FLOAT_VECTOR", "POINT")
    layer.data.foreach_set("vector", np.ascontiguousarray(across, np.float32).ravel())
    return across, np.cross(normals, across)


def tilted(tree: Any) -> tuple[Any, list[Any]]:
    """A socket with the surface's normal, and the two sockets whose values tilt it along the two directions."""
    normal = node(tree, "NewGeometry").outputs["Normal"]
    across = node(tree, "Attribute", attribute_name=ACROSS).outputs["Vector"]
    tilts = [node(tree, "Value").outputs[0] for _ in range(2)]
    bent = normal
    for tilt, way in zip(tilts, (across, vectors(tree, "CROSS_PRODUCT", normal, across)), strict=True):
        bent = vectors(tree, "MULTIPLY_ADD", way, vector(tree, tilt, tilt, tilt), bent)
    return vectors(tree, "NORMALIZE", bent), tilts


def changes(
    ways: tuple[np.ndarray, np.ndarray], light: np.ndarray, sides: Sequence[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """How the light changes, by its change along the two directions, (V, 3), and by what both ways have in common,
    (V,), in units of light; from the light as it is and for the normals of `WAYS`, (V, 4) each."""
    straight, there, here, other, back = (side[:, :3].mean(axis=1, dtype=np.float64) for side in (light, *sides))
    angle = np.arctan(TILT)
    lean = ((there - here)[:, None] * ways[0] + (other - back)[:, None] * ways[1]) / (2 * np.sin(angle))
    bend = ((there + here + other + back) / 4 - straight) / (2 * (1 - np.cos(angle)))
    return lean, bend


def relative(lean: np.ndarray, bend: np.ndarray, light: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Lean (V, 3) and bend (V,) in units of the light (V, 4), float32."""
    grey = np.maximum(light[:, :3].mean(axis=1, dtype=np.float64), LEAST)
    return (lean / grey[:, None]).astype(np.float32), (bend / grey).astype(np.float32)


def followed(tree: Any, normal: Any, bend: Any) -> Any:
    """The share of the light that falls on a surface whose normal is bent to `normal`; all are sockets."""
    away = vectors(tree, "SUBTRACT", normal, node(tree, "NewGeometry").outputs["Normal"])
    lean = node(tree, "Attribute", attribute_name=LEAN).outputs["Vector"]
    first = maths(tree, "ADD", vectors(tree, "DOT_PRODUCT", away, lean), 1.0)
    share = maths(tree, "MULTIPLY_ADD", vectors(tree, "DOT_PRODUCT", away, away), bend, first)
    return maths(tree, "MAXIMUM", share, 0.0)
