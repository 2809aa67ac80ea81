"""Near-duplicate groups over the whole workspace, from the keyframes' features."""

from collections.abc import Iterable, Iterator

import numpy as np

from schemas.recipe import Dedup, Recipe
from schemas.rows import Embedding, Group, Media, Row
from tasks.components import components
from tasks.imports.shifted import shifted_pairs
from tasks.pictures import read_rgb
from tasks.stage import MAKER, Context, Shard, gathering, stage
from tasks.workspace import Workspace

BLOCK = 4096


def near_pairs(vectors: np.ndarray, min_similarity: float) -> Iterator[tuple[int, int, float]]:
    """Pairs `i < j` of unit vectors (n, d) float32 with cosine >= `min_similarity`, exact, in blocks.

    Cosines are rounded to 5 digits, below which the last bits depend on the machine. The matrix of all
    similarities never exists: faiss searches one block of queries at a time.
    """
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    for start in range(0, len(vectors), BLOCK):
        limits, similar, other = index.range_search(vectors[start : start + BLOCK], min_similarity - 1e-4)
        for query in range(len(limits) - 1):
            for k in sorted(range(limits[query], limits[query + 1]), key=lambda k: other[k]):
                cosine = round(float(similar[k]), 5)
                if start + query < other[k] and cosine >= min_similarity:
                    yield start + query, int(other[k]), cosine


def limit(recipe: Recipe) -> Dedup:
    """The similarity from which on two samples are near-duplicates: images have one of their own."""
    return Dedup(min_similarity=recipe.images.duplicates) if recipe.sources else recipe.dedup


def settings(recipe: Recipe) -> Dedup | tuple[Dedup, float]:
    return (limit(recipe), recipe.images.shifted) if recipe.sources else limit(recipe)


def cut(workspace: Workspace, recipe: Recipe) -> Iterable[Shard]:
    """One shard; images are looked at themselves, too, and of clips the keyframes' features are enough."""
    return gathering("keyframes", *([MAKER] if recipe.sources else []))(workspace, recipe)


@stage(
    version=1,
    reads=("keyframes",),
    writes=("groups",),
    settings=settings,
    cut=cut,
)
def dedup(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Samples with nearly the same picture in them, as groups named after their first sample."""
    want = limit(ctx.recipe)
    owners: list[str] = []
    vectors: list[np.ndarray] = []
    for e in ctx.rows(Embedding):
        owners.append(e.sample)
        vectors.append(np.array(e.vector, np.float32))
    if not vectors:
        return
    closest: dict[str, float] = {}
    pairs: set[tuple[str, str]] = set()
    for i, j, similarity in near_pairs(np.stack(vectors), want.min_similarity):
        if owners[i] != owners[j]:
            pair = owners[i], owners[j]
            pairs.add(pair)
            for owner in pair:
                closest[owner] = max(closest.get(owner, -1.0), similarity)
    if ctx.recipe.sources and ctx.recipe.images.shifted < 1:
        for one, other, similarity in _shifted(ctx):
            pairs.add((one, other))
            for owner in (one, other):
                closest[owner] = max(closest.get(owner, -1.0), similarity)
    for sample, first in sorted(components(pairs).items()):
        yield Group(sample, f"near-{first}", "near-duplicate", round(closest[sample], 4))


def _shifted(ctx: Context) -> Iterator[tuple[str, str, float]]:
    media = sorted((m.sample or "", m.path) for m in ctx.rows(Media) if m.role == "image")
    pictures = (read_rgb(ctx.workspace.path(path)) for _, path in media)
    for i, j, similarity in shifted_pairs(pictures, len(media), ctx.recipe.images.shifted, ctx.scratch / "small.raw"):
        yield media[i][0], media[j][0], similarity
