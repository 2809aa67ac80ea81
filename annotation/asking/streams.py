"""Work on a stream of items, many at once, in bounded memory; and such a stream as a plain iterator."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AHEAD = 4
"""Results that wait for a slower one before them are kept for so many rounds of work, not more."""


async def ordered(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    at_once: int,
    fatal: Callable[[Exception], bool],
) -> AsyncGenerator[tuple[T, R | Exception]]:
    """Every item with what `work` made of it or raised, in the order of `items`, `at_once` under way.

    After a `fatal` error nothing new is begun; it is raised when what is under way has come to its end. Whoever may
    leave before the end closes it (`aclosing`), which waits for what is under way, too: answers on their way are paid.
    """
    room = asyncio.Semaphore(at_once)
    stopped: list[Exception] = []
    over = False

    async def one(item: T) -> R | Exception:
        async with room:
            if over or stopped:
                raise asyncio.CancelledError
            try:
                return await work(item)
            except Exception as e:  # noqa: BLE001 - it is the result
                if fatal(e):
                    stopped.append(e)
                return e

    source = iter(items)
    queue: deque[tuple[T, asyncio.Task[R | Exception]]] = deque()
    try:
        while not stopped:
            for item in source:
                queue.append((item, asyncio.create_task(one(item))))
                if len(queue) >= AHEAD * at_once:
                    break
            if not queue:
                return
            item, task = queue[0]
            await asyncio.wait([task])
            queue.popleft()
            if not stopped:
                yield item, task.result()
    finally:
        over = True
        await asyncio.gather(*(task for _, task in queue), return_exceptions=True)
    raise stopped[0]


def drained(stream: Callable[[], AsyncGenerator[T]]) -> Iterator[T]:
    """The items of an async stream; its event loop runs while the next one is waited for."""
    end = object()

    async def following() -> object:
        return await anext(made, end)

    with asyncio.Runner() as runner:
        made = stream()
        try:
            while (item := runner.run(following())) is not end:
                yield item  # type: ignore[misc]
        finally:
            runner.run(made.aclose())
