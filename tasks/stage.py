"""The one mechanism: a stage is a plain function over shards; this module gives it everything else.

A shard's fingerprint is the hash of the stage's name, version and settings, the seed, and the shard's
own inputs, among them the fingerprints of the shards that it reads. A shard whose record exists is
complete and is never run again; this, not the orchestrator's cache, is what resuming relies on.
"""

import errno
import json
import mimetypes
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq

from schemas.arrow import arrow_schema, to_arrow
from schemas.digests import digest
from schemas.errors import DefectoryError
from schemas.lines import legible
from schemas.recipe import Recipe
from schemas.rows import TABLE_OF, TABLES, Media, Reject, Row, Run
from tasks.files import sha256_file
from tasks.workspace import Ref, Workspace, write_atomic

R = TypeVar("R")

ROWS_PER_WRITE = 2048


@dataclass(frozen=True)
class Shard:
    """The unit of work. `items` is plain data (or dataclasses) that says what to make; `upstream` the
    completed shards that the work reads rows from."""

    key: str
    upstream: tuple[Ref, ...] = ()
    items: tuple[Any, ...] = ()


Cut = Callable[[Workspace, Recipe], Iterable[Shard]]

MAKER = "samples"
"""Stands, where stages are named, for the one that makes the samples of a recipe."""


def makers(recipe: Recipe, *stages: str) -> tuple[str, ...]:
    """Names of stages with MAKER filled in: `import` for a recipe of sources, `render` for one of objects."""
    maker = "import" if recipe.sources else "render"
    return tuple(maker if s == MAKER else s for s in stages)


def generator(seed: int, stage: str, item: str) -> np.random.Generator:
    """The random generator of one item of a stage."""
    return np.random.default_rng(int(digest(seed, stage, item), 16))


@dataclass
class Context:
    """What the work of one shard may use: its settings, its random numbers, its inputs, its output folder."""

    workspace: Workspace
    ref: Ref
    shard: Shard
    seed: int
    settings: Any
    recipe: Recipe
    """For how to run (`recipe.run`); what decides the output belongs in `settings`."""
    out: Path
    """New media files go here; the folder is renamed into place when the shard is complete."""
    scratch: Path
    """Survives a crash of this shard and is deleted when it is complete."""

    def rng(self, item: str) -> np.random.Generator:
        """The random generator of one item: the same for every run, worker and order."""
        return generator(self.seed, self.ref.stage, item)

    def rows(self, row: type[R], stage: str | None = None) -> Iterator[R]:
        """Rows that this shard's upstream shards wrote (those of one stage, if named; MAKER is one)."""
        if stage is not None:
            (stage,) = makers(self.recipe, stage)
        refs = [r for r in self.shard.upstream if stage in (None, r.stage)]
        return self.workspace.rows(row, refs)

    def media(self, file: Path, role: str, **facts: Any) -> Media:
        """The `media` row of a file in `out`."""
        name = file.relative_to(self.out).as_posix()
        return Media(
            id=sha256_file(file),
            path=f"media/{self.ref.stage}/{self.ref.name}/{name}",
            role=role,
            mime=mimetypes.guess_type(name)[0] or "application/octet-stream",
            bytes=file.stat().st_size,
            **facts,
        )

    def reject(self, item: str, why: Exception) -> Reject:
        """A row that says in one line what cannot be used, and why; names and words in it may be anybody's."""
        return Reject(stage=self.ref.stage, item=legible(item), reason=legible(str(why)))


Work = Callable[[Shard, Context], Iterator[Row]]


@dataclass(frozen=True)
class Stage:
    name: str
    version: int
    reads: tuple[str, ...]
    """Stages whose shards feed this one."""
    writes: tuple[str, ...]
    cut: Cut
    settings: Callable[[Recipe], Any]
    work: Work

    def ref(self, recipe: Recipe, shard: Shard) -> Ref:
        upstream = [(r.stage, r.key, r.fingerprint) for r in shard.upstream]
        fingerprint = digest(
            self.name, self.version, self.settings(recipe), recipe.dataset, recipe.seed,
            shard.key, upstream, shard.items,
        )  # fmt: skip
        return Ref(self.name, shard.key, fingerprint)


def stage(
    *, version: int, writes: tuple[str, ...], settings: Callable[[Recipe], Any], reads: tuple[str, ...] = (),
    cut: Cut | None = None, name: str = "",
) -> Callable[[Work], Stage]:  # fmt: skip
    """Make a stage of a work function, under its name unless another is given.

    Without `cut`, there is one shard per shard of the first stage in `reads`.
    """

    def wrap(work: Work) -> Stage:
        return Stage(name or work.__name__, version, reads, writes, cut or following(*reads), settings, work)

    return wrap


