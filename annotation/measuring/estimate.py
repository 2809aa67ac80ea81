"""Where a defect probably is, told from the picture alone: what stands out from an even background.

For images whose source names a class and marks no place, or a box and no outline. The estimate is a rule's work and a
start for reviewers; a picture in which nothing stands out for sure has none. It misses parts of what covers a quarter
of the picture and more. Where a mark ends hangs on a threshold, so a narrower and a wider estimate stand beside it:
what all three share can be relied on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from annotation.measuring.measure import rgb8

SIDE = 256
"""Pictures are looked at in this size, so that the scales below mean the same in all."""
BROAD = 0.14
"""Deviation of the Gaussian that the background is taken with, as a share of the side."""


class Cut(NamedTuple):
    """What belongs to the region, measured by its strong pixels, the tenth that stands out most."""

    likely: float
    edge: float
    """A mark ends where it stands out by less robust deviations than `likely`, or by less than the share `edge` of what
    those pixels do: a soft rim is none of it."""
    sure: float
    peak: float
    """A part counts when it holds something beyond `sure` and beyond this share: texture around the mark does not..."""
    weight: float
    """...and when its deviations add up to this share of those of the strongest part."""


CUT = Cut(likely=2.6, edge=0.4, sure=5.0, peak=0.65, weight=0.08)
NARROW = Cut(likely=3.4, edge=0.55, sure=5.0, peak=0.8, weight=0.16)
WIDE = Cut(likely=2.0, edge=0.28, sure=3.8, peak=0.5, weight=0.02)
"""Stricter and laxer by a third, or so: what holds for one of them only is not sure."""
LEAST = 0.0015
"""Share of the picture that the whole region covers, at least."""
MOST = 0.45
"""More than this is no defect on a background."""
CONTRAST = 5.0
"""Least mean difference from the background, in grey levels of 255: noise of smooth pictures is not a defect."""


class Estimate(NamedTuple):
    """Masks of a picture, (H, W) bool: where the defect probably is, and how far that may be off."""

    region: np.ndarray
    narrow: np.ndarray
    wide: np.ndarray


def region(picture: np.ndarray, within: Sequence[np.ndarray] = ()) -> np.ndarray | None:
    """(H, W) bool, or None where nothing stands out for sure; `picture` is grey, RGB or RGBA, 8 or 16 bits."""
    found = estimate(picture, within)
    return found.region if found else None


def estimate(picture: np.ndarray, within: Sequence[np.ndarray] = ()) -> Estimate | None:
    """The region, with a narrower and a wider one; None where nothing stands out for sure.

    `within` are the boxes, (H, W) bool, that are known to hold a defect each: each is looked at by itself, since the
    strongest mark hides none in another box, and what lies in none is left out.
    """
    height, width = picture.shape[:2]
    rest, scores = _standing_out(picture)
    held = [scores * _reduced(box) for box in within] or [scores]
    found, narrow, wide = (np.any([_cut(part, cut) for part in held], axis=0) for cut in (CUT, NARROW, WIDE))
    share = float(found.mean())
    if not LEAST <= share <= MOST or float(np.abs(rest)[found].mean()) < CONTRAST:
        return None
    dark = None if within else _two_tones(picture)
    if dark is not None and max(_overlap(found, dark), _overlap(found, ~dark)) < LIKE:
        return None  # the light between two patches is no figure
    return Estimate(*(_enlarged(mask, height, width) for mask in (found, narrow, wide)))


TONES = 20.0
"""Least difference between the two tones of a patchwork, in grey levels of 255."""
APART = 0.7
"""Share of the variance that two tones explain, at least: of plain noise it is 0.64."""
LIKE = 0.3
"""Overlap (intersection over union) with one of two tones, below which a region is neither of them."""


def patchwork(picture: np.ndarray) -> float | None:
    """Share of the darker one of two tones that divide the whole picture between them, 0.25 to 0.75; None where there
    are none."""
    dark = _two_tones(picture)
    return None if dark is None else float(dark.mean())


def _two_tones(picture: np.ndarray) -> np.ndarray | None:
    """Where the darker one is, (SIDE, SIDE) bool (Otsu 1979). Either may be the background."""
    smooth = _smooth(picture)
    trend = (BASIS @ np.linalg.lstsq(BASIS[::7], smooth.ravel()[::7])[0]).reshape(smooth.shape)
    rest = (smooth - trend).astype(np.float32)
    grey = np.clip(rest - rest.min(), 0, 255).astype(np.uint8)
    dark = np.asarray(grey <= cv2.threshold(grey, 0, 255, cv2.THRESH_OTSU)[0])
    share = float(dark.mean())
    if not 0.25 <= share <= 0.75:
        return None
    step = float(rest[~dark].mean() - rest[dark].mean())
    cells = cv2.resize(dark.astype(np.float32), (3, 3), interpolation=cv2.INTER_AREA)
    everywhere = int(((cells > 0.05) & (cells < 0.95)).sum()) >= 8
    apart = share * (1 - share) * step**2 >= APART * float(rest.var())
    return dark if apart and step >= TONES and everywhere else None


def _overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / max((one | other).sum(), 1))


def _smooth(picture: np.ndarray) -> np.ndarray:
    """Grey levels, (SIDE, SIDE) float32, without the finest grain."""
    grey = cv2.cvtColor(rgb8(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), 1.2))


def _standing_out(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What the background leaves, grey levels, and the same in robust deviations without its sign, (SIDE, SIDE)."""
    smooth = _smooth(picture)
    rest = smooth - _background(smooth)
    deviation = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    return rest, np.abs(rest - np.median(rest)) / max(deviation, 1.0)


