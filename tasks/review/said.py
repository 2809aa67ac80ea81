"""What the tables say of samples, the samples of one shard at a time: no more than that is in memory."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby

from schemas.arrow import from_dict
from schemas.rows import Annotation, Sample
from tasks.release.manifest import bounded
from tasks.workspace import Ref, Workspace


@dataclass(frozen=True)
class Said:
    """The samples of one shard, and what is said of them."""

    key: str
    refs: list[Ref]
    """The current shards of this key: of the stage that made the samples and of those that follow it."""
    samples: list[Sample]
    annotations: dict[str, list[Annotation]]
    """By sample; of the tasks that were asked for."""


def by_shard(workspace: Workspace) -> dict[str, list[Ref]]:
    """The current shards by their key, for the keys that samples were made under."""
    found: dict[str, list[Ref]] = defaultdict(list)
    for ref in workspace.current():
        found[ref.key].append(ref)
    return {k: refs for k, refs in found.items() if any(workspace.part_path("samples", r).exists() for r in refs)}


def at_large(workspace: Workspace) -> list[Ref]:
    """Shards that speak of the samples of many others: a model that is asked over the network gets one for all."""
    own = by_shard(workspace)
    return [r for r in workspace.current() if r.key not in own and workspace.part_path("annotations", r).exists()]


def said(
    workspace: Workspace, tasks: Collection[str], keys: Collection[str] | None = None,
    samples: Collection[str] | None = None,
) -> Iterator[Said]:  # fmt: skip
    """Shard by shard in the order of their keys, those named by `keys` or all, with samples of `samples` or all."""
    shards = sorted((k, refs) for k, refs in by_shard(workspace).items() if keys is None or k in keys)
    only = {} if samples is None else {"id": samples}
    with _aside(workspace, tasks, [key for key, _ in shards]) as aside:
        for key, refs in shards:
            found = list(workspace.rows(Sample, refs, **only))
            if not found:
                continue
            ids = {s.id for s in found}
            annotations: dict[str, list[Annotation]] = {s.id: [] for s in found}
            for a in (*workspace.rows(Annotation, refs, task=tasks), *aside(key)):
                if a.sample in ids:
                    annotations[a.sample].append(a)
            yield Said(key, refs, found, annotations)


@contextmanager
def _aside(
    workspace: Workspace, tasks: Collection[str], keys: Collection[str]
) -> Iterator[Callable[[str], list[Annotation]]]:
    """A function that gives what shards at large say of the samples of a shard; to be asked in order of the keys."""
    parts = [str(workspace.part_path("annotations", r)) for r in at_large(workspace)]
    if not parts or not keys:
        yield lambda key: []
        return
    query = """
        SELECT s.shard AS at, a.* FROM read_parquet($parts, union_by_name = true) AS a JOIN samples AS s
        ON s.id = a.sample WHERE a.task IN (SELECT unnest($tasks)) AND s.shard IN (SELECT unnest($keys))
        ORDER BY s.shard, a.sample, a.id
    """
    with workspace.connect() as con:
        bounded(con, workspace.root / "work" / "review")
        con.execute(query, {"parts": parts, "tasks": sorted(tasks), "keys": sorted(keys)})
        rows = (values for batch in con.to_arrow_reader(1024) for values in batch.to_pylist())
        groups = groupby(rows, key=lambda values: values.pop("at"))
        waiting: list[tuple[str, list[Annotation]]] = []

        def take(key: str) -> list[Annotation]:
            while not waiting or waiting[0][0] < key:
                if (group := next(groups, None)) is None:
                    return []
                waiting[:] = [(group[0], [from_dict(Annotation, values) for values in group[1]])]
            return waiting[0][1] if waiting[0][0] == key else []

        yield take
