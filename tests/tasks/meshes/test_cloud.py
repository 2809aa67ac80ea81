"""Point clouds: surfaces that fit their points, and clouds that no honest surface goes through."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from schemas.errors import BadInput
from tasks.meshes import cloud, grids, load

DATA = Path(__file__).parents[3] / "../shared/data/meshes"


def sampled(mesh: trimesh.Trimesh, count: int) -> tuple[np.ndarray, np.ndarray]:
    points, face = trimesh.sample.sample_surface(mesh, count, seed=3)
    return np.asarray(points), np.asarray(mesh.face_normals[face])


def ring() -> trimesh.Trimesh:
    return trimesh.creation.torus(major_radius=3.0, minor_radius=1.0, major_sections=64, minor_sections=32)


def surface(points: np.ndarray, normals: np.ndarray | None = None, **how: bool) -> tuple[trimesh.Trimesh, list[str]]:
    notes: list[str] = []
    vertices, faces = cloud.surface("a.pcd", points, normals, how.get("open_surface", False), notes)
    return trimesh.Trimesh(vertices, faces, process=False), notes


@pytest.mark.parametrize("seed", [0, 1])
def test_a_cut_grid_is_closed_whatever_it_holds(seed: int) -> None:
    values = np.pad(np.random.default_rng(seed).normal(size=(9, 8, 7)), 1, constant_values=1.0)
    mesh = trimesh.Trimesh(*grids.cut(values), process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0


def test_a_cut_sphere_has_its_volume() -> None:
    x = np.stack(np.meshgrid(*[np.linspace(-1.2, 1.2, 40)] * 3, indexing="ij"))
    mesh = trimesh.Trimesh(*grids.cut(np.linalg.norm(x, axis=0) - 1), process=False)
    assert mesh.volume * (2.4 / 39) ** 3 == pytest.approx(4 / 3 * np.pi, rel=0.01)


@pytest.mark.parametrize("with_normals", [True, False])
def test_a_ring_comes_back_with_its_volume_and_its_hole(with_normals: bool) -> None:
    points, normals = sampled(ring(), 3000)
    made, notes = surface(points, normals if with_normals else None)
    assert made.is_watertight and made.euler_number == 0
    assert made.volume == pytest.approx(ring().volume, rel=0.02)
    assert notes[0].startswith("surface reconstructed from 3,000 points 2.") and "95% within 0." in notes[0]


def test_normals_that_all_look_inward_do_no_harm() -> None:
    points, normals = sampled(ring(), 3000)
    made, _ = surface(points, -normals)
    assert made.volume == pytest.approx(ring().volume, rel=0.02)


def test_both_sides_of_a_wall_with_sharp_rims_are_told_apart() -> None:
    tube = trimesh.creation.annulus(r_min=0.85, r_max=1.0, height=2.0)
    made, _ = surface(sampled(tube, 8000)[0], None)
    assert made.euler_number == 0
    assert made.volume == pytest.approx(tube.volume, rel=0.04)


def test_points_without_coordinates_and_strays_are_left_out_and_noted() -> None:
    points, _ = sampled(ring(), 3000)
    dirty = np.concatenate([points, np.full((5, 3), np.nan), [[9.0, 9, 9], [-8, 7, 3]]])
    made, notes = surface(dirty)
    assert made.volume == pytest.approx(ring().volume, rel=0.02)
    assert notes[:2] == ["5 points without coordinates left out", "2 stray points left out"]


def test_one_stray_far_away_does_not_make_a_surface_coarser() -> None:
    points, _ = sampled(ring(), 3000)
    alone, said = surface(points)
    made, notes = surface(np.vstack([points, [[9e3, 0, 0]]]))
    assert made.vertices.tobytes() == alone.vertices.tobytes()
    assert notes == ["1 stray point left out", *said], "with the same shares of the object's true size"


def test_a_scan_from_one_side_is_refused_or_left_open() -> None:
    points, normals = sampled(ring(), 6000)
    side = normals @ [0.6, 0, 0.8] > 0.5
    with pytest.raises(BadInput, match=r"of the object's surface has no points; .* `open_surface: true`"):
        surface(points[side])
    made, _ = surface(points[side], open_surface=True)
    assert not made.is_watertight
    assert made.area == pytest.approx(ring().area * side.mean(), rel=0.25)


REFUSED = [
    # points, what the refusal says
    (np.zeros((3, 3)), "3 points are too few"),
    (np.full((500, 3), np.nan), "0 points are too few"),
    (np.ones((500, 3)), "all its points are one"),
    (np.repeat(np.eye(3), 200, axis=0), "different points are too few"),
    (sampled(trimesh.creation.icosphere(), 200)[0], "too sparse"),
    (np.random.default_rng(0).random((3000, 3)), "too noisy"),
    (sampled(ring(), 3000)[0] + np.random.default_rng(0).normal(0, 0.3, (3000, 3)), "too noisy"),
]


@pytest.mark.parametrize(("points", "says"), REFUSED, ids=[r[1] for r in REFUSED])
def test_a_cloud_that_shows_no_surface_is_refused(points: np.ndarray, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        surface(points)


def test_a_wall_thinner_than_the_spacing_of_its_points_is_refused_not_guessed() -> None:
    tube = trimesh.creation.annulus(r_min=0.97, r_max=1.0, height=2.0)
    with pytest.raises(BadInput, match=r"too noisy|no surface through its points|has no points"):
        surface(sampled(tube, 3000)[0])


def test_equal_clouds_give_equal_bytes() -> None:
    points, _ = sampled(ring(), 2000)
    one, two = surface(points)[0], surface(points.copy())[0]
    assert one.vertices.tobytes() == two.vertices.tobytes() and one.faces.tobytes() == two.faces.tobytes()


@pytest.mark.skipif(not DATA.is_dir(), reason="the real clouds are not here")
def test_a_real_scan_from_one_side_is_open() -> None:
    with pytest.raises(BadInput, match="has no points; give a scan of all of its sides"):
        load(DATA / "pcd/bunny.pcd", "largest")
    bunny = load(DATA / "pcd/bunny.pcd", "largest", open_surface=True, up="y")
    assert any("surface reconstructed from 397 points" in n for n in bunny.notes)
    assert np.ptp(bunny.shape.vertices, axis=0).max() == pytest.approx(1)


@pytest.mark.skipif(not DATA.is_dir(), reason="the real meshes are not here")
def test_a_real_object_comes_back_from_points_on_it() -> None:
    real = trimesh.load(DATA / "object_sim/toruslarge.stl", force="mesh")
    made, _ = surface(sampled(real, 4000)[0])
    assert made.is_volume and made.volume == pytest.approx(real.volume, rel=0.02)
