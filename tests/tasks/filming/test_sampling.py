"""Samples of a data set: nested, even, and never empty."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tasks.filming.sampling import sampled

OBJECTS, DEFECTS = [f"o{n}" for n in range(12)], ["none"] * 4 + ["crack", "hole", "bulge"]
PARTS = [(o, d) for o in OBJECTS for d in DEFECTS]
KEYS = [f"{o}-{d}-{n}" for n, (o, d) in enumerate(PARTS)]


def keys(share: float) -> list[str]:
    return sampled(KEYS, KEYS, PARTS, share)


@given(st.floats(1e-9, 1), st.floats(1e-9, 1))
def test_a_smaller_sample_is_a_part_of_a_larger_one(one: float, two: float) -> None:
    small, large = sorted((one, two))
    assert set(keys(small)) <= set(keys(large))


@given(st.floats(1e-9, 1))
def test_a_sample_keeps_the_order_and_has_its_size(share: float) -> None:
    found = keys(share)
    assert len(found) == max(1, round(share * len(KEYS)))
    assert found == [k for k in KEYS if k in set(found)]


@given(st.integers(1, len(KEYS)))
def test_a_sample_is_even_over_objects_and_defects(count: int) -> None:
    chosen = [k.split("-") for k in keys(count / len(KEYS))]
    share = len(chosen) / len(KEYS)
    for column, whole in ((0, Counter(o for o, _ in PARTS)), (1, Counter(d for _, d in PARTS))):
        found = Counter(row[column] for row in chosen)
        assert all(abs(found[name] - share * size) < 1.5 for name, size in whole.items()), (found, share)


def test_the_whole_is_everything() -> None:
    assert keys(1.0) == KEYS
