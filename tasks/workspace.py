"""The workspace: the folder where a build keeps its tables and media. Nothing in it is updated in place.

    tables/<table>/<stage>.<shard>.<fingerprint>.parquet    the parts
    media/<stage>/<shard>.<fingerprint>/…                   the files that a shard made
    shards/<stage>/<shard>.<fingerprint>.json               the shard's record, written last: it is complete
    stages/<stage>.json                                     which shards are current, replaced whole
    work/<stage>/<shard>.<fingerprint>/                     scratch of shards under way
    releases/  ledger.sqlite  recipe.json

A part counts only when its shard's record exists, so a killed writer leaves nothing that is read.
Parts of earlier settings stay; going back to those settings finds them again.
"""

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from schemas.arrow import arrow_schema, from_dict
from schemas.digests import digest
from schemas.errors import CallError, DefectoryError
from schemas.loading import validated
from schemas.recipe import Recipe
from schemas.rows import TABLE_OF, TABLES

R = TypeVar("R")
_HELD: ContextVar[frozenset[Path]] = ContextVar("held", default=frozenset())
"""Workspaces whose lock is held here: by this thread, and by what it calls."""

FORMAT = 1


@dataclass(frozen=True, order=True)
class Ref:
    """One completed shard: the stage, the shard's key and the fingerprint of what it was made from."""

    stage: str
    key: str
    fingerprint: str

    @property
    def name(self) -> str:
        return f"{self.key}.{self.fingerprint}"


