"""Refinement and defects: what holds for every shape, kind and seed."""

from functools import cache

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from schemas.errors import BadInput
from schemas.names import DEFECT_TYPES
from schemas.objects import DefectSize
from tasks.defects import Defective, apply
from tasks.meshes import Shape, placed
from tasks.objects import make
from tasks.places import Place, Surface, find
from tasks.refine import refine

SIZE = DefectSize()


@cache
def shape_of(name: str) -> Shape:
    if name == "cube":
        corners = trimesh.creation.box((1, 1, 1))
        fine = refine(np.asarray(corners.vertices), np.asarray(corners.faces, dtype=np.int32), 0.06)
        solid = trimesh.Trimesh(fine.vertices, fine.faces, process=False)
    elif name == "ball":
        solid = trimesh.creation.icosphere(subdivisions=4)
    elif name == "dome":
        solid = trimesh.creation.icosphere(subdivisions=4)
        solid.update_faces(solid.triangles_center[:, 2] > 0)
        solid.remove_unreferenced_vertices()
    else:
        return make(name, np.random.default_rng(3))
    return placed(np.asarray(solid.vertices), np.asarray(solid.faces, dtype=np.int32))


@cache
def defective(name: str, kind: str, seed: int) -> Defective:
    return apply(shape_of(name), kind, SIZE, np.random.default_rng(seed))


def mesh(shape: Shape) -> trimesh.Trimesh:
    return trimesh.Trimesh(shape.vertices, shape.faces, process=False)


CASES = [(name, kind) for name in ("cube", "ball", "bowl") for kind in DEFECT_TYPES]
CASES += [("dome", kind) for kind in DEFECT_TYPES if kind != "hole"]
every_case = pytest.mark.parametrize(("name", "kind"), CASES)


# --- refinement ------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(
    name=st.sampled_from(["cube", "ball", "dome"]),
    centre=st.tuples(*[st.floats(-0.5, 0.5)] * 2, st.floats(0, 1)),
    radius=st.floats(0.05, 0.4),
    longest=st.floats(0.03, 0.2),
)
def test_refinement_changes_the_triangles_and_nothing_else(
    name: str, centre: tuple[float, ...], radius: float, longest: float
) -> None:
    before = shape_of(name)
    fine = refine(
        before.vertices,
        before.faces,
        longest,
        distance=lambda p: np.linalg.norm(p - np.array(centre), axis=1),
        radius=radius,
    )
    old, new = mesh(before), trimesh.Trimesh(fine.vertices, fine.faces, process=False)
    assert new.is_watertight == old.is_watertight and new.is_winding_consistent
    assert new.area == pytest.approx(old.area, rel=1e-9)
    assert new.volume == pytest.approx(old.volume, rel=1e-9)
    assert new.euler_number == old.euler_number  # a T-junction would open the surface
    pieces = np.bincount(fine.parent, weights=new.area_faces, minlength=len(before.faces))
    assert pieces == pytest.approx(old.area_faces, rel=1e-9)
    near = np.linalg.norm(new.triangles_center - np.array(centre), axis=1) < radius
    sides = np.linalg.norm(np.roll(new.triangles, -1, axis=1) - new.triangles, axis=2)
    assert (sides[near] <= longest).all()


def test_refinement_without_a_place_refines_everywhere() -> None:
    before = shape_of("cube")
    fine = refine(before.vertices, before.faces, 0.1)
    corners = fine.vertices[fine.faces]
    assert np.linalg.norm(np.roll(corners, -1, axis=1) - corners, axis=2).max() <= 0.1
    assert np.array_equal(fine.vertices[: len(before.vertices)], before.vertices)


# --- every defect ----------------------------------------------------------------------------------


@every_case
@pytest.mark.parametrize("seed", [0, 1])
def test_a_defect_leaves_a_sound_mesh(name: str, kind: str, seed: int) -> None:
    before, after = mesh(shape_of(name)), mesh(defective(name, kind, seed).shape)
    assert np.isfinite(after.vertices).all()
    assert after.area_faces.min() > 0
    assert after.is_watertight == before.is_watertight
    assert after.is_winding_consistent
    assert after.body_count == before.body_count
    assert after.vertices[:, 2].min() > -1e-3


@every_case
def test_the_label_is_a_small_part_and_the_far_side_is_untouched(name: str, kind: str) -> None:
    before, made = shape_of(name), defective(name, kind, 0)
    assert made.label.dtype == np.float32 and len(made.label) == len(made.shape.vertices)
    assert set(np.unique(made.label)) == {0.0, 1.0}

    def away(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points - made.facts.position, axis=1) > 0.32

    assert not made.label[away(made.shape.vertices)].any()
    far = before.vertices[away(before.vertices)]
    assert len(far) > 100
    distance, _ = cKDTree(made.shape.vertices).query(far)
    assert distance.max() < 1e-12


@pytest.mark.parametrize(("name", "kind"), [c for c in CASES if c[1] != "hole"])
def test_the_label_covers_what_has_moved(name: str, kind: str) -> None:
    before, made = shape_of(name), defective(name, kind, 0)
    # Refinement keeps the given vertices, in front and in order.
    count = len(before.vertices)
    moved = np.linalg.norm(made.shape.vertices[:count] - before.vertices, axis=1)
    deep, label = made.facts.depth_pct / 100, made.label[:count]
    assert moved.max() <= deep * 1.001
    assert (moved > 0.1 * deep).any()
    assert label[moved > 0.2 * deep].all()
    assert not label[moved < 0.05 * deep].any()


