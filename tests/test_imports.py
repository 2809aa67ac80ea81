"""Every package can be the first that a process imports: a worker starts with whichever its work is from."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(
    ".".join(p.parent.relative_to(ROOT).parts)
    for part in ("tasks", "annotation", "schemas")
    for p in (ROOT / part).rglob("__init__.py")
)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_alone(package: str) -> None:
    code = (
        f"import importlib, pkgutil, {package} as p\n"
        f"for m in pkgutil.iter_modules(p.__path__): importlib.import_module(f'{package}.{{m.name}}')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
