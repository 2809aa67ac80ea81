"""Our worker with Blender's own defaults for Cycles in place of ours: what a scene costs without thinking.

The job's samples, bounces and denoiser are kept. With a denoiser, sampling is adaptive with Blender's threshold of
0.01; without one, every pixel gets all samples. Runs inside Blender's Python.
"""

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "blender"))

import worker


def defaults(scene: Any, job: dict[str, Any]) -> None:
    scene.render.use_persistent_data = False
    scene.world.cycles.sampling_method = "AUTOMATIC"
    cycles = scene.cycles
    for setting in cycles.bl_rna.properties:
        if setting.identifier != "device" and not setting.is_readonly:
            cycles.property_unset(setting.identifier)
    cycles.samples, cycles.max_bounces, cycles.seed = job["samples"], job["bounces"], job["seed"]
    cycles.use_denoising = cycles.use_adaptive_sampling = job["denoise"] != "off"


def start_blender(threads: int) -> Any:
    bpy = ours(threads)
    import exposure

    settle = exposure.settle

    def settled(scene: Any, job: dict[str, Any]) -> float:
        stops = settle(scene, job)  # by our own settings, or the pictures would differ in brightness
        defaults(scene, job)
        return float(stops)

    exposure.settle = settled
    return bpy


ours, worker.start_blender = worker.start_blender, start_blender

if __name__ == "__main__":
    code = worker.main()
    sys.stdout.flush()
    os._exit(code)
