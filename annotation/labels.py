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


FIRMNESS = {"candidate": 0, "accepted": 1, "corrected": 2, "rejected": 3}
"""Of two reviewers who disagree, the more critical one is heard: a release had rather lack a clip than a doubt."""


def _rank(a: Annotation) -> tuple[int, int, int, float, str, str]:
    chosen = next((s.value for s in a.scores if s.name == "chosen"), 0.0)
    return AUTHORITY[a.author_kind], a.round, FIRMNESS[a.status], chosen, a.author, a.id


def standing(annotations: Iterable[Annotation]) -> list[Annotation]:
    """The rows that still say something: not superseded, and not about something that is gone.

    A row that supersedes one which is no longer among `annotations` (its clip was rendered again, its
    candidate made anew) judged what does not exist any more. Give all rows of the tasks in question.
    """
    by_id = {a.id: a for a in annotations}

    def founded(a: Annotation) -> bool:
        while a.supersedes:
            if a.supersedes not in by_id:
                return False
            a = by_id[a.supersedes]
        return True

    live = [a for a in by_id.values() if founded(a)]
    superseded = {a.supersedes for a in live}
    return [a for a in live if a.id not in superseded]


def current(annotations: Iterable[Annotation]) -> dict[str, Labels]:
    """Labels per sample: person over renderer over rule over model, then the later round, then the more critical
    reviewer, then the chosen candidate.

    Only standing rows count. When the highest row of a task is a rejection, the task has no label and counts
    as rejected.
    """
    best: dict[tuple[str, str], Annotation] = {}
    for a in standing(annotations):
        key = (a.sample, a.task)
        if key not in best or _rank(a) > _rank(best[key]):
            best[key] = a
    labels: dict[str, Labels] = {}
    for (sample, task), a in best.items():
        entry = labels.setdefault(sample, Labels())
        if a.status == "rejected":
            entry.rejected.add(task)
        else:
            entry.by_task[task] = a
    return labels
