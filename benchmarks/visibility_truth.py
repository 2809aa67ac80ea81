"""Intervals from the encoded H.264 pair against the exact mask, frame by frame, on the demo.

`ratio` is the frame-wise F1 over all clips of defective objects; the bar is 0.995. Renders the demo into
build/benchmarks/demo (some minutes, once; a later run reuses it). --quick renders it smaller.
"""

import argparse
from pathlib import Path

from benchmarks.report import finish
from schemas.loading import load
from schemas.rows import Annotation, Sample, Signal
from tasks.dag import STAGES
from tasks.stage import cut, execute
from tasks.visibility import f1
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workspace", type=Path, help="a finished workspace to measure instead")
    options = parser.parse_args()
    smaller = ("render.width=240", "render.height=180", "render.samples=2") if options.quick else ()
    recipe = load(ROOT / "recipes" / "demo.yaml", smaller)
    workspace = Workspace.create(options.workspace or ROOT / "build" / "benchmarks" / "demo")
    if options.workspace:
        recipe = workspace.recipe()
    for name in ("render", "visibility"):
        plan = cut(STAGES[name], workspace, recipe)
        for _, shard in plan.todo:
            print(f"{name} {shard.key} ...", flush=True)
            execute(STAGES[name], workspace, recipe, shard)
        workspace.point(name, [ref for ref, _ in plan.shards])

    samples = {s.id: s for s in workspace.rows(Sample, workspace.current("render"))}
    exact = {s.sample: s.values for s in workspace.rows(Signal) if s.name == "mask_pixels"}
    found = {s.sample: s.values for s in workspace.rows(Signal) if s.name == "visible_pixels"}
    rows, total = [], {"tp": 0.0, "fp": 0.0, "fn": 0.0, "tn": 0.0}
    for a in workspace.rows(Annotation, workspace.current("visibility")):
        if not a.scores:
            continue
        counts = {s.name: s.value for s in a.scores}
        total = {k: total[k] + counts[k] for k in total}
        error = max(abs(x - y) for x, y in zip(exact[a.sample], found[a.sample], strict=True))
        rows.append(
            {
                "instance": samples[a.sample].instance,
                "clip": samples[a.sample].clip,
                "intervals": " ".join(f"[{i.start_frame},{i.end_frame})" for i in a.intervals or []) or "none",
                **{k: int(v) for k, v in counts.items()},
                "F1": f1(counts),
                "largest area error, px": error,
            }
        )
    frames = int(sum(total.values()))
    finish("visibility_truth", f1(total), rows, frames=frames, wrong=int(total["fp"] + total["fn"]), clips=len(rows))


if __name__ == "__main__":
    main()
