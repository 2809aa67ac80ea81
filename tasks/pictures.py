"""Pictures as models take them, as the workspace keeps them, and with the outlines of what is marked on them."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from pycocotools import mask as rle

from schemas.errors import BadInput
from schemas.rows import Mask

LONGEST_SIDE = 768
"""Pixels; pictures are reduced to this before they are sent: models reduce, but bill, larger ones."""
JPEG_QUALITY = 90


def jpeg(picture: np.ndarray, longest_side: int = LONGEST_SIDE) -> bytes:
    """JPEG of a picture, (H, W, 3) uint8 RGB, reduced to `longest_side` pixels."""
    scale = longest_side / max(picture.shape[:2])
    if scale < 1:
        fy, fx = (max(scale, 1 / n) for n in picture.shape[:2])  # a very thin picture keeps one row or column
        picture = cv2.resize(picture, None, fx=fx, fy=fy, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(
        ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    )
    if not done:
        raise BadInput("the frame could not be encoded as JPEG")
    return data.tobytes()


def read_rgb(file: Path) -> np.ndarray:
    """A picture of the workspace, (H, W, 3) uint8 RGB. Raises BadInput when it cannot be read."""
    found = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if found is None:
        raise BadInput(f"{file.name}: cannot be read as a picture; build again")
    picture: np.ndarray = cv2.cvtColor(found, cv2.COLOR_BGR2RGB)
    return picture


def decoded(regions: Sequence[Mask]) -> np.ndarray:
    """(H, W) bool: what any of the regions covers."""
    packed = [{"size": [m.height, m.width], "counts": m.counts.encode()} for m in regions]
    covered: np.ndarray = rle.decode(rle.merge(packed))
    return covered.astype(bool)


def outline(picture: np.ndarray, region: Mask, colour: tuple[int, int, int]) -> None:
    """Draw a line around a region, just outside of it; it is brought to the picture's size, (H, W, 3) uint8."""
    size = picture.shape[1], picture.shape[0]
    covered = cv2.resize(decoded([region]).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    grown = cv2.dilate(covered, np.ones((3, 3), np.uint8), iterations=2)
    lines, _ = cv2.findContours(grown, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, lines, -1, colour, 1, cv2.LINE_AA)
