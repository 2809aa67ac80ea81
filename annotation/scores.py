"""What graded answers come to: means with confidence intervals that know that clips of one object hang together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

DRAWS = 2000
LEVEL = 0.95
SEED = 0
"""Of the bootstrap: equal grades give equal intervals."""
AT_ONCE = 4_000_000
"""Numbers drawn at a time, which bounds the memory."""


@dataclass(frozen=True)
class Score:
    """A mean over clips, in [0, 1]. The bounds are those of its confidence interval; None for fewer than 2 clusters."""

    score: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Scores:
    """Over some clips. `mean` is the arithmetic mean of the questions, as the paper's Avg."""

    clips: int
    clusters: int
    """Object instances, the unit that is drawn again."""
    questions: dict[str, Score]
    mean: Score


def score(grades: np.ndarray, clusters: Sequence[str], keys: Sequence[str]) -> Scores:
    """Scores of `grades`, (clips, questions) in [0, 1], whose columns are `keys`; a cluster's name per clip.

    Raises ValueError without a clip.
    """
    if not len(grades):
        raise ValueError("there is no clip to score")
    columns = np.column_stack([grades, grades.mean(axis=1)])
    means = columns.mean(axis=0)
    count = len(set(clusters))
    low, high = bounds(columns, clusters) if count > 1 else (None, None)
    made = [
        Score(float(m), None if low is None else float(low[i]), None if high is None else float(high[i]))
        for i, m in enumerate(means)
    ]
    return Scores(len(grades), count, dict(zip(keys, made[:-1], strict=True)), made[-1])


def bounds(values: np.ndarray, clusters: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Bounds, (columns,) each, of the column means of `values`, (clips, columns): bootstrap of whole clusters."""
    names, of = np.unique(np.asarray(clusters), return_inverse=True)
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, of, values)
    sizes = np.bincount(of)
    rng = np.random.default_rng(SEED)
    evenly = np.full(len(names), 1 / len(names))
    per_batch = max(1, AT_ONCE // len(names))
    means = []
    for start in range(0, DRAWS, per_batch):
        drawn = rng.multinomial(len(names), evenly, size=min(per_batch, DRAWS - start))
        means.append((drawn @ sums) / (drawn @ sizes)[:, None])
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(np.concatenate(means), (tail, 1 - tail), axis=0)
    return low, high
