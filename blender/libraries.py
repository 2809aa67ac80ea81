"""Materials out of .blend files. Nothing in such a file is ever run: no script, no driver, no handler."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy


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
        raise ValueError(f"{where}: not a .blend file that this Blender ({bpy.app.version_string}) can read") from e
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
