"""Asking through the ledger: retries, waits, the budget, cancellation; a provider made of a list of outcomes."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from annotation.asking.ask import ENTER_AGAIN_S, LONGEST_WAIT_S, Asker, OverBudget, Paid
from annotation.asking.ledger import Ledger
from annotation.asking.operations import Operation, Outcome, Release, Reserve, Reserved, Settle
from annotation.asking.tables import requests
from annotation.models.prices import FREE, USD, Price
from annotation.models.providers import Answer, Request, Transient, Unanswerable
from schemas.errors import BadInput, DefectoryError

ANSWER = Answer("It is small.", "stop", "m-1", 100, 10)
PRICE = Price(1000.0, 1000.0, 0)
"""A tenth of a cent per token."""


class Scripted:
    """Answers or raises, one entry per call."""

    name, where, free, wants = "scripted", "https://here", False, "image"

    def __init__(self, *outcomes: Any):
        self.outcomes, self.calls = list(outcomes), 0

    async def answer(self, request: Request) -> Answer:
        self.calls += 1
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, BaseException):
            raise outcome
        if asyncio.iscoroutine(outcome):
            await outcome
            return ANSWER
        assert isinstance(outcome, Answer)
        return outcome

    async def close(self) -> None:
        pass


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def request(candidate: int = 0) -> Request:
    return Request("m", "Be plain.", "What is it?", "open", candidate, 0.9, 20)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def ask(provider: Scripted, book: Ledger, *, cap: float = 10.0, price: Price = PRICE) -> tuple[Paid, list[float]]:
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    asker = Asker(provider, book, price, round(cap * USD), sleep=wait)
    return asyncio.run(asker.ask(request(), rng())), waits


def test_asked_once_paid_once(book: Ledger) -> None:
    provider = Scripted(ANSWER)
    first, _ = ask(provider, book)
    second, _ = ask(provider, book)
    assert first == second == Paid(ANSWER, round(0.11 * USD))
    assert provider.calls == 1


def test_another_try_after_a_wait_as_long_as_asked(book: Ledger) -> None:
    provider = Scripted(Transient("429", billed=False, retry_after=30), Transient("500", billed=False), ANSWER)
    paid, waits = ask(provider, book)
    assert paid.answer == ANSWER
    assert 30 <= waits[0] <= 33
    assert 1 <= waits[1] <= 3  # the second wait of an exponential backoff with jitter
    assert book.spending().lost == 0


def test_a_server_that_wants_to_be_left_alone_for_long_ends_the_build_which_says_so(book: Ledger) -> None:
    told = Transient("x: 429 daily limit", billed=False, retry_after=7200, slow=True)
    with pytest.raises(DefectoryError, match=r"429 daily limit; it takes no questions for more than an hour") as caught:
        ask(Scripted(told, ANSWER), book)
    assert not isinstance(caught.value, Transient)
    assert ask(Scripted(ANSWER), book)[0].answer == ANSWER


def test_what_does_not_follow_its_schema_is_asked_for_again_and_was_paid(book: Ledger) -> None:
    form = {"type": "object", "required": ["causes"]}
    said = [replace(ANSWER, text=t) for t in ("It is small.", '{"causes": ', "{}", '{"causes": []}')]
    asker = Asker(Scripted(*said), book, PRICE, 100 * USD, sleep=lambda _: asyncio.sleep(0))
    paid = asyncio.run(asker.ask(replace(request(), schema=form), rng()))
    assert paid.answer.text == '{"causes": []}'
    assert book.spending().lost == pytest.approx(3 * PRICE.at_most(replace(request(), schema=form)) / USD)


def test_an_answer_of_a_batch_that_does_not_follow_its_schema_is_asked_for_again(book: Ledger) -> None:
    """It is in the ledger, for a batch tries nothing twice; the new one takes its place."""
    asked = replace(request(), schema={"type": "object", "required": ["causes"]})
    key = asked.key("scripted", "https://here")
    book.apply([Reserve(key, "scripted", "m", 0, 9, 9), Settle(key, ANSWER, 9, 110)])
    provider = Scripted(replace(ANSWER, text='{"causes": []}'))
    asker = Asker(provider, book, PRICE, 100 * USD)
    assert [asyncio.run(asker.ask(asked, rng())).answer.text for _ in range(2)] == ['{"causes": []}'] * 2
    assert (provider.calls, book.spending().answers, book.spending().lost) == (1, 1, 9 / USD)


def test_a_service_that_stays_away(book: Ledger) -> None:
    provider = Scripted(*[Transient("x: 503", billed=False)] * 5)
    with pytest.raises(Transient, match="503; given up after 5 tries"):
        ask(provider, book)
    assert provider.calls == 5


def test_a_try_that_may_have_been_billed_counts_as_spent(book: Ledger) -> None:
    ask(Scripted(Transient("time-out", billed=True), ANSWER), book)
    assert book.spending().lost == PRICE.at_most(request()) / USD


@given(st.integers(1, 5), st.one_of(st.none(), st.floats(0, 1e6)), st.integers(0, 99))
def test_waits_are_bounded(attempt: int, asked: float | None, seed: int) -> None:
    wait = Asker._wait(attempt, asked, np.random.default_rng(seed))
    assert min(asked or 0, LONGEST_WAIT_S) <= wait <= LONGEST_WAIT_S


def test_the_budget_is_a_hard_stop_that_says_what_to_do(book: Ledger) -> None:
    provider = Scripted(ANSWER)
    with pytest.raises(OverBudget, match=r"caption.budget_usd: 0.05 USD do not cover .* --set caption.budget_usd=5,"):
        ask(provider, book, cap=0.05)
    assert provider.calls == 0


def test_without_a_budget_nothing_is_sent(book: Ledger) -> None:
    with pytest.raises(OverBudget, match=r"caption.budget_usd: 0 USD do not .* --set caption.budget_usd=5,"):
        ask(Scripted(ANSWER), book, cap=0)
    assert ask(Scripted(ANSWER), book, cap=0, price=FREE)[0].cost == 0


@pytest.mark.parametrize(
    ("error", "lost"), [(BadInput("400"), False), (DefectoryError("401"), False), (RuntimeError("bug"), True)]
)
def test_what_cannot_be_mended_is_raised_and_released(book: Ledger, error: Exception, lost: bool) -> None:
    with pytest.raises(type(error)):
        ask(Scripted(error), book)
    spending = book.spending()
    assert spending.reserved == 0
    assert (spending.lost > 0) is lost
    assert ask(Scripted(ANSWER), book)[0].answer == ANSWER


def test_a_cancelled_question_may_have_been_billed(book: Ledger) -> None:
    async def cancelled() -> None:
        provider = Scripted(asyncio.sleep(60))
        asker = Asker(provider, book, PRICE, 10 * USD)
        task = asyncio.create_task(asker.ask(request(), rng()))
        while not provider.calls:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert (book.spending().reserved, book.spending().lost) == (0, PRICE.at_most(request()) / USD)


def test_the_same_question_twice_at_once_is_sent_once(book: Ledger) -> None:
    async def both() -> list[Paid]:
        asker = Asker(provider, book, PRICE, 10 * USD, sleep=lambda _: asyncio.sleep(0.01))
        return list(await asyncio.gather(asker.ask(request(), rng()), asker.ask(request(), rng())))

    provider = Scripted(asyncio.sleep(0.05))
    one, two = asyncio.run(both())
    assert one == two
    assert provider.calls == 1


def test_waiting_operations_share_a_transaction(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    apply = book.apply
    monkeypatch.setattr(book, "apply", lambda operations: sizes.append(len(operations)) or apply(operations))

    async def many() -> None:
        asker = Asker(Scripted(*[ANSWER] * 40), book, FREE, 0)
        await asyncio.gather(*(asker.ask(request(n), rng()) for n in range(40)))

    asyncio.run(many())
    assert sum(sizes) == 80
    assert len(sizes) <= 8


def test_one_answer_that_cannot_be_written_down_costs_no_other(book: Ledger) -> None:
    """They are written in one transaction, and the others are paid for."""
    answers = [replace(ANSWER, version="\ud83d" if n == 5 else "m-1") for n in range(20)]

    async def many() -> list[Paid | BaseException]:
        asker = Asker(Scripted(*answers), book, PRICE, 100 * USD)
        return await asyncio.gather(*(asker.ask(request(n), rng()) for n in range(20)), return_exceptions=True)

    found = asyncio.run(many())
    assert [type(f) for f in found] == [BadInput if n == 5 else Paid for n in range(20)]
    assert (book.spending().answers, book.spending().reserved) == (19, 0)
    assert book.spending().lost == PRICE.at_most(request()) / USD


@pytest.mark.parametrize(
    "error", [DefectoryError("cannot be used"), KeyError("cannot be used"), OSError("cannot be used")]
)
def test_a_broken_ledger_is_told_to_everyone_who_waits(
    error: Exception, book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise error

    async def two() -> list[Paid | BaseException]:
        asker = Asker(Scripted(), book, PRICE, 10 * USD)
        return await asyncio.gather(*(asker.ask(request(n), rng()) for n in range(2)), return_exceptions=True)

    monkeypatch.setattr(book, "apply", broken)
    assert [(type(e), str(e)) for e in asyncio.run(two())] == [(type(error), str(error))] * 2


@pytest.mark.parametrize(("away", "outcome"), [(3, Paid), (99, DefectoryError)])
def test_an_answer_is_entered_when_the_database_is_there_again(
    away: int, outcome: type, book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, failures = book.apply, iter(range(away))

    def at_times(operations: Sequence[Operation]) -> list[Outcome]:
        if isinstance(operations[0], Settle) and next(failures, None) is not None:
            raise DefectoryError("no space left")
        return apply(operations)

    monkeypatch.setattr(book, "apply", at_times)
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    async def once() -> list[Paid | BaseException]:
        asker = Asker(Scripted(ANSWER), book, PRICE, 10 * USD, sleep=wait)
        return await asyncio.gather(asker.ask(request(), rng()), return_exceptions=True)

    assert [type(f) for f in asyncio.run(once())] == [outcome]
    assert tuple(waits) == ENTER_AGAIN_S[:away]
    assert book.spending().answers == (outcome is Paid)


def test_the_words_of_a_refusal_are_noted_in_the_ledger(book: Ledger) -> None:
    with pytest.raises(Unanswerable, match=r"^m: refused$"):
        ask(Scripted(Unanswerable("m: refused", "400 bad image")), book)
    with sa.create_engine(book._engine.url).connect() as db:
        assert db.execute(sa.select(requests.c.note)).scalar_one() == "400 bad image"


def test_another_server_with_the_same_model_is_another_question(book: Ledger) -> None:
    here, elsewhere = Scripted(ANSWER), Scripted(Answer("It is large.", "stop", "m-1", 100, 10))
    elsewhere.where = "https://elsewhere"
    assert [ask(p, book)[0].answer.text for p in (here, elsewhere, here)] == [ANSWER.text, "It is large.", ANSWER.text]


def test_keys_of_the_ledger_name_provider_and_request(book: Ledger) -> None:
    ask(Scripted(ANSWER), book)
    other = Reserve(request().key("other", "https://here"), "other", "m", 0, 0, 0)
    assert book.apply([other, Release(other.key, lost=False, note="")])[0] == Reserved()
