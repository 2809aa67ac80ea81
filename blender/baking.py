"""Diffuse light, baked once per orbit.

While the camera goes round, object, floor and sky stand still, so the light that falls on a surface is the same in all
frames; to look for it anew in every pixel costs most of a frame's noise. So it is gathered once, at the vertices, and
each frame shows as emission what the diffuse part of a surface reflects of it:

    base colour x light x its share under relief (relief.py) x what the gloss lets through (gloss.py)

The light holds all bounces, what mirrors throw included, so mirrored and bounced rays end well at such a surface too.
Of the floor, all but the last is a picture (flooring.py). Gloss, sheen and coat are still traced. Metals, even in part,
and materials of .blend files stay as they are, wholly traced.

The light of a job and the picture of its floor are kept beside it: a process that goes on with the job must show the
same.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial, reduce
from pathlib import Path
from typing import Any

import bmesh
import bpy
import flooring
import numpy as np
import relief
from gloss import TABLE, passed, picture, through
from nodes import fill, maths, node, vectors
from scene import FLOOR, FLOOR_RADIUS, FLOOR_TEXTURE, OBJECT
from vertices import baking, cleaner, grid, received, target

KEPT = "light.npz"
LIGHT = "light"
"""Name of the vertex attribute that holds irradiance / pi and, in its fourth channel, the bend under relief."""
CLEAN, CLEAN_CHANGE = 6, 12
"""How often a vertex is mixed with its neighbours: the light itself, and how it changes under relief."""
TRACED = ("Metallic", "Specular IOR Level", "Coat Weight", "Sheen Weight")
"""Inputs of a surface by which it reflects light that is not in its baked light."""
NAMES = (LIGHT, relief.LEAN, TABLE)
BOUNCES = 6
FINE, STEP, GROWTH = 0.65, 0.008, 1.2
"""The floor's grid, in lengths of the object: even to `FINE` from the middle, then each step longer than the last."""


def bake(scene: Any, job: dict[str, Any], folder: Path) -> None:
    """Light the object and the floor of a job by baked light, with `light` samples per corner; 0 leaves them traced."""
    things = [
        bpy.data.objects[name]
        for name, wanted in ((OBJECT, "material"), (FLOOR, "floor"))
        if job["light"] and not job["scene"][wanted].get("blend") and diffuse(bpy.data.objects[name].data.materials[0])
    ]
    if not things:
        return
    for thing in things:
        _split(thing.data) if thing.name == OBJECT else _refine(thing.data)
    found = _kept(folder / KEPT, key(job))
    if found is None:
        found = {
            f"{thing.name} {name}": values
            for thing in things
            for name, values in _gathered(scene, thing, job["light"]).items()
        }
        _keep(folder / KEPT, key(job), found)
    for thing in things:
        _put(thing, {name: found[f"{thing.name} {name}"] for name in NAMES if f"{thing.name} {name}" in found})
        if thing.name == FLOOR:
            flooring.picture(scene, job, folder, key(job), plain(thing.data.materials[0], thing))
        slot = thing.material_slots[0]
        slot.link, slot.material = "OBJECT", lit(thing.data.materials[0], thing)  # the traced one stays with the mesh


def key(job: dict[str, Any]) -> str:
    """Of all that the light of a job depends on."""
    decisive = [bpy.app.version_string, *(job[name] for name in ("mesh_sha256", "scene", "light", "seed", "device"))]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def traced(principled: Any) -> set[str]:
    """Those of `TRACED` that a surface has."""
    return {name for name in TRACED if principled.inputs[name].is_linked or principled.inputs[name].default_value}


def diffuse(material: Any) -> bool:
    """Whether a material of our own nodes is no metal."""
    metal = bsdf(material).inputs["Metallic"]
    return not metal.is_linked and metal.default_value == 0.0


def lit(material: Any, thing: Any) -> Any:
    """A copy of a material whose diffuse part is emission by the baked light of `thing`."""
    made = material.copy()
    made.name = f"lit {material.name}"
    made.cycles.emission_sampling = "NONE"  # what it gives to others is in their own light
    tree, principled = made.node_tree, bsdf(made)
    pictured = flooring.looked_up(tree) if thing.name == FLOOR else None
    colour, shares = (pictured, []) if pictured else _reflected(tree, principled, thing)
    if table := bpy.data.images.get(f"{thing.name} {TABLE}"):
        shares.append(passed(tree, principled, table))
    if not traced(principled):
        _emit(tree, colour, shares)
        return made
    base = principled.inputs["Base Color"]
    for link in base.links:
        tree.links.remove(link)
    base.default_value = (0.0, 0.0, 0.0, 1.0)
    fill(tree, principled, {"Emission Color": colour, "Emission Strength": _product(tree, shares)})
    return made


def plain(material: Any, thing: Any) -> Any:
    """A copy of a material that emits what it reflects of the baked light of `thing`, gloss left out."""
    made = material.copy()
    tree = made.node_tree
    _emit(tree, *_reflected(tree, bsdf(made), thing))
    return made


