"""What the person at the terminal sees while a build works: a bar per stage, or plain lines in a log."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars


class Progress(Protocol):
    def begin(self, stage: str, total: int, done: int) -> None: ...
    def advance(self, stage: str, item: str, failed: bool = False) -> None: ...
    def say(self, text: str) -> None: ...


class Silent:
    """For `--json` and for flow runs whose progress is in the Prefect UI."""

    def begin(self, stage: str, total: int, done: int) -> None: ...
    def advance(self, stage: str, item: str, failed: bool = False) -> None: ...
    def say(self, text: str) -> None: ...


class Lines(Silent):
    """One line per finished shard, for logs and pipes."""

    def __init__(self) -> None:
        self._at: dict[str, tuple[int, int]] = {}

    def begin(self, stage: str, total: int, done: int) -> None:
        self._at[stage] = (done, total)
        self.say(f"{stage}: {total} shards" + (f", {done} done before" if done else ""))

    def advance(self, stage: str, item: str, failed: bool = False) -> None:
        done, total = self._at[stage]
        self._at[stage] = (done + 1, total)
        self.say(f"{stage}: {done + 1}/{total} {item}{' FAILED' if failed else ''}")

    def say(self, text: str) -> None:
        print(text, file=sys.stderr, flush=True)


class Terminal:
    """A live bar per stage on a terminal."""

    def __init__(self) -> None:
        self._bars = Bars(
            TextColumn("{task.description:<11}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[item]}"),
            console=Console(stderr=True),
        )
        self._ids: dict[str, int] = {}

    def __enter__(self) -> "Terminal":
        self._bars.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def begin(self, stage: str, total: int, done: int) -> None:
        self._ids[stage] = self._bars.add_task(stage, total=total, completed=done, item="")

    def advance(self, stage: str, item: str, failed: bool = False) -> None:
        self._bars.update(self._ids[stage], advance=1, item=f"{item}{' FAILED' if failed else ''}")  # type: ignore[arg-type]

    def say(self, text: str) -> None:
        self._bars.console.print(text, highlight=False, markup=False)


_current: ContextVar[Progress | None] = ContextVar("progress", default=None)


def progress() -> Progress:
    """Where the running command reports to; silent unless `reporting_to` says otherwise."""
    return _current.get() or Silent()


@contextmanager
def reporting_to(target: Progress) -> Iterator[None]:
    token = _current.set(target)
    try:
        yield
    finally:
        _current.reset(token)
