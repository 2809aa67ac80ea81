"""Features of the part in a text: "beside the bright ridge" says where a defect is, not what it looks like.

A modifier belongs to the noun that it stands before, and what a preposition of place leads to is the part. Both are
struck out of what is read for claims; places and directions are read from the words as they were.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import islice
from typing import Literal

from annotation.grounding.clauses import STRUCK

LONGEST = 8
"""Words of a noun phrase, at most."""
WORD = re.compile(r"[\w'-]+")
MODIFIER = re.compile(r".{2,}(?:ed|ing|y|al|ous|ish|er|ic)")
"""By its ending perhaps a modifier: after it, a comma does not end a phrase ("a polished, flat face")."""


Says = Literal["place", "claim"]
"""What a word may do by itself: name a place, or say something else of a defect."""


@dataclass(frozen=True)
class Features:
    """How features of a part are told of."""

    beside: re.Pattern[str]
    """Before whatever is not the defect: "next to", "between"."""
    upon: re.Pattern[str]
    """Before what the defect is on; it may stand before a tone or a shape as well ("in the shade")."""
    than: re.Pattern[str]
    """Before anything at all."""
    noun: re.Pattern[str]
    """What parts have, wherever it is named."""
    either: re.Pattern[str]
    """What parts have, and defects are called as well ("groove"): features only where a preposition leads to them, or
    where they bear a defect."""
    bears: re.Pattern[str]
    """What follows such a feature that has a defect, or lies beside one."""
    told: re.Pattern[str]
    """What follows a feature that is the subject of a clause, and is said of it."""
    ends: frozenset[str]
    """Words that end a noun phrase."""
    other: re.Pattern[str]
    """Nouns that are neither: of pictures, defects, shapes and measures."""


def features(data: Mapping[str, str], pattern: Callable[[str], re.Pattern[str]]) -> Features:
    nouns = pattern(data["nouns"])
    return Features(
        beside=pattern(data["beside"]),
        upon=pattern(data["upon"]),
        than=pattern(data["than"]),
        noun=nouns,
        either=pattern(f"{data['nouns']}|{data['either']}"),
        bears=re.compile(data["bears"]),
        told=re.compile(data["told"]),
        ends=frozenset(data["ends"].split()),
        other=pattern(data["other"]),
    )


def without(clause: str, known: Features, says: Callable[[str], Says | None]) -> str:
    """A clause in which what is told of the part is struck out. `says`: what a word alone does."""
    spans = [*_led_to(clause, known, says), *_before_nouns(clause, known, says)]
    for start, end in spans:
        clause = clause[:start] + STRUCK * (end - start) + clause[end:]
    return clause


def _led_to(clause: str, known: Features, says: Callable[[str], Says | None]) -> Iterator[tuple[int, int]]:
    """Noun phrases after a preposition of place, with what they are of, or joined to ("of the thread")."""
    for preposition, unknown in ((known.beside, ANY), (known.upon, DEFINITE), (known.than, frozenset[str]())):
        for m in preposition.finditer(clause):
            start, end = m.end(), _phrase(clause, m.end(), known, says, unknown)
            while end is not None:
                last = end
                joined = JOINED.match(clause, end)
                end = joined and _phrase(clause, joined.end(), known, says, ANY if joined[1] == "of" else DEFINITE)
                if end is None:
                    yield start, last


JOINED = re.compile(r" (of|and|or)(?= )")
DETERMINER = re.compile(
    r" (an?|one|two|three|four|both|each|some|any|its|the|this|these|those)(?: two| three| four)?(?= )"
)
DEFINITE = frozenset({"the", "this", "these", "those"})
ANY = DEFINITE | {"", "a", "an", "one", "two", "three", "four", "both", "each", "some", "any", "its"}
"""Determiners; none of them among them."""


def _phrase(
    clause: str, start: int, known: Features, says: Callable[[str], Says | None], unknown: Set[str]
) -> int | None:
    """Where the noun phrase at `start` ends, if its head is of the part: a noun of parts, or one that is not known
    for anything else, after a determiner of `unknown`."""
    determiner = DETERMINER.match(clause, start)
    at = determiner.end() if determiner else start
    end, last = at, ""
    for word in islice(WORD.finditer(clause, at), LONGEST):
        gap, said = clause[end : word.start()], word[0]
        if gap not in (" ", ", ") or said in known.ends or said[0].isdigit():
            break
        if (gap == ", " or said == "and") and not (says(last) or MODIFIER.fullmatch(last)):
            break
        if noun := known.either.match(clause, word.start()):
            return _compound(clause, noun.end(), known)
        if said != "and":
            end, last = word.end(), said
    strange = last and not known.other.fullmatch(last) and not says(last)
    return end if strange and (determiner[1] if determiner else "") in unknown else None


def _compound(clause: str, end: int, known: Features) -> int:
    """The end of nouns of parts that stand in a row: "thread groove"."""
    while noun := known.either.match(clause, end + 1):
        if clause[end] not in " -":
            break
        end = noun.end()
    return end


def _before_nouns(clause: str, known: Features, says: Callable[[str], Says | None]) -> Iterator[tuple[int, int]]:
    """Nouns of parts with the modifiers before them, and with what they are said to be ("the weld is bright")."""
    for noun in known.either.finditer(clause):
        start, end, sure = *noun.span(), known.noun.match(clause, noun.start())
        if not (sure or known.bears.match(clause, end)):
            continue
        after: Says | None = "place"
        while before := BEFORE.search(clause, max(start - 40, 0), start):
            word, comma = before.groups()
            if not (says(word) or (word == "and" and after == "claim")) or (comma and after == "place"):
                break
            start, after = before.start(), says(word)
        told = known.told.match(clause, end) if sure and clause[:start] in ("the ", "this ") else None
        yield start, told.end() if told else end


BEFORE = re.compile(r"(?<![\w'-])([\w'-]+)(,?) $")
"""A word before a noun; a comma stands between modifiers only ("long, curved flank", but "dark, top edge")."""
