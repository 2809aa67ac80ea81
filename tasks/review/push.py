"""To the reviewers: a push adds what is missing, brings tasks up to date that nobody has touched, and leaves all
others alone."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotation.labelling.project import Item
from schemas.errors import BadInput, WorkerError
from schemas.recipe import Recipe
from tasks.review.gate import people
from tasks.review.items import contradicted, items, task_of
from tasks.review.known import Known
from tasks.review.projects import (
    Task,
    bring_up_to_date,
    by_sample,
    config_of,
    create,
    find,
    untouched,
    url_of,
    validate,
)
from tasks.review.said import said
from tasks.review.server import Server, speaking
from tasks.review.work import Work, annotators, works
from tasks.workspace import Workspace, write_atomic

BATCH = 500
"""Tasks of one import."""


@dataclass(frozen=True)
class PushReport:
    url: str
    """The first project; `projects` has all."""
    created: int
    updated: int
    unchanged: int
    untouched: int
    """Tasks whose content changed but that somebody has begun or answered; left as they are."""
    removed: int = 0
    """Tasks that were there twice, of an import that was broken off or of two pushes at once."""
    projects: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """Samples that cannot be shown, each with the reason."""


def push(workspace: Workspace, recipe: Recipe, server: Server) -> PushReport:
    """Bring the projects of this data set's round and batches to what the workspace holds.

    Raises DefectoryError where a labelling configuration was edited so that our labels do not fit any more.
    """
    counts: Counter[str] = Counter()
    problems: list[str] = []
    projects: list[int] = []
    with speaking(server.url, server.token_from):
        for work in works(workspace, recipe):
            sending = Sending(workspace, recipe, server, work)
            counts.update(sending.push())
            problems += sending.problems
            projects += sending.room
    urls = tuple(url_of(server, p) for p in projects)
    return PushReport(
        urls[0] if urls else server.url, counts["created"], counts["updated"], counts["unchanged"],
        counts["untouched"], counts["removed"], urls, tuple(problems),
    )  # fmt: skip


class Sending:
    """One piece of work on its way to its projects."""

    def __init__(self, workspace: Workspace, recipe: Recipe, server: Server, work: Work) -> None:
        self.workspace, self.recipe, self.server, self.work = workspace, recipe, server, work
        self.config = config_of(workspace, recipe, work)
        self.known = Known.of(workspace, work)
        self.problems: list[str] = []
        self.projects: dict[int, Any] = {}
        self.theirs: dict[int, str] = {}
        """Projects with the configuration that they have."""
        self.room: dict[int, int] = {}
        """Projects with the number of tasks that still go in."""
        self.sent: list[tuple[Any, list[dict[str, Any]], Future[Any]]] = []

    def push(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        broken_off = self.under_way.exists()
        for project in find(self.workspace, self.recipe, self.server, self.work):
            self._add(project)
        there, twice = self._there()
        for n, tasks in Counter(t.project for t in there.values()).items():
            self.room[n] -= tasks
        counts["removed"] += self._remove(twice)
        with ThreadPoolExecutor(1) as mail:
            new: list[tuple[bool, dict[str, Any]]] = []
            for item, task in self._wanted(there, counts):
                if (old := there.get(item.sample.id)) is None:
                    new.append((not contradicted(item), task))
                    if len(new) == BATCH:  # sent while the next ones are made
                        self._send(new, mail)
                        new = []
                else:
                    counts["updated" if self._update(old, task) else "untouched"] += 1
            self._send(new, mail)
            counts["created"] += self._arrived()
        if broken_off:  # the import of a push that was killed may have ended on the server only now
            for project in find(self.workspace, self.recipe, self.server, self.work):
                self.projects[project.id] = project
            counts["removed"] += self._remove(self._there()[1])
        self.known.write()
        self.under_way.unlink(missing_ok=True)
        return dict(counts)

    @property
    def under_way(self) -> Path:
        """Stands while an import is under way: who finds it knows that a push was killed in the middle."""
        return self.workspace.root / "review" / "sending"

    def _there(self) -> tuple[dict[str, Task], list[Task]]:
        return by_sample(t for p in self.projects.values() for t in self.known.tasks(self.server, p))

    def _wanted(self, there: dict[str, Task], counts: Counter[str]) -> Iterator[tuple[Item, dict[str, Any]]]:
        """What is to be made or changed on the server. Shards whose tasks are as they should be are not looked at."""
        look = self.known.changed(self.workspace)
        done: set[str] | None = None
        for key, (_, contents) in self.known.offered.items():
            if key not in look and any(s not in there or there[s].content != c for s, c in contents.items()):
                look.add(key)
            elif key not in look:
                counts["unchanged"] += len(contents)
        for item in items(self.workspace, self.work, self.server.media_root, look) if look else ():
            sample, contents = item.sample.id, self.known.offered[item.sample.shard][1]
            try:
                task = task_of(item, self.work)
            except BadInput as e:
                contents[sample] = ""  # fits nothing, so that it is looked at and named again
                self.problems.append(str(e))
                continue
            contents[sample] = task["data"]["content"]
            if sample in there and there[sample].content == contents[sample]:
                counts["unchanged"] += 1
                continue
            if sample not in there:
                done = self._done() if done is None else done
                if sample in done:  # answered by all; its task or project was deleted since
                    counts["unchanged"] += 1
                    continue
            yield item, task

    def _done(self) -> set[str]:
        """Samples that as many people have answered as are wanted."""
        if self.work.judges or not self.workspace.current("review"):
            return set()
        batch, needed = self.work.batch.id if self.work.batch else None, annotators(self.recipe, self.work.batch)
        return {
            sample
            for part in said(self.workspace, self.work.tasks)
            for sample, rows in part.annotations.items()
            if any(len(people(rows, t, self.work.round, batch)) >= needed for t in self.work.tasks)
        }

    def _add(self, project: Any) -> None:
        args = self.workspace, self.recipe, self.server, self.work
        self.theirs[project.id] = bring_up_to_date(*args, project, self.config)
        self.room[project.id] = self.recipe.review.project_tasks
        self.projects[project.id] = project

    def _project(self) -> int:
        """A project with room for a task, made if there is none."""
        if not any(left > 0 for left in self.room.values()):
            args = self.workspace, self.recipe, self.server, self.work
            self._add(create(*args, len(self.room) + 1, self.config))
        return next(p for p, left in self.room.items() if left > 0)

    def _send(self, new: list[tuple[bool, dict[str, Any]]], mail: ThreadPoolExecutor) -> None:
        """Import tasks, contradicted ones first."""
        tasks = [task for _, task in sorted(new, key=lambda entry: entry[0])]
        while tasks:
            project = self._project()
            batch, tasks = tasks[: self.room[project]], tasks[self.room[project] :]
            if self.theirs[project] != self.config:
                validate(batch, self.theirs[project])
            self.room[project] -= len(batch)
            if len(self.sent) > 1:
                self.sent[-2][2].result()  # no more than two under way: what is made waits for what is sent
            write_atomic(self.under_way, self.work.name)
            send = self.server.client.projects.import_tasks
            arrival = mail.submit(send, id=project, request=batch, return_task_ids=True)
            self.sent.append((self.projects[project], [t["data"] for t in batch], arrival))

    def _arrived(self) -> int:
        """How many tasks were made, once they are; raises WorkerError when the server took others than were sent."""
        made = 0
        for project, batch, arrival in self.sent:
            done = arrival.result()
            if done.task_count != len(batch):
                raise WorkerError(f"Label Studio took {done.task_count} of {len(batch)} tasks; push again")
            made += len(batch)
            self.known.add(self.server, project, batch, done.task_ids)
        for project in {p.id: p for p, _, _ in self.sent}.values():
            self.known.reached(self.server, project)
        return made

    def _update(self, there: Task, task: dict[str, Any]) -> bool:
        """Replace a task's content unless somebody has begun it."""
        from label_studio_sdk.core.api_error import ApiError

        client = self.server.client
        if self.theirs[there.project] != self.config:
            validate([task], self.theirs[there.project])
        try:
            if not untouched(self.server, there):
                return False
            for old in client.predictions.list(task=there.id):
                client.predictions.delete(id=old.id)
            for prediction in task["predictions"]:
                client.predictions.create(task=there.id, **prediction)
            # The data carries the content hash, so it comes last: a push that dies before it is made good by the next.
            client.tasks.update(id=str(there.id), data=task["data"])
        except ApiError as e:
            if e.status_code != 404:
                raise
            self.problems.append(f"sample {there.sample}: its task was deleted during the push; push again")
        return True

    def _remove(self, twice: list[Task]) -> int:
        """Duplicates that nobody has touched go; what people have done in two tasks of one sample stays in both."""
        removed = 0
        for task in twice:
            if not task.work and untouched(self.server, task):
                self.server.client.tasks.delete(id=str(task.id))
                self.known.forget(self.server, self.projects[task.project], task)
                removed += 1
        return removed
