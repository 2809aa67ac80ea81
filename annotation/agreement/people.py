"""How far people agree who worked on the same samples independently of each other.

Cohen's kappa for two annotators, Krippendorff's alpha for any number with answers missing; beside them, for every
kind of task, the mean likeness of two answers: equal choices, IoU of intervals, masks and regions, similarity
of texts. Rows stream by sample, and what is kept are counts of pairs of values, never of samples.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby

from annotation.agreement.acceptance import wilson
from annotation.agreement.chance import Pairs, against_rest, alpha, kappa
from annotation.agreement.likeness import USABLE, classes, compared_by, likeness
from annotation.diversity import Encode
from annotation.labels import WITHDRAWN
from schemas.errors import CallError
from schemas.rows import Annotation

ORDER = ("all", "annotator", "pair", "class", "batch")
UNITS = ("all", "class", "batch")
"""Slices in which alpha looks at all answers to a sample; in the others each pair of answers is a unit."""


@dataclass(frozen=True)
class Agreement:
    """How far people agree on one task, in one slice of the work."""

    task: str
    slice: str
    """all | annotator | pair | class | batch"""
    name: str
    """Which annotator, pair, class or batch."""
    samples: int
    """With two answers or more."""
    pairs: int
    """Pairs of answers that were compared."""
    measure: str
    """What the likeness is: equal | overlap of choices | IoU | cosine."""
    likeness: float
    """Mean over the samples of the mean over their pairs, in [0, 1]."""
    low: float
    high: float
    """Wilson's interval of the likeness, the samples taken as independent."""
    kappa: float | None = None
    """Cohen's, for two annotators; none where there are no classes or only one was ever used."""
    alpha: float | None = None
    """Krippendorff's for nominal values; of a class, for that class against the rest."""


@dataclass(frozen=True)
class Disagreement:
    """A sample whose annotators agree less than asked for."""

    sample: str
    task: str
    round: int
    likeness: float
    answers: tuple[str, ...]
    """Ids of the rows that differ."""
    settled: bool
    """Somebody has decided between them since."""


@dataclass(frozen=True)
class Measured:
    agreements: list[Agreement]
    disagreements: list[Disagreement]
    single: dict[str, int]
    """Samples with one answer only, by task: nothing can be said of them."""


def measure(
    rows: Iterable[Annotation], min_agreement: float = 0.8, encode: Encode | None = None, confidence: float = 0.95
) -> Measured:
    """Agreement per task: over all, per annotator, pair of annotators, class and batch.

    `rows` come sorted by sample (`ORDER BY sample, id`), all of a sample's rows of the tasks in question; other
    authors than people are passed over. Texts are compared with `encode`, or as equal or not without one. Raises
    CallError for rows that are not sorted.
    """
    tallies: dict[tuple[str, str, str], _Tally] = defaultdict(_Tally)
    disagreements: list[Disagreement] = []
    single: Counter[str] = Counter()
    for task, round_, given, superseded in _groups(rows):
        if len(given) < 2:
            single[task] += len(given)
            continue
        compared = _compared(given, encode)
        alike = math.fsum(p.likeness for p in compared) / len(compared)
        if alike < min_agreement:
            ids = tuple(a.id for a in given)
            disagreements.append(Disagreement(given[0].sample, task, round_, alike, ids, superseded.issuperset(ids)))
        for slice_, name, pairs in _slices(compared):
            tallies[task, slice_, name].add(pairs, 1 / (len(given) - 1) if slice_ in UNITS else 1.0)
    found = [_agreement(key, tallies, confidence) for key in sorted(tallies, key=_in_order)]
    return Measured(
        found, sorted(disagreements, key=lambda d: (d.task, d.round, d.sample)), dict(sorted(single.items()))
    )


def answers(rows: Iterable[Annotation]) -> list[Annotation]:
    """The independent answers among the rows of one sample, task and round: each person's last one, by author.

    A row that rests on somebody else's of the same round was made in sight of it (an adjudication), so it is none.
    """
    by_id = {a.id: a for a in rows if a.author_kind == "person"}

    def independent(a: Annotation) -> bool:
        author = a.author
        while a.supersedes in by_id:
            a = by_id[a.supersedes]
            if a.author != author:
                return False
        return True

    # What somebody else's row supersedes stays what its author said.
    changed = {a.supersedes for a in by_id.values() if a.supersedes in by_id and by_id[a.supersedes].author == a.author}
    last = {a.author: a for _, a in sorted(by_id.items()) if a.id not in changed and independent(a)}
    return [last[author] for author in sorted(last) if last[author].status != WITHDRAWN]


