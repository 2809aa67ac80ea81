"""The parent of a Blender worker, tried on fake workers: Python scripts that fail in all the known ways."""

import dataclasses
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.errors import BadInput, DefectoryError, WorkerError
from tasks.filming import blender

pytestmark = pytest.mark.whole

FRAMES = 5

WRITER = """
    import json, os, signal, sys, time
    from pathlib import Path

    job_file = Path(sys.argv[-1])
    job = json.loads(job_file.read_text())
    out = job_file.parent / job["output"]
    starts = job_file.parent / "starts"
    starts.write_text(str(int(starts.read_text()) + 1) if starts.exists() else "1")
    (out / "by.txt").write_text("9.9 cpu")

    def render(most):
        todo = [n for n in range(len(job["cameras"])) if not (out / f"{n:05d}.png").exists()]
        for n in todo[:most]:
            (out / f"{n:05d}.png").write_text(f"frame {n}")

"""


def job(**values: object) -> blender.Job:
    plain = blender.Job(
        mesh="mesh.npz", mesh_sha256="0" * 64, scene={}, cameras=[[0.0, 0.0, 1.0]] * FRAMES, look_at=[0.0, 0.0, 0.0],
        focal_mm=50.0, width=32, height=32, samples=1, denoise="off", bounces=1, device="cpu", seed=1, mask=False,
        threads=1, max_frames=100,
    )  # fmt: skip
    return dataclasses.replace(plain, **values)  # type: ignore[arg-type]


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("DEFECTORY_BLENDER_PYTHON", sys.executable)

    def write(body: str) -> Path:
        script = tmp_path / "fake_worker.py"
        script.write_text(textwrap.dedent(WRITER) + textwrap.dedent(body))
        return script

    return write


def starts(folder: Path) -> int:
    return int((folder / "starts").read_text())


GOOD = [
    # the worker, how often it has to be started
    ("render(99)", 1),
    ("render(job['max_frames'])", 3),  # max_frames is 2 below
    ("render(1); sys.exit(1)", 5),
    ("render(2); os.kill(os.getpid(), signal.SIGKILL)", 3),
    ("render(3); time.sleep(60)", 2),
]


@pytest.mark.parametrize(("body", "times"), GOOD)
def test_workers_that_die_or_hang_are_started_again_while_they_progress(worker, tmp_path, body, times) -> None:  # type: ignore[no-untyped-def]
    if "sleep" in body:
        body = body.replace("time.sleep(60)", "len(list(out.glob('*.png'))) < 5 and time.sleep(60)")
    frames = blender.run(job(max_frames=2), tmp_path / "work", stall_seconds=3, worker=worker(body))
    assert sorted(p.read_text() for p in frames.folder.glob("*.png")) == [f"frame {n}" for n in range(FRAMES)]
    assert starts(tmp_path / "work") == times
    assert frames.by == "9.9 cpu"


BAD = [
    # the worker, the error, words of the sentence
    ("sys.exit(0)", WorkerError, "exit code 0 at frame 0 of 5: it said nothing"),
    ("print('Segmentation fault'); sys.exit(139)", WorkerError, "exit code 139 at frame 0 of 5: Segmentation fault"),
    ("time.sleep(60)", WorkerError, "finished no frame for 0.5 s and was killed"),
    ("(out / 'note.txt').write_text('busy'); time.sleep(60)", WorkerError, "finished no frame"),
    ("print('write: No space left on device'); sys.exit(1)", DefectoryError, "the disk is full; free some space"),
    ("sys.exit(28)", DefectoryError, "the disk is full"),
    (
        """print(json.dumps({'error': 'environment sky.hdr: not a picture'})); sys.exit(2)""",
        BadInput,
        "environment sky.hdr: not a picture",
    ),
    ("sys.exit(2)", BadInput, "did not say why"),
    (
        """print(json.dumps({'error': 'device optix: there is no such GPU on this machine'})); sys.exit(4)""",
        DefectoryError,
        "render.device optix: there is no such GPU",
    ),
    ("os.kill(os.getpid(), signal.SIGINT)", DefectoryError, "interrupted; run the same command again"),
]


@pytest.mark.parametrize(("body", "error", "words"), BAD)
def test_what_cannot_go_on_is_one_clear_sentence(worker, tmp_path, body, error, words) -> None:  # type: ignore[no-untyped-def]
    body = "signal.signal(signal.SIGINT, signal.SIG_DFL)\n" + body
    with pytest.raises(DefectoryError) as caught:
        blender.run(job(), tmp_path / "work", stall_seconds=0.5, worker=worker(body))
    assert words in str(caught.value)
    assert type(caught.value) is error, "a retry may heal a WorkerError; BadInput is this job's own fault"


