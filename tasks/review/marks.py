"""Up to when the server's projects were read, and whose answers: kept in the workspace, and made anew when lost."""

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from schemas.digests import digest
from tasks.workspace import Workspace, write_atomic

LATER = ("keyframes", "dedup", "class_text", "levels", "qa", "split", "given")
"""Stages whose rows no answer depends on."""


Entry = tuple[str, str, list[str]]
"""Of a task with answers: the sample, the key of its shard, and who has answered."""
Heard = dict[str, Entry]
"""The tasks of a project with answers, by their numbers."""


@dataclass
class Marks:
    """By project, the time of the last change that was read, by the server's clock; and whose answers were read."""

    times: dict[str, datetime] = field(default_factory=dict)
    heard: dict[str, dict[str, Heard]] = field(default_factory=dict)
    """By piece of work and project."""

    @classmethod
    def read(cls, workspace: Workspace) -> "Marks":
        """The marks of the last pull; no times when anything in the tables that answers depend on has changed since.

        An answer that could not be taken then may be taken now: what was made anew is judged again by what people
        have said in the meantime.
        """
        try:
            kept = json.loads(_file(workspace).read_text())
            same = kept["rows"] == _rows(workspace)
            times = {name: datetime.fromisoformat(at) for name, at in kept["times"].items() if same}
            heard = {w: {p: {t: _entry(*e) for t, e in tasks.items()} for p, tasks in of_it.items()}
                     for w, of_it in kept["heard"].items()}  # fmt: skip
            return cls(times, heard)
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            return cls()  # nothing is lost: without marks all is read again

    def since(self, project: str) -> datetime | None:
        return self.times.get(project)

    def reached(self, project: str, at: datetime | None) -> None:
        if at is not None:
            self.times[project] = max(at, self.times.get(project, at))

    def of(self, work: str, project: str) -> Heard:
        """What is remembered of a project, to be brought up to date in place."""
        return self.heard.setdefault(work, {}).setdefault(project, {})

    def keep_only(self, work: str, projects: Collection[str]) -> None:
        """Forget the projects of a piece of work that are gone: what was said in them stands."""
        self.heard[work] = {name: tasks for name, tasks in self.heard.get(work, {}).items() if name in projects}

    def write(self, workspace: Workspace) -> None:
        times = {n: t.isoformat() for n, t in sorted(self.times.items())}
        kept = {"rows": _rows(workspace), "times": times, "heard": self.heard}
        write_atomic(_file(workspace), json.dumps(kept, separators=(",", ":")))


def _entry(sample: str, shard: str, who: list[str]) -> Entry:
    return sample, shard, who


def _file(workspace: Workspace) -> Path:
    return workspace.root / "review" / "pulled.json"


def _rows(workspace: Workspace) -> str:
    refs = [ref for ref in workspace.current() if ref.stage not in LATER]
    return digest([[r.stage, r.key, r.fingerprint] for r in refs])
