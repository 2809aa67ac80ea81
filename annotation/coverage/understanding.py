"""What a clause says, read as a whole: the learned half of coverage, beside the rules.

A text is cut into sentences, at semicolons and at new lines; a question stays with its answer. The learned reader
gives each a logit per side. Where a rule matches, the bit is set unless the reader is sure of the contrary; where none
does, it is set if the reader is sure.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from annotation.coverage.wording import Span, Wording

if TYPE_CHECKING:
    from annotation.coverage.encoder import Reader

FILE = "weights.npz"
DENIES = (-3.5, -2.0, -2.0, -2.0, -2.0)
"""Per side, the logit up to which the reader overrules a rule that matches."""
INSISTS = (1.5, 1.0, 1.0, 1.5, 0.75)
"""Per side, the logit above which the reader sets the bit though no rule matches. Both were fitted on
`learned/texts.jsonl`, which the reader has not seen."""
STRUCK = 3.0
"""How much more it takes where the rules found something that only looks like it ("no visible depth")."""
DIGITS = 3
"""Logits are rounded to this many digits, so that the last bits of a processor decide nothing."""
MOST_WORDS = 60
"""A clause with more words is cut."""
REMEMBERED = 4096
"""Clauses whose logits are kept: captions repeat themselves."""
AT_ONCE = 64


def clauses(wording: Wording) -> list[Span]:
    """The clauses of a text, in their order; none overlaps another, none is empty."""
    words = wording.line.split()
    spans, first = [], 1
    for n in range(1, len(words) + 1):
        ends = n == len(words) or words[n] in (".", ";", "!")
        if ends or n - first >= MOST_WORDS:
            if n > first:
                begin, end = wording.begins[first], wording.ends[n - 1]
                spans.append(Span(begin, end, wording.text[begin:end]))
            first = n + ends
    return spans


def says(side: int, logit: float, ruled: bool, struck: bool) -> bool:
    """Whether a clause says something about a side, by the reader's logit and by what the rules found in it.

    `ruled` is something that sets the bit, `struck` something that only looks like it.
    """
    return logit > (DENIES[side] if ruled else INSISTS[side] + STRUCK * struck)


SUBJECT = re.compile(
    r"\b(?:the|this|that|these|those) (?:defect|flaw|fault|scratch|mark|hole|dent|bulge|pit|crack|spot|patch|line"
    r"|streak|inclusion|stain|anomaly|blemish|chip|nick|gouge|burr|blister|feature|damage|area)(?:e?s)? "
    r"(?=(?:is|are|was|were|looks?|appears?|seems?) )",
    re.IGNORECASE,
)
"""A class name alone says nothing, and the reader learned that well: it reads "it is deep" for "the defect is deep"."""


_lock = threading.Lock()
_known: dict[str, np.ndarray] = {}


def logits(texts: Sequence[str]) -> np.ndarray:
    """(n, 5) float64 for n clauses, in the order of the five sides. The first call takes seconds: the model loads."""
    if not texts:
        return np.zeros((0, len(DENIES)))
    with _lock:
        new = sorted({t for t in texts if t not in _known}, key=lambda t: (len(t), t))
        if len(_known) + len(new) > REMEMBERED:
            _known.clear()
            new = sorted(set(texts), key=lambda t: (len(t), t))
        for at in range(0, len(new), AT_ONCE):
            some = new[at : at + AT_ONCE]
            _known.update(zip(some, _read(some), strict=True))
        return np.array([_known[t] for t in texts])


def _read(texts: list[str]) -> np.ndarray:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums have the same order on every machine
    try:
        with torch.inference_mode():
            said: np.ndarray = _reader()([SUBJECT.sub("it ", text) for text in texts]).numpy()
            return np.round(said.astype(np.float64), DIGITS)
    finally:
        torch.set_num_threads(threads)


@cache
def _reader() -> "Reader":
    from annotation.coverage.encoder import fold

    with (
        resources.as_file(resources.files("annotation.coverage").joinpath("learned", FILE)) as path,
        np.load(path) as f,
    ):
        reader = restored(dict(f))
    fold(reader)
    return reader


def packed(reader: "Reader") -> dict[str, np.ndarray]:
    """What is learned in few bytes: all of it as int8, and per parameter what one step of it is worth."""
    parameters = [p.detach().numpy().ravel() for p in reader.learned().values()]
    steps = [np.float32(max(float(np.abs(p).max()), 1e-9) / 127) for p in parameters]
    values = [np.round(p / step).astype(np.int8) for p, step in zip(parameters, steps, strict=True)]
    return {"values": np.concatenate(values), "steps": np.array(steps, np.float32)}


def restored(arrays: Mapping[str, np.ndarray], outputs: int = len(DENIES)) -> "Reader":
    """The reader of so many logits that `packed` packed."""
    import torch

    from annotation.coverage.encoder import Reader

    reader, at = Reader(outputs), 0
    with torch.no_grad():
        for parameter, step in zip(reader.learned().values(), arrays["steps"], strict=True):
            values = arrays["values"][at : at + parameter.numel()].astype(np.float32) * step
            parameter.copy_(torch.from_numpy(values.reshape(parameter.shape)))
            at += parameter.numel()
    return reader