def following(first: str, *others: str) -> Cut:
    """One shard per current shard of stage `first`, reading that shard and its namesakes of `others`."""

    def cut(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
        beside: dict[str, list[Ref]] = {}
        for ref in workspace.current(*makers(recipe, *others)) if others else ():
            beside.setdefault(ref.key, []).append(ref)
        for ref in workspace.current(*makers(recipe, first)):
            yield Shard(ref.key, (ref, *beside.get(ref.key, ())))

    return cut


def gathering(*stages: str) -> Cut:
    """A single shard that reads all current shards of the named stages."""

    def cut(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
        yield Shard("all", tuple(workspace.current(*makers(recipe, *stages))))

    return cut


@dataclass(frozen=True)
class Plan:
    """A stage cut for one recipe: every shard with its reference, and those that are still to do."""

    shards: list[tuple[Ref, Shard]]
    todo: list[tuple[Ref, Shard]] = field(default_factory=list)


def cut(stage: Stage, workspace: Workspace, recipe: Recipe) -> Plan:
    shards = [(stage.ref(recipe, shard), shard) for shard in stage.cut(workspace, recipe)]
    todo = [(ref, shard) for ref, shard in shards if not workspace.complete(ref)]
    return Plan(shards, todo)


def execute(stage: Stage, workspace: Workspace, recipe: Recipe, shard: Shard) -> dict[str, Any]:
    """Run one shard and commit what it made; returns its record. Does nothing if it is complete.

    Media and parts are written under temporary names and renamed; the record comes last. Whatever a
    crash leaves behind has no record and is overwritten by the next run.
    """
    ref = stage.ref(recipe, shard)
    if workspace.complete(ref) and (done := workspace.record(ref)):
        return done
    work_dir = workspace.work_dir(ref)
    out, scratch, parts = work_dir / "out", work_dir / "scratch", work_dir / "parts"
    try:
        for folder in (out, parts):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        scratch.mkdir(exist_ok=True)
        context = Context(workspace, ref, shard, recipe.seed, stage.settings(recipe), recipe, out, scratch)
        started = time.perf_counter()
        writer = _Parts(parts, (*stage.writes, "rejects"))
        with writer:
            for row in stage.work(shard, context):
                writer.add(row)
        size = sum(f.stat().st_size for f in out.rglob("*") if f.is_file())
        record = {"tables": writer.counts, "bytes": size}
        run = Run(
            stage=ref.stage, shard=ref.key, fingerprint=ref.fingerprint, rows=sum(writer.counts.values()),
            bytes=size, wall_s=time.perf_counter() - started,
            cost_usd=writer.cost_usd,
        )  # fmt: skip
        pq.write_table(to_arrow(Run, [run]), parts / "runs.parquet")
        _commit(workspace, ref, out, parts, record)
    except OSError as e:
        if e.errno == errno.ENOSPC:
            raise DefectoryError(
                f"{workspace.root}: the disk is full; free some space and run the same command again, it continues"
            ) from e
        raise
    shutil.rmtree(work_dir, ignore_errors=True)
    return record


def _commit(workspace: Workspace, ref: Ref, out: Path, parts: Path, record: dict[str, Any]) -> None:
    for file in (f for folder in (out, parts) for f in folder.rglob("*") if f.is_file()):
        with open(file, "rb") as f:
            os.fsync(f.fileno())  # or a power cut could keep the record and lose what it vouches for
    target = workspace.media_dir(ref)
    shutil.rmtree(target, ignore_errors=True)
    for table in TABLES:  # a killed commit may have left parts for which there is no row this time
        workspace.part_path(table, ref).unlink(missing_ok=True)
    if any(out.iterdir()):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.rename(out, target)
    for part in sorted(parts.iterdir()):
        destination = workspace.part_path(part.stem, ref)
        destination.parent.mkdir(parents=True, exist_ok=True)
        os.replace(part, destination)
    write_atomic(workspace.record_path(ref), json.dumps(record, sort_keys=True))


class _Parts:
    """Parquet files of one shard, one per table that gets a row, written in bounded batches."""

    def __init__(self, folder: Path, allowed: tuple[str, ...]):
        self.folder, self.allowed = folder, allowed
        self.counts: dict[str, int] = {}
        self.cost_usd = 0.0
        self._pending: dict[str, list[Any]] = {}
        self._writers: dict[str, pq.ParquetWriter] = {}

    def add(self, row: Row) -> None:
        table = TABLE_OF[type(row)]
        if table not in self.allowed:
            raise TypeError(f"this stage declares writes={self.allowed}, but made a row for `{table}`")
        self.counts[table] = self.counts.get(table, 0) + 1
        self.cost_usd += getattr(row, "cost_usd", 0.0)
        pending = self._pending.setdefault(table, [])
        pending.append(row)
        if len(pending) >= ROWS_PER_WRITE:
            self._flush(table)

    def _flush(self, table: str) -> None:
        rows = self._pending.pop(table, [])
        if not rows:
            return
        row = type(rows[0])
        if table not in self._writers:
            path = self.folder / f"{table}.parquet"
            self._writers[table] = pq.ParquetWriter(path, arrow_schema(row), compression="zstd")
        self._writers[table].write_table(to_arrow(row, rows))

    def __enter__(self) -> "_Parts":
        return self

    def __exit__(self, *_: object) -> None:
        for table in list(self._pending):
            self._flush(table)
        for writer in self._writers.values():
            writer.close()
