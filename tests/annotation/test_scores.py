"""Means and their intervals: clips of one object count as one draw."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation import scores
from annotation.scores import score

KEYS = ("q1", "q2", "q3", "q4")

grades = st.lists(
    st.tuples(st.integers(0, 7), st.tuples(*[st.floats(0, 1)] * 4)), min_size=1, max_size=40
)  # cluster, then the grades of one clip


@settings(max_examples=50)
@given(grades)
def test_the_interval_brackets_the_estimate(rows: list[tuple[int, tuple[float, ...]]]) -> None:
    values = np.array([g for _, g in rows])
    clusters = [f"vase-{c}" for c, _ in rows]
    found = score(values, clusters, KEYS)
    assert (found.clips, found.clusters) == (len(rows), len(set(clusters)))
    assert found.mean.score == pytest.approx(values.mean())
    for s in (*found.questions.values(), found.mean):
        if found.clusters < 2:
            assert s.low is s.high is None
        else:
            assert s.low is not None and s.high is not None
            assert -1e-9 <= s.low <= s.score + 1e-9 and s.score - 1e-9 <= s.high <= 1 + 1e-9
    assert score(values, clusters, KEYS) == found, "seeded"


def test_clips_of_one_object_are_not_counted_as_many() -> None:
    """Thirty clips of ten objects, all three of an object alike, say as much as ten clips."""
    right = np.repeat(np.arange(10) % 2, 3)[:, None] * np.ones(4)
    alike = score(right, [f"o{n // 3}" for n in range(30)], KEYS).questions["q1"]
    apart = score(right, [f"o{n}" for n in range(30)], KEYS).questions["q1"]
    assert alike.score == apart.score == 0.5
    assert alike.low is not None and alike.high is not None and apart.low is not None and apart.high is not None
    ratio = (alike.high - alike.low) / (apart.high - apart.low)
    assert ratio == pytest.approx(3**0.5, rel=0.25)


def test_the_interval_has_about_the_width_that_theory_says() -> None:
    rng = np.random.default_rng(1)
    values = (rng.random((400, 1)) < 0.7).astype(float) * np.ones(4)
    found = score(values, [str(n) for n in range(400)], KEYS).questions["q1"]
    assert found.low is not None and found.high is not None
    p = found.score
    assert found.high - found.low == pytest.approx(2 * 1.96 * (p * (1 - p) / 400) ** 0.5, rel=0.1)


def test_drawing_in_batches_changes_nothing_but_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(2).random((60, 4))
    clusters = [str(n // 3) for n in range(60)]
    whole = score(values, clusters, KEYS)
    monkeypatch.setattr(scores, "AT_ONCE", 20 * 300)
    assert score(values, clusters, KEYS) == whole


def test_nothing_to_score() -> None:
    with pytest.raises(ValueError, match="no clip to score"):
        score(np.zeros((0, 4)), [], KEYS)
