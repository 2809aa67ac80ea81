"""The stages by name, in the order in which they run. Review and release stand between and after them:
they meet people and the outside, so they are no functions of shards."""

from schemas.errors import CallError, DefectoryError
from schemas.recipe import Recipe
from tasks.dedup import dedup
from tasks.filming.plan import plan
from tasks.filming.render import render
from tasks.filming.survey import survey
from tasks.imports.stage import import_images
from tasks.keyframes import keyframes
from tasks.qa import qa
from tasks.split import split
from tasks.stage import Stage, cut
from tasks.text.caption import caption
from tasks.text.class_text import class_text
from tasks.text.levels import levels
from tasks.visibility import visibility
from tasks.workspace import Workspace

STAGES: dict[str, Stage] = {
    s.name: s
    for s in (survey, plan, render, import_images, visibility, keyframes, dedup, class_text, caption, levels, qa, split)
}  # fmt: skip
ORDERS = {
    "objects": (
        "survey", "plan", "render", "visibility", "keyframes", "dedup", "caption", "review", "class_text", "levels",
        "qa", "split", "release",
    ),
    "sources": ("import", "keyframes", "dedup", "caption", "review", "class_text", "levels", "split", "release"),
}  # fmt: skip
"""By what a recipe names: the stages of what is filmed, and of what is imported."""
LAST = "release"


def order(recipe: Recipe) -> tuple[str, ...]:
    """The stages of a recipe, in the order in which they run."""
    return ORDERS["sources" if recipe.sources else "objects"]


def demand_stage(recipe: Recipe, name: str, where: str) -> None:
    """Raises CallError when a recipe has no stage of that name; `where` is what the user wrote it behind."""
    if name not in order(recipe):
        raise CallError(f"{where} {name}: no such stage; the stages are {', '.join(order(recipe))}")


def demand_current(workspace: Workspace, recipe: Recipe, until: str) -> None:
    """Raises DefectoryError when a stage up to `until` has work left: labels of an earlier render must not be
    frozen, or judged, beside the clips of a later one."""
    if stage := unfinished(workspace, recipe, until):
        raise DefectoryError(
            f"{workspace.root}: {stage} is not up to date with the recipe; run `defectory build` to its end first"
        )


def unfinished(workspace: Workspace, recipe: Recipe, until: str = LAST) -> str | None:
    """The first stage up to `until` with a shard left to do; None when all are complete.

    Complete stages are pointed at their shards on the way, so going back to earlier settings is free.
    """
    names = order(recipe)
    for name in names[: names.index(until) + 1]:
        if name not in STAGES:
            continue
        found = cut(STAGES[name], workspace, recipe)
        if found.todo:
            return name
        workspace.point(name, [ref for ref, _ in found.shards])
    return None
