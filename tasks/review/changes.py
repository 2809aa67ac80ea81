"""What has changed on the server since it was last read: which tasks, and what people have answered in them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from schemas.errors import WorkerError
from tasks.review.marks import Heard
from tasks.review.projects import listed
from tasks.review.server import Server

BATCH = 250
"""Tasks of one export: their ids stand in an address."""
MARGIN = timedelta(minutes=2)
"""Read again at every pull: a change may be committed some time after the moment that it is dated with."""


@dataclass(frozen=True)
class Changed:
    id: int
    sample: str
    shard: str
    answered: bool


def changes(
    server: Server, project: int, since: datetime | None, everything: bool
) -> tuple[list[Changed], datetime | None]:
    """Our answered tasks that have changed (or just all of ours), and when the last of them did."""
    found, last = [], since
    include = "id,data,total_annotations,updated_at"
    for t in listed(server, project, include, since and since - MARGIN, answers=0 if everything else 1):
        last = max(last or t.updated_at, t.updated_at)
        if isinstance(t.data, dict) and isinstance(sample := t.data.get("sample"), str):
            found.append(Changed(int(t.id), sample, str(t.data.get("shard")), bool(t.total_annotations)))
    return found, last


def emptied(server: Server, project: Any, known: Heard, changed: list[Changed]) -> list[Changed]:
    """Tasks that are still there and had answers when they were last read, and have none any more.

    How many tasks have answers tells whether there are any such; only then are they listed. Tasks that were deleted are
    not among them, and nothing is known of them any more.
    """
    empty = {str(t.id) for t in changed if not t.answered}
    expected = (known.keys() | {str(t.id) for t in changed}) - empty
    if len(expected) == project.num_tasks_with_annotations:
        return []
    gone = sorted(known.keys() - empty - {str(t.id) for t in listed(server, project.id, "id", answers=1)})
    there: set[str] = set()
    for start in range(0, len(gone), BATCH):
        there.update(str(t.id) for t in listed(server, project.id, "id", ids=gone[start : start + BATCH]))
    for deleted in set(gone) - there:
        del known[deleted]
    return [Changed(int(t), known[t][0], known[t][1], False) for t in gone if t in there]


def complete(changed: dict[int, list[Changed]], heard: dict[int, Heard]) -> None:
    """Add the other answered tasks of the same samples: who answered in one of them has not taken it back."""
    samples = {t.sample for tasks in changed.values() for t in tasks}
    for project, known in heard.items():
        there = {str(t.id) for t in changed[project]}
        changed[project] += [
            Changed(int(id_), sample, shard, True)
            for id_, (sample, shard, _) in known.items()
            if sample in samples and id_ not in there
        ]


def portions(changed: dict[int, list[Changed]]) -> Iterator[dict[int, list[Changed]]]:
    """A project's tasks at a time, and at the end those of samples that are in several: of two answers by one person,
    wherever they were given, the later one counts."""
    often = Counter(sample for tasks in changed.values() for sample in {t.sample for t in tasks})
    for project, tasks in changed.items():
        yield {project: [t for t in tasks if often[t.sample] == 1]}
    yield {project: [t for t in tasks if often[t.sample] > 1] for project, tasks in changed.items()}


def exported(server: Server, project: int, tasks: list[Changed]) -> Iterator[Any]:
    """The answered ones in Label Studio's JSON format; those deleted meanwhile are not among them.

    Raises WorkerError for what is no export.
    """
    ids = [t.id for t in tasks if t.answered]
    for start in range(0, len(ids), BATCH):
        chunks = server.client.projects.exports.download_sync(
            id=project, export_type="JSON", ids=[str(i) for i in ids[start : start + BATCH]]
        )
        try:
            found = json.loads(b"".join(chunks))
        except ValueError:
            found = None
        if not isinstance(found, list):
            raise WorkerError(
                f"Label Studio at {server.url} sent an export of project {project} that cannot be read; pull again"
            )
        yield from found
