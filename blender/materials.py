"""Procedural surfaces of objects and floors, varied by a seed.

A surface is a function from a node tree, its object coordinates (a socket, unit: the object's longest
side; for floors twice that) and a generator to the inputs of a Principled BSDF. Every surface keeps
its relief far below that of a defect, and no base colour comes near the red of the marking.
"""

from collections.abc import Callable, Mapping
from typing import Any

import bpy
import numpy as np

Colour = tuple[float, float, float, float]
Inputs = dict[str, Any]
Surface = Callable[[bpy.types.NodeTree, Any, np.random.Generator], Inputs]

MARKED = "marked"
"""Name of the AOV that holds the defect mask: 1 where the label is at least one half, else 0."""


def node(tree: Any, kind: str, inputs: Mapping[str | int, Any] | None = None, **properties: Any) -> Any:
    """A new shader node; an input that is a socket is linked, any other value is set."""
    new = tree.nodes.new(f"ShaderNode{kind}")
    for name, value in properties.items():
        setattr(new, name, value)
    for key, value in (inputs or {}).items():
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, new.inputs[key])
        else:
            new.inputs[key].default_value = value
    return new


def noise(tree: Any, where: Any, scale: float, detail: float = 2.0) -> Any:
    return node(tree, "TexNoise", {"Vector": where, "Scale": scale, "Detail": detail}).outputs["Fac"]


def scaled(tree: Any, where: Any, x: float, y: float, z: float, turn: float = 0.0) -> Any:
    return node(tree, "Mapping", {"Vector": where, "Scale": (x, y, z), "Rotation": (0, 0, turn)}).outputs[0]


def arithmetic(tree: Any, operation: str, a: Any, b: Any = 0.0, c: Any = 0.0) -> Any:
    return node(tree, "Math", {0: a, 1: b, 2: c}, operation=operation).outputs[0]


def ramp(tree: Any, factor: Any, dark: Colour, light: Colour, low: float = 0.3, high: float = 0.7) -> Any:
    """`dark` where the factor is at most `low`, `light` from `high` on, blended between."""
    new = node(tree, "ValToRGB", {"Fac": factor})
    for element, position, colour in zip(new.color_ramp.elements, (low, high), (dark, light), strict=True):
        element.position, element.color = position, colour
    return new.outputs["Color"]


def bump(tree: Any, height: Any, strength: float, distance: float) -> Any:
    """Normals of a height field; `distance` in object units."""
    return node(tree, "Bump", {"Height": height, "Strength": strength, "Distance": distance}).outputs["Normal"]


def colour(rng: np.random.Generator, palette: tuple[tuple[float, float, float], ...], spread: float = 0.12) -> Colour:
    """A palette entry (linear RGB), its brightness varied by up to `spread`."""
    picked = np.array(palette[rng.integers(len(palette))]) * rng.uniform(1 - spread, 1 + spread)
    r, g, b = np.clip(picked, 0.0, 1.0).tolist()
    return r, g, b, 1.0


def shade(base: Colour, factor: float) -> Colour:
    r, g, b = (min(c * factor, 1.0) for c in base[:3])
    return r, g, b, 1.0


