"""Batches in the ledger: signs of life, and a process that was taken for dead."""

import time
from pathlib import Path

import pytest

from annotation.asking import batchbook, owners
from annotation.asking.ledger import Ledger
from annotation.asking.operations import Known, Reserve, Reserved, Settle
from annotation.models.providers import Answer

HERE = ("openai", "https://here")
ANSWER = Answer("It is small.", "stop", "model-1", 10, 5)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


@pytest.fixture
def elsewhere(book: Ledger, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The same ledger, in use on another machine."""
    with monkeypatch.context() as there:
        there.setattr(owners, "machine", lambda: "elsewhere/boot/pid")
        return Ledger(str(book._engine.url))


def reserve(name: str) -> Reserve:
    return Reserve("a", "openai", "gpt-4o", 0, 10, 100, batch=name)


def test_a_batch_of_another_machine_is_left_alone_while_it_is_tended(
    book: Ledger, elsewhere: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There a process is given its lease, here two seconds, from each of its signs of life."""
    monkeypatch.setattr(owners, "LEASE_S", 2.0)
    monkeypatch.setattr(owners, "BEAT_S", 0.05)
    name = batchbook.begin(elsewhere, *HERE, "gpt-4o")
    with batchbook.tended(elsewhere):
        time.sleep(2.2)
        assert batchbook.mine(book, *HERE) == []
    monkeypatch.setattr(owners, "LEASE_S", 0.0)
    assert [b.name for b in batchbook.mine(book, *HERE)] == [name]


def test_a_batch_that_was_taken_over_is_not_sent_and_holds_back_no_question(
    book: Ledger, elsewhere: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine was asleep for longer than the lease: what it had filled was given up, and so is what it adds."""
    monkeypatch.setattr(owners, "LEASE_S", 0.0)
    name = batchbook.begin(elsewhere, *HERE, "gpt-4o")
    assert [b.name for b in batchbook.mine(book, *HERE)] == [name]
    batchbook.close(book, name, lost=False, note="its batch was never sent")
    assert elsewhere.apply([reserve(name)]) == [Reserved()]
    assert not batchbook.sending(elsewhere, name, 1)
    assert book.apply([reserve(""), Settle("a", ANSWER, 7), reserve("")])[2] == Known(ANSWER, 7)
    assert (book.spending().lost, book.spending().reserved) == (0, 0)
