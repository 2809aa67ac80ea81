"""The projects of a round on the server: found again, made, connected to the media, and what is in them."""

from collections.abc import Iterable
from typing import Any

from annotation import labelstudio
from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.review.server import Server
from tasks.workspace import Workspace


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


def _marker(workspace: Workspace, recipe: Recipe, server: Server) -> str:
    """Finds our project again whatever its title has become."""
    place = workspace.root.relative_to(server.media_root).as_posix()
    return f"[defectory {recipe.dataset} round {recipe.review.round} in {place}]"


def find(workspace: Workspace, recipe: Recipe, server: Server) -> int | None:
    marker = _marker(workspace, recipe, server)
    for project in server.client.projects.list(include="id,description", page_size=1000):
        if marker in (project.description or ""):
            return int(project.id)
    return None


def create(workspace: Workspace, recipe: Recipe, server: Server) -> int:
    round_ = f" round {recipe.review.round}"
    project = server.client.projects.create(
        title=recipe.dataset[: 50 - len(round_)] + round_,
        description=f"When defects are visible, and how they are described. {_marker(workspace, recipe, server)}",
        label_config=labelstudio.CONFIG,
        expert_instruction=labelstudio.INSTRUCTION,
        show_instruction=False,
        show_collab_predictions=True,
        model_version=labelstudio.MODEL_VERSION,
        maximum_annotations=1,
        enable_empty_annotation=False,
        sampling="Sequential sampling",
    )
    return int(project.id)


def permit_media(workspace: Workspace, server: Server, project: int) -> None:
    """Connect the project to the workspace's media unless it is; without that no video shows."""
    media, storages = str(workspace.root / "media"), server.client.import_storage.local
    if not any(s.path == media for s in storages.list(project=project)):
        # The pattern matches no file, so that a press on "sync" makes no tasks.
        storages.create(project=project, title="media", path=media, use_blob_urls=True, regex_filter="(?!)")


def url_of(server: Server, project: int) -> str:
    return f"{server.url}/projects/{project}/data"


def tasks_of(server: Server, project: int) -> dict[str, Any]:
    """The project's tasks by our sample id; of duplicates the one that people have worked on most."""
    found: dict[str, Any] = {}
    # Only what is needed: a page of whole tasks takes the server four times as long.
    wanted = "id,data,total_annotations,cancelled_annotations"
    for task in server.client.tasks.list(
        project=project, fields="task_only", include=wanted, resolve_uri=False, page_size=1000
    ):
        sample = task.data.get("sample")
        if sample and (sample not in found or work(task) > work(found[sample])):
            found[sample] = task
    return found


def work(task: Any) -> int:
    return (task.total_annotations or 0) + (task.cancelled_annotations or 0)
