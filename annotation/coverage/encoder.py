"""The small sentence encoder, read word piece by word piece, adapted to one question: which sides does a clause tell?

The layers of the embedded Sentence-BERT keep their weights; each linear map of theirs gets a correction of low rank
(LoRA, arXiv 2106.09685), and a clause's logit for a side is a smooth maximum over its word pieces plus a weighted mean.
"""

import copy
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from annotation.diversity import EMBEDDED, _load

RANK = 2
SCALE = 4.0
"""What the correction is multiplied with, so that one learning rate suits it and the head."""
LONGEST = 96
"""Word pieces of a clause that are read."""
FORBIDDEN = -30.0
"""The logit of a word piece that only fills up a batch."""


class Corrected(nn.Module):  # type: ignore[misc]
    """A linear map plus a correction of low rank, nothing at first."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(RANK, base.in_features) * 0.02)
        self.up = nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + SCALE * functional.linear(functional.linear(x, self.down), self.up)


class Reader(nn.Module):  # type: ignore[misc]
    """Texts -> (n, sides) logits. Its parameters that need a gradient are what is learned."""

    def __init__(self, sides: int) -> None:
        super().__init__()
        sentence_bert = _load(EMBEDDED)
        self.tokenizer = copy.deepcopy(sentence_bert.tokenizer)  # one is used by one thread at a time
        bert: Any = sentence_bert[0].auto_model
        self.embeddings = bert.embeddings  # shared: they are the larger half, and stay as they are
        self.layers = nn.ModuleList([copy.deepcopy(layer) for layer in bert.encoder.layer])
        for parameter in (*self.embeddings.parameters(), *self.layers.parameters()):
            parameter.requires_grad = False
        for layer in self.layers:
            _correct(layer)
        width = bert.config.hidden_size
        self.loudest, self.weighing, self.mean = (_head(width, sides) for _ in range(3))
        self.eval()

    def forward(self, texts: list[str]) -> torch.Tensor:
        pieces = self.tokenizer(texts, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt")
        there = pieces["attention_mask"].bool()
        hidden = self.embeddings(input_ids=pieces["input_ids"], token_type_ids=pieces["token_type_ids"])
        hidden = functional.dropout(hidden, 0.1, self.training)
        mask = torch.where(there, 0.0, torch.finfo(torch.float32).min)[:, None, None, :]
        for layer in self.layers:
            hidden = layer(hidden, mask)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        hidden = functional.dropout(hidden, 0.15, self.training)
        filling = ~there[..., None]
        loud = torch.logsumexp(2 * self.loudest(hidden).masked_fill(filling, FORBIDDEN), 1) / 2
        weights = torch.softmax(self.weighing(hidden).masked_fill(filling, FORBIDDEN), 1)
        return loud + (weights * self.mean(hidden)).sum(1)

    def learned(self) -> dict[str, torch.Tensor]:
        """What training changes, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


def fold(module: nn.Module) -> None:
    """Add each correction to the map that it corrects: what is in `module` reads a fifth faster and learns no more."""
    for name, child in list(module.named_children()):
        if isinstance(child, Corrected):
            with torch.no_grad():
                child.base.weight += SCALE * child.up @ child.down
            setattr(module, name, child.base)
        else:
            fold(child)


def _correct(layer: Any) -> None:
    attention = layer.attention
    for name in ("query", "key", "value"):
        setattr(attention.self, name, Corrected(getattr(attention.self, name)))
    for block in (attention.output, layer.intermediate, layer.output):
        block.dense = Corrected(block.dense)


def _head(width: int, sides: int) -> nn.Linear:
    head = nn.Linear(width, sides)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head
