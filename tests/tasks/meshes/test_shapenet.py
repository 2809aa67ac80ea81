"""A small tree laid out like Anomaly-ShapeNet: what is found in it, what is rejected, and what is filmed of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from schemas.errors import BadInput, CallError
from schemas.recipe import Recipe
from tasks.filming.instances import Instance, Thing, instances, make
from tasks.meshes import shapenet


def ball(bump: float = 0.0) -> trimesh.Trimesh:
    """An egg with a swelling (or a dent) of a seventh of its height on one side; files have it off the origin."""
    mesh = trimesh.creation.icosphere(subdivisions=4)
    share = np.clip((mesh.vertices[:, 0] - 0.9) / 0.08, 0, 1)
    mesh.vertices *= 1 + bump * (share**2 * (3 - 2 * share))[:, None]
    mesh.vertices *= [1, 1, 1.5]
    mesh.apply_translation([3, -2, 1])
    return mesh


def labelled(mesh: trimesh.Trimesh) -> np.ndarray:
    """Rows of x, y, z, label; the label is where the swelling is."""
    points, _ = trimesh.sample.sample_surface(mesh, 5000, seed=5)
    plain = (points - [3, -2, 1]) / [1, 1, 1.5]
    return np.column_stack([points, plain[:, 0] / np.linalg.norm(plain, axis=1) > 0.92])


def cloud(path: Path, rows: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = (
        "VERSION 0.7\nFIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nCOUNT 1 1 1\nWIDTH {0}\nHEIGHT 1\nPOINTS {0}\nDATA ascii\n"
    )
    path.write_text(head.format(len(rows)) + "\n".join(" ".join(f"{v:.7g}" for v in row[:3]) for row in rows) + "\n")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("Anomaly-ShapeNet-v2")
    obj, pcd = root / "dataset/obj/egg0", root / "dataset/pcd/egg0"
    obj.mkdir(parents=True)
    ball().export(obj / "egg0_template0.obj")
    ball(0.12).export(obj / "egg0_bulge0.obj")
    sound, bulge, dent = labelled(ball()), labelled(ball(0.12)), labelled(ball(-0.12))
    for name, rows in {
        "train/egg0_template0": sound, "train/egg0_template1": sound, "test/egg0_positive3": sound,
        "test/egg0_bulge0": bulge, "test/egg0_concavity1": dent, "test/egg0_hole0": sound, "test/egg0_bending0": sound,
    }.items():  # fmt: skip
        cloud(pcd / f"{name}.pcd", rows)
    (pcd / "GT").mkdir()
    for name, rows in {"egg0_bulge0": bulge, "egg_sink1": dent, "egg0_bending0": bulge}.items():
        (pcd / f"GT/{name}.txt").write_text("\n".join(",".join(f"{v:.7g}" for v in row) for row in rows))
    return root


@pytest.fixture(scope="module")
def made(tree: Path) -> Callable[[str], Thing]:
    known: dict[str, Thing] = {}

    def get(key: str) -> Thing:
        if key not in known:
            known[key] = make(listed(tree)[key], recipe(tree), rng)
        return known[key]

    return get


def recipe(root: Path, **more: object) -> Recipe:
    return Recipe.model_validate({"dataset": "eggs", "objects": [{"shapenet": str(root), **more}]})


def listed(root: Path) -> dict[str, Instance]:
    return {i.key: i for i in instances(recipe(root))}


def rng(name: str) -> np.random.Generator:
    return np.random.default_rng(len(name))


def test_every_item_is_found_once_with_the_mesh_before_its_points(tree: Path) -> None:
    found = {(i.defect, i.mesh.name): i for i in shapenet.items(tree)}
    assert set(found) == {
        ("none", "egg0_template0.obj"), ("none", "egg0_template1.pcd"), ("none", "egg0_positive3.pcd"),
        ("bulge", "egg0_bulge0.obj"), ("concavity", "egg0_concavity1.pcd"), ("hole", "egg0_hole0.pcd"),
        ("bending", "egg0_bending0.pcd"),
    }  # fmt: skip
    bulge = found["bulge", "egg0_bulge0.obj"]
    assert bulge.labels is not None and bulge.labels.name == "egg0_bulge0.txt"
    assert bulge.spare is not None and bulge.spare.name == "egg0_bulge0.pcd"
    assert bulge.like is not None and bulge.like.name == "egg0_template0.obj"
    other = found["concavity", "egg0_concavity1.pcd"].labels
    assert other is not None and other.name == "egg_sink1.txt", "known slips in names"


def test_what_cannot_be_paired_is_rejected_with_its_reason(tree: Path, made: Callable[[str], Thing]) -> None:
    assert {k for k, i in listed(tree).items() if i.problem} == {"egg0-hole-0", "egg0-bending-0"}
    with pytest.raises(BadInput, match=r"egg0_hole0\.pcd: no label file GT/egg0_hole0\.txt"):
        made("egg0-hole-0")
    with pytest.raises(BadInput, match=r"egg0_bending0\.pcd: `bending` in its name is no known type of defect"):
        made("egg0-bending-0")


def test_a_folder_behind_a_link_is_not_followed_and_not_forgotten(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "obj").mkdir()
    (tmp_path / "obj/egg0").symlink_to(tree / "dataset/obj/egg0")
    (tmp_path / "obj/circle").symlink_to(tmp_path)
    wanted = recipe(tmp_path)
    assert [i.key for i in instances(wanted)] == ["circle-unnamed-0", "egg0-unnamed-0"]
    for instance in instances(wanted):
        with pytest.raises(BadInput, match=rf"^{instance.category}: a link to a folder, which is not followed; put"):
            make(instance, wanted, rng)


def test_two_files_for_one_item_are_one_item_and_a_reject(tree: Path, tmp_path: Path) -> None:
    for folder in ("pcd", "16384"):
        cloud(tmp_path / folder / "egg0/train/egg0_template0.pcd", np.zeros((3, 3)))
    first, second = shapenet.items(tmp_path)
    assert first.problem == "" and "egg0_template0.pcd says to be the same item" in second.problem


def test_instances_carry_category_group_and_the_content_of_every_file(tree: Path) -> None:
    found = listed(tree)
    assert [k for k in found if "normal" in k] == ["egg0-normal-0", "egg0-normal-1", "egg0-normal-2"]
    bulge = found["egg0-bulge-0"]
    assert (bulge.category, bulge.group, bulge.source) == ("egg0", "egg", "egg0_bulge0.obj")
    assert all(len(v) == 64 for v in (bulge.sha256, bulge.labels, bulge.template, bulge.spare))
    assert str(tree) not in repr(list(found.values()))


def test_a_mesh_with_its_label_is_measured_against_its_template(made: Callable[[str], Thing]) -> None:
    thing = made("egg0-bulge-0")
    assert thing.label is not None and thing.label.any()
    (facts,) = thing.facts
    assert facts.depth_pct == pytest.approx(100 * 0.12 / 3, rel=0.1)
    assert facts.position[0] == pytest.approx(0.35, abs=0.05), "on the side of the swelling"
    assert 1 < facts.area_pct < 6


def test_points_with_their_label_become_a_labelled_surface(made: Callable[[str], Thing]) -> None:
    thing = made("egg0-concavity-0")
    assert "surface reconstructed from 5,000 points" in thing.source
    assert trimesh.Trimesh(thing.shape.vertices, thing.shape.faces, process=False).is_volume
    (facts,) = thing.facts
    assert facts.depth_pct == pytest.approx(100 * 0.12 / 3, rel=0.25)
    assert thing.label is not None
    middle = thing.shape.vertices[thing.label > 0].mean(axis=0)
    assert middle[0] > 0.25 and abs(middle[1]) < 0.05


def test_templates_take_synthesised_defects_like_any_mesh(tree: Path) -> None:
    wanted = recipe(tree, normal=0, defects=["scratch"])
    found = {i.key: i for i in instances(wanted)}
    assert {"egg0-scratch-0", "egg0-scratch-1"} <= set(found) and "egg0-normal-0" in found, "the positive item"
    thing = make(found["egg0-scratch-0"], wanted, rng)
    assert thing.facts and thing.facts[0].extent_pct > 10 and "egg0_template0.obj" in thing.source


def test_points_take_the_place_of_a_mesh_that_cannot_be_used(tree: Path, tmp_path: Path) -> None:
    for part in ("obj/egg0/egg0_bulge0.obj", "pcd/egg0/test/egg0_bulge0.pcd", "pcd/egg0/GT/egg0_bulge0.txt"):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).write_bytes((tree / "dataset" / part).read_bytes() if "obj/" not in part else b"v 0 0 0\n")
    wanted = recipe(tmp_path)
    (only,) = instances(wanted)
    thing = make(only, wanted, rng)
    assert "egg0_bulge0.pcd used, as egg0_bulge0.obj: no faces in it" in thing.source
    assert thing.label is not None and thing.facts[0].severity is None


def test_a_template_that_lies_elsewhere_is_not_measured_from(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "obj/egg0"
    folder.mkdir(parents=True)
    (tmp_path / "pcd/egg0/GT").mkdir(parents=True)
    moved = ball()
    moved.apply_translation([0.5, 0, 0])
    moved.export(folder / "egg0_template0.obj")
    for part in ("obj/egg0/egg0_bulge0.obj", "pcd/egg0/GT/egg0_bulge0.txt"):
        (tmp_path / part).write_bytes((tree / "dataset" / part).read_bytes())
    wanted = recipe(tmp_path)
    thing = make(next(i for i in instances(wanted) if i.defect == "bulge"), wanted, rng)
    assert "egg0_template0.obj lies elsewhere" in thing.source
    assert thing.facts[0].depth_pct == pytest.approx(100 * 0.12 / 3, rel=0.4)


def test_a_folder_without_items_is_said_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="gone: no such folder"):
        shapenet.items(tmp_path / "gone")
    with pytest.raises(CallError, match="no OBJ, PLY, STL or PCD file in it"):
        shapenet.items(tmp_path)
