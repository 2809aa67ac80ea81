"""Events of ours on the Prefect server, for automations: a batch failed its quality rounds, a taxonomy changed."""

import uuid

from prefect.events import emit_event

from schemas.recipe import Recipe
from schemas.rows import Batch, Verdict
from tasks.quality import passing
from tasks.reannotation.taxonomies import news, remember
from tasks.workspace import Workspace

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


def announce(workspace: Workspace, recipe: Recipe) -> None:
    """Tell of a taxonomy whose version is not that of the last build, and remember the one of this build."""
    if found := news(workspace, recipe):
        before, after = found
        _emit(
            TAXONOMY_CHANGED, workspace, f"defectory.taxonomy.{after.partition(' ')[0]}",
            {"before": before, "after": after},
        )  # fmt: skip
    remember(workspace, recipe)


def _emit(event: str, workspace: Workspace, resource: str, payload: dict[str, str]) -> None:
    emit_event(
        event=event,
        resource={"prefect.resource.id": resource, "prefect.resource.name": resource.rpartition(".")[2]},
        payload={"workspace": str(workspace.root), **payload},
        id=uuid.uuid5(uuid.NAMESPACE_URL, f"{event} {workspace.tag} {sorted(payload.items())}"),
    )
