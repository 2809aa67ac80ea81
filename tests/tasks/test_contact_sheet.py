"""Pictures in rows, captions below, whatever their sizes."""

import numpy as np
import pytest

from tasks.contact_sheet import CAPTION_HEIGHT, GAP, sheet


def plain(colour: tuple[int, int, int], height: int = 30, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), colour, np.uint8)


def test_reading_order_and_size() -> None:
    colours = [(200, 0, 0), (0, 200, 0), (0, 0, 200)]
    made = sheet([(plain(c), f"picture {n}") for n, c in enumerate(colours)], columns=2, cell_width=80)
    cell = 60 + CAPTION_HEIGHT
    assert made.shape == (GAP + 2 * (cell + GAP), GAP + 2 * (80 + GAP), 3) and made.dtype == np.uint8
    centres = [(GAP + 30, GAP + 40), (GAP + 30, 2 * GAP + 120), (2 * GAP + cell + 30, GAP + 40)]
    assert [tuple(made[y, x]) for y, x in centres] == colours
    assert (made[2 * GAP + cell :, 2 * GAP + 80 :] == 255).all(), "the last row is filled up with paper"


def test_the_caption_is_drawn_under_its_picture_and_stays_in_its_cell() -> None:
    short, long = (
        sheet([(plain((9, 9, 9)), text)], 1, 80) for text in ("", "a caption far too long for its cell " * 3)
    )
    top = GAP + 60
    assert (short[top:] == 255).all()
    assert (long[top : top + CAPTION_HEIGHT] < 128).any()
    assert (long[:, GAP + 80 :] == 255).all()


def test_more_columns_than_pictures_and_pictures_of_many_shapes() -> None:
    pictures = [(plain((1, 2, 3), 10, 40), "flat"), (plain((1, 2, 3), 80, 40), "häuschen")]
    made = sheet(pictures, columns=6, cell_width=40)
    assert made.shape == (2 * GAP + 80 + CAPTION_HEIGHT, GAP + 2 * (40 + GAP), 3)


def test_no_pictures_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one picture"):
        sheet([], columns=2, cell_width=80)