def _reflected(tree: Any, principled: Any, thing: Any) -> tuple[Any, list[Any]]:
    """What the diffuse part of a surface reflects of the baked light of `thing`, without gloss: a colour, and the
    share of it under relief, if there is relief."""
    gathered = node(tree, "Attribute", attribute_name=LIGHT).outputs
    normal, base = principled.inputs["Normal"], principled.inputs["Base Color"]
    colour = base.links[0].from_socket if base.is_linked else tuple(base.default_value)[:3]
    shares = []
    if relief.LEAN in thing.data.attributes:
        shares.append(relief.followed(tree, normal.links[0].from_socket, gathered["Alpha"]))
    return vectors(tree, "MULTIPLY", colour, gathered["Color"]), shares


def _emit(tree: Any, colour: Any, shares: list[Any]) -> None:
    emission = node(tree, "Emission", {"Color": colour, "Strength": _product(tree, shares)}).outputs[0]
    tree.links.new(emission, tree.get_output_node("CYCLES").inputs["Surface"])


def _product(tree: Any, shares: list[Any]) -> Any:
    return reduce(partial(maths, tree, "MULTIPLY"), shares) if shares else 1.0


def _put(thing: Any, found: dict[str, np.ndarray]) -> None:
    """Have the shaders of an object find what was gathered for it."""
    for name, values in found.items():
        if name == TABLE:
            picture(f"{thing.name} {TABLE}", values)
            continue
        kind, field = ("FLOAT_COLOR", "color") if name == LIGHT else ("FLOAT_VECTOR", "vector")
        layer = thing.data.attributes.get(name) or thing.data.attributes.new(name, kind, "POINT")
        layer.data.foreach_set(field, values.ravel())
    thing.data.update()


def _gathered(scene: Any, thing: Any, samples: int) -> dict[str, np.ndarray]:
    """What a thing is shown by: the light at the vertices, (V, 4) float32, under relief its lean, (V, 3) float32, and
    the gloss' table if there is gloss."""
    mesh = thing.data
    material = mesh.materials[0]
    bumped = bsdf(material).inputs["Normal"].is_linked
    ways = relief.directions(thing)
    target(mesh, LIGHT)
    with _white(material) as tilts, baking(scene, thing, max(1, samples // 2), BOUNCES):
        straight = received(mesh)
        scene.cycles.seed += 1
        again = received(mesh)
        scene.cycles.samples = max(1, samples // 8)
        sides = []
        for axis, way in relief.WAYS if bumped else ():
            tilts[axis].default_value = way
            sides.append(received(mesh))
            tilts[axis].default_value = 0.0
    cleaned = cleaner(mesh, straight, again)
    light = (straight + again) / 2
    found = {LIGHT: cleaned(light, CLEAN)}
    found[LIGHT][:, 3] = 0.0
    if bumped:
        lean, bend = relief.changes(ways, light, sides)
        smooth = cleaned(np.column_stack([lean, bend, light]), CLEAN_CHANGE)
        found[relief.LEAN], found[LIGHT][:, 3] = relief.relative(smooth[:, :3], smooth[:, 3], smooth[:, 4:])
    table = through(scene, bsdf(material))
    return found if table is None else found | {TABLE: table}


@contextmanager
def _white(material: Any) -> Iterator[Any]:
    """What is baked is a white, matt surface; all others, and its own reflections, stay as they are. Yields the
    sockets that tilt its normal."""
    tree = material.node_tree
    out = tree.get_output_node("CYCLES").inputs["Surface"]
    own = out.links[0].from_socket
    before = set(tree.nodes)
    normal, tilts = relief.tilted(tree)
    white = node(tree, "BsdfDiffuse", {"Color": (1.0, 1.0, 1.0, 1.0), "Normal": normal}).outputs[0]
    bounced = maths(tree, "GREATER_THAN", node(tree, "LightPath").outputs["Ray Depth"], 0.5)
    tree.links.new(node(tree, "MixShader", {0: bounced, 1: white, 2: own}).outputs[0], out)
    try:
        yield tilts
    finally:
        tree.links.new(own, out)
        for new in set(tree.nodes) - before:
            tree.nodes.remove(new)


def _split(mesh: Any) -> None:
    """Cut the mesh along its sharp edges: on either side of them falls another light."""
    made = bmesh.new()
    made.from_mesh(mesh)
    bmesh.ops.split_edges(made, edges=[edge for edge in made.edges if not edge.smooth])
    made.to_mesh(mesh)
    made.free()


def _refine(mesh: Any) -> None:
    """Make the floor's square a grid, fine where the object stands."""
    steps = list(np.arange(0.0, FINE, STEP))
    while steps[-1] < FLOOR_RADIUS:
        step = STEP if steps[-1] < FINE else (steps[-1] - steps[-2]) * GROWTH
        steps.append(min(steps[-1] + step, FLOOR_RADIUS))
    half = np.array(steps) * FLOOR_TEXTURE
    line = np.concatenate([-half[:0:-1], half])
    grid(mesh, line, line)


def bsdf(material: Any) -> Any:
    """The node that a material of our own consists of."""
    return next(n for n in material.node_tree.nodes if n.bl_idname == "ShaderNodeBsdfPrincipled")


def _kept(path: Path, wanted: str) -> dict[str, np.ndarray] | None:
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as data:
        return {name: data[name] for name in data.files if name != "key"} if str(data["key"]) == wanted else None


def _keep(path: Path, key: str, found: dict[str, np.ndarray]) -> None:
    new = path.with_suffix(".new")
    with open(new, "wb") as f:
        np.savez(f, key=np.array(key), **found)
    os.replace(new, path)
