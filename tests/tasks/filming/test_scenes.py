"""Scenes are drawn within the recipe's ranges, and every orbit keeps the whole object in every picture."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadInput
from schemas.filming import Render
from schemas.names import FLOORS, MATERIALS
from tasks.filming import scenes

WANT = Render(width=64, height=48, fps=4)


def pictured(points: np.ndarray, camera: np.ndarray, look_at: np.ndarray, focal_mm: float, want: Render) -> np.ndarray:
    """Where a pinhole camera sees points (V, 3): x and y in half widths and half heights of the picture."""
    forward = (look_at - camera) / np.linalg.norm(look_at - camera)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(right, forward), forward])
    x, y, depth = axes @ (points - camera).T
    assert (depth > 0).all()
    half = scenes.SENSOR_MM / 2 / focal_mm
    return np.stack([x / depth / half, y / depth / (half * want.height / want.width)])


def thing(sides: tuple[float, float, float], seed: int) -> np.ndarray:
    points = np.random.default_rng(seed).uniform(-0.5, 0.5, (200, 3)) * sides
    return points - [0, 0, points[:, 2].min()]


@given(
    sides=st.tuples(*[st.floats(0.02, 1.0)] * 3),
    seed=st.integers(0, 99),
    size=st.sampled_from([(64, 48), (48, 64), (320, 180)]),
    elevation=st.floats(0, 80),
)
def test_the_whole_object_is_in_every_picture(
    sides: tuple[float, float, float], seed: int, size: tuple[int, int], elevation: float
) -> None:
    want = Render(width=size[0], height=size[1], fps=4, elevation_deg=(elevation, elevation))
    scene, points = scenes.choose(np.random.default_rng(seed), want), thing(sides, seed)
    orbit = scenes.orbit(scene, points, want)
    assert orbit.cameras.shape == (want.orbit_frames, 3)
    for camera in orbit.cameras:
        assert np.abs(pictured(points, camera, orbit.look_at, scene.focal_mm, want)).max() <= 1 - scenes.MARGIN + 1e-9


def test_without_extra_room_the_object_fills_the_picture_up_to_the_margin() -> None:
    points = thing((0.5, 0.5, 1.0), 0)
    half = 18 / 50
    distance = scenes.clear_distance(points - points.mean(axis=0), 0.4, half, half * 0.75)
    turns = np.radians(np.arange(0, 360, 0.5))
    away = np.stack(
        [np.cos(turns) * np.cos(0.4), np.sin(turns) * np.cos(0.4), np.full_like(turns, np.sin(0.4))], axis=1
    )
    centred = points - points.mean(axis=0)
    reached = [
        np.abs(pictured(centred, distance * a, np.zeros(3), 50.0, Render(width=400, height=300))).max() for a in away
    ]
    assert max(reached) == pytest.approx(1 - scenes.MARGIN, abs=1e-3)


def test_the_orbit_is_a_full_circle_in_equal_steps() -> None:
    scene, points = scenes.choose(np.random.default_rng(1), WANT), thing((1, 1, 1), 1)
    orbit = scenes.orbit(scene, points, WANT)
    level = (orbit.cameras - orbit.look_at)[:, :2]
    angles = np.degrees(np.unwrap(np.arctan2(level[:, 1], level[:, 0])))
    assert np.diff(angles) == pytest.approx(360 / WANT.orbit_frames)
    assert np.ptp(np.linalg.norm(orbit.cameras - orbit.look_at, axis=1)) == pytest.approx(0, abs=1e-9)
    assert orbit.look_at[2] == pytest.approx(points[:, 2].max() / 2)


def test_equal_generators_give_equal_scenes_and_seeds_differ() -> None:
    drawn = [scenes.choose(np.random.default_rng(seed), WANT) for seed in (5, 5, 6)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_every_setting_comes_from_the_recipe_and_all_of_them_come_up() -> None:
    own = {"name": "yard", "sky": "night", "floor": "tiles"}
    want = Render.model_validate(
        {"materials": ["wood", "brass"], "environments": [own, "x.hdr"], "elevation_deg": (20, 30)}
    )
    drawn = [scenes.choose(np.random.default_rng(seed), want) for seed in range(120)]
    assert {s.material.name for s in drawn} == {*MATERIALS["wood"], "brass"}
    assert {(s.environment, s.sky) for s in drawn} == {("yard", "night"), ("x", "x.hdr")}
    assert {s.floor.name for s in drawn if s.environment == "yard"} == {"tiles"}
    assert {s.floor.name for s in drawn if s.environment == "x"} == set(FLOORS), "drawn where none is named"
    assert all(20 <= s.elevation <= 30 for s in drawn)


@given(st.integers(1, 16), st.integers(0, 99))
def test_candidates_fill_the_ranges_evenly(count: int, seed: int) -> None:
    """Each part of a range that is cut in as many parts as there are candidates beside the first is drawn from once."""
    scene = scenes.choose(np.random.default_rng(seed), WANT)
    made = scenes.candidates(scene, WANT, count, np.random.default_rng(seed))
    assert len(made) == count and made[0] == scenes.Candidate(scene, None)
    for name, (low, high) in {"elevation": WANT.elevation_deg, "focal_mm": WANT.focal_mm, "room": WANT.room}.items():
        drawn = np.array([getattr(c.scene, name) for c in made[1:]])
        assert sorted(((drawn - low) / (high - low) * (count - 1)).astype(int)) == list(range(count - 1))
    assert sorted(int((c.arc or 0) * (count - 1)) for c in made[1:]) == list(range(count - 1))
    same = {"elevation": scene.elevation, "focal_mm": scene.focal_mm, "room": scene.room}
    assert all(dataclasses.replace(c.scene, **same) == scene for c in made), "the rest of the scene is one"


def test_a_scene_that_cannot_be_filmed_is_refused() -> None:
    scene, points = scenes.choose(np.random.default_rng(1), WANT), thing((0.6, 0.6, 1.0), 1)
    orbit = scenes.orbit(scene, points, WANT)
    scenes.check(orbit, scene, points, WANT)
    with pytest.raises(BadInput, match=r"reaches 20\.00% of its length under the floor"):
        scenes.check(orbit, scene, points - [0, 0, 0.2], WANT)
    close = scenes.Orbit((orbit.cameras - orbit.look_at) * 0.6 + orbit.look_at, orbit.look_at)
    with pytest.raises(BadInput, match=r"leaves the frame; raise render\.room"):
        scenes.check(close, scene, points, WANT)


def test_a_fine_mesh_on_a_long_orbit_is_checked_in_little_memory() -> None:
    ball = np.random.default_rng(0).normal(size=(1000, 3))
    ball = ball / np.linalg.norm(ball, axis=1)[:, None] / 2 + [0, 0, 0.5]
    want = Render(fps=100)
    scene = scenes.choose(np.random.default_rng(1), want)
    orbit = scenes.orbit(scene, ball, want)
    tracemalloc.start()
    scenes.check(orbit, scene, ball, want)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < orbit.cameras.nbytes * len(ball) / 10, "every point in every frame is never held at once"
