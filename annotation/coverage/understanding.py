"""What a clause says, read as a whole: the learned half of coverage. The rules point, the reader judges.

A text is cut into sentences, at semicolons and at new lines; a question stays with its answer. The learned reader
sees the words of each and what the rules found in them, and gives it a logit per side.
"""

import threading
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

import numpy as np

from annotation.coverage.wording import Clause, Span, Wording

if TYPE_CHECKING:
    from annotation.coverage.encoder import Reader, Settled

FILE = "weights.npz"
POINTED = (-1.5, 0.0, -1.25, -0.25, 0.0)
"""Per side, the logit above which a clause sets the bit where the rules point at words of it."""
ALONE = (0.5, 0.0, 1.25, 0.0, -0.75)
"""Where they do not. Both were fitted on what the reader has not seen: `learned/texts.jsonl` and the sentences that
training leaves out, but that of shape is lower, so that no measured description goes without."""
STRUCK = 1.5
"""How much more it takes where the rules only found something that looks like it ("no visible depth")."""
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


def says(side: int, logit: float, named: bool, struck: bool) -> bool:
    """Whether a clause says something about a side, by its logit and by what the rules found in it.

    `named` is something that sets the bit, `struck` something that only looks like it.
    """
    return logit > (POINTED[side] if named else ALONE[side] + STRUCK * struck)


def reader() -> "Reader":
    """A reader of coverage that has learned nothing yet."""
    from annotation.coverage.encoder import Reader

    return Reader(len(ALONE), lower=2, rank=10, channels=2 * len(ALONE))


_lock = threading.Lock()
_known: dict[Clause, np.ndarray] = {}


def logits(read: Sequence[Clause]) -> np.ndarray:
    """(n, 5) float64 for n clauses, in the order of the five sides. The first call takes seconds: the model loads."""
    if not read:
        return np.zeros((0, len(ALONE)))
    with _lock:
        new = {clause for clause in read if clause not in _known}
        if len(_known) + len(new) > REMEMBERED:
            _known.clear()
            new = set(read)
        alike = sorted(new, key=lambda clause: (len(clause.text), clause.text, clause.marks))
        for at in range(0, len(alike), AT_ONCE):
            some = alike[at : at + AT_ONCE]
            _known.update(zip(some, _read(some), strict=True))
        return np.array([_known[clause] for clause in read])


def _read(some: Sequence[Clause]) -> np.ndarray:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # sums have the same order on every machine
    try:
        with torch.inference_mode():
            return np.round(_reader()(some).astype(np.float64), DIGITS)
    finally:
        torch.set_num_threads(threads)


@cache
def _reader() -> "Settled":
    from annotation.coverage.encoder import Settled

    with (
        resources.as_file(resources.files("annotation.coverage").joinpath("learned", FILE)) as path,
        np.load(path) as f,
    ):
        return Settled(restored(dict(f)))


def packed(of: "Reader") -> dict[str, np.ndarray]:
    """What is learned in few bytes: all of it as int8, and per parameter what one step of it is worth."""
    parameters = [p.detach().numpy().ravel() for p in of.learned().values()]
    steps = [np.float32(max(float(np.abs(p).max()), 1e-9) / 127) for p in parameters]
    values = [np.round(p / step).astype(np.int8) for p, step in zip(parameters, steps, strict=True)]
    return {"values": np.concatenate(values), "steps": np.array(steps, np.float32)}


def restored(arrays: Mapping[str, np.ndarray], outputs: int = 0) -> "Reader":
    """The reader that `packed` packed: that of coverage or, with a number of logits, a plain one."""
    import torch

    from annotation.coverage.encoder import Reader

    empty, at = Reader(outputs) if outputs else reader(), 0
    with torch.no_grad():
        for parameter, step in zip(empty.learned().values(), arrays["steps"], strict=True):
            values = arrays["values"][at : at + parameter.numel()].astype(np.float32) * step
            parameter.copy_(torch.from_numpy(values.reshape(parameter.shape)))
            at += parameter.numel()
    return empty
