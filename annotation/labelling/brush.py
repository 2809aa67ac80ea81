"""Brush masks: Label Studio's own run lengths (of interleaved RGBA bytes) and COCO's (of columns), both ways."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from schemas.errors import BadInput

OPAQUE = 128
"""A brushed pixel counts from this opacity on: the rim that a browser draws is half transparent."""


def rle(counts: str, height: int, width: int) -> list[int]:
    """A mask in compressed COCO RLE as Label Studio's run lengths. Raises BadInput for broken counts."""
    from label_studio_sdk.converter.brush import mask2rle

    encoded: list[int] = mask2rle(decoded(counts, height, width) * np.uint8(255))
    return encoded


def counts(rle: Any, height: int, width: int) -> str:
    """The inverse of `rle`: compressed COCO RLE. Raises BadInput for run lengths of another picture, or broken ones."""
    from label_studio_sdk.converter.brush import decode_rle

    if not (isinstance(rle, Sequence) and all(type(b) is int and 0 <= b < 256 for b in rle) and len(rle) >= 7):
        raise BadInput("a brushed region is no list of bytes; draw it again")
    # What the header promises is allocated, so it is read first.
    if int.from_bytes(bytes(rle[:4]), "big") != height * width * 4 or rle[4] >> 3 != 7:
        raise BadInput(f"a brushed region is not of a picture of {width} x {height} pixels; draw it again")
    try:
        alpha = decode_rle(rle).reshape(height, width, 4)[:, :, 3]
    except (ValueError, IndexError, OverflowError):
        raise BadInput("a brushed region breaks off in the middle; draw it again") from None
    return encoded(alpha >= OPAQUE)


def encoded(mask: np.ndarray) -> str:
    """A mask (height, width) as compressed COCO RLE."""
    from pycocotools import mask as coco

    text: bytes = coco.encode(np.asfortranarray(mask, dtype=np.uint8))["counts"]
    return text.decode("ascii")


def decoded(counts: str, height: int, width: int) -> np.ndarray:
    """The inverse of `encoded`: (height, width) of 0 and 1. Raises BadInput for broken counts."""
    runs = _runs(counts)
    if any(r < 0 for r in runs) or sum(runs) != height * width:
        raise BadInput(f"a mask's run lengths do not fill a picture of {width} x {height} pixels; make it again")
    values = np.arange(len(runs), dtype=np.int64) % 2
    return np.repeat(values, runs).astype(np.uint8).reshape(width, height).T


def _runs(counts: str) -> list[int]:
    """COCO's compression: runs as differences to the one before last, in characters of six bits from `0` on.

    Decoded here, since pycocotools writes past its buffer when the counts are broken.
    """
    runs: list[int] = []
    value = shift = 0
    for byte in counts.encode("ascii", "replace"):
        bits = byte - 48
        if not 0 <= bits < 64 or shift > 30:
            raise BadInput("a mask's run lengths are broken; make it again")
        value |= (bits & 0x1F) << shift
        shift += 5
        if not bits & 0x20:
            if bits & 0x10:
                value |= -1 << shift
            runs.append(value + (runs[-2] if len(runs) > 2 else 0))
            value = shift = 0
    if shift:
        raise BadInput("a mask's run lengths break off in the middle; make it again")
    return runs
