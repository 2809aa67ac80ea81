"""The environment's light: an equirectangular HDRI around the scene."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

DAYLIGHT = 3.0
"""Irradiance that every environment is brought to: a grey card comes out grey."""
LIGHT = 64
"""Width of the picture that lights the scene: a sun of six degrees. The few burning pixels of a full picture cost
most of all noise, and its size a third of the time; cameras see the full one."""
HORIZON = -2.0
"""Degrees above the horizon below which the floor hides the sky from everything that stands on it."""
SAMPLING = 2 * LIGHT
"""Width of the map by which the light is sampled. Coarser than the light itself, it misses what burns in between."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
WANTED = "give an equirectangular .hdr or .exr"


def world(scene: Any, wanted: dict[str, Any], folder: Path) -> None:
    """Put the HDRI `wanted["sky"]` around the scene, turned by `sky_turn` degrees. Raises ValueError for none."""
    image = _image(wanted["sky"], folder)
    strength = DAYLIGHT / irradiance(image)
    made = bpy.data.worlds.new("world")
    scene.world = made
    made.cycles.sampling_method = "MANUAL"
    made.cycles.sample_map_resolution = SAMPLING
    made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    where, turn = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value[2] = np.radians(wanted["sky_turn"])
    tree.links.new(where.outputs["Generated"], turn.inputs["Vector"])
    seen = tree.nodes.new("ShaderNodeLightPath").outputs["Is Camera Ray"]
    mix, out = tree.nodes.new("ShaderNodeMixShader"), tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(seen, mix.inputs[0])
    for place, picture in ((1, light(image, wanted["sky_turn"])), (2, image)):
        sky, background = tree.nodes.new("ShaderNodeTexEnvironment"), tree.nodes.new("ShaderNodeBackground")
        sky.image = picture
        background.inputs["Strength"].default_value = strength
        if picture is image:
            tree.links.new(turn.outputs["Vector"], sky.inputs["Vector"])
        tree.links.new(sky.outputs["Color"], background.inputs["Color"])
        tree.links.new(background.outputs["Background"], mix.inputs[place])
    tree.links.new(mix.outputs["Shader"], out.inputs["Surface"])


def light(image: Any, turn: float) -> Any:
    """The image as it lights a scene: turned by so many degrees, at a width of `LIGHT` or a little more (every pixel
    the mean of those it stands for), and black where the floor hides it, so that no light is looked for there."""
    width, height = image.size
    fold = max(1, min(width // LIGHT, height // (LIGHT // 2)))
    across, down = width // fold, height // fold
    rest, steps = np.modf(turn / 360 * width)
    turned = sum(share * np.roll(_pixels(image), int(steps) + n, axis=1) for n, share in ((0, 1 - rest), (1, rest)))
    rows = turned[: down * fold, : across * fold].reshape(down, fold, across, fold, 3)
    # Rows near the poles stand for less of the sky: weighted so, the light as a whole stays the same.
    weight = np.cos(_latitude(height)[: down * fold]).reshape(down, fold, 1, 1, 1)
    small = np.ones((down, across, 4), np.float32)
    small[..., :3] = (rows * weight).sum(axis=(1, 3)) / (weight.sum(axis=1) * fold)[:, 0]
    small[_latitude(down) < np.radians(HORIZON), :, :3] = 0.0
    made = bpy.data.images.new("light", across, down, float_buffer=True)
    made.colorspace_settings.name = image.colorspace_settings.name
    made.pixels.foreach_set(small.ravel())
    made.update()
    return made


def _image(name: str, folder: Path) -> Any:
    if Path(name).suffix:
        path = folder / name
    else:
        path = Path(bpy.utils.system_resource("DATAFILES", path="studiolights/world")) / f"{name}.exr"
    if not path.is_file():
        raise ValueError(f"environment {path.name}: no such file; {WANTED}")
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as e:
        raise ValueError(f"environment {path.name}: cannot be read; {WANTED}") from e
    width, height = image.size
    if not width:
        raise ValueError(f"environment {path.name}: not a picture; {WANTED}")
    if not image.is_float:
        raise ValueError(f"environment {path.name}: a picture of ordinary range, which cannot light a scene; {WANTED}")
    if abs(width - 2 * height) > 2:
        raise ValueError(
            f"environment {path.name}: {width} x {height} pixels, but a picture of all directions is twice as "
            f"wide as high; {WANTED}"
        )
    return image


def irradiance(image: Any) -> float:
    """Mean luminance that a surface under the environment receives, facing up (half) or sideways (half).

    Raises ValueError for a picture that holds a NaN or an infinite value, or gives no light.
    """
    width, height = image.size
    rows, latitude = _pixels(image) @ LUMINANCE, _latitude(height)
    solid = np.cos(latitude) * (np.pi / height) * (2 * np.pi / width)
    row_sums = rows.astype(np.float64).sum(axis=1) * solid
    if not np.isfinite(row_sums).all():
        raise ValueError(f"environment {image.name}: holds values that are no numbers (NaN or infinite); {WANTED}")
    up = float((row_sums * np.maximum(np.sin(latitude), 0)).sum())
    # A wall that faces a random compass direction sees cos(latitude) / pi of each direction on average.
    side = float((row_sums * np.cos(latitude) / np.pi)[latitude > 0].sum())
    value = (up + 2 * side) / 2
    if value <= 0:
        raise ValueError(f"environment {image.name}: gives no light, all of it is black; {WANTED}")
    return value


def _pixels(image: Any) -> np.ndarray:
    """Linear RGB, (height, width, 3) float32, the lowest row first."""
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, image.channels)[..., :3]


def _latitude(height: int) -> np.ndarray:
    """Of the rows' middles, in radians, from the nadir up."""
    return (np.arange(height) + 0.5) / height * np.pi - np.pi / 2
