"""The Label Studio projects of a piece of work: found again, made, connected to the media, and what is in them."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from annotation.labelling.configuration import Class, configuration
from annotation.labelling.project import MODEL_VERSION
from schemas import taxonomy
from schemas.digests import digest
from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from schemas.rows import Sample
from tasks.review.server import Server, pages
from tasks.review.work import Work, annotators
from tasks.workspace import Workspace

FREQUENT = 9
"""Classes that get a hot key."""
CLASSES = ("mask", "box", "match")
"""Projects in which people choose among the classes of the recipe."""
PAGE = 1000
"""Tasks asked for at a time; small pages hang."""


@dataclass(frozen=True)
class Task:
    """What we have to know of a task on the server."""

    id: int
    project: int
    sample: str
    content: str
    answered: int
    """Submitted annotations."""
    work: int
    """Those and the skipped ones."""


def marker(workspace: Workspace, recipe: Recipe, server: Server, work: Work) -> str:
    """Finds our projects again whatever their titles have become."""
    place = workspace.root.relative_to(server.media_root).as_posix()
    return f"[defectory {recipe.dataset} {work.name} in {place}]"


def find(workspace: Workspace, recipe: Recipe, server: Server, work: Work) -> list[Any]:
    """The projects of a piece of work, the oldest first."""
    if not workspace.root.is_relative_to(server.media_root):
        return []
    wanted = marker(workspace, recipe, server, work)
    include = "id,description,created_at,task_number,num_tasks_with_annotations"
    ask = partial(server.client.projects.list, include=include, page_size=PAGE)
    return sorted((p for p in pages(server, ask) if wanted in (p.description or "")), key=lambda p: p.id)


def create(workspace: Workspace, recipe: Recipe, server: Server, work: Work, number: int, config: str) -> Any:
    end = f" {work.name.split(' batch ')[0]}{f' ({number})' if number > 1 else ''}"
    return server.client.projects.create(
        title=recipe.dataset[: 50 - len(end)] + end,
        description=_description(workspace, recipe, server, work, config),
        label_config=config,
        expert_instruction=work.project.instruction,
        show_instruction=False,
        show_collab_predictions=True,
        model_version=MODEL_VERSION,
        maximum_annotations=annotators(recipe, work.batch),
        enable_empty_annotation=False,
        sampling="Sequential sampling",
    )


def _description(workspace: Workspace, recipe: Recipe, server: Server, work: Work, config: str) -> str:
    # The digest tells a configuration that somebody has edited from one that we have made otherwise since.
    return (
        f"{work.project.title}. {marker(workspace, recipe, server, work)} [configuration {digest(config)}]"
        + (f" {work.batch.reason[:300]}" if work.batch else "")
    )  # fmt: skip


def bring_up_to_date(
    workspace: Workspace, recipe: Recipe, server: Server, work: Work, project: Any, config: str
) -> str:
    """The configuration that the project has in the end: ours, unless somebody has edited it."""
    there = server.client.projects.get(id=project.id)
    changes: dict[str, Any] = {}
    theirs: str = there.label_config
    if theirs != config and f"[configuration {digest(theirs)}]" in (there.description or ""):
        changes = {
            "label_config": config, "description": _description(workspace, recipe, server, work, config),
        }  # fmt: skip
        theirs = config
    if there.maximum_annotations != (wanted := annotators(recipe, work.batch)):
        changes["maximum_annotations"] = wanted
    if changes:
        server.client.projects.update(id=project.id, **changes)
    permit_media(workspace, server, project.id)
    return theirs


def permit_media(workspace: Workspace, server: Server, project: int) -> None:
    """Connect the project to the workspace's media unless it is; without that nothing shows."""
    media, storages = str(workspace.root / "media"), server.client.import_storage.local
    if not any(s.path == media for s in storages.list(project=project)):
        # The pattern matches no file, so that a press on "sync" makes no tasks.
        storages.create(project=project, title="media", path=media, use_blob_urls=True, regex_filter="(?!)")


