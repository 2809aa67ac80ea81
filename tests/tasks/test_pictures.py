"""Pictures as models take them."""

import cv2
import numpy as np
import pytest

from tasks.pictures import jpeg


@pytest.mark.parametrize(
    ("shape", "sent"),
    [((64, 96), (64, 96)), ((800, 1600), (384, 768)), ((2, 4000), (1, 768)), ((4000, 1), (768, 1))],
)
def test_a_picture_is_reduced_to_what_models_look_at(shape: tuple[int, int], sent: tuple[int, int]) -> None:
    """However thin it is, a row or a column of it is left."""
    data = np.frombuffer(jpeg(np.full((*shape, 3), 90, np.uint8)), np.uint8)
    assert cv2.imdecode(data, cv2.IMREAD_COLOR).shape[:2] == sent
