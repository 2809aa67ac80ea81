"""What can be measured of a defect in a picture and its mask."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from schemas.errors import BadInput


@dataclass(frozen=True)
class Region:
    """A defect as it is seen. Lengths in pixels; lightness in CIE L* (0 to 100)."""

    share: float
    """Of the picture's area, 0 to 1."""
    hull: float
    """Share of the picture within its bounding box, 0 to 1."""
    length: float
    breadth: float
    """Extents along the long and the short principal axis."""
    thickness: float
    """How thick its parts are: four times the mean distance to their outline."""
    wide: float
    tall: float
    """What the middle 90 % of its pixels span of the picture's width and height, 0 to 1."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of the bounding box, shares of the picture's width and height."""
    angle: float
    """Of the long axis, degrees counter-clockwise from the horizontal, 0 to 180."""
    bend: float
    """Greatest sag of the midline over the length; 0 is straight."""
    solidity: float
    """Area over that of the convex hull, 0 to 1."""
    parts: int
    """Parts that count for themselves: gaps of about 1 % of the picture's side bridged, small specks left out."""
    fewest: int
    most: int
    """The same with wide gaps bridged and only parts of some weight, and with no gap bridged and specks counted."""
    part_elongation: float
    """Median of the parts' own lengths over breadths."""
    part_angle: float | None
    """Common direction of elongated parts, degrees as `angle`; None where they have none."""
    shares: tuple[float, ...]
    """Share of its pixels in each cell of a 3 x 3 grid of the picture, row by row from the upper left; sum 1."""
    fine: np.ndarray = field(compare=False, repr=False)
    """The same shares in a 100 x 100 grid, (100, 100)."""
    row: int
    column: int
    """Cell of the centroid on that grid, from the upper left, 0 to 2."""
    ringed: bool
    """Whether enough of the surroundings is seen to compare with; what follows is 0 if not."""
    lighter: float
    """Mean L* inside minus median L* of the ring around it."""
    noise: float
    """Robust standard deviation of L* in that ring."""
    bright: float
    dark: float
    """Shares of the inside that are plainly lighter and plainly darker than the ring, 0 to 1."""
    spread: float
    """Range of L* inside (10th to 90th percentile) once fine texture is smoothed away."""
    chroma: float
    """Distance of the mean colours inside and around in the a*b* plane."""

    @property
    def elongation(self) -> float:
        return self.length / max(self.breadth, 1.0)


PLAIN = 5.0
"""L* by which a pixel must differ from the median around it to be plainly lighter or darker."""
ENOUGH = 16
"""Pixels of surroundings that suffice to compare with."""


