"""Agreement beyond chance: Cohen's kappa for two annotators, Krippendorff's alpha for any number.

Both are functions of how often one value met another, so they need no more memory than there are classes.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping

Pairs = Counter[tuple[str, str]]
"""How often the one value met the other, the two annotators in a fixed order."""


def kappa(pairs: Pairs) -> float | None:
    """Cohen's kappa of two annotators (Cohen 1960) from counts of their pairs of values, in [-1, 1].

    None without pairs, and where both only ever used the same one value: there is no chance to correct for.
    """
    from sklearn.metrics import cohen_kappa_score

    if len({value for pair in pairs for value in pair}) < 2:
        return None
    one, other = zip(*pairs, strict=True)
    return float(cohen_kappa_score(one, other, sample_weight=list(pairs.values())))


def alpha(coincidences: Mapping[tuple[str, str], float]) -> float | None:
    """Krippendorff's alpha for nominal values (Krippendorff 2011, section C), at most 1.

    From the matrix of coincidences: every ordered pair of values of one unit counts 1 / (m - 1), m being the
    unit's number of values, so missing answers need no care. None where only one value was ever used.
    """
    total: dict[str, float] = defaultdict(float)
    for (value, _), count in coincidences.items():
        total[value] += count
    if len(total) < 2:
        return None
    n = math.fsum(total.values())
    observed = sum(count for (a, b), count in coincidences.items() if a != b)
    expected = (n * n - sum(t * t for t in total.values())) / (n - 1)
    return 1 - observed / expected


def against_rest(coincidences: Mapping[tuple[str, str], float], value: str) -> dict[tuple[str, str], float]:
    """Coincidences of one value with itself and with all others taken together."""
    found: dict[tuple[str, str], float] = defaultdict(float)
    for (a, b), count in coincidences.items():
        found["it" if a == value else "rest", "it" if b == value else "rest"] += count
    return found
