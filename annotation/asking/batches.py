"""Asking in batches: half the price, an answer within a day, the same rows in the ledger as when asked online.

`ask` hands out what the ledger knows. What it does not know is written into a batch file on disk and `Waiting` is
raised: who asked leaves, and asks again after `finish`, when the answers are there. So nothing but names is kept in
memory however many requests wait, and a killed process has nothing to restore: it asks again and finds its batches.
"""

import asyncio
import logging
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from annotation.asking import batchbook
from annotation.asking.ask import Asker, Paid
from annotation.asking.batchbook import Batch
from annotation.asking.filling import Filling
from annotation.asking.operations import Busy, Known, Operation, OverCap, Release, Settle
from annotation.models.batch import Batches, State, room
from annotation.models.providers import Answer, NotThere, Request, Transient, Unanswerable, check
from schemas.errors import BadInput, DefectoryError

FIRST_POLL_S = 5.0
LONGEST_POLL_S = 300.0
GRACE_S = 120.0
"""A batch whose confirmation did not come, or whose sender was killed, may still appear at the provider for so long."""
AWAY_S = 3600.0
"""A service that answers no look at a batch for so long has stayed away."""
ROWS = 500
"""Results per transaction."""
LOG = logging.getLogger(__name__)


class Waiting(Exception):
    """The answer comes with a batch: ask again after `finish`."""


