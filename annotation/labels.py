"""Which annotation is the label: derived by a rule from append-only rows, never stored over an old one."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from schemas.rows import Annotation

AUTHORITY = {"model": 0, "rule": 1, "renderer": 2, "person": 3}


@dataclass
class Labels:
    """The current labels of one sample by task, and the tasks that a person rejected."""

    by_task: dict[str, Annotation] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)


def _rank(a: Annotation) -> tuple[int, int, float, str]:
    chosen = next((s.value for s in a.scores if s.name == "chosen"), 0.0)
    return AUTHORITY[a.author_kind], a.round, chosen, a.id


def current(annotations: Iterable[Annotation]) -> dict[str, Labels]:
    """Labels per sample: person over renderer over rule over model, then the later round, then the chosen candidate.

    A row that another row supersedes is no longer a label. When the highest row of a task is a
    rejection, the task has no label and counts as rejected.
    """
    rows = list(annotations)
    superseded = {a.supersedes for a in rows if a.supersedes}
    best: dict[tuple[str, str], Annotation] = {}
    for a in rows:
        key = (a.sample, a.task)
        if a.id not in superseded and (key not in best or _rank(a) > _rank(best[key])):
            best[key] = a
    labels: dict[str, Labels] = {}
    for (sample, task), a in best.items():
        entry = labels.setdefault(sample, Labels())
        if a.status == "rejected":
            entry.rejected.add(task)
        else:
            entry.by_task[task] = a
    return labels
