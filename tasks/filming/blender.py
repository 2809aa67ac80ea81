"""The parent's side of a Blender worker: start it, watch it, start it again, judge it by what it leaves.

The worker gets a job file and nothing else. A frame that exists is whole (see blender/worker.py), so
whatever ends a worker, the next one goes on with the first frame that is missing.
"""

import dataclasses
import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import BadInput, DefectoryError, WorkerError
from tasks.workspace import write_atomic

ROOT = Path(__file__).resolve().parents[2]
WORKER = ROOT / "blender" / "worker.py"
BAD_JOB, NO_DEVICE, DISK_FULL = 2, 4, 28
"""Exit codes of the worker; 28 is also errno's ENOSPC."""
POLL_SECONDS = 0.1
FRAME = re.compile(r"(\d{5,})\.png")


@dataclass(frozen=True)
class Job:
    """What a worker needs to know. File names are relative to the job file or absolute."""

    mesh: str
    """An .npz of vertices (V, 3), faces (F, 3) and, with `mask`, label (V,)."""
    mesh_sha256: str
    scene: dict[str, Any]
    cameras: list[list[float]]
    look_at: list[float]
    focal_mm: float
    width: int
    height: int
    samples: int
    denoise: str
    bounces: int
    device: str
    """`cpu`, a kind of GPU, or `auto`: the best GPU that is there, else the CPU."""
    seed: int
    mask: bool
    threads: int
    max_frames: int
    pair: str = "one"
    """`two`: a second render of every frame that has a mask, with the defect painted red."""
    light: int = 0
    """Samples per point at which the diffuse light is baked before the first frame; 0: it is traced in every frame."""
    output: str = "frames"

    def decisive(self) -> dict[str, Any]:
        """What the frames depend on: all but how the work is run."""
        return {k: v for k, v in dataclasses.asdict(self).items() if k not in ("threads", "max_frames")}


@dataclass(frozen=True)
class Frames:
    """The finished frames of a job."""

    folder: Path
    by: str
    """What made them: the version of Blender and the kind of device, such as `5.0.1 cpu`."""

    def picture(self, number: int) -> np.ndarray:
        """RGB, (H, W, 3) uint8. Raises WorkerError for an unreadable file, after removing it."""
        import cv2

        return np.ascontiguousarray(self._read(f"{number:05d}.png", cv2.IMREAD_COLOR)[..., ::-1])

    def marked(self, number: int) -> np.ndarray:
        """The second render of a pair, with the defect painted red; RGB, (H, W, 3) uint8."""
        import cv2

        return np.ascontiguousarray(self._read(f"{number:05d}.marked.png", cv2.IMREAD_COLOR)[..., ::-1])

    def mask(self, number: int) -> np.ndarray:
        """Share of each pixel that the visible defect covers, in 255ths, (H, W) uint8."""
        import cv2

        return self._read(f"{number:05d}.mask.png", cv2.IMREAD_GRAYSCALE)

    def _read(self, name: str, how: int) -> np.ndarray:
        import cv2

        path = self.folder / name
        picture = cv2.imread(str(path), how)
        if picture is None:
            (self.folder / f"{name.partition('.')[0]}.png").unlink(missing_ok=True)
            raise WorkerError(f"{name}: a rendered frame that cannot be read; it will be rendered again")
        return np.asarray(picture)


def interpreter(blender: str) -> list[str]:
    """The command that runs a Python file inside Blender: `blender` if given, else the embedded bpy.

    The latter is `$DEFECTORY_BLENDER_PYTHON` or `.venv-blender` beside the project's packages. Raises
    DefectoryError, saying what to do, when it is not there.
    """
    if blender:
        found = shutil.which(os.path.expanduser(blender))
        if found is None:
            raise DefectoryError(
                f"render.blender {blender}: no such program; give a blender executable or leave it out"
            )
        return [found, "--background", "--factory-startup", "--python-exit-code", "1", "--python"]
    named = os.environ.get("DEFECTORY_BLENDER_PYTHON")
    python = Path(named) if named else ROOT / ".venv-blender" / "bin" / "python"
    if not os.access(python, os.X_OK) or python.is_dir():
        where = f"DEFECTORY_BLENDER_PYTHON {python}" if named else f"{python.parent.parent.name}"
        raise DefectoryError(
            f"{where}: no Blender environment there; run `make .venv-blender/.made`, or set DEFECTORY_BLENDER_PYTHON "
            "to a Python that has bpy, or `render.blender` to a blender executable"
        )
    return [str(python)]


