"""To the reviewers: a push adds what is missing, brings tasks up to date that nobody has touched, and leaves all
others alone."""

from dataclasses import dataclass
from typing import Any

from annotation import labelstudio
from schemas.errors import DefectoryError, WorkerError
from schemas.recipe import Recipe
from tasks.review.items import items
from tasks.review.projects import create, find, permit_media, tasks_of, url_of, validate, work
from tasks.review.server import Server, speaking
from tasks.workspace import Workspace

BATCH = 500


@dataclass(frozen=True)
class PushReport:
    url: str
    created: int
    updated: int
    unchanged: int
    untouched: int
    """Tasks whose content changed but that somebody has begun or answered; left as they are."""


def push(workspace: Workspace, recipe: Recipe, server: Server) -> PushReport:
    """Bring the project of this data set and round to what the workspace holds."""
    if recipe.kind == "image":
        raise DefectoryError(f"{recipe.dataset}: holds images, and only clips are sent to Label Studio so far")
    round_ = recipe.review.round
    wanted = {i.sample.id: labelstudio.task(i, round_) for i in items(workspace, round_, server.media_root)}
    with speaking(server.url, server.token_from):
        project = find(workspace, recipe, server) or create(workspace, recipe, server)
        permit_media(workspace, server, project)
        validate(wanted.values(), server.client.projects.get(id=project).label_config)
        there = tasks_of(server, project)
        new = [task for sample, task in wanted.items() if sample not in there]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            done = server.client.projects.import_tasks(id=project, request=batch)
            if done.task_count != len(batch):
                raise WorkerError(f"Label Studio took {done.task_count} of {len(batch)} tasks; push again")
        updated = unchanged = untouched = 0
        for sample, task in wanted.items():
            if sample not in there:
                continue
            if there[sample].data["content"] == task["data"]["content"]:
                unchanged += 1
            elif _update(server, there[sample].id, task):
                updated += 1
            else:
                untouched += 1
    return PushReport(url_of(server, project), len(new), updated, unchanged, untouched)


def _update(server: Server, id_: int, task: dict[str, Any]) -> bool:
    """Replace a task's content unless somebody has begun it; asked at the last moment, just before writing."""
    now = server.client.tasks.get(id=str(id_))
    if work(now) or now.drafts or now.annotations:
        return False
    for old in server.client.predictions.list(task=id_):
        server.client.predictions.delete(id=old.id)
    for prediction in task["predictions"]:
        server.client.predictions.create(task=id_, **prediction)
    # The data carries the content hash, so it comes last: a push that dies before it is made good by the next.
    server.client.tasks.update(id=str(id_), data=task["data"])
    return True
