"""What one schedules and triggers in the Prefect UI: thin flows whose parameters are the form's fields."""

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger

from flows import build as builds
from schemas.loading import load
from tasks import review
from tasks.dag import demand_current, demand_stage
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
        demand_current(opened, opened.recipe(), "caption")
        report = review.push(opened, opened.recipe(), review.connect())
    get_run_logger().info(f"{report.created} tasks created, {report.updated} updated: {report.url}")


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
