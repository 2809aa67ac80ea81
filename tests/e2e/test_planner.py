"""What the planner foresees against the real Blender: where light falls, and when a defect is seen."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import trimesh

from schemas.recipe import Recipe
from schemas.rows import Signal
from tasks.filming import blender, scenes, skies
from tasks.filming.instances import Thing
from tasks.filming.plan import plan
from tasks.filming.render import job, render
from tasks.filming.survey import survey
from tasks.meshes import Shape
from tasks.workspace import Workspace
from tests.factory import run

pytestmark = pytest.mark.services


def about_vertical(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def test_a_ball_is_bright_where_the_sky_is_said_to_light_it(tmp_path: Path) -> None:
    """A clay ball under a low sun: its brightness follows the forecast, and not that of a sky turned the other way."""
    wanted = Recipe.model_validate(
        {
            "dataset": "ball",
            "objects": [{"builtin": "vase0"}],
            "render": {
                "width": 120, "height": 120, "fps": 4, "clip_seconds": 1, "clip_degrees": 360, "samples": 8,
                "environments": ["sunrise-asphalt"], "materials": ["raw-clay"],
            },
        }
    )  # fmt: skip
    mesh = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    ball = Shape(np.asarray(mesh.vertices) + np.array([0, 0, 0.5]), np.asarray(mesh.faces).astype(np.int32))
    scene = scenes.choose(np.random.default_rng(0), wanted.render)
    scene = dataclasses.replace(scene, sky_turn=50.0, elevation=20.0, start=0.0)
    orbit = scenes.orbit(scene, ball.vertices, wanted.render)
    frames = blender.run(job(Thing(ball, None, (), ""), scene, orbit, wanted.render, tmp_path, seed=1), tmp_path)

    brightness, normals = [], []
    for number, eye in enumerate(orbit.cameras):
        forward = (orbit.look_at - eye) / np.linalg.norm(orbit.look_at - eye)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        x, y = np.meshgrid((np.arange(120) + 0.5) / 60 - 1, 1 - (np.arange(120) + 0.5) / 60)
        half = scenes.SENSOR_MM / 2 / scene.focal_mm
        ray = forward + half * (x[..., None] * right + y[..., None] * np.cross(right, forward))
        ray /= np.linalg.norm(ray, axis=-1, keepdims=True)
        away = eye - orbit.look_at
        along = ray @ away
        under = along**2 - (away @ away - 0.25)
        hit = under > 0.01
        normals.append(((away + (-along - np.sqrt(np.maximum(under, 0)))[..., None] * ray) / 0.5)[hit])
        brightness.append(frames.picture(number).mean(axis=2)[hit])

    def agreement(turn: float) -> float:
        light = skies.irradiance(skies.coefficients("sunrise"), np.concatenate(normals) @ about_vertical(turn).T)
        return float(np.corrcoef(np.concatenate(brightness), np.log(light))[0, 1])

    assert agreement(50.0) > 0.9 > agreement(0.0)
    assert agreement(50.0) > 0.9 > agreement(-50.0)


def test_rays_and_mask_agree_frame_by_frame(tmp_path: Path) -> None:
    wanted = Recipe.model_validate(
        {
            "dataset": "agree",
            "objects": [{"builtin": "vase0", "normal": 0, "defects": ["hole"]}],
            "render": {"width": 200, "height": 150, "fps": 4, "samples": 4, "denoise": "off", "bounces": 0},
        }
    )
    workspace = Workspace.create(tmp_path / "w")
    for made in (survey, plan, render):
        run(made, workspace, wanted)
    planned, exact = (
        np.concatenate([s.values for s in sorted(workspace.rows(Signal), key=lambda s: s.sample) if s.name == name])
        for name in ("planned_pixels", "mask_pixels")
    )
    clear = np.abs(planned - 24) > 4
    assert clear.sum() > 15 and (planned > 24).any()
    assert ((planned > 24) == (exact > 24))[clear].all()
    assert np.median(np.abs(planned - exact)[planned > 24] / planned[planned > 24]) < 0.08
