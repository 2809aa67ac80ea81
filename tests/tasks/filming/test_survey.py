"""Surveys of real instances: what they hold, what they refuse, and when they stop looking."""

import dataclasses
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import BadInput
from schemas.recipe import Recipe
from schemas.rows import Reject, Survey
from tasks.filming import scenes
from tasks.filming.instances import instances, make
from tasks.filming.survey import draws, look, scene_of, survey, surveyed
from tasks.stage import cut
from tasks.workspace import Workspace
from tests.factory import run

pytestmark = pytest.mark.whole

MIX = {"never": 0.25, "briefly": 0.25, "half": 0.25, "always": 0.25}


def recipe(**changes: object) -> Recipe:
    plain: dict[str, object] = {
        "dataset": "looks",
        "objects": [{"builtin": "eraser0", "normal": 1, "defects": ["bulge"]}],
        "render": {"width": 320, "height": 240, "fps": 6},
        "plan": {"mix": MIX, "candidates": 3},
    }
    return Recipe.model_validate(plain | changes)


@lru_cache(maxsize=1)
def surveys() -> tuple[Survey, ...]:
    return tuple(surveyed(instances(recipe())[1], recipe()))


def test_every_candidate_is_another_orbit_and_another_place_for_the_defect() -> None:
    assert [s.candidate for s in surveys()] == [0, 1, 2]
    assert len({(s.elevation_deg, s.focal_mm, s.room) for s in surveys()}) == 3
    assert [s.arc is None for s in surveys()] == [True, False, False]
    want = recipe().render
    for s in surveys():
        assert want.elevation_deg[0] <= s.elevation_deg <= want.elevation_deg[1]
        assert want.focal_mm[0] <= s.focal_mm <= want.focal_mm[1]
        assert want.room[0] <= s.room <= want.room[1]


def test_the_whole_circle_is_looked_at() -> None:
    for s in surveys():
        assert len(s.pixels) == len(s.incidence_deg) == len(s.contrast_pct) == recipe().render.orbit_frames
        shown = np.array(s.pixels) > 0
        assert shown.any() and max(s.pixels) >= recipe().plan.min_best_px
        assert (np.array(s.incidence_deg)[~shown] == 0).all() and (np.array(s.incidence_deg)[shown] > 0).all()
        assert max(s.contrast_pct) <= 100


def test_equal_recipes_give_equal_surveys_and_seeds_differ() -> None:
    short = recipe(plan={"candidates": 1})
    assert surveyed(instances(short)[1], short) == surveyed(instances(short)[1], short) == [surveys()[0]]
    other = short.model_copy(update={"seed": 1})
    assert surveyed(instances(other)[1], other) != [surveys()[0]]


def test_nothing_more_is_looked_at_when_nothing_is_to_be_chosen() -> None:
    plain = recipe(plan={"candidates": 8})
    assert len(surveyed(instances(plain)[1], plain)) == 1


def test_a_normal_instance_needs_one_orbit_and_no_rays() -> None:
    (only,) = surveyed(instances(recipe())[0], recipe())
    assert (only.defect, only.candidate, only.arc, only.problem, only.pixels) == ("none", 0, None, None, [])


def test_a_turn_of_the_object_is_a_turn_of_the_orbit() -> None:
    """A quarter turn of the object, against the camera, shows a quarter of an orbit later what was seen before."""
    wanted = recipe(plan={"candidates": 1})
    instance = instances(wanted)[1]
    thing, scene = make(instance, wanted, draws(wanted)), scene_of(instance, wanted)
    assert thing.label is not None

    def pixels(yaw: float) -> np.ndarray:
        turned = dataclasses.replace(scene, yaw=yaw)
        orbit = scenes.orbit(turned, thing.shape.vertices, wanted.render)
        return look(thing.shape, thing.label, turned, orbit, wanted).pixels  # type: ignore[arg-type]

    quarter = wanted.render.orbit_frames // 4
    assert np.allclose(np.roll(pixels(20.0), quarter), pixels(110.0), rtol=1e-3, atol=0.1)


def test_a_defect_that_stays_too_small_is_refused_with_the_numbers() -> None:
    tiny = recipe(plan={"min_best_px": 1e6})
    with pytest.raises(BadInput, match=r"the bulge covers \d+\.\d pixels of its best frame, fewer than .* 1e\+06"):
        surveyed(instances(tiny)[1], tiny)


def test_what_cannot_be_filmed_is_put_aside_and_the_rest_is_surveyed(tmp_path: Path) -> None:
    (tmp_path / "sky.hdr").write_text("not a picture")
    (tmp_path / "text.stl").write_text("not a mesh")
    objects = [{"mesh": str(tmp_path / "text.stl")}, {"builtin": "eraser0", "normal": 1, "defects": ["bulge"]}]
    render = {"width": 64, "height": 48, "fps": 2, "environments": [str(tmp_path / "sky.hdr")]}
    wanted = recipe(objects=objects, render=render)
    workspace = Workspace.create(tmp_path / "w")
    run(survey, workspace, wanted)
    rejects = {r.item: r.reason for r in workspace.rows(Reject)}
    assert "text.stl" in rejects["text-normal-0"]
    assert "sky.hdr" in rejects["eraser0-bulge-0"], "a sky that is none is told before anything is rendered"
    assert {s.instance for s in workspace.rows(Survey)} == {"eraser0-normal-0"}


def test_how_good_the_pictures_are_is_nothing_to_a_survey(tmp_path: Path) -> None:
    workspace, plain = Workspace.create(tmp_path / "w"), {"width": 320, "height": 240, "fps": 6}

    def prints(**changes: object) -> list[str]:
        return [ref.fingerprint for ref, _ in cut(survey, workspace, recipe(**changes)).shards]

    base = prints()
    for how in ({"samples": 64}, {"crf": 30}, {"denoise": "high"}, {"pair": "two"}, {"stall_seconds": 9}):
        assert prints(render=plain | how) == base, how
    for what in ({"width": 640}, {"fps": 12}, {"elevation_deg": (5, 10)}, {"defect": {"radius_pct": (4, 5)}}):
        assert not set(prints(render=plain | what)) & set(base), what
    assert prints(plan={"mix": MIX | {"never": 0.0, "always": 0.5}, "candidates": 3}) == base, "another mix, same looks"
    assert not set(prints(plan={"mix": MIX, "candidates": 4})) & set(base)
