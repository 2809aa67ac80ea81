"""What comes out of a render: the picture, the mask from the same render and, if wanted, a painted twin."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import denoising
from baking import lit
from materials import MARKED, paint
from scene import LABEL, OBJECT

MASK = "mask"
PAINTED = "painted"
COMPRESSION = 10
"""Of PNG files that live until the clip is encoded, in per cent of zlib's effort."""


def prepare(scene: Any, job: dict[str, Any]) -> None:
    """Set up the files that `render` writes: 8-bit PNG, and for a job with a mask its AOV beside the picture."""
    settings = scene.render.image_settings
    settings.media_type, settings.file_format = "IMAGE", "PNG"
    settings.color_mode, settings.color_depth, settings.compression = "RGB", "8", COMPRESSION
    apart = denoising.apart(job)
    if not (job["mask"] or apart):
        return
    layer = scene.view_layers[0]
    if job["mask"]:
        aov = layer.aovs.add()
        aov.name, aov.type = MARKED, "VALUE"
    tree = bpy.data.node_groups.new("outputs", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene, layers.layer = scene, layer.name
    picture = denoising.split(scene, job, tree, layers) if apart else layers.outputs["Image"]
    tree.links.new(picture, tree.nodes.new("NodeGroupOutput").inputs[0])
    if job["mask"]:
        mask = tree.nodes.new("CompositorNodeOutputFile")
        mask.name = MASK
        mask.format.media_type, mask.format.file_format = "IMAGE", "PNG"
        mask.format.color_mode, mask.format.color_depth, mask.format.compression = "BW", "8", COMPRESSION
        mask.save_as_render = False  # raw values: no view transform touches the mask
        mask.file_output_items.new("FLOAT", MASK)
        tree.links.new(layers.outputs[MARKED], mask.inputs[0])
    scene.compositing_node_group = tree
    scene.render.use_compositing = True


def render(scene: Any, job: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Render the camera's view into temporary files `now*` of `folder`, by the ending of their final names.

    The picture is the last one.
    """
    for old in folder.glob("now*"):
        old.unlink()
    denoising.follow(scene)
    made = {}
    if job["mask"] and job["pair"] == "two":
        with _painted(scene):
            made[".marked.png"] = _written(scene, folder / "nowmarked.png")
    if job["mask"]:
        node = scene.compositing_node_group.nodes[MASK]
        node.directory, node.file_name = str(folder), "nowmask"
    picture = _written(scene, folder / "now.png")
    if job["mask"]:
        made[".mask.png"] = next(iter(folder.glob("nowmask*")), folder / "nowmask.png")
    return made | {".png": picture}


def _written(scene: Any, path: Path) -> Path:
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    return path


@contextmanager
def _painted(scene: Any) -> Iterator[None]:
    """The object with its defect painted red, and no mask: everything else, noise included, as it was."""
    thing = scene.objects[OBJECT]
    slot = thing.material_slots[0]
    plain = slot.material
    if (red := bpy.data.materials.get(PAINTED)) is None:
        red = thing.data.materials[0].copy()
        paint(red, LABEL)
        if plain is not thing.data.materials[0]:
            red = lit(red, thing)
        red.name = PAINTED
    mask = scene.compositing_node_group.nodes[MASK]
    slot.material, mask.mute = red, True
    try:
        yield
    finally:
        slot.material, mask.mute = plain, False
