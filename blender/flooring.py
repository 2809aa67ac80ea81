"""The lit floor as a picture of itself, made once per orbit.

What a floor shows under baked light, gloss left out, is the same from everywhere: pattern, relief and light in one
colour. To work its pattern out for every sample of every frame is up to half of a frame, and its finest grain, smaller
than a pixel, is most of what is left of noise around the object. So it is baked into a picture whose texels are the
mean of what lies in them, and frames look it up.

The texels follow the pixels of the job, as large as those are on the floor:

    q = p d / (d + |p|)

for places p around the object and the camera's distance d. From where the camera looks over the object, a pixel's width
grows with d + |p|, its depth with the square of that, as the texels do.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from nodes import node
from scene import FLOOR, FLOOR_RADIUS, FLOOR_TEXTURE, OBJECT, SENSOR_MM
from vertices import baking

PICTURE = "floor picture"
"""Name of the image, and of the UV map by which it lies on the floor."""
DENSITY = 1.5
"""Texels per pixel where the object stands. More are dearer and no better, fewer blur the grain."""
LARGEST = 8192
"""Texels of a side, at 8 bytes each. A floor that takes more shows its pattern itself."""
TILE = 1024
"""Texels of a side that are baked at a time, at most: a bake takes 180 bytes for each."""
SAMPLES = 4
"""Places in a texel that are looked at."""
BEYOND = 0.04
"""Share of the picture, around its edge, for what no camera sees: mirrors do."""


def lay(thing: Any, job: dict[str, Any]) -> tuple[int, int]:
    """Map the floor to the tiles of its picture, from (0, 0) on. Returns how many a side has, and how many texels they
    have in turn; no tiles where those would be more than `LARGEST`."""
    mesh = thing.data
    places = np.empty((len(mesh.vertices), 3), np.float32)
    mesh.vertices.foreach_get("co", places.ravel())
    distance, far = _distance(job), min(farthest(job), 1.5 * FLOOR_RADIUS)
    reach = distance * far / (distance + far)
    away = np.maximum(np.linalg.norm(places[:, :2], axis=1) / FLOOR_TEXTURE, 1e-6)
    seen = distance * away / (distance + away)
    squeezed = np.where(away <= far, seen, reach * (1 + BEYOND * (1 - far / away)))
    side = 2 * reach * (1 + BEYOND)
    pixel = distance * SENSOR_MM / job["focal_mm"] / job["width"]
    texels = int(np.ceil(side / pixel * DENSITY))
    if texels > LARGEST:
        return 0, 0
    tiles = -(-texels // TILE)
    at = (places[:, :2] / FLOOR_TEXTURE * (squeezed / away / side)[:, None] + 0.5) * tiles
    corners = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", corners)
    layer = mesh.uv_layers.get(PICTURE) or mesh.uv_layers.new(name=PICTURE)
    layer.data.foreach_set("uv", np.ascontiguousarray(at[corners], np.float32).ravel())
    mesh.uv_layers.active = layer
    return tiles, -(-texels // tiles)


def farthest(job: dict[str, Any]) -> float:
    """How far from the middle of the floor the cameras of a job see it, in lengths of the object; infinite where the
    horizon is in the picture."""
    eyes = np.array(job["cameras"], float)
    ahead = np.array(job["look_at"], float) - eyes
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    up = np.cross(right, ahead)
    wide = SENSOR_MM / job["focal_mm"] / 2
    high = wide * job["height"] / job["width"]
    far = 0.0
    for x, y in ((-wide, -high), (-wide, high), (wide, -high), (wide, high)):
        rays = ahead + x * right + y * up
        if (rays[:, 2] >= -1e-3).any():
            return float("inf")
        far = max(far, float(np.linalg.norm((eyes - rays * (eyes / rays)[:, 2:])[:, :2], axis=1).max()))
    return far


def picture(scene: Any, job: dict[str, Any], folder: Path, key: str, shown: Any) -> None:
    """Have the image `PICTURE` show the lit floor, if it is not too large. `shown` is a material that shows it all by
    emission, `key` stands for what its looks depend on: tiles of an earlier process are taken as they are."""
    thing = scene.objects[FLOOR]
    tiles, size = lay(thing, job)
    if not tiles:
        return
    decisive = [key, *(job[name] for name in ("cameras", "look_at", "focal_mm", "width", "height"))]
    name = f"floor-{hashlib.sha256(json.dumps(decisive).encode()).hexdigest()[:16]}"
    numbers = {1001 + 10 * y + x: (x, y) for y in range(tiles) for x in range(tiles)}
    files = {number: folder / f"{name}.{number}.exr" for number in numbers}
    missing = {numbers[number]: path for number, path in files.items() if not path.exists()}
    if missing:
        _bake(scene, thing, shown, size, missing)
    image = bpy.data.images.load(str(files.pop(1001)))
    image.name, image.source = PICTURE, "TILED"
    image.filepath = str(folder / f"{name}.<UDIM>.exr")
    image.colorspace_settings.name = "Non-Color"
    for number in files:
        image.tiles.new(number)


def looked_up(tree: Any) -> Any:
    """What the picture shows at each place of the floor, a socket; None without a picture."""
    if PICTURE not in bpy.data.images:
        return None
    where = node(tree, "UVMap", uv_map=PICTURE).outputs["UV"]
    found = node(tree, "TexImage", {"Vector": where}, image=bpy.data.images[PICTURE], extension="EXTEND")
    return found.outputs["Color"]


def _bake(scene: Any, thing: Any, shown: Any, size: int, wanted: dict[tuple[int, int], Path]) -> None:
    """Bake tiles of `size` x `size` texels into files."""
    image = bpy.data.images.new("tile", size, size, float_buffer=True, alpha=False)
    image.colorspace_settings.name = "Non-Color"
    shown.node_tree.nodes.active = node(shown.node_tree, "TexImage", image=image)
    slot = thing.material_slots[0]
    slot.link, slot.material = "OBJECT", shown
    layer = thing.data.uv_layers[PICTURE]
    laid = np.empty((len(layer.data), 2), np.float32)
    layer.data.foreach_get("uv", laid.ravel())
    settings = scene.render.image_settings
    before = {name: getattr(settings, name) for name in ("file_format", "color_mode", "color_depth", "compression")}
    scene.objects[OBJECT].hide_render = True
    try:
        settings.file_format, settings.color_mode, settings.color_depth = "OPEN_EXR", "RGB", "16"
        settings.exr_codec = "NONE"
        for place, path in wanted.items():
            layer.data.foreach_set("uv", (laid - np.float32(place)).ravel())
            with baking(scene, thing, SAMPLES, 0):
                bpy.ops.object.bake(type="EMIT", target="IMAGE_TEXTURES", margin=0)
            print(f"baked {thing.name}: {path.name}, {size} x {size}", flush=True)
            new = path.with_suffix(".new.exr")
            image.save_render(str(new), scene=scene)
            os.replace(new, path)
    finally:
        layer.data.foreach_set("uv", laid.ravel())
        scene.objects[OBJECT].hide_render = False
        for name, value in before.items():
            setattr(settings, name, value)
        bpy.data.images.remove(image)


def _distance(job: dict[str, Any]) -> float:
    return float(np.linalg.norm(np.array(job["cameras"], float) - np.array(job["look_at"], float), axis=1).min())
