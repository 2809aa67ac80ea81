"""The exposure of a job: metered on the object's own pixels before the first frame.

A few tiny pictures from the job's cameras, the floor unseen and the sky transparent, show nothing but the
object as it is lit in its scene. They depend on nothing but the scene, so every process of a job, whichever
frame it starts with, comes to the same exposure.
"""

import tempfile
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from scene import FLOOR, aim
from sky import LUMINANCE

VIEWS = 4
WIDTH = 72
SAMPLES = 2
PLAIN = {
    "samples": SAMPLES, "use_sample_subset": False, "sampling_pattern": "BLUE_NOISE", "use_denoising": False,
    "max_bounces": 3, "seed": 0,
}  # fmt: skip
"""Settings of its own, so that the exposure stays as it is when pictures are sampled otherwise."""
BLOCK = 4
"""Side of the squares of pixels whose mean counts as one reading: a single sample is too noisy for a logarithm."""
MIDDLE = 0.2
"""Scene-linear luminance in the middle of the picture's scale."""
ADAPTATION = 0.55
"""How far the exposure goes to meet a dark or bright object: black rubber stays dark, white porcelain bright."""
BLACK, WHITE = 0.005, 5.5
"""Scene-linear luminances that the view transform (AgX, medium high contrast) shows as 3 and as 250 of 255."""
CLIPPED = 0.35
"""Largest share of the object's pixels that may be black, and that may be white."""
LEAST_SEEN = 0.002
"""Smallest share of the picture that the object may cover in a metered view."""


def settle(scene: Any, job: dict[str, Any]) -> float:
    """Set the view's exposure so that the object comes out `exposure_ev` stops from the middle of the scale.

    Returns it, in stops. Raises ValueError when the object is out of frame in a metered view, or when more
    than `CLIPPED` of its pixels would be black or white.
    """
    readings = np.concatenate(_meter(scene, job))
    level = float(np.log2(np.maximum(readings, BLACK / 64)).mean())
    stops = ADAPTATION * (float(np.log2(MIDDLE)) - level) + job["scene"]["exposure_ev"]
    shown = readings * 2**stops
    for share, fault, way in ((shown < BLACK).mean(), "under", "raise"), ((shown > WHITE).mean(), "over", "lower"):
        if share > CLIPPED:
            raise ValueError(
                f"scene: the object is {fault}-exposed, {share:.0%} of it without detail; {way} render.exposure_ev or "
                f"choose another sky than {Path(job['scene']['sky']).name}"
            )
    scene.view_settings.exposure = stops
    return stops


def _meter(scene: Any, job: dict[str, Any]) -> list[np.ndarray]:
    """Scene-linear luminances of the object, (readings,) float64 per view, from cameras spread over the job's."""
    height = max(1, round(WIDTH * job["height"] / job["width"] / BLOCK)) * BLOCK
    render, cycles, image = scene.render, scene.cycles, scene.render.image_settings
    changes = (
        (render, {"resolution_x": WIDTH, "resolution_y": height, "film_transparent": True, "use_compositing": False}),
        (cycles, PLAIN),
        (image, {"file_format": "OPEN_EXR", "color_mode": "RGBA", "color_depth": "32"}),
        (bpy.data.objects[FLOOR], {"visible_camera": False}),
    )
    before = [(thing, {name: getattr(thing, name) for name in values}) for thing, values in changes]
    cameras = job["cameras"]
    views = sorted({round(n * len(cameras) / VIEWS) % len(cameras) for n in range(VIEWS)})
    with tempfile.TemporaryDirectory() as folder:
        try:
            _set(changes)
            return [_reading(scene, job, Path(folder) / f"{n}.exr", n) for n in views]
        finally:
            _set(before)


def _set(changes: Any) -> None:
    for thing, values in changes:
        for name, value in values.items():
            setattr(thing, name, value)


def _reading(scene: Any, job: dict[str, Any], path: Path, number: int) -> np.ndarray:
    aim(scene, job["cameras"][number], job["look_at"])
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(str(path))
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    bpy.data.images.remove(image)
    squares = pixels.reshape(height // BLOCK, BLOCK, width // BLOCK, BLOCK, 4).astype(np.float64).mean(axis=(1, 3))
    covered = squares[..., 3]
    if covered.mean() < LEAST_SEEN:
        raise ValueError(f"scene: the object is not in frame {number}; it covers {covered.mean():.2%} of the picture")
    seen = covered >= min(0.5, float(covered.max()))
    return np.asarray(squares[seen][:, :3] @ LUMINANCE / covered[seen])
