"""Pictures and masks: 8 bit, upright, one size, and the mask always on what it marks."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from schemas.errors import BadInput
from tasks.imports import pictures
from tasks.imports.pictures import Fit, decode, mask_image, normalised, region
from tasks.imports.records import Found, Shape
from tests.tasks.imports import sets


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_kind_of_picture_becomes_eight_bit(tmp_path: Path, mode: str) -> None:
    source = Image.fromarray(sets.picture(1))
    name = "a.tif" if mode in ("F", "CMYK", "I") else "a.png"
    if mode == "I;16":
        Image.fromarray(np.asarray(source).astype(np.uint16) * 16).save(tmp_path / name)  # 12 bit in 16
    else:
        source.convert(mode).save(tmp_path / name)
    pixels = decode(tmp_path / name, name).pixels
    assert pixels.dtype == np.uint8 and pixels.shape[:2] == (64, 96)
    assert np.corrcoef(pixels.reshape(64, 96, -1)[..., 0].ravel(), np.asarray(source).ravel())[0, 1] > (
        0.2 if mode == "1" else 0.7
    )
    assert pixels.max() > 120


def test_transparent_places_are_black(tmp_path: Path) -> None:
    pixels = np.full((8, 8, 4), 200, np.uint8)
    pixels[:4, :, 3] = 0
    sets.write(tmp_path / "a.png", pixels)
    found = decode(tmp_path / "a.png", "a.png").pixels
    assert (found[:4] == 0).all() and (found[4:] > 100).all()


def broken(folder: Path, kind: str) -> Path:
    file = sets.write(folder / "a.jpg", sets.picture(1, 400, 300))
    content = file.read_bytes()
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    file.write_bytes(
        {"cut": content[: len(content) // 2], "empty": b"", "text": b"no image" * 99, "script": script}[kind]
    )
    return file


@pytest.mark.parametrize("kind", ["cut", "empty", "text"])
def test_a_broken_picture_is_one_sentence(tmp_path: Path, kind: str) -> None:
    with pytest.raises(BadInput, match=r"kind/a\.jpg: cannot be read as an image"):
        decode(broken(tmp_path, kind), "kind/a.jpg")


def test_a_picture_that_is_a_program_is_not_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"cannot be read as an image \(cannot identify image file"):
        decode(broken(tmp_path, "script"), "a.jpg")


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_PIXELS", 5000)
    sets.write(tmp_path / "a.png", np.zeros((100, 51), np.uint8))
    with pytest.raises(BadInput, match=r"a\.png: has 51x100 pixels, more than 5,000; cut it into parts"):
        decode(tmp_path / "a.png", "a.png")


@pytest.mark.parametrize(("limit", "said"), [(60, "has 51x100 pixels, more than"), (30, "has more than")])
def test_a_picture_beyond_the_library_s_own_limits_is_refused_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: int, said: str
) -> None:
    """Pillow warns from its limit on, which is below ours, and raises from twice as many pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50 * limit)
    monkeypatch.setattr(pictures, "MOST_PIXELS", 5000)
    sets.write(tmp_path / "a.png", np.zeros((100, 51), np.uint8))
    with pytest.raises(BadInput, match=rf"^a\.png: {said} 5,000( pixels)?; cut it into parts$"):
        decode(tmp_path / "a.png", "a.png")


