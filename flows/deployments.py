"""What one schedules and triggers in the Prefect UI: thin flows whose parameters are the form's fields."""

from pathlib import Path
from typing import Any, Literal

from prefect import flow, get_run_logger
from prefect.client.orchestration import get_client
from prefect.context import FlowRunContext
from prefect.flow_runs import suspend_flow_run

from flows import build as builds
from flows import events, waiting
from flows import reannotation as again
from schemas.loading import load
from tasks import reannotation, review
from tasks.dag import demand_current, demand_stage
from tasks.reannotation import Order
from tasks.workspace import Workspace


@flow(
    name="build-recipe",
    description="Build a recipe into its workspace",
    flow_run_name="build {recipe}",
    persist_result=False,
)
def build(
    recipe: str = "recipes/demo.yaml", workspace: str = "", until: str = "release", overrides: list[str] | None = None
) -> dict[str, Any]:
    """Build `recipe` (a YAML file), with `overrides` like `render.samples=4`; workspaces/DATASET by default."""
    wanted = load(Path(recipe), tuple(overrides or ()))
    demand_stage(wanted, until, "until")
    root = Path(workspace or f"workspaces/{wanted.dataset}").resolve()
    return builds.build(root, wanted, until)


@flow(
    name="review-push",
    flow_run_name="review push {workspace}",
    description="Send clips and candidates to Label Studio",
    persist_result=False,
)
def review_push(workspace: str) -> None:
    opened = Workspace.open(Path(workspace))
    with opened.lock():
        _push(opened, review.connect())


@flow(
    name="review-pull",
    flow_run_name="review pull {workspace}",
    description="Bring the reviewers' decisions back",
    persist_result=False,
)
def review_pull(workspace: str) -> None:
    opened = Workspace.open(Path(workspace))
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
        report = review.pull(opened, opened.recipe(), review.connect())
        events.quality_failed(opened, opened.recipe())
    get_run_logger().info(f"{report.decisions} new decisions from {report.reviewers} reviewers")
    for problem in report.problems:
        get_run_logger().warning(problem)


@flow(
    name="release-workspace",
    flow_run_name="release {workspace}",
    description="Freeze the current labels as a release",
    persist_result=False,
)
def release(workspace: str, version: str = "") -> None:
    opened = Workspace.open(Path(workspace))
    builds.rerelease(opened.root, opened.recipe(version or None))


@flow(
    name="reannotate-samples",
    flow_run_name="reannotate {task}: {reason}",
    description="Label chosen samples again: forecast, confirmation, work, comparison",
    persist_result=False,
)
def reannotate(
    workspace: str,
    reason: str,
    task: Literal[
        "caption", "defect_type", "visible_interval", "clip", "mask", "box", "scene", "safety_level", "match"
    ] = "caption",
    where: str = "",
    batch: str = "",
    ids: str = "",
    by: Literal["machine", "people"] = "machine",
    provider: Literal["as before", "measured", "openai", "gemini"] = "as before",
    model: str = "",
    prompts: str = "",
    taxonomy: str = "",
    settings: str = "",
    confirm: Literal["wait for Resume", "run at once"] = "wait for Resume",
) -> dict[str, Any] | None:
    """Label chosen samples again.

    Args:
        workspace: The folder of the workspace.
        reason: Why; it stands in the tables for good.
        task: What is labelled again. Machines write captions and map classes (defect_type); the rest is for people, to
            whom `clip` shows intervals and captions together.
        where: Which samples, as a condition in SQL, such as: contradicted > 0 AND class = 'crack'. The columns are in
            docs/reannotation.md.
        batch: Or a batch whose samples are done again, by its id.
        ids: Or sample ids, one on each line.
        by: Who labels.
        provider: Who writes captions.
        model: The provider's model name; empty for as before.
        prompts: A folder with other prompts for captions, such as open.txt; empty for as before.
        taxonomy: Another taxonomy for classes, by its name or file; empty for as before.
        settings: Further settings, one on each line, such as: caption.budget_usd=5 or caption.candidates=6
        confirm: Whether to show the forecast and wait until somebody presses Resume, or to run at once.
    """
    opened = Workspace.open(Path(workspace))
    overrides = (
        *reannotation.changes("" if provider == "as before" else provider, model, prompts, taxonomy),
        *(line.strip() for line in settings.splitlines() if line.strip()),
    )
    order = Order(task, reason, where, tuple(ids.split()), batch, by == "people", overrides)
    if confirm == "wait for Resume" and not _resumed("confirm"):
        planned = reannotation.plan(opened, order)
        again.show_forecast(planned)
        if not planned.chosen.samples:
            get_run_logger().info("No sample is as the condition says; there is nothing to do.")
            return None
        suspend_flow_run(key="confirm")
    return again.reannotate(opened.root, order)


@flow(
    name=waiting.ROUND,
    flow_run_name="review round {workspace}",
    description="Send work to people, wait for them without a process, bring their work back",
    persist_result=False,
)
def review_round(workspace: str, batch: str = "") -> dict[str, Any]:
    """Send work to people and wait until it is done, or until somebody presses Resume.

    Args:
        workspace: The folder of the workspace.
        batch: The batch that is waited for, by its id; the recipe's round if empty.
    """
    opened, context = Workspace.open(Path(workspace)), FlowRunContext.get()
    recipe, log = opened.recipe(), get_run_logger()
    assert context is not None and context.flow_run is not None
    if not _resumed(waiting.KEY):
        server = review.configured()
        if server is None:
            log.warning("no Label Studio is known here: what somebody pulls elsewhere is waited for")
        else:
            with waiting.patient(opened):
                _push(opened, server)
    found = waiting.pulled(opened, recipe, batch, waiting.PATIENCE_S)
    with get_client(sync_client=True) as client:
        waiting.show(client, context.flow_run.id, found)
        if not found.complete and not _resumed(waiting.KEY):
            waiting.schedule(client, active=True)
    if not found.complete:
        suspend_flow_run(key=waiting.KEY)  # does nothing in a run that was resumed
        log.info(f"resumed by hand with {found.remaining} samples left; they can still be pulled later")
    if batch:
        again.report(opened, batch)
    return {"what": found.what, "total": found.total, "done": found.done, "people": found.people}


@flow(
    name=waiting.WATCH,
    flow_run_name=waiting.WATCH,
    description="Look after the rounds that wait for people; wake those that are done",
    persist_result=False,
)
def review_watch() -> int:
    return waiting.watch()


def _push(opened: Workspace, server: review.Server) -> None:
    """Give out what is due and send it; the caller holds the lock."""
    recipe, log = opened.recipe(), get_run_logger()
    demand_current(opened, recipe, "caption")
    given, report = review.send(opened, recipe, server)
    for batch in given.batches:
        log.info(f"{batch.kind} batch {batch.id}: {len(batch.samples)} samples, {batch.reason}")
    log.info(f"{report.created} tasks created, {report.updated} updated: {report.url}")
    for problem in (*given.problems, *report.problems):
        log.warning(problem)


def _resumed(key: str) -> bool:
    """Whether this run was suspended under that key before."""
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    return run is not None and key in (run.empirical_policy.pause_keys or ())
