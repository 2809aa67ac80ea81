"""Crops that overlap are found, and images that only look alike in kind are not."""

from pathlib import Path

import numpy as np

from tasks.imports.shifted import shifted_pairs
from tests.tasks.imports import sets


def rgb(pixels: np.ndarray) -> np.ndarray:
    return np.stack([pixels] * 3, -1)


def blots(seed: int) -> np.ndarray:
    """A strip with spots of different forms, (400, 400) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:400, :400]
    ground = rng.normal(130, 5, (400, 400))
    for _ in range(25):
        (cx, cy), (a, b), turn = rng.integers(0, 400, 2), rng.integers(8, 40, 2), rng.uniform(0, np.pi)
        u, v = (x - cx) * np.cos(turn) + (y - cy) * np.sin(turn), (y - cy) * np.cos(turn) - (x - cx) * np.sin(turn)
        ground[(u / a) ** 2 + (v / b) ** 2 < 1] += rng.uniform(-60, 60)
    return ground.clip(0, 255).astype(np.uint8)


def test_two_crops_of_one_strip_are_found(tmp_path: Path) -> None:
    strips = [blots(n) for n in range(8)]
    crops = [rgb(s[:300, :300]) for s in strips] + [rgb(s[64:364, 48:348]) for s in strips]
    found = {(i, j) for i, j, _ in shifted_pairs(crops, len(crops), 0.85, tmp_path / "small.raw")}
    assert found == {(n, n + 8) for n in range(8)}


def test_lines_and_plain_images_are_not_taken_for_each_other(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = [rng.normal(130, 4, (128, 128)).clip(0, 255).astype(np.uint8) for _ in range(8)]
    for n, image in enumerate(images[:4]):
        image[:, 20 + 20 * n : 23 + 20 * n] = 40
    assert list(shifted_pairs(map(rgb, images), 8, 0.85, tmp_path / "small.raw")) == []


def test_fewer_images_than_candidates(tmp_path: Path) -> None:
    assert list(shifted_pairs([rgb(sets.picture(1))], 1, 0.85, tmp_path / "small.raw")) == []