@dataclass
class BatchAsker(Asker):
    interface: Batches | None = None
    spool: Path = Path()
    """A folder for batch files."""
    _filling: dict[str, Filling] = field(default_factory=dict)
    _sending: list[asyncio.Task[None]] = field(default_factory=list)
    _awaited: set[str] = field(default_factory=set)
    """Batches that hold what was asked for, of this process or another; an empty name stands for who asks online."""
    _failures: dict[str, int] = field(default_factory=dict)
    _given_up: dict[str, DefectoryError] = field(default_factory=dict)
    _begin: asyncio.Lock = field(default_factory=asyncio.Lock)
    _upload: asyncio.Lock = field(default_factory=asyncio.Lock)
    _withdraw: asyncio.Lock = field(default_factory=asyncio.Lock)
    _away_since: float | None = None
    """When looks at batches began to fail, on the monotonic clock; None while they succeed."""
    _withdrawing: bool = False
    _cancelled: set[str] = field(default_factory=set)
    _rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    """Only spreads waits."""

    @property
    def _batches(self) -> Batches:
        if self.interface is None:
            raise TypeError("a BatchAsker needs the batch interface of its provider")
        return self.interface

    async def ask(self, request: Request, rng: np.random.Generator) -> Paid:
        """The answer, if the ledger knows it. Raises Waiting when it comes with a batch, or what `Asker.ask` raises."""
        key = request.key(self.provider.name, self.provider.where)
        if key in self._given_up:
            raise self._given_up[key]
        filling = await self._place(request)
        try:
            outcome = await self._write(self.reservation(key, request, filling.name))
            if isinstance(outcome, Known):
                self._checked(request, outcome.answer)
                return Paid(outcome.answer, outcome.cost)
            if isinstance(outcome, OverCap):
                raise self.over_budget(request, outcome)
            if isinstance(outcome, Busy):
                self._awaited.add(outcome.batch)
            else:
                filling.write(self._batches.line(key, request))
                self._awaited.add(filling.name)
            raise Waiting
        finally:
            filling.end()

    @staticmethod
    def _checked(request: Request, answer: Answer) -> None:
        try:
            check(request, answer)
        except Transient as e:  # it is paid: no use in paying again for the same
            raise Unanswerable(f"{e}; ask online to have it tried again", str(e)) from None

    async def _place(self, request: Request) -> Filling:
        """The batch that has room for a request, which is counted as written there."""
        size = room(request)
        async with self._begin:
            filling = self._filling.get(request.model)
            if filling is None or not filling.has_room(size, self._batches):
                if filling:
                    self._dispatch(filling)
                where = (self.provider.name, self.provider.where, request.model)
                name = await asyncio.to_thread(batchbook.begin, self.ledger, *where)
                self.spool.mkdir(parents=True, exist_ok=True)
                filling = self._filling[request.model] = Filling(name, request.model, self.spool / f"{name}.jsonl")
            filling.begin(size)
            return filling

    def _dispatch(self, filling: Filling) -> None:
        del self._filling[filling.model]
        self._sending.append(asyncio.create_task(self._send(filling)))

    async def _send(self, filling: Filling) -> None:
        """Submit one batch, once: a failure that may have come after its arrival is followed by a look there."""
        await filling.ended()
        if not filling.lines:
            await asyncio.to_thread(batchbook.close, self.ledger, filling.name, False, "")
            return
        try:
            async with self._upload:  # one upload at a time: many at once are refused
                if not await asyncio.to_thread(batchbook.sending, self.ledger, filling.name, filling.lines):
                    filling.file.unlink()
                    return
                remote = await self._submitted(filling)
        except DefectoryError as e:
            if not isinstance(e, Transient):  # for sure it was not taken
                await asyncio.to_thread(batchbook.close, self.ledger, filling.name, False, type(e).__name__)
            raise
        await asyncio.to_thread(batchbook.mark, self.ledger, filling.name, "sent", remote=remote)
        filling.file.unlink()

    async def _submitted(self, filling: Filling) -> str:
        for attempt in range(1, self.tries + 1):
            try:
                return await self._batches.send(filling.name, filling.model, filling.file)
            except Transient as e:
                await self.sleep(self._wait(attempt, e.retry_after, self._rng))
                # "Too many" is a plain no; after anything else it may still be on its way.
                found = await self._looked_for(filling.name, 0.0 if e.slow else GRACE_S)
                if found is not None:
                    return found
                if attempt == self.tries:
                    raise Transient(f"{e}; given up after {attempt} tries", billed=e.billed) from None
        raise AssertionError("the last try returns or raises")

    async def _looked_for(self, name: str, grace_s: float) -> str | None:
        """Like `_arrived`. Raises Transient also when it cannot be told: then the batch may be there, and be paid."""
        try:
            return await self._arrived(name, grace_s)
        except DefectoryError as e:
            raise Transient(f"{e}; whether batch {name} arrived is not known", billed=True) from None

    async def _arrived(self, name: str, grace_s: float) -> str | None:
        """The provider's name for a batch that may be there, or may appear there within `grace_s`."""
        until = time.monotonic() + grace_s
        while time.monotonic() < until:
            with suppress(Transient):  # only the last look decides that it is not there
                if found := await self._batches.find(name):
                    return found
            await self.sleep(FIRST_POLL_S)
        return await self._batches.find(name)

    async def finish(self) -> None:
        """Send what is left, and wait until all that was asked for is answered or has failed.

        Raises Transient when the service cannot be reached for long, DefectoryError when no batch can be answered;
        batches that were sent stay where they are, for the next run.
        """
        for filling in list(self._filling.values()):
            self._dispatch(filling)
        sent, self._sending = await asyncio.gather(*self._sending, return_exceptions=True), []
        for failure in sent:
            if isinstance(failure, BaseException):
                raise failure
        poll = FIRST_POLL_S
        while True:
            await self._collect()
            self._awaited -= await asyncio.to_thread(batchbook.closed, self.ledger, self._awaited)
            if self._awaited <= {""}:
                if self._awaited:
                    await self.sleep(FIRST_POLL_S)
                self._awaited.clear()
                return
            await self.sleep(poll * float(self._rng.uniform(0.9, 1.1)))
            poll = min(poll * 1.5, LONGEST_POLL_S)

    async def caught_up(self) -> bool:
        """Wait for what is in batches, of dead builds too: then it is paid, and no longer held at the most that it may
        cost. False when nothing is."""
        self._awaited |= {b.name for b in await self._left()}
        waiting = bool(self._awaited)
        if waiting:
            LOG.warning(
                "%s: the budget does not cover the next request, but batches cost less than is set aside for them; "
                "waiting for those that are sent", self.provider.where,
            )  # fmt: skip
            await self.finish()
        return waiting

    async def withdraw(self) -> None:
        """Cancel the batches that nobody alive waits for, and take in what they have answered."""
        async with self._withdraw:
            self._withdrawing = True
            self._awaited |= {b.name for b in await self._left()}
            await self.finish()

    async def close(self) -> None:
        """Give back what was reserved for batches that were not sent; leave those that were to whoever comes next."""
        for filling in self._filling.values():
            await asyncio.to_thread(batchbook.close, self.ledger, filling.name, False, "its batch was never sent")
        for task in self._sending:
            task.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await asyncio.to_thread(batchbook.leave, self.ledger)

    async def _left(self) -> list[Batch]:
        found = await asyncio.to_thread(batchbook.mine, self.ledger, self.provider.name, self.provider.where)
        names = {f.name for f in self._filling.values()}
        return [b for b in found if b.name not in names]

    async def _collect(self) -> None:
        """Look at every open batch once, and take in those that have ended."""
        for batch in await self._left():
            try:
                await self._look(batch)
                self._away_since = None
            except Transient:  # looked at again later: what is paid for must not be given up
                self._awaited.add(batch.name)
                now = time.monotonic()
                self._away_since = self._away_since or now
                if now - self._away_since > AWAY_S:
                    raise

    async def _look(self, batch: Batch) -> None:
        """Take in what a batch has, if it has ended; find out what became of it, if nobody knows."""
        if batch.status == "filling":
            await self._closed(batch, State(True), "its batch was never sent")
            return
        try:
            remote = batch.remote or await self._arrived(batch.name, GRACE_S)
            if remote is None:
                await self._gone(batch, "never arrived", lost=False)
                return
            if batch.remote is None:
                await asyncio.to_thread(batchbook.mark, self.ledger, batch.name, "sent", remote=remote)
            state = await self._batches.state(remote)
            await asyncio.to_thread(batchbook.saw, self.ledger, batch.name, state)
            if state.ended:
                await self._taken_in(batch, remote, state)
            elif self._withdrawing and batch.name not in self._cancelled:
                await self._cancel(batch.name, remote)
        except NotThere:
            if not self._withdrawing:
                raise DefectoryError(
                    f"{self.provider.where}: batch {batch.remote or batch.name} is not known to this key; set the key "
                    "of the account that it was submitted with, or give it up and ask anew with --set "
                    "caption.batch=false"
                ) from None
            await self._gone(batch, "is gone", lost=True)

    async def _cancel(self, name: str, remote: str) -> None:
        """Once. One that cannot be cancelled, or not any more, is waited for."""
        try:
            await self._batches.cancel(remote)
        except Transient:
            raise
        except DefectoryError as e:
            LOG.warning("%s: batch %s is waited for, for it cannot be cancelled (%s)", self.provider.where, remote, e)
        self._cancelled.add(name)

    async def _taken_in(self, batch: Batch, remote: str, state: State) -> None:
        fatal: DefectoryError | None = None
        chunk: list[Operation] = []
        unread = False
        async for key, outcome in self._batches.results(remote):
            if not key:
                unread = True
            elif isinstance(outcome, Answer):
                known = outcome.tokens_in is not None and outcome.tokens_out is not None
                used = (outcome.tokens_in or 0, outcome.tokens_out or 0)
                cost, tokens = (self.price.of(*used), sum(used)) if known else (None, None)
                chunk.append(Settle(key, outcome, cost, tokens, batch.name))
            else:
                said = outcome.said if isinstance(outcome, Unanswerable) else str(outcome)
                chunk.append(Release(key, isinstance(outcome, Transient) and outcome.billed, said, batch.name))
                self._failed([key], outcome)
                if not isinstance(outcome, Transient | Unanswerable):
                    fatal = outcome
            if len(chunk) >= ROWS:
                unread |= await self._entered(chunk)
                chunk = []
        unread |= await self._entered(chunk)
        without = "its answer cannot be read" if unread else "its batch ended without it"
        await self._closed(batch, state, state.note or without, lost=unread)
        if fatal is not None:
            raise fatal
        if state.note and not state.busy:
            raise DefectoryError(f"{self.provider.where}: refused a batch ({state.note}); change what it names")

    async def _entered(self, results: list[Operation]) -> bool:
        """Write results down; whether there was one that could not be."""
        outcomes = await asyncio.to_thread(self.ledger.each, results)
        wrong = [
            (o.key, outcome) for o, outcome in zip(results, outcomes, strict=True) if isinstance(outcome, BadInput)
        ]
        for key, error in wrong:
            self._failed([key], error)
        return bool(wrong)

    async def _closed(self, batch: Batch, state: State, note: str, lost: bool = False) -> None:
        keys = await asyncio.to_thread(batchbook.close, self.ledger, batch.name, lost, note)
        if state.note or batch.status == "sent":
            self._failed(keys, Transient(f"{self.provider.where}: {note}", billed=lost))

    async def _gone(self, batch: Batch, how: str, lost: bool) -> None:
        await asyncio.to_thread(batchbook.saw, self.ledger, batch.name, State(True, said=how))
        await self._closed(batch, State(True), f"its batch {how}", lost)

    def _failed(self, keys: Iterable[str], error: DefectoryError) -> None:
        for key in keys:
            self._failures[key] = self._failures.get(key, 0) + 1
            if isinstance(error, BadInput):
                self._given_up[key] = error
            elif self._failures[key] >= self.tries:
                why = f"{error}; given up after {self.tries} tries"
                self._given_up[key] = Transient(why, billed=False)