@every_case
@pytest.mark.parametrize("seed", [0, 1])
def test_the_facts_are_what_was_asked_for(name: str, kind: str, seed: int) -> None:
    made = defective(name, kind, seed)
    facts = made.facts
    radius, depth = SIZE.radius_pct, SIZE.depth_pct
    if kind == "scratch":
        length, width = SIZE.scratch_length_pct, SIZE.scratch_width_pct
        assert 0.8 * length[0] <= facts.extent_pct <= 1.05 * length[1]
        assert 0.7 * width[0] <= facts.width_pct <= 1.2 * width[1]
        assert 0 < facts.depth_pct <= width[1]
    else:
        assert 1.6 * radius[0] <= facts.width_pct <= facts.extent_pct <= 2.5 * radius[1]
    if kind in ("bulge", "concavity"):
        assert 0.9 * depth[0] <= facts.depth_pct <= depth[1]
    if kind == "hole" and name in ("cube", "ball"):
        assert facts.depth_pct >= radius[0]  # blind, as deep as its radius at least
    if kind == "hole" and name == "bowl":
        assert 2.5 <= facts.depth_pct <= 8  # through: the thickness of the wall, taken aslant at most
    solid = mesh(made.shape)
    share = 100 * (solid.area_faces * made.label[made.shape.faces].mean(axis=1)).sum() / solid.area
    assert facts.area_pct == pytest.approx(share)
    assert 0.1 < facts.area_pct < 15


@pytest.mark.parametrize(("kind", "sign"), [("bulge", 1), ("concavity", -1), ("hole", -1)])
@pytest.mark.parametrize("name", ["cube", "ball"])
def test_a_solid_gains_or_loses_material(name: str, kind: str, sign: int) -> None:
    change = mesh(defective(name, kind, 0).shape).volume - mesh(shape_of(name)).volume
    assert sign * change > 1e-4


@pytest.mark.parametrize("kind", ["bulge", "concavity"])
def test_both_walls_of_a_thin_shell_move_together(kind: str) -> None:
    before, made = shape_of("bowl"), defective("bowl", kind, 0)
    at = np.array(made.facts.position)
    inside = Surface(before, np.random.default_rng(0))
    for surface in (inside, Surface(made.shape, np.random.default_rng(0))):
        near = surface.around(at, 0.06, inside.normals[inside.near.query(at)[1]])
        normal = surface.normals[near].mean(axis=0)
        start = surface.points[near[len(near) // 2]]
        assert 0.02 < surface.thickness(start, normal / np.linalg.norm(normal)) < 0.09


def test_a_hole_goes_through_a_wall_and_ends_in_a_solid() -> None:
    through, blind = defective("bowl", "hole", 0), defective("ball", "hole", 0)
    assert mesh(through.shape).euler_number == mesh(shape_of("bowl")).euler_number - 2
    assert mesh(blind.shape).euler_number == 2


def test_a_hole_is_labelled_on_its_walls_and_a_thin_rim() -> None:
    made = defective("ball", "hole", 0)
    marked = made.shape.vertices[made.label > 0]
    from_centre = np.linalg.norm(marked - [0, 0, 0.5], axis=1)
    floor = 0.5 - made.facts.depth_pct / 100
    assert from_centre.min() == pytest.approx(floor, abs=2e-3)  # the surface has a radius of one half
    outside = made.shape.vertices[np.abs(np.linalg.norm(made.shape.vertices - [0, 0, 0.5], axis=1) - 0.5) < 1e-3]
    on_surface = marked[np.abs(from_centre - 0.5) < 1e-3]
    assert 0 < len(on_surface) < len(outside)
    reach = np.linalg.norm(on_surface - made.facts.position, axis=1)
    assert reach.max() < 0.75 * made.facts.extent_pct / 100


def test_an_open_surface_takes_no_hole() -> None:
    with pytest.raises(BadInput, match="watertight"):
        apply(shape_of("dome"), "hole", SIZE, np.random.default_rng(0))


def test_a_rod_takes_no_wide_dent() -> None:
    rod = trimesh.creation.cylinder(radius=0.004, height=1.0)
    with pytest.raises(BadInput, match="no place where even the smallest concavity"):
        apply(placed(rod.vertices, np.asarray(rod.faces)), "concavity", SIZE, np.random.default_rng(0))


@pytest.mark.parametrize("kind", DEFECT_TYPES)
def test_equal_seeds_give_equal_bytes(kind: str) -> None:
    one = defective("cup", kind, 0)
    same = apply(shape_of("cup"), kind, SIZE, np.random.default_rng(0))
    other = defective("cup", kind, 1)
    assert one.shape.vertices.tobytes() == same.shape.vertices.tobytes()
    assert one.shape.faces.tobytes() == same.shape.faces.tobytes()
    assert one.label.tobytes() == same.label.tobytes()
    assert one.facts == same.facts != other.facts


# --- places ----------------------------------------------------------------------------------------


def first_places(name: str, radius: float = 0.08) -> list[Place]:
    rng = np.random.default_rng(0)
    return [p for p in find(Surface(shape_of(name), rng), radius, rng) if p.fit == 1]


@pytest.mark.parametrize("name", ["cube", "ball", "bowl", "cup"])
def test_good_places_are_seen_and_off_the_floor(name: str) -> None:
    places = first_places(name)
    assert len(places) > 5
    assert all(p.seen >= 0.2 and p.normal[2] > -0.6 for p in places)
    assert all(p.point[2] > 0.05 for p in places)


def test_good_places_keep_off_sharp_edges() -> None:
    for place in first_places("cube"):
        beyond = np.sort(np.abs(place.point - [0, 0, 0.5]))
        assert beyond[2] == pytest.approx(0.5, abs=1e-6)  # on a face
        assert beyond[1] < 0.47  # and not at its border


def test_nothing_inside_a_closed_vessel_is_seen() -> None:
    assert all(np.hypot(*p.point[:2]) > 0.13 or p.point[2] > 0.6 for p in first_places("bottle", 0.04))
