"""Points of a scan as they are worked with: strays, wherever they are, change nothing about the rest."""

import numpy as np
import pytest

from schemas.errors import BadInput
from tasks.meshes.points import Cloud, settled


def ball(count: int) -> np.ndarray:
    at = np.random.default_rng(0).normal(size=(count, 3))
    return np.asarray(at / np.linalg.norm(at, axis=1)[:, None])


def seen(*points: np.ndarray) -> tuple[Cloud, np.ndarray, list[str]]:
    notes: list[str] = []
    return *settled("a.pcd", np.vstack(points), notes), notes


STRAYS = [
    # points that do not belong to a ball of radius 1, how many they are
    (np.array([[3.0, 0, 0]]), "1 stray point"),
    (np.array([[0, 0, -30.0], [0, 40, 0]]), "2 stray points"),
    (np.array([[1e9, 1e9, 1e9], [-1e30, 5, 5], [100, 0, 0]]), "3 stray points"),
    (np.full((800, 3), 700.0), "800 stray points"),
]


@pytest.mark.parametrize("count", [2000, 50_000])
@pytest.mark.parametrize(("strays", "said"), STRAYS, ids=[s[1] for s in STRAYS])
def test_the_rest_of_a_cloud_is_as_if_its_strays_had_never_been_there(
    count: int, strays: np.ndarray, said: str
) -> None:
    clean, _, plain = seen(ball(count))
    cloud, used, notes = seen(ball(count), strays)
    assert cloud.points.tobytes() == clean.points.tobytes() and cloud.size == clean.size
    assert used.max() < count
    assert notes == [f"{said} left out", *plain]


def test_what_a_cloud_is_made_of_and_scaled_from_is_known() -> None:
    points = 5 * ball(3000) + [100, 0, -7]
    cloud, used, _ = seen(points, np.array([[0.0, 0, 0]]))
    assert np.ptp(cloud.points, axis=0).max() == pytest.approx(1)
    assert cloud.points * cloud.size + cloud.low == pytest.approx(points[used])


def test_a_second_thing_is_no_stray_however_far_it_is() -> None:
    _, used, notes = seen(ball(2000), ball(1500) + np.array([60.0, 0, 0]))
    assert len(used) == 3500 and notes == []


def test_a_cloud_of_many_strays_is_to_be_cleaned_first() -> None:
    far = np.random.default_rng(1).normal(size=(400, 3)) * 1e5
    with pytest.raises(BadInput, match=r"^a\.pcd: 17% of the points stand alone; clean the cloud first"):
        seen(ball(2000), far)
