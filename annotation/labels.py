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


WITHDRAWN = "withdrawn"
FIRMNESS = {"candidate": 0, "accepted": 1, "corrected": 2, "rejected": 3}
"""Of two reviewers who disagree, the more critical one is heard: a release had rather lack a clip than a doubt."""


def _rank(a: Annotation) -> tuple[int, int, int, float, str, str]:
    chosen = next((s.value for s in a.scores if s.name == "chosen"), 0.0)
    return AUTHORITY[a.author_kind], a.round, FIRMNESS[a.status], chosen, a.author, a.id


def standing(annotations: Iterable[Annotation], withdrawn: bool = False) -> list[Annotation]:
    """The rows that still say something: not superseded, not taken back, and not about something that is gone.

    A row that supersedes one which is no longer among `annotations` (its clip was rendered again, its
    candidate made anew) judged what does not exist any more. A withdrawal takes back all that its author said in
    the rows before it, so that what they judged stands again; withdrawals themselves are among the rows only if
    asked for. Give all rows of the tasks in question.
    """
    founded, taken_back = _founded(annotations)
    # What somebody took back supersedes nothing, so that what it was about stands again.
    heard = [(a, before) for a, before in founded if a.status != WITHDRAWN and a.id not in taken_back]
    superseded = taken_back.union(b.id for _, before in heard for b in before)
    return [a for a, _ in founded if a.id not in superseded and (withdrawn or a.status != WITHDRAWN)]


def not_withdrawn(annotations: Iterable[Annotation]) -> list[Annotation]:
    """The rows that were said and not taken back, superseded ones among them; as `standing`, without what is gone."""
    founded, taken_back = _founded(annotations)
    return [a for a, _ in founded if a.status != WITHDRAWN and a.id not in taken_back]


def _founded(annotations: Iterable[Annotation]) -> tuple[list[tuple[Annotation, list[Annotation]]], set[str]]:
    """The rows whose chain is whole, each with it, and the ids of those that their authors took back."""
    by_id = {a.id: a for a in annotations}
    founded = [(a, before) for a in by_id.values() if (before := chain(a, by_id)) is not None]
    taken_back = {
        b.id for a, before in founded if a.status == WITHDRAWN for b in before if b.author == a.author
    }  # fmt: skip
    return founded, taken_back


def chain(a: Annotation, by_id: dict[str, Annotation]) -> list[Annotation] | None:
    """The rows that lead up to one, the last first; None where one of them is gone."""
    found = []
    while (earlier := a.supersedes) is not None:
        if earlier not in by_id:
            return None
        a = by_id[earlier]
        found.append(a)
    return found


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
