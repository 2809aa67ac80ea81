"""How pictures are billed, against the examples that the providers publish."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.models.billing import Billing
from annotation.models.prices import price


def rule(provider: str, model: str) -> Billing:
    found = price(provider, model).image
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("provider", "model", "size", "tokens"),
    [
        ("openai", "gpt-4o", (1024, 1024), 765),  # reduced to 768 x 768: four tiles
        ("openai", "gpt-4o", (2048, 4096), 1105),  # reduced to 1024 x 2048, then 768 x 1536: six tiles
        ("openai", "gpt-4o", (256, 256), 255),
        ("openai", "gpt-4o-mini", (256, 256), 8500),
        ("openai", "gpt-4.1-mini", (1024, 1024), 1659),  # 1024 patches at 1.62
        ("openai", "gpt-4.1-mini", (32, 32), 2),
        ("gemini", "gemini-2.5-flash", (256, 256), 258),
        ("gemini", "gemini-2.5-flash", (960, 540), 7 * 258),  # six tiles of 360 pixels, and the whole
    ],
)
def test_published_examples(provider: str, model: str, size: tuple[int, int], tokens: int) -> None:
    assert rule(provider, model).tokens(*size) == tokens


@given(st.integers(1, 768), st.integers(1, 768), st.sampled_from(["gpt-4o", "gpt-4.1-mini", "gpt-4.1-nano"]))
def test_no_picture_that_is_sent_is_billed_higher_than_the_bound(width: int, height: int, model: str) -> None:
    assert rule("openai", model).tokens(width, height) <= price("openai", model).image_tokens


@given(st.integers(1, 768), st.integers(1, 768))
def test_the_bound_holds_for_gemini(width: int, height: int) -> None:
    found = price("gemini", "gemini-2.5-flash")
    assert rule("gemini", "gemini-2.5-flash").tokens(width, height) <= found.image_tokens