def test_a_refusal_says_no_more_of_the_machine_than_the_name_in_the_set(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(BadInput) as refused:
        decode(tmp_path / "a.jpg", "scratch/a.jpg")
    assert str(tmp_path) not in str(refused.value)


@given(
    st.integers(24, 90), st.integers(24, 90), st.integers(16, 64), st.sampled_from(["stretch", "pad", "crop"]),
    st.integers(0, 10_000),
)  # fmt: skip
def test_the_mask_stays_on_what_it_marks(width: int, height: int, side: int, fit: Fit, seed: int) -> None:
    """A bright patch on black, and the mask of the patch: after any normalisation both cover the same pixels."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((height, width), np.float32)
    y, x = int(rng.integers(0, height - 8)), int(rng.integers(0, width - 8))
    mask[y : y + 8, x : x + 8] = 1
    picture = normalised((mask * 250).astype(np.uint8), side, fit)
    moved = normalised(mask, side, fit, mask=True)
    assert picture.shape == moved.shape == (side, side)
    assert np.abs(picture / 250.0 - moved).mean() < 0.05
    if fit == "pad" and not (0 < y < height - 8 and 0 < x < width - 8):
        return  # the padded edge repeats the patch, the mask does not
    assert ((picture > 230) <= (moved > 0.5)).all() and ((moved > 0.99) <= (picture > 125)).all()


def test_side_zero_keeps_the_picture() -> None:
    pixels = sets.picture(3)
    assert normalised(pixels, 0, "stretch") is pixels


TRIANGLE = Shape("dent", polygons=((10.0, 10.0, 60.0, 10.0, 10.0, 50.0),))


def test_exif_turns_picture_and_mask_together(tmp_path: Path) -> None:
    """Labels made for the stored picture follow its turn; labels made for the upright one stay."""
    stored = np.full((64, 96), 20, np.uint8)
    stored[5:15, 70:90] = 230
    exif = Image.Exif()
    exif[0x0112] = 6
    sets.write(tmp_path / "a.png", stored, exif=exif)
    picture = decode(tmp_path / "a.png", "a.png")
    assert picture.size == (64, 96)
    box = Shape("x", (70, 5, 20, 10))
    as_stored = region((box,), Found("a.png", "x", (box,), size=(96, 64)), picture)
    assert ((as_stored > 0) == (picture.pixels > 100)).all()
    upright = Shape("x", (49, 70, 10, 20))
    assert (region((upright,), Found("a.png", "x", (upright,), size=(64, 96)), picture) == as_stored).all()


@pytest.mark.parametrize(
    ("shape", "size", "reason"),
    [
        (Shape("x", (90, 5, 20, 10)), None, "a label of x lies outside of the image of 96x64"),
        (Shape("x", (1, 1, 5, 5)), (640, 480), "is 96x64, its labels are for 640x480"),
        (Shape("x", (1.2, 0.5, 0.2, 0.2), relative=True), None, "lies outside"),
        (Shape("x", rle=(1, 2, 3)), None, "is not one of 96x64 pixels"),
        (Shape("x", rle="04"), None, "is not one of 96x64 pixels"),
        (Shape("x", rle="PPPPPPPP"), None, "is not one of 96x64 pixels"),
        # Letters that count 64 times 96 in all, and as the bytes that the library reads another number.
        (Shape("x", rle="ŐŐĳ" * 2), None, "is not one of 96x64 pixels"),
    ],
)
def test_labels_that_do_not_fit_are_one_sentence(
    tmp_path: Path, shape: Shape, size: tuple[int, int] | None, reason: str
) -> None:
    picture = decode(sets.write(tmp_path / "a.png", sets.picture(1)), "a.png")
    with pytest.raises(BadInput, match=f"a.png: .*{reason}"):
        region((shape,), Found("a.png", "x", (shape,), size=size), picture)


def test_a_label_a_little_over_the_edge_is_cut_there(tmp_path: Path) -> None:
    picture = decode(sets.write(tmp_path / "a.png", sets.picture(1)), "a.png")
    shape = Shape("x", (80, 50, 17, 15))
    covered = region((shape,), Found("a.png", "x", (shape,)), picture)
    assert covered.sum() == 16 * 14 and covered[63, 95] == 1


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    picture = decode(sets.write(tmp_path / "a.png", sets.picture(1)), "a.png")
    mask = sets.write(tmp_path / "m.png", np.zeros((32, 96), np.uint8))
    with pytest.raises(BadInput, match=r"a\.png: is 96x64, its mask m\.png is 96x32; give both the same size"):
        mask_image(mask, "m.png", Found("a.png", "x", mask="m.png"), picture)


def test_compressed_run_lengths_are_those_of_the_library(tmp_path: Path) -> None:
    from pycocotools import mask as rle

    picture = decode(sets.write(tmp_path / "a.png", sets.picture(1)), "a.png")
    drawn = region((TRIANGLE,), Found("a.png", "dent"), picture)
    packed = rle.encode(np.asfortranarray(drawn.astype(np.uint8)))["counts"].decode()
    assert (region((Shape("dent", rle=packed),), Found("a.png", "dent"), picture) == drawn).all()
    assert drawn.sum() == pytest.approx(50 * 40 / 2, rel=0.05)
