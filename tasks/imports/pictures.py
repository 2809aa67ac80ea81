"""Pictures as they come, made into what a data set holds: 8 bit, upright, of one size, with the mask kept on them."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
from PIL import Image, ImageOps
from pycocotools import mask as rle

from schemas.errors import BadInput
from tasks.imports.records import Found, Shape

MOST_PIXELS = 100_000_000
"""A larger picture is refused before it is decoded."""
SLACK = 0.01
"""Share of the image's size, and at least two pixels, by which a label may stand over its edge; it is cut there."""
DEPTHS = (8, 10, 12, 14, 16)
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What a file may hold, whatever its name says; of others Pillow runs programs (PostScript in a file called a.png)."""
BROKEN = (OSError, ValueError, SyntaxError, EOFError, OverflowError, MemoryError)
"""What Pillow raises for files that are not what they seem."""

Fit = Literal["stretch", "pad", "crop"]


@dataclass(frozen=True)
class Decoded:
    """A picture (H, W) or (H, W, 3) uint8, RGB and upright, and its turn by EXIF (1: none)."""

    pixels: np.ndarray
    turn: int
    stored: tuple[int, int]
    """Width and height as stored, before the turn."""

    @property
    def size(self) -> tuple[int, int]:
        return self.pixels.shape[1], self.pixels.shape[0]


def decode(file: Path, name: str) -> Decoded:
    """Raises BadInput, naming `name`, for a picture that is unreadable, truncated or too large."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's limits are others than ours, and its doubts are not the user's
            with Image.open(file, formats=FORMATS) as opened:
                width, height = opened.size
                if width * height > MOST_PIXELS:
                    raise BadInput(f"{name}: has {width}x{height} pixels, more than {MOST_PIXELS:,}; cut it into parts")
                turn = opened.getexif().get(0x0112, 1)
                pixels = _plain(ImageOps.exif_transpose(opened))
    except Image.DecompressionBombError:  # Pillow's own limit, which is higher
        raise BadInput(f"{name}: has more than {MOST_PIXELS:,} pixels; cut it into parts") from None
    except BROKEN as e:
        said = " ".join(str(e).replace(str(file), name).split())
        raise BadInput(f"{name}: cannot be read as an image ({said[:120]})") from None
    if not pixels.size:
        raise BadInput(f"{name}: has no pixels")
    return Decoded(pixels, int(turn), (width, height))


def _plain(picture: Image.Image) -> np.ndarray:
    """8 bit, (H, W) when every pixel is grey, else (H, W, 3) RGB; transparent places are black."""
    if picture.mode in ("I", "F") or picture.mode.startswith("I;16"):
        return _eight_bit(np.asarray(picture))
    if picture.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
        picture = Image.alpha_composite(black, picture)
    if picture.mode in ("1", "L"):
        return np.asarray(picture.convert("L"))
    pixels = np.asarray(picture.convert("RGB"))
    grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    return np.ascontiguousarray(pixels[..., 0]) if grey else pixels


def _eight_bit(values: np.ndarray) -> np.ndarray:
    """Integers by the least usual depth that holds them (12 bit are stored in 16), others from least to greatest."""
    if values.dtype.kind == "f":
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        share = np.nan_to_num((values - low) / max(high - low, 1e-12))
        return (np.clip(share, 0, 1) * 255).round().astype(np.uint8)
    most = int(values.max(initial=0))
    depth = next((d for d in DEPTHS if most < 1 << d), 32)
    return (np.clip(values, 0, None).astype(np.int64) >> (depth - 8)).clip(0, 255).astype(np.uint8)


def normalised(pixels: np.ndarray, side: int, fit: Fit, *, mask: bool = False) -> np.ndarray:
    """A picture, or a mask (float32 coverage in [0, 1]), as a square of `side` pixels; as it is if `side` is 0.

    Both go through the same geometry, so a mask stays on its picture (SteelDefectX: 256x256).
    """
    if not side:
        return pixels
    height, width = pixels.shape[:2]
    if fit == "crop":
        least = min(height, width)
        top, left = (height - least) // 2, (width - least) // 2
        pixels = pixels[top : top + least, left : left + least]
    elif fit == "pad":
        most = max(height, width)
        above, before = (most - height) // 2, (most - width) // 2
        border = cv2.BORDER_CONSTANT if mask else cv2.BORDER_REPLICATE
        pixels = cv2.copyMakeBorder(
            pixels, above, most - height - above, before, most - width - before, border, value=0
        )
    shrinking = side < max(pixels.shape[:2])
    way = cv2.INTER_AREA if shrinking else cv2.INTER_LINEAR if mask else cv2.INTER_CUBIC
    resized: np.ndarray = cv2.resize(pixels, (side, side), interpolation=way)
    return resized


