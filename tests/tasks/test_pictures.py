"""Pictures as models take them, and outlines on them."""

import cv2
import numpy as np
import pytest

from tasks.imports.stage import encoded
from tasks.pictures import jpeg, outline


@pytest.mark.parametrize(
    ("shape", "sent"),
    [((64, 96), (64, 96)), ((800, 1600), (384, 768)), ((2, 4000), (1, 768)), ((4000, 1), (768, 1))],
)
def test_a_picture_is_reduced_to_what_models_look_at(shape: tuple[int, int], sent: tuple[int, int]) -> None:
    """However thin it is, a row or a column of it is left."""
    data = np.frombuffer(jpeg(np.full((*shape, 3), 90, np.uint8)), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape[:2] == sent


def test_an_outline_runs_around_its_region_at_the_size_of_the_picture() -> None:
    covered = np.zeros((40, 60), np.float32)
    covered[10:20, 20:40] = 1
    picture = np.zeros((80, 120, 3), np.uint8)
    outline(picture, encoded(covered), (255, 0, 0))
    y, x = np.nonzero(picture[..., 0])
    assert (y.min(), y.max(), x.min(), x.max()) == pytest.approx((17, 42, 37, 82), abs=2)
    assert not picture[22:38, 42:78].any() and not picture[..., 1:].any()