def _cut(scores: np.ndarray, cut: Cut) -> np.ndarray:
    """What stands out beyond doubt gives the measure of what belongs to it: strong marks have a rim, and neighbours."""
    found = _touching(scores > CUT.likely, scores > CUT.sure)
    if not found.any():
        return found
    strong = float(np.percentile(scores[found], 90))
    found = _touching(scores > max(cut.likely, cut.edge * strong), scores > max(cut.sure, cut.peak * strong))
    closed = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return _without_specks(closed, scores, cut.weight)


def _reduced(box: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.resize(box.astype(np.uint8), (SIDE, SIDE), interpolation=cv2.INTER_NEAREST) > 0)


def _enlarged(found: np.ndarray, height: int, width: int) -> np.ndarray:
    return np.asarray(cv2.resize(found.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0)


def _background(smooth: np.ndarray) -> np.ndarray:
    """Slow changes of the light: a surface of second degree, and what a broad Gaussian leaves of the rest.

    Taken again without what stood out, or a large defect would be its own background.
    """
    weight = np.ones_like(smooth)
    background = smooth
    for _ in range(3):
        slope = BASIS @ np.linalg.lstsq((BASIS * weight.reshape(-1, 1))[::7], (smooth * weight).ravel()[::7])[0]
        trend = slope.reshape(smooth.shape).astype(np.float32)
        sums = cv2.GaussianBlur((smooth - trend) * weight, (0, 0), BROAD * SIDE)
        background = trend + sums / np.maximum(cv2.GaussianBlur(weight, (0, 0), BROAD * SIDE), 1e-3)
        rest = smooth - background
        deviation = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
        weight = (np.abs(rest) < CUT.likely * max(deviation, 1.0)).astype(np.float32)
    return np.asarray(background)


def _basis() -> np.ndarray:
    """Polynomials of second degree over the picture, (SIDE * SIDE, 6)."""
    y, x = (g.ravel() / SIDE - 0.5 for g in np.mgrid[:SIDE, :SIDE].astype(np.float64))
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


BASIS = _basis()


def _touching(likely: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """The connected parts of `likely` that hold something of `sure`."""
    _, parts = cv2.connectedComponents(likely.astype(np.uint8), connectivity=8)
    kept = np.unique(parts[sure & likely])
    return np.isin(parts, kept[kept > 0])


def _without_specks(found: np.ndarray, scores: np.ndarray, weight: float) -> np.ndarray:
    """Without parts that stand out much less, over their area, than the strongest one."""
    _, parts = cv2.connectedComponents(found, connectivity=8)
    mass = np.bincount(parts.ravel(), weights=(scores * found).ravel())
    made: np.ndarray = (mass >= weight * mass.max())[parts] & (found > 0)
    return made
