"""Whose fault an error is: what the content of a file makes stumble is the file's, everything else is not."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from schemas.errors import BadInput, DefectoryError
from tasks import meshes
from tasks.meshes import faults, load

RAISED = [
    # what reading a file raises, what the refusal says
    (ValueError("slice step\ncannot be zero"), "cannot be used (ValueError: slice step cannot be zero)"),
    (IndexError("index 9 is out of bounds"), "cannot be used (IndexError: index 9 is out of bounds)"),
    (np.linalg.LinAlgError("SVD did not converge"), "cannot be used (LinAlgError: SVD did not converge)"),
    (ZeroDivisionError("float division by zero"), "cannot be used (ZeroDivisionError"),
    (MemoryError(), "cannot be used (MemoryError"),
    (PermissionError(13, "Permission denied"), "cannot be opened (Permission denied); check that it may be read"),
    (IsADirectoryError(21, "Is a directory"), "cannot be opened (Is a directory)"),
]


@faults.of_the_file
def read(path: Path, error: Exception) -> None:
    raise error


@pytest.mark.parametrize(("error", "says"), RAISED, ids=[type(r[0]).__name__ for r in RAISED])
def test_what_a_file_makes_stumble_is_said_of_that_file(error: Exception, says: str) -> None:
    with pytest.raises(BadInput) as refusal:
        read(Path("folder/part.stl"), error)
    assert str(refusal.value).startswith(f"part.stl: {says}")
    assert "\n" not in str(refusal.value)
    assert refusal.value.__cause__ is error, "--debug shows where"


@pytest.mark.parametrize("error", [TypeError("a bug"), NameError("a bug"), BadInput("said"), DefectoryError("changed")])
def test_what_no_file_can_cause_goes_through_as_it_is(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        read(Path("part.stl"), error)
    assert raised.value is error


def test_a_mesh_that_nobody_thought_of_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def repaired(*_: object) -> None:
        np.concatenate([])

    monkeypatch.setattr(meshes, "repaired", repaired)
    trimesh.creation.box().export(tmp_path / "odd.stl")
    with pytest.raises(BadInput, match=r"^odd\.stl: cannot be used \(ValueError: need at least one array"):
        load(tmp_path / "odd.stl")
