"""How far a round is, and whether it has passed."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from annotation.agreement.people import answers
from annotation.labels import Labels, current, not_withdrawn, standing
from schemas.errors import CallError
from schemas.recipe import Recipe
from schemas.rows import Annotation
from tasks.review.said import said
from tasks.workspace import Workspace

JUDGED = {"clip": ("visible_interval", "caption"), "image": ("caption",)}
"""The annotation tasks that a reviewer judges, by the kind of the samples."""
TASKS = JUDGED["clip"]

NEEDED = {kind: ("defect_type", "object", *tasks) for kind, tasks in JUDGED.items()}
"""The annotation tasks without which a sample is not complete: it is neither reviewed nor released."""

OUTCOMES = ("rejected", "corrected", "accepted")


@dataclass(frozen=True)
class Gate:
    """Whether a round has passed: every clip judged, and enough of them usable."""

    passed: bool
    clips: int
    judged: int
    accepted: int
    corrected: int
    rejected: int


def missing(labels: Labels, kind: str = "clip") -> list[str]:
    """The needed tasks in which a sample has no label, though nobody rejected one."""
    return [task for task in NEEDED[kind] if task not in labels.by_task and task not in labels.rejected]


def progress(workspace: Workspace, recipe: Recipe) -> Gate:
    """Where the recipe's round stands by the tables alone; what a release of them would be told.

    What could not be labelled was never shown to anybody, so it does not hold up the others.
    """
    want, tasks = recipe.review, JUDGED[recipe.kind]

    def outcomes() -> Iterator[str | None]:
        for part in said(workspace, NEEDED[recipe.kind]):
            for sample in part.samples:
                rows = part.annotations[sample.id]
                if not missing(current(rows).get(sample.id, Labels()), sample.kind):
                    yield outcome(rows, want.round, tasks, want.annotators)

    return tallied(outcomes(), want.min_accepted)


def judged(workspace: Workspace, recipe: Recipe) -> tuple[int, int]:
    """Clips that the round has judged, and clips that it has to judge; needs no server."""
    now = progress(workspace, recipe)
    return now.judged, now.clips


def gate(
    samples: Iterable[str], annotations: Iterable[Annotation], round_: int, min_accepted: float,
    tasks: Sequence[str] = TASKS, annotators: int = 1,
) -> Gate:  # fmt: skip
    """The release gate over the given sample ids, by rows that come sample by sample.

    Passed: all are judged, there is at least one, and the share not rejected is at least `min_accepted`. Raises
    CallError for rows of a sample that come in several places.
    """
    found: dict[str, str | None] = dict.fromkeys(samples)
    seen: set[str] = set()
    for sample, of_it in groupby(annotations, key=lambda a: a.sample):
        if sample in seen:
            raise CallError(f"sample {sample}: its rows come in several places; give the annotations sorted by sample")
        seen.add(sample)
        if sample in found:
            found[sample] = outcome(list(of_it), round_, tasks, annotators)
    return tallied(found.values(), min_accepted)


def tallied(outcomes: Iterable[str | None], min_accepted: float) -> Gate:
    """The gate over samples with these outcomes."""
    return counted(Counter(outcomes), min_accepted)


def counted(counts: Counter[str | None], min_accepted: float) -> Gate:
    """The gate over so many samples of each outcome."""
    clips, done = counts.total(), counts.total() - counts[None]
    enough = done - counts["rejected"] >= min_accepted * clips - 1e-9
    return Gate(
        passed=bool(clips) and done == clips and enough, clips=clips, judged=done, accepted=counts["accepted"],
        corrected=counts["corrected"], rejected=counts["rejected"],
    )  # fmt: skip


def outcome(rows: Sequence[Annotation], round_: int, tasks: Sequence[str], annotators: int = 1) -> str | None:
    """What people's verdicts of a round on one sample come to, by all rows of the sample; None until it is judged.

    It is judged when as many people as are asked for have said something on each of `tasks`. It counts as rejected if
    anybody rejected one, else as corrected if anybody changed one, else as accepted; what somebody decided between
    several answers counts in their place.
    """
    if any(len(people(rows, task, round_)) < annotators for task in tasks):
        return None
    stands = {a.status for a in standing(rows) if a.author_kind == "person" and a.round == round_ and a.task in tasks}
    return next((status for status in OUTCOMES if status in stands), None)


def people(rows: Iterable[Annotation], task: str, round_: int, batch: str | None = None) -> set[str]:
    """Who has independently answered about one sample in a round, and in a batch if one is named: whoever decided
    between answers saw them, and is not among them. Give all rows of the task."""
    heard = [
        a for a in not_withdrawn(a for a in rows if a.task == task)
        if a.round == round_ and a.status != "candidate" and batch in (None, a.batch)
    ]  # fmt: skip
    return {a.author for a in answers(heard)}
