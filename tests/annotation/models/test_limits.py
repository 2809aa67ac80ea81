"""Limits on what is under way, with a clock that jumps: nothing waits in real time."""

import asyncio
import selectors
import threading
import time
from collections.abc import Coroutine
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.models.limits import HOUR, MINUTE, Limiter, duration


class Jump(selectors.SelectSelector):
    """Waits by moving the clock of its loop."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        self.now += timeout or 0.0
        return super().select(0)


def run(main: Any) -> Any:
    """Run `main(clock)` in an event loop whose time passes only while it waits."""
    jump = Jump()
    loop = asyncio.SelectorEventLoop(jump)
    loop.time = lambda: jump.now  # type: ignore[method-assign]
    work: Coroutine[Any, Any, Any] = main(lambda: jump.now)
    try:
        return loop.run_until_complete(asyncio.wait_for(work, 1e7))
    finally:
        loop.close()


def starts(limiter: Limiter, count: int, clock: Any, tokens: int = 100, takes: float = 1.0) -> Any:
    """When each of `count` requests began, in the order in which they were asked for."""

    async def one(found: list[float], n: int) -> None:
        async with limiter.turn(tokens):
            found[n] = clock()
            await asyncio.sleep(takes)

    async def all_of_them() -> list[float]:
        found = [0.0] * count
        await asyncio.gather(*(one(found, n) for n in range(count)))
        return found

    return all_of_them()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 12), st.integers(1, 40), st.integers(100, 700))
def test_no_limit_is_ever_passed_and_turns_come_in_order(
    concurrent: int, per_minute: int, count: int, tokens_per_minute: int
) -> None:
    async def main(clock: Any) -> list[float]:
        limiter = Limiter(concurrent, per_minute, tokens_per_minute, clock)
        found: list[float] = await starts(limiter, count, clock)
        return found

    found = run(main)
    assert found == sorted(found)
    for n, begun in enumerate(found):
        last = [t for t in found[: n + 1] if t > begun - MINUTE + 1e-6]
        assert len(last) <= per_minute and 100 * len(last) <= max(tokens_per_minute, 100)
        assert sum(begun - 1.0 + 1e-6 < t for t in found[: n + 1]) <= concurrent


def test_without_limits_all_go_at_once() -> None:
    assert run(lambda clock: starts(Limiter(64, clock=clock), 64, clock)) == [0.0] * 64
    assert run(lambda clock: starts(Limiter(2, clock=clock), 6, clock)) == [0, 0, 1, 1, 2, 2]


def test_a_request_larger_than_the_limit_goes_alone() -> None:
    found = run(lambda clock: starts(Limiter(9, 0, 50, clock), 3, clock))
    assert found == pytest.approx([0, 60, 120], abs=0.01)


def test_after_too_many_half_as_much_is_under_way_and_slowly_more_again() -> None:
    async def main(clock: Any) -> list[float]:
        limiter = Limiter(16, clock=clock)
        windows = []
        async with limiter.turn(1) as one, limiter.turn(1) as other:
            limiter.window = 16.0
            for _ in range(14):
                limiter._turns[len(windows) + 10**6 + _] = one  # sixteen are under way
            await asyncio.sleep(1)
            limiter.slowed(one, None)
            windows.append(limiter.window)
            limiter.slowed(other, None)  # was under way at the same time: counts once
            windows.append(limiter.window)
            for _ in range(200):
                limiter.served()
            windows.append(limiter.window)
        return windows

    first, second, last = run(main)
    assert (first, second, last) == (8.0, 8.0, 16.0)


def test_nobody_begins_before_the_server_said() -> None:
    async def main(clock: Any) -> float:
        limiter = Limiter(4, clock=clock)
        async with limiter.turn(1) as turn:
            limiter.slowed(turn, 30.0)
        async with limiter.turn(1):
            now: float = clock()
            return now

    assert run(main) == pytest.approx(30.0, abs=0.01)


def test_nobody_waits_for_longer_than_an_hour() -> None:
    """A server that wants years is not believed, nor one that says it has nothing left for days."""

    async def main(clock: Any) -> float:
        limiter = Limiter(4, clock=clock)
        async with limiter.turn(1) as turn:
            limiter.slowed(turn, 1e12)
            limiter.told({
                "x-ratelimit-limit-requests": "1", "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "9999999d",
            })  # fmt: skip
        async with limiter.turn(1):
            now: float = clock()
            return now

    assert run(main) == pytest.approx(2 * HOUR, abs=1.0)  # there was one under way, too


def test_what_the_server_says_it_has_left_is_kept_to() -> None:
    """Ten requests a second, of which two are left: the third waits a tenth of a second."""

    async def main(clock: Any) -> list[float]:
        limiter = Limiter(64, clock=clock)
        limiter.told({
            "x-ratelimit-limit-requests": "600", "x-ratelimit-remaining-requests": "2",
            "x-ratelimit-reset-requests": "59.8s", "x-ratelimit-limit-tokens": "nonsense",
        })  # fmt: skip
        found: list[float] = await starts(limiter, 5, clock, takes=0.0)
        return found

    assert run(main) == pytest.approx([0, 0, 0.1, 0.2, 0.3], abs=0.02)


def test_a_turn_that_sent_nothing_counts_for_nothing() -> None:
    async def main(clock: Any) -> float:
        limiter = Limiter(4, 1, clock=clock)
        for _ in range(5):
            async with limiter.turn(1) as turn:
                turn.unused()
        async with limiter.turn(1):
            now: float = clock()
            return now

    assert run(main) == 0.0


def test_a_turn_that_sent_nothing_leaves_what_the_server_has_left() -> None:
    """Three answers that were in the ledger, as large as all that is left for this minute, keep no new one waiting."""

    async def main(clock: Any) -> float:
        limiter = Limiter(4, clock=clock)
        limiter.told({
            "x-ratelimit-limit-tokens": "30000", "x-ratelimit-remaining-tokens": "1500",
            "x-ratelimit-reset-tokens": "57s",
        })  # fmt: skip
        for _ in range(3):
            async with limiter.turn(1500) as turn:
                turn.unused()
        async with limiter.turn(1500):
            now: float = clock()
            return now

    assert run(main) == 0.0


def test_who_is_cancelled_in_the_queue_holds_nobody_up() -> None:
    async def main(clock: Any) -> float:
        limiter = Limiter(1, clock=clock)

        async def hold(seconds: float) -> None:
            async with limiter.turn(1):
                await asyncio.sleep(seconds)

        first = asyncio.create_task(hold(10))
        await asyncio.sleep(0)
        second = asyncio.create_task(hold(10))
        third = asyncio.create_task(hold(10))
        await asyncio.sleep(1)
        second.cancel()
        await asyncio.gather(first, third)
        now: float = clock()
        return now

    assert run(main) == pytest.approx(20.0, abs=0.01)


def test_threads_share_a_limiter_and_nobody_spins() -> None:
    """Four event loops of their own, never more than three at once; waiting takes no processor time."""
    limiter, under_way, most, lock = Limiter(3), [0], [0], threading.Lock()

    async def some() -> None:
        for _ in range(5):
            async with limiter.turn(1):
                with lock:
                    under_way[0] += 1
                    most[0] = max(most[0], under_way[0])
                await asyncio.sleep(0.02)
                with lock:
                    under_way[0] -= 1

    before = time.process_time()
    threads = [threading.Thread(target=lambda: asyncio.run(some())) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert most[0] == 3
    assert time.process_time() - before < 1.0


def test_jitter_comes_from_the_generator_that_is_passed() -> None:
    from annotation.asking.ask import Asker

    waits = [[Asker._wait(n, None, np.random.default_rng(3)) for n in range(1, 4)] for _ in range(2)]
    assert waits[0] == waits[1]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("1.5s", 1.5), ("12ms", 0.012), ("1h2m3s", 3723), ("7", 7), ("", None), (None, None), ("x", None),
     ("-1s", None), ("1d", 86400), ("1s!", None)],
)  # fmt: skip
def test_durations(text: str | None, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))
