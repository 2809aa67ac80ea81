"""What the checks of a release share: the folder under examination, and how a problem becomes a sentence."""

import os
import tarfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import yaml
from PIL import Image

from schemas.errors import BadInput
from tasks.release import manifest

T = TypeVar("T")

UNREADABLE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, OverflowError, RecursionError,
    tarfile.TarError, zlib.error, yaml.YAMLError, duckdb.Error, pa.ArrowException, Image.DecompressionBombError,
    BadInput,
)  # fmt: skip
"""What reading a broken file can raise, over all the formats of a release."""

Found = Generator[str, None, str]
"""Yields a sentence per problem; returns what was seen, for the case that there is none."""


@dataclass
class Folder:
    """A release under examination."""

    path: Path
    """As it was given: its name is part of what it says."""
    plain: Path
    """Links to what is in it, in a place whose name holds nothing that the readers would take for a pattern."""
    scratch: Path
    sums: dict[str, str] = field(default_factory=dict)

    @cached_property
    def con(self) -> duckdb.DuckDBPyConnection:
        return manifest.opened(self.plain / "manifest", self.scratch)

    @cached_property
    def about(self) -> dict[str, str]:
        return manifest.metadata(self.plain / "manifest" / "samples.parquet")

    @property
    def protocol(self) -> str:
        return self.about["protocol"]

    def ask(self, query: str, *params: Any) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self.con.execute(query, params).fetchall()
        return found

    def batches(self, query: str) -> Iterator[list[dict[str, Any]]]:
        for batch in self.con.cursor().sql(query).to_arrow_reader(1024):
            yield batch.to_pylist()


def sentence(error: BaseException, release: Folder) -> str:
    text = " ".join(str(error).split()) or "no reason given"
    for path in (release.plain, release.path):
        text = text.replace(f"{path}/", "")
    return f"cannot be read ({type(error).__name__}: {text[:300]})"


def each(work: Callable[[T], str | None], items: Iterable[T]) -> Iterator[str]:
    """The problems that `work` finds, in order, over threads and never with more than a batch in memory."""
    iterator = iter(items)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        while batch := list(islice(iterator, 256)):
            yield from (problem for problem in pool.map(work, batch) if problem)


def count(release: Folder, table: str) -> int:
    return int(release.ask(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - our own table names
