"""How far a round is, and whether it has passed."""

from collections.abc import Iterable
from dataclasses import dataclass

from annotation.labels import Labels, current, standing
from schemas.recipe import Recipe
from schemas.rows import Annotation, Sample
from tasks.workspace import Workspace

JUDGED = {"clip": ("visible_interval", "caption"), "image": ("caption",)}
"""The annotation tasks that a reviewer judges, by the kind of the samples."""
TASKS = JUDGED["clip"]

NEEDED = {kind: ("defect_type", "object", *tasks) for kind, tasks in JUDGED.items()}
"""The annotation tasks without which a sample is not complete: it is neither reviewed nor released."""


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


def reviewable(samples: Iterable[Sample], annotations: Iterable[Annotation]) -> list[Sample]:
    """The samples that a round has to judge: those that nothing is `missing` from.

    What could not be labelled was never shown to anybody, so it does not hold up the others. Give all rows
    of the needed tasks.
    """
    labels = current(annotations)
    return [s for s in samples if not missing(labels.get(s.id, Labels()), s.kind)]


def progress(workspace: Workspace, recipe: Recipe) -> Gate:
    """Where the recipe's round stands by the tables alone; what a release of them would be told."""
    rows = [a for a in workspace.rows(Annotation) if a.task in NEEDED[recipe.kind]]
    samples = reviewable(workspace.rows(Sample), rows)
    ids = (s.id for s in samples)
    return gate(ids, rows, recipe.review.round, recipe.review.min_accepted, JUDGED[recipe.kind])


def judged(workspace: Workspace, recipe: Recipe) -> tuple[int, int]:
    """Clips that the round has judged, and clips that it has to judge; needs no server."""
    now = progress(workspace, recipe)
    return now.judged, now.clips


def gate(
    samples: Iterable[str], annotations: Iterable[Annotation], round_: int, min_accepted: float,
    tasks: tuple[str, ...] = TASKS,
) -> Gate:  # fmt: skip
    """The release gate over the given sample ids.

    A sample is judged when people's standing rows of the round cover all `tasks`. It counts as rejected if
    anybody rejected one, else as corrected if anybody changed one, else as accepted. Passed: all
    are judged, there is at least one, and the share not rejected is at least `min_accepted`.
    """
    said: dict[str, dict[str, set[str]]] = {s: {} for s in samples}
    for a in standing(annotations):
        if a.author_kind == "person" and a.round == round_ and a.task in tasks and a.sample in said:
            said[a.sample].setdefault(a.task, set()).add(a.status)
    outcomes = [
        next(s for s in ("rejected", "corrected", "accepted") if any(s in verdicts for verdicts in by_task.values()))
        for by_task in said.values()
        if by_task.keys() == set(tasks)
    ]
    rejected = outcomes.count("rejected")
    enough = len(outcomes) - rejected >= min_accepted * len(said) - 1e-9
    return Gate(
        passed=bool(said) and len(outcomes) == len(said) and enough,
        clips=len(said),
        judged=len(outcomes),
        accepted=outcomes.count("accepted"),
        corrected=outcomes.count("corrected"),
        rejected=rejected,
    )
