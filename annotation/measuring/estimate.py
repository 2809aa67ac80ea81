"""Where a defect probably is, told from the picture alone: what stands out from an even background.

For images whose source names a class and marks no place. The estimate is a rule's work and a start for reviewers; a
picture in which nothing stands out for sure has none. It misses parts of what
covers a quarter of the picture and more.
"""

import cv2
import numpy as np

from annotation.measuring.measure import rgb8

SIDE = 256
"""Pictures are looked at in this size, so that the scales below mean the same in all."""
BROAD = 0.14
"""Deviation of the Gaussian that the background is taken with, as a share of the side."""
SURE, LIKELY = 5.0, 2.6
"""Robust deviations from the background: a region holds some of the first, and all that touches it of the second."""
WEIGHT = 0.08
"""A part counts when its deviations add up to this share of those of the strongest part."""
LEAST = 0.0015
"""Share of the picture that the whole region covers, at least."""
MOST = 0.45
"""More than this is no defect on a background."""
CONTRAST = 5.0
"""Least mean difference from the background, in grey levels of 255: noise of smooth pictures is not a defect."""


def region(picture: np.ndarray) -> np.ndarray | None:
    """(H, W) bool, or None where nothing stands out for sure; `picture` is grey, RGB or RGBA, 8 or 16 bits."""
    height, width = picture.shape[:2]
    grey = cv2.cvtColor(rgb8(picture), cv2.COLOR_RGB2GRAY).astype(np.float32)
    small = cv2.resize(grey, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(small, (0, 0), 1.2)
    rest = smooth - _background(smooth)
    deviation = 1.4826 * float(np.median(np.abs(rest - np.median(rest))))
    scores = np.abs(rest - np.median(rest)) / max(deviation, 1.0)
    found = _touching(scores > LIKELY, scores > SURE)
    found = cv2.morphologyEx(found.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    found = _without_specks(found, scores)
    share = float(found.mean())
    if not LEAST <= share <= MOST or float(np.abs(rest)[found > 0].mean()) < CONTRAST:
        return None
    return np.asarray(cv2.resize(found, (width, height), interpolation=cv2.INTER_NEAREST) > 0)


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
        weight = (np.abs(rest) < LIKELY * max(deviation, 1.0)).astype(np.float32)
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


def _without_specks(found: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Without parts that stand out much less, over their area, than the strongest one."""
    _, parts = cv2.connectedComponents(found, connectivity=8)
    mass = np.bincount(parts.ravel(), weights=(scores * found).ravel())
    made: np.ndarray = (mass >= WEIGHT * mass.max())[parts].astype(np.uint8) * found
    return made
