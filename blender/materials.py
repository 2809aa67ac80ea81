"""Blender materials from what a job asks for, with the label's way into the mask and into the red of a pair.

Every built-in surface keeps its relief far below that of a defect: the deepest is a hundredth of the object,
the shallowest defect a fortieth.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from libraries import appended
from nodes import Surface, maths, mixed, node
from pictures import pictured

MARKED = "marked"
"""Name of the AOV that holds the defect mask: 1 where the label is at least one half, else 0."""
RED = (1.0, 0.0, 0.0, 1.0)


def material(
    wanted: dict[str, Any], seed: int, builtin: Mapping[str, Surface], folder: Path, label: str | None = None
) -> Any:
    """The material `wanted` (a MaterialSpec as a dict); with `label`, that vertex attribute goes into the AOV `MARKED`.

    File names are relative to `folder`. Raises ValueError for a name that is not in `builtin` and for a
    file that cannot be used.
    """
    if wanted.get("blend"):
        made = appended(wanted["name"], folder / wanted["blend"], wanted["material"])
    else:
        made = bpy.data.materials.new(wanted["name"])
        made.use_nodes = True
        tree = made.node_tree
        tree.nodes.clear()
        where = node(tree, "TexCoord").outputs["Object"]
        surface = _surface(wanted, builtin, folder)
        principled = node(tree, "BsdfPrincipled", surface(tree, where, np.random.default_rng(seed)))
        node(tree, "OutputMaterial", {"Surface": principled.outputs["BSDF"]})
    if label:
        aov = node(made.node_tree, "OutputAOV", {"Value": _labelled(made.node_tree, label)})
        aov.aov_name = MARKED
    return made


def _surface(wanted: dict[str, Any], builtin: Mapping[str, Surface], folder: Path) -> Surface:
    if wanted.get("color"):
        return pictured(wanted, folder)
    if wanted["name"] not in builtin:
        raise ValueError(f"material {wanted['name']}: not built in; give `color` or `blend`")
    return builtin[wanted["name"]]


def paint(made: Any, label: str) -> None:
    """Coat a material with red paint where the label is at least one half: the same relief and gloss, but no metal,
    which would show the red only where there is light to mirror."""
    tree = made.node_tree
    share = _labelled(tree, label)
    painted = [n for n in tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled"]
    for principled in painted:
        base = principled.inputs["Base Color"]
        under = base.links[0].from_socket if base.links else tuple(base.default_value)
        tree.links.new(mixed(tree, share, under, RED), base)
        metal = principled.inputs["Metallic"]
        under = metal.links[0].from_socket if metal.links else metal.default_value
        tree.links.new(maths(tree, "MULTIPLY", under, maths(tree, "SUBTRACT", 1.0, share)), metal)
    if not painted:  # a material of one's own that is put together otherwise
        surface = tree.get_output_node("CYCLES").inputs["Surface"]
        red = node(tree, "BsdfDiffuse", {"Color": RED}).outputs[0]
        tree.links.new(node(tree, "MixShader", {0: share, 1: surface.links[0].from_socket, 2: red}).outputs[0], surface)


def _labelled(tree: Any, label: str) -> Any:
    """1 where the label is at least one half, else 0.

    The attribute is interpolated over the faces and cut here, so the edge is crisp and its anti-aliasing
    is the pixel filter's own.
    """
    return maths(tree, "GREATER_THAN", node(tree, "Attribute", attribute_name=label).outputs["Fac"], 0.5)
