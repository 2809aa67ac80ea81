"""Many samples, or classes, described at once over one asker, in bounded memory; what to do when a service fails."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from typing import TypeVar

from annotation.asking.ask import Asker, OverBudget
from annotation.asking.batches import BatchAsker, Waiting
from annotation.asking.streams import ordered
from annotation.models.providers import Transient
from schemas.captions import Caption
from schemas.errors import BadInput, WorkerError

T = TypeVar("T")
R = TypeVar("R")
GIVE_UP = 64
"""Samples in a row that a service failed before the others are left for another time."""

Describe = Callable[[T], Awaitable[list[R]]]


def at_once(want: Caption) -> int:
    """Samples under way: twice what fills the requests under way, since samples also wait for their own pictures."""
    return max(4, -(-2 * want.concurrent // want.candidates))


def stops(error: Exception) -> bool:
    """Whether an error is not one sample's own: nothing more can be asked, or the code is broken."""
    return not isinstance(error, BadInput | Transient | Waiting)


async def described(
    samples: Callable[[], Iterable[T]], describe: Describe[T, R], want: Caption, asker: Asker
) -> AsyncGenerator[tuple[T, list[R] | BadInput]]:
    """An outcome per sample, in order. Raises the first error that stops the build, after the requests under way
    have come to their end; and at the end WorkerError when a service failed some samples for now. To be closed like
    `ordered`."""
    if isinstance(asker, BatchAsker):
        await _gathered(samples, describe, want, asker)
    failed, in_a_row, seen, last = 0, 0, 0, None
    async with aclosing(ordered(samples(), describe, at_once(want), stops)) as outcomes:
        async for sample, outcome in outcomes:
            seen += 1
            in_a_row = in_a_row + 1 if isinstance(outcome, Transient) else 0
            if isinstance(outcome, Transient):
                failed, last = failed + 1, outcome
                if in_a_row == GIVE_UP:
                    break
            elif isinstance(outcome, list | BadInput):
                yield sample, outcome
    if last is not None:
        raise WorkerError(
            f"{last}; {failed} of {seen} samples that were tried have no description; "
            "run the same command again: answers that are there are not asked for twice"
        )


async def _gathered(
    samples: Callable[[], Iterable[T]], describe: Describe[T, R], want: Caption, asker: BatchAsker
) -> None:
    """Go over the samples until the ledger has all that they ask: a first batch for the open questions, others for what
    the answers call for, supplements and texts to be written again. Of a sample that waits, only its number is kept.
    At the cap, batches are waited for before it counts as reached: they cost less than was set aside for them."""
    left: set[int] | None = None
    while left is None or left:
        again = ((n, s) for n, s in enumerate(samples()) if left is None or n in left)
        still = set()
        try:
            async for (number, _), outcome in ordered(again, lambda item: describe(item[1]), at_once(want), stops):
                if isinstance(outcome, Waiting):
                    still.add(number)
        except OverBudget:
            if await asker.caught_up():
                continue
            raise
        left = still
        if left:
            await asker.finish()
