"""What describing samples will cost, online and in batches, before anything is asked."""

from dataclasses import dataclass
from math import ceil

from annotation.asking.sessions import cost_of
from annotation.classes import CAUSES, LOOKS, NOTES
from annotation.coverage import rules
from schemas.captions import Caption

PROMPT_TOKENS = 400
"""A prompt of ours, generously: the longest has under 300 words."""
ASPECTS = len((*LOOKS, *CAUSES))
"""Prompts that a class is asked about with."""


@dataclass(frozen=True)
class TextCost:
    """The most that can be asked for, answers that have to be asked for again aside; USD rounded up to the cent."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    """As the recipe asks: online or in batches."""
    online_usd: float
    batch_usd: float


def text_cost(samples: int, want: Caption, classes: int = 0) -> TextCost:
    """For so many samples, clips or images, with the largest picture that is sent, and for the texts of so many classes
    where they are refined. Raises UnknownPrice for a paid model that no price table has."""
    cost = cost_of(want)
    if want.provider == "measured":
        return TextCost(0, 0, 0, 0.0, 0.0, 0.0)
    looks, merges = samples * most_requests(want), classes if want.class_text.refine else 0
    requests = looks + merges * (ASPECTS * want.class_text.answers + 1)
    tokens_in = requests * PROMPT_TOKENS + looks * cost.image_tokens + merges * NOTES * 2 * want.max_tokens
    tokens_out = requests * want.max_tokens
    online, batch = (ceil(c.of(tokens_in, tokens_out) / 1e7) / 100 for c in (cost, cost.batched))
    return TextCost(requests, tokens_in, tokens_out, batch if want.batch else online, online, batch)


def most_requests(want: Caption) -> int:
    """Per sample: the candidates, a supplement question for each dimension, those of the recipe among them, and texts
    that are written again. Raises CallError for a file of dimensions that cannot be used."""
    sides = len(rules(want.dimensions).dimensions) if want.min_dimensions else 0
    return want.candidates + sides + (want.regenerate if want.ground else 0)


def beyond(cost: TextCost, want: Caption) -> tuple[str, ...]:
    """A sentence for each budget that does not cover `cost`: a build may reach it and stop."""
    tokens = cost.tokens_in + cost.tokens_out
    found = []
    if cost.cost_usd > want.budget_usd:
        found.append(
            f"caption.budget_usd: {want.budget_usd:g} USD do not cover the texts, which cost {cost.cost_usd:.2f} USD "
            f"at most; a build stops at its budget: raise it, for instance --set caption.budget_usd={cost.cost_usd:g}"
        )
    if 0 < want.budget_tokens < tokens:
        found.append(
            f"caption.budget_tokens: {want.budget_tokens} tokens do not cover the texts, which take {tokens} at most; "
            f"a build stops at its budget: raise it, for instance --set caption.budget_tokens={tokens}"
        )
    return tuple(found)
