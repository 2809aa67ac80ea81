"""Builds the one scene of a job: the object on a floor, the sky around it, the camera, the outputs."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from materials import FLOORS, MATERIALS, material
from mathutils import Vector
from renderer import engine

LABEL = "label"
SHARP_DEG = 32.0
"""Edges sharper than this stay edges; flatter ones are shaded smooth."""
FLOOR_RADIUS = 40.0
FLOOR_TEXTURE = 0.5
"""Floor patterns are this much finer than one object length per unit."""
DAYLIGHT = 3.0
"""Irradiance that every environment is brought to before its own strength: a grey card comes out grey."""
SENSOR_MM = 36.0
SKY_SAMPLING = 128
"""Width of the importance map of the sky: fine enough for a sun, small enough for the cache."""


def build(job: dict[str, Any], folder: Path) -> Any:
    """The scene of a job, ready to render; file names in the job are relative to `folder`.

    Raises ValueError, in one sentence, for a job that cannot be built (mesh, environment, device).
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    wanted = job["scene"]
    _object(scene, folder / job["mesh"], wanted, job["mask"])
    _floor(scene, wanted)
    _world(scene, wanted, folder)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.sensor_fit = "HORIZONTAL"
    camera.data.sensor_width = SENSOR_MM
    camera.data.lens = job["focal_mm"]
    scene.collection.objects.link(camera)
    scene.camera = camera
    engine(scene, job)
    return scene


def aim(scene: Any, position: list[float], look_at: list[float]) -> None:
    """Put the camera at `position`, upright, with `look_at` in the middle of the picture."""
    eye, target = Vector(position), Vector(look_at)
    turned = (target - eye).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    turned.translation = eye
    scene.camera.matrix_world = turned


def _object(scene: Any, path: Path, wanted: dict[str, Any], mask: bool) -> None:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {k: data[k] for k in ("vertices", "faces", *([LABEL] if mask else []))}
    except (OSError, KeyError, ValueError) as e:
        raise ValueError(f"mesh {path.name}: cannot be read ({e})") from e
    mesh = _mesh("object", arrays["vertices"], arrays["faces"])
    if mask:
        layer = mesh.attributes.new(LABEL, "FLOAT", "POINT")
        layer.data.foreach_set("value", np.ascontiguousarray(arrays[LABEL], np.float32))
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=np.radians(SHARP_DEG))
    surface = MATERIALS[wanted["material"]["name"]]
    mesh.materials.append(material("surface", surface, wanted["material_seed"], LABEL if mask else None))
    thing = bpy.data.objects.new("object", mesh)
    thing.rotation_euler.z = np.radians(wanted["yaw"])
    scene.collection.objects.link(thing)


def _mesh(name: str, vertices: np.ndarray, faces: np.ndarray) -> Any:
    """A mesh of triangles from arrays: (V, 3) positions and (F, 3) indices."""
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.loops.add(faces.size)
    mesh.polygons.add(len(faces))
    mesh.vertices.foreach_set("co", np.ascontiguousarray(vertices, np.float32).ravel())
    mesh.loops.foreach_set("vertex_index", np.ascontiguousarray(faces, np.int32).ravel())
    mesh.polygons.foreach_set("loop_start", np.arange(0, faces.size, 3, dtype=np.int32))
    mesh.update(calc_edges=True)
    return mesh


def _floor(scene: Any, wanted: dict[str, Any]) -> None:
    r = FLOOR_RADIUS * FLOOR_TEXTURE
    square = np.array([[-r, -r, 0], [r, -r, 0], [r, r, 0], [-r, r, 0]], np.float32)
    mesh = _mesh("floor", square, np.array([[0, 1, 2], [0, 2, 3]]))
    mesh.materials.append(material("floor", FLOORS[wanted["floor"]["name"]], wanted["floor_seed"]))
    floor = bpy.data.objects.new("floor", mesh)
    floor.scale = (1 / FLOOR_TEXTURE,) * 3
    scene.collection.objects.link(floor)


def _world(scene: Any, wanted: dict[str, Any], folder: Path) -> None:
    image = _environment(wanted["sky"], folder)
    world = bpy.data.worlds.new("world")
    scene.world = world
    world.cycles.sampling_method = "MANUAL"
    world.cycles.sample_map_resolution = SKY_SAMPLING
    world.use_nodes = True
    tree = world.node_tree
    tree.nodes.clear()
    where = tree.nodes.new("ShaderNodeTexCoord")
    turn = tree.nodes.new("ShaderNodeMapping")
    turn.inputs["Rotation"].default_value[2] = np.radians(wanted["sky_turn"])
    sky = tree.nodes.new("ShaderNodeTexEnvironment")
    sky.image = image
    background = tree.nodes.new("ShaderNodeBackground")
    background.inputs["Strength"].default_value = 2 ** wanted["exposure_ev"] * DAYLIGHT / irradiance(image)
    out = tree.nodes.new("ShaderNodeOutputWorld")
    tree.links.new(where.outputs["Generated"], turn.inputs["Vector"])
    tree.links.new(turn.outputs["Vector"], sky.inputs["Vector"])
    tree.links.new(sky.outputs["Color"], background.inputs["Color"])
    tree.links.new(background.outputs["Background"], out.inputs["Surface"])


def _environment(name: str, folder: Path) -> Any:
    if Path(name).suffix:
        path = folder / name
    else:
        path = Path(bpy.utils.system_resource("DATAFILES", path="studiolights/world")) / f"{name}.exr"
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError as e:
        raise ValueError(f"environment {path.name}: cannot be read; give an equirectangular .hdr or .exr") from e
    if not image.size[0]:
        raise ValueError(f"environment {path.name}: not a picture; give an equirectangular .hdr or .exr")
    return image


def irradiance(image: Any) -> float:
    """Mean luminance that a surface under the environment receives, facing up (half) or sideways (half)."""
    width, height = image.size
    pixels = np.empty(width * height * image.channels, np.float32)
    image.pixels.foreach_get(pixels)
    rows = pixels.reshape(height, width, image.channels)[..., :3] @ np.array([0.2126, 0.7152, 0.0722], np.float32)
    latitude = (np.arange(height) + 0.5) / height * np.pi - np.pi / 2  # Blender stores the lowest row first
    solid = np.cos(latitude) * (np.pi / height) * (2 * np.pi / width)
    row_sums = rows.astype(np.float64).sum(axis=1) * solid
    up = float((row_sums * np.maximum(np.sin(latitude), 0)).sum())
    # A wall that faces a random compass direction sees cos(latitude) / pi of each direction on average.
    side = float((row_sums * np.cos(latitude) / np.pi)[latitude > 0].sum())
    value = (up + 2 * side) / 2
    if not np.isfinite(value) or value <= 0:
        raise ValueError(f"environment {image.name}: gives no light; give an equirectangular .hdr or .exr")
    return value
