"""What describing samples will cost, online and in batches, before anything is asked."""

from dataclasses import dataclass

from annotation.asking.sessions import cost_of
from schemas.captions import Caption

PROMPT_TOKENS = 400
"""A prompt of ours, generously: the longest has under 300 words."""
DIMENSIONS = 5


@dataclass(frozen=True)
class TextCost:
    """The most that can be asked for."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    """As the recipe asks: online or in batches."""
    online_usd: float
    batch_usd: float


def text_cost(samples: int, want: Caption) -> TextCost:
    """For so many samples, clips or images, with the largest picture that is sent. Raises DefectoryError for a paid
    model whose price is not known."""
    cost = cost_of(want)
    requests = 0 if want.provider == "measured" else samples * most_requests(want)
    tokens_in = requests * (PROMPT_TOKENS + cost.image_tokens)
    tokens_out = requests * want.max_tokens
    online, batch = (round(c.of(tokens_in, tokens_out) / 1e9, 2) for c in (cost, cost.batched))
    return TextCost(requests, tokens_in, tokens_out, batch if want.batch else online, online, batch)


def most_requests(want: Caption) -> int:
    """Per sample: the candidates, a supplement question for each dimension, and texts that are written again."""
    return want.candidates + (DIMENSIONS if want.min_dimensions else 0) + (want.regenerate if want.ground else 0)
