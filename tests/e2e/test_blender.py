"""The real Blender: exact masks, whole objects in frame, and the same pixels whatever happens on the way."""

import dataclasses
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from schemas.errors import BadInput, DefectoryError
from schemas.filming import Render
from schemas.recipe import Recipe
from schemas.rows import Reject, Sample
from tasks.filming import blender, scenes
from tasks.filming.instances import Thing
from tasks.filming.plan import plan
from tasks.filming.render import job as job_for
from tasks.filming.render import marked, render
from tasks.filming.survey import survey
from tasks.meshes import Shape
from tasks.objects import make
from tasks.workspace import Workspace
from tests.factory import run

pytestmark = pytest.mark.services

WANT = Render(width=96, height=72, fps=1, samples=2, environments=("studio-epoxy",))


@pytest.fixture(scope="module")
def vase() -> Shape:
    return make("vase0", np.random.default_rng(1))


def spot(shape: Shape, centre: tuple[float, float, float], radius: float) -> np.ndarray:
    """A label: 1 on the vertices within `radius` of the surface point nearest to `centre`."""
    nearest = shape.vertices[np.linalg.norm(shape.vertices - centre, axis=1).argmin()]
    return (np.linalg.norm(shape.vertices - nearest, axis=1) < radius).astype(np.float32)


def prepare(folder: Path, shape: Shape, label: np.ndarray | None, want: Render = WANT, **over: Any) -> blender.Job:
    scene = dataclasses.replace(scenes.choose(np.random.default_rng(4), want), yaw=0.0)
    orbit = scenes.orbit(scene, shape.vertices, want)
    folder.mkdir(parents=True, exist_ok=True)
    made = job_for(Thing(shape, label, (), "made"), scene, orbit, want, folder, seed=7, threads=2, max_frames=100)
    return dataclasses.replace(made, **over)


def pixels(frames: blender.Frames, count: int, mask: bool = True) -> list[np.ndarray]:
    return [frames.picture(n) for n in range(count)] + [frames.mask(n) for n in range(count) if mask]


def same(one: list[np.ndarray], two: list[np.ndarray]) -> bool:
    return len(one) == len(two) and all((a == b).all() for a, b in zip(one, two, strict=True))


def cast(shape: Shape, label: np.ndarray, job: blender.Job, number: int) -> np.ndarray:
    """What rays through 4x4 points of every pixel say: the share of it that the label covers, (H, W)."""
    import trimesh

    eye, target = np.array(job.cameras[number]), np.array(job.look_at)
    forward = (target - eye) / np.linalg.norm(target - eye)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    fine = 4
    x = ((np.arange(job.width * fine) + 0.5) / (job.width * fine) * 2 - 1) * 18 / job.focal_mm
    y = -((np.arange(job.height * fine) + 0.5) / (job.height * fine) * 2 - 1) * 18 / job.focal_mm
    y *= job.height / job.width
    towards = (forward + x[None, :, None] * right + y[:, None, None] * up).reshape(-1, 3)
    mesh = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    places, ray, face = mesh.ray.intersects_location(np.broadcast_to(eye, towards.shape), towards, multiple_hits=False)
    weights = trimesh.triangles.points_to_barycentric(mesh.triangles[face], places)
    covered = np.zeros(len(towards))
    covered[ray] = (weights * label[shape.faces[face]]).sum(axis=1) > 0.5
    return covered.reshape(job.height, fine, job.width, fine).mean(axis=(1, 3))


def test_the_mask_is_what_rays_against_the_mesh_say(tmp_path: Path, vase: Shape) -> None:
    label = spot(vase, (0.5, 0.0, 0.4), 0.12)
    job = prepare(tmp_path, vase, label, samples=64, denoise="off")
    frames = blender.run(job, tmp_path)
    areas = []
    for n in range(len(job.cameras)):
        mask, expected = frames.mask(n) / 255, cast(vase, label, job, n)
        areas.append(expected.sum())
        assert mask.sum() == pytest.approx(expected.sum(), rel=0.02, abs=0.5)
        # the pixel filter is wider than a pixel, so single rim pixels may differ; none far from the rim does
        near = cv2.dilate(expected, np.ones((3, 3)))
        assert (mask[near == 0] < 0.05).all(), "at most a sliver between the rays"
        assert (mask[cv2.erode(expected, np.ones((3, 3))) == 1] == 1).all(), "raw values: 1.0 is 255"
    assert min(areas) == 0 and max(areas) > 50, "seen from some sides, hidden from others"


def test_the_whole_object_is_in_frame_from_every_side(tmp_path: Path) -> None:
    for name in ("bottle0", "eraser0"):
        shape = make(name, np.random.default_rng(2))
        job = prepare(tmp_path / name, shape, np.ones(len(shape.vertices), np.float32))
        frames = blender.run(job, tmp_path / name)
        for n in range(len(job.cameras)):
            mask = frames.mask(n)
            assert mask.sum() / 255 > 0.05 * mask.size
            assert not any(edge.any() for edge in (mask[0], mask[-1], mask[:, 0], mask[:, -1]))


