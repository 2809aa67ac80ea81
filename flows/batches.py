"""What becomes of batches while a stage waits for them: a line at every change, on the terminal and in the flow's log.

It is read from the ledger, where whoever looks at the provider writes it down: so a build tells it whatever runner its
shards are on, and whichever process waits for the batch.
"""

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

from annotation.asking import batchbook, ledger
from annotation.asking.batchbook import Batch
from annotation.asking.database import Url
from flows.progress import progress
from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.workspace import Workspace

LOOK_S = 2.0
STEPS = 10
"""Lines about how much of a batch is done, at most."""
ASKING = ("caption", "class_text")
"""Stages that may wait for batches."""

Standings = dict[str, tuple[object, ...]]
"""By the name of a batch what was last said of it."""


@contextmanager
def watched(stage: str, workspace: Workspace, recipe: Recipe) -> Iterator[None]:
    """Tells what becomes of the ledger's batches as long as this lasts."""
    if recipe.caption.provider == "measured":
        yield
        return
    log = logging.getLogger("prefect.extra.defectory")  # goes to the run's log only, whatever the terminal is shown
    log.setLevel(logging.INFO)
    url, over = ledger.url(workspace.root), threading.Event()
    known: Standings = {b.name: _standing(b) for b in _submitted(url) if b.status == "done"}

    def tell() -> None:
        try:
            for line in news(known, _submitted(url)):
                progress().say(f"{stage}: {line}")
                log.info("%s: %s", stage, line)
        except DefectoryError as e:  # what asks meets the same, and fails the stage if it lasts
            log.warning("%s: %s", stage, e)

    def look() -> None:
        while not over.wait(LOOK_S):
            tell()

    watch = threading.Thread(target=copy_context().run, args=(look,), daemon=True)
    watch.start()
    try:
        yield
    finally:
        over.set()
        watch.join()
        tell()


def _submitted(url: Url) -> list[Batch]:
    with ledger.reading(url) as book:
        return batchbook.submitted(book) if book else []


def news(known: Standings, batches: Iterable[Batch]) -> Iterator[str]:
    """A line for every batch that stands otherwise than `known` says, which is brought up to date."""
    for batch in batches:
        standing = _standing(batch)
        if known.get(batch.name) != standing:
            known[batch.name] = standing
            yield line(batch)


def _standing(batch: Batch) -> tuple[object, ...]:
    return batch.status == "done", batch.remote, batch.state, STEPS * (batch.done or 0) // (batch.size or 1)


def line(batch: Batch) -> str:
    """How a batch stands, for people."""
    size = "some" if batch.size is None else f"{batch.size:,}"
    done = "" if batch.done is None else f", {batch.done:,} of {size} done"
    if batch.status == "done":
        how = f"has ended: {batch.state or 'its end was not seen'}{done}"
    elif batch.state is None:
        how = f"submitted {moment(batch.sent_at)}" if batch.remote else "is being submitted"
    else:
        how = f"is {batch.state}{done}; waiting since {moment(batch.sent_at)}"
    return f"{batch.provider} {batch.model}: batch {batch.remote or batch.name} of {size} requests {how}"


def moment(seconds: float | None) -> str:
    """Seconds since 1970 as people read them."""
    return "an unknown time" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def shown(batch: Batch) -> dict[str, Any]:
    """How a batch stands, for scripts."""
    times = {"submitted": batch.sent_at, "seen": batch.seen_at}
    return {
        "provider": batch.provider, "model": batch.model, "batch": batch.remote, "requests": batch.size,
        "state": batch.state, "done": batch.done,
        **{k: v and datetime.fromtimestamp(v, UTC).isoformat(timespec="seconds") for k, v in times.items()},
    }  # fmt: skip
