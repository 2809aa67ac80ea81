"""Intervals from the encoded H.264 pair against the exact mask: every material, floor and type of defect.

`ratio` is the frame-wise F1 over all clips, of the intervals found against those that the exact mask makes by the same
rules; `frames_f1` is against the mask's frames as they are, without gaps closed and short spans dropped. The bars are
0.995, at least 95 % of the interval boundaries exactly right and all of them within one frame. One orbit per material,
three clips each, rendered into build/benchmarks/visibility (half an hour or so, once; a later run reuses it). --quick
renders fewer and smaller; --workspace measures one that is there already.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.report import finish
from schemas.names import DEFECT_TYPES, ENVIRONMENTS, MATERIALS
from schemas.recipe import Recipe
from schemas.rows import Annotation, Interval, Sample, Signal
from tasks.dag import STAGES, order
from tasks.stage import cut, execute
from tasks.visibility import agreement, f1, frames_of, intervals
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[1] / "build" / "benchmarks" / "visibility"
OBJECTS = ("vase0", "cup0", "bowl0", "bottle0", "jar0", "eraser0", "helmet0", "cap0", "tap0", "bucket0")


def recipes(quick: bool) -> Iterator[Recipe]:
    """One orbit per material, with defects, environments and objects in turn."""
    names = [name for group in MATERIALS.values() for name in group]
    for n, material in enumerate(names[::4] if quick else names):
        yield Recipe.model_validate(
            {
                "dataset": f"truth-{material}",
                "seed": n,
                "objects": [
                    {
                        "builtin": OBJECTS[n % len(OBJECTS)],
                        "normal": 0,
                        "defects": [DEFECT_TYPES[n % len(DEFECT_TYPES)]],
                    }
                ],
                "render": {
                    "width": 240 if quick else 360,
                    "height": 180 if quick else 270,
                    "fps": 8 if quick else 12,  # from 70 frames on an orbit of this size has its light baked, as usual
                    "materials": [material],
                    "environments": [list(ENVIRONMENTS)[n % len(ENVIRONMENTS)]],
                },
                "visibility": {"min_pixels": 16},
                "plan": {"min_best_px": 16},
            }
        )


def built(recipe: Recipe, root: Path) -> Workspace:
    """The workspace with everything up to the intervals."""
    workspace = Workspace.create(root)
    names = order(recipe)
    for name in names[: names.index("visibility") + 1]:
        plan = cut(STAGES[name], workspace, recipe)
        for _, shard in plan.todo:
            print(f"{name} {recipe.dataset} {shard.key} ...", flush=True)
            execute(STAGES[name], workspace, recipe, shard)
        workspace.point(name, [ref for ref, _ in plan.shards])
    return workspace


@dataclass(frozen=True)
class Clip:
    sample: Sample
    exact: list[Interval]
    found: list[Interval]
    counts: dict[str, int]
    raw: dict[str, int]
    """Against the frames in which the mask is large enough, whatever its intervals."""
    misses: list[int]
    """Frames between each exact boundary and the nearest one found; the clip's length where there is none."""
    area_error: float


def clips(workspace: Workspace, recipe: Recipe) -> Iterator[Clip]:
    want = recipe.visibility
    samples = {s.id: s for s in workspace.rows(Sample, workspace.current("render"))}
    series = {(s.sample, s.name): np.array(s.values) for s in workspace.rows(Signal)}
    for a in workspace.rows(Annotation, workspace.current("visibility")):
        if (a.sample, "mask_pixels") not in series:
            continue
        area, seen = series[a.sample, "mask_pixels"], series[a.sample, "visible_pixels"]
        exact = intervals(area >= want.min_pixels, want.min_frames, want.close_gap)
        found = a.intervals or []
        yield Clip(
            samples[a.sample], exact, found,
            agreement(frames_of(found, len(area)), frames_of(exact, len(area))),
            agreement(frames_of(found, len(area)), area >= want.min_pixels),
            misses(exact, found, len(area)), float(np.abs(area - seen).max()),
        )  # fmt: skip


def misses(exact: list[Interval], found: list[Interval], frames: int) -> list[int]:
    """How far from each exact start and end the nearest found one lies, and from each found one the nearest exact."""
    far: list[int] = []
    for side in ("start_frame", "end_frame"):
        there, here = ([getattr(i, side) for i in spans] for spans in (exact, found))
        far += [min((abs(t - h) for h in here), default=frames) for t in there]
        far += [d for h in here if (d := min((abs(t - h) for t in there), default=frames)) > 1]
    return far


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workspace", type=Path, help="a finished workspace to measure instead")
    options = parser.parse_args()
    if options.workspace:
        workspace = Workspace.open(options.workspace)
        measured = list(clips(workspace, workspace.recipe()))
    else:
        root = ROOT / ("quick" if options.quick else "full")
        measured = [c for r in recipes(options.quick) for c in clips(built(r, root / r.dataset), r)]

    names = ("tp", "fp", "fn", "tn")
    total = {name: sum(c.counts[name] for c in measured) for name in names}
    raw = {name: sum(c.raw[name] for c in measured) for name in names}
    far = np.array([d for c in measured for d in c.misses])
    rows = [
        {
            "instance": c.sample.instance,
            "material": c.sample.material,
            "environment": c.sample.environment,
            "clip": c.sample.clip,
            "exact": " ".join(f"[{i.start_frame},{i.end_frame})" for i in c.exact) or "none",
            "found": " ".join(f"[{i.start_frame},{i.end_frame})" for i in c.found) or "none",
            "F1": f1(c.counts),
            "area error, px": c.area_error,
        }
        for c in measured
    ]
    finish(
        "visibility_truth", f1(total), rows, clips=len(measured), frames=sum(total.values()),
        wrong=total["fp"] + total["fn"], frames_f1=round(f1(raw), 4), boundaries=len(far),
        boundaries_exact=round(float((far == 0).mean()), 4),
        worst_boundary=int(far.max(initial=0)),
        **{what: len({getattr(c.sample, what) for c in measured}) for what in ("material", "floor", "defect")},
    )  # fmt: skip


if __name__ == "__main__":
    main()
