"""CPU seconds for an annotated frame (unmarked, marked, mask): ours against the two renders of the paper's way.

The baseline renders every frame twice with Blender's defaults for Cycles (up to 1024 samples, noise threshold 0.01,
OIDN high, 12 bounces, no persistent data), the second time with the defect painted red. Ours is what the render stage
does. Both are compared at 640x360 and measured over the scenes of `benchmarks.filming`: another material, environment,
object and defect each. Start-up, building and metering count with their share of an orbit. PSNR and SSIM are those
of our picture against 1024 samples without denoising, Blender's defaults otherwise.

`ratio` is the baseline's mean cost over ours; the bar is 120, at 45 dB and 0.99 on average, no scene under 40 dB.
References and baselines take minutes of CPU each, so they are kept in build/benchmarks/render_cost with the seconds
they took; --fresh renders them again.
"""

import argparse
import json
import re
import resource
import shutil
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.filming import job, render, title
from benchmarks.likeness import psnr, ssim
from benchmarks.report import finish
from schemas.digests import digest
from schemas.filming import Render
from tasks.files import sha256_file
from tasks.filming import blender
from tasks.filming.render import marked

ROOT = Path(__file__).parents[1]
KEPT = ROOT / "build" / "benchmarks" / "render_cost"
COMMON = Path(__file__).with_name("common_worker.py")
VIEWS = 4
"""Of every scene: as many as the exposure is metered on. The first one is compared, the others are timed."""
UNSEEN = {
    "renderer.py", "outputs.py", "worker.py", "devices.py", "baking.py", "relief.py", "gloss.py", "vertices.py",
    "denoising.py", "flooring.py", "nearer.py", "exr.py",
}  # fmt: skip
"""Parts of blender/ without a say in the common renders: those are kept when nothing but these changed."""


@dataclass(frozen=True)
class Cost:
    start: float
    """CPU seconds of a process beside its frames: start-up, building the scene, metering the exposure."""
    frame: float
    """CPU seconds of one frame; the median."""
    before: bool = False
    """Measured by an earlier run."""

    def each(self, orbit: int) -> float:
        """CPU seconds per frame of an orbit of so many frames."""
        return self.start / orbit + self.frame


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="160x90 against fewer samples, three scenes")
    parser.add_argument("--width", type=int, help="of the pictures, 16:9 (640)")
    parser.add_argument("--scenes", type=int, help="how many scenes (6)")
    parser.add_argument("--baseline-scenes", type=int, help="how many of them the baseline is measured on (all)")
    parser.add_argument("--samples", type=int, help="ours, in place of the default of render.samples")
    parser.add_argument("--fresh", action="store_true", help="use nothing that an earlier run kept")
    options = parser.parse_args()
    if options.fresh:
        shutil.rmtree(KEPT, ignore_errors=True)
    width, height, most = (160, 90, 256) if options.quick else (640, 360, 1024)
    if options.width:
        width, height = options.width, options.width * 9 // 16
    count = options.scenes or (3 if options.quick else 6)
    timed = count if options.baseline_scenes is None else min(options.baseline_scenes, count)
    how = {"width": width, "height": height} | ({"samples": options.samples} if options.samples else {})
    rows = [measured(n, render(n, **how), most, n < timed) for n in range(count)]
    compared = rows[:timed]
    ratio = mean(compared, "baseline, s") / mean(compared, "ours, s") if compared else float("nan")
    finish(
        "render_cost",
        ratio,
        rows,
        cpu_s=round(mean(rows, "ours, s"), 3),
        baseline_cpu_s=round(mean(compared, "baseline, s"), 1) if compared else None,
        psnr=round(mean(rows, "PSNR"), 2),
        worst_psnr=round(min(float(r["PSNR"]) for r in rows), 2),
        ssim=round(mean(rows, "SSIM"), 4),
        worst_ssim=round(min(float(r["SSIM"]) for r in rows), 4),
        kept=sum("kept" in str(r["from"]) for r in compared),
    )


def mean(rows: list[dict[str, object]], key: str) -> float:
    return statistics.fmean(float(str(r[key])) for r in rows)


def measured(number: int, want: Render, most: int, timed: bool) -> dict[str, object]:
    """One row of the table."""
    folder = KEPT / "now" / str(number)
    shutil.rmtree(folder, ignore_errors=True)
    wanted = job(number, folder, want, VIEWS)
    frames, cost = rendered(wanted, folder, blender.WORKER)
    started = time.process_time()
    pairs = [marked(frames.picture(n), frames.mask(n)) for n in range(1, VIEWS)]
    marking = (time.process_time() - started) / len(pairs)
    ours = cost.each(want.orbit_frames) + marking
    common = replace(wanted, bounces=12, samples=most, light=0)
    reference, _ = kept(replace(common, denoise="off", mask=False), frames, "reference")
    row: dict[str, object] = {
        "scene": title(wanted),
        "ours, s": ours,
        "PSNR": psnr(frames.picture(0), reference.picture(0)),
        "SSIM": ssim(frames.picture(0), reference.picture(0)),
    }
    if timed:
        _, twice = kept(replace(common, denoise="high", pair="two"), frames, "baseline")
        baseline = twice.each(want.orbit_frames)
        row |= {"baseline, s": baseline, "ratio": baseline / ours, "from": "kept" if twice.before else "now"}
    print({k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    return row


def kept(wanted: blender.Job, ours: blender.Frames, name: str) -> tuple[blender.Frames, Cost]:
    """The first view of a job by the common worker, from an earlier run if there was one."""
    looks = sorted(p for p in (ROOT / "blender").glob("*.py") if p.name not in UNSEEN)
    sources = [sha256_file(p) for p in (*looks, COMMON)]
    mesh = np.load(ours.folder.parent / wanted.mesh)
    content = digest(*(mesh[k].tobytes().hex() for k in sorted(mesh.files)))
    folder = KEPT / f"{name}-{digest(wanted.decisive(), content, ours.by, sources, length=16)}"
    cost = folder / "cost.json"
    if cost.exists():
        return blender.Frames(folder / wanted.output, ours.by), Cost(**json.loads(cost.read_text()), before=True)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / wanted.output).mkdir(parents=True)
    shutil.copy(ours.folder.parent / wanted.mesh, folder)
    for n in range(1, VIEWS):  # the other views count for the exposure, but a frame that exists is not rendered
        shutil.copy(ours.folder / f"{n:05d}.png", folder / wanted.output)
    frames, spent = rendered(wanted, folder, COMMON)
    cost.write_text(json.dumps({"start": spent.start, "frame": spent.frame}))
    return frames, spent


def rendered(wanted: blender.Job, folder: Path, worker: Path) -> tuple[blender.Frames, Cost]:
    """The frames of a job and what they cost. The first one builds trees that the others find: it counts as start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    frames = blender.run(wanted, folder, stall_seconds=7200, worker=worker)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    total = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    log = (folder / "blender.log").read_text()
    each = [json.loads(line)["cpu_s"] for line in re.findall(r"^\{\"frame.*$", log, re.MULTILINE)]
    frame = statistics.median(each[1:] or each)
    return frames, Cost(total - frame * len(each), frame)


if __name__ == "__main__":
    main()
