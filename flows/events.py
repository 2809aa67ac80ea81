"""Events of ours on the Prefect server, for automations: a batch failed its quality rounds, a taxonomy changed."""

import json
import uuid

from prefect.events import emit_event

from schemas import taxonomy
from schemas.errors import CallError
from schemas.recipe import Recipe
from schemas.rows import Batch, Verdict
from tasks import passing
from tasks.workspace import Workspace, write_atomic

QUALITY_FAILED = "defectory.quality.failed"
TAXONOMY_CHANGED = "defectory.taxonomy.changed"


def quality_failed(workspace: Workspace, recipe: Recipe) -> list[Batch]:
    """Emit an event for every batch that has failed its quality rounds and is not done again yet; returns them.

    An event's id is a hash of the batch, so that saying it again is the same event.
    """
    if not recipe.review.quality.rounds:
        return []
    given = [v for v in workspace.rows(Verdict) if v.batch is not None]
    failed = passing.due(list(workspace.rows(Batch)), given, recipe.review.quality).again
    for batch in failed:
        _emit(
            QUALITY_FAILED, workspace, f"defectory.batch.{batch.id}",
            {"batch": batch.id, "task": batch.task, "samples": str(len(batch.samples)), "reason": batch.reason},
        )  # fmt: skip
    return failed


def taxonomy_changed(workspace: Workspace, name: str, before: str, after: str) -> None:
    _emit(
        TAXONOMY_CHANGED, workspace, f"defectory.taxonomy.{name}",
        {"taxonomy": name, "before": before, "after": after},
    )  # fmt: skip


def announce(workspace: Workspace, recipe: Recipe) -> None:
    """Tell of a taxonomy whose version is not that of the last build, and remember the one of this build."""
    now = version_of(recipe)
    if now is None:
        return
    file = workspace.root / "taxonomy.json"
    try:
        name, before = json.loads(file.read_text())
    except (FileNotFoundError, ValueError):
        name, before = now
    if (name, before) != now:
        taxonomy_changed(workspace, now[0], f"{name} {before}", f"{now[0]} {now[1]}")
    write_atomic(file, json.dumps(now))


def version_of(recipe: Recipe) -> tuple[str, str] | None:
    """Name and version of a recipe's taxonomy; None without one that can be read."""
    if not recipe.images.taxonomy:
        return None
    try:
        known = taxonomy.load(recipe.images.taxonomy)
    except CallError:
        return None
    return known.name, known.version


def _emit(event: str, workspace: Workspace, resource: str, payload: dict[str, str]) -> None:
    emit_event(
        event=event,
        resource={"prefect.resource.id": resource, "prefect.resource.name": resource.rpartition(".")[2]},
        payload={"workspace": str(workspace.root), **payload},
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{event} {workspace.tag} {sorted(payload.items())}"),
    )
