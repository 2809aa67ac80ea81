"""What can be measured of a defect in a picture and its mask, and of an object that shows none."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Region:
    """A defect as it is seen. Lengths in pixels; lightness in CIE L* (0 to 100)."""

    share: float
    """Of the picture's area, 0 to 1."""
    length: float
    breadth: float
    """Extents along the long and the short principal axis."""
    wide: float
    tall: float
    """What the middle 90 % of its pixels span of the picture's width and height, 0 to 1."""
    angle: float
    """Of the long axis, degrees counter-clockwise from the horizontal, 0 to 180."""
    bend: float
    """Greatest sag of the midline over the length; 0 is straight."""
    solidity: float
    """Area over that of the convex hull, 0 to 1."""
    parts: int
    """Connected parts of at least 4 % of the area."""
    row: int
    column: int
    """Cell of the centroid on a 3 x 3 grid of the picture, from the upper left, 0 to 2."""
    lighter: float
    """Mean L* inside minus median L* of the ring around it."""
    spread: float
    """Range of L* inside (10th to 90th percentile) once fine texture is smoothed away."""
    chroma: float
    """Distance of the mean colours inside and around in the a*b* plane."""

    @property
    def elongation(self) -> float:
        return self.length / max(self.breadth, 1.0)


def region(picture: np.ndarray, mask: np.ndarray) -> Region:
    """Measure the region of `mask` (H, W, bool, not empty) in `picture` (H, W, 3, uint8 RGB)."""
    height, width = mask.shape
    ys, xs = np.nonzero(mask)
    along, across, axis = _principal(xs, ys)
    lab = _lab(picture)
    ring = _ring(mask)
    inside, around = lab[mask], lab[ring] if ring.any() else lab[~mask] if (~mask).any() else lab[mask]
    lengths = sorted((np.ptp(along) + 1.0, np.ptp(across) + 1.0), reverse=True)
    return Region(
        share=float(mask.mean()),
        length=float(lengths[0]),
        breadth=float(lengths[1]),
        wide=_span(xs) / width,
        tall=_span(ys) / height,
        angle=float(np.degrees(np.arctan2(-axis[1], axis[0])) % 180.0),
        bend=_bend(along, across),
        solidity=_solidity(mask),
        parts=_parts(mask),
        row=min(int(3 * (ys.mean() + 0.5) / height), 2),
        column=min(int(3 * (xs.mean() + 0.5) / width), 2),
        lighter=float(inside[:, 0].mean() - np.median(around[:, 0])),
        spread=_spread(lab[:, :, 0], mask),
        chroma=float(np.linalg.norm(inside[:, 1:].mean(axis=0) - around[:, 1:].mean(axis=0))),
    )


def _lab(picture: np.ndarray) -> np.ndarray:
    lab: np.ndarray = cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return lab


def _spread(lightness: np.ndarray, mask: np.ndarray) -> float:
    """Averages over the mask only, so that what lies around it does not count."""
    sigma = max(0.08 * float(np.sqrt(mask.sum())), 0.8)
    weight = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), sigma)
    smooth = cv2.GaussianBlur(np.where(mask, lightness, 0).astype(np.float32), (0, 0), sigma)
    low, high = np.percentile(smooth[mask] / weight[mask], [10, 90])
    return float(high - low)


def _span(values: np.ndarray) -> float:
    low, high = np.percentile(values, [5, 95])
    return float(high - low) + 1.0


def _principal(xs: np.ndarray, ys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coordinates along and across the long axis, and that axis as a unit vector (x, y)."""
    points = np.stack([xs - xs.mean(), ys - ys.mean()], axis=1)
    values, vectors = np.linalg.eigh(points.T @ points)
    axis = vectors[:, int(values.argmax())]
    return points @ axis, points @ np.array([-axis[1], axis[0]]), axis


def _bend(along: np.ndarray, across: np.ndarray) -> float:
    """Sag of the midline: how far the mean offset of the middle differs from that of the ends, over the length."""
    length = float(np.ptp(along)) + 1.0
    place = np.clip(((along - along.min()) / length * 9).astype(int), 0, 8)
    counts = np.bincount(place, minlength=9)
    middle = np.bincount(place, weights=across, minlength=9) / np.maximum(counts, 1)
    chord = np.interp(np.arange(9), [0, 8], [middle[0], middle[8]])
    return float(np.abs(np.where(counts > 0, middle - chord, 0.0)).max() / length)


def _solidity(mask: np.ndarray) -> float:
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(contours))
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, hull, 1)
    return float(mask.sum() / max(int(filled.sum()), 1))


def _parts(mask: np.ndarray) -> int:
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = stats[1:, cv2.CC_STAT_AREA]
    return int((areas >= 0.04 * areas.sum()).sum())


def _ring(mask: np.ndarray) -> np.ndarray:
    """What surrounds the mask: a band about half as wide as the region, its blurred rim left out."""
    width = int(np.clip(0.5 * np.sqrt(mask.sum()), 4, 40))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 5, 2 * width + 5))
    rim = np.ones((5, 5), np.uint8)
    solid = mask.astype(np.uint8)
    ring: np.ndarray = (cv2.dilate(solid, kernel) > 0) & (cv2.dilate(solid, rim) == 0)
    return ring


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


def figure(picture: np.ndarray) -> Figure | None:
    """The one thing in the picture, None when nothing can be told from the background with confidence."""
    small = _reduced(picture)
    height, width = small.shape[:2]
    labels = np.zeros((height, width), np.uint8)
    frame = (width // 12, height // 12, width - 2 * (width // 12), height - 2 * (height // 12))
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
    if not (alone and inside and 0.01 <= area / mask.size <= 0.6 and _solidity(mask) > 0.75):
        return None
    cx, cy = centres[largest]
    core = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    lab = _lab(small)[core if core.any() else mask]
    # The lit half: a colour is not what lies in the shade.
    colour = colour_name(np.median(lab[lab[:, 0] >= np.median(lab[:, 0])], axis=0))
    return Figure(colour, w / h, area / mask.size, min(int(3 * cy / height), 2), min(int(3 * cx / width), 2))


def _reduced(picture: np.ndarray) -> np.ndarray:
    scale = WORK_SIDE / max(picture.shape[:2])
    if scale < 1:
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return picture


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
