"""What follows from quality rounds: whether a release may drop the word draft, and which work is to be done again."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from annotation.agreement import acceptance
from schemas.digests import canonical
from schemas.errors import CallError
from schemas.review import Quality
from schemas.rows import Batch, Verdict
from tasks.quality.rounds import Kind, Outcome, kind_of, made, outcome, plan, settings_of, tasks_of, verdicts

WORK = ("annotation", "reannotation")
"""Kinds of batches that have to pass quality rounds."""


def again(batch: Batch, outcomes: Iterable[Outcome]) -> Batch:
    """A failed batch as new annotation work: the same samples once more, with what was found as the reason."""
    failed = sorted(
        (o for o in outcomes if o.parent == batch.id and o.passed is False), key=lambda o: (o.round, o.kind)
    )
    if not failed:
        raise CallError(f"batch {batch.id}: has failed no quality round; there is nothing to do again")
    found = ", ".join(f"{o.errors} of {o.size} with {o.kind} errors in round {o.round}" for o in failed)
    return made(
        kind="annotation", task=batch.task, round=batch.round, samples=batch.samples, parent=batch.id,
        reason=f"failed its quality rounds: {found}", settings=canonical({"failed": [o.batch for o in failed]}),
    )  # fmt: skip


def remarks(batch: Batch, batches: Iterable[Batch], given: Iterable[Verdict]) -> dict[str, tuple[str, ...]]:
    """What reviewers found wrong in the batch that this one does again, by sample: to be shown to who does it."""
    judged = [b for b in batches if b.kind == "quality" and b.parent == batch.parent]
    all_given, found = list(given), defaultdict(list)
    for b in sorted(judged, key=lambda b: (b.round, b.id)):
        for v in verdicts(b, all_given):
            if v.verdict == "rejected":
                words = f"round {v.round}, {v.task.replace('_', ' ')}: {', '.join(v.findings).replace('_', ' ')}"
                found[v.sample].append(f"{words} ({v.comment})" if v.comment else words)
    return {sample: tuple(said) for sample, said in sorted(found.items())}


def in_force(batches: Iterable[Batch]) -> Iterator[tuple[Batch, list[Kind]]]:
    """The batches of work that have to pass, with the kinds of rounds: those that no later batch does again whole."""
    work = {b.id: b for b in batches if b.kind in WORK}
    redone: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for b in work.values():
        if b.parent in work:
            redone[b.parent].update((task, sample) for task in tasks_of(b) for sample in b.samples)
    for b in sorted(work.values(), key=lambda b: b.id):
        left = {kind_of(t) for t in tasks_of(b) if any((t, sample) not in redone[b.id] for sample in b.samples)}
        if left:
            yield b, sorted(left)


@dataclass(frozen=True)
class Gate:
    passed: bool
    outcomes: list[Outcome]
    """Of the rounds that count, by batch."""
    sentences: tuple[str, ...]
    """Where the rounds stand, for people."""


def gate(
    samples: Iterable[str], tasks: Sequence[str], batches: Iterable[Batch], given: Iterable[Verdict], want: Quality
) -> Gate:
    """Whether every annotation of `samples` lies in batches that passed all their rounds.

    A round that was drawn more than once has to pass each time. Recipes that ask for no rounds pass.
    """
    if not want.rounds:
        return Gate(True, [], ())
    everything = list(batches)
    rounds = list(rounds_of(everything, given, want))
    covered: dict[str, set[str]] = {task: set() for task in tasks}
    for batch, _ in in_force(everything):
        for task in covered.keys() & set(tasks_of(batch)):
            covered[task].update(batch.samples)
    outside = sum(any(sample not in of_task for of_task in covered.values()) for sample in samples)
    outcomes = [o for r in rounds for o in r.outcomes]
    passed = bool(rounds) and not outside and all(r.passed for r in rounds)
    return Gate(passed, outcomes, tuple(_sentences(outcomes, sum(not r.outcomes for r in rounds), outside, want)))


@dataclass(frozen=True)
class Due:
    """What is to be done next."""

    draw: list[tuple[Batch, int]]
    """Batches and the round that is to be drawn from each: the first, or the one after a round that passed."""
    again: list[Batch]
    """Batches that failed and go back to annotation."""


def due(batches: Iterable[Batch], given: Iterable[Verdict], want: Quality) -> Due:
    """The rounds that can be drawn now and the batches that have failed; both empty when people have to act first."""
    draw, failed = [], []
    by_batch: dict[str, list[Round]] = defaultdict(list)
    for r in rounds_of(batches, given, want):
        by_batch[r.batch.id].append(r)
    for rounds in by_batch.values():
        if any(o.passed is False for r in rounds for o in r.outcomes):
            failed.append(rounds[0].batch)
            continue
        first = min((r.round for r in rounds if not r.passed), default=None)
        if first and any(not r.outcomes for r in rounds if r.round == first):
            draw.append((rounds[0].batch, first))
    return Due(draw, failed)


@dataclass(frozen=True)
class Round:
    """One round that one kind of annotations in one batch has to pass."""

    batch: Batch
    kind: Kind
    round: int
    outcomes: list[Outcome]
    """Of each time that it was drawn; empty where it was not."""

    @property
    def passed(self) -> bool:
        return bool(self.outcomes) and all(o.passed for o in self.outcomes)


def rounds_of(batches: Iterable[Batch], given: Iterable[Verdict], want: Quality) -> Iterator[Round]:
    """All rounds that the batches in force have to pass, drawn or not.

    A draw counts when it is from the whole batch and as large as `want` asks for.
    """
    everything = {b.id: b for b in batches}
    by_batch, drawn_of = defaultdict(list), defaultdict(list)
    for v in given:
        by_batch[v.batch].append(v)
    for q in sorted(everything.values(), key=lambda b: b.id):
        if q.kind == "quality":
            drawn_of[q.parent, settings_of(q)["kind"], q.round].append(q)
    for batch, kinds in in_force(everything.values()):
        samples = set(batch.samples)
        for kind in kinds:
            size = plan(len(samples), kind, want).size
            for round_ in range(1, want.rounds + 1):
                draws = drawn_of[batch.id, kind, round_]
                counted = [q for q in draws if len(q.samples) >= size and samples.issuperset(q.samples)]
                yield Round(batch, kind, round_, [outcome(q, by_batch[q.id], want) for q in counted])


def accuracy(outcomes: Sequence[Outcome], confidence: float) -> tuple[float, float, float]:
    """Share of judged samples without error and its exact interval, several batches taken together as one lot."""
    judged, errors = sum(o.judged for o in outcomes), sum(o.errors for o in outcomes)
    low, high = acceptance.interval(errors, judged, sum(o.population for o in outcomes), confidence)
    return 1 - errors / judged if judged else 0.0, 1 - high, 1 - low


def _sentences(outcomes: list[Outcome], waiting: int, outside: int, want: Quality) -> Iterator[str]:
    for kind, round_ in sorted({(o.kind, o.round) for o in outcomes}):
        of_it = [o for o in outcomes if (o.kind, o.round) == (kind, round_)]
        judged, errors = sum(o.judged for o in of_it), sum(o.errors for o in of_it)
        found, low, high = accuracy(of_it, want.confidence)
        measured = (
            f", accuracy {found:.1%} ({want.confidence:.0%} confidence: {low:.1%} to {high:.1%})" if judged else ""
        )
        states = [("passed", True), ("failed", False), ("under way", None)]
        counts = ", ".join(f"{n} {word}" for word, state in states if (n := sum(o.passed is state for o in of_it)))
        yield (
            f"Quality round {round_}, {kind} annotations: {judged:,} of {sum(o.size for o in of_it):,} drawn samples "
            f"judged, of {sum(o.population for o in of_it):,}; {errors:,} with errors{measured}; "
            f"batches: {counts}."
        )
    if waiting:
        yield f"{waiting:,} quality {'round is' if waiting == 1 else 'rounds are'} still to be drawn."
    if outside:
        yield f"{outside:,} samples are in no batch of annotation work, so no quality round speaks for them."
    yield f"It takes {want.rounds} rounds with an accuracy of more than {want.min_accuracy:.0%} each."
