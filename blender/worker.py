"""Renders one job: `python blender/worker.py job.json`, or `blender -b -P blender/worker.py -- job.json`.

The job file says everything; file names in it are relative to it. Frames come out as
`<output>/<number>.png` (8-bit RGB, view transform applied) beside `<number>.mask.png` (8-bit grey,
255 = the defect covers the whole pixel) and, for a pair of two renders, `<number>.marked.png`. The
picture comes last, and each under a temporary name until it is whole: a frame that exists is done, and
is never rendered again. `<output>/by.txt` says which Blender on which kind of device made them. Standard
output gets one JSON line per frame.

Exit codes: 0 all frames done or `max_frames` rendered; 2 the job cannot be rendered; 4 its device is not
there; 28 the disk is full; 3 the parent is gone; 64 a wrong call; any other: Blender failed.
"""

import os

PARENT = os.getppid()  # before bpy's long import, in which the parent may die already

import json  # noqa: E402
import shutil  # noqa: E402
import signal  # noqa: E402
import sys  # noqa: E402
import threading  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

BAD_JOB, PARENT_GONE, NO_DEVICE, DISK_FULL, WRONG_CALL = 2, 3, 4, 28, 64
FRAME_BYTES = 80
"""Of a pixel, at most."""
PNG_END = b"IEND\xaeB`\x82"


def watch_parent() -> None:
    """Ends this process soon after its parent, even in the middle of a long frame."""
    while os.getppid() == PARENT:
        time.sleep(1.0)
    os._exit(PARENT_GONE)


def start_blender(threads: int) -> Any:
    """Import bpy so that its thread pool has no more than `threads` threads.

    Blender sizes the pool by the cores that the process may use when it starts, and surplus threads of
    the pool spin instead of sleeping: with one render thread that doubles the CPU time of a frame. So
    the process may use only so many cores during the import, and all of them again afterwards.
    """
    if not hasattr(os, "sched_setaffinity"):
        import bpy

        return bpy
    allowed = sorted(os.sched_getaffinity(0))
    first = os.getpid() % len(allowed)
    os.sched_setaffinity(0, [allowed[(first + n) % len(allowed)] for n in range(min(threads, len(allowed)))])
    import bpy

    for thread in Path("/proc/self/task").iterdir():
        os.sched_setaffinity(int(thread.name), allowed)
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # or an interrupt would wait for the frame to end
    return bpy


def say(**values: Any) -> None:
    print(json.dumps(values), flush=True)


def whole(path: Path) -> bool:
    """Whether a PNG is there to its last chunk; a full disk leaves less."""
    try:
        with open(path, "rb") as f:
            f.seek(-len(PNG_END), os.SEEK_END)
            return f.read() == PNG_END
    except OSError:
        return False


def full(folder: Path, job: dict[str, Any]) -> bool:
    """Whether the disk has no room for another frame: all its passes lie there for a while (see nearer.py)."""
    return shutil.disk_usage(folder).free < FRAME_BYTES * job["width"] * job["height"]


def render(job: dict[str, Any], folder: Path) -> int:
    output = folder / job["output"]
    output.mkdir(parents=True, exist_ok=True)
    todo = [n for n in range(len(job["cameras"])) if not (output / f"{n:05d}.png").exists()][: job["max_frames"]]
    if not todo:
        return 0
    bpy = start_blender(job["threads"])
    import baking
    import devices
    import exposure
    import outputs
    import scene as scenery

    started = time.perf_counter()
    try:
        scene = scenery.build(job, folder)
        outputs.prepare(scene, job)  # before the first render: a pass that is added later stays empty
        exposure.settle(scene, job)
        baking.bake(scene, job, folder)
    except devices.NoDevice as e:
        say(error=str(e))
        return NO_DEVICE
    except ValueError as e:
        say(error=str(e))
        return BAD_JOB
    kind, device = devices.used(scene)
    sign(output / "by.txt", f"{bpy.app.version_string} {kind}")
    say(blender=bpy.app.version_string, device=device, build_s=round(time.perf_counter() - started, 3))
    for number in todo:
        wall, cpu = time.perf_counter(), time.process_time()
        if full(output, job):
            say(error=f"{output.name}: No space left on device")
            return DISK_FULL
        scenery.aim(scene, job["cameras"][number], job["look_at"])
        made = outputs.render(scene, job, output)
        for temporary in made.values():
            if not whole(temporary):
                no_room = full(folder, job)
                say(error=f"{temporary.name}: not written whole" + (": No space left on device" if no_room else ""))
                return DISK_FULL if no_room else 1
        for suffix, temporary in made.items():
            os.replace(temporary, output / f"{number:05d}{suffix}")
        say(
            frame=number,
            wall_s=round(time.perf_counter() - wall, 3),
            cpu_s=round(time.process_time() - cpu, 3),
        )
    return 0


def sign(path: Path, by: str) -> None:
    """Add what is about to render to what rendered before it, on this machine or another."""
    before = path.read_text().split(", ") if path.exists() else []
    path.write_text(", ".join(sorted({*before, by})))


def main() -> int:
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else sys.argv[1:]
    if len(arguments) != 1:
        print("usage: python blender/worker.py job.json", file=sys.stderr)
        return WRONG_CALL
    threading.Thread(target=watch_parent, daemon=True).start()
    path = Path(arguments[0]).resolve()
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    try:
        job = json.loads(path.read_text())
        return render(job, path.parent)
    except OSError as e:
        say(error=str(e))
        return DISK_FULL if e.errno == DISK_FULL else 1
    except RuntimeError as e:  # what Blender says of a file that it could not write
        if not full(path.parent, job):
            raise
        say(error=f"{' '.join(str(e).split())}: No space left on device")
        return DISK_FULL


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    # Blender's own clean-up at exit can crash or hang; everything is written by now.
    os._exit(code)
