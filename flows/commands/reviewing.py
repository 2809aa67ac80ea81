"""`defectory review …`: work to people and back."""

import dataclasses

import typer

from flows.commands.output import WorkspacePath, emit

review_app = typer.Typer(help="Send work to reviewers in Label Studio, bring it back.", no_args_is_help=True)


@review_app.command("push")
def review_push(workspace: WorkspacePath) -> None:
    """Send the clips with their candidate intervals and captions to Label Studio; safe to repeat."""
    from tasks import review
    from tasks.dag import demand_current
    from tasks.workspace import Workspace

    opened = Workspace.open(workspace)
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
        report = review.push(opened, opened.recipe(), review.connect())
    emit(
        dataclasses.asdict(report),
        f"{report.created} tasks created, {report.updated} updated, {report.unchanged} as they were, "
        f"{report.untouched} left alone because somebody works on them\nlabel here: {report.url}\n"
        f"then: defectory review pull {workspace}",
    )


@review_app.command("pull")
def review_pull(workspace: WorkspacePath) -> None:
    """Bring the reviewers' decisions back as annotations and verdicts; safe to repeat."""
    from tasks import review
    from tasks.dag import demand_current
    from tasks.workspace import Workspace

    opened = Workspace.open(workspace)
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
        report = review.pull(opened, opened.recipe(), review.connect())
    emit(
        dataclasses.asdict(report),
        f"{report.decisions} new decisions from {report.reviewers} reviewers: {report.accepted} accepted, "
        f"{report.corrected} corrected, {report.rejected} rejected",
        *report.problems,
        f"then: defectory release {workspace} --version X.Y.Z",
    )


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
        f"{found.done} of {found.tasks} clips labelled, {found.waiting} waiting",
        f"{found.accepted} accepted, {found.corrected} corrected, {found.rejected} rejected (pulled so far)",
        "passed" if found.passed else "not passed yet",
    )
