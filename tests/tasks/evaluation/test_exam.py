"""The clips of a release as an examination: frames, what they show, constant answers."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.answers import Sheet, Spans, merged
from schemas.rows import Interval
from tasks.evaluation.exam import Item, as_image, baseline, constant, sampled, seen, view
from tasks.qa import parse_seconds, seconds

OPTIONS = {"q1": ("Yes", "No"), "q2": ("hole", "none"), "q3": ("cup", "vase")}


def item(defect: str = "hole", spans: Spans = ((0.2, 0.8),), category: str = "cup", frames: int = 20) -> Item:
    return Item(
        sample="s", instance="i", object=category, object_group=category, defect=defect, view="half", frames=frames,
        fps=10.0, clip=Path("s.mp4"), media="m", questions={}, sheet=Sheet(OPTIONS, frames / 10),
        truth={"q1": "No" if defect == "none" else "Yes", "q2": defect, "q3": category, "q4": spans},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("frames", "count", "found"),
    [
        (60, 3, [10, 30, 50]),
        (4, 2, [1, 3]),
        (5, 1, [2]),
        (3, 8, [0, 1, 2]),  # a clip shorter than that is shown whole
        (1, 1, [0]),
    ],
)
def test_frames_lie_in_the_middles_of_equal_parts(frames: int, count: int, found: list[int]) -> None:
    assert sampled(frames, count) == found


@given(st.integers(1, 2000), st.integers(1, 64))
def test_frames_are_ascending_distinct_and_evenly_spaced(frames: int, count: int) -> None:
    found = sampled(frames, count)
    assert len(found) == min(frames, count) == len(set(found))
    assert found[0] >= 0 and found[-1] < frames
    gaps = {b - a for a, b in pairwise(found)}
    assert not gaps or max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize(
    ("spans", "frames", "name"),
    [
        ((), 60, "never"),
        (((0.0, 0.67),), 60, "briefly"),  # 20 of 60 frames: a third is brief, whatever the seconds are rounded to
        (((0.0, 0.3), (1.0, 1.3)), 60, "briefly"),
        (((0.0, 0.7),), 60, "half"),
        (((0.0, 4.97),), 150, "half"),  # all frames but the last
        (((0.0, 5.0),), 150, "always"),
    ],
)
def test_views_are_told_from_whole_frames(spans: Spans, frames: int, name: str) -> None:
    assert view(spans, frames, 30.0) == name


@given(st.sampled_from([8, 24, 25, 30, 60, 120]), st.data())
def test_frames_are_told_from_the_seconds_of_the_answer(fps: int, data: st.DataObject) -> None:
    """Any run of frames, written in seconds as the right answer to q4 is."""
    frames = 3 * fps
    start = data.draw(st.integers(0, frames - 1))
    end = data.draw(st.integers(start + 1, frames))
    spans = merged(parse_seconds(seconds([Interval(start, end)], fps)))
    assert np.flatnonzero(seen(spans, frames, fps)).tolist() == list(range(start, end))


@pytest.mark.parametrize(
    ("spans", "answer"),
    [((), "No"), (((0.0, 1.0),), "No"), (((1.0, 1.1),), "Yes"), (((0.5, 1.5),), "Yes"), (((1.1, 2.0),), "No")],
)
def test_one_picture_shows_the_defect_or_not(spans: Spans, answer: str) -> None:
    """The middle frame of twenty at 10 a second is frame 10, on view from 1.0 s to 1.1 s."""
    found = as_image(item(spans=spans))
    assert found.truth == {"q1": answer}
    assert found.sheet.keys == ("q1",)


def test_constant_answers_are_the_best_that_look_at_nothing() -> None:
    train = [item("none", ()), item("none", ()), item("hole", ((0.0, 1.8),), "vase")]
    assert constant(train) == {"q1": "No", "q2": "none", "q3": "cup", "q4": ()}
    assert baseline(train, [item("none", (), "vase"), item("hole")]).tolist() == [[1, 1, 0, 1], [0, 0, 1, 0]]
    mostly_seen = [item(spans=((0.0, 1.8),)), item(spans=((0.2, 2.0),)), item("none", ())]
    assert constant(mostly_seen)["q4"] is None
    assert baseline(mostly_seen, [item(spans=((0.5, 1.5),))])[0, 3] == pytest.approx(0.5)
