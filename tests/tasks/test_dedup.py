"""Near-duplicates: exactly the pairs above the limit, whatever the block size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tasks import dedup
from tasks.dedup import near_pairs


@given(
    hnp.arrays(np.float32, st.tuples(st.integers(1, 20), st.just(4)), elements=st.floats(-1, 1, width=32)),
    st.sampled_from([0.0, 0.5, 0.95]),
    st.sampled_from([1, 3, 4096]),
)
def test_all_pairs_and_only_those(vectors: np.ndarray, limit: float, block: int) -> None:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = (vectors / np.where(norms > 0, norms, 1)).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dedup, "BLOCK", block)
        found = {(i, j): s for i, j, s in near_pairs(vectors, limit)}
    cosine = vectors.astype(np.float64) @ vectors.T.astype(np.float64)
    for i in range(len(vectors)):
        for j in range(i + 1, len(vectors)):
            if abs(cosine[i, j] - limit) > 1e-5:
                assert ((i, j) in found) == (cosine[i, j] > limit)
    assert all(i < j for i, j in found)
