"""Structured attributes: drawn pictures whose truth is known, and inputs that have none."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.measuring.attributes import DIRECTIONS, POSITIONS, attributes, sentence
from annotation.measuring.measure import rgb8
from schemas.errors import BadInput
from schemas.rows import Description

SIDE = 240


def drawn(*ellipses: tuple[int, int, int, int, float]) -> np.ndarray:
    """Ellipses x, y, half axes a and b, degrees counter-clockwise."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for x, y, a, b, degrees in ellipses:
        cv2.ellipse(mask, (x, y), (a, b), -degrees, 0, 360, 1, -1)
    return mask > 0


def picture(mask: np.ndarray, inside: int = 60, around: int = 140) -> np.ndarray:
    shown = np.full((*mask.shape, 3), around, np.uint8)
    shown[mask] = inside
    return shown


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (drawn((40, 40, 20, 20, 0)), ("round", "none", "single", 1, "upper left", "medium")),
        (drawn((120, 120, 70, 3, 0)), ("linear", "horizontal", "single", 1, "centre", "small")),
        (drawn((200, 120, 4, 50, 0)), ("linear", "vertical", "single", 1, "right", "small")),
        (drawn((120, 200, 36, 5, 45)), ("linear", "rising", "single", 1, "lower middle", "small")),
        (drawn((40, 200, 30, 14, 135)), ("elongated", "falling", "single", 1, "lower left", "medium")),
        (drawn((40, 40, 8, 8, 0), (200, 200, 8, 8, 0)), ("round", "none", "paired", 2, "upper left", "small")),
        (drawn(*((x, y, 6, 6, 0) for x in (20, 50) for y in (20, 50, 80))), ("round", "none", "clustered", 6)),
        (
            drawn(*((x, y, 4, 4, 0) for x in range(15, 240, 40) for y in (15, 95, 200))),
            ("round", "none", "scattered", 18),
        ),
        (drawn((120, 120, 110, 100, 0)), ("round", "none", "single", 1, "centre", "large")),
    ],
)
def test_what_is_seen(mask: np.ndarray, words: tuple[object, ...]) -> None:
    a = attributes(picture(mask), mask)
    assert (a.shape, a.direction, a.distribution, a.number, a.position, a.scale)[: len(words)] == words


@pytest.mark.parametrize(
    ("inside", "polarity", "saliency"),
    [(60, "darker", "strong"), (230, "brighter", "strong"), (141, "equal", "faint"), (120, "darker", "moderate")],
)
def test_tone(inside: int, polarity: str, saliency: str) -> None:
    mask = drawn((120, 120, 20, 20, 0))
    a = attributes(picture(mask, inside), mask)
    assert (a.polarity, a.saliency) == (polarity, saliency)


def test_half_light_half_dark_is_mixed() -> None:
    mask = drawn((120, 120, 20, 20, 0))
    shown = picture(mask, 190)
    shown[mask & (np.arange(SIDE) < 120)] = 90
    assert attributes(shown, mask).polarity == "mixed"


def test_noise_around_hides_what_plain_surroundings_show() -> None:
    mask = drawn((120, 120, 20, 20, 0))
    plain = picture(mask, 110)
    noisy = np.clip(plain + np.random.default_rng(0).normal(0, 45, plain.shape), 0, 255).astype(np.uint8)
    assert attributes(plain, mask).saliency == "moderate"
    assert attributes(noisy, mask).saliency == "faint"


def test_small_gaps_are_bridged_and_specks_are_left_out() -> None:
    broken = drawn((120, 120, 80, 5, 0))
    broken[:, 118:121] = False
    broken[10, 10] = True
    assert attributes(picture(broken), broken).number == 1


def test_a_mask_over_the_whole_picture_has_no_surroundings() -> None:
    mask = np.ones((30, 40), bool)
    a = attributes(picture(mask), mask, "red iron")
    assert (a.polarity, a.saliency, a.scale) == (None, None, "large")
    assert "no surroundings" in sentence(a)


def test_one_pixel() -> None:
    mask = np.zeros((500, 500), bool)
    mask[499, 0] = True
    a = attributes(picture(mask), mask, "hole")
    assert (a.number, a.position, a.scale, a.direction) == (1, "lower left", "tiny", "none")
    assert a.shares[6] == 1


@pytest.mark.parametrize("kind", ["grey", "one channel", "rgba", "16 bits", "12 bits", "bool"])
def test_pictures_of_any_kind(kind: str) -> None:
    mask = drawn((40, 40, 20, 20, 0))
    grey = picture(mask)[:, :, 0]
    shown = {
        "grey": grey, "one channel": grey[:, :, None], "rgba": np.dstack([grey] * 4),
        "16 bits": grey.astype(np.uint16) * 257,
        "12 bits": grey.astype(np.uint16) * 16, "bool": grey > 100,
    }[kind]  # fmt: skip
    assert attributes(shown, mask).polarity == "darker"
    assert rgb8(shown).shape == (SIDE, SIDE, 3)


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(BadInput, match="the mask is 10x20 pixels, its picture 240x240"):
        attributes(np.zeros((240, 240), np.uint8), np.ones((20, 10), bool))
    with pytest.raises(BadInput, match="the mask is empty"):
        attributes(np.zeros((240, 240), np.uint8), np.zeros((240, 240), bool))
    with pytest.raises(BadInput, match="is no picture"):
        attributes(np.zeros((240, 240, 7), np.uint8), np.ones((240, 240), bool))


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1), st.floats(0.001, 1), st.booleans())
def test_any_mask_has_words_from_the_vocabulary(height: int, width: int, seed: int, share: float, deep: bool) -> None:
    rng = np.random.default_rng(seed)
    mask = rng.random((height, width)) < share
    mask[rng.integers(height), rng.integers(width)] = True
    shown = rng.integers(0, 65536 if deep else 256, (height, width), np.uint16 if deep else np.uint8)
    a = attributes(shown, mask, "slag_inclusion")
    assert sum(a.shares) == pytest.approx(1)
    assert a.position in POSITIONS
    assert a.direction in DIRECTIONS
    assert a.number >= 1
    assert a.seen.fewest <= a.seen.most
    columns = a.columns()
    assert Description(sample="s", t0="", t1=None, t2=None, t3=None, **columns).template == sentence(a)
    assert sentence(a).endswith(".")


def test_the_sentence() -> None:
    mask = drawn((40, 40, 20, 20, 0))
    assert sentence(attributes(picture(mask), mask, "slag_inclusion")) == (
        "A medium-sized, roundish slag inclusion lies in the upper left of the image. "
        "It is darker than its surroundings; it stands out strongly."
    )
    pair = drawn((40, 40, 8, 8, 0), (40, 80, 8, 8, 0))
    assert sentence(attributes(picture(pair, 230), pair, "red iron")).startswith(
        "A small area of red iron in two roundish parts lies"
    )


def test_what_the_wall_of_a_hole_encloses_belongs_to_the_hole() -> None:
    shown, mask = np.full((240, 240), 140, np.uint8), np.zeros((240, 240), np.uint8)
    cv2.circle(shown, (120, 120), 40, 20, -1)
    cv2.circle(mask, (120, 120), 40, 1, 5)
    wall = mask > 0
    hole, other = attributes(shown, wall, "hole"), attributes(shown, wall, "dent")
    assert (hole.shape, hole.polarity, hole.position) == ("round", "darker", "centre")
    assert hole.seen.share > 3 * other.seen.share
    assert attributes(shown, np.asfortranarray(wall), "hole") == hole, "as run lengths are decoded"
    assert np.array_equal(wall, mask > 0)
