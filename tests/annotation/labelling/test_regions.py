"""Regions go to Label Studio and come back to the bit; what comes back malformed is one sentence."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from annotation.labelling import brush
from annotation.labelling.regions import (
    Picture,
    from_mask,
    in_order,
    interval,
    joined,
    ranges,
    regions,
    results,
    to_mask,
)
from schemas.errors import BadInput
from schemas.rows import Attribute, Interval, Mask, Region, Relation

WIDTH, HEIGHT, FRAMES = 641, 479, 500
ON = Picture("shown", WIDTH, HEIGHT, FRAMES)
CLIP = Picture("shown", frames=FRAMES, label_tag="visible")
SIZE = {"width": WIDTH, "height": HEIGHT}


def pixels(side: int, least: float = 0.0) -> st.SearchStrategy[float]:
    return st.floats(least, side, width=32, allow_subnormal=False)


words = st.text(min_size=1, max_size=30).map(lambda t: " ".join("".join(c for c in t if c.isprintable()).split()))
labels = words.filter(bool)
points = st.lists(st.tuples(pixels(WIDTH), pixels(HEIGHT)), min_size=3, max_size=12).map(
    lambda ps: [v for p in ps for v in p]
)
boxes = st.tuples(pixels(WIDTH), pixels(HEIGHT), pixels(WIDTH, 0.5), pixels(HEIGHT, 0.5)).map(list)
attributes = st.lists(st.builds(Attribute, st.sampled_from(["note", "state"]), labels), max_size=3, unique=True).map(
    in_order
)
masks = st.tuples(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1), st.floats(0, 1)).map(
    lambda t: (np.random.default_rng(t[2]).random((t[0], t[1])) < t[3]).astype(np.uint8)
)


@st.composite
def drawn(draw: st.DrawFn) -> tuple[list[Region], list[Relation]]:
    found = []
    for n in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["polygon", "box", "brush"]))
        said: dict[str, Any] = {"label": draw(labels), "attributes": draw(attributes), **SIZE}
        if kind == "brush":
            small = draw(masks)
            whole = np.zeros((HEIGHT, WIDTH), np.uint8)
            whole[: len(small), : len(small[0])] = small
            found.append(Region(f"r{n}", kind, points=[], counts=brush.encoded(whole), **said))
        elif kind == "box":
            found.append(Region(f"r{n}", kind, points=draw(boxes), rotation_deg=draw(st.floats(0, 360)), **said))
        else:
            found.append(Region(f"r{n}", kind, points=draw(points), **said))
    ids = st.sampled_from([r.id for r in found])
    return found, draw(st.lists(st.builds(Relation, ids, ids, st.lists(labels, max_size=2)), max_size=3))


def through_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@given(drawn())
def test_what_is_pushed_comes_back(what: tuple[list[Region], list[Relation]]) -> None:
    assert regions(through_json(results(*what, ON)), ON) == what


@given(st.lists(st.tuples(st.integers(0, FRAMES - 1), st.integers(1, FRAMES)), max_size=8))
def test_intervals_come_back(spans: list[tuple[int, int]]) -> None:
    bars = [
        Region(f"v{n}", "interval", "Defect visible", [float(a), float(b)])
        for n, (a, b) in enumerate(s for s in spans if s[0] < s[1])
    ]
    assert regions(through_json(results(bars, (), CLIP)), CLIP) == (bars, [])


def test_frames_are_counted_from_one_and_the_last_is_included() -> None:
    assert ranges([Interval(0, 1), Interval(8, 28)]) == [{"start": 1, "end": 1}, {"start": 9, "end": 28}]
    assert interval({"start": 1, "end": 1}, 60) == Interval(0, 1)
    assert interval({"start": -4, "end": 99}, 60) == Interval(0, 60)
    assert interval({"start": 61, "end": 99}, 60) is None
    assert joined([Interval(8, 12), Interval(0, 3), Interval(3, 5)]) == [Interval(0, 5), Interval(8, 12)]


@given(masks)
def test_brushes_are_those_of_both_libraries(mask: np.ndarray) -> None:
    height, width = mask.shape
    ours = brush.encoded(mask)
    theirs = {"size": [height, width], "counts": ours.encode()}
    assert np.array_equal(coco.decode(theirs), brush.decoded(ours, height, width))
    assert brush.counts(through_json(brush.rle(ours, height, width)), height, width) == ours


def test_a_half_transparent_rim_counts_from_one_half_on() -> None:
    from label_studio_sdk.converter.brush import encode_rle

    rgba = np.zeros((1, 4, 4), np.uint8)
    rgba[0, :, 3] = (0, 127, 128, 255)
    assert brush.decoded(brush.counts(encode_rle(rgba.ravel()), 1, 4), 1, 4).tolist() == [[0, 0, 1, 1]]


def test_a_machines_mask_becomes_a_region_and_a_mask_again() -> None:
    canvas = np.zeros((6, 8), np.uint8)
    canvas[2:4, 1:6] = 1
    mask = Mask(3, 6, 8, brush.encoded(canvas), 9.5, [1, 2, 5, 2])
    region = from_mask(mask, "crack", "m")
    assert (region.kind, region.label, region.frame) == ("brush", "crack", 3)
    assert to_mask(region) == Mask(3, 6, 8, mask.counts, 10.0, [1.0, 2.0, 5.0, 2.0])


def entry(value: Any, kind: str = "polygon", **more: Any) -> list[dict[str, Any]]:
    common = {"id": "r", "to_name": "shown", "original_width": WIDTH, "original_height": HEIGHT}
    label = {"from_name": "class", "type": "labels", "value": {"labels": ["crack"]}}
    return [{**common, "from_name": kind, "type": kind, "value": value, **more}, {**common, **label}]


SOUND = {"points": [[1, 1], [2, 1], [2, 2]]}

MALFORMED: dict[str, tuple[Any, str]] = {
    "an entry that is no object": (["x"], "is no object"),
    "a type that is no text": ([{"type": []}], "no object with a type"),
    "no id": (entry(SOUND, id=7), "has no id"),
    "no class": (entry(SOUND)[:1], "has 0 classes"),
    "two classes": ([entry(SOUND)[0], {**entry(SOUND)[1], "value": {"labels": ["a", "b"]}}], "has 2 classes"),
    "a class that is no text": ([entry(SOUND)[0], {**entry(SOUND)[1], "value": {"labels": [{}]}}], "malformed"),
    "an unknown kind": (entry({"x": 1, "y": 1, "radiusX": 2}, "ellipse"), "not asked for"),
    "no place": (entry(None), "has no place"),
    "two points": (entry({"points": [[1, 1], [2, 2]]}), "three points"),
    "points that are none": (entry({"points": [1, 2, 3]}), "three points"),
    "not a number": (entry({"points": [[1, 1], [2, 1], [math.nan, 2]]}), "no place in a picture"),
    "a number in words": (entry({"points": [[1, 1], [2, 1], ["2", 2]]}), "no place in a picture"),
    "far outside": (entry({"points": [[1, 1], [2, 1], [1e300, 2]]}), "no place in a picture"),
    "an empty box": (entry({"x": 1, "y": 1, "width": 0, "height": 5}, "rectangle"), "empty box"),
    "a box without sides": (entry({"x": 1, "y": 1}, "rectangle"), "no place in a picture"),
    "another picture": (entry(SOUND, original_width=5), "another picture"),
    "a turned picture": (entry(SOUND, image_rotation=90), "turned"),
    "no bytes": (entry({"rle": "x"}, "brush"), "no list of bytes"),
    "bytes too large": (entry({"rle": [300] * 9}, "brush"), "no list of bytes"),
    "a huge mask": (entry({"rle": [255] * 9}, "brush"), "not of a picture"),
    "a mask cut short": (entry({"rle": brush.rle(brush.encoded(np.ones((HEIGHT, WIDTH))), HEIGHT, WIDTH)[:9]}, "brush"),
                         "breaks off"),
    "a relation to nowhere": ([*entry(SOUND), {"type": "relation", "from_id": "r", "to_id": "s"}], "end that is not"),
    "a relation with odd labels": ([*entry(SOUND), {"type": "relation", "from_id": "r", "to_id": "r", "labels": [1]}],
                                   "malformed"),
}  # fmt: skip


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_answer_is_one_sentence(case: str) -> None:
    result, sentence = MALFORMED[case]
    with pytest.raises(BadInput, match=sentence) as caught:
        regions(result, ON)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5)
    | st.sampled_from(["polygon", "labels", "brush", "rectangle", "relation", "shown", "class", "r", "timelinelabels"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "type", "value", "from_name", "to_name", "points", "labels", "rle", "x", "y", "width",
                         "height", "meta", "text", "ranges", "start", "end", "from_id", "to_id", "choices"]),
        inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(st.lists(anything, max_size=4), st.sampled_from([ON, CLIP]))
def test_whatever_comes_it_is_regions_or_bad_input(result: list[Any], on: Picture) -> None:
    try:
        regions(result, on)
    except BadInput as e:
        assert str(e)


@pytest.mark.parametrize("counts", ["", "~", "\x00", "é", "P" * 400, "o" * 9, "1", "N"])
def test_broken_coco_counts_are_refused(counts: str) -> None:
    with pytest.raises(BadInput):
        brush.decoded(counts, 6, 8)


@pytest.mark.parametrize(("direction", "pairs"), [
    ("right", [("a", "b")]), ("left", [("b", "a")]), ("bi", [("a", "b"), ("b", "a")]),
])  # fmt: skip
def test_a_relation_has_its_direction(direction: str, pairs: list[tuple[str, str]]) -> None:
    ends = [{**e, "id": id_} for id_ in "ab" for e in entry(SOUND)]
    _, found = regions([*ends, {"type": "relation", "from_id": "a", "to_id": "b", "direction": direction}], ON)
    assert [(r.source, r.target) for r in found] == pairs


def test_a_bar_in_pieces_is_several_intervals() -> None:
    bar = {"id": "r", "from_name": "visible", "to_name": "shown", "type": "timelinelabels",
           "value": {"ranges": [{"start": 1, "end": 2}, {"start": 5, "end": 9}], "timelinelabels": ["V"]}}  # fmt: skip
    found, _ = regions([bar], CLIP)
    assert [(r.id, r.points) for r in found] == [("r", [0.0, 2.0]), ("r.1", [4.0, 9.0])]


def test_a_region_outside_of_its_picture_is_not_pushed() -> None:
    with pytest.raises(BadInput, match="reaches out of its picture"):
        results([Region("r", "box", "crack", [0.0, 0.0, 2.0 * WIDTH, 5.0], **SIZE)], (), ON)
    with pytest.raises(BadInput, match="picture of 0 x 0"):
        results([Region("r", "box", "crack", [0.0] * 4)], (), Picture("shown"))


@pytest.mark.parametrize("ids", [["a", "a"], ["a#b"], [""]])
def test_an_id_that_label_studio_would_change_is_not_pushed(ids: list[str]) -> None:
    with pytest.raises(BadInput, match="needs an id of its own"):
        results([Region(id_, "box", "crack", [1.0, 1.0, 2.0, 2.0], **SIZE) for id_ in ids], (), ON)
