"""Asking: ledger first, then the provider, with bounded retries; every try is accounted for.

`Asker` is shared by all questions of a run. Ledger operations that are waiting at the same time go into
one transaction (group commit), so that a free provider is not slowed by a disk flush per answer.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from annotation.asking.ledger import Ledger
from annotation.asking.operations import Busy, Known, Operation, Outcome, OverCap, Release, Reserve, Reserved, Settle
from annotation.models.limits import HOUR, Limiter, Turn
from annotation.models.prices import USD, Price
from annotation.models.providers import Answer, Named, Provider, Request, Transient, Unanswerable, check
from schemas.errors import BadInput, DefectoryError

TRIES = 5
BACKOFF_S = 1.0
LONGEST_WAIT_S = 120.0
POLL_S = 0.5
CONCURRENT = 64
ENTER_AGAIN_S = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Pauses between tries to enter an answer while the database is away, or its disk is full."""
LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Paid:
    """An answer and what it cost, now or when it was first bought, in nano-dollars."""

    answer: Answer
    cost: int


class Asks(Protocol):
    """Whatever answers a question."""

    @property
    def provider(self) -> Named: ...
    @property
    def price(self) -> Price: ...
    async def ask(self, request: Request, rng: np.random.Generator) -> Paid: ...


class OverBudget(DefectoryError):
    """The hard stop: nothing more is sent; what was answered stays in the ledger."""


def follows(request: Request, answer: Answer) -> bool:
    """Whether an answer follows the schema that was asked for, if one was."""
    try:
        check(request, answer)
    except Transient:
        return False
    return True


