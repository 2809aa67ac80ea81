"""The renderer's settings: Cycles at the least cost that the picture bears (see benchmarks/render_cost.py)."""

from typing import Any

import devices

SKIPPED = 8
"""Samples of the sequence that are left out: Cycles puts the first one into the middle of every pixel, where it says
nothing of the pixel's edges; among eight that costs half a decibel, among four up to two. Eight, because those that
follow them are as even as the first eight would be."""


def engine(scene: Any, job: dict[str, Any]) -> None:
    """Set up Cycles for a job. Raises devices.NoDevice."""
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y, render.resolution_percentage = job["width"], job["height"], 100
    render.use_persistent_data = True
    render.threads_mode, render.threads = "FIXED", job["threads"]
    render.dither_intensity = 0.0
    devices.choose(scene, job["device"])
    sample(scene, 0, job["samples"], job["samples"])
    cycles.seed = job["seed"] % 2**31
    cycles.use_adaptive_sampling = False
    cycles.sampling_pattern = "BLUE_NOISE"  # an error that neighbours do not share is the easiest to remove
    cycles.use_light_tree = False
    cycles.caustics_refractive = False  # reflective ones stay: they are the light that a metal throws on its floor
    cycles.max_bounces = job["bounces"]
    cycles.sample_clamp_indirect = 4.0
    cycles.use_denoising = job["denoise"] != "off"
    if cycles.use_denoising:
        cycles.denoiser = "OPENIMAGEDENOISE"
        cycles.denoising_quality = job["denoise"].upper()
        cycles.denoising_prefilter = "FAST"


def sample(scene: Any, first: int, count: int, total: int) -> None:
    """Take so many samples of a sequence of `total`, from the `first` on; what a sequence is depends on its length."""
    cycles = scene.cycles
    cycles.samples = SKIPPED + total
    cycles.use_sample_subset, cycles.sample_offset, cycles.sample_subset_length = True, SKIPPED + first, count
