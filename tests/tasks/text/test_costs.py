"""What describing will cost, from the price table."""

from pathlib import Path

import pytest

from annotation.asking.sessions import cost_of
from annotation.models.providers import Request
from annotation.prompting import prompt
from schemas.captions import Caption, ClassText
from schemas.errors import CallError, DefectoryError
from tasks.text.costs import Asked, beyond, left_about_a_sample, most_requests, text_cost

WANT = Caption(provider="openai", model="gpt-4o")
REFINED = ClassText(refine=True)


def test_measuring_costs_nothing() -> None:
    found = text_cost(1000, Caption())
    assert (found.requests, found.tokens_in, found.cost_usd) == (0, 0, 0)


def test_a_batch_is_half_the_price() -> None:
    online, batch = text_cost(7778, WANT), text_cost(7778, WANT.model_copy(update={"batch": True}))
    assert (online.cost_usd, batch.cost_usd) == (online.online_usd, online.batch_usd)
    assert batch.cost_usd == pytest.approx(online.cost_usd / 2, abs=0.01)
    assert online.tokens_out == 7778 * most_requests(WANT) * 300
    assert online.cost_usd == pytest.approx((online.tokens_in * 2.5 + online.tokens_out * 10) / 1e6, abs=0.01)


def test_smaller_pictures_cost_less() -> None:
    """A picture within one tile of 512 pixels is 85 + 170 tokens; of the size that is sent without being told, 765."""
    small = text_cost(10, WANT.model_copy(update={"image_side": 512}))
    assert text_cost(10, WANT).tokens_in - small.tokens_in == 10 * most_requests(WANT) * (765 - 255)


@pytest.mark.parametrize("own", [{}, {"system": "word " * 4000}, {"side": "Tell of {side} only. " * 200}])
def test_no_question_is_reserved_more_for_than_was_foreseen(tmp_path: Path, own: dict[str, str]) -> None:
    """Prompts of the recipe's own count as long as they are."""
    for name, text in own.items():
        (tmp_path / f"{name}.txt").write_text(text)
    want = WANT.model_copy(update={"prompts": str(tmp_path) if own else "", "ground": False})
    for name in ("open", "clean", "shape", "side"):
        text = prompt(name, want.prompts).format(object="ball screw drive", defect="slag inclusion", side="corrosion")
        asked = Request("gpt-4o", prompt("system", want.prompts), text, name, 0, 0.9, want.max_tokens, (b"jpeg",))
        assert cost_of(want).tokens(asked)[0] <= text_cost(1, want).tokens_in / most_requests(want)


def test_a_text_that_is_written_again_is_asked_for_with_its_words() -> None:
    """It, and what is wrong with it, are as long as an answer at most."""
    often, never = (text_cost(10, WANT.model_copy(update={"regenerate": n})) for n in (3, 0))
    assert often.requests == never.requests + 30
    assert often.tokens_in > never.tokens_in + 30 * (765 + 2 * WANT.max_tokens)
    assert left_about_a_sample(WANT, 3) == Asked(looks=2, mends=1)


def test_prompts_that_cannot_be_filled_in_are_told(tmp_path: Path) -> None:
    (tmp_path / "open.txt").write_text("Tell of {everything}.")
    with pytest.raises(CallError, match="cannot be filled in"):
        text_cost(1, WANT.model_copy(update={"prompts": str(tmp_path)}))


def test_an_unknown_price_is_said_at_once() -> None:
    with pytest.raises(DefectoryError, match="openai llama: its price is not known"):
        text_cost(1, Caption(provider="openai", model="llama"))


def test_refined_class_texts_are_counted() -> None:
    """Ten answers to three prompts and what merges them, per class; no picture is sent with them."""
    plain, refined = text_cost(4, WANT, 25), text_cost(4, WANT.model_copy(update={"class_text": REFINED}), 25)
    assert refined.requests == plain.requests + 25 * 31
    assert refined.tokens_out == plain.tokens_out + 25 * 31 * 300
    assert 25 * 16 * 300 < refined.tokens_in - plain.tokens_in < 25 * (16 * 300 + 31 * 765)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({}, ["caption.budget_usd: 0 USD do not cover the texts, which cost 0.66 USD at most"]),
        ({"batch": True, "budget_usd": 0.32}, ["0.32 USD do not cover the texts, which cost 0.33 USD at most"]),
        ({"batch": True, "budget_usd": 0.33}, []),
        ({"budget_usd": 1, "budget_tokens": 9000}, ["--set caption.budget_tokens=171820"]),
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
