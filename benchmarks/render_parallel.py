"""All cores at work: two single-threaded Blender workers on two cores, and one worker with two threads.

`ratio` is the frames per second of two workers at once over those of one alone; the bar is 1.7 for this or for
`threads_ratio`, one worker with two threads. Frames are rendered through `tasks.filming.blender`, as the render stage
does; start-up is left out, since a process renders hundreds of frames. The medians of --repeats runs, taken in turn.
"""

import argparse
import json
import re
import shutil
import statistics
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.filming import job, render, title
from benchmarks.report import finish
from tasks.filming import blender

ROOT = Path(__file__).parents[1] / "build" / "benchmarks" / "render_parallel"
SETUPS = (("one worker, one thread", 1, 1), ("two workers, one thread each", 2, 1), ("one worker, two threads", 1, 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="160x90, ten frames, two repeats")
    parser.add_argument("--repeats", type=int)
    options = parser.parse_args()
    width, height, frames = (160, 90, 10) if options.quick else (640, 360, 16)
    repeats = options.repeats or (2 if options.quick else 3)
    want = render(0, width=width, height=height)
    speeds: dict[str, list[float]] = {name: [] for name, _, _ in SETUPS}
    for _ in range(repeats):
        for name, workers, threads in SETUPS:
            folders = [ROOT / str(n) for n in range(workers)]
            shutil.rmtree(ROOT, ignore_errors=True)
            jobs = [job(0, folder, want, frames, threads) for folder in folders]
            with ThreadPoolExecutor(workers) as pool:
                list(pool.map(blender.run, jobs, folders))
            speeds[name].append(sum(speed(folder / "blender.log") for folder in folders))
    medians = {name: statistics.median(of) for name, of in speeds.items()}
    alone, two, threaded = medians.values()
    rows = [{"setup": n, "frames per second": round(s, 3), "ratio": s / alone} for n, s in medians.items()]
    finish("render_parallel", two / alone, rows, threads_ratio=round(threaded / alone, 4), scene=title(jobs[0]))


def speed(log: Path) -> float:
    """Frames per second of a worker after its first frame, which builds trees that the others find."""
    seconds = [json.loads(line)["wall_s"] for line in re.findall(r"^\{\"frame.*$", log.read_text(), re.MULTILINE)]
    return (len(seconds) - 1) / sum(seconds[1:])


if __name__ == "__main__":
    main()
