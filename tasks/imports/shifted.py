"""The same place on two images, shifted: crops that overlap, and marks that a roll prints again with every turn."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np

SIDE, PART = 64, 32
"""Pixels of the thumbnails that are compared, and of the parts that are looked for."""
KEPT = 24
"""Frequencies of a spectrum that are kept, in each direction."""
CANDIDATES = 10
"""Nearest images by spectrum with which each is compared."""
LEAST_CONTRAST = 2.0
"""Standard deviation of a part, in grey levels, below which it shows nothing to be found again."""
LEAST_CORNERS = 0.1
"""Least ratio of the gradients' two main directions: a straight line fits to every other one."""
BLOCK = 4096


def shifted_pairs(
    pictures: Iterable[np.ndarray], count: int, limit: float, file: Path
) -> Iterator[tuple[int, int, float]]:
    """Pairs `i < j` of pictures, (H, W, 3) uint8 RGB, of which a quarter of one is found on the other.

    The third is the correlation, at least `limit`. What a picture shows, wherever it lies, is told by the size of its
    spectrum; the CANDIDATES nearest to each are compared part by part. So the work grows with the number of pictures
    (but for the search of the spectra), and the thumbnails lie in `file`, not in memory. Turned, mirrored and
    scaled pictures are not found.
    """
    import faiss

    small = np.memmap(file, np.float32, "w+", shape=(max(count, 1), SIDE, SIDE))
    index = faiss.IndexFlatIP(2 * KEPT * KEPT)
    for n, picture in enumerate(pictures):
        small[n] = _small(picture)
        index.add(_spectrum(small[n])[None])
    seen: set[tuple[int, int]] = set()
    for start in range(0, count, BLOCK):
        block = np.stack([_spectrum(s) for s in small[start : start + BLOCK]])
        _, nearest = index.search(block, min(CANDIDATES + 1, count))
        for n, others in enumerate(nearest.tolist(), start):
            seen.update((min(n, o), max(n, o)) for o in others if o != n)
    for i, j in sorted(seen):
        if (found := max(_found(small[i], small[j]), _found(small[j], small[i]))) >= limit:
            yield i, j, found


def _small(picture: np.ndarray) -> np.ndarray:
    """(SIDE, SIDE) float32 without what changes slowly, so that the light does not count."""
    grey = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    values = grey.astype(np.float32)
    flat: np.ndarray = values - cv2.GaussianBlur(values, (0, 0), SIDE / 8)
    return flat


def _spectrum(small: np.ndarray) -> np.ndarray:
    """Size of the lower frequencies, length 1: it stays while the picture is shifted."""
    window = np.hanning(SIDE)
    size = np.log1p(np.abs(np.fft.fft2(small * np.outer(window, window))))
    values = np.concatenate([size[:KEPT, :KEPT].ravel(), size[-KEPT:, :KEPT].ravel()])
    values -= values.mean()
    unit: np.ndarray = (values / max(float(np.linalg.norm(values)), 1e-12)).astype(np.float32)
    return unit


def _found(one: np.ndarray, other: np.ndarray) -> float:
    """The best correlation of a part of `one` anywhere on `other`; 0 when no part shows enough."""
    best = 0.0
    for top in range(0, SIDE - PART + 1, PART // 2):
        for left in range(0, SIDE - PART + 1, PART // 2):
            part = np.ascontiguousarray(one[top : top + PART, left : left + PART])
            if part.std() >= LEAST_CONTRAST and _corners(part) >= LEAST_CORNERS:
                best = max(best, float(cv2.matchTemplate(other, part, cv2.TM_CCOEFF_NORMED).max()))
    return round(best, 4)


def _corners(part: np.ndarray) -> float:
    """Lesser over greater eigenvalue of the structure tensor: 0 for a straight line, 1 for a round spot."""
    x, y = cv2.Sobel(part, cv2.CV_32F, 1, 0), cv2.Sobel(part, cv2.CV_32F, 0, 1)
    xx, xy, yy = float((x * x).sum()), float((x * y).sum()), float((y * y).sum())
    middle, spread = (xx + yy) / 2, float(np.hypot((xx - yy) / 2, xy))
    return (middle - spread) / max(middle + spread, 1e-12)
