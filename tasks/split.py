"""Train and test by three protocols (MMVIAD, section 4.1): what each of them keeps on one side, and the stage."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

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


@dataclass
class _Side:
    """One of the splits while it is filled."""

    share: float
    total: Counter[str]
    """Samples of each stratum in all splits together."""
    have: Counter[str] = field(default_factory=Counter)
    surplus: float = 0.0
    """Samples that are here beyond the share of their stratum."""

    def room(self, stratum: str) -> float:
        """Samples that it is short of its share."""
        return self.share * self.total[stratum] - self.have[stratum]

    def surplus_with(self, counts: Counter[str]) -> float:
        return self.surplus + sum(max(0.0, n - max(0.0, self.room(s))) for s, n in counts.items())

    def appeal(self, counts: Counter[str]) -> tuple[float, ...]:
        """How much speaks for this side; of two sides, the greater tuple."""
        rarest_first = sorted(counts, key=lambda s: (self.total[s], s))
        rooms = [self.room(s) / self.total[s] if self.room(s) > counts[s] - 1e-6 else -1.0 for s in rarest_first]
        overall = self.share - self.have.total() / self.total.total()
        return tuple(round(value, 9) for value in (*rooms, -self.surplus_with(counts), overall, self.share))

    def take(self, counts: Counter[str]) -> None:
        self.surplus = self.surplus_with(counts)
        self.have.update(counts)


def assign(strata: Mapping[str, Counter[str]], train: float, rng: np.random.Generator) -> dict[str, str]:
    """A split per component, given how many samples of each stratum it holds.

    Iterative stratification (Sechidis et al. 2011) over indivisible components: largest first, each goes where its
    scarcest stratum has room for it, and falls furthest short of the wanted share if both splits have. Where neither
    has, the stratum's share can only be rounded, and it is rounded up in the split that has the least surplus so far:
    strata of a few components make up for each other, and the share of all samples is met, too. With two components
    or more, no split stays empty.
    """
    total: Counter[str] = Counter()
    for counts in strata.values():
        total.update(counts)
    sides = {"train": _Side(train, total), "test": _Side(1 - train, total)}
    names = sorted(strata)
    names = [names[i] for i in rng.permutation(len(names))]
    result: dict[str, str] = {}
    for name in sorted(names, key=lambda n: -strata[n].total()):
        appeals = {split: side.appeal(strata[name]) for split, side in sides.items()}
        result[name] = max(sides, key=lambda split: appeals[split])
        sides[result[name]].take(strata[name])
    for empty in sorted(sides.keys() - set(result.values())):
        if len(result) > 1:
            result[min(result, key=lambda n: (strata[n].total(), n))] = empty
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
    version=3,
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
        raise DefectoryError("split: all was rejected and no sample is left; `defectory status` says why")
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
