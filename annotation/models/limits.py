"""How much may be under way: requests at once, requests and tokens per minute; what the server says counts, too.

One limiter serves all who ask the same server, whatever thread or event loop they run in; turns are given
in the order of arrival. The number of requests at once falls by half when the server says "too many" and grows
by one per round of answers (additive increase, multiplicative decrease). Nobody polls: whoever is next sleeps
until its time, or until something under way has ended.
"""

import asyncio
import re
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

MINUTE = 60.0
HOUR = 3600.0
"""No server is believed that wants to be left alone for longer."""
SHORTEST_WAIT_S = 0.001


@dataclass
class Turn:
    """One request under way."""

    amounts: dict[str, int]
    """`requests` (always 1) and `tokens`: what it counts against the limits."""
    began: float
    counted: bool = True

    def unused(self) -> None:
        """Nothing was sent after all: this turn counts against no limit per minute."""
        self.counted = False


@dataclass
class _Ticket:
    loop: asyncio.AbstractEventLoop
    amounts: dict[str, int]
    called: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class _Told:
    """What the server said it has left, as a bucket that fills again."""

    limit: float
    left: float
    per_second: float
    at: float

    def delay(self, amount: float, now: float) -> float:
        missing = min(amount, self.limit) - self.left
        return missing / self.per_second - (now - self.at) if missing > 0 else 0.0


class Limiter:
    """`concurrent` requests at once at most; per minute, 0 stands for what the server says. `clock` in seconds."""

    def __init__(
        self,
        concurrent: int,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.concurrent, self.window = concurrent, float(concurrent)
        self._caps = {k: n for k, n in (("requests", requests_per_minute), ("tokens", tokens_per_minute)) if n}
        self._clock, self._lock = clock, threading.Lock()
        self._queue: deque[_Ticket] = deque()
        self._turns: dict[int, Turn] = {}
        self._minute: deque[Turn] = deque()
        """Turns of the last 60 s, the oldest first."""
        self._sums = dict.fromkeys(self._caps, 0)
        """What they come to."""
        self._told: dict[str, _Told] = {}
        self._closed_until = self._cut_at = float("-inf")

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[Turn]:
        """Wait for a turn to send a request of at most so many tokens; it ends with the block."""
        turn = await self._admitted({"requests": 1, "tokens": tokens})
        try:
            yield turn
        finally:
            with self._lock:
                del self._turns[id(turn)]
                if not turn.counted:
                    self._give_back(turn)
                self._call_next()

    def slowed(self, turn: Turn, retry_after: float | None) -> None:
        """The server had too many: half as many at once, and none before `retry_after` seconds are over.

        Refusals of requests that were under way together count once.
        """
        with self._lock:
            now = self._clock()
            if turn.began >= self._cut_at:
                self.window = max(1.0, min(self.window, len(self._turns)) / 2)
                self._cut_at = now
            self._closed_until = max(self._closed_until, now + min(retry_after or 0.0, HOUR))

    def served(self) -> None:
        """An answer came: room for one more after a window's worth of them."""
        with self._lock:
            self.window = min(float(self.concurrent), self.window + 1 / self.window)
            self._call_next()

    def told(self, headers: Mapping[str, str]) -> None:
        """Take in `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`; other headers say nothing."""
        with self._lock:
            for kind in ("requests", "tokens"):
                limit, left = (_number(headers.get(f"x-ratelimit-{w}-{kind}")) for w in ("limit", "remaining"))
                reset = duration(headers.get(f"x-ratelimit-reset-{kind}"))
                if limit and left is not None and reset and limit > left:
                    # Those under way may not be in the server's count yet: better to wait a little too long.
                    under_way = sum(t.amounts[kind] for t in self._turns.values())
                    rate = (limit - left) / min(reset, HOUR)
                    self._told[kind] = _Told(limit, left - under_way, rate, self._clock())
            self._call_next()

    async def _admitted(self, amounts: dict[str, int]) -> Turn:
        ticket = _Ticket(asyncio.get_running_loop(), amounts)
        with self._lock:
            self._queue.append(ticket)
        try:
            while True:
                with self._lock:
                    ticket.called.clear()
                    now = self._clock()
                    wait = self._delay(amounts, now) if self._queue[0] is ticket else None
                    if wait == 0.0:
                        self._queue.popleft()
                        return self._begin(amounts, now)
                try:
                    async with asyncio.timeout(None if wait is None else max(wait, SHORTEST_WAIT_S)):
                        await ticket.called.wait()
                except TimeoutError:
                    continue
        except BaseException:
            with self._lock:
                if ticket in self._queue:
                    self._queue.remove(ticket)
                self._call_next()
            raise

    def _begin(self, amounts: dict[str, int], now: float) -> Turn:
        turn = Turn(amounts, now)
        self._turns[id(turn)] = turn
        if self._caps:
            self._minute.append(turn)
            for kind in self._sums:
                self._sums[kind] += amounts[kind]
        for kind, told in self._told.items():
            told.left -= amounts[kind]
        self._call_next()
        return turn

    def _delay(self, amounts: dict[str, int], now: float) -> float | None:
        """Seconds until a request of these amounts may begin; None when one under way must end first."""
        if len(self._turns) >= max(1, int(self.window)):
            return None
        waits = [0.0, self._closed_until - now]
        waits += [told.delay(amounts[kind], now) for kind, told in self._told.items()]
        while self._minute and self._minute[0].began <= now - MINUTE:
            self._forget(self._minute.popleft())
        waits += [
            self._until_free(kind, amounts[kind] + self._sums[kind] - cap, now) for kind, cap in self._caps.items()
        ]
        return max(waits)

    def _give_back(self, turn: Turn) -> None:
        """Nothing was sent: the server has left what it had, and the last minute holds nothing of it."""
        for kind, told in self._told.items():
            told.left += turn.amounts[kind]
        self._forget(turn)

    def _forget(self, turn: Turn) -> None:
        """It counts against no limit per minute any more."""
        for kind in self._sums:
            self._sums[kind] -= turn.amounts[kind]
        turn.amounts = dict.fromkeys(turn.amounts, 0)

    def _until_free(self, kind: str, over: int, now: float) -> float:
        """Seconds until the last minute holds `over` less; what exceeds a limit alone waits for an empty minute."""
        wait = 0.0
        for turn in self._minute:
            if over <= 0:
                break
            over -= turn.amounts[kind]
            wait = turn.began + MINUTE - now
        return wait

    def _call_next(self) -> None:
        while self._queue:
            ticket = self._queue[0]
            try:
                ticket.loop.call_soon_threadsafe(ticket.called.set)
            except RuntimeError:  # its event loop is closed: it will never come
                self._queue.popleft()
            else:
                return


@cache
def shared(server: str, concurrent: int, requests_per_minute: int, tokens_per_minute: int) -> Limiter:
    """The limiter of this process for a server (and model) under these limits."""
    return Limiter(concurrent, requests_per_minute, tokens_per_minute)


def _number(text: str | None) -> float | None:
    return float(text) if text and re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text) else None


UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def duration(text: str | None) -> float | None:
    """Seconds of `6m0s`, `1.5s`, `12ms` or a bare number of seconds; None for anything else."""
    if (plain := _number(text)) is not None:
        return plain
    parts = re.findall(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", text or "")
    whole = "".join(n + u for n, u in parts)
    return sum(float(n) * UNITS[u] for n, u in parts) if parts and whole == text else None
