"""What a request costs, from a price table that is data. Money is counted in whole nano-dollars."""

import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from annotation.models.providers import Answer, Request
from schemas.errors import CallError, DefectoryError

USD = 1_000_000_000
"""Nano-dollars in a dollar."""


@dataclass(frozen=True)
class Price:
    """`input` and `output` in USD per million tokens; `image_tokens` the most that one picture is billed as."""

    input: float
    output: float
    image_tokens: int

    def of(self, tokens_in: int, tokens_out: int) -> int:
        """Nano-dollars."""
        return round((tokens_in * self.input + tokens_out * self.output) * USD / 1e6)

    def at_most(self, request: Request) -> int:
        """Nano-dollars that `request` cannot exceed: a token is at least one byte of text."""
        text = len((request.system + request.prompt).encode()) + 64
        return self.of(text + len(request.images) * self.image_tokens, request.max_tokens)

    def paid(self, request: Request, answer: Answer) -> int:
        """Nano-dollars that `answer` cost; the most it can have cost where the provider gave no counts."""
        if answer.tokens_in is None or answer.tokens_out is None:
            return self.at_most(request)
        return self.of(answer.tokens_in, answer.tokens_out)


FREE = Price(0.0, 0.0, 0)


def price(provider: str, model: str) -> Price:
    """The price of a paid model. Raises DefectoryError, saying what to add, when it is not known."""
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
    raise DefectoryError(
        f"{provider} {model}: its price is not known, so no budget can be kept; write a file with "
        f"`{provider}: {{{model}: {{input: USD, output: USD, image_tokens: N}}}}` (per million tokens; 0 for a server "
        "of your own) and name it in DEFECTORY_PRICES"
    )


def _table(text: str, name: str) -> dict[str, dict[str, Price]]:
    def entry(values: dict[str, Any]) -> Price:
        one = Price(float(values["input"]), float(values["output"]), int(values["image_tokens"]))
        if not (0 <= one.input < 1e6 and 0 <= one.output < 1e6 and one.image_tokens >= 0):
            raise ValueError("a price is a number from 0 up")
        return one

    try:
        return {p: {str(m): entry(v) for m, v in models.items()} for p, models in yaml.safe_load(text).items()}
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, ValueError) as e:
        reason = " ".join(str(e).split())
        raise CallError(
            f"{name}: not a price table ({reason:.120}); write `provider: {{model: {{input: 1.0, output: 2.0, "
            "image_tokens: 1000}}`"
        ) from None
