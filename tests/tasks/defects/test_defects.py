"""Defects: what holds for every shape, kind and seed."""

from functools import cache

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from schemas.errors import BadInput
from schemas.names import DEFECT_TYPES, SEVERITIES
from schemas.objects import DefectSize
from schemas.rows import DefectFacts
from tasks.defects import Defective, apply
from tasks.defects.made import Misfit
from tasks.defects.measure import distance
from tasks.defects.places import Surface
from tasks.defects.sound import carried
from tasks.meshes import Shape, placed
from tasks.meshes.refine import refine
from tests.solids import mesh, shape_of

SIZE = DefectSize()
CUTS = ("hole", "crack", "broken")
"""Made by a boolean difference where the surface is closed."""
CLOSED_ONLY = ("hole", "broken")


@cache
def defective(name: str, kind: str, seed: int = 0) -> Defective:
    return apply(shape_of(name), kind, SIZE, np.random.default_rng(seed))


def first(name: str, kind: str, seed: int = 0) -> DefectFacts:
    (facts,) = defective(name, kind, seed).facts
    return facts


CASES = [(name, kind) for name in ("cube", "ball", "bowl0") for kind in DEFECT_TYPES]
CASES += [("dome", kind) for kind in DEFECT_TYPES if kind not in CLOSED_ONLY]
every_case = pytest.mark.parametrize(("name", "kind"), CASES)


@every_case
def test_a_defect_leaves_a_sound_mesh(name: str, kind: str) -> None:
    before, after = mesh(shape_of(name)), mesh(defective(name, kind).shape)
    assert np.isfinite(after.vertices).all()
    assert after.area_faces.min() > 0
    assert after.is_watertight == before.is_watertight
    assert after.is_winding_consistent
    assert after.body_count == before.body_count
    assert after.vertices[:, 2].min() > -1e-4


@every_case
def test_the_label_is_a_small_part_and_the_far_side_is_untouched(name: str, kind: str) -> None:
    before, made = shape_of(name), defective(name, kind, 0)
    assert made.label.dtype == np.float32 and len(made.label) == len(made.shape.vertices)
    assert set(np.unique(made.label)) == {0.0, 1.0}

    def away(points: np.ndarray) -> np.ndarray:
        return np.linalg.norm(points - first(name, kind).position, axis=1) > 0.36

    assert not made.label[away(made.shape.vertices)].any()
    far = before.vertices[away(before.vertices)]
    assert len(far) > 100
    distance, _ = cKDTree(made.shape.vertices).query(far)
    assert distance.max() == 0


@pytest.mark.parametrize(("name", "kind"), [c for c in CASES if c[1] not in CUTS or c == ("dome", "crack")])
def test_the_label_covers_what_has_moved(name: str, kind: str) -> None:
    before, made = shape_of(name), defective(name, kind, 0)
    # Refinement keeps the given vertices, in front and in order.
    count = len(before.vertices)
    moved = np.linalg.norm(made.shape.vertices[:count] - before.vertices, axis=1)
    deep, label = first(name, kind).depth_pct / 100, made.label[:count]
    assert moved.max() <= deep * 1.001
    assert label[moved > 0.2 * deep].all()
    if kind != "crack":
        assert (moved > 0.1 * deep).any()
        assert not label[moved < 0.05 * deep].any()
    else:
        assert not label[moved == 0].any()


@pytest.mark.parametrize(("name", "kind"), [c for c in CASES if c[1] in CUTS and c != ("dome", "crack")])
def test_the_label_covers_what_the_cut_has_bared_and_a_narrow_rim(name: str, kind: str) -> None:
    before, made = shape_of(name), defective(name, kind, 0)
    assert distance(made.shape.vertices[made.label > 0], before).max() > 0.005
    unmarked = made.shape.vertices[made.label == 0]
    near = unmarked[np.linalg.norm(unmarked - first(name, kind).position, axis=1) < 0.3][:4000]
    assert distance(near, before).max() < 1e-6, "all that is not marked is as it was"


