"""Places that are put together: "top edge, mid-width", "up there in the left corner", "bottom row, left column".

Words for up and down, left and right and the middle that stand close together, with nothing but small words and names
of parts between them, name one place. A word alone is left to the patterns of `claims.yaml`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

FARTHEST = 7
"""Small words between two words of a place."""
ASKED = re.compile(
    r"\b(?:location|position|place|where|pos|loc|zone|spot|site)(?: is|:|=)\W*(?:the |at |in |at the |in the )?$"
)
"""Before a single word of a place, that is what it is."""


@dataclass(frozen=True)
class Lexicon:
    words: tuple[tuple[str, re.Pattern[str]], ...]
    """What a word or phrase says (`upper left`, `middle`), the longest first where several match."""
    between: frozenset[str]
    """What may stand between them."""


def lexicon(data: Mapping[str, Sequence[str]]) -> Lexicon:
    words = [
        (says, re.compile(rf"(?<!\w)(?:{phrase.replace(' ', '[ -]')})(?![\w])"))
        for says, phrases in data.items()
        if says != "between"
        for phrase in phrases
    ]
    return Lexicon(tuple(words), frozenset(data["between"]))


def places(clause: str, known: Lexicon) -> Iterator[tuple[int, int, str]]:
    """Where a place of more than one word stands in a clause, and which of the nine cells it is."""
    chain: list[tuple[int, int, str]] = []
    for term in [*_terms(clause, known), None]:
        if term and chain and _near(clause[chain[-1][1] : term[0]], known):
            chain.append(term)
            continue
        cell = _cell({word for _, _, says in chain for word in says.split()}) if chain else None
        if cell and (len(chain) > 1 or " " in chain[0][2] or ASKED.search(clause[: chain[0][0]])):
            yield chain[0][0], chain[-1][1], cell
        chain = [term] if term else []


def _terms(clause: str, known: Lexicon) -> list[tuple[int, int, str]]:
    found = [(m.start(), m.end(), says) for says, pattern in known.words for m in pattern.finditer(clause)]
    kept: list[tuple[int, int, str]] = []
    for start, end, says in sorted(found, key=lambda f: (f[0], -f[1])):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end, says))
    return kept


def _near(words: str, known: Lexicon) -> bool:
    between = re.findall(r"[^\s,:/-]+", words)
    return len(between) <= FARTHEST and all(word in known.between for word in between)


def _cell(says: set[str]) -> str | None:
    """The cell that words name together; None where they name two, as a direction does."""
    if {"upper", "lower"} <= says or {"left", "right"} <= says:
        return None
    up = next((w for w in ("upper", "lower") if w in says), None)
    side = next((w for w in ("left", "right") if w in says), None)
    if up and side:
        return f"{up} {side}"
    if up:
        return f"{up} middle" if "middle" in says else up
    return side or "centre"
