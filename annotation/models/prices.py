"""What a request costs, from a price table that is data. Money is counted in whole nano-dollars."""

import json
import os
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from annotation.models.billing import Billing
from annotation.models.providers import Answer, Request
from schemas.errors import CallError, DefectoryError

SIDE = 768
"""Pixels; of pictures for a model of which nothing else is known."""
USD = 1_000_000_000
"""Nano-dollars in a dollar."""


class UnknownPrice(DefectoryError):
    """A model that no price table has: nothing is asked of it, for no budget could be kept."""


@dataclass(frozen=True)
class Price:
    """`input` and `output` in USD per million tokens."""

    input: float
    output: float
    image_tokens: int
    """Of the largest picture that is sent."""
    batch: float = 1.0
    """Share of the price that the batch interface charges."""
    image: Billing | None = None
    """How pictures are billed; None where only `image_tokens` is known."""
    side: int = SIDE
    """Longest side of the pictures that are sent, in pixels."""

    def showing(self, side: int) -> "Price":
        """With pictures of at most `side` pixels; 0 for those that suit the model."""
        if not side:
            return self
        return replace(self, image_tokens=self.image.at_most(side) if self.image else self.image_tokens, side=side)

    def of(self, tokens_in: int, tokens_out: int) -> int:
        """Nano-dollars."""
        return round((tokens_in * self.input + tokens_out * self.output) * USD / 1e6)

    def tokens(self, request: Request) -> tuple[int, int]:
        """Tokens in and out that `request` cannot exceed: a token is at least one byte of text."""
        schema = "" if request.schema is None else json.dumps(request.schema)
        text = len((request.system + request.prompt + schema).encode()) + 64
        return text + len(request.images) * self.image_tokens, request.max_tokens

    def at_most(self, request: Request) -> int:
        """Nano-dollars that `request` cannot exceed."""
        return self.of(*self.tokens(request))

    def paid(self, request: Request, answer: Answer) -> int:
        """Nano-dollars that `answer` cost; the most it can have cost where the provider gave no counts."""
        return self.of(*self.used(request, answer))

    def used(self, request: Request, answer: Answer) -> tuple[int, int]:
        """Tokens in and out that were billed; the most it can have been where the provider gave no counts."""
        if answer.tokens_in is None or answer.tokens_out is None:
            return self.tokens(request)
        return answer.tokens_in, answer.tokens_out

    @property
    def batched(self) -> "Price":
        """What the same model costs through its provider's batch interface."""
        return replace(self, input=self.input * self.batch, output=self.output * self.batch, batch=1.0)


FREE = Price(0.0, 0.0, 0)


def price(provider: str, model: str) -> Price:
    """The price of a paid model. Raises UnknownPrice, saying what to add, when it is not known."""
    tables = [
        _table(resources.files("annotation.models").joinpath("prices.yaml").read_text(encoding="utf-8"), "prices.yaml")
    ]
    if extra := os.environ.get("DEFECTORY_PRICES"):
        try:
            tables.append(_table(Path(extra).read_text(encoding="utf-8"), extra))
        except (OSError, UnicodeDecodeError) as e:
            raise CallError(f"DEFECTORY_PRICES {extra}: cannot be read ({e}); name a YAML file") from None
    for table in reversed(tables):
        if model in table.get(provider, {}):
            return table[provider][model]
    raise UnknownPrice(
        f"{provider} {model}: its price is not known, so no budget can be kept; write a file with "
        f"`{provider}: {{{model}: {{input: USD, output: USD, image_tokens: N}}}}` (per million tokens; 0 for a server "
        "of your own) and name it in DEFECTORY_PRICES"
    )


def _table(text: str, name: str) -> dict[str, dict[str, Price]]:
    def entry(values: dict[str, Any]) -> Price:
        image = Billing(**values["image"]) if "image" in values else None
        tokens = int(values["image_tokens"]) if image is None else image.at_most(image.side)
        side = SIDE if image is None else image.side
        batch = float(values.get("batch", 1.0))
        one = Price(float(values["input"]), float(values["output"]), tokens, batch, image, side)
        if not (0 <= one.input < 1e6 and 0 <= one.output < 1e6 and tokens >= 0 and 0 <= one.batch <= 1):
            raise ValueError("a price is a number from 0 up")
        return one

    try:
        return {p: {str(m): entry(v) for m, v in models.items()} for p, models in yaml.safe_load(text).items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError, ZeroDivisionError) as e:
        reason = " ".join(str(e).split())
        raise CallError(
            f"{name}: not a price table ({reason:.120}); write `provider: {{model: {{input: 1.0, output: 2.0, "
            "image_tokens: 1000}}`"
        ) from None
