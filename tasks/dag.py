"""The stages by name, in the order in which they run. Review and release stand between and after them:
they meet people and the outside, so they are no functions of shards."""

from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.caption import caption
from tasks.dedup import dedup
from tasks.filming.plan import plan
from tasks.filming.render import render
from tasks.filming.survey import survey
from tasks.keyframes import keyframes
from tasks.qa import qa
from tasks.split import split
from tasks.stage import Stage, cut
from tasks.visibility import visibility
from tasks.workspace import Workspace

STAGES: dict[str, Stage] = {s.name: s for s in (survey, plan, render, visibility, keyframes, dedup, caption, qa, split)}
ORDER = ("survey", "plan", "render", "visibility", "keyframes", "dedup", "caption", "review", "qa", "split", "release")


def demand_current(workspace: Workspace, recipe: Recipe, until: str) -> None:
    """Raises DefectoryError when a stage up to `until` has work left: labels of an earlier render must not be
    frozen, or judged, beside the clips of a later one."""
    if stage := unfinished(workspace, recipe, until):
        raise DefectoryError(
            f"{workspace.root}: {stage} is not up to date with the recipe; run `defectory build` to its end first"
        )


def unfinished(workspace: Workspace, recipe: Recipe, until: str = ORDER[-1]) -> str | None:
    """The first stage up to `until` with a shard left to do; None when all are complete.

    Complete stages are pointed at their shards on the way, so going back to earlier settings is free.
    """
    for name in ORDER[: ORDER.index(until) + 1]:
        if name not in STAGES:
            continue
        found = cut(STAGES[name], workspace, recipe)
        if found.todo:
            return name
        workspace.point(name, [ref for ref, _ in found.shards])
    return None
