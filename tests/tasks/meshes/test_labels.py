"""Labels that come with a mesh: carried over exactly, or refused in one sentence."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from schemas.errors import BadInput
from tasks.defects.measure import area_pct
from tasks.meshes import Shape, files, labels, load


def ball() -> trimesh.Trimesh:
    """Radius 10, centred far from the origin, in large triangles: a file as it comes."""
    mesh = trimesh.creation.icosphere(subdivisions=3, radius=10.0)
    mesh.apply_translation([100, 50, -20])
    return mesh


CAP = 9.0
"""Height above the centre from which the ball is labelled: a disc of 5 % of its surface."""


@lru_cache
def points(count: int = 8000) -> np.ndarray:
    """Rows of x, y, z, label on the ball."""
    direction = np.random.default_rng(1).normal(size=(count, 3))
    at = 10 * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    return np.column_stack([at + np.array([100, 50, -20]), at[:, 2] > CAP])


def written(folder: Path, rows: np.ndarray, separator: str = ",") -> Path:
    file = folder / "ball.txt"
    file.write_text("\n".join(separator.join(f"{v:.9g}" for v in row) for row in np.atleast_2d(rows)))
    return file


def mesh_file(folder: Path, kind: str = "obj") -> Path:
    file = folder / f"ball.{kind}"
    made = ball().export(file_type=kind)
    file.write_bytes(made if isinstance(made, bytes) else made.encode())
    return file


def carried(text: Path, mesh: Path) -> tuple[Shape, np.ndarray]:
    loaded = load(mesh)
    said = labels.read(text, mesh)
    return labels.carried("ball.txt", loaded.shape, labels.Labels(loaded.frame(said.points), said.flags, said.numbered))


@pytest.mark.parametrize("separator", [",", " ", ", ", "\t"])
def test_lines_of_points_become_a_label_with_the_same_border(tmp_path: Path, separator: str) -> None:
    shape, label = carried(written(tmp_path, points(), separator), mesh_file(tmp_path))
    assert set(np.unique(label)) == {0, 1} and len(label) == len(shape.vertices)
    assert area_pct(shape, label) == pytest.approx(5.0, abs=0.4)
    # The label is 1 inside and 0 outside, but for the points' own spacing (1.3 % of the size) around the border.
    height = 2 * (shape.vertices[:, 2] - 0.5) * 10
    assert label[height > CAP + 0.35].all() and not label[height < CAP - 0.35].any()
    assert trimesh.Trimesh(shape.vertices, shape.faces, process=False).is_volume, "refined without a T-junction"


def test_one_label_per_vertex_follows_the_numbers_of_the_file(tmp_path: Path) -> None:
    mesh = mesh_file(tmp_path)
    own = np.array([line.split()[1:] for line in mesh.read_text().splitlines() if line.startswith("v ")], dtype=float)
    marked = own[:, 2] > -20 + 6
    shape, label = carried(written(tmp_path, marked[:, None]), mesh)
    there = load(mesh).frame(own)
    distance, nearest = cKDTree(shape.vertices).query(there)
    assert distance.max() < 1e-6
    assert (label[nearest] == marked).all()


def test_a_vertex_in_no_face_does_not_shift_the_numbers(tmp_path: Path) -> None:
    mesh = tmp_path / "ball.obj"
    lines = mesh_file(tmp_path).read_text().splitlines()
    lines = ["v 100 50 -20  # in no face", *lines]
    mesh.write_text("\n".join(_shifted(lines)))
    own = np.array([line.split()[1:4] for line in lines if line.startswith("v ")], dtype=float)
    marked = own[:, 2] > -20 + 6
    shape, label = carried(written(tmp_path, marked[:, None]), mesh)
    height = 20 * (shape.vertices[:, 2] - 0.5)
    assert label[height > 7].all() and not label[height < 5].any()


def _shifted(lines: list[str]) -> list[str]:
    """Face numbers raised by one, for a vertex put in front."""
    return [
        "f " + " ".join(str(int(w.split("/")[0]) + 1) for w in line.split()[1:]) if line.startswith("f ") else line
        for line in lines
    ]


@pytest.mark.parametrize("kind", ["obj", "ply", "glb"])
def test_a_file_with_a_vertex_for_every_corner_takes_a_label_for_each(tmp_path: Path, kind: str) -> None:
    mesh = tmp_path / f"ball.{kind}"
    trimesh.Trimesh(corners(), np.arange(len(corners())).reshape(-1, 3), process=False).export(mesh)
    marked = files.numbered(mesh)[:, 1 if kind == "glb" else 2] > (56 if kind == "glb" else -14)
    shape, label = carried(written(tmp_path, marked[:, None]), mesh)
    height = 20 * (shape.vertices[:, 2] - 0.5)
    assert label[height > 7].all() and not label[height < 5].any()


def test_lines_for_every_corner_of_a_face_say_what_lines_for_every_vertex_do(tmp_path: Path) -> None:
    def by_lines(places: np.ndarray) -> np.ndarray:
        rows = np.column_stack([places, places[:, 2] > -14])
        return carried(written(tmp_path, rows), mesh_file(tmp_path))[1]

    assert (by_lines(corners()) == by_lines(np.unique(corners(), axis=0))).all()


def corners() -> np.ndarray:
    return np.asarray(ball().triangles).reshape(-1, 3)


def changed(**columns: object) -> np.ndarray:
    rows = points().copy()
    for name, value in columns.items():
        rows[:, "xyzl".index(name)] = value
    return rows


REFUSED = [
    # the file of labels, what the refusal says
    (b"", "is empty"),
    (b"\n\n# nothing\n", "is empty"),
    (b"x,y,z,label\n1,2,3,0\n", "cannot be read as labels"),
    (b"1,2,3,0\n1,2,0\n", "cannot be read as labels"),
    (b"\x00\x01\x02", "cannot be read as labels"),
    (b"1 2 3 4 5 6\n", "6 columns"),
    (b"1\n0\n1\n", "3 labels for the 642 vertices"),
    (changed(l=np.arange(8000) % 3), "2 is no label"),
    (changed(l=0.5), "0.5 is no label"),
    (changed(l=-1), "-1 is no label"),
    (changed(z=np.nan), "not numbers"),
    (changed(l=np.inf), "not numbers"),
    (changed(l=0), "no point is labelled"),
    (changed(l=1), "every point is labelled"),
    (changed(x=points()[:, 0] + 4), "another extent"),
    (points() * [1.3, 1.3, 1.3, 1], "another extent"),
    (np.column_stack([points()[:, :3] * [1, 1, 0.5] - [0, 0, 10], points()[:, 3]]), "another extent"),
    (np.column_stack([np.random.default_rng(0).random((4000, 3)) * 20 + [90, 40, -30], points()[:4000, 3]]), "lie on"),
]


@pytest.mark.parametrize(("content", "says"), REFUSED, ids=[f"{n}-{r[1]}" for n, r in enumerate(REFUSED)])
def test_labels_that_do_not_fit_are_refused_in_one_sentence(tmp_path: Path, content: object, says: str) -> None:
    text = written(tmp_path, content) if isinstance(content, np.ndarray) else tmp_path / "ball.txt"
    if isinstance(content, bytes):
        text.write_bytes(content)
    with pytest.raises(BadInput) as refusal:
        carried(text, mesh_file(tmp_path))
    assert says in str(refusal.value)
    assert str(refusal.value).startswith("ball.txt: ") and "\n" not in str(refusal.value)


def test_a_missing_file_and_a_mesh_without_numbers_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"gone\.txt: no such file of labels for ball\.obj"):
        labels.read(tmp_path / "gone.txt", tmp_path / "ball.obj")
    with pytest.raises(BadInput, match="STL file does not number its vertices"):
        labels.read(written(tmp_path, np.array([[0.0], [1.0]])), mesh_file(tmp_path, "stl"))


def test_a_mesh_that_is_all_defect_is_refused(tmp_path: Path) -> None:
    """Of two bodies the larger one is kept, and it is the one that is marked from end to end."""
    other = trimesh.creation.icosphere(subdivisions=3, radius=5.0)
    (ball() + other).export(tmp_path / "two.obj")
    loaded = load(tmp_path / "two.obj", "largest")
    said = labels.read(written(tmp_path, np.array([[1]] * 642 + [[0]] * 642)), tmp_path / "two.obj")
    there = labels.Labels(loaded.frame(said.points), said.flags, said.numbered)
    with pytest.raises(BadInput, match=r"^ball\.txt: all of the mesh lies at its labelled points"):
        labels.carried("ball.txt", loaded.shape, there)


@pytest.mark.parametrize(("seen", "blind", "says"), [(0, 1, "no point with"), (1, 0, "every point with")])
def test_labels_of_places_that_a_sensor_did_not_see_do_not_count(
    tmp_path: Path, seen: int, blind: int, says: str
) -> None:
    head = "FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nWIDTH 101\nHEIGHT 1\nDATA ascii\n"
    (tmp_path / "scan.pcd").write_text(head + "1 2 3\n" * 100 + "nan nan nan\n")
    text = written(tmp_path, np.array([[seen]] * 100 + [[blind]]))
    with pytest.raises(BadInput, match=rf"^ball\.txt: {says} coordinates is labelled as defect; give a "):
        labels.read(text, tmp_path / "scan.pcd")


def test_labels_that_may_not_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    text, mesh = written(tmp_path, points()), mesh_file(tmp_path)
    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(BadInput, match=r"^ball\.txt: cannot be opened \(Permission denied\)"):
        labels.read(text, mesh)
