"""A stage's shards as Prefect tasks, on the runner that the recipe names."""

import shutil
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner, ThreadPoolTaskRunner

from flows.batches import ASKING, watched
from flows.progress import progress
from schemas.errors import DefectoryError, WorkerError
from schemas.recipe import Recipe
from tasks.dag import STAGES
from tasks.stage import Shard, cut, execute
from tasks.workspace import Ref, Workspace


def _ray(workers: int) -> TaskRunner[Any]:
    try:
        from prefect_ray import RayTaskRunner
    except ImportError:
        raise DefectoryError("run.runner ray: prefect-ray is not installed; pip install 'defectory[ray]'") from None
    runner: TaskRunner[Any] = RayTaskRunner(init_kwargs={"num_cpus": workers})
    return runner


RUNNERS: dict[str, Callable[[int], TaskRunner[Any]]] = {
    "threads": lambda workers: ThreadPoolTaskRunner(max_workers=workers),
    "processes": lambda workers: ProcessPoolTaskRunner(max_workers=workers),
    "ray": _ray,
}


@task(cache_policy=NO_CACHE, persist_result=False, retry_delay_seconds=1)
def run_shard(stage: str, workspace: str, recipe: Recipe, shard: Shard) -> dict[str, Any]:
    """One shard; the workspace, not Prefect, remembers that it is done."""
    return execute(STAGES[stage], Workspace.open(Path(workspace)), recipe, shard)


def _worth_retrying(task: Any, run: Any, state: Any) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, WorkerError | OSError)


def run_stage(name: str, workspace: Workspace, recipe: Recipe) -> tuple[list[Ref], int]:
    """Run what is left of a stage; returns its current shards and how many were run now.

    Every shard gets its chance before a failure is raised, so that a second run has the least to do.
    """
    plan = cut(STAGES[name], workspace, recipe)
    progress().begin(name, total=len(plan.shards), done=len(plan.shards) - len(plan.todo))
    futures = {}
    failures: list[tuple[Ref, BaseException]] = []
    with watched(name, workspace, recipe) if plan.todo and name in ASKING else nullcontext():
        for ref, shard in plan.todo:
            run = run_shard.with_options(
                name=name,
                task_run_name=f"{name} {ref.key}",
                retries=recipe.run.retries,
                retry_condition_fn=_worth_retrying,
            )
            futures[run.submit(name, str(workspace.root), recipe, shard)] = ref
        for future in as_completed(list(futures)):
            error = future.result(raise_on_failure=False)
            if isinstance(error, BaseException):
                failures.append((futures[future], error))
            progress().advance(name, futures[future].key, failed=isinstance(error, BaseException))
    if failures:
        _raise(name, failures)
    refs = [ref for ref, _ in plan.shards]
    workspace.point(name, refs)
    shutil.rmtree(workspace.root / "work" / name, ignore_errors=True)  # scratch of settings that were left behind
    return refs, len(plan.todo)


def _raise(name: str, failures: list[tuple[Ref, BaseException]]) -> None:
    ref, error = min(failures, key=lambda f: f[0])
    if not isinstance(error, DefectoryError | OSError):
        raise error
    others = f" (and {len(failures) - 1} more shards of this stage)" if len(failures) > 1 else ""
    raise DefectoryError(f"{name} {ref.key}: {error}{others}") from error
