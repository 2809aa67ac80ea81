"""The build: the stages, chained."""

from pathlib import Path
from typing import Any

from prefect import flow, tags

from annotation.asking import ledger
from annotation.asking.sessions import demand
from flows import stages
from flows.events import announce
from flows.reconcile import mark_crashed
from schemas.recipe import Recipe
from tasks.dag import LAST, demand_current, order
from tasks.release.export import Released
from tasks.workspace import Workspace


@flow(
    description="From a recipe to a release",
    flow_run_name="build {recipe.dataset}",
    persist_result=False,
)
def build(workspace: Path, recipe: Recipe, until: str = LAST) -> dict[str, Any]:
    """Run every stage up to `until`; each does only what is not done yet. Returns what each stage reports."""
    opened = Workspace.create(workspace)
    with opened.lock(), tags(opened.tag):
        opened.keep_recipe(recipe)
        mark_crashed(opened)
        names = order(recipe)[: order(recipe).index(until) + 1]
        if "caption" in names and not opened.current("caption"):
            demand(recipe.caption, ledger.url(opened.root))
        made = {name: stages.run(name, workspace, recipe) for name in names}
        announce(opened, recipe)
        return made


@flow(description="Freeze the current labels", flow_run_name="rerelease {recipe.dataset}", persist_result=False)
def rerelease(workspace: Path, recipe: Recipe) -> Released:
    """All that follows the review again, from the labels as they are now: what a new version after a review is."""
    opened = Workspace.open(workspace)
    with opened.lock(), tags(opened.tag):
        mark_crashed(opened)
        demand_current(opened, recipe, "caption")
        for name in ("class_text", "levels", "qa", "split"):
            if name in order(recipe):
                stages.run(name, workspace, recipe)
        released: Released = stages.run("release", workspace, recipe)
        return released
