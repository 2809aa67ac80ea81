"""A frame in two renders: all of it with few samples, then what lies around the object with more.

Under baked light the rest is nearly free of noise where it is matt (see flooring.py), while edges, relief and gloss of
the object are what a picture is looked at for. So most samples go there. Those of the second render are added to those
of the first: both take their parts of one sequence.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import exr
import numpy as np
from renderer import sample
from scene import OBJECT

SHARE = 0.5
"""Of the samples that are taken everywhere."""
AROUND = 8
"""Pixels around the object that are rendered with it."""
WHOLE = "nowwhole.exr"
"""All passes of the first render."""

Passes = dict[str, Any]
"""Sockets of the compositor, by the name of the pass."""
Mean = Callable[[Callable[[Passes], Any]], Any]
"""Takes what makes a socket of the passes of one render, and gives the mean of what it makes of all renders."""


def apart(job: dict[str, Any]) -> bool:
    """Whether the traced light of a job can be told from its baked light."""
    built_in = not any(job["scene"][wanted].get("blend") for wanted in ("material", "floor"))
    return bool(job["light"]) and built_in


def counts(job: dict[str, Any]) -> tuple[int, int]:
    """Samples per pixel of the whole frame, and how many more around the object; together those of the job."""
    everywhere = max(1, round(job["samples"] * SHARE))
    return everywhere, job["samples"] - everywhere


def twice(job: dict[str, Any]) -> bool:
    """Whether the frames of a job are made of two renders: its light is baked, and there are samples to share out."""
    return apart(job) and counts(job)[1] > 0


def whole(scene: Any, job: dict[str, Any], folder: Path) -> Path:
    """Render all of a frame; its passes are in the file that is returned. Raises OSError for a full disk."""
    everywhere, more = counts(job)
    sample(scene, more, everywhere, job["samples"])
    render, settings = scene.render, scene.render.image_settings
    before = {name: getattr(settings, name) for name in ("color_mode", "color_depth", "compression")}
    render.filepath = str(folder / WHOLE)
    render.use_compositing = False
    try:
        settings.media_type, settings.color_depth, settings.exr_codec = "MULTI_LAYER_IMAGE", "16", "NONE"
        bpy.ops.render.render(write_still=True)
    finally:
        render.use_compositing = True
        settings.media_type, settings.file_format = "IMAGE", "PNG"
        for name, value in before.items():
            setattr(settings, name, value)
    if not exr.whole(folder / WHOLE):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), WHOLE)
    return folder / WHOLE


@contextmanager
def around(scene: Any, job: dict[str, Any]) -> Iterator[None]:
    """What is rendered is what lies around the object, with the rest of the samples."""
    sample(scene, 0, counts(job)[1], job["samples"])
    render = scene.render
    x, y, width, height = box(scene)
    render.border_min_x, render.border_max_x = x / render.resolution_x, (x + width) / render.resolution_x
    render.border_min_y, render.border_max_y = y / render.resolution_y, (y + height) / render.resolution_y
    render.use_border = True
    first = bpy.data.images[WHOLE]
    first.reload()
    try:
        yield
    finally:
        render.use_border = False
        Path(first.filepath).unlink()


def joined(job: dict[str, Any], tree: Any, layers: Any, first: Path) -> Mean:
    """The mean over both renders, by their samples: the second is the render `layers`, the first one in the file.

    Outside of its border the second render is empty, alpha included.
    """
    shown = tree.nodes.new("CompositorNodeImage")
    shown.image = bpy.data.images.load(str(first))
    shown.image.name = WHOLE
    below, above = ({socket.name: socket for socket in node.outputs} for node in (shown, layers))
    share = _node(tree, "Math", above["Alpha"], counts(job)[1] / job["samples"], operation="MULTIPLY")

    def mean(make: Callable[[Passes], Any]) -> Any:
        one, other = make(below), make(above)
        mix = tree.nodes.new("ShaderNodeMix")
        number = one.type == "VALUE"
        mix.data_type, at, result = ("FLOAT", 2, 0) if number else ("RGBA", 6, 2)
        for place, socket in ((0, share), (at, one), (at + 1, other)):
            tree.links.new(socket, mix.inputs[place])
        return mix.outputs[result]

    return mean


def _node(tree: Any, kind: str, one: Any, other: float, operation: str) -> Any:
    new = tree.nodes.new(f"ShaderNode{kind}")
    new.operation = operation
    tree.links.new(one, new.inputs[0])
    new.inputs[1].default_value = other
    return new.outputs[0]


def box(scene: Any) -> tuple[int, int, int, int]:
    """Left, bottom, width and height, in pixels, of what the object takes up in the picture; the whole picture where
    some of it is behind the camera."""
    width, height = scene.render.resolution_x, scene.render.resolution_y
    bpy.context.view_layer.update()
    thing, camera = scene.objects[OBJECT], scene.camera
    places = np.empty((len(thing.data.vertices), 3), np.float32)
    thing.data.vertices.foreach_get("co", places.ravel())
    seen = np.array(camera.matrix_world.inverted() @ thing.matrix_world, np.float32)
    x, y, z = seen[:3, :3] @ places.T + seen[:3, 3:]
    if z.max() >= 0:
        return 0, 0, width, height
    pixels = camera.data.lens / camera.data.sensor_width * width
    sides = []
    for along, size in ((x, width), (y, height)):
        across = size / 2 - pixels * along / z
        start = int(np.clip(np.floor(across.min()) - AROUND, 0, size - 1))
        sides.append((start, int(np.clip(np.ceil(across.max()) + AROUND, start + 1, size)) - start))
    (left, wide), (bottom, high) = sides
    return left, bottom, wide, high
