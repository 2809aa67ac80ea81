"""The two measures of likeness, on pictures whose likeness is known."""

import numpy as np
import pytest

from benchmarks.likeness import psnr, ssim


def picture(seed: int = 0) -> np.ndarray:
    y, x = np.mgrid[:48, :64]
    smooth = 120 + 60 * np.sin(x / 7) + 40 * np.cos(y / 5)
    grain = np.random.default_rng(seed).normal(0, 4, (48, 64, 3))
    return (smooth[..., None] + grain).clip(0, 255).astype(np.uint8)


def test_equal_pictures() -> None:
    assert psnr(picture(), picture()) == float("inf")
    assert ssim(picture(), picture()) == pytest.approx(1.0)


@pytest.mark.parametrize(("off_by", "decibels"), [(1, 48.13), (10, 28.13), (100, 8.13)])
def test_psnr_by_its_definition(off_by: int, decibels: float) -> None:
    black = np.zeros((8, 8, 3), np.uint8)
    assert psnr(black, black + np.uint8(off_by)) == pytest.approx(decibels, abs=0.01)


def test_ssim_of_flat_pictures_has_a_closed_form() -> None:
    one, two = np.full((16, 16, 3), 100, np.uint8), np.full((16, 16, 3), 150, np.uint8)
    a = (0.01 * 255) ** 2
    assert ssim(one, two) == pytest.approx((2 * 100 * 150 + a) / (100**2 + 150**2 + a), abs=1e-6)


def test_ssim_falls_with_noise_and_blind_to_none_of_it() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 1, (48, 64, 3))
    scores = [ssim(picture(), (picture() + s * noise).clip(0, 255).astype(np.uint8)) for s in (1, 4, 16, 64)]
    assert scores == sorted(scores, reverse=True) and scores[0] > 0.98 and scores[-1] < 0.3
