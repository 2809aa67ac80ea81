"""Stable sides: which there are, how likely they are, and what lying on another one looks like."""

import numpy as np
import pytest
import trimesh

from tasks.filming.poses import lying, sides
from tasks.meshes import Shape, placed


def shape(mesh: trimesh.Trimesh) -> Shape:
    return placed(np.asarray(mesh.vertices, dtype=np.float64), np.asarray(mesh.faces))


BOX = shape(trimesh.creation.box((1.0, 2.0, 4.0)))
CONE = shape(trimesh.creation.cone(radius=1.0, height=3.0, sections=24))


def test_a_box_lies_on_six_sides_rather_on_its_large_ones() -> None:
    normals, share = sides(BOX)
    assert len(normals) == 6 and share.sum() == pytest.approx(1)
    by_axis = {int(np.abs(n).argmax()): float(s) for n, s in zip(normals, share, strict=True)}
    assert by_axis[0] > by_axis[1] > by_axis[2]


def test_a_cone_stands_on_its_base_or_lies_on_its_side_but_never_on_its_tip() -> None:
    normals, _ = sides(CONE)
    assert (normals[:, 2] < 0.5).all() and (normals[:, 2] < -0.99).sum() == 1 and len(normals) == 25


@pytest.mark.parametrize("seed", range(5))
def test_lying_is_another_side_flat_on_the_floor(seed: int) -> None:
    frame = lying(BOX, np.random.default_rng(seed))
    assert frame is not None
    laid = frame(BOX.vertices)
    assert frame.turn[2] @ [0, 0, 1] < 0.95, "not upright"
    assert np.linalg.det(frame.turn) == pytest.approx(1), "turned, not mirrored"
    assert (laid[:, 2] < 1e-9).sum() == 4, "a side of the box is on the floor"
    assert laid[:, :2].min(axis=0) == pytest.approx(-laid[:, :2].max(axis=0))
    assert np.ptp(laid, axis=0).max() == pytest.approx(1)
    assert np.linalg.norm(laid[0] - laid[-1]) * frame.size == pytest.approx(
        np.linalg.norm(BOX.vertices[0] - BOX.vertices[-1])
    )


def test_equal_seeds_lay_alike() -> None:
    one, two = (lying(CONE, np.random.default_rng(4)) for _ in range(2))
    assert one is not None and two is not None
    assert one.turn.tobytes() == two.turn.tobytes() and one.foot.tobytes() == two.foot.tobytes()
