"""The built-in objects: sound solids, each its own, the same for the same seed."""

from functools import cache

import numpy as np
import pytest
import trimesh

from schemas.names import BUILTIN_OBJECTS
from tasks.meshes import Shape
from tasks.objects import make

HANDLES = {"cup": 1, "bucket": 1}
"""Loops that an object's surface has: a handle that misses its wall would show here."""


@cache
def made(name: str, seed: int) -> Shape:
    return make(name, np.random.default_rng(seed))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", BUILTIN_OBJECTS)
def test_an_object_is_one_watertight_solid(name: str, seed: int) -> None:
    shape = made(name, seed)
    solid = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    assert solid.is_watertight and solid.is_winding_consistent
    assert solid.body_count == 1
    assert solid.volume > 0
    assert solid.euler_number == 2 - 2 * HANDLES.get(name, 0)
    assert 15_000 <= len(shape.faces) <= 60_000
    assert shape.vertices.dtype == np.float64 and shape.faces.dtype == np.int32


@pytest.mark.parametrize("name", BUILTIN_OBJECTS)
def test_an_object_stands_upright_on_the_floor(name: str) -> None:
    shape = made(name, 1)
    low, high = shape.vertices.min(axis=0), shape.vertices.max(axis=0)
    assert (high - low).max() == pytest.approx(1)
    assert low[2] == 0
    assert (low + high)[:2] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("name", [n for n in BUILTIN_OBJECTS if n != "eraser"])
def test_a_container_is_hollow_and_has_walls(name: str) -> None:
    shape = made(name, 2)
    solid = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    assert solid.volume < 0.65 * solid.convex_hull.volume
    # From the side, a ray enters and leaves one wall before it meets the other.
    height = 0.3 * float(shape.vertices[:, 2].max())
    places, _, _ = solid.ray.intersects_location([[0.003, -3.0, height]], [[0.0, 1.0, 0.0]], multiple_hits=True)
    depth = np.sort(places[:, 1])
    assert len(depth) >= 4
    assert depth[1] - depth[0] > 0.02


@pytest.mark.parametrize("name", BUILTIN_OBJECTS)
def test_equal_seeds_give_equal_bytes_and_others_other_proportions(name: str) -> None:
    one, same, other = made(name, 0), make(name, np.random.default_rng(0)), made(name, 1)
    assert one.vertices.tobytes() == same.vertices.tobytes()
    assert one.faces.tobytes() == same.faces.tobytes()
    assert one.vertices.tobytes() != other.vertices.tobytes()
