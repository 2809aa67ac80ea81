"""Which sides of a defect a text speaks about: shape, size, depth, location, contrast, or those of a recipe.

SteelDefectX, sample-level annotation, step 2: a description is a 5-bit vector. A bit is set when the text says
something about that side, hedged or not; a class name, a hypothetical, a process cause and "its depth cannot be told"
say nothing. Rules, the YAML files beside this module, point at the words that say something and at those that only
look like it; a small encoder reads each clause with these marks and decides (`understanding`). For the sides of a
recipe there are rules only.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from annotation.coverage import understanding
from annotation.coverage.rulebook import DIMENSIONS, Rulebook, Rules, rules, source
from annotation.coverage.wording import Clause, Span, Wording, worded

__all__ = [
    "DIMENSIONS", "Rulebook", "Span", "covered", "covered_many", "found", "found_by_rules", "marked", "rules", "source",
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


def marked(text: str, book: Rulebook | None = None) -> Clause:
    """A text as the reader gets it, as if it were one clause."""
    book = book or rules()
    return _clause(Span(0, len(text), text), _ruled(worded(text, book.spelling), book))


def _found(texts: Sequence[str], book: Rulebook | None) -> list[dict[str, list[Span]]]:
    book = book or rules()
    wordings = [worded(text, book.spelling) for text in texts]
    ruled = [_ruled(wording, book) for wording in wordings]
    if not book.learned:
        return [r.says for r in ruled]
    parts = [understanding.clauses(wording) for wording in wordings]
    logits = iter(
        understanding.logits([_clause(span, r) for spans, r in zip(parts, ruled, strict=True) for span in spans])
    )
    return [_judged(r, spans, list(islice(logits, len(spans)))) for spans, r in zip(parts, ruled, strict=True)]


@dataclass(frozen=True)
class Ruled:
    """What the rules find in a text."""

    says: dict[str, list[Span]]
    """Per dimension what sets its bit."""
    struck: dict[str, list[Span]]
    """Per dimension with a reader what only looks as if it did."""


def _judged(ruled: Ruled, clauses: list[Span], logits: list[np.ndarray]) -> dict[str, list[Span]]:
    """What the reader makes of the clauses of a text, in the words that the rules found, if they did."""
    judged = dict(ruled.says)
    for name, struck in ruled.struck.items():
        side = DIMENSIONS.index(name)
        judged[name] = []
        for clause, said in zip(clauses, logits, strict=True):
            named = _within(ruled.says[name], clause)
            if understanding.says(side, float(said[side]), bool(named), bool(_within(struck, clause))):
                judged[name] += named or [clause]
    return judged


def _clause(part: Span, ruled: Ruled) -> Clause:
    marks = [
        (DIMENSIONS.index(name) + channel, span.start - part.start, span.end - part.start)
        for channel, found in ((0, ruled.says), (len(DIMENSIONS), ruled.struck))
        for name in ruled.struck
        for span in _within(found[name], part)
    ]
    return Clause(part.text, tuple(sorted(marks)))


def _within(spans: list[Span], clause: Span) -> list[Span]:
    return [span for span in spans if clause.start <= span.start < clause.end]


def _ruled(wording: Wording, book: Rulebook) -> Ruled:
    line = _without(wording.line, book.ignore)
    lines = {name: _without(line, side.ignore) for name, side in book.dimensions.items()}
    return Ruled(
        {name: _spans(wording, lines[name], side) for name, side in book.dimensions.items()},
        {name: [wording.span(*m.span()) for m in STRUCK.finditer(lines[name])] for name in book.learned},
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
