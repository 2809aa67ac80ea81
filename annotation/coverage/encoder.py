"""The small sentence encoder, read word piece by word piece, adapted to one question: which sides does a clause tell?

The lower layers of the embedded Sentence-BERT stay as they are. Above them each word piece also learns what the rules
found in it, per side; the linear maps of the upper layers get a correction of low rank (LoRA, arXiv 2106.09685), and a
clause's logit for a side is a smooth maximum over its word pieces plus a weighted mean.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from annotation.coverage.wording import Clause
from annotation.diversity import EMBEDDED, _load
from annotation.settled import Layer, Product, apart, beside, by_length, looked_up, owned

RANK = 2
SCALE = 4.0
"""What the correction is multiplied with, so that one learning rate suits it and the head."""
LONGEST = 96
"""Word pieces of a clause that are read."""
FORBIDDEN = -30.0
"""The logit of a word piece that only fills up a batch."""


class Corrected(nn.Module):  # type: ignore[misc]
    """A linear map plus a correction of low rank, nothing at first."""

    def __init__(self, base: nn.Linear, rank: int) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.randn(rank, base.in_features) * 0.02)
        self.up = nn.Parameter(torch.zeros(base.out_features, rank))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + SCALE * functional.linear(functional.linear(x, self.down), self.up)


class Reader(nn.Module):  # type: ignore[misc]
    """Texts or clauses -> (n, outputs) logits. Its parameters that need a gradient are what is learned.

    `lower` layers are left as they are; marks are read of so many `channels`.
    """

    def __init__(self, outputs: int, lower: int = 0, rank: int = RANK, channels: int = 0) -> None:
        super().__init__()
        sentence_bert = _load(EMBEDDED)
        self.tokenizer = copy.deepcopy(sentence_bert.tokenizer)  # one is used by one thread at a time
        bert: Any = sentence_bert[0].auto_model
        self.embeddings = bert.embeddings  # shared: they are the larger half, and stay as they are
        self.lower = bert.encoder.layer[:lower]
        self.upper = copy.deepcopy(bert.encoder.layer[lower:])
        for parameter in self.parameters():
            parameter.requires_grad = False
        for layer in self.upper:
            _correct(layer, rank)
        width = bert.config.hidden_size
        self.marked = nn.Parameter(torch.zeros(channels, width)) if channels else None
        self.loudest, self.weighing, self.mean = (_head(width, outputs) for _ in range(3))
        self.eval()

    def forward(self, texts: Sequence[str | Clause]) -> torch.Tensor:
        clauses = [Clause(text) if isinstance(text, str) else text for text in texts]
        pieces = self.tokenizer(
            [c.text for c in clauses], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt",
            return_offsets_mapping=True,
        )  # fmt: skip
        there = pieces["attention_mask"].bool()
        mask = torch.where(there, 0.0, torch.finfo(torch.float32).min)[:, None, None, :]
        with torch.no_grad():
            hidden = self.embeddings(input_ids=pieces["input_ids"], token_type_ids=pieces["token_type_ids"])
            hidden = _through(self.lower, hidden, mask)
        if self.marked is not None:
            offsets = pieces["offset_mapping"].numpy()
            marks = [_marks(clause, of, len(self.marked)) for clause, of in zip(clauses, offsets, strict=True)]
            hidden = hidden + torch.from_numpy(np.stack(marks)) @ self.marked
        hidden = functional.dropout(hidden, 0.1, self.training)
        hidden = _through(self.upper, hidden, mask).float()
        hidden = functional.dropout(hidden, 0.15, self.training)
        filling = ~there[..., None]
        loud, weighing = (head(hidden).masked_fill(filling, FORBIDDEN) for head in (self.loudest, self.weighing))
        return _told(loud, weighing, self.mean(hidden))

    def learned(self) -> dict[str, torch.Tensor]:
        """What training changes, by name."""
        return {name: p for name, p in self.named_parameters() if p.requires_grad}


class Settled:
    """A reader that has learned, and is used up by this: clauses -> (n, outputs) logits in half the time."""

    def __init__(self, reader: Reader) -> None:
        fold(reader)
        self.tokenizer, self.embeddings, self.marked = reader.tokenizer, reader.embeddings, reader.marked
        self.lower, self.upper = ([Layer(layer) for layer in layers] for layers in (reader.lower, reader.upper))
        self.heads = Product(reader.loudest, reader.weighing, reader.mean)

    def __call__(self, clauses: Sequence[Clause]) -> np.ndarray:
        pieces = self.tokenizer(
            [c.text for c in clauses], truncation=True, max_length=LONGEST, return_offsets_mapping=True
        )
        ids, offsets = pieces["input_ids"], pieces["offset_mapping"]
        order, alike = by_length(ids)
        hidden = looked_up(self.embeddings, [piece for n in order for piece in ids[n]], alike)
        for layer in self.lower:
            hidden = layer(hidden, alike)
        if self.marked is not None:
            marks = np.zeros((len(hidden), len(self.marked)), np.float32)
            found = [_marks(clauses[n], np.array(offsets[n]), len(self.marked)) for n in order]
            marks[: owned(alike)] = np.concatenate(found)
            hidden = hidden + torch.from_numpy(marks) @ self.marked
        for layer in self.upper:
            hidden = layer(hidden, alike)
        return beside((_told(*some.chunk(3, -1)) for some in apart(self.heads(hidden), alike)), order)


def fold(module: nn.Module) -> None:
    """Add each correction to the map that it corrects: what is in `module` learns no more."""
    for name, child in list(module.named_children()):
        if isinstance(child, Corrected):
            with torch.no_grad():
                child.base.weight += SCALE * child.up @ child.down
            setattr(module, name, child.base)
        else:
            fold(child)


def _told(loud: torch.Tensor, weighing: torch.Tensor, mean: torch.Tensor) -> torch.Tensor:
    """(n, pieces, outputs) of the three heads -> (n, outputs)."""
    return torch.logsumexp(2 * loud, 1) / 2 + (torch.softmax(weighing, 1) * mean).sum(1)


def _through(layers: Any, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    for layer in layers:
        hidden = layer(hidden, mask)
        hidden = hidden[0] if isinstance(hidden, tuple) else hidden
    return hidden


def _marks(clause: Clause, offsets: np.ndarray, channels: int) -> np.ndarray:
    """(pieces, channels) float32: 1 where a word piece lies in what the rules found; `offsets` are its characters."""
    marks = np.zeros((len(offsets), channels), np.float32)
    for channel, start, end in clause.marks:
        marks[(offsets[:, 0] < end) & (offsets[:, 1] > start), channel] = 1.0
    return marks


def _correct(layer: Any, rank: int) -> None:
    attention = layer.attention
    for name in ("query", "key", "value"):
        setattr(attention.self, name, Corrected(getattr(attention.self, name), rank))
    for block in (attention.output, layer.intermediate, layer.output):
        block.dense = Corrected(block.dense, rank)


def _head(width: int, outputs: int) -> nn.Linear:
    head = nn.Linear(width, outputs)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head