def plastic(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    palette = ((0.02, 0.12, 0.45), (0.02, 0.30, 0.12), (0.75, 0.52, 0.03), (0.70, 0.70, 0.68), (0.03, 0.33, 0.38),
               (0.25, 0.27, 0.30), (0.16, 0.45, 0.65), (0.35, 0.55, 0.10))  # fmt: skip
    return {
        "Base Color": colour(rng, palette),
        "Roughness": rng.uniform(0.18, 0.42),
        "Coat Weight": rng.choice((0.0, 0.4)),
        "Normal": bump(tree, noise(tree, where, 260.0, 0.0), 0.12, 0.002),
    }


def clay(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    palette = ((0.50, 0.40, 0.29), (0.42, 0.38, 0.34), (0.55, 0.50, 0.43), (0.36, 0.26, 0.17), (0.33, 0.35, 0.34))
    base = colour(rng, palette)
    grain = noise(tree, where, rng.uniform(26.0, 40.0), 3.0)
    return {
        "Base Color": ramp(tree, grain, shade(base, 0.78), shade(base, 1.08)),
        "Roughness": rng.uniform(0.85, 1.0),
        "Specular IOR Level": 0.15,
        "Normal": bump(tree, grain, 0.5, 0.006),
    }


def metal(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    palette = ((0.62, 0.62, 0.63), (0.80, 0.80, 0.80), (0.72, 0.55, 0.24), (0.55, 0.42, 0.27), (0.30, 0.32, 0.35))
    base = colour(rng, palette, 0.08)
    brushed = noise(tree, scaled(tree, where, 4.0, 4.0, 160.0), 1.5, 2.0)
    rough = rng.uniform(0.16, 0.36)
    spread = node(tree, "MapRange", {"Value": brushed, "To Min": rough * 0.75, "To Max": rough * 1.5})
    return {
        "Base Color": ramp(tree, brushed, shade(base, 0.86), base),
        "Metallic": 1.0,
        "Roughness": spread.outputs["Result"],
        "Normal": bump(tree, brushed, 0.10, 0.002),
    }


def wood(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    palette = ((0.44, 0.27, 0.12), (0.56, 0.40, 0.20), (0.24, 0.13, 0.06), (0.62, 0.49, 0.30))
    base = colour(rng, palette)
    tilt = scaled(tree, where, 1.0, 1.0, 0.28, rng.uniform(0, np.pi))
    rings = node(
        tree, "TexWave",
        {"Vector": tilt, "Scale": rng.uniform(4.0, 7.0), "Distortion": rng.uniform(3.0, 6.0), "Detail": 2.0,
         "Detail Scale": 1.3, "Phase Offset": rng.uniform(0, 20)},
        wave_type="BANDS", bands_direction="X",
    ).outputs["Fac"]  # fmt: skip
    fibres = noise(tree, scaled(tree, where, 60.0, 60.0, 3.0), 1.0, 1.0)
    grain = arithmetic(tree, "MULTIPLY_ADD", fibres, 0.35, rings)
    return {
        "Base Color": ramp(tree, grain, shade(base, 0.55), shade(base, 1.08), 0.15, 1.05),
        "Roughness": rng.uniform(0.42, 0.65),
        "Normal": bump(tree, grain, 0.12, 0.003),
    }


def leather(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    palette = ((0.20, 0.10, 0.045), (0.045, 0.042, 0.04), (0.36, 0.23, 0.11), (0.13, 0.13, 0.08), (0.07, 0.09, 0.13))
    base = colour(rng, palette)
    cells = node(
        tree, "TexVoronoi", {"Vector": where, "Scale": rng.uniform(55.0, 75.0)}, feature="DISTANCE_TO_EDGE"
    ).outputs["Distance"]  # fmt: skip
    pebbles = arithmetic(tree, "MINIMUM", arithmetic(tree, "MULTIPLY", cells, 4.0), 1.0)
    return {
        "Base Color": ramp(tree, pebbles, shade(base, 0.55), shade(base, 1.1), 0.0, 0.6),
        "Roughness": rng.uniform(0.42, 0.6),
        "Normal": bump(tree, pebbles, 0.55, 0.004),
    }


def fabric(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    palette = ((0.10, 0.20, 0.42), (0.45, 0.42, 0.36), (0.12, 0.28, 0.18), (0.30, 0.31, 0.33), (0.48, 0.38, 0.14),
               (0.20, 0.36, 0.40))  # fmt: skip
    base = colour(rng, palette)
    scale = rng.uniform(18.0, 24.0)
    # Threads along three axes cross on any surface, whichever way it faces; two of them make the weave.
    warp, weft = (
        node(
            tree, "TexWave", {"Vector": scaled(tree, where, 1.0, 1.0, 1.0, turn), "Scale": scale, "Distortion": 0.6},
            wave_type="BANDS", bands_direction=direction, wave_profile="SIN",
        ).outputs["Fac"]
        for direction, turn in (("DIAGONAL", 0.0), ("DIAGONAL", np.pi))
    )  # fmt: skip
    weave = arithmetic(tree, "MAXIMUM", arithmetic(tree, "MULTIPLY", warp, 0.85), weft)
    return {
        "Base Color": ramp(tree, weave, shade(base, 0.6), shade(base, 1.15), 0.25, 0.95),
        "Roughness": 0.95,
        "Specular IOR Level": 0.1,
        "Sheen Weight": rng.uniform(0.2, 0.5),
        "Normal": bump(tree, weave, 0.5, 0.004),
    }


def concrete(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.30, 0.30, 0.29), (0.36, 0.35, 0.32), (0.22, 0.23, 0.24)))
    stains = noise(tree, where, rng.uniform(2.0, 3.5), 3.0)
    grain = noise(tree, where, 60.0, 1.0)
    mottled = arithmetic(tree, "MULTIPLY_ADD", grain, 0.35, stains)
    return {
        "Base Color": ramp(tree, mottled, shade(base, 0.6), shade(base, 1.25), 0.4, 0.95),
        "Roughness": rng.uniform(0.75, 0.95),
        "Specular IOR Level": 0.25,
        "Normal": bump(tree, grain, 0.25, 0.004),
    }


def tiles(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.55, 0.56, 0.55), (0.30, 0.36, 0.38), (0.50, 0.46, 0.38), (0.20, 0.22, 0.24)))
    turned = scaled(tree, where, 1.0, 1.0, 1.0, rng.uniform(0, np.pi))
    bricks = _bricks(tree, turned, rng, 0.0, (1.0, 1.0), shade(base, 0.9), shade(base, 1.1), shade(base, 0.4), 0.012)
    return {
        "Base Color": bricks.outputs["Color"],
        "Roughness": rng.uniform(0.22, 0.45),
        "Normal": bump(tree, arithmetic(tree, "SUBTRACT", 1.0, bricks.outputs["Fac"]), 0.4, 0.01),
    }


def planks(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.36, 0.24, 0.13), (0.46, 0.35, 0.22), (0.20, 0.14, 0.09), (0.40, 0.37, 0.32)))
    turned = scaled(tree, where, 1.0, 1.0, 1.0, rng.uniform(0, np.pi))
    bricks = _bricks(tree, turned, rng, 0.5, (4.0, 0.6), shade(base, 0.75), shade(base, 1.2), shade(base, 0.2), 0.006)
    fibres = noise(tree, scaled(tree, turned, 1.5, 30.0, 1.0), 1.0, 2.0)
    tint = ramp(tree, fibres, (0.6, 0.6, 0.6, 1.0), (1.0, 1.0, 1.0, 1.0))
    blend = node(tree, "Mix", {0: 1.0, 6: bricks.outputs["Color"], 7: tint}, data_type="RGBA", blend_type="MULTIPLY")
    return {
        "Base Color": blend.outputs[2],
        "Roughness": rng.uniform(0.4, 0.65),
        "Normal": bump(tree, arithmetic(tree, "SUBTRACT", 1.0, bricks.outputs["Fac"]), 0.3, 0.01),
    }


