"""Denoising of what is noisy alone.

Under baked light most of a picture is free of noise: only mirrored light is traced. So that is denoised by itself, as
the light that falls on a surface, before the surface's own colour goes on, and what has texture or edges is never
touched. Guiding pictures of albedo and normals would do harm: they hold the edges that this light does not have.

Where diffuse light is traced, the picture is denoised as a whole, by Cycles.
"""

from typing import Any

from baking import bsdf
from scene import FLOOR, OBJECT

PASSES = {
    "Glossy": ("use_pass_glossy_direct", "use_pass_glossy_indirect", "use_pass_glossy_color"),
    "Diffuse": ("use_pass_diffuse_direct", "use_pass_diffuse_indirect", "use_pass_diffuse_color"),
}
CLEAN = ("use_pass_emit", "use_pass_environment")


def lobes(scene: Any, job: dict[str, Any]) -> list[str]:
    """Of a job with baked light, the kinds of reflected light that are traced and have to be denoised, if any."""
    surfaces = [bsdf(scene.objects[name].data.materials[0]).inputs for name in (OBJECT, FLOOR)]

    def some(*names: str) -> bool:
        return any(s[name].is_linked or s[name].default_value for s in surfaces for name in names)

    metals = [s["Metallic"] for s in surfaces if s["Metallic"].is_linked or s["Metallic"].default_value]
    # A metal in part is diffuse for the rest, and one that is painted for a pair of two renders under the paint.
    bare = any(job["pair"] == "two" or metal.is_linked or metal.default_value < 1.0 for metal in metals)
    found = {
        "Glossy": bool(metals) or some("Specular IOR Level", "Coat Weight"),
        "Diffuse": bare or some("Sheen Weight"),
    }
    return [lobe for lobe, there in found.items() if there]


def apart(job: dict[str, Any]) -> bool:
    """Whether the traced light of a job can be told from its baked light."""
    built_in = not any(job["scene"][wanted].get("blend") for wanted in ("material", "floor"))
    return bool(job["light"]) and built_in and job["denoise"] != "off"


def split(scene: Any, job: dict[str, Any], tree: Any, layers: Any) -> Any:
    """The picture of a job for which `apart` holds, as a socket of the compositor's `tree`, from its
    render `layers`."""
    scene.cycles.use_denoising = False
    wanted = lobes(scene, job)
    for name in (*CLEAN, *(name for lobe in wanted for name in PASSES[lobe])):
        setattr(scene.view_layers[0], name, True)
    seen = {socket.name: socket for socket in layers.outputs}
    picture = _joined(tree, "ADD", seen["Emission"], seen["Environment"])
    for lobe in wanted:
        light = _joined(tree, "ADD", seen[f"{lobe} Direct"], seen[f"{lobe} Indirect"])
        denoise = tree.nodes.new("CompositorNodeDenoise")
        denoise.inputs["Quality"].default_value = job["denoise"].title()
        denoise.inputs["Prefilter"].default_value = "None"
        tree.links.new(light, denoise.inputs["Image"])
        coloured = _joined(tree, "MULTIPLY", denoise.outputs["Image"], seen[f"{lobe} Color"])
        picture = _joined(tree, "ADD", picture, coloured)
    return picture


def _joined(tree: Any, operation: str, one: Any, other: Any) -> Any:
    new = tree.nodes.new("ShaderNodeVectorMath")
    new.operation = operation
    for socket, put in zip((one, other), new.inputs, strict=False):
        tree.links.new(socket, put)
    return new.outputs[0]