def test_finished_frames_survive_a_failure_and_are_not_made_again(worker, tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "work"
    with pytest.raises(WorkerError, match="at frame 3 of 5"):
        blender.run(job(), folder, worker=worker("len(list(out.glob('*.png'))) < 3 and render(3); sys.exit(1)"))
    made = {p: p.stat().st_mtime_ns for p in (folder / "frames").glob("*.png")}
    assert len(made) == 3
    blender.run(job(threads=4, max_frames=7), folder, worker=worker("render(99)"))
    assert made.items() <= {p: p.stat().st_mtime_ns for p in (folder / "frames").glob("*.png")}.items()


def test_frames_of_another_job_are_not_taken(worker, tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "work"
    blender.run(job(), folder, worker=worker("render(99)"))
    blender.run(job(seed=2), folder, worker=worker("render(99)"))
    assert starts(folder) == 2
    blender.run(job(seed=2), folder, worker=worker("render(99)"))
    assert starts(folder) == 2, "a finished job starts nothing"


def test_the_job_file_says_everything(worker, tmp_path) -> None:  # type: ignore[no-untyped-def]
    blender.run(job(), tmp_path / "work", worker=worker("render(99)"))
    assert blender.Job(**json.loads((tmp_path / "work" / "job.json").read_text())) == job()


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_the_real_worker_ends_with_its_parent(tmp_path: Path, end: signal.Signals) -> None:
    """The watch in blender/worker.py, without Blender: a stand-in for bpy that never returns."""
    (tmp_path / "scene.py").write_text("")
    (tmp_path / "bpy.py").write_text("import time, pathlib\npathlib.Path('started').touch()\ntime.sleep(60)\n")
    (tmp_path / "job.json").write_text(json.dumps(dataclasses.asdict(job())))
    parent = tmp_path / "parent.py"
    parent.write_text(f"import subprocess, sys; subprocess.run([sys.executable, {str(blender.WORKER)!r}, 'job.json'])")
    process = subprocess.Popen(
        [sys.executable, str(parent)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    wait_for(lambda: (tmp_path / "started").exists())
    (child,) = (int(p) for p in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    process.send_signal(end)
    process.wait()
    wait_for(lambda: not Path(f"/proc/{child}").exists() or "\nState:\tZ" in Path(f"/proc/{child}/status").read_text())


def wait_for(condition, seconds: float = 20.0) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def test_what_a_worker_leaves_in_its_temporary_folder_goes_with_it(worker, tmp_path) -> None:  # type: ignore[no-untyped-def]
    folder = tmp_path / "work"
    left = folder / "temporary" / "blender_of_a_killed_run"
    left.mkdir(parents=True)
    body = """
        temporary = Path(os.environ["TMPDIR"])
        (job_file.parent / "seen").write_text(" ".join(map(str, (temporary, *temporary.iterdir()))))
        (temporary / "blender_1").mkdir()
        render(2)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    blender.run(job(), folder, worker=worker(body))
    assert starts(folder) == 3
    assert (folder / "seen").read_text() == str(folder / "temporary"), "inside the job's folder, and empty"
    assert not (folder / "temporary").exists()


def test_an_error_in_the_parent_leaves_no_worker_behind(worker, tmp_path) -> None:  # type: ignore[no-untyped-def]
    def interrupted(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        blender.run(job(), tmp_path / "work", worker=worker("time.sleep(60)"), report=interrupted)
    running = [p for p in Path("/proc").glob("[0-9]*/cmdline") if str(tmp_path).encode() in read(p)]
    assert not running


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_the_frames_that_are_done_are_counted(worker, tmp_path) -> None:  # type: ignore[no-untyped-def]
    seen: list[tuple[int, int]] = []
    slow = "for _ in range(5): render(1); time.sleep(0.25)"
    blender.run(job(), tmp_path / "work", worker=worker(slow), report=lambda *done: seen.append(done))
    assert seen == sorted(seen) and seen[-1] == (FRAMES, FRAMES) and len(set(seen)) > 2


def test_a_missing_environment_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEFECTORY_BLENDER_PYTHON", "/nowhere/python")
    with pytest.raises(DefectoryError, match=r"/nowhere/python.*make \.venv-blender"):
        blender.interpreter("")
    monkeypatch.delenv("DEFECTORY_BLENDER_PYTHON")
    monkeypatch.setattr(blender, "ROOT", tmp_path)
    with pytest.raises(DefectoryError, match=r"\.venv-blender: no Blender environment"):
        blender.interpreter("")
    with pytest.raises(DefectoryError, match=r"render\.blender no-such-blender: no such program"):
        blender.interpreter("no-such-blender")


def test_a_blender_executable_gets_its_own_arguments(tmp_path: Path) -> None:
    """`blender` in the recipe: background, factory settings, our script, and the job after the dashes."""
    program = tmp_path / "blender"
    program.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\n'
        f"for n in 0 1 2 3 4; do echo x > {tmp_path}/work/frames/0000$n.png; done\n"
    )
    program.chmod(0o755)
    blender.run(job(), tmp_path / "work", blender=str(program))
    words = (tmp_path / "arguments").read_text().split()
    assert words[0] == "--background" and "--factory-startup" in words
    assert words[words.index("--python") + 1] == str(blender.WORKER)
    assert words[-2:] == ["--", str(tmp_path / "work" / "job.json")]


def test_frames_come_back_as_rgb_and_a_broken_one_is_set_aside(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "00000.png"), np.full((4, 6, 3), (30, 20, 10), np.uint8))  # cv2 writes BGR
    cv2.imwrite(str(tmp_path / "00000.mask.png"), np.full((4, 6), 77, np.uint8))
    cv2.imwrite(str(tmp_path / "00000.marked.png"), np.full((4, 6, 3), (0, 0, 255), np.uint8))
    (tmp_path / "00001.png").write_bytes(b"broken")
    frames = blender.Frames(tmp_path, "5.0 cpu")
    assert (frames.picture(0) == (10, 20, 30)).all() and frames.picture(0).shape == (4, 6, 3)
    assert (frames.marked(0) == (255, 0, 0)).all()
    assert (frames.mask(0) == 77).all() and frames.mask(0).shape == (4, 6)
    with pytest.raises(WorkerError, match=r"00001\.png"):
        frames.picture(1)
    assert not (tmp_path / "00001.png").exists(), "so that the next run renders it"
