"""The environment's light: an equirectangular HDRI around the scene."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np

DAYLIGHT = 3.0
"""Irradiance that every environment is brought to: a grey card comes out grey."""
SKY_SAMPLING = 128
"""Width of the importance map of the sky: fine enough for a sun, small enough for the cache."""
LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)
WANTED = "give an equirectangular .hdr or .exr"


def world(scene: Any, wanted: dict[str, Any], folder: Path) -> None:
    """Put the HDRI `wanted["sky"]` around the scene, turned by `sky_turn` degrees. Raises ValueError for none."""
    image = _image(wanted["sky"], folder)
    made = bpy.data.worlds.new("world")
    scene.world = made
    made.cycles.sampling_method = "MANUAL"
    made.cycles.sample_map_resolution = SKY_SAMPLING
    made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    where = tree.nodes.new("ShaderNodeTexCoord")
    turn = tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value[2] = np.radians(wanted["sky_turn"])
    sky = tree.nodes.new("ShaderNodeTexEnvironment")
    sky.image = image
    background = tree.nodes.new("ShaderNodeBackground")
    background.inputs["Strength"].default_value = DAYLIGHT / irradiance(image)
    out = tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(where.outputs["Generated"], turn.inputs["Vector"])
    tree.links.new(turn.outputs["Vector"], sky.inputs["Vector"])
    tree.links.new(sky.outputs["Color"], background.inputs["Color"])
    tree.links.new(background.outputs["Background"], out.inputs["Surface"])


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
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    rows = pixels.reshape(height, width, image.channels)[..., :3] @ LUMINANCE
    latitude = (np.arange(height) + 0.5) / height * np.pi - np.pi / 2  # Blender stores the lowest row first
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
