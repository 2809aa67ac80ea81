"""The renderer's settings and its outputs: Cycles, the picture, and the mask from the same render."""

from typing import Any

import bpy
from materials import MARKED


def engine(scene: Any, job: dict[str, Any]) -> None:
    """Set up Cycles for a job. Raises ValueError for a device that is not there."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = job["width"], job["height"], 100
    render.use_persistent_data = True
    render.threads_mode, render.threads = "FIXED", job["threads"]
    render.dither_intensity = 0.0
    cycles.device = _device(job["device"])
    cycles.samples = job["samples"]
    cycles.seed = job["seed"] % 2**31
    cycles.use_adaptive_sampling = False
    cycles.use_light_tree = False
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.max_bounces = job["bounces"]
    cycles.sample_clamp_indirect = 4.0
    cycles.use_denoising = job["denoise"] != "off"
    if cycles.use_denoising:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_quality = job["denoise"].upper()
        cycles.denoising_prefilter = "FAST"
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    scene.render.image_settings.media_type = "IMAGE"
    scene.render.image_settings.file_format = "PNG"
    scene.render.image_settings.color_mode = "RGB"
    scene.render.image_settings.color_depth = "8"
    scene.render.image_settings.compression = 10
    if job["mask"]:
        _mask_output(scene)


def _mask_output(scene: Any) -> None:
    """The AOV of the labels beside the picture: one render gives both."""
    layer = scene.view_layers[0]
    aov = layer.aovs.add()
    aov.name, aov.type = MARKED, "VALUE"
    tree = bpy.data.node_groups.new("outputs", "CompositorNodeTree")
    tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    layers = tree.nodes.new("CompositorNodeRLayers")
    layers.scene, layers.layer = scene, layer.name
    beauty = tree.nodes.new("NodeGroupOutput")
    tree.links.new(layers.outputs["Image"], beauty.inputs[0])
    mask = tree.nodes.new("CompositorNodeOutputFile")
    mask.name = "mask"
    mask.format.media_type = "IMAGE"
    mask.format.file_format = "PNG"
    mask.format.color_mode, mask.format.color_depth = "BW", "8"
    mask.format.compression = 10
    mask.save_as_render = False  # raw values: no view transform touches the mask
    mask.file_output_items.new("FLOAT", "mask")
    tree.links.new(layers.outputs[MARKED], mask.inputs[0])
    scene.compositing_node_group = tree
    scene.render.use_compositing = True


def _device(name: str) -> str:
    if name == "cpu":
        return "CPU"
    preferences = bpy.context.preferences.addons["cycles"].preferences
    try:
        preferences.compute_device_type = name.upper()
        preferences.refresh_devices()
    except TypeError as e:
        raise ValueError(f"device {name}: this Blender was built without it; use render.device cpu") from e
    found = [d for d in preferences.devices if d.type == name.upper()]
    if not found:
        raise ValueError(f"device {name}: no such device on this machine; use render.device cpu")
    for d in preferences.devices:
        d.use = d in found
    return "GPU"
