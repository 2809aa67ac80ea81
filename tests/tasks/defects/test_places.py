"""Places: off the floor, clear of edges or right on one, and seen as much of the orbit as wanted."""

import tracemalloc
from functools import cache

import numpy as np
import pytest

from tasks.defects.places import COARSE, SAMPLES, Place, Surface, exposed, find
from tests.solids import shape_of


@cache
def surface_of(name: str) -> Surface:
    return Surface(shape_of(name), np.random.default_rng(0))


def found(name: str, radius: float = 0.08, arc: float | None = None) -> list[Place]:
    return [p for p in find(surface_of(name), radius, np.random.default_rng(0), arc) if p.fit == 1]


@pytest.mark.parametrize("name", ["cube", "ball", "bowl0", "cup0"])
def test_good_places_are_seen_and_off_the_floor(name: str) -> None:
    places = found(name)
    assert len(places) > 5
    assert all(p.seen >= 0.2 and p.normal[2] > -0.6 for p in places)
    assert all(p.point[2] > 0.05 for p in places)


def test_good_places_keep_off_sharp_edges() -> None:
    for place in found("cube"):
        beyond = np.sort(np.abs(place.point - [0, 0, 0.5]))
        assert beyond[2] == pytest.approx(0.5, abs=1e-6)  # on a face
        assert beyond[1] < 0.47  # and not at its border


def test_nothing_inside_a_closed_vessel_is_seen() -> None:
    assert all(np.hypot(*p.point[:2]) > 0.13 or p.point[2] > 0.6 for p in found("bottle0", 0.04))


def test_exposed_places_of_a_cube_are_at_its_upper_edges() -> None:
    places = [p for p in exposed(surface_of("cube"), 0.1, np.random.default_rng(0)) if p.fit == 1]
    assert len(places) > 5
    for place in places:
        beyond = np.sort(np.abs(place.point - [0, 0, 0.5]))
        assert beyond[1] > 0.42, "two of three coordinates are at a border"
        assert place.point[2] > 0.1
        assert place.normal @ (place.point - [0, 0, 0.5]) > 0.5, "pointing out of the cube"


def test_exposed_places_of_a_bowl_are_on_its_rim() -> None:
    top = shape_of("bowl0").vertices[:, 2].max()
    places = exposed(surface_of("bowl0"), 0.08, np.random.default_rng(0))
    assert places and all(p.point[2] > top - 0.1 for p in places if p.fit == 1)


@pytest.mark.parametrize("finder", [find, exposed])
@pytest.mark.parametrize("name", ["ball", "cup0"])
def test_a_wanted_arc_is_met_as_nearly_as_the_shape_allows(name: str, finder: object) -> None:
    def mean(arc: float) -> float:
        places = finder(surface_of(name), 0.05, np.random.default_rng(1), arc)[:8]  # type: ignore[operator]
        assert all(p.arc > 0 for p in places), "some camera sees it"
        return float(np.mean([p.arc for p in places]))

    assert mean(0.1) + 0.15 < mean(0.9)
    assert mean(0.1) <= mean(0.5) <= mean(0.9)


def test_an_arc_of_none_at_all_is_a_place_that_no_camera_sees() -> None:
    places = found("bottle0", 0.03, arc=0.0)
    assert places
    assert all(p.arc == 0 and p.seen == 0 for p in places[:4])
    assert all(p.point[2] > 0.01 for p in places), "not the side it stands on"


def test_the_top_of_a_cube_is_seen_from_everywhere() -> None:
    assert all(p.arc == 1 and p.normal[2] == pytest.approx(1) for p in found("cube", arc=1.0)[:8])


def test_places_keep_off_what_is_there_already() -> None:
    surface, taken = surface_of("ball"), np.array([[0.5, 0.0, 0.5]])
    for finder in (find, exposed):
        for place in finder(surface, 0.1, np.random.default_rng(0), avoid=taken):
            assert np.linalg.norm(place.point - taken[0]) > 0.12


def test_exposed_places_of_a_large_radius_are_found_in_little_memory() -> None:
    surface = surface_of("ball")
    tracemalloc.start()
    assert exposed(surface, 0.2, np.random.default_rng(0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    pairs = COARSE * SAMPLES * 0.04  # a sphere's cap of this radius is so much of it
    assert peak < 8 * pairs, "never all of the pairs at once"
