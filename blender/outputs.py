"""What comes out of a render: the picture, the mask from the same render and, if wanted, a painted twin."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import bpy
import denoising
import nearer
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
    if job["mask"]:
        aov = scene.view_layers[0].aovs.add()
        aov.name, aov.type = MARKED, "VALUE"
    if nearer.apart(job):
        denoising.passes(scene, job)
    if not nearer.twice(job):
        _compose(scene, job)


def _compose(scene: Any, job: dict[str, Any], first: Path | None = None) -> None:
    """How the passes become a picture and a mask; of frames in two renders, `first` is a file of the first one's."""
    apart = nearer.apart(job)
    if not (job["mask"] or apart):
        return
    tree = bpy.data.node_groups.new("outputs", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene, layers.layer = scene, scene.view_layers[0].name
    mean = nearer.joined(job, tree, layers, first) if first else lambda make: make({s.name: s for s in layers.outputs})
    picture = denoising.split(scene, job, tree, mean) if apart else layers.outputs["Image"]
    tree.links.new(picture, tree.nodes.new("NodeGroupOutput").inputs[0])
    if job["mask"]:
        mask = tree.nodes.new("CompositorNodeOutputFile")
        mask.name = MASK
        mask.format.media_type, mask.format.file_format = "IMAGE", "PNG"
        mask.format.color_mode, mask.format.color_depth, mask.format.compression = "BW", "8", COMPRESSION
        mask.save_as_render = False  # raw values: no view transform touches the mask
        mask.file_output_items.new("FLOAT", MASK)
        tree.links.new(mean(lambda seen: seen[MARKED]), mask.inputs[0])
    scene.compositing_node_group = tree
    scene.render.use_compositing = True


def render(scene: Any, job: dict[str, Any], folder: Path) -> dict[str, Path]:
    """Render the camera's view into temporary files `now*` of `folder`, by the ending of their final names.

    The picture is the last one.
    """
    for old in folder.glob("now*"):
        old.unlink()
    picture = _written(scene, job, folder, "now.png")
    made = {}
    if job["mask"]:
        made[".mask.png"] = next(iter(folder.glob("nowmask*")), folder / "nowmask.png")
        if job["pair"] == "two":
            with _painted(scene):
                made[".marked.png"] = _written(scene, job, folder, "nowmarked.png")
    return made | {".png": picture}


def _written(scene: Any, job: dict[str, Any], folder: Path, name: str) -> Path:
    with ExitStack() as stack:
        if nearer.twice(job):
            first = nearer.whole(scene, job, folder)
            if scene.compositing_node_group is None:
                _compose(scene, job, first)
            stack.enter_context(nearer.around(scene, job))
        denoising.follow(scene)
        if job["mask"]:
            node = scene.compositing_node_group.nodes[MASK]
            node.directory, node.file_name = str(folder), "nowmask"
        scene.render.filepath = str(folder / name)
        bpy.ops.render.render(write_still=True)
    return folder / name


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
