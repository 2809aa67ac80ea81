"""How like two pictures are."""

import numpy as np


def psnr(one: np.ndarray, two: np.ndarray) -> float:
    """Peak signal-to-noise ratio of two pictures (H, W, 3) uint8, in dB; infinite for equal ones."""
    error = float(np.mean((one.astype(np.float64) - two) ** 2))
    return 10 * float(np.log10(255**2 / error)) if error else float("inf")


def ssim(one: np.ndarray, two: np.ndarray) -> float:
    """Mean structural similarity of the luma of two pictures (H, W, 3) uint8 RGB, at most 1.

    Gaussian window 11 wide with a deviation of 1.5, K1 = 0.01, K2 = 0.03; windows that leave the picture do not
    count (Wang, Bovik, Sheikh and Simoncelli, Image Quality Assessment: From Error Visibility to Structural
    Similarity, 2004).
    """
    import cv2

    def mean(x: np.ndarray) -> np.ndarray:
        return np.asarray(cv2.GaussianBlur(x, (11, 11), 1.5)[5:-5, 5:-5])

    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float64) for p in (one, two))
    mx, my = mean(x), mean(y)
    vx, vy, both = mean(x * x) - mx * mx, mean(y * y) - my * my, mean(x * y) - mx * my
    a, b = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return float(((2 * mx * my + a) * (2 * both + b) / ((mx * mx + my * my + a) * (vx + vy + b))).mean())
