"""Materials out of .blend files. Nothing in such a file is ever run: no script, no driver, no handler."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np


def appended(name: str, path: Path, material: str) -> Any:
    """The material `material` of the .blend file `path`, called `name` from now on.

    Raises ValueError naming the file: missing, not a .blend, no material of that name, a picture of it missing.
    """
    where = f"material {name}: {path.name}"
    if not path.is_file():
        raise ValueError(f"{where}: no such file; give a .blend file")
    try:
        with bpy.data.libraries.load(str(path), link=False) as (there, wanted):
            known = sorted(there.materials)
            wanted.materials = [material] if material in known else []
    except OSError as e:
        raise ValueError(
            f"{where}: cannot be read; give a .blend file of Blender {bpy.app.version_string} or older"
        ) from e
    if material not in known:
        raise ValueError(f"{where}: no material `{material}` in it; it has {', '.join(known) or 'none at all'}")
    made = wanted.materials[0]
    made.animation_data_clear()
    for tree in _trees(made.node_tree):
        tree.animation_data_clear()  # drivers may hold Python
        for image in (n.image for n in tree.nodes if n.bl_idname in ("ShaderNodeTexImage", "ShaderNodeTexEnvironment")):
            if image is not None and not image.size[0]:
                raise ValueError(f"{where}: its picture {Path(image.filepath).name} is missing; pack it into the file")
    made.name = name
    made.displacement_method = "BUMP"  # the geometry is the label's: nothing may move it
    return made


def unwrap(mesh: Any, repeat: float) -> None:
    """Give a mesh of triangles the texture coordinates that such materials reckon with, as if it lay in a box.

    Each face takes the side of the box that it looks at most; pictures repeat `repeat` times per unit.
    """
    corners = np.empty(len(mesh.vertices) * 3, np.float32)
    loops = np.empty(len(mesh.loops), np.int32)
    normals = np.empty(len(mesh.polygons) * 3, np.float32)
    mesh.vertices.foreach_get("co", corners)
    mesh.loops.foreach_get("vertex_index", loops)
    mesh.polygons.foreach_get("normal", normals)
    normals = normals.reshape(-1, 3)
    side = np.abs(normals).argmax(axis=1)
    rightwards = np.sign(np.take_along_axis(normals, side[:, None], axis=1)) * np.array([1, -1, 1])[side][:, None]
    across, upwards = np.array([1, 0, 0])[side], np.array([2, 2, 1])[side]
    triangles = corners.reshape(-1, 3)[loops].reshape(-1, 3, 3)
    u = np.take_along_axis(triangles, across[:, None, None], axis=2)[..., 0] * rightwards
    v = np.take_along_axis(triangles, upwards[:, None, None], axis=2)[..., 0]
    layer = mesh.uv_layers.new(name="UVMap")
    layer.uv.foreach_set("vector", (np.stack([u, v], axis=2) * repeat).astype(np.float32).ravel())


def _trees(tree: Any) -> Iterator[Any]:
    """A node tree and the groups in it, at any depth, each once."""
    found, todo = set(), [tree]
    while todo:
        tree = todo.pop()
        if tree is None or tree.name_full in found:
            continue
        found.add(tree.name_full)
        yield tree
        todo += [n.node_tree for n in tree.nodes if n.bl_idname == "ShaderNodeGroup"]
