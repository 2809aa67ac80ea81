"""Writes the contact sheets of everything built in: `python -m docs.contact_sheets [NAME ...]`.

objects, defects, materials, environments; all of them by default (some forty minutes on two cores). One frame per
picture, each rendered in a scene that the project's own code chose: what is seen here is what a build films, the light
baked for a whole orbit included. The pictures are kept in build/contact_sheets, so that a second call renders only what
changed in the recipe of a picture; remove the folder after a change of the renderer.
"""

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from schemas.digests import digest
from schemas.names import CATEGORIES, DEFECT_TYPES, ENVIRONMENTS, MATERIALS
from schemas.recipe import Recipe
from tasks.contact_sheet import sheet
from tasks.filming import blender, scenes
from tasks.filming.instances import instances, make
from tasks.filming.render import job, marked
from tasks.filming.survey import draws, look, scene_of

HERE = Path(__file__).parent
KEPT = HERE.parent / "build" / "contact_sheets"
MOST_BYTES = 290_000
Shot = tuple[partial[tuple[np.ndarray, ...]], tuple[str, ...]]
"""Films pictures (H, W, 3) RGB, and what stands under each of them."""


def film(seed: int = 0, defect: str | None = None, builtin: str = "vase0", **render: Any) -> tuple[np.ndarray, ...]:
    """One frame of one instance: the picture and, with a defect, the marked picture, where most of it is seen.

    Without a defect, every picture is taken from the same side.
    """
    recipe = Recipe.model_validate(
        {
            "dataset": "sheet",
            "seed": seed,
            "objects": [{"builtin": builtin, "normal": int(defect is None), "defects": [defect] if defect else []}],
            "render": {"width": 480, "height": 360, "samples": 16, "fps": 12, "exposure_ev": [0, 0]} | render,
        }
    )
    (instance,) = instances(recipe)
    thing = make(instance, recipe, draws(recipe))
    scene = scene_of(instance, recipe)
    if defect is None:
        scene = replace(scene, yaw=0.0, start=-50.0, elevation=22.0, material_seed=4, floor_seed=4, sky_turn=30.0)
    orbit = scenes.orbit(scene, thing.shape.vertices, recipe.render)
    best = 0 if thing.label is None else int(look(thing.shape, thing.label, scene, orbit, recipe).pixels.argmax())
    folder = KEPT / digest(recipe)
    folder.mkdir(parents=True, exist_ok=True)
    wanted = job(thing, scene, replace(orbit, cameras=orbit.cameras[best : best + 1]), recipe.render, folder, seed=seed)
    frames = blender.run(wanted, folder)
    picture = frames.picture(0)
    return (picture,) if thing.label is None else (picture, marked(picture, frames.mask(0)))


def objects() -> Iterator[Shot]:
    """All 48 categories in the same plain surroundings."""
    for names in CATEGORIES.values():
        for name in names:
            yield partial(film, builtin=name, materials=["terracotta"], environments=["interior-planks"]), (name,)


DEFECTIVE = {
    "crack": "bowl0",
    "scratch": "bottle0",
    "concavity": "jar0",
    "bulge": "vase0",
    "broken": "cup0",
    "hole": "cup2",
}


def defects() -> Iterator[Shot]:
    """Every type in its best frame at 1080p, as filmed and marked."""
    for defect in DEFECT_TYPES:
        filmed = partial(
            film, 3, defect, DEFECTIVE[defect], width=1920, height=1080, samples=8, materials=["matte-plastic"],
            environments=["courtyard-tiles"],
        )  # fmt: skip
        yield filmed, (defect, f"{defect}, marked")


def materials() -> Iterator[Shot]:
    for names in MATERIALS.values():
        for name in names:
            yield partial(film, builtin="cup0", materials=[name], environments=["city-concrete"]), (name,)


def environments() -> Iterator[Shot]:
    for name in ENVIRONMENTS:
        yield partial(film, builtin="vase0", materials=["porcelain"], environments=[name]), (name,)


SHEETS = {objects: (8, 240), defects: (4, 470), materials: (7, 240), environments: (5, 320)}
"""Columns, and the width of a picture in pixels."""


def write(picture: np.ndarray, target: Path) -> None:
    """As a JPEG of the best quality that stays below `MOST_BYTES`."""
    for quality in range(90, 30, -4):
        _, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
        if len(data) <= MOST_BYTES:
            break
    target.write_bytes(data.tobytes())


if __name__ == "__main__":
    asked = sys.argv[1:]
    if unknown := set(asked) - {s.__name__ for s in SHEETS}:
        sys.exit(f"{', '.join(sorted(unknown))}: no such sheet; there are {', '.join(s.__name__ for s in SHEETS)}")
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for shots, (columns, width) in SHEETS.items():
            if not asked or shots.__name__ in asked:
                films, names = zip(*shots(), strict=True)
                tiles = (
                    tile
                    for pictures, under in zip(pool.map(lambda filmed: filmed(), films), names, strict=True)
                    for tile in zip(pictures, under, strict=True)
                )
                write(sheet(tiles, columns=columns, cell_width=width), HERE / f"{shots.__name__}.jpg")
                print(f"docs/{shots.__name__}.jpg", flush=True)
