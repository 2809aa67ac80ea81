"""Nine numbers of light against the sum over the whole sky that they stand for."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.errors import BadInput
from schemas.names import SKIES
from tasks.filming import skies

HDRI = Path(__file__).parents[4] / "shared" / "data" / "hdri" / "workshop.hdr"


def directions(count: int = 200) -> np.ndarray:
    found = np.random.default_rng(3).normal(size=(count, 3))
    return found / np.linalg.norm(found, axis=1)[:, None]


def test_an_even_sky_lights_by_how_much_of_it_is_seen() -> None:
    even = skies.projected(np.ones((64, 128, 3)), "even")
    up, side, down = skies.irradiance(even, np.array([[0, 0, 1.0], [1.0, 0, 0], [0, 0, -1.0]]))
    assert up == pytest.approx(1, abs=0.03)
    assert down == pytest.approx(skies.FLOOR_ALBEDO, abs=0.03)
    assert side == pytest.approx((up + down) / 2, abs=0.02)


def test_nine_numbers_agree_with_the_sum_over_the_sky() -> None:
    """Against the irradiance summed from every pixel; a soft lamp in the upper half of the sky."""
    rows, columns = np.mgrid[:64, :128]
    lamp = np.exp(-(((rows - 16) / 10) ** 2) - (((columns - 40) / 14) ** 2))
    picture = np.repeat((0.2 + 3 * lamp)[..., None], 3, axis=2)
    polar, azimuth = (rows + 0.5) / 64 * np.pi, (0.5 - (columns + 0.5) / 128) * 2 * np.pi
    towards = np.stack([np.sin(polar) * np.cos(azimuth), np.sin(polar) * np.sin(azimuth), np.cos(polar)], axis=-1)
    weight = np.sin(polar) * (np.pi / 64) ** 2
    level = (picture[..., 0] * weight * np.maximum(towards[..., 2], 0)).sum()
    light = np.where(towards[..., 2] > 0, picture[..., 0], skies.FLOOR_ALBEDO * level / np.pi) / level
    normals = directions()
    exact = np.einsum("nhw,hw->n", np.maximum(np.einsum("nd,hwd->nhw", normals, towards), 0), light * weight)
    assert skies.irradiance(skies.projected(picture, "lamp"), normals) == pytest.approx(exact, abs=0.04)


@pytest.mark.parametrize("name", SKIES)
def test_every_built_in_sky_lights_every_side(name: str) -> None:
    light = skies.irradiance(skies.coefficients(name), np.concatenate([directions(), [[0, 0, 1.0]]]))
    assert light[-1] == pytest.approx(1, abs=0.25), "a level surface gets about 1"
    assert light.min() > 0 and light.max() < 5


@pytest.mark.parametrize("suffix", [".hdr", ".exr"])
def test_a_sky_of_ones_own_is_read(tmp_path: Path, suffix: str) -> None:
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    blue_above = np.zeros((32, 64, 3), np.float32)
    blue_above[:16] = (1.0, 0.5, 0.2)  # OpenCV's order: blue first
    assert cv2.imwrite(str(tmp_path / f"sky{suffix}"), blue_above)
    assert skies.coefficients(str(tmp_path / f"sky{suffix}")) == pytest.approx(
        skies.projected(blue_above[..., ::-1].astype(np.float64), "sky"), abs=0.02
    )


def test_a_grey_sky_lights_like_one_whose_colours_are_equal(tmp_path: Path) -> None:
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    grey = np.random.default_rng(0).random((16, 32), np.float32)
    for name, picture in {"grey": grey, "colours": np.repeat(grey[..., None], 3, axis=2)}.items():
        assert cv2.imwrite(str(tmp_path / f"{name}.exr"), picture)
    found, wanted = (skies.coefficients(str(tmp_path / f"{name}.exr")) for name in ("grey", "colours"))
    assert found == pytest.approx(wanted)


def test_a_large_sky_is_read_once_and_reduced_with_its_sun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sunny = np.full((700, 1400, 3), 0.1, np.float32)
    sunny[300, 401] = 20_000  # the sun is one pixel
    file = tmp_path / "large.hdr"
    assert cv2.imwrite(str(file), sunny)
    exact = skies.projected(sunny.astype(np.float64), "large")
    sizes: list[tuple[int, ...]] = []
    projected = skies.projected
    monkeypatch.setattr(
        skies, "projected", lambda picture, name: sizes.append(picture.shape) or projected(picture, name)
    )
    assert skies.coefficients(str(file)) == pytest.approx(exact, abs=0.02)
    skies.coefficients(str(file))
    assert sizes == [(512, 1024, 3)]
    assert cv2.imwrite(str(file), sunny[:, :700])  # another picture of the same name
    skies.coefficients(str(file))
    assert len(sizes) == 2


@pytest.mark.skipif(not HDRI.exists(), reason="the real HDRIs are not on this machine")
def test_a_real_hdri_is_read() -> None:
    assert np.isfinite(skies.coefficients(str(HDRI))).all()


def test_a_file_that_is_no_sky_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.hdr").write_text("not a picture")
    cv2.imwrite(str(tmp_path / "dark.hdr"), np.zeros((8, 16, 3), np.float32))
    for name, words in (("text.hdr", "cannot be read"), ("dark.hdr", "gives no light"), ("none.exr", "cannot be read")):
        with pytest.raises(BadInput, match=rf"environment {name}: {words}"):
            skies.coefficients(str(tmp_path / name))