def steel(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.42, 0.43, 0.44), (0.32, 0.34, 0.37), (0.48, 0.47, 0.45)), 0.08)
    brushed = noise(tree, scaled(tree, where, 1.0, 70.0, 1.0, rng.uniform(0, np.pi)), 1.5, 3.0)
    rough = rng.uniform(0.34, 0.5)
    spread = node(tree, "MapRange", {"Value": brushed, "To Min": rough * 0.8, "To Max": rough * 1.3})
    return {
        "Base Color": ramp(tree, brushed, shade(base, 0.8), base),
        "Metallic": 1.0,
        "Roughness": spread.outputs["Result"],
    }


def rubber(tree: Any, where: Any, rng: np.random.Generator) -> Inputs:
    base = colour(rng, ((0.045, 0.045, 0.048), (0.05, 0.075, 0.10), (0.06, 0.085, 0.06)))
    turned = scaled(tree, where, 1.0, 1.0, 1.0, rng.uniform(0, np.pi))
    dots = node(
        tree, "TexVoronoi", {"Vector": turned, "Scale": rng.uniform(7.0, 10.0), "Randomness": 0.0},
        voronoi_dimensions="2D",
    ).outputs["Distance"]  # fmt: skip
    studs = node(tree, "MapRange", {"Value": dots, "From Min": 0.28, "From Max": 0.36, "To Min": 1.0, "To Max": 0.0})
    return {
        "Base Color": ramp(tree, studs.outputs["Result"], shade(base, 0.8), shade(base, 1.7), 0.0, 1.0),
        "Roughness": rng.uniform(0.55, 0.75),
        "Normal": bump(tree, studs.outputs["Result"], 0.6, 0.03),
    }


def _bricks(
    tree: Any, where: Any, rng: np.random.Generator, offset: float, size: tuple[float, float],
    one: Colour, two: Colour, joint: Colour, width: float,
) -> Any:  # fmt: skip
    return node(
        tree, "TexBrick",
        {"Vector": where, "Color1": one, "Color2": two, "Mortar": joint, "Scale": rng.uniform(1.6, 2.6),
         "Mortar Size": width, "Mortar Smooth": 0.2, "Bias": 0.0, "Brick Width": size[0], "Row Height": size[1]},
        offset=offset,
    )  # fmt: skip


MATERIALS: dict[str, Surface] = {
    name: surface
    for surface, names in (
        (plastic, ("glossy-plastic", "matte-plastic", "grained-plastic", "speckled-plastic", "rubberised-plastic")),
        (fabric, ("canvas", "denim", "felt", "knit", "tweed")),
        (clay, ("terracotta", "stoneware", "porcelain", "raw-clay")),
        (wood, ("oak", "walnut", "pine", "bamboo", "plywood")),
        (leather, ("smooth-leather", "pebbled-leather", "suede", "worn-leather")),
        (metal, ("brushed-steel", "cast-iron", "brass", "copper", "anodised-aluminium")),
    )
    for name in names
}
FLOORS: dict[str, Surface] = {f.__name__: f for f in (concrete, tiles, planks, steel, rubber)}
FLOORS |= {"asphalt": concrete, "epoxy": rubber, "marble": tiles}


def material(name: str, surface: Surface, seed: int, label: str | None = None) -> Any:
    """A Blender material of one surface; with `label`, that vertex attribute goes into the AOV `MARKED`.

    The attribute is interpolated over the faces and cut at one half, so the mask's edge is crisp and
    its anti-aliasing is the pixel filter's own.
    """
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    tree = made.node_tree
    tree.nodes.clear()
    where = node(tree, "TexCoord").outputs["Object"]
    principled = node(tree, "BsdfPrincipled", surface(tree, where, np.random.default_rng(seed)))
    node(tree, "OutputMaterial", {"Surface": principled.outputs["BSDF"]})
    if label:
        value = node(tree, "Attribute", attribute_name=label).outputs["Fac"]
        aov = node(tree, "OutputAOV", {"Value": arithmetic(tree, "GREATER_THAN", value, 0.5)})
        aov.aov_name = MARKED
    return made
