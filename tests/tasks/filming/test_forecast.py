"""What a build will cost and show, told before it is built."""

import pytest

from schemas.names import VIEWS
from schemas.recipe import Recipe
from tasks.filming.forecast import expected, forecast, frame_seconds
from tasks.filming.plan import FLAGS

PLAIN = {"width": 320, "height": 240, "fps": 4}


def recipe(**changes: object) -> Recipe:
    plain = {
        "dataset": "costs",
        "objects": [{"builtin": "eraser0", "normal": 2, "defects": ["bulge", "concavity", "bulge"]}],
        "render": PLAIN,
    }
    return Recipe.model_validate(plain | changes)


def test_frames_clips_and_instances_are_counted() -> None:
    found = forecast(recipe())
    assert (found.instances, found.clips, found.rendered_frames, found.views) == (5, 15, 15 * 8, None)


MORE = [{"width": 1920, "height": 1080}, {"samples": 64}, {"pair": "two"}, {"denoise": "high", "samples": 9}]


@pytest.mark.parametrize("more", MORE, ids=str)
def test_a_frame_costs_more_where_more_is_asked(more: dict[str, object]) -> None:
    assert frame_seconds(recipe(render=PLAIN | more).render) > frame_seconds(recipe().render)
    assert forecast(recipe(render=PLAIN | more)).cpu_hours >= forecast(recipe()).cpu_hours


def test_looking_at_more_orbits_costs_more() -> None:
    mix = {"mix": dict.fromkeys(VIEWS, 0.25)}
    one, many = (forecast(recipe(plan=mix | {"candidates": n})).cpu_hours for n in (1, 64))
    assert many > one


def test_a_sample_tells_what_the_plan_would_choose() -> None:
    seen = expected(recipe(), 2)
    assert seen.surveyed == 2 and seen.wanted is None and seen.rejected == ()
    assert sum(seen.got.values()) == pytest.approx(1, abs=0.001) and set(seen.got) == set(VIEWS)
    assert set(seen.flagged) == set(FLAGS) and seen.skipped == 0
    assert seen == expected(recipe(), 2)


def test_work_that_would_be_skipped_is_not_counted() -> None:
    """Bulges that are seen from everywhere, where no clip should show any."""
    never = {"mix": {"never": 1, "briefly": 0, "half": 0, "always": 0}, "skip": True, "candidates": 1}
    found = forecast(recipe(plan=never, visibility={"min_pixels": 0.01}), survey=1)
    assert found.views is not None and found.views.skipped > 0
    assert found.clips < 15 and found.rendered_frames == found.clips * 8
    assert found.cpu_hours < forecast(recipe(plan=never)).cpu_hours


def test_instances_that_cannot_be_filmed_are_named() -> None:
    found = expected(recipe(plan={"min_best_px": 1e6}), 1)
    (reason,) = found.rejected
    assert "eraser0-" in reason and "plan.min_best_px" in reason
    assert set(found.got.values()) == {0.0}


def test_images_cost_what_their_descriptions_cost(tmp_path) -> None:
    asked = {"provider": "openai", "model": "gpt-4o", "budget_usd": 1}
    wanted = Recipe.model_validate(
        {"dataset": "x", "sources": [{"name": "mine", "path": str(tmp_path)}], "caption": asked}
    )
    one, ten = forecast(wanted, images=1), forecast(wanted, images=10)
    assert (ten.images, ten.clips, ten.rendered_frames) == (10, 0, 0)
    assert ten.caption_requests == 10 * one.caption_requests > 0
    assert ten.online_usd == pytest.approx(10 * one.online_usd, abs=0.05) and ten.batch_usd < ten.online_usd


@pytest.mark.parametrize(
    ("render", "warning"),
    [
        ({"materials": [{"name": "mine", "color": "none.png"}]}, "material mine: none.png: no such file"),
        ({"environments": ["none.hdr"]}, "render.environments: none.hdr: no such file"),
    ],
)
def test_files_that_are_not_there_are_told_before_a_build_refuses_them(render: dict[str, object], warning: str) -> None:
    assert forecast(recipe()).warnings == ()
    (said,) = forecast(recipe(render=PLAIN | render)).warnings
    assert said.startswith(warning)
