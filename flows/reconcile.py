"""A killed build stays `Running` on the server; the next build of the same workspace says that it crashed."""

from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.context import FlowRunContext
from prefect.states import Crashed

from tasks.workspace import Workspace


def mark_crashed(workspace: Workspace) -> int:
    """Call inside a flow run that holds the workspace's lock: any other unfinished run of it is dead.

    Returns how many were marked.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return 0
    own = context.flow_run
    crashed = 0
    with _client() as client:
        client.update_flow_run(own.id, tags=[*own.tags, workspace.tag])
        unfinished = FlowRunFilter.model_validate(
            {"tags": {"all_": [workspace.tag]}, "state": {"type": {"any_": ["RUNNING", "PENDING"]}}}
        )
        for run in client.read_flow_runs(flow_run_filter=unfinished):
            if run.id != own.id:
                dead: Any = Crashed(message="The process was killed; a later run of this workspace took over.")
                client.set_flow_run_state(run.id, dead, force=True)
                crashed += 1
    return crashed


def _client() -> SyncPrefectClient:
    return get_client(sync_client=True)
