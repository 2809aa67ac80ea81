"""A random sample of a batch, stratified, and people who are independent of it: functions of a seeded generator."""

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from schemas.errors import CallError
from schemas.rows import Sample


def strata(samples: Iterable[Sample], by: Sequence[str] = ("defect", "environment")) -> dict[str, str]:
    """The stratum of each sample: its values of the columns `by`."""
    return {s.id: " / ".join(str(getattr(s, column) or "-") for column in by) for s in samples}


def allocated(counts: Mapping[str, int], size: int) -> dict[str, int]:
    """`size` shared out in proportion to `counts` by largest remainder, so that the parts add up to it.

    A part is never larger than its count. Raises CallError when `size` exceeds them all.
    """
    total = sum(counts.values())
    if not 0 <= size <= total:
        raise CallError(f"{size} samples cannot be drawn of {total}; ask for fewer")
    quotas = {name: Fraction(size * count, total) for name, count in counts.items()} if total else {}
    shares = {name: math.floor(quota) for name, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda name: (shares[name] - quotas[name], -counts[name], name))
    for name in by_remainder[: size - sum(shares.values())]:
        shares[name] += 1
    return shares


def drawn(samples: Iterable[str], size: int, of: Mapping[str, str], rng: np.random.Generator) -> list[str]:
    """A random sample of `size`, stratified by `of`, sorted; the same for the same generator, whatever the order."""
    members: dict[str, list[str]] = defaultdict(list)
    for sample in sorted(set(samples)):
        members[of.get(sample, "")].append(sample)
    shares = allocated({name: len(ids) for name, ids in members.items()}, size)
    return sorted(
        members[name][i] for name in sorted(shares) for i in rng.choice(len(members[name]), shares[name], replace=False)
    )


def assigned(
    samples: Sequence[str], worked: Mapping[str, Collection[str]], reviewers: Iterable[str],
    earlier: Sequence[Mapping[str, str]], rng: np.random.Generator,
) -> dict[str, str]:  # fmt: skip
    """A reviewer for each sample who has not worked on it; those of earlier rounds only where nobody else is left.

    Everybody gets about as much. Samples that fewest may judge are given out first. Raises CallError, naming a
    sample, when nobody is independent of it.
    """
    names = sorted(set(reviewers))
    order = {name: int(n) for name, n in zip(names, rng.permutation(len(names)), strict=True)}
    load = dict.fromkeys(names, 0)
    judged_before = {name for round_ in earlier for name in round_.values()}
    free = {sample: [name for name in names if name not in worked.get(sample, ())] for sample in samples}
    found: dict[str, str] = {}
    for sample in sorted(samples, key=lambda s: (len(free[s]), s)):
        if not free[sample]:
            raise CallError(
                f"sample {sample}: all of the {len(names)} reviewers have worked on it, so nobody is left to judge it; "
                "invite somebody else to this quality round"
            )
        saw_it = {round_[sample] for round_ in earlier if sample in round_}
        found[sample] = min(free[sample], key=lambda n: (n in saw_it, n in judged_before, load[n], order[n]))
        load[found[sample]] += 1
    return dict(sorted(found.items()))
