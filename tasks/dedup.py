"""Near-duplicate groups over the whole workspace, from the keyframes' features."""

from collections.abc import Iterator

import numpy as np

from schemas.recipe import Dedup
from schemas.rows import Embedding, Group, Row
from tasks.components import components
from tasks.stage import Context, Shard, gathering, stage

BLOCK = 4096


def near_pairs(vectors: np.ndarray, min_similarity: float) -> Iterator[tuple[int, int, float]]:
    """Pairs `i < j` of unit vectors (n, d) float32 with cosine >= `min_similarity`, exact, in blocks.

    The matrix of all similarities never exists: faiss searches one block of queries at a time.
    """
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    for start in range(0, len(vectors), BLOCK):
        limits, similar, other = index.range_search(vectors[start : start + BLOCK], min_similarity)
        for query in range(len(limits) - 1):
            for k in sorted(range(limits[query], limits[query + 1]), key=lambda k: other[k]):
                if start + query < other[k]:
                    yield start + query, int(other[k]), float(similar[k])


@stage(
    version=1,
    reads=("keyframes",),
    writes=("groups",),
    settings=lambda recipe: recipe.dedup,
    cut=gathering("keyframes"),
)
def dedup(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Samples with nearly the same picture in them, as groups named after their first sample."""
    want: Dedup = ctx.settings
    owners: list[str] = []
    vectors: list[np.ndarray] = []
    for e in ctx.rows(Embedding):
        owners.append(e.sample)
        vectors.append(np.array(e.vector, np.float32))
    if not vectors:
        return
    closest: dict[str, float] = {}
    pairs: list[tuple[str, str]] = []
    for i, j, similarity in near_pairs(np.stack(vectors), want.min_similarity):
        if owners[i] != owners[j]:
            pairs.append((owners[i], owners[j]))
            for owner in pairs[-1]:
                closest[owner] = max(closest.get(owner, -1.0), similarity)
    for sample, first in sorted(components(pairs).items()):
        yield Group(sample, f"near-{first}", "near-duplicate", round(closest[sample], 4))
