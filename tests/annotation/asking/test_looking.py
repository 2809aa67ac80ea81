"""Looking up what a build would ask."""

import asyncio
from pathlib import Path

import numpy as np
import pytest

from annotation.asking.ledger import Ledger
from annotation.asking.looking import Addressee, Look, Unanswered
from annotation.asking.operations import Reserve, Settle
from annotation.models.prices import FREE
from annotation.models.providers import SECOND, Answer, Request


def test_what_would_be_asked_anew_is_missing(tmp_path: Path) -> None:
    """An answer of a batch that does not follow its schema is there, but of no use."""
    asked = Request("m", "Be plain.", "What is it?", "open", 0, 0.9, 20, schema={"type": "object"})
    who, book = Addressee("openai", "https://here"), Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    look, key = Look(who, book, FREE), asked.key(who.name, who.where)
    book.apply([Reserve(key, "openai", "m", 0, 0, 0), Settle(key, Answer("It is small.", "stop"), 0)])
    with pytest.raises(Unanswered):
        asyncio.run(look.ask(asked, np.random.default_rng(0)))
    assert (look.answered, look.missing) == (0, 1)


def test_what_is_asked_once_more_comes_on_top(tmp_path: Path) -> None:
    """Of two candidates in another language one was asked again; the other, and all that comes after, is left."""
    who, book = Addressee("openai", "https://here"), Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    look = Look(who, book, FREE)
    for candidate in (0, 1, SECOND, SECOND + 1):
        asked = Request("m", "Be plain.", "What is it?", "open", candidate, 0.9, 20)
        if candidate <= SECOND:
            key = asked.key(who.name, who.where)
            book.apply([Reserve(key, "openai", "m", 0, 0, 0), Settle(key, Answer("Sie ist klein.", "stop"), 0)])
            asyncio.run(look.ask(asked, np.random.default_rng(0)))
        else:
            with pytest.raises(Unanswered):
                asyncio.run(look.ask(asked, np.random.default_rng(0)))
    assert look.left(8) == 6 + 1
