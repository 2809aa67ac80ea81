"""Poisson's equation on a regular grid: the function whose gradient is nearest to a field of normals."""

import numpy as np
from numpy.typing import NDArray

from tasks.meshes.grids import Grid, cut, weights
from tasks.meshes.points import Cloud
from tasks.meshes.refine import Faces, Points

FINEST = 144
"""Cells along the longest side, at most."""
MARGIN = 0.15
BLUR = 1.2
"""Spacings that the field of normals is smoothed over; less leaves bumps between the points."""


class Poisson:
    """The equation for the points of one cloud, each of which counts for the area around it."""

    def __init__(self, cloud: Cloud) -> None:
        self.step = max(cloud.spacing, 1 / FINEST)
        self.low = cloud.points.min(axis=0) - MARGIN
        sides = np.ptp(cloud.points, axis=0) + 2 * MARGIN
        self.shape = tuple(int(n) for n in np.ceil(sides / self.step).astype(int) + 1)
        self.near, self.share = weights((cloud.points - self.low) / self.step, self.shape)
        self.area = cloud.apart**2
        self.blur = BLUR * cloud.spacing / self.step

    def solve(self, normals: Points) -> Grid:
        """The function that grows along `normals` (N, 3) at the points, smoothed; greatest far outside of a surface
        whose normals look outward."""
        share = self.share * self.area[:, None]
        cells = int(np.prod(self.shape))
        spread = [np.bincount(self.near.ravel(), (share * n[:, None]).ravel(), cells) for n in normals.T]
        return _integrated(np.stack(spread).astype(np.float64).reshape(3, *self.shape), self.blur)

    def at_points(self, grid: Grid) -> NDArray[np.float64]:
        """The values (N,) of a function at the points."""
        return np.asarray((grid.ravel()[self.near] * self.share).sum(axis=1))

    def slopes(self, grid: Grid) -> Points:
        """The gradient (N, 3) of a function at the points, per step."""
        return np.stack([self.at_points(g) for g in np.gradient(grid)], axis=1)

    def outside(self, grid: Grid) -> float:
        """The value far outside."""
        return float(grid[0].mean())

    def surface(self, grid: Grid) -> tuple[Points, Faces]:
        """Where the function has the value that it has at the points on average: a closed surface."""
        level = np.average(self.at_points(grid), weights=self.area)
        # Outside is where the border is: nothing of the surface may touch it.
        values = grid - level
        values[[0, -1]] = values[:, [0, -1]] = values[:, :, [0, -1]] = np.abs(values).max()
        vertices, faces = cut(values)
        return vertices * self.step + self.low, faces


def _integrated(field: NDArray[np.float64], blur: float) -> Grid:
    """The function (X, Y, Z) whose gradient is nearest to a periodic field (3, X, Y, Z) smoothed by a Gaussian of
    `blur` steps."""
    from scipy import fft

    shape = field.shape[1:]
    waves = np.meshgrid(
        *(2 * np.pi * fft.fftfreq(n) for n in shape[:2]), 2 * np.pi * fft.rfftfreq(shape[2]), indexing="ij"
    )
    square = np.sum([w**2 for w in waves], axis=0)
    square[0, 0, 0] = 1
    total = sum(1j * w * fft.rfftn(f) for w, f in zip(waves, field, strict=True))
    return np.asarray(fft.irfftn(-total / square * np.exp(-0.5 * blur**2 * square), s=shape))
