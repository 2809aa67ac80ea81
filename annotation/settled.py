"""The embedded Sentence-BERT when nothing more is learned: the same sums in fewer steps.

The word pieces of all texts lie one after the other and no text is filled up: what one comes to does not depend on what
is read beside it. Only their whole number is made a round one, behind the last text. Query, key and value are one
product, the weights are laid out once for this processor, and a product's activation is applied while its numbers are
at hand.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

Alike = list[tuple[int, int]]
"""(n, k), shortest first: n texts of k word pieces each. In this order their pieces lie."""
WHOLE = 32
"""Word pieces are filled up to a multiple of this: for every number of rows that it meets, a product makes kernels of
its own and keeps them, which came to hundreds of MB."""


def by_length(ids: Sequence[Sequence[int]]) -> tuple[list[int], Alike]:
    """The numbers of texts, given as word pieces, in the order in which they are to lie; and how they lie then."""
    lengths = [len(text) for text in ids]
    return sorted(range(len(ids)), key=lambda n: lengths[n]), [(n, k) for k, n in sorted(Counter(lengths).items())]


def apart(flat: torch.Tensor, alike: Alike) -> Iterator[torch.Tensor]:
    """(pieces, width) -> (n, k, width) of the texts of each length; what is no text's is left out."""
    for (n, k), some in zip(alike, flat[: owned(alike)].split([n * k for n, k in alike]), strict=True):
        yield some.view(n, k, -1)


def owned(alike: Alike) -> int:
    """Word pieces that are some text's; behind them are those that fill up."""
    return sum(n * k for n, k in alike)


def looked_up(embeddings: nn.Module, ids: Sequence[int], alike: Alike) -> torch.Tensor:
    """Word pieces as the first layer gets them, (pieces, width)."""
    filling = [0] * (-len(ids) % WHOLE)
    pieces = torch.tensor([*ids, *filling])[None]
    places = torch.cat([*(torch.arange(k).repeat(n) for n, k in alike), torch.tensor(filling, dtype=torch.long)])[None]
    vectors: torch.Tensor = embeddings(input_ids=pieces, position_ids=places, token_type_ids=torch.zeros_like(pieces))
    return vectors[0]


def beside(parts: Iterable[torch.Tensor], order: Sequence[int]) -> np.ndarray:
    """One row per text, those of each length in a part of their own -> (texts, width), in the order before `order`."""
    rows = torch.cat(list(parts))
    own = torch.empty_like(rows)
    own[order] = rows
    array: np.ndarray = own.numpy()
    return array


class Product:
    """Linear maps of one input, side by side, and GELU of that if asked for, with the weights that they have now."""

    def __init__(self, *maps: nn.Linear, gelu: bool = False) -> None:
        weight, self.bias = (torch.cat([getattr(m, name).detach() for m in maps]) for name in ("weight", "bias"))
        self.packed, self.gelu = torch.backends.mkldnn.is_available(), gelu
        self.weight = torch.ops.mkldnn._reorder_linear_weight(weight) if self.packed else weight

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor
        if self.packed:
            activation = "gelu" if self.gelu else "none"
            y = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, activation, [], "none")
        else:
            y = functional.linear(x, self.weight, self.bias)
            y = functional.gelu(y) if self.gelu else y
        return y


class Layer:
    """What a `BertLayer` does to word pieces, (pieces, width) -> the same."""

    def __init__(self, layer: Any) -> None:
        attention, own = layer.attention, layer.attention.self
        self.heads = own.num_attention_heads
        self.asked = Product(own.query, own.key, own.value)
        self.attended, self.first = Product(attention.output.dense), attention.output.LayerNorm
        self.wide = Product(layer.intermediate.dense, gelu=True)
        self.narrow, self.last = Product(layer.output.dense), layer.output.LayerNorm

    def __call__(self, hidden: torch.Tensor, alike: Alike) -> torch.Tensor:
        filling = hidden[owned(alike) :]
        seen = torch.cat([*(self._seen(some) for some in apart(self.asked(hidden), alike)), filling])
        hidden = self.first(self.attended(seen) + hidden)
        after: torch.Tensor = self.last(self.narrow(self.wide(hidden)) + hidden)
        return after

    def _seen(self, asked: torch.Tensor) -> torch.Tensor:
        n, k, width = asked.shape
        query, key, value = asked.view(n, k, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        return functional.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n * k, width // 3)
