"""From a recipe's section to an asker: what is missing is told before anything is made."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from annotation.asking.ask import OverBudget
from annotation.asking.ledger import Ledger
from annotation.asking.operations import Reserve, Settle
from annotation.asking.sessions import demand
from annotation.models.providers import Answer
from schemas.captions import Caption
from schemas.errors import DefectoryError

NO_LEDGER = "sqlite:////nowhere/ledger.sqlite"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"provider": "openai"}, "set OPENAI_API_KEY"),
        ({"provider": "gemini"}, "set GEMINI_API_KEY or GOOGLE_API_KEY"),
        ({"provider": "openai", "base_url": "http://here/v1"}, "any value will do if that server asks for none"),
        ({"provider": "openai", "model": "llama"}, "openai llama: its price is not known"),
        ({"provider": "measured", "model": "gpt-4o"}, r"caption\.model: gpt-4o is none of `measured`"),
    ],
)
def test_what_a_provider_lacks(wanted: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DefectoryError, match=says):
        demand(Caption(**wanted), NO_LEDGER)


def test_nothing_is_demanded_that_is_there_or_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    demand(Caption(provider="measured"), NO_LEDGER)
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    demand(Caption(provider="openai", budget_usd=1), NO_LEDGER)


@pytest.mark.parametrize(("budget", "batch", "enough"), [(0, False, False), (0.002, False, False), (0.002, True, True)])
def test_a_budget_allows_one_request_or_there_is_an_answer(
    budget: float, batch: bool, enough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """300 tokens of an answer by gpt-4o cost 0.003 USD, half of it in a batch; what was paid once may be used again."""
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    want = Caption(provider="openai", budget_usd=budget, batch=batch)
    with nullcontext() if enough else pytest.raises(OverBudget, match=f"{budget:g} USD do not cover one request to"):
        demand(want, NO_LEDGER)
    book = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    book.apply([Reserve("k", "openai", "gpt-4o", 0, 5, 5), Settle("k", Answer("It is.", "stop"), 5)])
    demand(want, f"sqlite:///{tmp_path / 'ledger.sqlite'}")
