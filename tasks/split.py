"""Train and test by three protocols (MMVIAD, section 4.1): what each of them keeps on one side, and the stage."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from schemas.errors import BadInput, DefectoryError
from schemas.recipe import SplitSettings
from schemas.rows import Group, Row, Sample, Split
from tasks import published
from tasks.components import components
from tasks.stage import MAKER, Context, Shard, gathering, stage


def stay_together(samples: list[Sample], groups: list[Group]) -> dict[str, str]:
    """For each sample the name of the connected component of groups it lies in: its smallest group name.

    Samples and groups are the two sides of a graph; the prefixes keep their names apart and make a group,
    not a sample, the representative of every component.
    """
    pairs = [(f"1:{s.id}", f"0:{g}") for s in samples for g in (s.groups or [s.id])]
    pairs += [(f"1:{g.sample}", f"0:{g.group}") for g in groups]
    return {x[2:]: root[2:] for x, root in components(pairs).items() if x.startswith("1:")}


def assign(strata: Mapping[str, Counter[str]], train: float, rng: np.random.Generator) -> dict[str, str]:
    """A split per component, given how many samples of each stratum it holds.

    Iterative stratification (Sechidis et al. 2011) over indivisible components: largest first, each goes
    where its scarcest stratum falls furthest short of the wanted share. With two components or more, no
    split stays empty.
    """
    share = {"train": train, "test": 1 - train}
    total: Counter[str] = Counter()
    for counts in strata.values():
        total.update(counts)
    have: dict[str, Counter[str]] = {name: Counter() for name in share}
    sizes: Counter[str] = Counter()
    whole = sum(sum(c.values()) for c in strata.values())
    names = sorted(strata)
    names = [names[i] for i in rng.permutation(len(names))]
    result: dict[str, str] = {}
    for name in sorted(names, key=lambda n: -sum(strata[n].values())):
        counts = strata[name]
        rarest_first = sorted(counts, key=lambda s: (total[s], s))

        def shortfall(split: str, order: list[str] = rarest_first) -> tuple[float, ...]:
            per_stratum = tuple(round(share[split] - have[split][s] / total[s], 9) for s in order)
            return (*per_stratum, share[split] - sizes[split] / whole, share[split])

        chosen = max(share, key=shortfall)
        result[name] = chosen
        have[chosen].update(counts)
        sizes[chosen] += sum(counts.values())
    for empty in sorted(share.keys() - set(result.values())):
        if len(result) > 1:
            result[min(result, key=lambda n: (sum(strata[n].values()), n))] = empty
    return result


Assigned = dict[str, tuple[str, str]]
"""Sample id -> its split, and the name of what was assigned as one with it."""


def grouped(samples: list[Sample], groups: list[Group], want: SplitSettings, rng: np.random.Generator) -> Assigned:
    """No object instance and no near-duplicate in both; the share of every defect type is kept."""
    together = stay_together(samples, groups)
    strata: dict[str, Counter[str]] = {}
    for s in samples:
        strata.setdefault(together[s.id], Counter())[s.defect] += 1
    chosen = assign(strata, want.train, rng)
    return {s.id: (chosen[together[s.id]], together[s.id]) for s in samples}


def standard(samples: list[Sample], groups: list[Group], want: SplitSettings, rng: np.random.Generator) -> Assigned:
    """By clip within each category, as published: the clips of one orbit fall on both sides."""
    return {sample: (split, sample) for sample, split in published.standard(samples, rng).items()}


def unseen(samples: list[Sample], groups: list[Group], want: SplitSettings, rng: np.random.Generator) -> Assigned:
    """Categories in test that train never shows. Raises BadInput for fewer than two categories."""
    chosen = published.unseen(samples, want.unseen_categories, rng)
    return {s.id: (chosen[s.object], s.object) for s in samples}


PROTOCOLS: dict[str, Callable[[list[Sample], list[Group], SplitSettings, np.random.Generator], Assigned]] = {
    "grouped": grouped,
    "standard": standard,
    "unseen": unseen,
}
PROMISES: dict[str, str] = {
    "grouped": "no object instance and no near-duplicate is in both",
    "standard": "nothing is kept together: divided one by one, as published",
    "unseen": "no object category is in both",
}


@stage(
    version=2,
    reads=(MAKER, "dedup"),
    writes=("splits",),
    settings=lambda recipe: recipe.split,
    cut=gathering(MAKER, "dedup"),
)
def split(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Every protocol that the recipe wants: every sample in one split of each.

    A protocol that these samples do not allow is left out, with a row in `rejects`; if it is the one that the shards
    of a release follow, that is a DefectoryError.
    """
    want: SplitSettings = ctx.settings
    samples = list(ctx.rows(Sample))
    if not samples:
        raise DefectoryError("split: no sample is left to split; see the rejects of the earlier stages")
    groups = list(ctx.rows(Group))
    for protocol in sorted(want.protocols):
        try:
            assigned = PROTOCOLS[protocol](samples, groups, want, ctx.rng(protocol))
        except BadInput as e:
            if protocol == want.protocol:
                raise DefectoryError(f"split.protocol {protocol}: {e}; set another one for the shards") from None
            yield ctx.reject(protocol, e)
            continue
        for s in samples:
            yield Split(s.id, protocol, *assigned[s.id])
