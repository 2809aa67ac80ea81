"""What earlier pushes know, so that the next one asks and computes only what may have changed.

Kept in the workspace; without it, or when it does not fit any more, everything is asked and computed anew.

    review/known/<work>.json     {"made by": …, "offered": {shard: [of its parts, {sample: content}]},
                                  "projects": {project: {"at": …, "tasks": {id: [sample, content, answered, work]}}}}
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from schemas.digests import digest
from tasks.review.marks import LATER
from tasks.review.projects import Task, listed, newest
from tasks.review.said import at_large, by_shard
from tasks.review.server import Server
from tasks.review.work import Work
from tasks.workspace import Workspace, write_atomic

MARGIN = timedelta(seconds=1)
"""Between a change's date and the moment when it can be seen."""


@dataclass
class Known:
    """What is known of one piece of work."""

    file: Path
    made_by: str
    offered: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)
    """By shard: the digest of the parts that it was made from, and the content of each sample's task."""
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By project: its tasks, as of when."""

    @classmethod
    def of(cls, workspace: Workspace, work: Work) -> "Known":
        file = workspace.root / "review" / "known" / f"{digest(work.name)}.json"
        # What a batch shows depends on verdicts and batches elsewhere: one change, and all of it is made anew.
        everything = [f"{r.stage} {r.name}" for r in workspace.current()] if work.batch else []
        made_by = digest(_code(), workspace.root.name, work.tasks, everything)
        try:
            kept = json.loads(file.read_text())
            offered = {k: (of, dict(found)) for k, (of, found) in kept["offered"].items()}
            return cls(file, made_by, offered if kept["made by"] == made_by else {}, dict(kept["projects"]))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return cls(file, made_by)

    def write(self) -> None:
        kept = {"made by": self.made_by, "offered": self.offered, "projects": self.projects}
        write_atomic(self.file, json.dumps(kept, separators=(",", ":")))

    def changed(self, workspace: Workspace) -> set[str]:
        """The shards whose parts are others now; what is known of those, and of shards that are gone, is forgotten."""
        large = at_large(workspace)
        now = {key: digest([f"{r.stage} {r.name}" for r in (*refs, *large) if r.stage not in LATER])
               for key, refs in by_shard(workspace).items()}  # fmt: skip
        self.offered = {key: kept for key, kept in self.offered.items() if now.get(key) == kept[0]}
        new = now.keys() - self.offered.keys()
        self.offered |= {key: (now[key], {}) for key in new}
        return new

    def tasks(self, server: Server, project: Any) -> Iterator[Task]:
        """All of our tasks in a project: as last seen, and anew what has changed since.

        The number of tasks tells whether one was deleted; then all are listed.
        """
        name = _name(server, project)
        kept = self.projects.get(name)
        found: dict[str, Any] = {}
        at = None
        if kept and kept["at"]:
            at = datetime.fromisoformat(kept["at"])
            found = dict(kept["tasks"])
            at = self._see(server, project.id, found, at, at - MARGIN)
        if len(found) != project.task_number:
            found = {}
            at = self._see(server, project.id, found, at, None)
        self.projects[name] = {"at": at and at.isoformat(), "tasks": found}
        for id_, (sample, content, answered, work) in found.items():
            if sample is not None:
                yield Task(int(id_), int(project.id), sample, content, answered, work)

    def add(self, server: Server, project: Any, made: list[dict[str, Any]], ids: list[int] | None) -> None:
        """Tasks that were just made, with their data, in their order."""
        kept = self.projects.setdefault(_name(server, project), {"at": None, "tasks": {}})
        for data, id_ in zip(made, ids or (), strict=False):
            kept["tasks"][str(id_)] = [data["sample"], data["content"], 0, 0]

    def reached(self, server: Server, project: Any) -> None:
        """All that is on the server now is known."""
        at = newest(server, project.id)
        self.projects[_name(server, project)]["at"] = at and at.isoformat()

    def forget(self, server: Server, project: Any, task: Task) -> None:
        self.projects[_name(server, project)]["tasks"].pop(str(task.id), None)

    @staticmethod
    def _see(
        server: Server, project: int, found: dict[str, Any], at: datetime | None, since: datetime | None
    ) -> datetime | None:
        for t in listed(server, project, "id,data,total_annotations,cancelled_annotations,updated_at", since):
            data = t.data if isinstance(t.data, dict) else {}
            sample = data.get("sample") if isinstance(data.get("sample"), str) else None
            answered = t.total_annotations or 0
            work = answered + (t.cancelled_annotations or 0)
            found[str(t.id)] = [sample, str(data.get("content")), answered, work]
            at = max(at or t.updated_at, t.updated_at)
        return at


def _name(server: Server, project: Any) -> str:
    """Of one project for all time: numbers begin anew where a server is set up again."""
    return f"{server.url} {project.id} {project.created_at}"


@cache
def _code() -> str:
    """What decides how a task looks: the labelling projects themselves, and what is put into them."""
    folder = resources.files("annotation.labelling")
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith((".py", ".yaml")))
    return digest([(folder / n).read_text() for n in names], Path(__file__).with_name("items.py").read_text())
