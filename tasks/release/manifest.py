"""The manifest of a release: one sorted Parquet file per table, written and read in bounded batches."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from annotation.labels import Labels, current
from schemas.arrow import arrow_schema, from_dict
from schemas.rows import QA, TABLES, Annotation, Description, Media, Sample, Split

R = TypeVar("R")

ORDER = {
    "samples": "id",
    "media": "path",
    "annotations": "sample, id",
    "descriptions": "sample",
    "class_texts": "taxonomy, label, id",
    "signals": "sample, name",
    "groups": 'sample, "group"',
    "splits": "sample, protocol",
    "qa": "sample, key",
    "verdicts": "sample, id",
    "batches": "id",
    "rejects": "stage, item, reason",
}
"""The tables of a release and what they are sorted by: the sample first, so that a range of samples is a
range of rows. `runs` holds clock readings and `embeddings` are features of one encoder: neither is data."""

ROW_GROUP = 8192
MEMORY = "1GB"
"""DuckDB sorts within this much and spills the rest to its temporary folder."""


@dataclass(frozen=True)
class Bundle:
    """Everything that is said about one sample."""

    sample: Sample
    split: str
    media: list[Media]
    annotations: list[Annotation]
    qa: list[QA]
    description: Description | None = None
    labels: Labels = field(init=False)

    def __post_init__(self) -> None:
        found = current(self.annotations).get(self.sample.id, Labels())
        object.__setattr__(self, "labels", found)


def write(con: duckdb.DuckDBPyConnection, table: str, query: str, folder: Path, metadata: dict[str, str]) -> int:
    """Write the rows of `query`, sorted, as the manifest's file for `table`; returns how many there are.

    Row groups have a fixed number of rows whatever the size of the batches that they arrive in, so that
    equal rows make equal bytes.
    """
    schema = arrow_schema(TABLES[table])
    schema = schema.with_metadata({**schema.metadata, **{f"defectory.{k}": v for k, v in metadata.items()}})
    source = con.sql(f"SELECT * FROM ({query}) ORDER BY {ORDER[table]}")  # noqa: S608 - our own queries
    rows = 0
    with pq.ParquetWriter(folder / f"{table}.parquet", schema, compression="zstd") as writer:
        for block in _blocks(source.to_arrow_reader(ROW_GROUP)):
            writer.write_table(_conformed(block, schema), row_group_size=ROW_GROUP)
            rows += block.num_rows
    return rows


def _blocks(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """The rows of `batches` in tables of exactly ROW_GROUP rows, the last one shorter."""
    pending: pa.Table | None = None
    for batch in batches:
        table = pa.Table.from_batches([batch])
        pending = table if pending is None else pa.concat_tables([pending, table])
        while pending.num_rows >= ROW_GROUP:
            yield pending.slice(0, ROW_GROUP).combine_chunks()
            pending = pending.slice(ROW_GROUP)
    if pending is not None and pending.num_rows:
        yield pending.combine_chunks()


def _conformed(block: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for f in schema:
        # Arrow cannot cast a struct that is null somewhere to one whose members never are.
        column = block[f.name]
        columns.append(pa.array(column.to_pylist(), f.type) if pa.types.is_struct(f.type) else column.cast(f.type))
    return pa.Table.from_arrays(columns, schema=schema)


def bounded(con: duckdb.DuckDBPyConnection, spill: Path) -> None:
    """Sort within MEMORY and put what does not fit in `spill`, not in the folder that the command was called from."""
    con.execute(f"SET memory_limit = '{MEMORY}'")
    con.execute(f"SET temp_directory = '{_quoted(spill)}'")


def opened(folder: Path, spill: Path) -> duckdb.DuckDBPyConnection:
    """A connection with one view per table over the Parquet files in `folder`.

    Raises duckdb.Error for a file that is missing or no Parquet.
    """
    con = duckdb.connect()
    bounded(con, spill)
    for table in ORDER:
        file = _quoted(folder / f"{table}.parquet")
        con.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{file}')")  # noqa: S608 - quoted
    return con


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def metadata(file: Path) -> dict[str, str]:
    """Our own entries in a Parquet file's metadata: table, schema_version, dataset, release, protocol, round."""
    raw = pq.read_schema(file).metadata or {}
    prefix = b"defectory."
    return {k.removeprefix(prefix).decode(): v.decode() for k, v in raw.items() if k.startswith(prefix)}


def rows(con: duckdb.DuckDBPyConnection, row: type[R], query: str) -> Iterator[R]:
    """The rows of a query as dataclasses, a batch at a time; columns that it leaves out take their defaults."""
    for batch in con.sql(query).to_arrow_reader(1024):
        for values in batch.to_pylist():
            yield from_dict(row, values)


def bundles(con: duckdb.DuckDBPyConnection, protocol: str) -> Iterator[Bundle]:
    """The samples in order of their ids, each with its split, annotations and questions.

    The tables are read side by side in the same order, so memory holds one batch of each and no more.
    A sample without a split has the split "".
    """
    media = _beside(rows(con.cursor(), Media, "SELECT * FROM media WHERE sample IS NOT NULL ORDER BY sample, path"))
    annotations = _beside(rows(con.cursor(), Annotation, "SELECT * FROM annotations ORDER BY sample, id"))
    qa = _beside(rows(con.cursor(), QA, "SELECT * FROM qa ORDER BY sample, key"))
    texts = _beside(rows(con.cursor(), Description, "SELECT * FROM descriptions ORDER BY sample"))
    splits = _beside(rows(con.cursor(), Split, "SELECT * FROM splits ORDER BY sample, protocol"))
    for sample in rows(con.cursor(), Sample, "SELECT * FROM samples ORDER BY id"):
        assigned = [s.split for s in splits(sample.id) if s.protocol == protocol]
        split = assigned[0] if assigned else ""
        description = next(iter(texts(sample.id)), None)
        yield Bundle(sample, split, media(sample.id), annotations(sample.id), qa(sample.id), description)


def _beside(ordered: Iterator[R]) -> Callable[[str], list[R]]:
    """A function that hands out the rows of one sample; to be asked in ascending order of samples."""
    groups = groupby(ordered, key=lambda row: row.sample)  # type: ignore[attr-defined]
    waiting: list[tuple[Any, list[R]]] = []

    def take(sample: str) -> list[R]:
        while not waiting or waiting[0][0] < sample:
            found = next(groups, None)
            if found is None:
                return []
            waiting[:] = [(found[0], list(found[1]))]
        return waiting[0][1] if waiting[0][0] == sample else []

    return take
