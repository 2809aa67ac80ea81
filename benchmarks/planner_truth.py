"""What rays foresee of each frame against the rendered mask, and how long they take for a large mesh.

`ratio` is the share of frames in which the planner and the exact mask agree on whether the defect is visible; the bar
is 0.99. `plan_s` is the time for an orbit of 180 frames around an object of 250,000 triangles, the building of its
search tree included; the bar is 2 seconds. Renders a small data set into build/benchmarks/planner (some minutes, once;
a later run reuses it). --quick renders a third of it.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.report import finish
from schemas.names import CATEGORIES, DEFECT_TYPES
from schemas.recipe import Recipe
from schemas.rows import Reject, Sample, Signal
from tasks.dag import STAGES
from tasks.filming import scenes
from tasks.filming.instances import instances, make
from tasks.filming.survey import draws, look, scene_of
from tasks.meshes import Shape
from tasks.meshes.refine import refine
from tasks.stage import cut, execute
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[1]
REPEATS = 5
TRIANGLES = 250_000


def recipe(quick: bool) -> Recipe:
    """One object of every semantic group, the six defects in turn, places that are hard to see among them."""
    names = [categories[0] for categories in CATEGORIES.values()]
    return Recipe.model_validate(
        {
            "dataset": "planner",
            "seed": 5,
            "objects": [
                {"builtin": name, "normal": 0, "defects": [DEFECT_TYPES[n % len(DEFECT_TYPES)]]}
                for n, name in enumerate(names[:: 3 if quick else 1])
            ],
            "plan": {"mix": {"never": 0.25, "briefly": 0.25, "half": 0.25, "always": 0.25}, "candidates": 3},
            # Only the masks matter: no light is traced further than to the first surface.
            "render": {
                "width": 320, "height": 240, "fps": 8, "samples": 8, "denoise": "off", "bounces": 0,
                "materials": ["matte-plastic"],
            },
        }
    )  # fmt: skip


def filmed(wanted: Recipe) -> Workspace:
    """The data set, surveyed, planned and rendered."""
    workspace = Workspace.create(ROOT / "build" / "benchmarks" / "planner")
    for name in ("survey", "plan", "render"):
        plan = cut(STAGES[name], workspace, wanted)
        for _, shard in plan.todo:
            print(f"{name} {shard.key} ...", flush=True)
            execute(STAGES[name], workspace, wanted, shard)
        workspace.point(name, [ref for ref, _ in plan.shards])
    return workspace


def seconds_for_a_large_mesh() -> tuple[int, float]:
    """Triangles, and the median time to look at them from 180 places at 1920 x 1080."""
    from scipy.spatial import cKDTree

    objects = [{"builtin": "vase0", "normal": 0, "defects": ["bulge"]}]
    wanted = Recipe.model_validate({"dataset": "large", "objects": objects})
    (instance,) = instances(wanted)
    thing = make(instance, wanted, draws(wanted))
    assert thing.label is not None
    vertices, faces, longest = thing.shape.vertices, thing.shape.faces, 0.01
    while len(faces) < TRIANGLES:
        finer = refine(vertices, faces, longest=longest)
        vertices, faces, longest = finer.vertices, finer.faces, longest * 0.9
    label = thing.label[cKDTree(thing.shape.vertices).query(vertices)[1]]
    shape, scene = Shape(vertices, faces.astype(np.int32)), scene_of(instance, wanted)
    orbit = scenes.orbit(scene, vertices, wanted.render)
    taken = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        look(shape, label, scene, orbit, wanted)
        taken.append(time.perf_counter() - start)
    return len(faces), statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    wanted = recipe(parser.parse_args().quick)
    triangles, taken = seconds_for_a_large_mesh()
    workspace = filmed(wanted)
    series = {(s.sample, s.name): np.array(s.values) for s in workspace.rows(Signal)}
    rows: list[dict[str, Any]] = []
    frames = agreed = 0
    errors = []
    for sample in workspace.rows(Sample):
        exact, planned = series[sample.id, "mask_pixels"], series[sample.id, "planned_pixels"]
        same = (exact >= wanted.visibility.min_pixels) == (planned >= wanted.visibility.min_pixels)
        frames, agreed = frames + len(same), agreed + int(same.sum())
        large = exact >= wanted.visibility.min_pixels
        errors += (np.abs(planned - exact)[large] / exact[large]).tolist()
        rows.append(
            {
                "instance": sample.instance,
                "clip": sample.clip,
                "view": str(sample.view),
                "frames": len(same),
                "disagree": int((~same).sum()),
                "most pixels": float(exact.max()),
                "planned": float(planned.max()),
            }
        )
    for reject in workspace.rows(Reject):
        print(f"left out: {reject.item}: {reject.reason}")
    finish(
        "planner_truth", agreed / frames, rows, frames=frames, wrong=frames - agreed, clips=len(rows),
        median_area_error=round(statistics.median(errors), 4), triangles=triangles, plan_s=round(taken, 3),
    )  # fmt: skip


if __name__ == "__main__":
    main()
