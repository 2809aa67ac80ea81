"""To the reviewers: a push adds what is missing, brings tasks up to date that nobody has touched, and leaves all
others alone."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotation.labels import standing
from schemas.errors import BadInput, WorkerError
from schemas.recipe import Recipe
from schemas.rows import Annotation
from tasks.review.items import contradicted, items, task_of
from tasks.review.projects import (
    Task,
    bring_up_to_date,
    config_of,
    create,
    find,
    tasks_of,
    untouched,
    url_of,
    validate,
)
from tasks.review.server import Server, speaking
from tasks.review.work import Work, works
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
        self.problems: list[str] = []
        self.theirs: dict[int, str] = {}
        """Projects with the configuration that they have."""
        self.room: dict[int, int] = {}
        """Projects with the number of tasks that still go in."""

    def push(self) -> dict[str, int]:
        counts: Counter[str] = Counter()
        broken_off = self.under_way.exists()
        for project in find(self.workspace, self.recipe, self.server, self.work):
            self._add(project)
        there, twice = tasks_of(self.server, self.room)
        for project, n in Counter(t.project for t in there.values()).items():
            self.room[project] -= n
        counts["removed"] += self._remove(twice)
        done = self._done()
        new: list[tuple[bool, dict[str, Any]]] = []
        for item, task in self._wanted():
            sample = item.sample.id
            if sample not in there:
                if sample in done:
                    counts["unchanged"] += 1  # answered by all; its task or project was deleted since
                    continue
                new.append((not contradicted(item), task))
                # A project's worth at a time, so that contradicted ones can come first and memory stays bounded.
                if len(new) >= self.recipe.review.project_tasks:
                    counts["created"] += self._send(new)
            elif there[sample].content == task["data"]["content"]:
                counts["unchanged"] += 1
            else:
                counts["updated" if self._update(there[sample], task) else "untouched"] += 1
        counts["created"] += self._send(new)
        if broken_off:  # the import of a push that was killed may have ended on the server only now
            counts["removed"] += self._remove(tasks_of(self.server, self.room)[1])
        self.under_way.unlink(missing_ok=True)
        return dict(counts)

    @property
    def under_way(self) -> Any:
        """Stands while an import is under way: who finds it knows that a push was killed in the middle."""
        return self.workspace.root / "review" / "sending"

    def _wanted(self) -> Iterator[tuple[Any, dict[str, Any]]]:
        for item in items(self.workspace, self.work, self.server.media_root):
            try:
                yield item, task_of(item, self.work)
            except BadInput as e:
                self.problems.append(str(e))

    def _done(self) -> set[str]:
        """Samples that as many people have answered as are wanted."""
        if self.work.judges:
            return set()
        who: dict[str, set[str]] = defaultdict(set)
        for a in standing(self.workspace.rows(Annotation, task=self.work.tasks)):
            batch = self.work.batch.id if self.work.batch else None
            if a.author_kind == "person" and a.round == self.work.round and a.batch == batch:
                who[a.sample].add(a.author)
        return {sample for sample, people in who.items() if len(people) >= self.recipe.review.annotators}

    def _add(self, project: Any) -> None:
        args = self.workspace, self.recipe, self.server, self.work
        self.theirs[project.id] = bring_up_to_date(*args, project, self.config)
        self.room[project.id] = self.recipe.review.project_tasks

    def _project(self) -> int:
        """A project with room for a task, made if there is none."""
        if not any(left > 0 for left in self.room.values()):
            args = self.workspace, self.recipe, self.server, self.work
            self._add(create(*args, len(self.room) + 1, self.config))
        return next(p for p, left in self.room.items() if left > 0)

    def _send(self, new: list[tuple[bool, dict[str, Any]]]) -> int:
        """Import the tasks and empty the list; returns their number."""
        tasks = [task for _, task in sorted(new, key=lambda entry: entry[0])]
        new.clear()
        sent = 0
        while sent < len(tasks):
            project = self._project()
            batch = tasks[sent : sent + min(BATCH, self.room[project])]
            if self.theirs[project] != self.config:
                validate(batch, self.theirs[project])
            write_atomic(self.under_way, self.work.name)
            done = self.server.client.projects.import_tasks(id=project, request=batch)
            if done.task_count != len(batch):
                raise WorkerError(f"Label Studio took {done.task_count} of {len(batch)} tasks; push again")
            self.room[project] -= len(batch)
            sent += len(batch)
        return sent

    def _update(self, there: Task, task: dict[str, Any]) -> bool:
        """Replace a task's content unless somebody has begun it."""
        from label_studio_sdk.core.api_error import ApiError

        client = self.server.client
        if self.theirs[there.project] != self.config:
            validate([task], self.theirs[there.project])
        try:
            if not untouched(self.server, there.id):
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
            if not task.work and untouched(self.server, task.id):
                self.server.client.tasks.delete(id=str(task.id))
                removed += 1
        return removed
