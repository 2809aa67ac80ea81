"""The few shader nodes and patterns that all surfaces are put together from.

Patterns are made of sines where they can be: on the CPU a sine costs a tenth of an octave of noise, and
a height field is evaluated three times for its normals.
"""

from collections.abc import Callable, Mapping
from typing import Any

import bpy
import numpy as np

Colour = tuple[float, float, float, float]
Inputs = dict[str, Any]
Surface = Callable[[bpy.types.NodeTree, Any, np.random.Generator], Inputs]
"""From a node tree, its object coordinates (a socket, unit: the object's longest side; for floors twice
that) and a generator to the inputs of a Principled BSDF."""


def node(tree: Any, kind: str, inputs: Mapping[str | int, Any] | None = None, **properties: Any) -> Any:
    """A new shader node with its inputs (see `fill`) and properties."""
    new = tree.nodes.new(f"ShaderNode{kind}")
    for name, value in properties.items():
        setattr(new, name, value)
    fill(tree, new, inputs or {})
    return new


def fill(tree: Any, filled: Any, inputs: Mapping[str | int, Any]) -> None:
    """Give a node its inputs: a socket is linked, any other value is set."""
    for key, value in inputs.items():
        if isinstance(value, bpy.types.NodeSocket):
            tree.links.new(value, filled.inputs[key])
        else:
            filled.inputs[key].default_value = value


def maths(tree: Any, operation: str, a: Any, b: Any = 0.0, c: Any = 0.0, clamp: bool = False) -> Any:
    return node(tree, "Math", {0: a, 1: b, 2: c}, operation=operation, use_clamp=clamp).outputs[0]


def vectors(tree: Any, operation: str, a: Any, b: Any = (0.0, 0.0, 0.0), c: Any = (0.0, 0.0, 0.0)) -> Any:
    """A vector operation; for DOT_PRODUCT and LENGTH the socket is a number."""
    new = node(tree, "VectorMath", {0: a, 1: b, 2: c}, operation=operation)
    return new.outputs["Value" if operation in ("DOT_PRODUCT", "LENGTH") else "Vector"]


def scaled(tree: Any, where: Any, x: float, y: float, z: float, turn: float = 0.0) -> Any:
    """Coordinates stretched along the axes, then turned about z by so many radians."""
    stretched = vectors(tree, "MULTIPLY", where, (x, y, z))
    if turn == 0.0:
        return stretched
    return node(tree, "VectorRotate", {"Vector": stretched, "Angle": turn}, rotation_type="Z_AXIS").outputs[0]


def axes(tree: Any, where: Any) -> Any:
    """The three numbers of a vector, as the outputs X, Y and Z."""
    return node(tree, "SeparateXYZ", {0: where}).outputs


def vector(tree: Any, x: Any, y: Any, z: Any) -> Any:
    return node(tree, "CombineXYZ", {0: x, 1: y, 2: z}).outputs[0]


def facing(tree: Any) -> Any:
    """How much the surface faces along x, y and z: three numbers that add up to 1."""
    normal = node(tree, "TexCoord").outputs["Normal"]
    return vectors(tree, "MULTIPLY", normal, normal)


def noise(tree: Any, where: Any, scale: float, detail: float = 1.0, dimensions: str = "3D") -> Any:
    """Soft noise around 0.5; `detail` more octaves on top of the first. What is flat needs two dimensions only, at
    half the cost."""
    wanted = {"Vector": where, "Scale": scale, "Detail": detail}
    return node(tree, "TexNoise", wanted, noise_dimensions=dimensions).outputs["Fac"]


def cells(tree: Any, where: Any, scale: float, randomness: float = 1.0, dimensions: str = "3D") -> Any:
    """Voronoi cells: `Distance` to the next centre, in cell sizes, and a `Color` of each cell's own."""
    return node(
        tree, "TexVoronoi", {"Vector": where, "Scale": scale, "Randomness": randomness}, voronoi_dimensions=dimensions
    ).outputs


def weave(tree: Any, where: Any, threads: float) -> Any:
    """A plain weave of `threads` threads per unit on every side of the object: +1 warp on top, -1 weft."""
    waves = vectors(tree, "SINE", vectors(tree, "MULTIPLY", where, (np.pi * threads,) * 3))
    x, y, z = (axes(tree, waves)[n] for n in range(3))
    crossed = vector(tree, *(maths(tree, "MULTIPLY", *pair) for pair in ((y, z), (z, x), (x, y))))
    return vectors(tree, "DOT_PRODUCT", crossed, facing(tree))


