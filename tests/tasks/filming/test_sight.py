"""Rays against what can be worked out on paper: projected areas, walls in the way, the frame's edge, both sides."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.filming.sight import Camera, Subject
from tasks.meshes import Shape

FOCAL, WIDTH, HEIGHT = 500.0, 400, 300


def plate(low: tuple[float, float], high: tuple[float, float], height: float, cells: int = 20) -> Shape:
    """A level rectangle of triangles at a height, facing up."""
    x, y = np.meshgrid(*(np.linspace(a, b, cells + 1) for a, b in zip(low, high, strict=True)), indexing="ij")
    vertices = np.stack([x.ravel(), y.ravel(), np.full(x.size, height)], axis=1)
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    a, b, c, d = corner, corner + cells + 1, corner + cells + 2, corner + 1
    return Shape(vertices, np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32))


def together(*shapes: Shape) -> Shape:
    starts = np.cumsum([0, *(len(s.vertices) for s in shapes[:-1])])
    faces = np.concatenate([s.faces + n for s, n in zip(shapes, starts, strict=True)])
    return Shape(np.concatenate([s.vertices for s in shapes]), faces.astype(np.int32))


def ball(rings: int = 64, radius: float = 0.5) -> Shape:
    """A sphere around the origin; `radius` of its vertices."""
    import trimesh

    mesh = trimesh.creation.uv_sphere(radius=radius, count=[rings, rings])
    return Shape(np.asarray(mesh.vertices), np.asarray(mesh.faces).astype(np.int32))


def camera(*places: tuple[float, float, float], at: tuple[float, float, float] = (0, 0, 0)) -> Camera:
    return Camera(np.array(places, float), np.array(at, float), FOCAL, WIDTH, HEIGHT)


def marked(shape: Shape, where: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    return where(shape.vertices).astype(np.float32)


def everywhere(shape: Shape) -> np.ndarray:
    return np.ones(len(shape.vertices), np.float32)


ABOVE = (1e-6, 0.0, 3.0)
"""Straight up, but for the side that is up in the picture."""


@pytest.mark.parametrize("distance", [1.5, 3.0, 8.0])
def test_a_level_plate_seen_from_above_covers_its_scaled_area(distance: float) -> None:
    patch = plate((-0.1, -0.1), (0.1, 0.1), 0.0)
    seen = Subject(patch, everywhere(patch)).seen(camera((1e-6, 0, distance)))
    assert seen.pixels[0] == pytest.approx((0.2 * FOCAL / distance) ** 2, rel=1e-3)
    assert seen.incidence[0] < 3


@given(st.floats(5, 80))
def test_a_small_patch_seen_at_an_angle_shrinks_by_its_cosine(degrees: float) -> None:
    patch = plate((-0.01, -0.01), (0.01, 0.01), 0.0, cells=4)
    rise = np.radians(degrees)
    seen = Subject(patch, everywhere(patch)).seen(camera((4 * np.cos(rise), 0, 4 * np.sin(rise))))
    assert seen.pixels[0] == pytest.approx((0.02 * FOCAL / 4) ** 2 * np.sin(rise), rel=0.01)
    assert seen.incidence[0] == pytest.approx(90 - degrees, abs=0.5)


def test_a_ball_that_is_all_defect_covers_its_outline() -> None:
    """A sphere of radius r at distance d has an outline whose half angle is asin(r / d)."""
    round_one = ball()
    seen = Subject(round_one, everywhere(round_one)).seen(camera((3, 0, 0), (0, 3, 0), (2, 2, 1)))
    outline = np.pi * (FOCAL * np.tan(np.arcsin(0.5 / 3))) ** 2
    assert seen.pixels == pytest.approx([outline] * 3, rel=0.01)


def test_the_edge_of_the_label_is_where_it_is_one_half() -> None:
    sheet = plate((-0.5, -0.5), (0.5, 0.5), 0.0, cells=10)
    label = marked(sheet, lambda v: np.abs(v[:, 0]) < 0.25)  # vertices at -0.2 … 0.2, so up to 0.25
    seen = Subject(sheet, label).seen(camera(ABOVE))
    assert seen.pixels[0] == pytest.approx((FOCAL / 3) ** 2 * 0.5, rel=0.01)


def test_what_stands_in_the_way_hides_exactly_its_shadow() -> None:
    patch, lid = plate((-0.2, -0.2), (0.2, 0.2), 0.0), plate((0.0, -0.5), (0.5, 0.5), 0.5)
    scene = together(patch, lid)
    label = np.concatenate([everywhere(patch), np.zeros(len(lid.vertices), np.float32)])
    whole, half = Subject(patch, everywhere(patch)), Subject(scene, label)
    assert half.seen(camera(ABOVE)).pixels[0] == pytest.approx(whole.seen(camera(ABOVE)).pixels[0] / 2, rel=0.01)
    aside = camera((-3, 0, 1.0))
    assert half.seen(aside).pixels[0] == pytest.approx(whole.seen(aside).pixels[0], rel=0.01), "not hidden from there"


def test_what_leaves_the_frame_is_not_counted() -> None:
    patch = plate((-0.1, -0.1), (0.1, 0.1), 0.0)
    subject, edge = Subject(patch, everywhere(patch)), HEIGHT / 2 / FOCAL * 3  # half a frame's height at that distance

    def looking_down(x: float) -> float:
        return float(subject.seen(camera((x + 1e-6, 0, 3.0), at=(x, 0, 0))).pixels[0])

    whole = (0.2 * FOCAL / 3) ** 2
    assert looking_down(edge - 0.12) == pytest.approx(whole, rel=0.01)
    assert looking_down(edge) == pytest.approx(whole / 2, rel=0.01)
    assert looking_down(edge + 0.12) == 0


def test_what_is_behind_the_camera_is_not_counted() -> None:
    patch = plate((-0.1, -0.1), (0.1, 0.1), 0.0)
    seen = Subject(patch, everywhere(patch)).seen(camera((1e-6, 0, 3.0), at=(0, 0, 9.0)))
    assert seen.pixels[0] == seen.incidence[0] == seen.contrast[0] == 0


def test_a_sheet_is_seen_from_behind_as_it_is_rendered() -> None:
    patch = plate((-0.1, -0.1), (0.1, 0.1), 0.0)
    above, below = Subject(patch, everywhere(patch)).seen(camera((0.4, 0, 3.0), (0.4, 0, -3.0))).pixels
    assert below == pytest.approx(above, rel=1e-3) and below > 0


@pytest.mark.parametrize("thickness", [1e-3, 1e-4])
def test_the_far_side_of_a_thin_wall_is_hidden(thickness: float) -> None:
    front, back = plate((-0.2, -0.2), (0.2, 0.2), thickness), plate((-0.19, -0.19), (0.19, 0.19), 0.0)
    wall = together(front, Shape(back.vertices, back.faces[:, ::-1]))
    label = np.concatenate([np.zeros(len(front.vertices)), np.ones(len(back.vertices))]).astype(np.float32)
    above, below = Subject(wall, label).seen(camera((1.0, 0, 3.0), (1.0, 0, -3.0))).pixels
    assert above == 0 < below


def test_few_points_are_counted_again_with_more() -> None:
    """A sliver of a large defect peeps out: its area is right all the same."""
    patch, lid = plate((-0.4, -0.4), (0.4, 0.4), 0.0), plate((-0.39, -0.5), (0.9, 0.5), 1e-3)
    label = np.concatenate([everywhere(patch), np.zeros(len(lid.vertices), np.float32)])
    seen = Subject(together(patch, lid), label).seen(camera(ABOVE))
    assert seen.pixels[0] == pytest.approx(0.01 * 0.8 * (FOCAL / 3) ** 2, rel=0.1)


def test_a_mesh_without_a_label_is_refused() -> None:
    patch = plate((-0.1, -0.1), (0.1, 0.1), 0.0)
    with pytest.raises(ValueError, match="no face carries the label"):
        Subject(patch, np.zeros(len(patch.vertices), np.float32))


# --- shading -------------------------------------------------------------------------------------------


def sun(direction: tuple[float, float, float]) -> Callable[[np.ndarray], np.ndarray]:
    unit = np.array(direction) / np.linalg.norm(direction)
    return lambda normals: 0.2 + np.maximum(normals @ unit, 0)


def bumped(height: float) -> tuple[Shape, np.ndarray]:
    sheet = plate((-0.5, -0.5), (0.5, 0.5), 0.0, cells=60)
    r = np.linalg.norm(sheet.vertices[:, :2], axis=1)
    vertices = sheet.vertices + [0, 0, 1] * (height * np.exp(-((r / 0.08) ** 2)))[:, None]
    return Shape(vertices, sheet.faces), (r < 0.15).astype(np.float32)


def test_contrast_grows_with_the_relief_and_is_none_without() -> None:
    def of(height: float) -> float:
        shape, label = bumped(height)
        return float(Subject(shape, label).seen(camera((2, 0, 1.5)), sun((1, 0, 1))).contrast[0])

    flat, low, high = of(0.0), of(0.01), of(0.04)
    assert flat == pytest.approx(0, abs=0.1)
    assert 0 < low < high < 100
    assert high > 2 * low


def test_a_pit_is_dark_under_any_light() -> None:
    shape, label = bumped(-0.2)
    even = Subject(shape, label).seen(camera(ABOVE), lambda normals: np.ones(len(normals)))
    assert even.contrast[0] > 10


def test_equal_input_gives_equal_bytes() -> None:
    shape, label = bumped(0.02)
    view = camera((2, 0, 1.5), (0, 2, 1.5))
    one, two = (Subject(shape, label).seen(view, sun((1, 0, 1))) for _ in range(2))
    assert one.pixels.tobytes() == two.pixels.tobytes() and one.contrast.tobytes() == two.contrast.tobytes()
