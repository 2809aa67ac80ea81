"""From a recipe's section to an asker: what is missing is told before anything is made."""

import pytest

from annotation.asking.sessions import demand
from schemas.captions import Caption
from schemas.errors import DefectoryError


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"provider": "openai"}, "set OPENAI_API_KEY"),
        ({"provider": "gemini"}, "set GEMINI_API_KEY or GOOGLE_API_KEY"),
        ({"provider": "openai", "base_url": "http://here/v1"}, "any value will do if that server asks for none"),
        ({"provider": "openai", "model": "llama"}, "openai llama: its price is not known"),
    ],
)
def test_what_a_paid_provider_lacks(wanted: dict[str, str], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DefectoryError, match=says):
        demand(Caption(**wanted))


def test_nothing_is_demanded_that_is_there_or_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    demand(Caption(provider="measured"))
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    demand(Caption(provider="openai"))
