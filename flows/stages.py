"""One Prefect flow per stage: run its shards, leave its results as artifacts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Flow, flow

from flows import artifacts, events
from flows.progress import progress
from flows.shards import RUNNERS, run_stage
from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks import review as label_studio
from tasks.release.export import Released
from tasks.release.export import release as make_release
from tasks.workspace import Ref, Workspace

After = Callable[[Workspace, list[Ref]], None]


def stage_flow(name: str, purpose: str, *after: After) -> Flow[..., dict[str, int]]:
    """A flow named after its stage; `after` makes the artifacts beyond counts and rejects."""

    @flow(name=name, description=purpose, flow_run_name=name + " {recipe.dataset}", persist_result=False)
    def run(workspace: Path, recipe: Recipe) -> dict[str, int]:
        opened = Workspace.open(workspace)
        refs, now = run_stage(name, opened, recipe)
        made = artifacts.counts(name, opened, refs, now)
        artifacts.rejects(name, opened, refs)
        for artifact in after:
            artifact(opened, refs)
        return made

    return run


survey = stage_flow("survey", "What every orbit would show, told by rays")
plan = stage_flow("plan", "Orbits and clip borders for the wanted mix of views")
render = stage_flow("render", "Orbit clips of every object, unmarked and marked", artifacts.contact_sheet)
import_images = stage_flow("import", "Images of distributed sets, of one size and one taxonomy", artifacts.image_sheet)
visibility = stage_flow("visibility", "When each defect is visible", artifacts.agreement)
keyframes = stage_flow("keyframes", "One frame in every N, minus those that look like the last")
dedup = stage_flow("dedup", "Near-duplicates over the whole workspace")
class_text = stage_flow("class_text", "What each class looks like and where it comes from")
caption = stage_flow("caption", "Candidate descriptions, filtered and scored", artifacts.cost)
levels = stage_flow("levels", "Text levels T0 to T3 and measured attributes")
qa = stage_flow("qa", "Four questions and answers per clip")
split = stage_flow("split", "Train and test, no group in both")


@flow(
    description="Send new work to people, bring in their decisions",
    flow_run_name="review {recipe.dataset}",
    persist_result=False,
)
def review(workspace: Path, recipe: Recipe) -> dict[str, int]:
    opened = Workspace.open(workspace)
    try:
        client = label_studio.configured()
        if client is None:
            progress().say("review: no Label Studio is running; `make up`, then `defectory review push` sends the work")
            return {}
        given, pushed = label_studio.send(opened, recipe, client)
        pulled = label_studio.pull(opened, recipe, client)
        events.quality_failed(opened, recipe)
    except DefectoryError as e:
        # A build waits for nobody: what it made is not lost, and the next push or pull makes up for this one.
        progress().say(f"review: left out, {e}")
        artifacts.not_reviewed(str(e))
        return {}
    for problem in (*given.problems, *pushed.problems, *pulled.problems):
        progress().say(f"review: {problem}")
    progress().say(f"review: {pulled.decisions} new decisions, {pushed.created} new tasks at {pushed.url}")
    return {"decisions pulled": pulled.decisions, "tasks pushed": pushed.created}


@flow(description="The frozen, numbered export", flow_run_name="release {recipe.dataset}", persist_result=False)
def release(workspace: Path, recipe: Recipe, version: str | None = None) -> Released:
    progress().begin("release", total=1, done=0)
    released = make_release(Workspace.open(workspace), recipe, version)
    progress().advance("release", released.path.name)
    artifacts.released(released)
    return released


FLOWS: dict[str, Flow[..., Any]] = {
    f.name: f
    for f in (
        survey, plan, render, import_images, visibility, keyframes, dedup, class_text, caption, review, levels,
        qa, split, release,
    )
}  # fmt: skip


def run(name: str, workspace: Path, recipe: Recipe) -> Any:
    """A stage's flow on the task runner that the recipe names."""
    runner = RUNNERS[recipe.run.runner](recipe.run.workers)
    return FLOWS[name].with_options(task_runner=runner)(workspace, recipe)
