"""The choice of orbits and clip borders: the mix comes out as wanted, and early choices stay."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.names import VIEWS
from schemas.recipe import Recipe
from schemas.rows import Annotation, Planned, Signal, Survey
from tasks.filming.plan import FLAGS, Planner, aim, plan, sample_id, view
from tasks.stage import Context, Shard
from tasks.visibility import settled
from tasks.workspace import Ref, Workspace

EVEN = dict.fromkeys(VIEWS, 0.25)
ORBIT = 36
LARGE = 900.0
"""Pixels: neither small in the frame nor under the threshold of visibility."""


def recipe(**planning: object) -> Recipe:
    return Recipe.model_validate(
        {
            "dataset": "plans",
            "objects": [{"builtin": "vase0"}],
            "plan": planning,
            "render": {"width": 640, "height": 480, "fps": 12, "clip_seconds": 1, "clip_degrees": 120},
        }
    )


def survey(
    seen: np.ndarray, instance: str = "vase-hole-0", candidate: int = 0, incidence: float = 30.0, contrast: float = 20.0
) -> Survey:
    """An orbit that shows the defect in the frames `seen` (36,), or covers so many pixels if these are numbers."""
    pixels = np.where(seen, LARGE, 0.0) if seen.dtype == bool else seen
    lit = (pixels > 0).astype(float)
    return Survey(
        instance=instance, defect="hole", candidate=candidate, elevation_deg=20.0 + candidate, focal_mm=50.0, room=1.1,
        start_deg=10.0, pixels=pixels.tolist(), incidence_deg=(incidence * lit).tolist(),
        contrast_pct=(contrast * lit).tolist(),
    )  # fmt: skip


def arc(length: int, start: int = 0) -> np.ndarray:
    """The defect in `length` neighbouring frames of the orbit."""
    return np.roll(np.arange(ORBIT) < length, start)


def planned(wanted: Recipe, instances: list[list[Survey]]) -> list[list[Planned]]:
    planner = Planner(aim(wanted), wanted.dataset)
    return [planner.clips(surveys) for surveys in instances]


def mix(clips: list[list[Planned]]) -> dict[str, float]:
    counts = Counter(c.view for orbit in clips for c in orbit if c.rendered)
    return {v: counts[v] / max(counts.total(), 1) for v in VIEWS}


@pytest.mark.parametrize(("shown", "expected"), [
    (0, "never"), (1, "briefly"), (4, "briefly"), (5, "half"), (11, "half"), (12, "always"),
])  # fmt: skip
def test_a_view_is_named_by_its_share_of_frames(shown: int, expected: str) -> None:
    assert VIEWS[view(np.arange(12) < shown)] == expected


def test_a_glimpse_too_short_for_an_interval_is_no_view() -> None:
    """What the plan calls never visible has an empty list of intervals as its label, and the other way round."""
    glimpse, gap = arc(1), arc(12, 12) & ~arc(1, 18)
    clips = planned(recipe(), [[survey(glimpse | gap)]])
    assert [c.view for c in clips[0]] == ["never", "always", "never"]


def varied(count: int, candidates: int = 4, seed: int = 0) -> list[list[Survey]]:
    """Instances whose orbits show their defect for a drawn part of the circle."""
    rng = np.random.default_rng(seed)
    return [
        [
            survey(arc(int(rng.integers(1, ORBIT + 1)), int(rng.integers(ORBIT))), f"vase-hole-{n}", k)
            for k in range(candidates)
        ]
        for n in range(count)
    ]


shares = st.lists(st.floats(0.4, 1), min_size=4, max_size=4).map(lambda s: [x / sum(s) for x in s])


@settings(max_examples=20)
@given(shares, st.integers(0, 99))
def test_a_mix_that_can_be_had_is_had(wanted: list[float], seed: int) -> None:
    """A circle cut in three has few clips without a beginning or an end in them, so no view is wanted rarely here."""
    made = planned(recipe(mix=dict(zip(VIEWS, wanted, strict=True))), varied(40, seed=seed))
    assert mix(made) == pytest.approx(dict(zip(VIEWS, wanted, strict=True)), abs=0.05)


@pytest.mark.parametrize("flag", FLAGS)
def test_hard_views_that_cannot_be_had_do_not_spoil_the_mix(flag: str) -> None:
    made = planned(recipe(mix=EVEN, **{flag: 0.5}), varied(60))
    assert not any(getattr(c, flag) for orbit in made for c in orbit)
    assert mix(made) == pytest.approx(EVEN, abs=0.05)


def test_without_a_mix_it_is_what_chance_gives() -> None:
    made = planned(recipe(), varied(40))
    assert all(c.candidate == 0 and c.start_deg == 10.0 for orbit in made for c in orbit)
    assert max(abs(mix(made)[v] - 0.25) for v in VIEWS) > 0.1


def test_moving_the_borders_alone_makes_brief_views() -> None:
    """A defect seen in 15 of 36 frames: one clip can show it always or none of them."""
    seen = survey(arc(15))
    always = planned(recipe(mix=EVEN | {"always": 1.0, "never": 0, "briefly": 0, "half": 0}), [[seen]])[0]
    brief = planned(recipe(mix=EVEN | {"briefly": 1.0, "never": 0, "always": 0, "half": 0}), [[seen]])[0]
    assert "always" in {c.view for c in always}
    assert sum(c.view == "briefly" for c in brief) >= sum(c.view == "briefly" for c in always)
    assert len({c.start_deg for c in always}) == 1, "the clips of an orbit stay one circle"


@settings(max_examples=30)
@given(st.integers(0, 99), st.integers(1, 12), st.booleans())
def test_appended_instances_leave_the_earlier_choices_as_they_are(seed: int, kept: int, skip: bool) -> None:
    everything, wanted = varied(12, seed=seed), recipe(mix=EVEN, skip=skip)
    assert planned(wanted, everything)[:kept] == planned(wanted, everything[:kept])


@given(st.integers(0, 99))
def test_what_is_planned_is_what_the_camera_will_see(seed: int) -> None:
    """The frames of the clips are those of the surveyed circle, from the chosen start on."""
    surveys = varied(1, seed=seed)[0]
    clips = planned(recipe(mix=EVEN), [surveys])[0]
    of = next(s for s in surveys if s.candidate == clips[0].candidate)
    move = round((clips[0].start_deg - of.start_deg) / 360 * ORBIT)
    assert [p for c in clips for p in c.pixels] == [of.pixels[(move + n) % ORBIT] for n in range(ORBIT)]
    for c in clips:
        assert c.view == VIEWS[view(settled(np.array(c.pixels) >= 24, 2, 1))]
        assert (c.elevation_deg, c.focal_mm, c.room) == (of.elevation_deg, of.focal_mm, of.room)


def test_ids_do_not_depend_on_the_plan() -> None:
    ids = [
        [c.sample for c in planned(recipe(mix=wish), varied(1))[0]]
        for wish in (EVEN, None, {"never": 0, "briefly": 0, "half": 0, "always": 1})
    ]
    assert ids[0] == ids[1] == ids[2] == [sample_id("plans", "vase-hole-0", n) for n in range(3)]


@settings(max_examples=20)
@given(shares, st.integers(0, 99))
def test_enough_of_a_view_is_not_rendered(wanted: list[float], seed: int) -> None:
    """However many there are to be had, no view passes its share of all clips planned."""
    wish = dict(zip(VIEWS, wanted, strict=True))
    made = planned(recipe(mix=wish, skip=True, candidates=1), varied(30, candidates=1, seed=seed))
    rendered = Counter(c.view for orbit in made for c in orbit if c.rendered)
    assert all(rendered[v] <= np.ceil(wish[v] * 90 - 1e-9) for v in VIEWS)
    for orbit in made:
        assert all(c.rendered or c.view for c in orbit)


def test_what_cannot_be_had_does_not_stop_the_rest() -> None:
    """Defects that are seen from everywhere, where half of the clips should not show any."""
    wish = {"never": 0.5, "briefly": 0, "half": 0, "always": 0.5}
    made = planned(recipe(mix=wish, skip=True), [[survey(arc(ORBIT), f"vase-hole-{n}")] for n in range(20)])
    assert sum(c.rendered for orbit in made for c in orbit) == 30


def test_normal_instances_are_always_rendered_and_say_nothing_of_views() -> None:
    normal = Survey("vase-normal-0", "none", 0, 20.0, 50.0, 1.1, 10.0)
    (clips,) = planned(recipe(mix=EVEN, skip=True), [[normal]])
    assert [(c.clip, c.rendered, c.view, c.pixels, c.grazing) for c in clips] == [
        (n, True, None, [], None) for n in range(3)
    ]


def test_an_orbit_that_cannot_be_filmed_is_not_chosen() -> None:
    broken = Survey("vase-hole-0", "hole", 0, 20.0, 50.0, 1.1, 10.0, problem="the object leaves the frame")
    assert planned(recipe(), [[broken]]) == [[]]
    assert {c.candidate for c in planned(recipe(), [[broken, survey(arc(9), candidate=1)]])[0]} == {1}


FLAGGED = [
    # how the orbit differs, flag
    ({"incidence": 80.0}, "grazing"),
    ({"contrast": 1.0}, "low_contrast"),
    ({"pixels": 100.0}, "small"),
]


@pytest.mark.parametrize(("how", "flag"), FLAGGED)
def test_hard_views_are_found_and_had_as_often_as_wanted(how: dict[str, float], flag: str) -> None:
    seen, hard = arc(ORBIT), dict(how)
    pixels = np.where(seen, hard.pop("pixels", LARGE), 0.0)
    instances = [[survey(seen, f"vase-hole-{n}", 0), survey(pixels, f"vase-hole-{n}", 1, **hard)] for n in range(20)]
    made = [c for orbit in planned(recipe(**{flag: 0.4}), instances) for c in orbit]
    assert sum(bool(getattr(c, flag)) for c in made) / len(made) == pytest.approx(0.4, abs=0.05)
    assert all(getattr(c, flag) is False for c in made if c.candidate == 0)
    assert not any(getattr(c, other) for c in made for other in FLAGS if other != flag)


def test_a_clip_that_shows_nothing_has_no_flags() -> None:
    clips = planned(recipe(), [[survey(arc(12))]])[0]
    assert [(c.view, c.small, c.incidence_deg) for c in clips] == [
        ("always", False, 30.0), ("never", None, None), ("never", None, None),
    ]  # fmt: skip


def test_the_stage_keeps_the_forecast_apart_from_what_is_rendered(tmp_path: Path) -> None:
    wanted = recipe(mix={"never": 1.0, "briefly": 0, "half": 0, "always": 0}, skip=True)

    class Given(Context):
        def rows(self, row: type, stage: str | None = None):  # type: ignore[no-untyped-def]
            return iter([survey(arc(15))])

    context = Given(
        Workspace.create(tmp_path / "w"),
        Ref("plan", "all", "0"),
        Shard("all"),
        0,
        aim(wanted),
        wanted,
        tmp_path,
        tmp_path,
    )
    rows = list(plan.work(context.shard, context))
    kept = [r.sample for r in rows if isinstance(r, Planned) and r.rendered]
    assert 0 < len(kept) < 3
    assert [r.sample for r in rows if isinstance(r, Signal)] == kept
    views = [r for r in rows if isinstance(r, Annotation)]
    assert [(a.sample, a.task, a.label, a.author) for a in views] == [(s, "view", "never", "planner") for s in kept]
