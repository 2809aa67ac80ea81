"""The worker's own promises that need no Blender: whole files, resuming, exit codes."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from pytest import MonkeyPatch

from tasks.filming import blender


def worker(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(blender.WORKER), *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def job(folder: Path) -> Path:
    plain = blender.Job(
        mesh="mesh.npz", mesh_sha256="", scene={}, cameras=[[0.0, 0.0, 1.0]] * 2, look_at=[0.0, 0.0, 0.0],
        focal_mm=50.0, width=32, height=32, samples=1, denoise="off", bounces=1, device="cpu", seed=1, mask=False,
        threads=1, max_frames=9,
    )  # fmt: skip
    (folder / "job.json").write_text(json.dumps(dataclasses.asdict(plain)))
    return folder / "job.json"


def test_a_finished_job_ends_well_without_starting_blender(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for n in range(2):
        (tmp_path / "frames" / f"{n:05d}.png").write_bytes(b"there")
    done = worker(str(job(tmp_path)), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "")
    assert [p.read_bytes() for p in sorted((tmp_path / "frames").iterdir())] == [b"there", b"there"]


def test_wrong_calls_have_an_exit_code_of_their_own(tmp_path: Path) -> None:
    assert worker(cwd=tmp_path).returncode == 64
    done = worker("none.json", cwd=tmp_path)
    assert done.returncode == 1 and "none.json" in done.stdout


def test_both_sides_agree_on_the_exit_codes(monkeypatch: MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(blender.WORKER.parent))
    import worker as theirs

    for code in ("BAD_JOB", "NO_DEVICE", "DISK_FULL"):
        assert getattr(theirs, code) == getattr(blender, code)


def test_frames_tell_every_kind_of_device_that_made_some_of_them(tmp_path: Path, monkeypatch: MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(blender.WORKER.parent))
    import worker as theirs

    by = tmp_path / "by.txt"
    for kind, words in (("optix", "5.0.1 optix"), ("optix", "5.0.1 optix"), ("cpu", "5.0.1 cpu, 5.0.1 optix")):
        theirs.sign(by, f"5.0.1 {kind}")
        assert by.read_text() == words


@pytest.mark.parametrize("cut", [0, 1, 4, 12, 60])
def test_a_picture_is_whole_only_to_its_last_byte(tmp_path: Path, monkeypatch: MonkeyPatch, cut: int) -> None:
    monkeypatch.syspath_prepend(str(blender.WORKER.parent))
    import worker as theirs

    file = tmp_path / "picture.png"
    cv2.imwrite(str(file), np.random.default_rng(1).integers(0, 255, (16, 16, 3), np.uint8))
    file.write_bytes(file.read_bytes()[: file.stat().st_size - cut])
    assert theirs.whole(file) == (cut == 0)
    assert not theirs.whole(tmp_path / "missing.png")