def twill(tree: Any, where: Any, lines: float) -> Any:
    """Diagonal lines, `lines` per unit along each axis, rising to the right on every side: between -1 and +1."""
    x, y, z = (axes(tree, vectors(tree, "MULTIPLY", where, (2 * np.pi * lines,) * 3))[n] for n in range(3))
    sign = axes(tree, vectors(tree, "SIGN", node(tree, "TexCoord").outputs["Normal"]))
    sums = vector(
        tree,
        maths(tree, "ADD", z, maths(tree, "MULTIPLY", sign["X"], y)),
        maths(tree, "SUBTRACT", z, maths(tree, "MULTIPLY", sign["Y"], x)),
        maths(tree, "ADD", x, y),
    )
    return vectors(tree, "DOT_PRODUCT", vectors(tree, "SINE", sums), facing(tree))


def herringbone(tree: Any, where: Any, columns: float, rows: float, slope: float) -> tuple[Any, Any]:
    """Upright columns of slanted lines that meet in points.

    `columns` and `rows` per unit; `slope` is by how many rows a line rises on its way through half a
    column. The first number waves between -1 and +1 across the lines, the second goes from 0 in the
    middle of a column to 1 between two.
    """
    across = vectors(tree, "FRACTION", vectors(tree, "MULTIPLY", where, (columns,) * 3))
    wedge = vectors(tree, "ABSOLUTE", vectors(tree, "MULTIPLY_ADD", across, (2.0,) * 3, (-1.0,) * 3))
    _, y, z = (axes(tree, where)[n] for n in range(3))
    wx, wy, _ = (axes(tree, wedge)[n] for n in range(3))
    turn = 2 * np.pi
    slanted = (
        maths(tree, "MULTIPLY_ADD", along, turn * rows, maths(tree, "MULTIPLY", aside, -turn * slope))
        for along, aside in ((z, wy), (z, wx), (y, wx))
    )
    lines = vectors(tree, "DOT_PRODUCT", vectors(tree, "SINE", vector(tree, *slanted)), facing(tree))
    return lines, vectors(tree, "DOT_PRODUCT", vector(tree, wy, wx, wx), facing(tree))


def ramp(tree: Any, factor: Any, dark: Colour, light: Colour, low: float = 0.0, high: float = 1.0) -> Any:
    """`dark` where the factor is at most `low`, `light` from `high` on, blended between."""
    new = node(tree, "ValToRGB", {"Fac": factor})
    for element, position, value in zip(new.color_ramp.elements, (low, high), (dark, light), strict=True):
        element.position, element.color = position, value
    return new.outputs["Color"]


def between(
    tree: Any, factor: Any, low: float, high: float, start: float = 0.0, stop: float = 1.0, how: str = "LINEAR"
) -> Any:
    """A number from `start` (factor at most `low`) to `stop` (at least `high`)."""
    wanted = {"Value": factor, "From Min": low, "From Max": high, "To Min": start, "To Max": stop}
    return node(tree, "MapRange", wanted, interpolation_type=how).outputs["Result"]


def mixed(tree: Any, factor: Any, one: Any, two: Any, blend: str = "MIX") -> Any:
    """Colour `one` where the factor is 0, `two` (or its blend with `one`) where it is 1."""
    return node(tree, "Mix", {0: factor, 6: one, 7: two}, data_type="RGBA", blend_type=blend).outputs[2]


def bump(tree: Any, height: Any, distance: float, strength: float = 1.0) -> Any:
    """Normals of a height field between 0 and 1 that is `distance` deep, in units of the coordinates."""
    return node(tree, "Bump", {"Height": height, "Strength": strength, "Distance": distance}).outputs["Normal"]


def colour(rng: np.random.Generator, palette: tuple[tuple[float, float, float], ...], spread: float = 0.12) -> Colour:
    """A palette entry (linear RGB), its brightness varied by up to `spread`."""
    picked = np.array(palette[rng.integers(len(palette))]) * rng.uniform(1 - spread, 1 + spread)
    r, g, b = np.clip(picked, 0.0, 1.0).tolist()
    return r, g, b, 1.0


def shade(base: Colour, factor: float) -> Colour:
    r, g, b = (min(c * factor, 1.0) for c in base[:3])
    return r, g, b, 1.0


def blend(one: Colour, two: Colour, share: float) -> Colour:
    """`one` with a `share` of `two` in it."""
    r, g, b = (a + (c - a) * share for a, c in zip(one[:3], two[:3], strict=True))
    return r, g, b, 1.0


def scattered(tree: Any, rng: np.random.Generator, where: Any) -> Any:
    """The coordinates moved by a random way, so that no two seeds cut the same piece out of a pattern."""
    x, y, z = rng.uniform(-20, 20, 3).tolist()
    return vectors(tree, "ADD", where, (x, y, z))
