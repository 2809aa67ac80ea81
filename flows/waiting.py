"""A flow that waits for people without holding a process, and the watcher that wakes it.

The waiting run is suspended: the server keeps it, no process does. While one waits, the deployment `review-watch` runs
every minute: it pulls, brings the run's artifacts up to date, and resumes the run when everything is done. Pressing
Resume in the UI does the same at any time. All that is remembered is on the server and in the workspace, so either may
be restarted in between.
"""

import contextlib
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.client.schemas.filters import ArtifactFilter, FlowFilter, FlowRunFilter
from prefect.client.schemas.objects import FlowRun

from flows import events
from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks import review
from tasks.review.waiting import Standing, look
from tasks.workspace import Workspace

ROUND, WATCH = "review-round", "review-watch"
"""Names of the two flows; the deployment of the watcher is called like its flow."""
KEY = "people"
PATIENCE_S = 600.0


@contextlib.contextmanager
def patient(workspace: Workspace, seconds: float = PATIENCE_S) -> Iterator[None]:
    """The workspace's lock, waited for as long as somebody else holds it. Raises DefectoryError in the end."""
    deadline = time.monotonic() + seconds
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(workspace.lock())
                break
            except DefectoryError:
                if time.monotonic() > deadline:
                    raise
            time.sleep(2)
        yield


def pulled(workspace: Workspace, recipe: Recipe, batch: str, patience_s: float) -> Standing:
    """Where the work stands after a pull; what cannot be pulled now is said in the log, and counts the next time."""
    log = get_run_logger()
    try:
        server = review.configured()
        if server is not None:
            with patient(workspace, patience_s):
                for problem in review.pull(workspace, recipe, server).problems:
                    log.warning(problem)
    except DefectoryError as e:
        log.warning("not pulled: %s", e)
    if failed := events.quality_failed(workspace, recipe):
        log.info("failed their quality rounds: %s", ", ".join(b.id for b in failed))
    return look(workspace, recipe, batch, datetime.now(UTC))


def watch() -> int:
    """Look after every suspended round; returns how many still wait. Ends its own schedule when none is left."""
    log = get_run_logger()
    left = 0
    with get_client(sync_client=True) as client:
        for run in waiting(client):
            where, batch = str(run.parameters.get("workspace", "")), str(run.parameters.get("batch") or "")
            try:
                opened = Workspace.open(Path(where))
                found = pulled(opened, opened.recipe(), batch, patience_s=0)
            except DefectoryError as e:
                log.warning("%s: %s", run.name, e)
                left += 1
                continue
            show(client, run.id, found)
            if found.complete:
                log.info("%s: everything is done, it goes on", run.name)
                client.resume_flow_run(run.id)
            else:
                left += 1
        if not left:
            schedule(client, active=False)
            if waiting(client):  # one that was suspended since we looked
                schedule(client, active=True)
    return left


def waiting(client: SyncPrefectClient) -> list[FlowRun]:
    """The suspended rounds of the server."""
    return client.read_flow_runs(
        flow_filter=FlowFilter.model_validate({"name": {"any_": [ROUND]}}),
        flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": ["PAUSED"]}}}),
    )


def schedule(client: SyncPrefectClient, active: bool) -> None:
    """Let the watcher run, or rest; without its deployment nobody but a press on Resume ends a wait."""
    from prefect.exceptions import ObjectNotFound

    try:
        deployment = client.read_deployment_by_name(f"{WATCH}/{WATCH}")
    except ObjectNotFound:
        get_run_logger().warning("no deployment %s here: press Resume when the work is done", WATCH)
        return
    for entry in deployment.schedules:
        if entry.active != active:
            client.update_deployment_schedule(deployment.id, entry.id, active=active)


# --- artifacts ------------------------------------------------------------------------------------


def show(client: SyncPrefectClient, run: UUID, found: Standing) -> None:
    """A run's progress, kept up to date from whichever process looks."""
    share = 100.0 * found.done / found.total if found.total else 100.0
    _put(client, run, "review-progress", "progress", round(share, 1), f"{found.done:,} of {found.total:,} samples done")
    _put(client, run, "review-standing", "table", json.dumps(rows(found)), f"Where {found.what} stands")


def rows(found: Standing) -> list[dict[str, str]]:
    """Where the work stands, as people read it."""
    told = {
        "done": f"{found.done:,} of {found.total:,}",
        "remaining": f"{found.remaining:,}",
        "people": f"{found.people:,}",
        "pace": f"{found.per_hour:,.0f} per hour of work" if found.per_hour else "not known yet",
    }
    if not found.complete:
        told["expected end"] = f"{found.ends:%Y-%m-%d %H:%M} UTC, if nobody rests" if found.ends else "not known yet"
    for a in found.agreements:
        alpha = f", alpha {a.alpha:.2f}" if a.alpha is not None else ""
        told[f"agreement, {a.task.replace('_', ' ')}"] = (
            f"{a.likeness:.2f} ({a.measure}{alpha}) over {a.samples:,} samples with two answers or more"
        )
    return [{"what": what, "stands": stands} for what, stands in told.items()]


def _put(client: SyncPrefectClient, run: UUID, key: str, kind: str, data: str | float, description: str) -> None:
    """Replace a run's artifact of this key, or make it."""
    own = ArtifactFilter.model_validate({"flow_run_id": {"any_": [run]}, "key": {"any_": [key]}})
    existing = client.read_artifacts(artifact_filter=own)
    if existing:
        client.update_artifact(existing[0].id, ArtifactUpdate(data=data, description=description))
    else:
        made = ArtifactCreate(key=key, type=kind, data=data, description=description, flow_run_id=run)
        client.create_artifact(made)