def checked(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mask as (H, W) bool. Raises BadInput, in one sentence, for one that is empty or of another size."""
    if mask.ndim != 2 or mask.shape != picture.shape[:2]:
        (mh, mw), (h, w) = mask.shape[:2], picture.shape[:2]
        raise BadInput(f"the mask is {mw}x{mh} pixels, its picture {w}x{h}; give a mask of the picture's size")
    if not mask.any():
        raise BadInput("the mask is empty; give None where no defect is seen")
    return mask.astype(bool)


def rgb8(picture: np.ndarray) -> np.ndarray:
    """Any grey, RGB or RGBA picture of 8 or 16 bits as (H, W, 3) uint8; 10- and 12-bit data keep their contrast.

    Raises BadInput for an array that is no picture.
    """
    if picture.ndim == 2:
        picture = picture[:, :, None]
    if picture.ndim != 3 or picture.shape[2] not in (1, 3, 4) or not picture.size or picture.dtype.kind not in "bui":
        raise BadInput(f"an array of shape {picture.shape} and type {picture.dtype} is no picture; give 8 or 16 bits")
    if picture.dtype.kind == "b":
        picture = picture * np.uint8(255)
    elif picture.dtype != np.uint8:
        full = next(f for f in (256, 1024, 4096, 65536, 1 << 64) if int(picture.max()) < f)
        picture = (np.clip(picture.astype(np.float64), 0, None) * (255.0 / (full - 1))).round().astype(np.uint8)
    colour = picture[:, :, :3]
    return np.ascontiguousarray(np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour)


def enclosed(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The mask with all that it encloses. Raises BadInput for one that is empty or of another size."""
    solid = checked(picture, mask).astype(np.uint8, order="C")  # decoded run lengths lie column by column
    outlines, _ = cv2.findContours(solid, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(solid, outlines, -1, 1, cv2.FILLED) > 0)


def region(picture: np.ndarray, mask: np.ndarray) -> Region:
    """Measure the region of `mask` (H, W, bool) in `picture` (H, W, 3, uint8 RGB).

    Raises BadInput for a mask that is empty or of another size.
    """
    mask = checked(picture, mask)
    height, width = mask.shape
    ys, xs = np.nonzero(mask)
    along, across, axis = _principal(xs, ys)
    lengths = sorted((np.ptp(along) + 1.0, np.ptp(across) + 1.0), reverse=True)
    pieces = _pieces(mask)
    return Region(
        share=float(mask.mean()),
        hull=float((np.ptp(xs) + 1) * (np.ptp(ys) + 1) / mask.size),
        length=float(lengths[0]),
        breadth=float(lengths[1]),
        thickness=_thickness(mask),
        wide=_span(xs) / width,
        tall=_span(ys) / height,
        box=(xs.min() / width, ys.min() / height, (xs.max() + 1) / width, (ys.max() + 1) / height),
        angle=_angle(axis),
        bend=_bend(along, across),
        solidity=solidity(mask),
        shares=_shares(xs, ys, width, height),
        fine=_fine(mask),
        row=min(int(3 * (ys.mean() + 0.5) / height), 2),
        column=min(int(3 * (xs.mean() + 0.5) / width), 2),
        **pieces,  # type: ignore[arg-type]
        **_tones(picture, mask),  # type: ignore[arg-type]
    )


def lab_of(picture: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of an RGB picture, float32, L from 0 to 100."""
    lab: np.ndarray = cv2.cvtColor(picture.astype(np.float32) / 255.0, cv2.COLOR_RGB2LAB)
    return lab


def _tones(picture: np.ndarray, mask: np.ndarray) -> dict[str, float | bool]:
    """How light the inside is beside its ring, measured in the part of the picture that holds both."""
    width = _ring_width(mask)
    ys, xs = np.nonzero(mask)
    reach = width + 4
    window = (
        slice(max(int(ys.min()) - reach, 0), int(ys.max()) + reach + 1),
        slice(max(int(xs.min()) - reach, 0), int(xs.max()) + reach + 1),
    )
    lab, mask = lab_of(picture[window]), mask[window]
    ring = _ring(mask, width)
    spread = _spread(lab[:, :, 0], mask)
    if ring.sum() < ENOUGH:
        ring = ~mask
    if ring.sum() < ENOUGH:
        return {
            "ringed": False, "lighter": 0.0, "noise": 0.0, "bright": 0.0, "dark": 0.0, "spread": spread, "chroma": 0.0
        }  # fmt: skip
    inside, around = lab[mask], lab[ring]
    level = float(np.median(around[:, 0]))
    noise = 1.4826 * float(np.median(np.abs(around[:, 0] - level)))
    step = max(PLAIN, noise)
    return {
        "ringed": True,
        "lighter": float(inside[:, 0].mean() - level),
        "noise": noise,
        "bright": float((inside[:, 0] > level + step).mean()),
        "dark": float((inside[:, 0] < level - step).mean()),
        "spread": spread,
        "chroma": float(np.linalg.norm(inside[:, 1:].mean(axis=0) - around[:, 1:].mean(axis=0))),
    }


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


def _angle(axis: np.ndarray) -> float:
    return float(np.degrees(np.arctan2(-axis[1], axis[0])) % 180.0)


def _shares(xs: np.ndarray, ys: np.ndarray, width: int, height: int) -> tuple[float, ...]:
    counts = np.bincount(3 * (3 * ys // height) + 3 * xs // width, minlength=9)
    return tuple(float(n) for n in counts / counts.sum())


def _fine(mask: np.ndarray) -> np.ndarray:
    fine = cv2.resize(mask.astype(np.float32), (100, 100), interpolation=cv2.INTER_AREA)
    if not fine.sum():  # a speck between the sampling points of an enlargement
        fine = cv2.resize(mask.astype(np.float32), (100, 100), interpolation=cv2.INTER_LINEAR)
    shares: np.ndarray = fine / fine.sum()
    return shares


def _bend(along: np.ndarray, across: np.ndarray) -> float:
    """Sag of the midline: how far the mean offset of the middle differs from that of the ends, over the length."""
    length = float(np.ptp(along)) + 1.0
    place = np.clip(((along - along.min()) / length * 9).astype(int), 0, 8)
    counts = np.bincount(place, minlength=9)
    middle = np.bincount(place, weights=across, minlength=9) / np.maximum(counts, 1)
    chord = np.interp(np.arange(9), [0, 8], [middle[0], middle[8]])
    return float(np.abs(np.where(counts > 0, middle - chord, 0.0)).max() / length)


def solidity(mask: np.ndarray) -> float:
    """Area over that of the convex hull of all parts, 0 to 1."""
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    hull = cv2.convexHull(np.concatenate(contours))
    filled = np.zeros(mask.shape, np.uint8)
    cv2.fillConvexPoly(filled, hull, 1)
    return float(mask.sum() / max(int(filled.sum()), 1))


def _thickness(mask: np.ndarray) -> float:
    padded = np.pad(mask.astype(np.uint8), 1)
    return 4.0 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3)[padded > 0].mean()) - 1.0


GAPS = {"most": (0.0, 0.03), "parts": (0.008, 0.08), "fewest": (0.012, 0.2)}
"""How parts are counted: half the gap that is bridged, as a share of the longest side, and the least area that
counts, as a share of the largest part's."""


def _pieces(mask: np.ndarray) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name, (gap, least) in GAPS.items():
        labels, counted = _parts(mask, round(gap * max(mask.shape)), least)
        found[name] = len(counted)
        if name == "parts":
            found |= _directions(labels, counted)
    return found


def _parts(mask: np.ndarray, reach: int, least: float) -> tuple[np.ndarray, list[int]]:
    """Labels of the mask's pixels, parts nearer than twice `reach` as one, and the labels that count."""
    near = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    _, labels = cv2.connectedComponents(cv2.dilate(mask.astype(np.uint8), near), connectivity=8)
    labels = np.where(mask, labels, 0)
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    return labels, [int(n) for n in np.nonzero(areas >= max(least * areas.max(), 1))[0]]


LARGEST = 40
"""Parts whose own direction is measured, the largest first."""


def _directions(labels: np.ndarray, counted: list[int]) -> dict[str, float | None]:
    areas = np.bincount(labels.ravel())
    stretched, turned = [], 0j
    ys, xs = np.nonzero(labels)
    of = labels[ys, xs]
    for n in sorted(counted, key=lambda n: -areas[n])[:LARGEST]:
        at = of == n
        along, across, axis = _principal(xs[at], ys[at])
        long, short = sorted((np.ptp(along) + 1.0, np.ptp(across) + 1.0), reverse=True)
        stretched.append(long / short)
        if long / short >= 1.35:
            turned += areas[n] * np.exp(2j * np.radians(_angle(axis)))
    common = abs(turned) >= 0.7 * sum(sorted((areas[n] for n in counted), reverse=True)[:LARGEST])
    return {
        "part_elongation": float(np.median(stretched)),
        "part_angle": float(np.degrees(np.angle(turned)) / 2 % 180.0) if common else None,
    }


def _ring_width(mask: np.ndarray) -> int:
    """About half as wide as the region."""
    return int(np.clip(0.5 * np.sqrt(mask.sum()), 4, 40))


def _ring(mask: np.ndarray, width: int) -> np.ndarray:
    """What surrounds the mask: a band of `width` pixels, the mask's blurred rim left out."""
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * width + 5, 2 * width + 5))
    rim = np.ones((5, 5), np.uint8)
    solid = mask.astype(np.uint8)
    ring: np.ndarray = (cv2.dilate(solid, kernel) > 0) & (cv2.dilate(solid, rim) == 0)
    return ring
