"""Render jobs for benchmarks, made as the render stage makes them: an object, a defect, a scene, an orbit."""

from dataclasses import replace
from itertools import zip_longest
from pathlib import Path

import numpy as np

from schemas.filming import Render
from schemas.names import CATEGORIES, DEFECT_TYPES, ENVIRONMENTS, MATERIALS
from tasks import defects, objects
from tasks.filming import blender, scenes
from tasks.filming.instances import Thing
from tasks.filming.render import job as job_for

INTERLEAVED = [name for turn in zip_longest(*MATERIALS.values()) for name in turn if name]
"""The materials, so that any six that follow each other are of the six groups (as far as they go)."""


def render(number: int, **how: object) -> Render:
    """Settings with one material and one environment: any 28 numbers in a row have all materials, any 14 all
    environments."""
    environment = list(ENVIRONMENTS)[5 * number % len(ENVIRONMENTS)]
    return Render.model_validate(
        {"materials": [INTERLEAVED[number % len(INTERLEAVED)]], "environments": [environment]} | how
    )


def job(number: int, folder: Path, want: Render, frames: int, threads: int = 1) -> blender.Job:
    """The job of `frames` views around scene `number`; its mesh is written into `folder`."""
    names = [group[number // len(CATEGORIES) % len(group)] for group in CATEGORIES.values()]
    rng = np.random.default_rng(number)
    shape = objects.make(names[5 * number % len(names)], rng)
    made = defects.apply(shape, DEFECT_TYPES[number % len(DEFECT_TYPES)], want.defect, rng)
    scene = scenes.choose(rng, want)
    orbit = scenes.orbit(scene, made.shape.vertices, want)
    views = np.arange(frames) * len(orbit.cameras) // frames
    folder.mkdir(parents=True, exist_ok=True)
    return job_for(
        Thing(made.shape, made.label, (), "benchmark"),
        scene,
        replace(orbit, cameras=orbit.cameras[views]),
        want,
        folder,
        seed=number,
        threads=threads,
        max_frames=frames,
    )


def title(job: blender.Job) -> str:
    return f"{job.scene['material']['name']}, {job.scene['environment']}"
