"""Baked light against traced light, in the real Blender: the same picture, whatever process goes on with it."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.likeness import psnr
from schemas.filming import MaterialSpec, Render
from tasks.filming import blender, scenes
from tasks.filming.instances import Thing
from tasks.filming.render import job as job_for
from tasks.objects import make

pytestmark = pytest.mark.services

WANT = Render(width=96, height=72, fps=2, samples=32, denoise="off", bounces=4)
LIGHT = 8


def prepare(folder: Path, look: dict[str, Any], **over: Any) -> blender.Job:
    """Two views of a vase of which one half is labelled."""
    shape = make("vase0", np.random.default_rng(1))
    label = (shape.vertices[:, 0] > 0).astype(np.float32)
    scene = scenes.choose(np.random.default_rng(4), WANT)
    orbit = scenes.orbit(scene, shape.vertices, WANT)
    orbit = dataclasses.replace(orbit, cameras=orbit.cameras[::6][:2])
    folder.mkdir(parents=True, exist_ok=True)
    made = job_for(Thing(shape, label, (), "made"), scene, orbit, WANT, folder, seed=7, threads=2)
    common = {"sky": "sunset", "material_seed": 1, "floor_seed": 1, "exposure_ev": 0.0}
    return dataclasses.replace(made, scene=made.scene | common | look, **over)


def looks(material: str, floor: str) -> dict[str, Any]:
    return {"material": {"name": material}, "floor": {"name": floor}}


@pytest.mark.parametrize(
    ("material", "floor"),
    [
        ("terracotta", "rubber"),  # relief on both, no gloss
        ("stoneware", "tiles"),  # gloss over relief, of a roughness that varies
        ("suede", "steel"),  # sheen, on a metal, which stays traced
    ],
)
def test_baked_light_shows_what_traced_light_shows(tmp_path: Path, material: str, floor: str) -> None:
    look = looks(material, floor)
    samples = {"samples": 128}  # traced light is noisy
    traced = blender.run(prepare(tmp_path / "traced", look, light=0, **samples), tmp_path / "traced")
    baked = blender.run(prepare(tmp_path / "baked", look, light=LIGHT), tmp_path / "baked")
    for n in range(2):
        one, two = (f.picture(n).astype(float) for f in (traced, baked))
        mask = traced.mask(n)
        assert np.abs(mask.astype(int) - baked.mask(n)).mean() < 1, "the mask is none of the light's business"
        assert psnr(one.astype(np.uint8), two.astype(np.uint8)) > 36
        assert np.abs((one - two).mean(axis=(0, 1))).max() < 1.5, "neither brighter nor darker"


def test_the_pictures_do_not_depend_on_the_process(tmp_path: Path) -> None:
    look = looks("grained-plastic", "tiles")
    seen = []
    for name, over in (("one", {}), ("restarted", {"max_frames": 1}), ("one thread", {"threads": 1})):
        job = prepare(tmp_path / name, look, light=2, samples=2, **over)
        frames = blender.run(job, tmp_path / name)
        seen.append([frames.picture(n) for n in range(2)])
    assert (np.array(seen) == seen[0]).all()
    assert len(list((tmp_path / "one").glob("floor-*.exr"))) == 1
    kept = tmp_path / "one" / "light.npz"
    with np.load(kept) as light:
        assert {"object light", "object lean", "object gloss", "floor light", "floor lean"} <= set(light.files)
    kept.write_bytes((tmp_path / "one thread" / "light.npz").read_bytes())
    again = prepare(tmp_path / "one", look, light=3, samples=2)
    blender.run(again, tmp_path / "one")
    with np.load(kept) as other, np.load(tmp_path / "restarted" / "light.npz") as light:
        assert str(other["key"]) != str(light["key"]), "light of another job is not taken"
    assert len(list((tmp_path / "one").glob("floor-*.exr"))) == 2, "nor is its floor"


def test_a_floor_that_reaches_the_horizon(tmp_path: Path) -> None:
    pictures = []
    for name, over in (("traced", {"light": 0, "samples": 256}), ("baked", {"light": LIGHT, "samples": 64})):
        low = prepare(tmp_path / name, looks("raw-clay", "planks"), cameras=[[2.4, 0.6, 0.35]], **over)
        pictures.append(blender.run(low, tmp_path / name).picture(0))
    traced, baked = pictures
    assert psnr(traced, baked) > 34
    assert np.abs((traced.astype(float) - baked).mean(axis=(0, 1))).max() < 1.5


def test_the_samples_of_both_renders_count(tmp_path: Path) -> None:
    job = prepare(tmp_path, looks("terracotta", "asphalt"), light=2, samples=2, max_frames=1)
    assert {0, 128, 255} >= set(np.unique(blender.run(job, tmp_path).mask(0)).tolist()) > {0, 255}


@pytest.mark.parametrize(
    ("material", "floor", "noisy"),
    [
        ("terracotta", "rubber", False),  # nothing is traced
        ("glossy-plastic", "tiles", True),
        ("rubberised-plastic", "concrete", True),  # sheen is diffuse to Cycles
        ("cast-iron", "asphalt", True),  # a metal in part
    ],
)
def test_only_traced_light_is_denoised(tmp_path: Path, material: str, floor: str, noisy: bool) -> None:
    pictures = {}
    for denoise, samples in (("off", 2), ("fast", 2), ("off", 64)):
        folder = tmp_path / f"{denoise}{samples}"
        job = prepare(folder, looks(material, floor), light=2, samples=samples, denoise=denoise, max_frames=1)
        job = dataclasses.replace(job, cameras=job.cameras[:1])
        pictures[denoise, samples] = blender.run(job, folder).picture(0)
    raw, clean, truth = pictures.values()
    assert np.abs(clean.astype(float).mean(axis=(0, 1)) - truth.mean(axis=(0, 1))).max() < 1, "no light is lost"
    if noisy:
        assert psnr(clean, truth) > psnr(raw, truth) + 0.3
    else:
        assert np.abs(clean.astype(int) - raw).max() <= 1


def test_no_sample_is_tied_to_the_middle_of_its_pixel(tmp_path: Path) -> None:
    masks = []
    for seed in (1, 2):
        job = prepare(tmp_path / str(seed), looks("porcelain", "rubber"), light=0, samples=1, max_frames=1, seed=seed)
        masks.append(blender.run(job, tmp_path / str(seed)).mask(0))
    assert (masks[0] != masks[1]).any(), "edges differ by where in the pixel the one sample falls"


def test_red_paint_is_red_under_baked_light(tmp_path: Path) -> None:
    for material in ("terracotta", "brass"):
        job = prepare(tmp_path / material, looks(material, "concrete"), light=2, samples=8, pair="two")
        frames = blender.run(job, tmp_path / material)
        marked, mask = frames.marked(0), frames.mask(0)
        red, green, blue = marked[mask == 255].astype(int).T
        assert len(red) > 100
        assert (red > np.maximum(green, blue) + 20).mean() > 0.9, material
        assert np.abs(marked[mask == 0].astype(int) - frames.picture(0)[mask == 0]).mean() < 2


def test_pictures_as_material(tmp_path: Path) -> None:
    import cv2

    cv2.imwrite(str(tmp_path / "wood.png"), np.full((8, 8, 3), (40, 90, 160), np.uint8))
    spec = MaterialSpec(name="own", color=str(tmp_path / "wood.png"), roughness=0.4).model_dump()
    look = {"material": spec, "floor": {"name": "concrete"}}
    traced = blender.run(prepare(tmp_path / "traced", look, light=0, samples=128), tmp_path / "traced")
    baked = blender.run(prepare(tmp_path / "baked", look, light=LIGHT), tmp_path / "baked")
    assert psnr(traced.picture(0), baked.picture(0)) > 36
