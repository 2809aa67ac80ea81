"""What people are asked to do: plain rounds of a recipe, and the batches of its tables."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotation.labelling.project import Project
from annotation.labelling.projects import PROJECTS
from schemas.errors import CallError
from schemas.recipe import Recipe
from schemas.rows import Batch
from tasks.quality import rounds as quality
from tasks.workspace import Workspace

ROUND = {"clip": ("clip",), "image": ("caption",)}
"""The labelling projects of a plain round by the kind of the samples, unless the recipe names others."""

FOR_TASK = {
    "visible_interval": "interval", "caption": "caption", "mask": "mask", "box": "box", "scene": "scene",
    "safety_level": "scene", "match": "match",
}  # fmt: skip
"""The labelling project for a batch of one annotation task."""


@dataclass(frozen=True)
class Work:
    """What goes to reviewers in labelling projects of one kind: a plain round, or a batch of it."""

    project: Project
    round: int
    tasks: tuple[str, ...]
    """The annotation tasks that are judged."""
    batch: Batch | None = None

    @property
    def name(self) -> str:
        """Tells it from the other work of a workspace."""
        return f"{self.project.name} round {self.round}{f' batch {self.batch.id}' if self.batch else ''}"

    @property
    def judges(self) -> bool:
        """Whether people give verdicts on finished work, and no labels."""
        return self.batch is not None and self.batch.kind == "quality"

    @property
    def settings(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.batch.settings) if self.batch and self.batch.settings else {}
        return found


def works(workspace: Workspace, recipe: Recipe) -> Iterator[Work]:
    """The recipe's round, project by project, and then every batch by id, save those that machines labelled.

    Raises CallError for a project that cannot show the recipe's samples, and for a batch of a task that no project
    asks about.
    """
    for name in recipe.review.projects or ROUND[recipe.kind]:
        project = PROJECTS[name]
        if recipe.kind not in project.kinds:
            raise CallError(f"review.projects: `{name}` cannot show a {recipe.kind}; leave it out")
        yield Work(project, recipe.review.round, project.judges)
    for batch in sorted({b.id: b for b in workspace.rows(Batch)}.values(), key=lambda b: (b.round, b.id)):
        if json.loads(batch.settings or "{}").get("by", "people") == "people":
            yield of_batch(batch)


def of_batch(batch: Batch) -> Work:
    """The work that a batch asks for. Raises CallError for a task that no labelling project asks about."""
    if batch.kind == "quality":
        kind = quality.settings_of(batch)["kind"]
        tasks = tuple(t for t in quality.tasks_of(batch) if quality.kind_of(t) == kind)
        return Work(PROJECTS[f"quality-{kind}"], batch.round, tasks, batch)
    name = batch.task if batch.task in PROJECTS else FOR_TASK.get(batch.task)
    if name is None:
        raise CallError(f"batch {batch.id}: no labelling project asks about `{batch.task}`; make it of another task")
    tasks = (batch.task,) if batch.kind == "adjudication" else PROJECTS[name].judges
    return Work(PROJECTS[name], batch.round, tasks, batch)


def annotators(recipe: Recipe, batch: Batch | None) -> int:
    """How many people are to answer each task of a round, or of a batch: verdicts and decisions are one person's."""
    return 1 if batch and batch.kind in ("quality", "adjudication") else recipe.review.annotators
