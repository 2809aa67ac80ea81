"""Denoising of what is noisy alone.

Under baked light most of a picture is free of noise: only mirrored light is traced. So that is denoised by itself, as
the light that falls on a surface, before the surface's own colour goes on, and what has texture or edges is never
touched. Guiding pictures of albedo and normals would do harm: they hold the edges that this light does not have.

Where diffuse light is traced, the picture is denoised as a whole, by Cycles.
"""

from functools import partial
from typing import Any

from baking import bsdf, traced
from nearer import Mean, Passes, box
from scene import FLOOR, OBJECT

PASSES = {
    "Glossy": ("use_pass_glossy_direct", "use_pass_glossy_indirect", "use_pass_glossy_color"),
    "Diffuse": ("use_pass_diffuse_direct", "use_pass_diffuse_indirect", "use_pass_diffuse_color"),
}
CLEAN = ("use_pass_emit", "use_pass_environment")
CUT, BACK = "cut to the object", "put back"
"""Labels of the nodes that keep of a light what lies around the object, and of those that give it its place again."""


def lobes(scene: Any, job: dict[str, Any]) -> dict[str, list[str]]:
    """Of a job with baked light, the kinds of reflected light that are traced and have to be denoised, if any, each
    with the names of the things that reflect it."""
    found: dict[str, list[str]] = {}
    for name in (OBJECT, FLOOR):
        surface = bsdf(scene.objects[name].data.materials[0])
        there, metal = traced(surface), surface.inputs["Metallic"]
        # A metal in part is diffuse for the rest, and one that is painted for a pair of two renders under the paint.
        bare = "Metallic" in there and (
            (job["pair"] == "two" and name == OBJECT) or metal.is_linked or metal.default_value < 1.0
        )
        if there - {"Sheen Weight"}:
            found.setdefault("Glossy", []).append(name)
        if bare or "Sheen Weight" in there:
            found.setdefault("Diffuse", []).append(name)
    return found


def passes(scene: Any, job: dict[str, Any]) -> None:
    """Have Cycles keep the passes that `split` needs, and denoise nothing itself."""
    scene.cycles.use_denoising = False
    for name in (*CLEAN, *(name for lobe in lobes(scene, job) for name in PASSES[lobe])):
        setattr(scene.view_layers[0], name, True)


def split(scene: Any, job: dict[str, Any], tree: Any, mean: Mean) -> Any:
    """The picture of a job for which `nearer.apart` holds, as a socket of the compositor's `tree`, from the `mean`
    over its renders."""
    picture = mean(lambda seen: _joined(tree, "ADD", seen["Emission"], seen["Environment"]))
    for lobe, things in lobes(scene, job).items():
        mirrored = mean(partial(_mirrored, tree, lobe))
        if job["denoise"] != "off":
            colour = mean(lambda seen, name=f"{lobe} Color": seen[name])
            light = _joined(tree, "DIVIDE", mirrored, colour)  # nothing by nothing is nothing
            # The colour comes first: the result is as large as the first of the two.
            mirrored = _joined(tree, "MULTIPLY", colour, _clean(job, tree, light, alone=things == [OBJECT]))
        picture = _joined(tree, "ADD", picture, mirrored)
    return picture


def _mirrored(tree: Any, lobe: str, seen: Passes) -> Any:
    """What a lobe mirrors in one render. Its passes are means over the samples that hit it, and so are no means to
    be mixed with those of another render before they are multiplied."""
    light = _joined(tree, "ADD", seen[f"{lobe} Direct"], seen[f"{lobe} Indirect"])
    return _joined(tree, "MULTIPLY", seen[f"{lobe} Color"], light)


def follow(scene: Any) -> None:
    """Keep what is cut to the object around it, as the camera sees it now."""
    tree = scene.compositing_node_group
    found = [node for node in tree.nodes if node.label in (CUT, BACK)] if tree else []
    if not found:
        return
    left, bottom, wide, high = box(scene)
    x, width = _even(left, wide, scene.render.resolution_x)
    y, height = _even(bottom, high, scene.render.resolution_y)
    # What is cut out comes back with its middle in that of the picture.
    right, up = x + width / 2 - scene.render.resolution_x / 2, y + height / 2 - scene.render.resolution_y / 2
    wanted = {CUT: {"X": x, "Y": y, "Width": width, "Height": height}, BACK: {"X": right, "Y": up}}
    for each in found:
        for name, value in wanted[each.label].items():
            each.inputs[name].default_value = value


def _clean(job: dict[str, Any], tree: Any, light: Any, alone: bool) -> Any:
    """The light without its noise; one that falls on the object `alone` is cut to what lies around it."""
    if alone:
        light = _labelled(tree, "Crop", CUT, light)
    denoise = tree.nodes.new("CompositorNodeDenoise")
    denoise.inputs["Quality"].default_value = job["denoise"].title()
    denoise.inputs["Prefilter"].default_value = "None"
    tree.links.new(light, denoise.inputs["Image"])
    clean = denoise.outputs["Image"]
    return _labelled(tree, "Translate", BACK, clean) if alone else clean


def _even(start: int, length: int, size: int) -> tuple[int, int]:
    """Start and length, one longer if need be, odd where `size` is, so that the cut is moved by whole pixels."""
    if (length - size) % 2 == 0:
        return start, length
    return (start - 1, length + 1) if start else (start, length + 1 if length < size else length)


def _labelled(tree: Any, kind: str, label: str, image: Any) -> Any:
    new = tree.nodes.new(f"CompositorNode{kind}")
    new.label = label
    tree.links.new(image, new.inputs["Image"])
    return new.outputs["Image"]


def _joined(tree: Any, operation: str, one: Any, other: Any) -> Any:
    new = tree.nodes.new("ShaderNodeVectorMath")
    new.operation = operation
    for socket, put in zip((one, other), new.inputs, strict=False):
        tree.links.new(socket, put)
    return new.outputs[0]
