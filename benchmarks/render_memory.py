"""Resident memory of one Blender worker over 500 frames at a small size.

`ratio` is the memory after the last frame over that after frame 50, when everything is loaded; flat is 1. The growth
per 100 frames is fitted over all frames after the 50th.
"""

import argparse
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.filming import job, render, title
from benchmarks.report import finish
from tasks.filming import blender

ROOT = Path(__file__).parents[1] / "build" / "benchmarks" / "render_memory"
SETTLED = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="150 frames")
    parser.add_argument("--scene", type=int, default=0, help="number of the scene in benchmarks.filming")
    options = parser.parse_args()
    frames = 150 if options.quick else 500
    shutil.rmtree(ROOT, ignore_errors=True)
    wanted = job(options.scene, ROOT, render(options.scene, width=96, height=54, samples=2, fps=90), frames)
    wanted = replace(wanted, light=1)  # baked, as that of larger pictures: two renders a frame, a picture of the floor
    readings: list[tuple[int, float]] = []
    done = threading.Event()
    watch = threading.Thread(target=read, args=(readings, done))
    watch.start()
    blender.run(wanted, ROOT, report=lambda n, _: readings.append((n, np.nan)))
    done.set()
    watch.join()
    at, memory = settled(readings)
    growth = np.polyfit(at, memory, 1)[0] * 100
    first, last = memory[at <= SETTLED + 10].mean(), memory[at >= frames - 10].mean()
    rows = [
        {"frames": f"{low} to {low + 99}", "resident, MB": float(memory[(at >= low) & (at < low + 100)].mean())}
        for low in range(SETTLED, frames, 100)
        if ((at >= low) & (at < low + 100)).any()
    ]
    finish("render_memory", float(last / first), rows, growth_mb_per_100=round(float(growth), 3), scene=title(wanted))


def read(readings: list[tuple[int, float]], done: threading.Event) -> None:
    """Add the resident memory of the worker, in MB, every tenth of a second."""
    while not done.wait(0.1):
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if str(ROOT / "job.json").encode() in (entry / "cmdline").read_bytes():
                    pages = int((entry / "statm").read_text().split()[1])
                    readings.append((-1, pages * 4096 / 1e6))
            except OSError:
                continue


def settled(readings: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Frame numbers and memories (MB) of the readings after frame `SETTLED`."""
    frame, pairs = 0, []
    for number, memory in readings:
        frame = max(frame, number)
        if number < 0 and frame >= SETTLED:
            pairs.append((frame, memory))
    return np.array([p[0] for p in pairs]), np.array([p[1] for p in pairs])


if __name__ == "__main__":
    main()
