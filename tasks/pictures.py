"""Pictures as models take them."""

from pathlib import Path

import cv2
import numpy as np

from schemas.errors import BadInput

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
