"""Facts measured of any labelled mesh."""

import numpy as np
import pytest
import trimesh

from schemas.errors import BadInput
from schemas.objects import DefectSize
from tasks.defects import apply
from tasks.defects.measure import distance, facts, spans
from tasks.meshes import Shape
from tests.solids import shape_of


@pytest.mark.parametrize(("name", "kind"), [("cube", "bulge"), ("ball", "concavity"), ("dome", "bulge")])
def test_a_measured_bump_has_the_sizes_it_was_made_with(name: str, kind: str) -> None:
    before = shape_of(name)
    made = apply(before, kind, DefectSize(), np.random.default_rng(0))
    (known,), held, fitted = made.facts, facts(made.shape, made.label, before), facts(made.shape, made.label)
    assert held.depth_pct == pytest.approx(known.depth_pct, rel=0.06)
    assert fitted.depth_pct == pytest.approx(known.depth_pct, rel=0.25)
    for measured in (held, fitted):
        assert measured.extent_pct == pytest.approx(known.extent_pct, rel=0.1)
        assert measured.width_pct == pytest.approx(known.width_pct, rel=0.1)
        assert measured.area_pct == pytest.approx(known.area_pct)
        assert np.linalg.norm(np.subtract(measured.position, known.position)) < 0.08
        assert measured.severity is None and measured.object_mm is None


def test_a_blind_hole_is_as_deep_as_its_floor_is_far_from_the_template() -> None:
    before = shape_of("cube")
    made = apply(before, "hole", DefectSize(), np.random.default_rng(0))
    assert facts(made.shape, made.label, before).depth_pct == pytest.approx(made.facts[0].depth_pct, rel=0.06)


def test_distances_from_a_surface() -> None:
    rng, cube = np.random.default_rng(0), shape_of("cube")
    points = rng.uniform(-0.3, 0.3, (200, 3)) + np.array([0, 0, 0.5])
    assert distance(points, cube) == pytest.approx(0.5 - np.abs(points - [0, 0, 0.5]).max(axis=1), rel=1e-3)


def test_spans_of_a_rectangle() -> None:
    x, y = np.array([0.0, 4.0, 4.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0])
    assert spans(x, y) == pytest.approx((17**0.5, 1.0), rel=0.01)


def test_the_label_of_everything_is_measured_too() -> None:
    ball = shape_of("ball")
    found = facts(ball, np.ones(len(ball.vertices), dtype=np.float32))
    assert found.area_pct == pytest.approx(100) and found.extent_pct == pytest.approx(100, rel=0.01)
    one = np.zeros(len(ball.vertices), dtype=np.float32)
    one[7] = 1
    assert facts(ball, one).extent_pct == 0 and facts(ball, one).position == pytest.approx(ball.vertices[7])


def test_a_label_that_does_not_fit_is_refused() -> None:
    cube = shape_of("cube")
    with pytest.raises(BadInput, match="one label per vertex"):
        facts(cube, np.ones(7))
    with pytest.raises(BadInput, match="marks no vertex"):
        facts(cube, np.zeros(len(cube.vertices)))


def test_the_template_may_be_another_mesh() -> None:
    """Scans of the same object have other vertices."""
    ball = shape_of("ball")
    dented = ball.vertices.copy()
    near = np.linalg.norm(dented - [0.5, 0, 0.5], axis=1) < 0.1
    dented[near] -= [0.04, 0, 0]
    found = facts(Shape(dented, ball.faces), near.astype(np.float32), Shape(*_finer()))
    assert found.depth_pct == pytest.approx(4.0, abs=0.3)


def _finer() -> tuple[np.ndarray, np.ndarray]:
    ball = trimesh.creation.icosphere(subdivisions=5, radius=0.5)
    return np.asarray(ball.vertices) + np.array([0, 0, 0.5]), np.asarray(ball.faces, dtype=np.int32)
