"""Train and test: groups (object instances, near-duplicates) never straddle; strata keep their proportions."""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

from schemas.errors import DefectoryError
from schemas.recipe import SplitSettings
from schemas.rows import Group, Row, Sample, Split
from tasks.components import components
from tasks.stage import Context, Shard, gathering, stage


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


@stage(
    version=1,
    reads=("render", "dedup"),
    writes=("splits",),
    settings=lambda recipe: recipe.split,
    cut=gathering("render", "dedup"),
)
def split(shard: Shard, ctx: Context) -> Iterator[Row]:
    """The recipe's protocol: every sample in one split, no group in two."""
    want: SplitSettings = ctx.settings
    samples = list(ctx.rows(Sample))
    if not samples:
        raise DefectoryError("split: no sample is left to split; see the rejects of the earlier stages")
    together = stay_together(samples, list(ctx.rows(Group)))
    strata: dict[str, Counter[str]] = {}
    for s in samples:
        strata.setdefault(together[s.id], Counter())[s.defect] += 1
    chosen = assign(strata, want.train, ctx.rng(want.protocol))
    for s in samples:
        yield Split(s.id, want.protocol, chosen[together[s.id]], together[s.id])
