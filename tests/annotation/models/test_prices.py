"""Prices: costs, upper bounds, unknown models, tables of one's own."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.models.prices import FREE, USD, Price, price
from annotation.models.providers import DEFAULT_MODELS, Answer, Request
from schemas.errors import CallError, DefectoryError


def request(prompt: str = "What is it?", images: tuple[bytes, ...] = (b"jpeg",), max_tokens: int = 300) -> Request:
    return Request("gpt-4o", "Be plain.", prompt, "open", 0, 0.9, max_tokens, images)


def test_what_an_answer_cost() -> None:
    answer = Answer("It is small.", "stop", "", 1000, 100)
    assert price("openai", "gpt-4o").paid(request(), answer) == round(0.0035 * USD)


def test_without_counts_the_worst_is_assumed() -> None:
    known = price("openai", "gpt-4o")
    assert known.paid(request(), Answer("It is small.", "stop")) == known.at_most(request())


@given(st.text(max_size=200), st.integers(16, 500))
def test_no_answer_costs_more_than_was_reserved(prompt: str, max_tokens: int) -> None:
    """A tokenizer never makes more tokens than there are bytes."""
    asked, known = request(prompt, max_tokens=max_tokens), price("openai", "gpt-4o")
    dearest = Answer("x", "length", "", len(("Be plain." + prompt).encode()) + known.image_tokens, max_tokens)
    assert known.paid(asked, dearest) <= known.at_most(asked)


def test_every_picture_is_counted() -> None:
    known = price("openai", "gpt-4o")
    one, many, none = (known.at_most(request(images=(b"jpeg",) * n)) for n in (1, 32, 0))
    assert many - none == 32 * (one - none) == known.of(32 * known.image_tokens, 0)


def test_free_is_free() -> None:
    assert FREE.at_most(request()) == 0


def test_default_models_have_prices() -> None:
    for provider, model in DEFAULT_MODELS.items():
        assert provider == "measured" or price(provider, model).output > 0


def test_an_unknown_price_says_what_to_add() -> None:
    with pytest.raises(DefectoryError, match=r"openai llama: its price is not known.*DEFECTORY_PRICES"):
        price("openai", "llama")


def test_a_table_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("openai:\n  llama: {input: 0, output: 0, image_tokens: 0}\n")
    monkeypatch.setenv("DEFECTORY_PRICES", str(file))
    assert price("openai", "llama") == Price(0.0, 0.0, 0)
    assert price("openai", "gpt-4o").input == 2.5


def test_a_recipe_may_want_other_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text("openai:\n  llama: {input: 0, output: 0, image_tokens: 1000}\n")
    monkeypatch.setenv("DEFECTORY_PRICES", str(file))
    plain, billed = price("openai", "llama"), price("openai", "gpt-4o")
    assert [plain.showing(side).side for side in (0, 256, 1024)] == [768, 256, 1024]
    assert [plain.showing(side).image_tokens for side in (0, 256, 1024)] == [1000] * 3  # all that is known of it
    assert [billed.showing(side).side for side in (0, 256, 1024)] == [768, 256, 1024]
    assert [billed.showing(side).image_tokens for side in (0, 256, 512)] == [765, 255, 255]


@pytest.mark.parametrize(
    "text", ["openai: {llama: 3}", "openai: {llama: {input: -1, output: 0, image_tokens: 0}}", "[", "- x", ""]
)
def test_a_broken_table(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(text)
    monkeypatch.setenv("DEFECTORY_PRICES", str(file))
    with pytest.raises(CallError, match=r"prices.yaml: not a price table"):
        price("openai", "llama")
