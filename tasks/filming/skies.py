"""What light a sky throws on a surface: irradiance by the surface's normal, from nine numbers.

Diffuse light from far away is a smooth function of the normal: nine spherical harmonics hold it to a few per cent
on average, less well straight under a small bright lamp (Ramamoorthi and Hanrahan, An Efficient Representation for
Irradiance Environment Maps, 2001). The lower half of a sky is hidden by the floor, which is taken as a grey surface
under the upper half.
"""

import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput

Array = NDArray[np.float64]

FLOOR_ALBEDO = 0.3
WIDTH = 1024
"""Wider pictures are reduced to this: nine smooth functions see no finer detail."""
WANTED = "give an equirectangular .hdr or .exr"
LUMINANCE = (0.2126, 0.7152, 0.0722)
SKIES: dict[str, tuple[float, ...]] = {
    "city": (0.5939, -0.1506, 0.3420, 0.2245, -0.1287, -0.2345, 0.2151, 0.3305, 0.0381),
    "courtyard": (1.0335, 0.1416, 0.3420, 0.7245, 0.3338, -0.1208, -0.5181, 0.6210, 0.2304),
    "forest": (0.7007, -0.3030, 0.3420, 0.2348, -0.2055, -0.3404, 0.0191, 0.2008, 0.0885),
    "interior": (0.6536, 0.0623, 0.3420, 0.1780, -0.1495, 0.2194, 0.1293, 0.1615, 0.0942),
    "night": (1.1693, 0.6971, 0.3420, -0.1964, -0.0963, 0.2457, -0.6674, -0.0313, -0.3275),
    "studio": (1.7733, -0.2017, 0.3420, 0.2665, -1.2036, 0.0025, -1.4574, 0.3992, -1.4954),
    "sunrise": (1.4454, -1.0336, 0.3420, 1.3891, -1.7507, -0.3844, -1.0806, 0.5240, 0.5454),
    "sunset": (0.8250, -0.1785, 0.3420, 0.3414, -0.2260, -0.1137, -0.1789, 0.2009, 0.0590),
}
"""Radiance coefficients of Blender's built-in skies, as `python -m tasks.filming.skies FOLDER` prints them."""


def irradiance(coefficients: Array, normals: Array) -> Array:
    """Light (N,) that falls on surfaces with unit `normals` (N, 3); an upward one gets about 1."""
    # A clamped cosine damps the bands 0, 1 and 2 by these factors (equation 8 of the paper).
    bands = np.repeat([np.pi, 2 * np.pi / 3, np.pi / 4], [1, 3, 5])
    return np.asarray(np.maximum(_harmonics(normals) @ (bands * coefficients), 1e-3))


def coefficients(sky: str) -> Array:
    """The nine radiance coefficients of a built-in sky or of an equirectangular .hdr or .exr file, grey or in colour.

    Raises BadInput, in one sentence, for a file that is not such a picture or gives no light.
    """
    if sky in SKIES:
        return np.array(SKIES[sky])
    try:
        about = Path(sky).stat()
    except OSError as e:
        raise BadInput(f"environment {Path(sky).name}: cannot be read ({e.strerror}); {WANTED}") from None
    return _of_file(sky, about.st_mtime_ns, about.st_size).copy()


@lru_cache(maxsize=64)
def _of_file(sky: str, mtime_ns: int, size: int) -> Array:
    """Of the file as it was at a time: every orbit of every instance asks for its sky, and a large one takes long."""
    import cv2

    # OpenCV reads OpenEXR only where it is told to; the setting is looked up when the first such file is read.
    os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
    name = Path(sky).name
    try:
        picture = cv2.imread(sky, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        picture = None
    if picture is None:
        raise BadInput(f"environment {name}: cannot be read as a picture; {WANTED}")
    height, width = picture.shape[:2]
    if width > WIDTH:  # every pixel the mean of those it stands for: a small sun throws as much light as before
        picture = cv2.resize(picture, (WIDTH, max(1, round(height * WIDTH / width))), interpolation=cv2.INTER_AREA)
    if picture.ndim == 2:
        picture = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    return projected(picture[..., 2::-1].astype(np.float64), name)


def projected(picture: Array, name: str) -> Array:
    """Coefficients (9,) of a picture (H, W, 3) of radiance, RGB, zenith in the first row, as Blender turns it.

    Scaled so that a level surface gets an irradiance of about 1. Raises BadInput when no light comes from above.
    """
    height, width, _ = picture.shape
    polar = (np.arange(height) + 0.5) / height * np.pi
    azimuth = (0.5 - (np.arange(width) + 0.5) / width) * 2 * np.pi
    radiance = picture @ np.array(LUMINANCE)
    solid = np.sin(polar)[:, None] * (np.pi / height) * (2 * np.pi / width)
    up = np.cos(polar)[:, None]
    level = float((radiance * solid * np.maximum(up, 0)).sum())
    if not np.isfinite(level) or level <= 0:
        raise BadInput(f"environment {name}: gives no light from above; {WANTED}")
    lit = np.where(up > 0, radiance, FLOOR_ALBEDO * level / np.pi) / level
    ring, rise = np.sin(polar)[:, None], np.broadcast_to(up, radiance.shape)
    towards = np.stack([ring * np.cos(azimuth), ring * np.sin(azimuth), rise], axis=-1)
    return np.asarray(np.tensordot(lit * solid, _harmonics(towards), axes=([0, 1], [0, 1])))


def _harmonics(towards: Array) -> Array:
    """The first nine real spherical harmonics (…, 9) of unit vectors (…, 3)."""
    x, y, z = np.moveaxis(towards, -1, 0)
    terms = (
        0.282095 * np.ones_like(x),
        0.488603 * y, 0.488603 * z, 0.488603 * x,
        1.092548 * x * y, 1.092548 * y * z, 0.315392 * (3 * z * z - 1), 1.092548 * x * z, 0.546274 * (x * x - y * y),
    )  # fmt: skip
    return np.stack(terms, axis=-1)


def main(folder: Path) -> None:
    """Print the table of the skies in `folder`: `studiolights/world` among the data files of Blender."""
    for path in sorted(folder.glob("*.exr")):
        print(f'    "{path.stem}": ({", ".join(f"{c:.4f}" for c in coefficients(str(path)))}),')


if __name__ == "__main__":
    import sys

    main(Path(sys.argv[1]))