@dataclass
class Asker:
    provider: Provider
    ledger: Ledger
    price: Price
    cap: int
    """Nano-dollars."""
    setting: str = "caption.budget_usd"
    """What the cap is called where it was set."""
    option: str = "--set caption.budget_usd="
    """What raises it, with the amount behind it."""
    tries: int = TRIES
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    limiter: Limiter = field(default_factory=lambda: Limiter(CONCURRENT))
    token_cap: int = 0
    """Tokens; 0 for none."""
    reclaim: Callable[[], Awaitable[None]] | None = None
    """Sees to the batches that nobody alive waits for."""
    _waited_for: set[str] = field(default_factory=set)
    """Batches of others that hold what was asked for."""
    _away: bool = False
    """Whether it was told that the ledger was away."""
    _pending: list[tuple[Operation, asyncio.Future[Outcome]]] = field(default_factory=list)
    _writer: asyncio.Task[None] | None = None

    async def ask(self, request: Request, rng: np.random.Generator) -> Paid:
        """The answer, from the ledger or the provider; `rng` only spreads the waits between tries.

        Raises OverBudget at a cap, Transient when all tries failed, BadInput when this request cannot
        be answered, DefectoryError when none can.
        """
        key = request.key(self.provider.name, self.provider.where)
        failures = 0
        unfit: Answer | None = None
        while True:
            answer, wait = None, POLL_S
            async with self.limiter.turn(sum(self.price.tokens(request))) as turn:
                # Reserved within the turn: a reservation is as old as its request, however long the queue is.
                outcome = await self._write(self.reservation(key, request, unfit=unfit))
                if isinstance(outcome, OverCap):
                    turn.unused()
                    raise self.over_budget(request, outcome)
                if isinstance(outcome, Reserved):
                    try:
                        answer = await self._answer(key, request, turn)
                    except Transient as e:
                        failures += 1
                        if e.slow and (e.retry_after or 0.0) > HOUR:
                            raise DefectoryError(
                                f"{e}; it takes no questions for more than an hour (Retry-After); run the same command "
                                "again after that: answers that are there are not paid twice"
                            ) from None
                        if failures == self.tries:
                            raise Transient(f"{e}; given up after {failures} tries", billed=e.billed) from None
                        wait = self._wait(failures, e.retry_after, rng)
                else:
                    turn.unused()
            if answer is not None:  # entered after the turn: the next request need not wait for the database
                return await self._settled(key, request, answer)
            if isinstance(outcome, Known) and follows(request, outcome.answer):
                return Paid(outcome.answer, outcome.cost)
            if isinstance(outcome, Known):  # from a batch, where it was not tried again
                unfit = outcome.answer
                continue
            if isinstance(outcome, Busy) and outcome.batch:
                await self._see_to(outcome)
            await self.sleep(wait)

    async def _see_to(self, busy: Busy) -> None:
        """A batch is to answer: it is waited for while somebody sees to it, and taken over when nobody does."""
        if self.reclaim and not busy.holder:
            await self.reclaim()
        elif busy.batch not in self._waited_for:
            self._waited_for.add(busy.batch)
            LOG.warning(
                "%s: waiting for batch %s of %s, which has some of the questions; end that build to ask them at once",
                self.provider.where, busy.batch, busy.holder or "a build that has ended",
            )  # fmt: skip

    async def _answer(self, key: str, request: Request, turn: Turn) -> Answer:
        """One try of a reserved request; the ledger learns when it fails."""
        try:
            answer = await self.provider.answer(request)
            check(request, answer)
        except Transient as e:
            if e.slow:
                self.limiter.slowed(turn, e.retry_after)
            await self._write(Release(key, e.billed, str(e)))
            raise
        except BaseException as e:
            lost = not isinstance(e, DefectoryError)  # cancelled or broken on the way: it may have been billed
            note = e.said if isinstance(e, Unanswerable) else type(e).__name__
            await asyncio.shield(self._write(Release(key, lost, note)))
            raise
        self.limiter.served()
        return answer

    async def _settled(self, key: str, request: Request, answer: Answer) -> Paid:
        used = self.price.used(request, answer)
        cost = self.price.of(*used)
        await asyncio.shield(self._written_down(Settle(key, answer, cost, sum(used))))
        return Paid(answer, cost)

    async def _written_down(self, answered: Settle) -> None:
        """What is paid for is not lost because a database is away for a moment."""
        for pause in (*ENTER_AGAIN_S, None):
            try:
                await self._write(answered)
                return
            except DefectoryError as e:
                if pause is None or isinstance(e, BadInput):
                    raise
                if not self._away:
                    LOG.warning("%s; what is answered already is kept for it, a minute at most", e)
                self._away = True
            await self.sleep(pause)

    def reservation(self, key: str, request: Request, batch: str = "", unfit: Answer | None = None) -> Reserve:
        tokens = self.price.tokens(request)
        return Reserve(
            key, self.provider.name, request.model, request.candidate, self.price.of(*tokens), self.cap,
            sum(tokens), self.token_cap, batch, unfit,
        )  # fmt: skip

    def over_budget(self, request: Request, outcome: OverCap) -> OverBudget:
        most = self.price.at_most(request)
        again = "and run the same command again: answers that are there are not paid twice"
        if most and outcome.committed + most > self.cap:
            return OverBudget(
                f"{self.setting}: {self.cap / USD:g} USD do not cover the next request (it may cost "
                f"{most / USD:.4f}; {outcome.committed / USD:.4f} are spent or reserved); raise it, for instance "
                f"{self.option}{max(2 * self.cap / USD, 5):g}, {again}"
            )
        return OverBudget(
            f"caption.budget_tokens: {self.token_cap} tokens do not cover the next request (it may take "
            f"{sum(self.price.tokens(request))}; {outcome.tokens} are used or reserved); raise it, for instance "
            f"--set caption.budget_tokens={2 * self.token_cap}, {again}"
        )

    @staticmethod
    def _wait(attempt: int, retry_after: float | None, rng: np.random.Generator) -> float:
        """Seconds: as asked, or exponential with full jitter; never less than asked, never more than a bound."""
        backoff = BACKOFF_S * 2 ** (attempt - 1) * float(rng.uniform(0.5, 1.5))
        asked = (retry_after or 0.0) * float(rng.uniform(1.0, 1.1))
        wait = max(backoff, asked)
        return wait if wait < LONGEST_WAIT_S else LONGEST_WAIT_S

    async def _write(self, operation: Operation) -> Outcome:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._pending.append((operation, future))
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._flush())
        return await future

    async def _flush(self) -> None:
        while self._pending:
            await asyncio.sleep(0)  # whoever is ready to write in this round of the loop joins in
            batch, self._pending = self._pending, []
            try:
                outcomes = await asyncio.to_thread(self.ledger.each, [o for o, _ in batch])
                for (_, future), outcome in zip(batch, outcomes, strict=True):
                    if future.done():
                        continue
                    if isinstance(outcome, BadInput):
                        future.set_exception(outcome)
                    else:
                        future.set_result(outcome)
            except Exception as e:  # noqa: BLE001 - whoever waits raises it
                for _, future in batch:
                    if not future.done():
                        future.set_exception(e)
            finally:
                for _, future in batch:
                    future.cancel()  # nobody waits for ever if the writer itself was cancelled
