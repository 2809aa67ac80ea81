"""Up to when the server's projects were read: kept in the workspace, and worth nothing once its rows are others."""

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from schemas.digests import digest
from tasks.workspace import Workspace, write_atomic

LATER = ("keyframes", "dedup", "class_text", "levels", "qa", "split")
"""Stages whose rows no answer depends on."""


@dataclass
class Marks:
    """By project, the time of the last change that was read; by the server's clock."""

    times: dict[str, datetime]

    @classmethod
    def read(cls, workspace: Workspace) -> "Marks":
        """The marks of the last pull; none when anything in the tables that answers depend on has changed since.

        An answer that could not be taken then may be taken now: what was made anew is judged again by what people
        have said in the meantime.
        """
        try:
            kept = json.loads(_file(workspace).read_text())
            if kept["rows"] == _rows(workspace):
                return cls({name: datetime.fromisoformat(at) for name, at in kept["times"].items()})
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            pass  # nothing is lost: without marks all is read again
        return cls({})

    def since(self, project: str) -> datetime | None:
        return self.times.get(project)

    def reached(self, project: str, at: datetime | None) -> None:
        if at is not None:
            self.times[project] = max(at, self.times.get(project, at))

    def write(self, workspace: Workspace) -> None:
        kept = {"rows": _rows(workspace), "times": {n: t.isoformat() for n, t in sorted(self.times.items())}}
        write_atomic(_file(workspace), json.dumps(kept, indent=1))


def _file(workspace: Workspace) -> Path:
    return workspace.root / "review" / "pulled.json"


def _rows(workspace: Workspace) -> str:
    refs = [ref for ref in workspace.current() if ref.stage not in LATER]
    return digest([[r.stage, r.key, r.fingerprint] for r in refs])
