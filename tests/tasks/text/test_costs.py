"""What describing will cost, from the price table."""

from pathlib import Path

import pytest

from schemas.captions import Caption, ClassText
from schemas.errors import DefectoryError
from tasks.text.costs import beyond, most_requests, text_cost

WANT = Caption(provider="openai", model="gpt-4o")
REFINED = ClassText(refine=True)


def test_measuring_costs_nothing() -> None:
    found = text_cost(1000, Caption())
    assert (found.requests, found.tokens_in, found.cost_usd) == (0, 0, 0)


def test_a_batch_is_half_the_price() -> None:
    online, batch = text_cost(7778, WANT), text_cost(7778, WANT.model_copy(update={"batch": True}))
    assert (online.cost_usd, batch.cost_usd) == (online.online_usd, online.batch_usd)
    assert batch.cost_usd == pytest.approx(online.cost_usd / 2, abs=0.01)
    tokens = (7778 * most_requests(WANT) * (400 + 765), 7778 * most_requests(WANT) * 300)
    assert (online.tokens_in, online.tokens_out) == tokens
    assert online.cost_usd == pytest.approx((tokens[0] * 2.5 + tokens[1] * 10) / 1e6, abs=0.01)


def test_smaller_pictures_cost_less() -> None:
    """A picture within one tile of 512 pixels is 85 + 170 tokens."""
    small = text_cost(10, WANT.model_copy(update={"image_side": 512}))
    assert small.tokens_in == 10 * most_requests(WANT) * (400 + 255)


def test_an_unknown_price_is_said_at_once() -> None:
    with pytest.raises(DefectoryError, match="openai llama: its price is not known"):
        text_cost(1, Caption(provider="openai", model="llama"))


def test_refined_class_texts_are_counted() -> None:
    """Ten answers to three prompts and what merges them, per class; no picture is sent with them."""
    plain, refined = text_cost(4, WANT, 25), text_cost(4, WANT.model_copy(update={"class_text": REFINED}), 25)
    assert refined.requests == plain.requests + 25 * 31
    assert refined.tokens_out == plain.tokens_out + 25 * 31 * 300
    assert 25 * 31 * 400 <= refined.tokens_in - plain.tokens_in < 25 * 31 * (400 + 765)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, ["caption.budget_usd: 0 USD do not cover the texts, which cost 0.60 USD at most"]),
        ({"batch": True, "budget_usd": 0.29}, ["0.29 USD do not cover the texts, which cost 0.30 USD at most"]),
        ({"batch": True, "budget_usd": 0.3}, []),
        ({"budget_usd": 1, "budget_tokens": 9000}, ["--set caption.budget_tokens=146500"]),
        ({"provider": "measured", "model": ""}, []),
    ],
)
def test_a_budget_that_does_not_cover_all_is_told(wanted: dict[str, object], says: list[str]) -> None:
    want = WANT.model_copy(update=wanted)
    found = beyond(text_cost(10, want), want)
    assert len(found) == len(says) and all(s in f for f, s in zip(found, says, strict=True))


def test_a_recipes_own_dimensions_are_asked_about_too(tmp_path: Path) -> None:
    """A sixth dimension is a further question; one of the five with other rules is none."""
    own = tmp_path / "own.yaml"
    own.write_text("dimensions:\n  cause: {noun: 'causes?', says: ['from ~handle']}\n  depth: {noun: depth}\n")
    more = WANT.model_copy(update={"dimensions": str(own)})
    assert most_requests(more) == most_requests(WANT) + 1
    assert text_cost(10, more).requests == text_cost(10, WANT).requests + 10
