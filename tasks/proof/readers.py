"""Checks with the readers that a release is made for: webdataset, DuckDB, Hugging Face datasets, mlcroissant."""

import re
import tarfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from schemas.arrow import arrow_schema
from schemas.rows import TABLES
from tasks.proof.folder import UNREADABLE, Folder, Found, count, sentence
from tasks.release import croissant, manifest, shards

RECORDS = 3
"""Rows that are read to see that they can be."""


def shards_hold(release: Folder) -> Found:
    """webdataset reads each sample of the manifest once, in its split, with its files and labels."""
    splits = {s for (s,) in release.ask("SELECT DISTINCT split FROM splits WHERE protocol = ?", release.protocol)}
    files: dict[str, list[Path]] = {s: [] for s in splits}
    for file in sorted((release.plain / "shards").iterdir()):
        match = re.fullmatch(r"(.+)-\d{6}\.tar", file.name)
        if match is None or match[1] not in splits:
            yield f"shards/{file.name}: belongs to no split of the manifest"
        else:
            files[match[1]].append(file)
    streams = {s: _Stream(f) for s, f in files.items()}
    for bundle in manifest.bundles(release.con, release.protocol):
        stream = streams.get(bundle.split)
        if stream is None or stream.broken:
            continue
        while (extra := stream.peek()) is not None and extra["__key__"] < bundle.sample.id:
            yield _stray(stream, bundle.split)
        found = stream.peek()
        if stream.broken:
            yield f"shards/{stream.file}: {sentence(stream.broken, release)}"
        elif found is None or found["__key__"] != bundle.sample.id:
            yield f"shards/{bundle.split}-*.tar: {bundle.sample.id} is missing"
        else:
            yield from _member_faults(release, bundle, stream.take(), stream.file)
    for split, stream in sorted(streams.items()):
        while not stream.broken and stream.peek() is not None:
            yield _stray(stream, split)
    return f"{sum(map(len, files.values()))} shards"


def _stray(stream: "_Stream", split: str) -> str:
    key = stream.take()["__key__"]
    return f"shards/{stream.file}: {key}: not in split {split} of the manifest, or out of order"


def _member_faults(release: Folder, bundle: manifest.Bundle, found: dict[str, Any], file: str) -> Iterator[str]:
    where = f"shards/{file}: {bundle.sample.id}"
    wanted = {shards.FIELDS[r.role]: r.id for r in bundle.sample.media if r.role in shards.FIELDS}
    document = shards.document(bundle, release.about["release"], release.protocol)
    wanted["json"] = sha256(shards.encoded(document)).hexdigest()
    fields = {k: v for k, v in found.items() if not k.startswith("__")}
    for name in sorted(wanted.keys() | fields.keys()):
        if name not in fields:
            yield f"{where}.{name} is missing"
        elif name not in wanted:
            yield f"{where}.{name} is not in the manifest"
        elif sha256(fields[name]).hexdigest() != wanted[name]:
            yield f"{where}.{name} is not what the manifest says"


class _Stream:
    """The samples of one split's shards, one at a time; ends at the first thing that cannot be read."""

    def __init__(self, files: list[Path]):
        self.file = ""
        self.broken: BaseException | None = None
        self._samples = self._read(files)
        self._next: dict[str, Any] | None = None

    def _read(self, files: list[Path]) -> Iterator[dict[str, Any]]:
        import webdataset

        for path in files:
            self.file = path.name
            with tarfile.open(path, "r:"):
                pass  # a plain tar: webdataset would also unpack a compressed one, of whatever size
            yield from webdataset.WebDataset([str(path)], shardshuffle=False, empty_check=False)

    def peek(self) -> dict[str, Any] | None:
        if self._next is None and not self.broken:
            try:
                self._next = next(self._samples, None)
            except UNREADABLE as e:
                self.broken = e
        return self._next

    def take(self) -> dict[str, Any]:
        taken, self._next = self.peek(), None
        return taken or {}


def duckdb_hold(release: Folder) -> Found:
    for table in manifest.ORDER:
        # The hash of every row makes DuckDB read every page; a bare count reads only the footer.
        counted = release.ask(f"SELECT count(*) FROM {table} AS t WHERE hash(t) IS NOT NULL")[0][0]  # noqa: S608
        stated = pq.read_metadata(release.plain / "manifest" / f"{table}.parquet").num_rows
        if counted != stated:
            yield f"manifest/{table}.parquet: DuckDB reads {counted} rows of {stated}"
    return f"{len(manifest.ORDER)} tables"


def datasets_hold(release: Folder) -> Found:
    """The tables load in Hugging Face `datasets` by the configurations of the card; the first rows are read. It does
    not load an empty table."""
    import datasets
    from datasets.exceptions import DatasetsError

    filled = [table for table in manifest.ORDER if count(release, table)]
    for table in filled:
        try:
            loaded = datasets.load_dataset(
                str(release.plain), table, split="train", streaming=True, cache_dir=str(release.scratch / "datasets")
            )
            columns = list(loaded.features or {})
            first = list(loaded.take(RECORDS))
        except (DatasetsError, *UNREADABLE) as e:
            yield f"manifest/{table}.parquet: {sentence(e, release)}"
            continue
        if columns != arrow_schema(TABLES[table]).names:
            yield f"manifest/{table}.parquet: loads with the columns {', '.join(columns)}"
        if len(first) != min(RECORDS, count(release, table)):
            yield f"manifest/{table}.parquet: only {len(first)} of its first {RECORDS} rows can be read"
    return f"{len(filled)} configurations"


def croissant_hold(release: Folder) -> Found:
    """Valid by mlcroissant, which can read records; it reads a table whole, so the smallest is taken."""
    described = croissant.opened(release.plain)
    sizes = sorted((count(release, table), table) for table in manifest.ORDER)
    rows, table = next((entry for entry in sizes if entry[0]), (0, "samples"))
    records = croissant.records(described, table, RECORDS) if rows else []
    if len(records) != min(RECORDS, rows):
        yield f"croissant.json: gives {len(records)} records of `{table}`, not {min(RECORDS, rows)}"
    names = {r.name for r in described.metadata.record_sets}
    if missing := sorted(set(manifest.ORDER) - names):
        yield f"croissant.json: does not describe {', '.join(missing)}"
    return f"{len(names)} record sets, {len(records)} records of `{table}` read"
