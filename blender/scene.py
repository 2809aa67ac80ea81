"""Builds the one scene of a job: the object on a floor, the sky around it, the camera."""

from pathlib import Path
from typing import Any

import bpy
import numpy as np
from libraries import unwrap
from materials import material
from mathutils import Vector
from renderer import engine
from sky import world
from surfaces import FLOORS, MATERIALS

OBJECT = "object"
LABEL = "label"
SHARP_DEG = 32.0
"""Edges sharper than this stay edges; flatter ones are shaded smooth."""
FLOOR = "floor"
FLOOR_RADIUS = 40.0
FLOOR_TEXTURE = 0.5
"""Floor patterns are this much finer than one object length per unit."""
SENSOR_MM = 36.0


def build(job: dict[str, Any], folder: Path) -> Any:
    """The scene of a job, ready to render; file names in the job are relative to `folder`.

    Raises ValueError, in one sentence, for a job that cannot be built (mesh, material, environment),
    and devices.NoDevice.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    wanted = job["scene"]
    _object(scene, folder / job["mesh"], wanted, job["mask"], folder)
    _floor(scene, wanted, folder)
    world(scene, wanted, folder)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.sensor_fit = "HORIZONTAL"
    camera.data.sensor_width = SENSOR_MM
    camera.data.lens = job["focal_mm"]
    scene.collection.objects.link(camera)
    scene.camera = camera
    scene.view_settings.view_transform = "AgX"
    scene.view_settings.look = "AgX - Medium High Contrast"
    engine(scene, job)
    return scene


def aim(scene: Any, position: list[float], look_at: list[float]) -> None:
    """Put the camera at `position`, upright, with `look_at` in the middle of the picture."""
    eye, target = Vector(position), Vector(look_at)
    turned = (target - eye).to_track_quat("-Z", "Y").to_matrix().to_4x4()
    turned.translation = eye
    scene.camera.matrix_world = turned


def _object(scene: Any, path: Path, wanted: dict[str, Any], mask: bool, folder: Path) -> None:
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = {k: data[k] for k in ("vertices", "faces", *([LABEL] if mask else []))}
    except (OSError, KeyError, ValueError) as e:
        raise ValueError(f"mesh {path.name}: cannot be read ({e})") from e
    mesh = _mesh(OBJECT, arrays["vertices"], arrays["faces"])
    if mask:
        layer = mesh.attributes.new(LABEL, "FLOAT", "POINT")
        layer.data.foreach_set("value", np.ascontiguousarray(arrays[LABEL], np.float32))
    mesh.shade_smooth()
    mesh.set_sharp_from_angle(angle=np.radians(SHARP_DEG))
    label = LABEL if mask else None
    mesh.materials.append(material(wanted["material"], wanted["material_seed"], MATERIALS, folder, label))
    if wanted["material"].get("blend"):
        unwrap(mesh, wanted["material"]["repeat"])
    thing = bpy.data.objects.new(OBJECT, mesh)
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


def _floor(scene: Any, wanted: dict[str, Any], folder: Path) -> None:
    r = FLOOR_RADIUS * FLOOR_TEXTURE
    square = np.array([[-r, -r, 0], [r, -r, 0], [r, r, 0], [-r, r, 0]], np.float32)
    mesh = _mesh("floor", square, np.array([[0, 1, 2], [0, 2, 3]]))
    mesh.materials.append(material(wanted["floor"], wanted["floor_seed"], FLOORS, folder))
    if wanted["floor"].get("blend"):
        unwrap(mesh, wanted["floor"]["repeat"])
    floor = bpy.data.objects.new(FLOOR, mesh)
    floor.scale = (1 / FLOOR_TEXTURE,) * 3
    scene.collection.objects.link(floor)
