"""What can be told of an object on which no defect is seen: what stands apart from its background."""

from dataclasses import dataclass

import cv2
import numpy as np

from annotation.measuring.measure import lab_of, solidity


@dataclass(frozen=True)
class Figure:
    """An object that stands apart from its background."""

    colour: str
    aspect: float
    """Width over height of its bounding box."""
    share: float
    row: int
    column: int


WORK_SIDE = 160
"""Pixels; the object is looked for in a picture reduced to this longest side."""
RIM = 12
"""A twelfth of the picture along each edge is taken for background."""
STEP = 6.0
"""Distance in CIE L*a*b* across the outline, at least: where the light falls off there is an outline, but no step."""


def figure(picture: np.ndarray) -> Figure | None:
    """The one thing in the picture, None when nothing can be told from the background with confidence."""
    scale = min(1.0, WORK_SIDE / max(picture.shape[:2]))
    if scale * min(picture.shape[:2]) < RIM:
        return None  # so small or thin that no pixel would be background
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    height, width = small.shape[:2]
    labels = np.zeros((height, width), np.uint8)
    frame = (width // RIM, height // RIM, width - 2 * (width // RIM), height - 2 * (height // RIM))
    cv2.setRNGSeed(0)  # OpenCV's own generator, one per thread; grabCut draws its first clusters from it
    cv2.grabCut(small[:, :, ::-1].copy(), labels, frame, np.zeros((1, 65)), np.zeros((1, 65)), 4, cv2.GC_INIT_WITH_RECT)
    found = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8)
    found = cv2.morphologyEx(found, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, regions, stats, centres = cv2.connectedComponentsWithStats(found)
    if len(stats) < 2:
        return None
    largest = 1 + int(stats[1:, cv2.CC_STAT_AREA].argmax())
    mask, area = regions == largest, int(stats[largest, cv2.CC_STAT_AREA])
    x, y, w, h = (int(v) for v in stats[largest, :4])
    alone = area >= 0.9 * found.sum()
    inside = x > frame[0] and y > frame[1] and x + w < frame[0] + frame[2] and y + h < frame[1] + frame[3]
    if not (alone and inside and 0.01 <= area / mask.size <= 0.6 and solidity(mask) > 0.75):
        return None
    lab = lab_of(small)
    if _step(lab, mask) < STEP:
        return None
    cx, cy = centres[largest]
    core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    inner = lab[core if core.any() else mask]
    # The lit half: a colour is not what lies in the shade.
    colour = colour_name(np.median(inner[inner[:, 0] >= np.median(inner[:, 0])], axis=0))
    return Figure(colour, w / h, area / mask.size, min(int(3 * cy / height), 2), min(int(3 * cx / width), 2))


def _step(lab: np.ndarray, mask: np.ndarray) -> float:
    """How far apart two pixels inside the outline and two outside of it are in colour, on the mean."""
    solid, around = mask.astype(np.uint8), np.ones((5, 5), np.uint8)
    within, without = mask & (cv2.erode(solid, around) == 0), (cv2.dilate(solid, around) > 0) & ~mask
    return float(np.linalg.norm(lab[within].mean(axis=0) - lab[without].mean(axis=0)))


GREYS = ((18, "black"), (40, "dark grey"), (66, "grey"), (86, "light grey"), (101, "white"))
HUES = ((20, "pink"), (48, "red"), (75, "orange"), (105, "yellow"), (165, "green"), (215, "turquoise"),
        (308, "blue"), (332, "purple"), (361, "pink"))  # fmt: skip


def colour_name(lab: np.ndarray) -> str:
    """A plain word for a CIE L*a*b* colour (L 0 to 100)."""
    lightness, a, b = (float(v) for v in lab)
    chroma = float(np.hypot(a, b))
    if chroma < 9:
        return next(name for limit, name in GREYS if lightness < limit)
    hue = float(np.degrees(np.arctan2(b, a)) % 360)
    name = next(name for limit, name in HUES if hue < limit)
    if (42 <= hue < 100 and (lightness < 55 or chroma < 32)) or (20 <= hue < 42 and chroma < 32):
        name = "beige" if lightness >= 70 else "brown"
    if name == "pink" and lightness < 42:
        name = "red" if hue < 20 else "purple"
    shade = "dark " if lightness < 30 else "pale " if lightness > 80 and name not in ("white", "beige") else ""
    return shade + name
