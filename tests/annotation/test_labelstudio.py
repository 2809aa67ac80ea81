"""What goes to Label Studio and what comes back, without a server."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.label_interface import LabelInterface

from annotation.labelstudio import CONFIG, Decision, Item, decision, intervals, ranges, task, tidy
from schemas.errors import BadInput
from schemas.rows import Annotation, Interval, Sample, annotation

FRAMES = 40


def said(name: str, kind: str, **values: Any) -> Annotation:
    by = {"author_kind": kind, "author": kind, "author_version": "1", "status": "candidate"}
    return annotation(sample="c1", task=name, **{**by, **values})


def item(spans: list[Interval], *captions: str) -> Item:
    sample = Sample(
        id="c1", kind="clip", dataset="d", media=[], groups=["vase-bulge-0"], shard="vase-bulge-0", object="vase",
        instance="vase-bulge-0", defect="bulge", clip=1, frames=FRAMES, fps=20.0,
    )  # fmt: skip
    candidates = tuple(said("caption", "model", text=text, candidate=n) for n, text in enumerate(captions))
    interval = said("visible_interval", "rule", intervals=spans)
    return Item(sample, interval, candidates[0], candidates, "/data/a.mp4", "/data/b.mp4")


def chosen(name: str, *values: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "clip", "type": "choices", "value": {"choices": list(values)}}


def written(name: str, *lines: str) -> dict[str, Any]:
    return {"from_name": name, "to_name": "clip", "type": "textarea", "value": {"text": list(lines)}}


def drawn(start: Any, end: Any) -> dict[str, Any]:
    value = {"ranges": [{"start": start, "end": end}], "timelinelabels": ["Defect visible"]}
    return {"from_name": "visible", "to_name": "clip", "type": "timelinelabels", "value": value}


ACCEPTED = [chosen("interval_verdict", "accept"), chosen("caption_verdict", "accept")]

ITEM = item([Interval(8, 28)], "A vase with a bulge.", "A bulging vase.")
DATA = task(ITEM, 1)["data"]


@pytest.mark.parametrize(
    ("span", "there"),
    [
        (Interval(0, 1), {"start": 1, "end": 1}),  # the first frame alone
        (Interval(8, 28), {"start": 9, "end": 28}),  # what the page shows as start 9, end 28, duration 20
        (Interval(0, FRAMES), {"start": 1, "end": FRAMES}),  # the whole clip
    ],
)
def test_frames_there_count_from_one_and_include_the_last(span: Interval, there: dict[str, int]) -> None:
    assert ranges([span]) == [there]
    assert intervals([there], FRAMES) == [span]


@pytest.mark.parametrize(
    ("drawn_spans", "meant"),
    [
        ([(9, 12), (1, 3)], [(0, 3), (8, 12)]),  # drawn in any order
        ([(1, 5), (4, 9)], [(0, 9)]),  # overlapping: one interval
        ([(1, 5), (6, 9)], [(0, 9)]),  # touching: one interval
        ([(30, 99)], [(29, FRAMES)]),  # beyond the end
        ([(0, 4)], [(0, 4)]),  # before the start
        ([(50, 60)], []),  # outside altogether
    ],
)
def test_what_people_draw_becomes_disjoint_intervals(
    drawn_spans: list[tuple[int, int]], meant: list[tuple[int, int]]
) -> None:
    assert intervals([{"start": s, "end": e} for s, e in drawn_spans], FRAMES) == [Interval(*m) for m in meant]


@pytest.mark.parametrize(
    "bad", [{"start": 5}, {"start": 5, "end": 4}, {"start": "1", "end": 2}, {"start": 1.5, "end": 2}]
)
def test_a_range_that_is_none_is_bad_input(bad: dict[str, Any]) -> None:
    with pytest.raises(BadInput, match="draw it again"):
        intervals([bad], FRAMES)


edges = st.lists(st.integers(0, FRAMES), unique=True, max_size=12).map(sorted)
texts = st.text(min_size=1, max_size=40).map(tidy).filter(bool)


def disjoint(points: list[int]) -> list[Interval]:
    return [Interval(a, b) for a, b in zip(points[::2], points[1::2], strict=False)]


@given(edges, st.lists(texts, min_size=1, max_size=4, unique=True))
def test_accepting_what_was_pushed_gives_back_exactly_that(points: list[int], captions: list[str]) -> None:
    pushed = item(disjoint(points), *captions)
    sent = task(pushed, 1)
    (prediction,) = sent["predictions"]
    back = decision([*prediction["result"], *ACCEPTED], sent["data"])
    ids = (pushed.interval.id, pushed.caption.id)
    assert back == Decision(disjoint(points), captions[0], True, True, *ids, False, False)


@given(edges)
def test_a_prediction_always_fits_the_configuration(points: list[int]) -> None:
    (prediction,) = task(item(disjoint(points), "A vase."), 1)["predictions"]
    assert INTERFACE.validate_prediction(prediction, return_errors=True) == []


INTERFACE = LabelInterface(CONFIG)


def test_the_configuration_is_valid_and_names_what_a_task_holds() -> None:
    INTERFACE.validate()
    for tag in INTERFACE.objects:
        assert tag.value_name in DATA
    (prediction,) = task(ITEM, 1)["predictions"]
    wrong = {**prediction, "result": [{**prediction["result"][0], "from_name": "nobody"}]}
    assert INTERFACE.validate_prediction(wrong, return_errors=True)


@pytest.mark.parametrize(
    ("answer", "caption"),
    [
        ([], "A vase with a bulge."),  # the text as it was pre-filled is all that is left when nothing is said
        ([chosen("caption_choice", "A bulging vase.")], "A bulging vase."),  # another candidate
        ([written("caption", "My own.")], "My own."),  # rewritten
        ([chosen("caption_choice", "A bulging vase."), written("caption", "My own.")], "My own."),  # words win
        ([chosen("caption_choice", "A bulging vase."), written("caption", "A vase with a bulge.")], "A bulging vase."),
        ([written("caption", "Two\nlines\t\x00 here")], "Two lines here"),  # one line, no control characters
    ],
)
def test_which_caption_was_meant(answer: list[dict[str, Any]], caption: str) -> None:
    prefilled = [written("caption", "A vase with a bulge.")] if not answer else []
    assert decision([*prefilled, *answer, *ACCEPTED], DATA).caption == caption


@pytest.mark.parametrize(
    ("answer", "changed"),
    [
        ([drawn(9, 28)], (False, False)),
        ([drawn(9, 20), drawn(21, 28)], (False, False)),  # in two pieces, but the same frames
        ([drawn(9, 27)], (True, False)),
        ([], (True, False)),  # deleted
        ([drawn(9, 28), chosen("caption_choice", "A bulging vase.")], (False, True)),
        ([drawn(9, 28), chosen("caption_choice", "A vase with a bulge.")], (False, False)),
    ],
)
def test_a_decision_says_what_was_shown_and_whether_it_was_changed(
    answer: list[dict[str, Any]], changed: tuple[bool, bool]
) -> None:
    prefilled = written("caption", "A vase with a bulge.")
    got = decision([prefilled, *answer, *ACCEPTED], DATA)
    assert (got.interval_id, got.caption_id) == (ITEM.interval.id, ITEM.caption.id)
    assert (got.intervals_changed, got.caption_changed) == changed


def test_a_rejection_carries_its_comment() -> None:
    answer = [chosen("interval_verdict", "reject"), written("interval_comment", "=SUM(A1)\n too long"), ACCEPTED[1]]
    got = decision([drawn(9, 28), written("caption", "A vase."), *answer], DATA)
    assert (got.intervals_accepted, got.interval_comment) == (False, "=SUM(A1) too long")
    assert (got.caption_accepted, got.caption_comment) == (True, "")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ([chosen("interval_verdict", "accept")], "lacks a valid caption_verdict"),
        ([chosen("interval_verdict", "maybe"), ACCEPTED[1]], "lacks a valid interval_verdict"),
        (ACCEPTED, "empty description"),  # accepted, but neither chosen nor written
        ([drawn("a", "b"), written("caption", "A vase."), *ACCEPTED], "not a range of frames"),
        (
            [{"from_name": "visible", "type": "timelinelabels", "value": {}}, written("caption", "x"), *ACCEPTED],
            "malformed",
        ),
    ],
)
def test_an_answer_that_cannot_be_used_says_why(answer: list[dict[str, Any]], says: str) -> None:
    with pytest.raises(BadInput, match=says):
        decision(answer, DATA)


def test_the_content_hash_tells_whether_a_task_needs_an_update() -> None:
    def content(changed: Item, round_: int = 1) -> str:
        return str(task(changed, round_)["data"]["content"])

    same = item([Interval(8, 28)], "A vase with a bulge.", "A bulging vase.")
    assert content(same) == content(ITEM)
    others = [
        item([Interval(8, 27)], "A vase with a bulge.", "A bulging vase."),
        item([Interval(8, 28)], "A vase with a bulge.", "A bulgy vase."),
        item([Interval(8, 28)], "A bulging vase.", "A vase with a bulge."),
        dataclasses.replace(ITEM, unmarked="/data/other.mp4"),
        dataclasses.replace(ITEM, marked=None),
    ]
    assert len({content(ITEM), content(ITEM, 2), *map(content, others)}) == len(others) + 2


def test_a_clip_without_a_defect_shows_itself_twice() -> None:
    data = task(dataclasses.replace(ITEM, marked=None), 1)["data"]
    assert data["marked"] == data["unmarked"]
    assert "No defect" in data["marked_title"]
