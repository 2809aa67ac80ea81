"""Which sides of a defect a text speaks about: shape, size, depth, location, contrast, or those of a recipe.

SteelDefectX, sample-level annotation, step 2: a description is a 5-bit vector. A bit is set when the text says
something about that side, hedged or not; a class name, a hypothetical, a process cause and "its depth cannot be told"
say nothing. Two look at each clause: rules, the YAML files beside this module, per side the words and phrases that
say something and the ones that only look like it; and what a small encoder learned from clauses labelled by hand
(`understanding`). For the sides of a recipe there are rules only.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from annotation.coverage import understanding
from annotation.coverage.rulebook import DIMENSIONS, Rulebook, Rules, rules, source
from annotation.coverage.wording import Span, Wording, worded

__all__ = [
    "DIMENSIONS", "Rulebook", "Span", "covered", "covered_many", "found", "found_by_rules", "rules", "source",
]  # fmt: skip


def covered(text: str, book: Rulebook | None = None) -> dict[str, bool]:
    """Whether `text` says something about each dimension of `book`; of the five, in their order, without one."""
    return {name: bool(spans) for name, spans in found(text, book).items()}


def covered_many(texts: Sequence[str], book: Rulebook | None = None) -> list[dict[str, bool]]:
    """`covered` of each text, read together: several times faster than one by one."""
    return [{name: bool(spans) for name, spans in said.items()} for said in _found(texts, book)]


def found(text: str, book: Rulebook | None = None) -> dict[str, list[Span]]:
    """Per dimension the words that set its bit, in the order of the text; empty where nothing does.

    Where no rule names the words, it is the whole clause. Text beyond the first 20,000 characters is not read.
    """
    return _found([text], book)[0]


def found_by_rules(text: str, book: Rulebook | None = None) -> dict[str, list[Span]]:
    """`found` as the rules alone have it."""
    book = book or rules()
    return _ruled(worded(text, book.spelling), book).says


def _found(texts: Sequence[str], book: Rulebook | None) -> list[dict[str, list[Span]]]:
    book = book or rules()
    wordings = [worded(text, book.spelling) for text in texts]
    clauses = [understanding.clauses(wording) for wording in wordings]
    read = [span.text for spans in clauses for span in spans] if book.learned else []
    logits = iter(understanding.logits(read))
    return [
        _weighed(_ruled(wording, book), spans, list(islice(logits, len(spans))))
        for wording, spans in zip(wordings, clauses, strict=True)
    ]


@dataclass(frozen=True)
class Ruled:
    """What the rules find in a text."""

    says: dict[str, list[Span]]
    """Per dimension what sets its bit."""
    struck: dict[str, list[Span]]
    """Per dimension with a reader what only looks as if it did."""
    plain: list[Span]
    """Names of defects with the adjectives before them, in which the rules are not overruled."""


def _weighed(ruled: Ruled, clauses: list[Span], logits: list[np.ndarray]) -> dict[str, list[Span]]:
    """What rules and reader, weighed against one another, find in the clauses of a text."""
    both = dict(ruled.says)
    for name, struck in ruled.struck.items():
        both[name] = []
        side = DIMENSIONS.index(name)
        for clause, said in zip(clauses, logits, strict=True):
            named = _within(ruled.says[name], clause)
            plain = any(_within(named, phrase) for phrase in ruled.plain)
            if plain or understanding.says(side, float(said[side]), bool(named), bool(_within(struck, clause))):
                both[name] += named or [clause]
    return both


def _within(spans: list[Span], clause: Span) -> list[Span]:
    return [span for span in spans if clause.start <= span.start < clause.end]


def _ruled(wording: Wording, book: Rulebook) -> Ruled:
    line = _without(wording.line, book.ignore)
    lines = {name: _without(line, side.ignore) for name, side in book.dimensions.items()}
    return Ruled(
        {name: _spans(wording, lines[name], side) for name, side in book.dimensions.items()},
        {name: [wording.span(*m.span()) for m in STRUCK.finditer(lines[name])] for name in book.learned},
        [wording.span(*m.span()) for m in book.plain.finditer(line)],
    )


STRUCK = re.compile("#+")


def _without(line: str, ignore: Iterable[re.Pattern[str]]) -> str:
    """The line with what `ignore` matches blotted out, so that no phrase can match across the hole."""
    for pattern in ignore:
        line = pattern.sub(lambda m: re.sub(r"[^ ]", "#", m[0]), line)
    return line


def _spans(wording: Wording, line: str, side: Rules) -> list[Span]:
    hits = {(at, at + len(word)) for at, word in zip(wording.at, line.split(), strict=True) if word in side.words}
    if side.says is not None:
        hits |= {(m.start(), m.end()) for m in side.says.finditer(line)}
    spans: list[Span] = []
    for span in sorted({wording.span(*hit) for hit in hits}, key=lambda s: (s.start, -s.end)):
        if not spans or span.end > spans[-1].end:  # not the ones inside another
            spans.append(span)
    return spans