def within(facts: DefectFacts, kind: str, size: DefectSize) -> None:
    across = (2 * size.radius_pct[0], 2 * size.radius_pct[1])
    lengths, widths, depths = {
        "scratch": (size.scratch_length_pct, size.scratch_width_pct, (0.1, size.scratch_width_pct[1])),
        "crack": (
            size.crack_length_pct,
            size.crack_width_pct,
            (size.crack_width_pct[0], 5.2 * size.crack_width_pct[1]),
        ),
        "broken": (size.broken_pct, (1.0, size.broken_pct[1]), (1.0, size.broken_pct[1])),
        "hole": (across, across, (2.0, 1.5 * size.radius_pct[1])),
        "bulge": (across, across, size.depth_pct),
        "concavity": (across, across, size.depth_pct),
    }[kind]
    assert 0.8 * lengths[0] <= facts.extent_pct <= 1.25 * lengths[1]
    assert 0.7 * widths[0] <= facts.width_pct <= 1.3 * widths[1]
    assert 0.9 * depths[0] <= facts.depth_pct <= 1.05 * depths[1]


@every_case
def test_the_facts_are_what_was_asked_for(name: str, kind: str) -> None:
    made, facts = defective(name, kind), first(name, kind)
    within(facts, kind, SIZE)
    if kind == "hole" and name in ("cube", "ball"):
        assert facts.depth_pct >= 0.95 * SIZE.radius_pct[0]  # blind, about as deep as its radius
    solid = mesh(made.shape)
    share = 100 * (solid.area_faces * made.label[made.shape.faces].mean(axis=1)).sum() / solid.area
    assert facts.area_pct == pytest.approx(share)
    assert 0.1 < facts.area_pct < 15


@settings(max_examples=10, deadline=None)
@given(kind=st.sampled_from(DEFECT_TYPES), times=st.floats(0.6, 1.2), seed=st.integers(0, 1000))
def test_sizes_stay_within_any_ranges(kind: str, times: float, seed: int) -> None:
    ranges = {name: (times * r[0], times * r[1]) for name, r in SIZE if name.endswith("_pct")}
    size = DefectSize(**ranges)
    (facts,) = apply(shape_of("ball"), kind, size, np.random.default_rng(seed)).facts
    within(facts, kind, size)


@pytest.mark.parametrize(("kind", "sign"), [("bulge", 1), *((k, -1) for k in ("concavity", "hole", "crack", "broken"))])
@pytest.mark.parametrize("name", ["cube", "ball"])
def test_a_solid_gains_or_loses_material(name: str, kind: str, sign: int) -> None:
    change = mesh(defective(name, kind, 0).shape).volume - mesh(shape_of(name)).volume
    assert sign * change > 5e-5


