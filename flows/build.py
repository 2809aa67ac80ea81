"""The build: the stages, chained."""

from pathlib import Path
from typing import Any

from prefect import flow, tags

from flows import stages
from flows.reconcile import mark_crashed
from schemas.recipe import Recipe
from tasks.dag import ORDER, demand_current
from tasks.release.export import Released
from tasks.workspace import Workspace


@flow(
    description="From a recipe to a release",
    flow_run_name="build {recipe.dataset}",
    persist_result=False,
)
def build(workspace: Path, recipe: Recipe, until: str = ORDER[-1]) -> dict[str, Any]:
    """Run every stage up to `until`; each does only what is not done yet. Returns what each stage reports."""
    opened = Workspace.create(workspace)
    with opened.lock(), tags(opened.tag):
        opened.keep_recipe(recipe)
        mark_crashed(opened)
        return {name: stages.run(name, workspace, recipe) for name in ORDER[: ORDER.index(until) + 1]}


@flow(description="Freeze the current labels", flow_run_name="rerelease {recipe.dataset}", persist_result=False)
def rerelease(workspace: Path, recipe: Recipe) -> Released:
    """Questions, split and release again, from the labels as they are now: what a new version after a review is."""
    opened = Workspace.open(workspace)
    with opened.lock(), tags(opened.tag):
        mark_crashed(opened)
        demand_current(opened, recipe, "caption")
        for name in ("qa", "split"):
            stages.run(name, workspace, recipe)
        released: Released = stages.run("release", workspace, recipe)
        return released
