"""`defectory review …`: work to people and back."""

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.output import OPTIONS, WorkspacePath, emit

if TYPE_CHECKING:
    from tasks.review import PullReport
    from tasks.workspace import Workspace

review_app = typer.Typer(help="Send work to reviewers in Label Studio, bring it back.", no_args_is_help=True)


@review_app.command("push")
def review_push(workspace: WorkspacePath) -> None:
    """Send the round to Label Studio with what machines said, and the batches that are due; safe to repeat."""
    from tasks import review
    from tasks.dag import demand_current
    from tasks.workspace import Workspace

    opened = Workspace.open(workspace)
    with opened.lock():
        recipe, server = opened.recipe(), review.connect()
        demand_current(opened, recipe, "caption")
        given, report = review.send(opened, recipe, server)
    batches = [{"id": b.id, "kind": b.kind, "task": b.task, "samples": len(b.samples)} for b in given.batches]
    emit(
        dataclasses.asdict(report) | {"given": batches, "problems": [*given.problems, *report.problems]},
        *(f"{b.kind} batch {b.id}: {len(b.samples):,} samples, {b.reason}" for b in given.batches),
        *given.problems,
        f"{report.created} tasks created, {report.updated} updated, {report.unchanged} as they were, "
        f"{report.untouched} left alone because somebody works on them"
        + (f", {report.removed} removed that were there twice" if report.removed else ""),
        *report.problems,
        *(f"label here: {url}" for url in report.projects),
        f"then: defectory review pull {workspace}",
    )


@review_app.command("pull")
def review_pull(
    workspace: WorkspacePath,
    all_: Annotated[
        bool, typer.Option("--all", help="Read every task again, not only those that have changed since.")
    ] = False,
) -> None:
    """Bring the reviewers' decisions back as annotations and verdicts; safe to repeat."""
    from tasks import review
    from tasks.dag import demand_current
    from tasks.workspace import Workspace

    opened = Workspace.open(workspace)
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
        report = review.pull(opened, opened.recipe(), review.connect(), everything=all_)
        told = _tell(opened)
    emit(
        dataclasses.asdict(report) | {"told": told},
        _said(report),
        *report.problems,
        *told,
        f"then: defectory release {workspace} --version X.Y.Z",
    )


def _said(report: "PullReport") -> str:
    return (
        f"{report.decisions} new decisions from {report.reviewers} reviewers: {report.accepted} accepted, "
        f"{report.corrected} corrected, {report.rejected} rejected"
        + (f", {report.withdrawn} withdrawn" if report.withdrawn else "")
    )  # fmt: skip


def _tell(workspace: "Workspace") -> list[str]:
    """Tell a configured Prefect server of batches that failed their quality rounds; what was told, as sentences."""
    from flows.environment import configured, prepare
    from schemas.errors import DefectoryError

    if configured() is None:
        return []
    try:
        prepare(debug=OPTIONS["debug"])
    except DefectoryError as e:
        return [f"nobody was told of failed quality rounds: {e}"]
    from flows.events import quality_failed

    return [f"batch {b.id}: failed its quality rounds" for b in quality_failed(workspace, workspace.recipe())]


@review_app.command("listen")
def review_listen(
    workspace: WorkspacePath,
    port: Annotated[int, typer.Option(help="Of the listener on this machine; a free one by default.")] = 0,
    poll_s: Annotated[float, typer.Option(help="Seconds between pulls when nothing is heard.", min=1)] = 60.0,
) -> None:
    """Pull as soon as somebody has answered, until Ctrl-C."""
    from tasks import review
    from tasks.dag import demand_current
    from tasks.review.listen import listen
    from tasks.workspace import Workspace

    def say(heard: "PullReport | str") -> None:
        if isinstance(heard, str):
            emit({"said": heard}, heard)
            return
        told = _tell(opened)
        emit(dataclasses.asdict(heard) | {"told": told}, _said(heard), *heard.problems, *told)

    opened = Workspace.open(workspace)
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
    with contextlib.suppress(KeyboardInterrupt):
        listen(opened, opened.recipe(), review.connect(), say, port, poll_s)


@review_app.command("status")
def review_status(workspace: WorkspacePath) -> None:
    """How far the reviewers are, and whether the round has passed."""
    from tasks import review
    from tasks.workspace import Workspace

    opened = Workspace.open(workspace)
    found = review.status(opened, opened.recipe(), review.connect())
    emit(
        dataclasses.asdict(found),
        f"round {found.round} at {found.url}",
        f"{found.done} of {found.tasks} tasks labelled, {found.waiting} waiting",
        f"{found.accepted} accepted, {found.corrected} corrected, {found.rejected} rejected (pulled so far)",
        "passed" if found.passed else "not passed yet",
    )
