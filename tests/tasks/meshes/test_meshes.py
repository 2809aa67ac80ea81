"""Mesh files: what is read, what is repaired, and what is refused in which words."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from schemas.errors import BadInput
from tasks.meshes import files, load, repair

DATA = Path(__file__).parents[3] / "../shared/data/meshes"


def box(at: float = 0.0, size: float = 1.0) -> trimesh.Trimesh:
    return trimesh.creation.box(
        (size, size, 2 * size), transform=trimesh.transformations.translation_matrix([at, 0, 0])
    )


def boxes(count: int) -> trimesh.Trimesh:
    """So many equal boxes in rows of ten."""
    one, at = box(), np.arange(count)
    places = np.stack([at % 10, at // 10 % 10, at // 100], axis=1) * 3.0
    return trimesh.Trimesh(
        (one.vertices + places[:, None]).reshape(-1, 3), (one.faces + 8 * at[:, None, None]).reshape(-1, 3)
    )


def obj(vertices: list[tuple[float, ...]], faces: list[tuple[int, ...]]) -> bytes:
    lines = [f"v {' '.join(map(str, v))}" for v in vertices] + [f"f {' '.join(str(i + 1) for i in f)}" for f in faces]
    return "\n".join(lines).encode()


def written(mesh: trimesh.Trimesh, kind: str) -> bytes:
    made = mesh.export(file_type=kind)
    return made if isinstance(made, bytes) else made.encode()


def three_leaves() -> bytes:
    """Two tetrahedra that share one edge: four faces meet there."""
    points = [(0, 0, 0), (0, 0, 1), (1, 0, 0), (1, 1, 0), (-1, 0, 0), (-1, -1, 0)]
    four = [(0, 1, 2), (0, 2, 3), (0, 3, 1), (1, 3, 2)]
    return obj(points, [*four, *[tuple({2: 4, 3: 5}.get(i, i) for i in f) for f in four]])


def tetrahedron(corner: float) -> bytes:
    return obj([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, corner)], [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)])


def sheet() -> bytes:
    """A 3 by 3 grid in one plane."""
    quads = [(i, i + 1, i + 4, i + 3) for i in (0, 1, 3, 4)]
    return obj([(x, y, 0) for y in range(3) for x in range(3)], quads)


def soup() -> bytes:
    points = np.random.default_rng(0).random((60, 3))
    return obj([tuple(p) for p in points], [(3 * k, 3 * k + 1, 3 * k + 2) for k in range(20)])


def stl_of(count: int, size: int = 0) -> bytes:
    """A binary STL header that says it holds `count` faces, and `size` bytes of them."""
    return bytes(80) + struct.pack("<I", count) + bytes(size)


def ply_of(vertices: int, faces: int) -> bytes:
    return (
        f"ply\nformat binary_little_endian 1.0\nelement vertex {vertices}\nproperty float x\nproperty float y\n"
        f"property float z\nelement face {faces}\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode() + bytes(5000)


def glb_of(count: int) -> bytes:
    scene = {
        "asset": {"version": "2.0"},
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [{"count": 100}, {"count": count}],
    }
    text = json.dumps(scene).encode()
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text), len(text), b"JSON") + text


def glb(mesh: trimesh.Trimesh, times: int = 1) -> bytes:
    """One mesh in a file, and a branch of nodes that place it so many times."""
    scene = trimesh.Scene({"box": mesh})
    for k in range(1, times):
        at = trimesh.transformations.translation_matrix([3.0, 0, 0])
        scene.graph.update(frame_to=f"n{k}", frame_from=f"n{k - 1}" if k > 1 else None, matrix=at, geometry="box")
    return bytes(scene.export(file_type="glb"))


def glb_that_requires(*extensions: str) -> bytes:
    """A sound GLB file that says that it cannot be read without these extensions."""
    plain = glb(box())
    (length,) = struct.unpack("<I", plain[12:16])
    text = json.dumps(json.loads(plain[20 : 20 + length]) | {"extensionsRequired": extensions}).encode()
    text += b" " * (-len(text) % 4)
    rest = plain[20 + length :]
    return struct.pack("<4sIII4s", b"glTF", 2, 20 + len(text) + len(rest), len(text), b"JSON") + text + rest


def doubled() -> bytes:
    """A curved sheet and its mirror image behind it, sewn along the rim: closed, around nothing."""
    x, y = np.meshgrid(np.linspace(-1, 1, 9), np.linspace(-1, 1, 9), indexing="ij")
    rim = (np.abs(x) == 1) | (np.abs(y) == 1)
    sheets = [np.stack([x, y, x * x + k * 2e-6 * ~rim], axis=2).reshape(-1, 3) for k in (0, 1)]
    at = np.arange(81).reshape(9, 9)
    a, b, c, d = at[:-1, :-1].ravel(), at[1:, :-1].ravel(), at[1:, 1:].ravel(), at[:-1, 1:].ravel()
    lower = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    upper = np.where(rim.ravel()[lower], lower, lower + 81)[:, ::-1]
    return obj([tuple(p) for p in np.concatenate(sheets)], [tuple(f) for f in np.concatenate([lower, upper])])


REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("empty.stl", lambda: b"", "empty (0 bytes)"),
    ("garbage.stl", lambda: bytes(range(256)) * 3, "the file is cut off"),
    ("garbage.glb", lambda: b"glTF" + b"\x07" * 40, "cannot be read as GLB"),
    ("garbage.ply", lambda: b"ply\nformat nonsense\n", "cannot be read as PLY"),
    ("cut.stl", lambda: written(box(), "stl")[:300], "cut.stl: "),
    ("points.obj", lambda: obj([(0, 0, 0), (1, 0, 0), (0, 1, 0)], []), "no faces in it"),
    ("triangle.obj", lambda: obj([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [(0, 1, 2)]), "1 face cannot make an object"),
    ("nan.obj", lambda: tetrahedron(float("nan")), "not numbers"),
    ("infinite.obj", lambda: tetrahedron(float("inf")), "not numbers"),
    ("flat.obj", sheet, "flat"),
    ("point.obj", lambda: obj([(1, 1, 1)] * 4, [(0, 2, 1), (0, 1, 3), (1, 2, 3), (2, 0, 3)]), "one point"),
    ("soup.obj", soup, "soup of 20 triangles"),
    ("leaves.obj", three_leaves, "more than two faces meet at 1 edge;"),
    ("two.stl", lambda: written(box() + box(3), "stl"), "2 separate bodies; set `bodies: largest`"),
    ("five-million.stl", lambda: stl_of(5_000_000), "cut off: it says that it holds 5,000,000 faces"),
    ("five-million.ply", lambda: ply_of(1000, 5_000_000), "cut off"),
    ("crowd.ply", lambda: ply_of(2_000_000_000, 4), "cut off"),
    ("crowd.glb", lambda: glb_of(30_000_000), "10,000,000 faces are more than 2,000,000; decimate"),
    ("short.glb", lambda: glb_of(30)[:-9], "cut off"),
    ("hollow.obj", doubled, "a closed surface without a volume"),
    (
        "drawing.obj",
        lambda: obj([(0, 0), (1, 0), (0, 1), (1, 1)], [(0, 1, 2), (1, 2, 3)] * 2),
        "2 coordinates in place",
    ),
    ("zero.obj", lambda: tetrahedron(1).replace(b"f ", b"f 0//0 "), "names vertex 0, but OBJ counts from 1"),
    ("zero-last.obj", lambda: tetrahedron(1) + b"\nf 1 2 0", "names vertex 0, but OBJ counts from 1"),
    (
        "packed.glb",
        lambda: glb_that_requires("KHR_draco_mesh_compression"),
        "without KHR_draco_mesh_compression; export",
    ),
    ("model.step", lambda: b"ISO-10303-21;", "give OBJ, STL, PLY, GLB or PCD"),
]


@pytest.mark.parametrize(("name", "content", "says"), REFUSED, ids=[r[0] for r in REFUSED])
def test_a_mesh_that_cannot_be_used_is_refused_in_one_sentence(
    tmp_path: Path, name: str, content: Callable[[], bytes], says: str
) -> None:
    (tmp_path / name).write_bytes(content())
    with pytest.raises(BadInput) as refusal:
        load(tmp_path / name, "one")
    assert says in str(refusal.value)
    assert str(refusal.value).startswith(f"{name}: ")
    assert "\n" not in str(refusal.value)


def test_looks_that_a_file_requires_do_not_keep_its_geometry_from_being_read(tmp_path: Path) -> None:
    (tmp_path / "shiny.glb").write_bytes(glb_that_requires("KHR_texture_transform", "KHR_materials_unlit"))
    assert len(load(tmp_path / "shiny.glb").shape.faces) == 12


CROWDS: list[tuple[str, Callable[[], bytes], dict[str, int], str]] = [
    # file, what it holds, limits, what the refusal says
    ("branch.glb", lambda: glb(box(), 8), {"MAX_FACES": 90}, "96 faces are more than 90; decimate"),
    ("twigs.glb", lambda: glb(box(), 8), {"MAX_PARTS": 7}, "8 parts are more than 7; join them"),
    ("quads.obj", sheet, {"MAX_FACES": 4}, "8 faces are more than 4; decimate"),
]


@pytest.mark.parametrize(("name", "content", "limits", "says"), CROWDS, ids=[c[0] for c in CROWDS])
def test_what_a_short_file_stands_for_is_counted_before_it_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: Callable[[], bytes], limits: dict[str, int],
    says: str,
) -> None:  # fmt: skip
    for limit, value in limits.items():
        monkeypatch.setattr(files, limit, value)
    monkeypatch.setattr(trimesh.Scene, "dump", lambda _: pytest.fail("was made"))
    (tmp_path / name).write_bytes(content())
    with pytest.raises(BadInput, match=f"^{name}: {says}"):
        load(tmp_path / name)


@pytest.mark.parametrize("data", ["ascii", "binary_little_endian"])
@pytest.mark.parametrize("names", ["xyz", ["x", "y", "z", "nx", "ny", "nz"]])
def test_a_ply_file_without_faces_is_points_with_their_normals_if_it_has_them(
    tmp_path: Path, data: str, names: list[str]
) -> None:
    rows = np.random.default_rng(0).random((50, len(names))).astype("<f4")
    head = f"ply\nformat {data} 1.0\nelement vertex 50\n" + "".join(f"property float {n}\n" for n in names)
    text = "\n".join(" ".join(map(str, row)) for row in rows.tolist()).encode()
    (tmp_path / "scan.ply").write_bytes(head.encode() + b"end_header\n" + (text if data == "ascii" else rows.tobytes()))
    content = files.read(tmp_path / "scan.ply")
    assert content.vertices == pytest.approx(rows[:, :3]) and not len(content.faces)
    assert (content.normals is None) == (len(names) == 3)
    assert content.normals is None or content.normals == pytest.approx(rows[:, 3:])


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    (tmp_path / "closed.obj").write_bytes(tetrahedron(1))
    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(BadInput, match=r"^closed\.obj: cannot be opened \(Permission denied\); check that it may be"):
        load(tmp_path / "closed.obj")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^gone\.stl: no such file"):
        load(tmp_path / "gone.stl", "one")


def test_more_faces_than_allowed_are_told_before_they_are_parsed(tmp_path: Path) -> None:
    with (tmp_path / "crowd.obj").open("w") as file:
        file.write("v 0 0 0\nv 1 0 0\nv 0 1 0\n" + "f 1 2 3\n" * 2_000_001)
    with (tmp_path / "sparse.stl").open("wb") as file:
        file.write(stl_of(5_000_000))
        file.truncate(84 + 50 * 5_000_000)
    for name in ("crowd.obj", "sparse.stl"):
        with pytest.raises(BadInput, match=rf"{name}: [25],000,00[01] faces are more than 2,000,000; decimate"):
            load(tmp_path / name)


@pytest.mark.parametrize(("up", "tip"), [("x", 0), ("-x", 0), ("y", 1), ("-y", 1), ("z", 2), ("-z", 2)])
def test_the_upward_axis_is_the_recipe_s(tmp_path: Path, up: str, tip: int) -> None:
    cone = trimesh.creation.cone(radius=0.5, height=4.0)
    axis = np.eye(3)[tip] * (-1 if up.startswith("-") else 1)
    cone.apply_transform(trimesh.geometry.align_vectors([0, 0, 1], axis))
    (tmp_path / "cone.ply").write_bytes(written(cone, "ply"))
    loaded = load(tmp_path / "cone.ply", up=up)
    solid = trimesh.Trimesh(loaded.shape.vertices, loaded.shape.faces, process=False)
    assert solid.is_volume and solid.volume > 0, "turned, not mirrored"
    assert solid.center_mass == pytest.approx([0, 0, 0.25], abs=1e-3)


@pytest.mark.parametrize("kind", ["stl", "glb"])
def test_the_frame_maps_the_file_s_coordinates_and_knows_its_size(tmp_path: Path, kind: str) -> None:
    part = trimesh.creation.box((20.0, 30.0, 50.0))
    part.apply_translation([100, -7, 3])
    (tmp_path / f"part.{kind}").write_bytes(written(part, kind))
    loaded = load(tmp_path / f"part.{kind}")
    assert loaded.frame.size == pytest.approx(50)
    there = loaded.frame(np.asarray(part.vertices))
    for corner in there:
        assert np.linalg.norm(loaded.shape.vertices - corner, axis=1).min() < 1e-6
    assert loaded.frame.back(there) == pytest.approx(np.asarray(part.vertices))


@pytest.mark.parametrize("kind", ["stl", "obj", "ply", "glb"])
def test_every_format_comes_back_as_the_same_upright_solid(tmp_path: Path, kind: str) -> None:
    mesh = trimesh.creation.cone(radius=0.5, height=4.0)
    if kind == "glb":  # GLB is y up
        mesh.apply_transform(trimesh.transformations.rotation_matrix(-np.pi / 2, [1, 0, 0]))
    (tmp_path / f"cone.{kind}").write_bytes(written(mesh, kind))
    loaded = load(tmp_path / f"cone.{kind}", "one")
    shape, notes = loaded.shape, list(loaded.notes)
    solid = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    assert solid.is_volume and notes == []
    assert solid.bounds == pytest.approx(np.array([[-0.125, -0.125, 0], [0.125, 0.125, 1]]), abs=1e-6)
    assert solid.center_mass[2] == pytest.approx(0.25, abs=1e-3)  # the tip is up


@pytest.mark.parametrize(("bodies", "faces", "width"), [("largest", 12, 0.5), ("all", 24, 1.0)])
def test_several_bodies_as_the_recipe_says(tmp_path: Path, bodies: str, faces: int, width: float) -> None:
    (tmp_path / "two.stl").write_bytes(written(box(size=2.0) + box(3.0), "stl"))
    loaded = load(tmp_path / "two.stl", bodies)  # type: ignore[arg-type]
    shape, notes = loaded.shape, list(loaded.notes)
    assert len(shape.faces) == faces
    assert np.ptp(shape.vertices, axis=0)[0] == pytest.approx(width)
    assert any("largest of 2 bodies" in n for n in notes) == (bodies == "largest")


def test_more_bodies_than_a_thousandth_of_the_area_fits_into_are_bodies_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "grid.stl").write_bytes(written(boxes(1200), "stl"))
    with pytest.raises(BadInput, match=r"grid\.stl: 1200 separate bodies; set `bodies: largest`"):
        load(tmp_path / "grid.stl")
    assert len(load(tmp_path / "grid.stl", "largest").shape.faces) == 12
    assert len(load(tmp_path / "grid.stl", "all").shape.faces) == 12 * 1200


def test_bodies_beyond_counting_are_refused_before_they_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repair, "MAX_BODIES", 30)
    (tmp_path / "grid.stl").write_bytes(written(boxes(31), "stl"))
    with pytest.raises(BadInput, match=r"^grid\.stl: 31 separate bodies are more than 30; join them, or delete"):
        load(tmp_path / "grid.stl", "all")


def test_a_cavity_is_no_second_body_and_stays_hollow(tmp_path: Path) -> None:
    inner = trimesh.creation.icosphere(subdivisions=2, radius=0.5)
    inner.invert()
    hollow = trimesh.creation.icosphere(subdivisions=2) + inner
    (tmp_path / "hollow.ply").write_bytes(written(hollow, "ply"))
    shape = load(tmp_path / "hollow.ply", "one").shape
    solid = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    assert len(shape.faces) == len(hollow.faces)
    assert solid.volume == pytest.approx(hollow.volume / 8, rel=1e-4)


def test_repairs_are_made_and_noted(tmp_path: Path) -> None:
    mesh = trimesh.creation.icosphere(subdivisions=4)
    faces = mesh.faces.copy()
    faces[:7] = faces[:7, ::-1]  # wrong way round
    faces = np.concatenate([np.delete(faces, 40, axis=0), faces[100:101], [[5, 5, 6]]])  # gap, twin, degenerate
    (tmp_path / "worn.ply").write_bytes(written(trimesh.Trimesh(mesh.vertices, faces, process=False), "ply"))
    loaded = load(tmp_path / "worn.ply", "one")
    shape, notes = loaded.shape, list(loaded.notes)
    solid = trimesh.Trimesh(shape.vertices, shape.faces, process=False)
    assert solid.is_volume
    assert notes == [
        "1 degenerate face dropped",
        "1 duplicate face dropped",
        "7 faces turned to look outward",
        "1 small hole closed",
    ]


def test_an_open_surface_is_broken_unless_it_is_meant_to_be_open(tmp_path: Path) -> None:
    dome = trimesh.creation.icosphere(subdivisions=3)
    dome.update_faces(dome.triangles_center[:, 2] > 0)
    (tmp_path / "dome.ply").write_bytes(written(dome, "ply"))
    with pytest.raises(BadInput, match=r"dome\.ply: the surface is open, .* set `open_surface: true`"):
        load(tmp_path / "dome.ply", "one")
    loaded = load(tmp_path / "dome.ply", "one", open_surface=True)
    shape, notes = loaded.shape, list(loaded.notes)
    assert len(shape.faces) == len(dome.faces)
    assert len(notes) == 1 and notes[0].startswith("open surface, ") and notes[0].endswith(" boundary edges")


def test_specks_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "dusty.stl").write_bytes(written(box() + box(0.9, size=0.01), "stl"))
    loaded = load(tmp_path / "dusty.stl", "one")
    shape, notes = loaded.shape, list(loaded.notes)
    assert len(shape.faces) == 12
    assert notes == ["1 speck of less than 0.1% of the largest body's area dropped"]


@pytest.mark.skipif(not DATA.is_dir(), reason="the real meshes are not here")
@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("trimesh/soup.stl", "soup of 100 triangles"),
        ("trimesh/not_convex.obj", "more than two faces meet at 12 edges"),
        ("trimesh/multibody.stl", "2 separate bodies"),
        ("trimesh/teapot.stl", "separate bodies"),
        ("trimesh/testplate.glb", None),
        ("trimesh/fandisk.obj", None),
        ("object_sim/waterbottle.stl", None),
    ],
)
def test_real_meshes(file: str, says: str | None) -> None:
    if says is None:
        shape = load(DATA / file, "one").shape
        assert trimesh.Trimesh(shape.vertices, shape.faces, process=False).is_volume
    else:
        with pytest.raises(BadInput, match=says):
            load(DATA / file, "one")
