"""Calls that many threads make at the same time, done as one: a model reads faster what it is given together."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def together(work: Callable[[list[T]], Sequence[R]], most: int) -> Callable[[Sequence[T]], list[R]]:
    """`work`, which has a result for every item, for callers in many threads; it runs in a thread of its own.

    Who comes while it is busy waits, and the next call is for all who wait: up to `most` items, or those of a single
    caller. The result of an item must not depend on the others. What `work` raises is raised to everyone of the call.
    """
    waiting: deque[tuple[Sequence[T], Future[list[R]]]] = deque()
    worker = ThreadPoolExecutor(1)

    def next_call() -> None:
        callers: list[tuple[Sequence[T], Future[list[R]]]] = []
        items: list[T] = []
        while waiting and (not callers or len(items) + len(waiting[0][0]) <= most):
            callers.append(waiting.popleft())
            items += callers[-1][0]
        if not callers:
            return  # done along with an earlier one
        try:
            results = iter([result for _, result in zip(items, work(items), strict=True)])
            for own, future in callers:
                future.set_result(list(islice(results, len(own))))
        except BaseException as e:  # noqa: BLE001 - whoever waits raises it
            for _, future in callers:
                if not future.done():
                    future.set_exception(e)

    def call(items: Sequence[T]) -> list[R]:
        mine: Future[list[R]] = Future()
        waiting.append((items, mine))
        worker.submit(next_call)
        return mine.result()

    return call