@pytest.mark.parametrize("kind", ["bulge", "concavity"])
def test_both_walls_of_a_thin_shell_move_together(kind: str) -> None:
    before, made = shape_of("bowl0"), defective("bowl0", kind, 0)
    at = np.array(first("bowl0", kind).position)
    inside = Surface(before, np.random.default_rng(0))
    for surface in (inside, Surface(made.shape, np.random.default_rng(0))):
        near = surface.around(at, 0.1, inside.normals[inside.near.query(at)[1]])
        normal = surface.normals[near].mean(axis=0)
        start = surface.points[near[len(near) // 2]]
        assert 0.015 < surface.thickness(start, normal / np.linalg.norm(normal)) < 0.1


def test_a_hole_goes_through_a_wall_and_ends_in_a_solid() -> None:
    through, blind = defective("bowl0", "hole", 0), defective("ball", "hole", 0)
    assert mesh(through.shape).euler_number == mesh(shape_of("bowl0")).euler_number - 2
    assert mesh(blind.shape).euler_number == 2


def test_a_hole_is_labelled_on_its_walls_and_a_thin_rim() -> None:
    made, facts = defective("ball", "hole", 0), first("ball", "hole")
    marked = made.shape.vertices[made.label > 0]
    from_centre = np.linalg.norm(marked - [0, 0, 0.5], axis=1)
    assert from_centre.min() == pytest.approx(0.5 - facts.depth_pct / 100, abs=4e-3)  # the ball's radius is one half
    outside = made.shape.vertices[np.abs(np.linalg.norm(made.shape.vertices - [0, 0, 0.5], axis=1) - 0.5) < 1e-3]
    on_surface = marked[np.abs(from_centre - 0.5) < 1e-3]
    assert 0 < len(on_surface) < len(outside)
    assert np.linalg.norm(on_surface - facts.position, axis=1).max() < 0.75 * facts.extent_pct / 100


# --- crack and broken ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cube", "ball", "bowl0", "dome"])
def test_a_crack_is_thinner_and_deeper_for_its_width_than_a_scratch(name: str) -> None:
    crack, scratch = first(name, "crack"), first(name, "scratch")
    assert crack.width_pct < scratch.width_pct
    assert crack.depth_pct / crack.width_pct > 1.5
    assert scratch.depth_pct / scratch.width_pct < 1.0


def test_a_crack_is_jagged_and_forks_where_a_scratch_runs_straight() -> None:
    """Off the line between its ends a crack swings to both sides; and it has side branches."""

    def swing(kind: str, seed: int) -> float:
        made = defective("cube", kind, seed)
        marked = made.shape.vertices[made.label > 0] - first("cube", kind, seed).position
        _, values, _ = np.linalg.svd(marked - marked.mean(axis=0), full_matrices=False)
        along = marked @ np.linalg.svd(marked - marked.mean(axis=0), full_matrices=False)[2].T
        assert values[0] > values[1]
        return float(np.std(along[:, 1]) / np.ptp(along[:, 0]))

    cracks, scratches = (np.mean([swing(kind, seed) for seed in (0, 1)]) for kind in ("crack", "scratch"))
    assert cracks > 1.2 * scratches


def test_a_crack_in_a_solid_ends_in_it() -> None:
    for name in ("cube", "ball"):
        assert mesh(defective(name, "crack", 0).shape).euler_number == 2
        assert first(name, "crack").depth_pct == pytest.approx(4 * first(name, "crack").width_pct, rel=0.35)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_piece_breaks_off_where_the_shape_juts_out(seed: int) -> None:
    made = defective("cube", "broken", seed)
    beyond = np.sort(np.abs(np.array(made.facts[0].position) - [0, 0, 0.5]))
    assert beyond[1] > 0.36, "at an edge or a corner"
    shell = defective("bowl0", "broken", seed)
    assert shell.facts[0].position[2] > shape_of("bowl0").vertices[:, 2].max() - 0.2, "at the rim"


@pytest.mark.parametrize("name", ["cube", "ball", "bowl0", "bottle0"])
def test_a_broken_wall_has_no_window_in_it(name: str) -> None:
    assert mesh(defective(name, "broken", 0).shape).euler_number >= mesh(shape_of(name)).euler_number


def test_the_face_of_fracture_is_rough() -> None:
    def roughness(kind: str) -> float:
        """Mean angle between the normals of neighbouring marked faces, in degrees."""
        made = defective("cube", kind, 0)
        solid = mesh(made.shape)
        marked = made.label[made.shape.faces].min(axis=1) > 0
        pairs = solid.face_adjacency_angles[marked[solid.face_adjacency].all(axis=1)]
        return float(np.degrees(pairs.mean()))

    assert roughness("broken") > 10
    assert roughness("broken") > 3 * roughness("concavity")


# --- severity, number, view ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DEFECT_TYPES)
def test_the_more_severe_the_larger(kind: str) -> None:
    areas = []
    for severity in SEVERITIES:
        size = DefectSize(severities=(severity,))
        (facts,) = apply(shape_of("ball"), kind, size, np.random.default_rng(0)).facts
        assert facts.severity == severity
        areas.append(facts.extent_pct * facts.width_pct)
    assert areas == sorted(areas) and areas[2] > 1.2 * areas[0]


@pytest.mark.parametrize("kind", DEFECT_TYPES)
def test_several_defects_of_a_kind_lie_apart_each_with_its_facts(kind: str) -> None:
    size = DefectSize(count=(3, 3), severities=("slight",))
    made = apply(shape_of("ball"), kind, size, np.random.default_rng(1))
    assert len(made.facts) == 3
    shares = [f.area_pct for f in made.facts]
    assert shares == sorted(shares, reverse=True)
    solid = mesh(made.shape)
    assert solid.is_watertight and solid.body_count == 1
    marked = made.label[made.shape.faces].max(axis=1) > 0
    pairs = solid.face_adjacency[marked[solid.face_adjacency].all(axis=1)]
    groups = trimesh.graph.connected_components(pairs, nodes=np.flatnonzero(marked))
    weight = solid.area_faces * made.label[made.shape.faces].mean(axis=1)
    found = sorted((float(100 * weight[g].sum() / solid.area) for g in groups), reverse=True)
    found = [f for f in found if f > 1e-3]
    assert found == pytest.approx(shares)


def test_labels_survive_untouched_or_not_at_all() -> None:
    before = shape_of("ball")
    owners = (np.linalg.norm(before.vertices - [0.5, 0, 0.5], axis=1) < 0.2).astype(np.int32) * 2

    def refined(centre: list[float]) -> Shape:
        fine = refine(
            before.vertices, before.faces, 0.02, lambda p: np.asarray(np.linalg.norm(p - centre, axis=1)), 0.1
        )
        return Shape(fine.vertices[::-1], (len(fine.vertices) - 1 - fine.faces)[:, [1, 2, 0]])

    far = refined([-0.5, 0.0, 0.5])
    kept = carried(before, owners, far)
    assert set(np.unique(kept)) == {0, 2} and (kept > 0).sum() == (owners > 0).sum()
    with pytest.raises(Misfit):
        carried(before, owners, refined([0.5, 0.0, 0.5]))


@pytest.mark.parametrize("kind", ["bulge", "broken"])
def test_the_place_is_seen_from_as_much_of_the_orbit_as_wanted(kind: str) -> None:
    def mean(arc: float) -> float:
        shares = []
        for seed in range(2):
            made = apply(shape_of("cube"), kind, SIZE, np.random.default_rng(seed), arc=arc)
            surface = Surface(made.shape, np.random.default_rng(0))
            face = np.flatnonzero(made.label[made.shape.faces].min(axis=1) > 0)[::7]
            lit = surface.lit(surface.mesh.triangles_center[face], surface.mesh.face_normals[face])
            shares.append((lit > 0).any(axis=0).mean())
        return float(np.mean(shares))

    assert mean(0.1) < mean(0.9) - 0.15


# --- what cannot be --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLOSED_ONLY)
def test_an_open_surface_takes_no_cut(kind: str) -> None:
    with pytest.raises(BadInput, match="watertight"):
        apply(shape_of("dome"), kind, SIZE, np.random.default_rng(0))


def test_a_rod_takes_no_wide_dent() -> None:
    with pytest.raises(BadInput, match="no place where even the smallest concavity"):
        apply(shape_of("rod"), "concavity", SIZE, np.random.default_rng(0))


def test_too_many_defects_say_how_many_there_is_room_for() -> None:
    size = DefectSize(count=(20, 20), radius_pct=(20, 22))
    with pytest.raises(BadInput, match=r"besides the \d+ made before"):
        apply(shape_of("ball"), "hole", size, np.random.default_rng(0))


def test_no_surface_no_defect() -> None:
    nothing = Shape(np.zeros((3, 3)), np.array([[0, 1, 2]], dtype=np.int32))
    broken = Shape(np.full((3, 3), np.nan), np.array([[0, 1, 2]], dtype=np.int32))
    for shape in (nothing, broken, Shape(np.zeros((0, 3)), np.zeros((0, 3), dtype=np.int32))):
        with pytest.raises(BadInput, match="no surface"):
            apply(shape, "crack", SIZE, np.random.default_rng(0))


@settings(max_examples=10, deadline=None)
@given(
    sides=st.tuples(*[st.sampled_from([0.01, 0.1, 0.4, 1.0])] * 3),
    corners=st.sampled_from(["box", "tetrahedron", "spindle", "sheet"]),
    kind=st.sampled_from(DEFECT_TYPES),
    seed=st.integers(0, 100),
)
def test_an_odd_mesh_gets_a_sound_defect_or_one_sentence(
    sides: tuple[float, ...], corners: str, kind: str, seed: int
) -> None:
    solid = {
        "box": lambda: trimesh.creation.box((1, 1, 1)),
        "tetrahedron": lambda: trimesh.convex.convex_hull([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]]),
        "spindle": lambda: trimesh.creation.icosphere(subdivisions=1),
        "sheet": lambda: trimesh.Trimesh([[0, 0, 0], [1, 0, 0.2], [1, 1, 0], [0, 1, 0.4]], [[0, 1, 2], [0, 2, 3]]),
    }[corners]()
    before = placed(np.asarray(solid.vertices) * sides, np.asarray(solid.faces, dtype=np.int32))
    try:
        made = apply(before, kind, SIZE, np.random.default_rng(seed))
    except BadInput as e:
        assert "\n" not in str(e) and str(e).count(". ") == 0
        return
    after = mesh(made.shape)
    assert after.is_watertight == mesh(before).is_watertight and after.area_faces.min() > 0
    assert made.label.any() and after.vertices[:, 2].min() > -1e-4


@pytest.mark.parametrize("kind", DEFECT_TYPES)
def test_equal_seeds_give_equal_bytes(kind: str) -> None:
    one = defective("ball", kind, 0)
    same = apply(shape_of("ball"), kind, SIZE, np.random.default_rng(0))
    other = defective("ball", kind, 1)
    assert one.shape.vertices.tobytes() == same.shape.vertices.tobytes()
    assert one.shape.faces.tobytes() == same.shape.faces.tobytes()
    assert one.label.tobytes() == same.label.tobytes()
    assert one.facts == same.facts != other.facts
