"""Cycles' bake at the vertices of a mesh."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

CLAMP = 10.0
"""Of bounced light: a firefly at a single vertex would be seen in all frames."""

SAME = 0.5
"""Squared difference of two neighbours, once smoothed, in variances of the noise, at which they count a third."""


@contextmanager
def baking(scene: Any, thing: Any, samples: int, bounces: int) -> Iterator[None]:
    """Cycles set up to bake `thing`."""
    cycles = scene.cycles
    wanted = {
        "seed": cycles.seed,
        "samples": samples, "max_bounces": bounces, "sample_clamp_indirect": CLAMP, "use_denoising": False,
        "use_adaptive_sampling": False, "use_sample_subset": False,
    }  # fmt: skip
    before = {name: getattr(cycles, name) for name in wanted}
    for each in scene.objects:
        each.select_set(each is thing)
    bpy.context.view_layer.objects.active = thing
    scene.render.use_persistent_data = False  # a bake after a render would come out empty
    try:
        for name, value in wanted.items():
            setattr(cycles, name, value)
        yield
    finally:
        for name, value in before.items():
            setattr(cycles, name, value)
        scene.render.use_persistent_data = True


def target(mesh: Any, attribute: str) -> None:
    """Have `received` bake into a new colour attribute of the vertices."""
    mesh.attributes.active_color = mesh.attributes.new(attribute, "FLOAT_COLOR", "POINT")


def received(mesh: Any, what: Any = frozenset({"DIRECT", "INDIRECT"})) -> np.ndarray:
    """The diffuse light at each vertex, by default whatever the surface's colour, (V, 4) float32.

    Every corner of a face gathers `samples` of its own; a vertex gets their mean.
    """
    bpy.ops.object.bake(type="DIFFUSE", pass_filter=set(what), target="VERTEX_COLORS")
    print(f"baked {mesh.name}: {len(mesh.vertices)} vertices", flush=True)
    colours = np.empty((len(mesh.vertices), 4), np.float32)
    mesh.attributes.active_color.data.foreach_get("color", colours.ravel())
    return colours


def cleaner(mesh: Any, one: np.ndarray, other: np.ndarray) -> Callable[[np.ndarray, int], np.ndarray]:
    """A filter against the noise of two independent bakes, for values (V, C) at the vertices and a number of passes.

    Each pass mixes a vertex with its neighbours, the less the more their light differs beyond the noise.
    """
    ends = np.empty((len(mesh.edges), 2), np.int32)
    mesh.edges.foreach_get("vertices", ends.ravel())
    left, right = ends.T
    count = len(mesh.vertices)

    def mixed(values: np.ndarray, weights: np.ndarray, passes: int) -> np.ndarray:
        total = (1 + np.bincount(left, weights, count) + np.bincount(right, weights, count))[:, None]
        for _ in range(passes):
            around = [
                np.bincount(left, weights * c[right], count) + np.bincount(right, weights * c[left], count)
                for c in values.T
            ]
            values = (values + np.stack(around, axis=1)) / total
        return values

    alike = np.ones(len(ends))
    grey = np.stack([one, other])[..., :3].astype(np.float64).mean(axis=2)
    light = mixed(grey.mean(axis=0)[:, None], alike, 1)[:, 0]
    variance = mixed((np.diff(grey, axis=0)[0] ** 2 / 4)[:, None], alike, 4)[:, 0]
    step = (light[left] - light[right]) ** 2
    weights = np.exp(-step / (SAME * (variance[left] + variance[right]) + 1e-9))
    return lambda values, passes: mixed(values.astype(np.float64), weights, passes).astype(np.float32)


def grid(mesh: Any, x: np.ndarray, y: np.ndarray) -> None:
    """Make a mesh the flat grid of vertices over these coordinates, row by row, facing up."""
    across, along = np.meshgrid(x, y)
    at = np.arange(across.size).reshape(across.shape)
    corners = [at[:-1, :-1], at[:-1, 1:], at[1:, 1:], at[1:, :-1]]
    places = np.stack([across, along, np.zeros_like(across)], axis=2).reshape(-1, 3)
    mesh.clear_geometry()
    mesh.from_pydata(places, [], np.stack(corners, axis=2).reshape(-1, 4))
