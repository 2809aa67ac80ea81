"""Refinement: smaller triangles where they are wanted, and the same surface."""

import numpy as np
import pytest
import trimesh
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.meshes.refine import refine
from tests.solids import mesh, shape_of


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
