"""The two protocols that MMVIAD published (section 4.1 and Table 6), for data sets of any size and mix."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from schemas.errors import BadInput
from schemas.rows import Sample

TABLE_6 = {
    "ashtray": (54, 18), "bottle": (183, 69), "bowl": (378, 129), "bucket": (132, 54), "cabinet": (75, 15),
    "cap": (360, 144), "chair": (66, 24), "cup": (162, 54), "desk": (63, 21), "eraser": (54, 18),
    "headset": (108, 36), "helmet": (252, 108), "jar": (54, 18), "microphone": (111, 39), "shelf": (66, 30),
    "tap": (126, 54), "vase": (669, 270),
}  # fmt: skip
"""Clips in train and in test of the standard protocol, by semantic group."""
STANDARD_TRAIN = 2913 / 4014
UNSEEN_TEST = (1062 / 4014) / (12 / 48)
"""Share of the clips that the unseen protocol keeps for test, relative to its share of the categories."""
NEAR = 0.0025
"""Shares of clips that are off the wanted one by less than this are equally good."""
RESTARTS, PROPOSALS = 8, 40
"""Of the search for unseen categories; proposals per category."""


def apportion(
    total: int, weights: Mapping[str, float], least: Mapping[str, int], most: Mapping[str, int]
) -> dict[str, int]:
    """`total` in whole numbers, in proportion to `weights`, each within its bounds (largest remainders).

    A total that the bounds do not allow is met as nearly as they do.
    """
    names = sorted(weights)
    low, high = (np.array([bounds[n] for n in names]) for bounds in (least, most))
    weight = np.array([weights[n] for n in names], float)
    total = int(np.clip(total, low.sum(), high.sum()))
    below, above = 0.0, float(total + high.sum() + 1) / max(float(weight[weight > 0].min(initial=1.0)), 1e-12)
    for _ in range(80):  # the scale at which the bounded quotas add up to the total
        scale = (below + above) / 2
        if np.clip(weight * scale, low, high).sum() < total:
            below = scale
        else:
            above = scale
    quota = np.clip(weight * above, low, high)
    whole = np.floor(quota + 1e-6).astype(int)
    by_remainder = sorted(range(len(names)), key=lambda i: (round(float(whole[i] - quota[i]), 6), names[i]))
    for i in [i for i in by_remainder if whole[i] < high[i]][: max(total - int(whole.sum()), 0)]:
        whole[i] += 1
    return {n: int(w) for n, w in zip(names, whole, strict=True)}


def standard(samples: Iterable[Sample], rng: np.random.Generator) -> dict[str, str]:
    """A split per sample id: clips at random within every category, in the published proportions.

    The share of each semantic group is that of Table 6, of all clips together 2,913 in 4,014. A category with two
    clips or more is in both splits. Nothing keeps the clips of one orbit together: that is how it was published.
    """
    categories: dict[str, dict[str, list[str]]] = {}
    for s in samples:
        categories.setdefault(s.object_group or s.object, {}).setdefault(s.object, []).append(s.id)
    bounds = {c: (int(len(i) > 1), max(len(i) - 1, 1)) for group in categories.values() for c, i in group.items()}
    sizes = {g: sum(map(len, members.values())) for g, members in categories.items()}
    trains = apportion(
        round(sum(sizes.values()) * STANDARD_TRAIN),
        {g: n * _published_share(g) for g, n in sizes.items()},
        {g: sum(bounds[c][0] for c in members) for g, members in categories.items()},
        {g: sum(bounds[c][1] for c in members) for g, members in categories.items()},
    )
    result: dict[str, str] = {}
    for group, members in sorted(categories.items()):
        counts = apportion(
            trains[group],
            {c: float(len(ids)) for c, ids in members.items()},
            {c: bounds[c][0] for c in members},
            {c: bounds[c][1] for c in members},
        )
        for category, ids in sorted(members.items()):
            order = rng.permutation(sorted(ids)).tolist()
            result.update({i: "train" if at < counts[category] else "test" for at, i in enumerate(order)})
    return result


def _published_share(group: str) -> float:
    train, test = TABLE_6.get(group, (STANDARD_TRAIN, 1 - STANDARD_TRAIN))
    return train / (train + test)


def unseen(samples: Iterable[Sample], share: float, rng: np.random.Generator) -> dict[str, str]:
    """A split per category: `share` of the categories in test, and none in both.

    Published were 12 of 48 categories with 1,062 of 4,014 clips. The categories are searched for at random: first
    the share of clips comes near the published one, then as few as possible are of one semantic group, then the
    share of clips comes as near as it can. Raises BadInput for fewer than two categories.
    """
    clips: Counter[str] = Counter()
    group_of: dict[str, str] = {}
    for s in samples:
        clips[s.object] += 1
        group_of[s.object] = s.object_group or s.object
    names = sorted(clips)
    if len(names) < 2:
        raise BadInput(
            f"the protocol `unseen` wants two object categories or more, and there is {len(names)}; it is left out"
        )
    wanted = min(max(round(share * len(names)), 1), len(names) - 1)
    chosen = _search(
        np.array([clips[n] for n in names]) / clips.total(),
        np.unique([group_of[n] for n in names], return_inverse=True)[1],
        wanted,
        min(share * UNSEEN_TEST, 1.0),
        rng,
    )
    return {n: "test" if at in chosen else "train" for at, n in enumerate(names)}


Fit = tuple[int, int, float]


def _search(shares: np.ndarray, groups: np.ndarray, count: int, target: float, rng: np.random.Generator) -> set[int]:
    """Indices of `count` categories; from several random starts, swaps that make nothing worse are taken."""

    def fit(share: float, of_group: np.ndarray) -> Fit:
        off = abs(share - target)
        return math.floor(off / NEAR), int((of_group * (of_group - 1)).sum()) // 2, round(off, 9)

    best: tuple[Fit, list[int]] | None = None
    for _ in range(RESTARTS):
        order = rng.permutation(len(shares))
        share, of_group = float(shares[order[:count]].sum()), np.bincount(groups[order[:count]], minlength=len(shares))
        found = fit(share, of_group)
        steps = PROPOSALS * len(shares)
        for i, j in zip(rng.integers(count, size=steps), rng.integers(count, len(shares), size=steps), strict=True):
            out, into = order[i], order[j]
            of_group[groups[out]] -= 1
            of_group[groups[into]] += 1
            tried = fit(share - shares[out] + shares[into], of_group)
            if tried <= found:
                found, share = tried, share - shares[out] + shares[into]
                order[i], order[j] = into, out
            else:
                of_group[groups[out]] += 1
                of_group[groups[into]] -= 1
        if best is None or found < best[0]:
            best = found, sorted(order[:count].tolist())
    assert best is not None
    return set(best[1])