def test_the_pixels_do_not_depend_on_threads_processes_or_the_mask(tmp_path: Path, vase: Shape) -> None:
    label = spot(vase, (0.5, 0.0, 0.4), 0.12)
    job = prepare(tmp_path / "plain", vase, label)
    count = len(job.cameras)
    plain = pixels(blender.run(job, tmp_path / "plain"), count)
    for name, over in (("one thread", {"threads": 1}), ("four processes", {"max_frames": 2})):
        other = prepare(tmp_path / name, vase, label, **over)
        assert same(plain, pixels(blender.run(other, tmp_path / name), count)), name
    without = blender.run(prepare(tmp_path / "no mask", vase, None), tmp_path / "no mask")
    assert same(plain[:count], pixels(without, count, mask=False))
    for picture, mask in zip(plain[:count], plain[count:], strict=True):
        different = (marked(picture, mask) != picture).any(axis=2)
        assert not different[mask == 0].any() and different[mask == 255].all()


def test_a_pair_of_two_renders_differs_in_the_defect_alone(tmp_path: Path, vase: Shape) -> None:
    label = spot(vase, (0.5, 0.0, 0.4), 0.12)
    # No bounces and no denoiser: red light from the defect would be another, and rightful, difference.
    plain = {"denoise": "off", "bounces": 0, "samples": 8}
    assert prepare(tmp_path / "two", vase, label).scene["material"]["group"] == "metal", "the hardest to paint"
    two = prepare(tmp_path / "two", vase, label, pair="two", **plain)
    frames = blender.run(two, tmp_path / "two")
    one = blender.run(prepare(tmp_path / "one", vase, label, **plain), tmp_path / "one")
    count = len(two.cameras)
    assert same(pixels(one, count), pixels(frames, count)), "the second render leaves the first as it was"
    inside = []
    for n in range(count):
        picture, painted, mask = frames.picture(n), frames.marked(n), frames.mask(n)
        assert (painted == picture)[mask == 0].all()
        inside.append(painted[mask == 255].astype(int))
    red, green, blue = np.concatenate(inside).T
    assert len(red) > 50
    assert (red > np.maximum(green, blue) + 20).mean() > 0.9, (np.median(red), np.median(green), np.median(blue))
    assert not list(one.folder.glob("*.marked.png"))


def test_a_device_that_is_not_there_is_nobodys_bad_input(tmp_path: Path, vase: Shape) -> None:
    job = prepare(tmp_path, vase, None)
    job = dataclasses.replace(job, cameras=job.cameras[:1])
    with pytest.raises(DefectoryError, match=r"render\.device hip: there is no such GPU.*`auto` or `cpu`") as caught:
        blender.run(dataclasses.replace(job, device="hip"), tmp_path)
    assert type(caught.value) is DefectoryError, "neither a reject nor worth a retry: every job would meet it"
    best = blender.run(dataclasses.replace(job, device="auto"), tmp_path)
    version, device = best.by.split()
    assert version.startswith("5.") and device in ("cpu", "cuda", "optix", "hip", "oneapi")
    assert best.picture(0).any()


def test_what_cannot_be_rendered_is_rejected_and_the_rest_is_unharmed(tmp_path: Path) -> None:
    (tmp_path / "text.hdr").write_text("not a picture")
    recipe = Recipe.model_validate(
        {
            "dataset": "tiny",
            "objects": [{"builtin": "cup0", "normal": 3}],
            "render": {
                "width": 64, "height": 48, "fps": 1, "samples": 1,
                "environments": ["studio-epoxy", str(tmp_path / "text.hdr")],
            },
        }
    )  # fmt: skip
    build(tmp_path / "built", recipe)
    workspace = Workspace.open(tmp_path / "built")
    rejects, samples = list(workspace.rows(Reject)), list(workspace.rows(Sample))
    assert all("environment text.hdr" in r.reason and r.stage == "render" for r in rejects)
    assert {r.item for r in rejects} | {s.instance for s in samples} == {f"cup0-normal-{n}" for n in range(3)}
    assert rejects and samples, "some of either, with this seed"


def test_an_environment_of_ones_own(tmp_path: Path, vase: Shape) -> None:
    sky = np.full((32, 64, 3), 0.2, np.float32)
    sky[4:12, 10:20] = (1.0, 3.0, 8.0)  # BGR: a warm lamp
    cv2.imwrite(str(tmp_path / "lamp.hdr"), sky)
    (tmp_path / "text.hdr").write_text("not a picture")
    wanted = prepare(tmp_path, vase, None)
    good, bad = (
        dataclasses.replace(wanted, scene=wanted.scene | {"sky": str(tmp_path / name)}, cameras=wanted.cameras[:1])
        for name in ("lamp.hdr", "text.hdr")
    )
    assert 45 < blender.run(good, tmp_path).picture(0).mean() < 200
    with pytest.raises(BadInput, match=r"environment text\.hdr.*\.hdr or \.exr"):
        blender.run(bad, tmp_path)


def build(root: Path, recipe: Recipe) -> None:
    workspace = Workspace.create(root)
    for made in (survey, plan, render):
        run(made, workspace, recipe)
