"""Which sides of a defect a text speaks about: shape, size, depth, location, contrast, or those of a recipe.

SteelDefectX, sample-level annotation, step 2: a description is a 5-bit vector. A bit is set when the text says
something about that side, hedged or not; a class name, a hypothetical, a process cause and "its depth cannot be told"
say nothing. The rules are data, the YAML files beside this module: per side the words and phrases that say something
and the ones that only look like it, which are struck out first.
"""

import re

from annotation.coverage.rulebook import DIMENSIONS, Rulebook, Rules, rules, source
from annotation.coverage.wording import Span, Wording, worded

__all__ = ["DIMENSIONS", "Rulebook", "Span", "covered", "found", "rules", "source"]


def covered(text: str, book: Rulebook | None = None) -> dict[str, bool]:
    """Whether `text` says something about each dimension of `book`; of the five, in their order, without one."""
    return {name: bool(spans) for name, spans in found(text, book).items()}


def found(text: str, book: Rulebook | None = None) -> dict[str, list[Span]]:
    """Per dimension the words that set its bit, in the order of the text; empty where nothing does.

    Text beyond the first 20,000 characters is not read.
    """
    book = book or rules()
    wording = worded(text, book.spelling)
    line = _without(wording.line, book.ignore)
    return {name: _spans(wording, _without(line, side.ignore), side) for name, side in book.dimensions.items()}


def _without(line: str, ignore: tuple[re.Pattern[str], ...]) -> str:
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