@dataclass(frozen=True)
class Workspace:
    root: Path

    @classmethod
    def create(cls, root: Path) -> "Workspace":
        """The workspace at `root`, made when it is not there. Raises CallError for any other folder."""
        root = root.resolve()
        marker = root / "workspace.json"
        if not marker.exists():
            if root.exists() and not root.is_dir():
                raise CallError(f"{root}: is a file, not a folder; give --workspace another name")
            if root.exists() and any(not p.name.startswith(f".{marker.name}.") for p in root.iterdir()):
                raise CallError(f"{root}: not empty and not a workspace; give --workspace another folder")
            try:
                root.mkdir(parents=True, exist_ok=True)
            except OSError as e:
                raise CallError(f"{root}: cannot be made ({e.strerror}); give --workspace another folder") from None
            write_atomic(marker, json.dumps({"format": FORMAT}))
        return cls.open(root)

    @classmethod
    def open(cls, root: Path) -> "Workspace":
        root = root.resolve()
        try:
            marker = json.loads((root / "workspace.json").read_text())
        except FileNotFoundError:
            raise CallError(f"{root}: not a workspace; `defectory build RECIPE` makes one") from None
        except (OSError, ValueError) as e:
            raise CallError(f"{root / 'workspace.json'}: cannot be read ({e}); restore it or build elsewhere") from None
        if marker.get("format") != FORMAT:
            raise CallError(f"{root}: workspace format {marker.get('format')}; this version reads {FORMAT}")
        return cls(root)

    @property
    def tag(self) -> str:
        """Names the workspace on a server or a process; a hash, so that no path of this machine leaves it."""
        return f"workspace:{self.root.name}:{digest(str(self.root), length=8)}"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Only one build or review sync at a time; the lock dies with its process. Whoever holds it may take it again:
        a command keeps it from its first look at the workspace to the end of the flow that it runs."""
        if self.root in _HELD.get():
            yield
            return
        with open(self.root / ".lock", "a+") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise DefectoryError(
                    f"{self.root}: another process is working on this workspace; wait for it or stop it"
                ) from None
            before = _HELD.set(_HELD.get() | {self.root})
            try:
                yield
            finally:
                _HELD.reset(before)

    def path(self, relative: str) -> Path:
        """A file of the workspace. Raises DefectoryError for a path that leads out of it."""
        full = (self.root / relative).resolve()
        if not full.is_relative_to(self.root):
            raise DefectoryError(f"{relative}: leads out of the workspace {self.root}")
        return full

    def keep_recipe(self, recipe: Recipe) -> None:
        """Remember the recipe of the last build, for the commands that name only the workspace.

        Raises CallError for the recipe of another data set: a workspace holds one.
        """
        try:
            before = json.loads((self.root / "recipe.json").read_text()).get("dataset")
        except (OSError, ValueError):
            before = None
        if before not in (None, recipe.dataset):
            raise CallError(f"{self.root}: holds the data set {before}, not {recipe.dataset}; give --workspace another")
        write_atomic(self.root / "recipe.json", recipe.model_dump_json(indent=1))

    def recipe(self, version: str | None = None) -> Recipe:
        """The recipe of the last build, with another release version if asked."""
        try:
            kept = json.loads((self.root / "recipe.json").read_text())
        except FileNotFoundError:
            raise CallError(f"{self.root}: nothing was built here yet; `defectory build RECIPE` first") from None
        except ValueError as e:
            raise CallError(f"{self.root / 'recipe.json'}: cannot be read ({e}); build the recipe again") from None
        if version is not None:
            kept["release"]["version"] = version
        return validated(kept, f"{self.root / 'recipe.json'}")

    def record_path(self, ref: Ref) -> Path:
        return self.root / "shards" / ref.stage / f"{ref.name}.json"

    def part_path(self, table: str, ref: Ref) -> Path:
        return self.root / "tables" / table / f"{ref.stage}.{ref.name}.parquet"

    def media_dir(self, ref: Ref) -> Path:
        return self.root / "media" / ref.stage / ref.name

    def work_dir(self, ref: Ref) -> Path:
        return self.root / "work" / ref.stage / ref.name

    def record(self, ref: Ref) -> dict[str, Any] | None:
        """What a completed shard wrote: `{"tables": {name: rows}, "bytes": n}`; None if it is not complete."""
        try:
            record: dict[str, Any] = json.loads(self.record_path(ref).read_text())
        except FileNotFoundError:
            return None
        return record

    def complete(self, ref: Ref) -> bool:
        """Whether a shard has its record and its media as they were; a lost or cut file makes it work to do again."""
        record = self.record(ref)
        if record is None:
            return False
        files = (f.stat().st_size for f in self.media_dir(ref).rglob("*") if f.is_file())
        return bool(record["bytes"] == sum(files))

    def current(self, *stages: str) -> list[Ref]:
        """The current shards of the named stages (of all, by name, if none is named)."""
        refs: list[Ref] = []
        for stage in stages or self.stages():
            try:
                listed = json.loads((self.root / "stages" / f"{stage}.json").read_text())
            except FileNotFoundError:
                continue
            refs += [Ref(stage, key, fingerprint) for key, fingerprint in listed["shards"]]
        return refs

    def stages(self) -> list[str]:
        return sorted(p.stem for p in (self.root / "stages").glob("*.json"))

    def point(self, stage: str, refs: Iterable[Ref]) -> None:
        """Make `refs` the current shards of a stage."""
        text = json.dumps({"shards": [[r.key, r.fingerprint] for r in refs]}, indent=0)
        target = self.root / "stages" / f"{stage}.json"
        if not target.exists() or target.read_text() != text:
            write_atomic(target, text)

    def rows(self, row: type[R], refs: Iterable[Ref] | None = None, **only: Collection[str]) -> Iterator[R]:
        """The rows of one table in the parts of `refs` (of all current shards if not given), in order.

        `only` names columns and the values that are wanted in them; other rows are never made.
        """
        for ref in self.current() if refs is None else refs:
            part = self.part_path(TABLE_OF[row], ref)
            if not part.exists():
                continue
            with pq.ParquetFile(part) as file:
                for batch in file.iter_batches(batch_size=1024):
                    for column, wanted in only.items():
                        values = batch.column(batch.schema.get_field_index(column)).cast(pa.string())
                        batch = batch.filter(pc.is_in(values, pa.array(sorted(wanted), pa.string())))
                    for found in batch.to_pylist():
                        yield from_dict(row, found)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A DuckDB connection with one view per table, over the current parts."""
        con = duckdb.connect()
        current = self.current()
        for table, row in TABLES.items():
            parts = [str(p) for ref in current if (p := self.part_path(table, ref)).exists()]
            empty = arrow_schema(row).empty_table()
            if parts:
                listed = ", ".join("'" + p.replace("'", "''") + "'" for p in parts)
                written = f"read_parquet([{listed}], union_by_name = true)"
                con.execute(f"CREATE VIEW {table} AS SELECT *{_lacking(con, written, empty)} FROM {written}")  # noqa: S608 - our own paths, quoted
            else:
                con.register(table, empty)
        return con

    def sql(self, query: str, *params: Any) -> list[dict[str, Any]]:
        """Rows of a query over the current tables."""
        with self.connect() as con:
            cursor = con.execute(query, params)
            names = [d[0] for d in cursor.description or []]
            return [dict(zip(names, r, strict=True)) for r in cursor.fetchall()]


def write_atomic(path: Path, text: str) -> None:
    """`text` in `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8") as f:
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, path)


def _lacking(con: duckdb.DuckDBPyConnection, written: str, empty: pa.Table) -> str:
    """The columns of a table that parts from before they were added lack, as nulls of their type."""
    there = {row[0] for row in con.execute(f"DESCRIBE SELECT * FROM {written}").fetchall()}  # noqa: S608
    if there >= set(empty.column_names):
        return ""
    con.register("wanted", empty)
    types = {row[0]: row[1] for row in con.execute("DESCRIBE SELECT * FROM wanted").fetchall()}
    con.unregister("wanted")
    return "".join(f', NULL::{types[name]} AS "{name}"' for name in empty.column_names if name not in there)