def run(
    job: Job,
    folder: Path,
    blender: str = "",
    stall_seconds: float = 300.0,
    worker: Path = WORKER,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> Frames:
    """Render what is missing of a job in `folder`, by as many workers, one after the other, as it takes.

    `report` is told how many of the job's frames are done, now and then. A worker that neither finishes a frame
    nor says a word for `stall_seconds` is killed. Raises WorkerError when a worker ends without having added a
    frame (worth another try), BadInput for a job that cannot be rendered because of what it is made of, and
    DefectoryError for what every job would meet: a device that is not there, a full disk, an interrupt, no Blender.
    """
    command = interpreter(blender)
    path, frames, log = folder / "job.json", folder / job.output, folder / "blender.log"
    if _of_another_job(path, job):
        shutil.rmtree(frames, ignore_errors=True)
    frames.mkdir(parents=True, exist_ok=True)
    write_atomic(path, json.dumps(dataclasses.asdict(job)))
    command += [str(worker), *(["--"] if blender else []), str(path)]
    done = _count(frames)
    while done < len(job.cameras):
        start = log.stat().st_size if log.exists() else 0
        code = _watched(command, frames, log, stall_seconds, lambda n: report(n, len(job.cameras)))
        before, done = done, _count(frames)
        report(done, len(job.cameras))
        said = _said(log, start)
        if code == DISK_FULL or "No space left on device" in said:
            raise DefectoryError(
                f"{folder}: the disk is full; free some space and run the same command again, it continues"
            )
        if code == BAD_JOB:
            raise BadInput(said or "Blender cannot render this, and did not say why")
        if code == NO_DEVICE:
            raise DefectoryError(f"render.{said}")
        if code == -signal.SIGINT:
            raise DefectoryError("rendering was interrupted; run the same command again, it continues")
        if done == before:
            why = (
                f"finished no frame for {stall_seconds:g} s and was killed"
                if code is None
                else f"ended with exit code {code}"
            )
            raise WorkerError(
                f"the Blender worker {why} at frame {done} of {len(job.cameras)}: {said or 'it said nothing'}"
            )
    by = frames / "by.txt"
    return Frames(frames, by.read_text().strip() if by.exists() else "unknown")


def _of_another_job(path: Path, job: Job) -> bool:
    """Whether the folder holds frames of a job that would give other pictures."""
    try:
        old = Job(**json.loads(path.read_text()))
    except FileNotFoundError:
        return False
    except (ValueError, TypeError):
        return True
    return bool(old.decisive() != json.loads(json.dumps(job.decisive())))


def _count(frames: Path) -> int:
    return sum(1 for file in frames.iterdir() if FRAME.fullmatch(file.name))


def _watched(
    command: list[str], frames: Path, log: Path, stall_seconds: float, report: Callable[[int], None]
) -> int | None:
    """Exit code of one worker; None when it had to be killed because it made no progress."""
    # Blender leaves a folder for temporary files behind in every process that does not end by its own clean-up.
    temporary = log.with_name("temporary")
    shutil.rmtree(temporary, ignore_errors=True)  # of a run that was killed
    temporary.mkdir(exist_ok=True)
    environment = os.environ | {"TMPDIR": str(temporary.resolve())}
    with open(log, "ab") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment
        )
    try:
        last, since = (-1, 0), time.monotonic()
        while (code := process.poll()) is None:
            now = (
                _count(frames),
                log.stat().st_size,
            )  # a worker that bakes light has no frames, but says how far it is
            if now != last:
                if now[0] != last[0]:
                    report(now[0])
                last, since = now, time.monotonic()
            elif time.monotonic() - since > stall_seconds:
                return None
            time.sleep(POLL_SECONDS)
        return code
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        shutil.rmtree(temporary, ignore_errors=True)


def _said(log: Path, start: int) -> str:
    """The last words of a worker: its own error if it gave one, else the last lines of its log."""
    with open(log, "rb") as f:
        f.seek(max(start, log.stat().st_size - 8192))
        lines = [line.strip() for line in f.read().decode(errors="replace").splitlines() if line.strip()]
    for line in reversed(lines):
        if line.startswith('{"error"'):
            return str(json.loads(line)["error"])
    return " | ".join(line for line in lines[-4:] if not line.startswith("{"))[-600:]
