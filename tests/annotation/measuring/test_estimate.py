"""Regions estimated from the picture alone: drawn marks are found, even and noisy backgrounds have none."""

import cv2
import numpy as np
import pytest

from annotation.measuring.attributes import attributes, parts_of
from annotation.measuring.estimate import estimate, patchwork, region


def plate(seed: int = 0, noise: float = 3.0, slope: float = 0.0) -> np.ndarray:
    """A grey plate with noise, darker to one side by `slope` grey levels."""
    rng = np.random.default_rng(seed)
    return 130 + noise * rng.normal(size=(200, 240)) + np.linspace(0, slope, 240)[None]


def picture(plate: np.ndarray) -> np.ndarray:
    return np.clip(plate, 0, 255).astype(np.uint8)


def overlap(one: np.ndarray, two: np.ndarray) -> float:
    return float((one & two).sum() / (one | two).sum())


@pytest.mark.parametrize("step", [-60, 60])
@pytest.mark.parametrize("slope", [0, 60])
@pytest.mark.parametrize(
    "place",
    [
        np.s_[40:70, 50:90],  # a spot
        np.s_[0:200, 120:126],  # a line through the whole picture
        np.s_[60:130, 40:120],  # an eighth of the picture
    ],
)
def test_what_stands_out_is_found(place: tuple[slice, slice], step: int, slope: int) -> None:
    drawn = plate(slope=slope)
    wanted = np.zeros(drawn.shape, bool)
    wanted[place] = True
    found = region(picture(np.where(wanted, drawn + step, drawn)))
    assert found is not None and found.shape == drawn.shape
    assert overlap(found, wanted) > 0.5


@pytest.mark.parametrize("noise", [0, 2, 10])
@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_on_a_plate_without_a_mark(noise: float, seed: int) -> None:
    assert region(picture(plate(seed, noise, slope=40))) is None


def test_the_same_picture_gives_the_same_region_in_colour_and_in_16_bits() -> None:
    drawn = plate()
    drawn[40:70, 50:90] += 50
    grey = picture(drawn)
    found = region(grey)
    assert found is not None
    assert np.array_equal(found, region(np.dstack([grey] * 3)))
    assert overlap(found, region(grey.astype(np.uint16) * 257)) > 0.95


def test_what_stands_out_much_less_than_the_mark_is_none_of_it() -> None:
    drawn = plate()
    drawn[:, 120:126] -= 70
    drawn[60:90, 30:60] -= 18
    found = region(picture(drawn))
    assert found is not None
    assert found[:, 118:128].sum() > 0.9 * found.sum()


def test_a_soft_rim_ends_where_half_of_the_mark_is_left_or_so() -> None:
    y, x = np.mgrid[:200, :240]
    away = np.hypot(y - 100, x - 120)
    found = region(picture(plate(noise=1.0) - 90 * np.exp(-((away / 20) ** 2))))
    assert found is not None
    assert overlap(found, away < 20) > 0.6


def test_the_narrower_estimate_lies_within_and_the_wider_around() -> None:
    drawn = plate()
    drawn[40:70, 50:90] += 50
    found = estimate(picture(drawn))
    assert found is not None
    assert not (found.narrow & ~found.region).any()
    assert not (found.region & ~found.wide).any()


def test_in_boxes_each_mark_is_found_and_nothing_beside_them() -> None:
    """A strong mark outside hides none that is known to be there, nor does one in another box."""
    drawn, boxes = plate(), []
    drawn[:, 200:206] -= 90
    for top, left, step in ((20, 20, -80), (120, 60, 20)):
        drawn[top : top + 30, left : left + 30] += step
        box = np.zeros(drawn.shape, bool)
        box[top - 12 : top + 42, left - 12 : left + 42] = True
        boxes.append(box)
    found = region(picture(drawn), boxes)
    assert found is not None
    for top, left, box in ((20, 20, boxes[0]), (120, 60, boxes[1])):
        mark = np.zeros(drawn.shape, bool)
        mark[top : top + 30, left : left + 30] = True
        assert overlap(found & box, mark) > 0.5
    assert found[:, 195:].sum() == 0
    told = attributes(picture(drawn), found, within=boxes)
    assert told.number == 2 and told.otherwise


def test_a_box_of_an_even_plate_holds_no_region() -> None:
    box = np.zeros((200, 240), bool)
    box[40:160, 40:160] = True
    assert region(picture(plate()), [box]) is None


def test_a_number_is_sure_only_where_the_threshold_does_not_decide_it() -> None:
    clear, doubtful = plate(noise=1.0), plate(noise=1.0)
    for left in (20, 100, 180):
        clear[80:110, left : left + 30] -= 60
    for left, step in ((20, 60), (100, 34), (180, 20)):
        doubtful[80:110, left : left + 30] -= step
    for drawn, sure in ((clear, True), (doubtful, False)):
        found = region(picture(drawn))
        assert found is not None
        told = attributes(picture(drawn), found)
        assert told.otherwise
        assert told.sure(parts_of) is sure


def test_the_light_between_two_patches_is_no_figure() -> None:
    """Two tones share the picture, and the edge of one shines: which is the background nobody can tell."""
    rng = np.random.default_rng(1)
    blobs = cv2.GaussianBlur(rng.normal(size=(256, 256)).astype(np.float32), (0, 0), 12)
    grey = np.where(blobs > 0, 140, 90) + rng.normal(0, 4, blobs.shape)
    grey[100:160, 40:100][np.abs(blobs[100:160, 40:100]) < 0.003] = 250
    shown = picture(grey)
    assert estimate(shown) is None
    share = patchwork(shown)
    assert share is not None
    assert abs(share - (blobs <= 0).mean()) < 0.03