# --- pairs of answers and their slices ------------------------------------------------------------


@dataclass(frozen=True)
class _Pair:
    """Two answers to one sample, the authors in order, and the values that met in them."""

    authors: tuple[str, str]
    batches: frozenset[str]
    measure: str
    likeness: float
    values: Pairs


@dataclass
class _Tally:
    samples: int = 0
    pairs: int = 0
    total: float = 0.0
    measures: Counter[str] = field(default_factory=Counter)
    ordered: Pairs = field(default_factory=Counter)
    coincidences: dict[tuple[str, str], float] = field(default_factory=lambda: defaultdict(float))

    def add(self, pairs: Sequence[_Pair], weight: float) -> None:
        """`weight` of a pair of values among the coincidences: 1 / (values of the unit - 1)."""
        self.samples += 1
        self.pairs += len(pairs)
        self.total += math.fsum(p.likeness for p in pairs) / len(pairs)
        for p in pairs:
            self.measures[p.measure] += 1
            self.ordered.update(p.values)
            for (a, b), count in p.values.items():
                self.coincidences[a, b] += count * weight
                self.coincidences[b, a] += count * weight


def _groups(rows: Iterable[Annotation]) -> Iterator[tuple[str, int, list[Annotation], set[str | None]]]:
    """Task, round, independent answers and the ids that rows which stand supersede, sample by sample."""
    last = ""
    for sample, of_it in groupby(rows, key=lambda a: a.sample):
        if sample < last:
            raise CallError(f"sample {sample}: comes after {last}; give the annotations sorted by sample")
        last = sample
        work: dict[tuple[str, int], list[Annotation]] = defaultdict(list)
        for a in of_it:
            if a.author_kind == "person":
                work[a.task, a.round].append(a)
        for (task, round_), said in sorted(work.items()):
            taken_back = {a.supersedes for a in said if a.status == WITHDRAWN}
            replaced = {a.supersedes for a in said if a.status != WITHDRAWN and a.id not in taken_back}
            yield task, round_, answers(said), replaced


def _compared(given: list[Annotation], encode: Encode | None) -> list[_Pair]:
    return [
        _Pair(
            (one.author, other.author), frozenset(a.batch for a in (one, other) if a.batch),
            compared_by(one, other, encode), likeness(one, other, encode), classes(one, other),
        )
        for one, other in combinations(given, 2)
    ]  # fmt: skip


def _slices(pairs: list[_Pair]) -> Iterator[tuple[str, str, list[_Pair]]]:
    def having(names: Callable[[_Pair], Iterable[str]]) -> Iterator[tuple[str, list[_Pair]]]:
        found: dict[str, list[_Pair]] = defaultdict(list)
        for p in pairs:
            for name in names(p):
                found[name].append(p)
        yield from found.items()

    yield "all", "", pairs
    for slice_, names in (
        ("annotator", lambda p: p.authors),
        ("pair", lambda p: (" & ".join(p.authors),)),
        ("class", lambda p: {value for pair in p.values for value in pair} - {USABLE}),
        ("batch", lambda p: p.batches),
    ):
        for name, of_it in having(names):
            yield slice_, name, of_it


Key = tuple[str, str, str]
"""Task, slice, name."""


def _agreement(key: Key, tallies: Mapping[Key, _Tally], confidence: float) -> Agreement:
    task, slice_, name = key
    tally = tallies[key]
    mean = min(1.0, tally.total / tally.samples)
    low, high = wilson(mean, tally.samples, confidence)
    coincidences: Mapping[tuple[str, str], float] = tally.coincidences
    if slice_ == "class":
        coincidences = against_rest(tallies[task, "all", ""].coincidences, name)
    # Over all, kappa has a meaning only where the task was the work of just two people.
    of_pairs = [t for k, t in tallies.items() if k[:2] == (task, "pair")] if slice_ == "all" else [tally]
    two = of_pairs[0] if slice_ in ("all", "pair") and len(of_pairs) == 1 else None
    return Agreement(
        task=task, slice=slice_, name=name, samples=tally.samples, pairs=tally.pairs,
        measure=max(tally.measures, key=lambda m: (tally.measures[m], m)), likeness=mean, low=low, high=high,
        kappa=kappa(two.ordered) if two else None, alpha=alpha(coincidences),
    )  # fmt: skip


def _in_order(key: Key) -> tuple[str, int, str]:
    task, slice_, name = key
    return task, ORDER.index(slice_), name