def config_of(workspace: Workspace, recipe: Recipe, work: Work) -> str:
    """The labelling configuration, with the recipe's classes where people choose among them."""
    name = work.project.config or work.project.name
    if not work.project.name.startswith(("quality-visual", *CLASSES)):
        return configuration(name, recipe.kind)
    counted = Counter(s.defect for s in workspace.rows(Sample) if s.defect != "none")
    known = [c.name for c in taxonomy.load(recipe.images.taxonomy).classes] if recipe.images.taxonomy else []
    names = list(dict.fromkeys([*known, *sorted(counted)]))
    classes = [Class(n, n.replace("_", " ").replace("-", " ").capitalize()) for n in names]
    often = sorted(counted, key=lambda n: (-counted[n], n))[:FREQUENT]
    return configuration(name, recipe.kind, classes, often)


def validate(tasks: Iterable[dict[str, Any]], config: str) -> None:
    """Label Studio takes a prediction that does not fit and shows an empty region: check before sending."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(config)
    for task in tasks:
        for prediction in task["predictions"]:
            if errors := interface.validate_prediction(prediction, return_errors=True):
                raise DefectoryError(
                    f"sample {task['data']['sample']}: its labels do not fit the project's labelling configuration; "
                    f"restore the configuration or delete the project, then push again ({errors[0]})"
                )


def url_of(server: Server, project: int) -> str:
    return f"{server.url}/projects/{project}/data"


def listed(
    server: Server, project: int, include: str, since: datetime | None = None, answers: int = 0,
    ids: Sequence[str] | None = None,
) -> Iterator[Any]:  # fmt: skip
    """The tasks of a project with the fields of `include` only: a page of whole tasks takes four times as long.

    `since` gives only those that have changed after it, by the server's clock; `answers` only those with so many;
    `ids` only these.
    """
    wanted: list[dict[str, Any]] = []
    if since is not None:
        at = since.isoformat().replace("+00:00", "Z")
        wanted.append(_filter("updated_at", "greater", "Datetime", at))
    if answers:
        wanted.append(_filter("total_annotations", "greater", "Number", answers - 1))
    if ids is not None:
        wanted.append(_filter("id", "in_list", "Number", list(ids)))
    query = json.dumps({"filters": {"conjunction": "and", "items": wanted}}) if wanted else None
    ask = partial(
        server.client.tasks.list, project=project, fields="all" if "annotators" in include else "task_only",
        include=include, query=query, resolve_uri=False, page_size=PAGE,
    )  # fmt: skip
    yield from pages(server, ask)


def answered(server: Server, project: Any, tasks: Iterable[Task], people: int) -> int:
    """How many of the project's tasks so many different people have answered: one may have done so several times."""
    several = [t.id for t in tasks if t.answered >= people]
    if people == 1 or not several:
        return len(several)
    who = {t.id: len(set(t.annotators or ())) for t in listed(server, project.id, "id,annotators", answers=people)}
    return sum(who.get(t, 0) >= people for t in several)


def _filter(column: str, operator: str, kind: str, value: str | int | list[str]) -> dict[str, Any]:
    return {"filter": f"filter:tasks:{column}", "operator": operator, "type": kind, "value": value}


def by_sample(tasks: Iterable[Task]) -> tuple[dict[str, Task], list[Task]]:
    """Tasks by sample, and what is there twice; of duplicates the one that people have worked on most stays."""
    found: dict[str, Task] = {}
    twice: list[Task] = []
    for task in tasks:
        other = found.setdefault(task.sample, task)
        if other is not task:
            keep, leave = sorted((other, task), key=lambda t: (-t.work, t.id))
            found[task.sample] = keep
            twice.append(leave)
    return found, twice


def newest(server: Server, project: int) -> datetime | None:
    """When a task of the project last changed, by the server's clock."""
    query = json.dumps({"ordering": ["-tasks:updated_at"]})
    page = server.client.tasks.list(project=project, fields="task_only", include="id,updated_at", query=query,
                                    resolve_uri=False, page=1, page_size=1)  # fmt: skip
    return next((t.updated_at for t in page.items or ()), None)


def untouched(server: Server, task: Task) -> bool:
    """Whether nobody has begun a task, asked at the last moment: just before it is written or removed."""
    now = server.client.tasks.get(id=str(task.id))
    begun = (now.total_annotations or 0) + (now.cancelled_annotations or 0)
    ours = isinstance(now.data, dict) and now.data.get("sample") == task.sample
    return ours and not (begun or now.drafts or now.annotations)