def region(shapes: tuple[Shape, ...], found: Found, picture: Decoded) -> np.ndarray:
    """What shapes cover, (H, W) float32 of 0 and 1, upright. Raises BadInput for shapes that leave the image.

    A label file that states the size as stored, where EXIF turns the picture, is turned with it.
    """
    stated = found.size or picture.size
    if stated not in (picture.size, picture.stored):
        w, h = stated
        raise BadInput(f"{found.path}: is {picture.size[0]}x{picture.size[1]}, its labels are for {w}x{h}")
    covered = np.zeros((stated[1], stated[0]), np.uint8)
    for shape in shapes:
        _draw(covered, shape, found.path)
    return _turned(covered, stated, picture).astype(np.float32)


def _draw(covered: np.ndarray, shape: Shape, name: str) -> None:
    height, width = covered.shape
    if shape.rle is not None:
        covered |= _run_lengths(shape, height, width, name)
        return
    scale = (width, height) if shape.relative else (1, 1)
    if shape.box is not None:
        x, y, w, h = shape.box
        outlines = [np.array([[x, y], [x + w, y], [x + w, y + h], [x, y + h]])]
    else:
        outlines = [np.array(p, float).reshape(-1, 2) for p in shape.polygons]
    for outline in outlines:
        points = outline * scale
        room = np.maximum(SLACK * np.array([width, height]), 2)
        if (points < -room).any() or (points > np.array([width, height]) + room).any():
            raise BadInput(f"{name}: a label of {shape.label} lies outside of the image of {width}x{height}")
        points = np.clip(points, 0, [width, height])
        if shape.box is not None:
            (x0, y0), (x1, y1) = np.floor(points[0]).astype(int), np.ceil(points[2]).astype(int)
            covered[y0:y1, x0:x1] = 1
        else:
            covered |= rle.decode(rle.frPyObjects([points.ravel().tolist()], height, width))[..., 0]


def _run_lengths(shape: Shape, height: int, width: int, name: str) -> np.ndarray:
    size = [height, width]
    if isinstance(shape.rle, tuple):
        if any(n < 0 for n in shape.rle) or sum(shape.rle) != height * width:
            raise BadInput(f"{name}: a mask of {shape.label} is not one of {width}x{height} pixels")
        encoded: Any = rle.frPyObjects({"size": size, "counts": list(shape.rle)}, height, width)
    else:
        counts = str(shape.rle)
        encoded = {"size": size, "counts": counts.encode()}
        # The library may write past the end of its memory; and it reads bytes, where letters are counted here.
        if not counts.isascii() or _length(counts) != height * width:
            raise BadInput(f"{name}: a mask of {shape.label} is not one of {width}x{height} pixels")
    decoded: np.ndarray = rle.decode(encoded)
    return decoded.astype(np.uint8)


def _length(counts: str) -> int:
    """Pixels that compressed COCO run lengths cover; -1 when a run is negative or cut off."""
    runs: list[int] = []
    at = 0
    while at < len(counts):
        value, k = 0, 0
        while True:
            if at >= len(counts):
                return -1
            c = ord(counts[at]) - 48
            value |= (c & 0x1F) << 5 * k
            at, k = at + 1, k + 1
            if not c & 0x20:
                if c & 0x10:
                    value |= -1 << 5 * k
                break
        if len(runs) > 2:
            value += runs[-2]
        if value < 0:
            return -1
        runs.append(value)
    return sum(runs)


def mask_image(file: Path, name: str, found: Found, picture: Decoded) -> np.ndarray:
    """A mask image, (H, W) float32 of 0 and 1: what is not black. Raises BadInput when its size is another."""
    mask = decode(file, name)
    pixels = mask.pixels if mask.pixels.ndim == 2 else mask.pixels.max(axis=2)
    if mask.size not in (picture.size, picture.stored):
        (w, h), (mw, mh) = picture.size, mask.size
        raise BadInput(f"{found.path}: is {w}x{h}, its mask {name} is {mw}x{mh}; give both the same size")
    # JPEG leaves faint traces around a mask; a mask of small class numbers has no value beyond a few.
    limit = 127 if pixels.max(initial=0) > 127 else 0
    return _turned((pixels > limit).astype(np.uint8), mask.size, picture).astype(np.float32)


def _turned(mask: np.ndarray, size: tuple[int, int], picture: Decoded) -> np.ndarray:
    if picture.turn == 1 or size == picture.size:
        return mask
    exif = Image.Exif()
    exif[0x0112] = picture.turn
    flat = Image.fromarray(mask)
    flat.info["exif"] = exif.tobytes()
    turned = ImageOps.exif_transpose(flat)
    return np.asarray(turned)
