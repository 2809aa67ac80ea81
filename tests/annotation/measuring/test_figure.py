"""The one thing in a picture: none where there is no background, or only the light makes an outline."""

import numpy as np
import pytest

from annotation.measuring.figure import figure


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 5), (11, 11), (1, 300), (2, 4000), (4000, 2)])
def test_a_picture_too_small_or_thin_for_a_background_shows_no_figure(size: tuple[int, int]) -> None:
    assert figure(np.random.default_rng(0).integers(0, 255, (*size, 3), dtype=np.uint8)) is None


def test_a_surface_on_which_the_light_falls_off_shows_no_figure() -> None:
    y, x = np.mgrid[:200, :200]
    light = 170 - 0.004 * ((x - 100) ** 2 + (y - 100) ** 2) + np.random.default_rng(0).normal(0, 5, (200, 200))
    assert figure(np.repeat(light.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2)) is None
