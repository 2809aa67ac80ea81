"""The command line as a user runs it: a process of its own, in a folder of its own, with a clean environment."""

import glob
import itertools
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

RECIPE = """
dataset: tiny
seed: 5
objects:
  - {builtin: bowl0, normal: 1, defects: [bulge]}
  - {builtin: eraser0, normal: 0, defects: [hole]}
  - {mesh: broken.stl, category: part}
render: {width: 128, height: 96, fps: 3, samples: 1, environments: [studio-epoxy]}
plan: {min_best_px: 8}
visibility: {min_pixels: 4, min_frames: 1}
"""

PATIENCE_S = 600
"""Of a wait for something that comes in seconds: a busy machine must not fail a test."""

_PORTS = itertools.count(10_240 + os.getpid() * 32 % 20_000)


def free_port() -> int:
    """A free port, never the same: other test processes search elsewhere, and outgoing connections use higher ones."""
    for port in _PORTS:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("counting never ends")


def project(folder: Path) -> Path:
    """A folder with a recipe of three good instances and a broken mesh file."""
    (folder / "recipe.yaml").write_text(RECIPE)
    (folder / "broken.stl").write_bytes(b"solid nothing\nendsolid nothing\n")
    return folder


def environment(home: Path, **extra: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("PREFECT_", "LABEL_STUDIO_", "DEFECTORY_"))}
    return {**kept, "PREFECT_HOME": str(home / "prefect"), "DEFECTORY_HOME": str(home / "services"), **extra}


def defectory(home: Path, *arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(Path(sys.executable).parent / "defectory"), *arguments],
        cwd=home, env=environment(home, **extra), capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip


def start(home: Path, *arguments: str, **extra: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [str(Path(sys.executable).parent / "defectory"), *arguments],
        cwd=home, env=environment(home, **extra), start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def there(workspace: Path, pattern: str) -> list[str]:
    """The files of a workspace that match, while somebody else makes and removes some."""
    return glob.glob(pattern, root_dir=workspace)


def wait_for(condition: Callable[[], object], process: subprocess.Popen[bytes], seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the build ended before the moment to kill it came"
        assert time.monotonic() < end, "the moment to kill the build never came"
        time.sleep(0.02)
