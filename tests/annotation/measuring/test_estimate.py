"""Regions estimated from the picture alone: drawn marks are found, even and noisy backgrounds have none."""

import numpy as np
import pytest

from annotation.measuring.estimate import region


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
