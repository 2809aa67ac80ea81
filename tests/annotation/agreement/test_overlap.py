"""Overlap of intervals, masks and regions: symmetric, 1 for equal, matched one to one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from annotation.agreement.overlap import interval_iou, mask_iou, matched, region_iou, regions_iou
from schemas.rows import Interval, Mask, Region

spans = st.lists(st.builds(lambda a, n: Interval(a, a + n), st.integers(0, 50), st.integers(0, 20)), max_size=5)


def box(
    x: float, y: float, width: float, height: float, label: str = "bolt", turn: float = 0.0, **where: int
) -> Region:
    return Region("r", "box", label, [x, y, width, height], rotation_deg=turn, **where)


def polygon(*points: float, label: str = "bolt") -> Region:
    return Region("p", "polygon", label, list(points), height=60, width=80)


def mask(frame: int, covered: np.ndarray) -> Mask:
    rle = coco.encode(np.asfortranarray(covered.astype(np.uint8)))
    return Mask(frame, *covered.shape, rle["counts"].decode(), float(covered.sum()), [0, 0, 0, 0])


sides = st.integers(1, 30).map(float)
boxes = st.builds(
    box, sides, sides, sides, sides, st.sampled_from(["bolt", "valve"]), st.sampled_from([0.0, 0.0, 30.0])
)


@given(spans, spans)
def test_intervals_are_compared_by_the_frames_that_they_cover(one: list[Interval], other: list[Interval]) -> None:
    a, b = ({f for s in x for f in range(s.start_frame, s.end_frame)} for x in (one, other))
    assert interval_iou(one, other) == (len(a & b) / len(a | b) if a | b else 1.0)


def test_nothing_seen_by_both_is_agreement_and_by_one_is_not() -> None:
    assert interval_iou([], []) == mask_iou([], []) == regions_iou([], []) == 1.0
    assert interval_iou([], [Interval(0, 3)]) == regions_iou([], [box(0, 0, 2, 2)]) == 0.0


def test_masks_are_compared_over_all_frames() -> None:
    left, all_of_it = np.zeros((4, 6), bool), np.ones((4, 6), bool)
    left[:, :3] = True
    assert mask_iou([mask(0, left), mask(1, all_of_it)], [mask(0, all_of_it)]) == 12 / 48
    assert mask_iou([mask(0, left), mask(0, ~left)], [mask(0, all_of_it)]) == 1.0
    assert mask_iou([mask(0, left)], [mask(0, np.ones((6, 4), bool))]) == 0.0  # of another picture size


@given(st.lists(boxes, max_size=4), st.lists(boxes, max_size=4))
def test_matching_is_symmetric_bounded_and_one_to_one(one: list[Region], other: list[Region]) -> None:
    assert regions_iou(one, other) == pytest.approx(regions_iou(other, one))
    assert 0 <= regions_iou(one, other) <= 1
    pairs = matched(one, other)
    assert len({a for a, _, _ in pairs}) == len({b for _, b, _ in pairs}) == len(pairs)
    assert all(one[a].label == other[b].label for a, b, _ in pairs)


@given(st.lists(boxes, max_size=5), st.randoms())
def test_the_same_regions_in_another_order_agree_fully(regions: list[Region], random: object) -> None:
    other = list(regions)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert regions_iou(regions, other) == pytest.approx(1.0)


def test_the_best_matching_is_not_the_greedy_one() -> None:
    """Greedy takes a with x (IoU 2/3) and leaves b alone; both pairs together are better."""
    a, b = box(0, 0, 10, 10), box(4, 0, 10, 10)
    x, y = box(2, 0, 10, 10), box(0, 0, 4, 10)
    assert {(p, q) for p, q, _ in matched([a, b], [x, y])} == {(0, 1), (1, 0)}
    assert regions_iou([a, b], [x, y]) == pytest.approx((0.4 + 8 / 12) * 2 / 4)


def test_a_missed_region_and_another_class_cost() -> None:
    bolt, valve = box(0, 0, 4, 4), box(20, 20, 4, 4, "valve")
    assert regions_iou([bolt, valve], [bolt]) == pytest.approx(2 / 3)
    assert regions_iou([bolt], [box(0, 0, 4, 4, "valve")]) == 0.0
    assert matched([bolt], [box(0, 0, 4, 4, "valve")], labels=False) == [(0, 0, 1.0)]


def test_shapes_of_different_kinds_are_compared_by_pixels() -> None:
    square, drawn = box(10, 10, 20, 20), polygon(10, 10, 30, 10, 30, 30, 10, 30)
    assert region_iou(square, drawn) == pytest.approx(1.0)
    half = polygon(10, 10, 30, 10, 30, 20, 10, 20)
    assert region_iou(square, half) == pytest.approx(0.5, abs=0.03)
    upright, turned = box(40, 10, 20, 10), box(40, 10, 10, 20, turn=90)  # clockwise about its upper left corner
    assert region_iou(upright, turned) == pytest.approx(0.0, abs=0.01)
    assert region_iou(box(20, 10, 20, 10), turned) == pytest.approx(1.0, abs=0.01)


def test_other_frames_and_intervals_are_other_things() -> None:
    assert region_iou(box(0, 0, 4, 4, frame=1), box(0, 0, 4, 4, frame=2)) == 0.0
    seen, later = Region("i", "interval", "crack", [0, 10]), Region("i", "interval", "crack", [5, 10])
    assert region_iou(seen, later) == 0.5
    assert region_iou(seen, box(0, 0, 4, 4)) == 0.0
