"""What a text claims of a defect: typed claims, clause by clause, in the vocabulary of `claims.yaml`.

A claim is a dimension, the words that make it and what they mean. Hedged statements are claims; hypotheticals,
causes and "cannot be told" are none; "not dark" and "rather than raised" are claims turned round.
"""

import re
import threading
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources
from typing import Any

import yaml

from annotation.grounding.clauses import STRUCK, clauses
from annotation.grounding.places import Lexicon, lexicon, places


@dataclass(frozen=True)
class Said:
    """One claim. `value` is of the vocabulary; `numbers` are what it says in figures, shares as fractions of 1."""

    dimension: str
    words: str
    value: str
    numbers: tuple[float, ...] = ()
    negated: bool = False
    aside: bool = False
    """Told in a sentence that names no defect: perhaps of something else."""

    @property
    def claimed(self) -> str:
        """As a row has it: `upper left`, `not darker`, `percent of image 12`."""
        return " ".join([*(["not"] if self.negated else []), self.value, *(f"{n:g}" for n in self.numbers)])


LIKENESS = (
    r"|-(?:like|free|shaped)|\sfree|\s(?:like|shaped)\s(?:lines?|marks?|features?|structures?|defects?|appearance)"
)
"""After a name it only compares: a "crack-like" line is no crack."""


@dataclass(frozen=True)
class _Rule:
    dimension: str
    value: str
    says: re.Pattern[str]


@dataclass(frozen=True)
class Vocabulary:
    subject: re.Pattern[str]
    """What a sentence about the defect calls it, besides its name."""
    nothing: re.Pattern[str]
    negation: re.Pattern[str]
    spared: re.Pattern[str]
    """What begins like a negation and is none: "not only"."""
    verbal: re.Pattern[str]
    """A negation and what follows it up to a place or direction that it denies: "does not lie"."""
    attribute: re.Pattern[str]
    """What a thing lacks, which says nothing of its place: "with no clear rim"."""
    denial: re.Pattern[str]
    """The same before the name of a defect: "not regular scratches" are scratches."""
    read: tuple[tuple[re.Pattern[str], str], ...]
    ignore: dict[str, re.Pattern[str]]
    rules: tuple[_Rule, ...]
    types: tuple[_Rule, ...]
    numbers: dict[str, float]
    places: Lexicon


def _pattern(phrases: list[str], fragments: dict[str, str], unless: str = "") -> re.Pattern[str]:
    """One pattern of many phrases: whole words, white space or a hyphen for a blank, `<name>` for a fragment."""

    def expand(phrase: str) -> str:
        return re.sub(r"(?<!\?P)<(\w+)>", lambda m: f"(?:{expand(fragments[m[1]])})", phrase)

    either = "|".join(f"(?:{expand(p)})" for p in phrases)
    # One number may be told in several ways: groups are numbered through, since each may stand once in a pattern.
    seen: dict[str, int] = {}

    def named(match: re.Match[str]) -> str:
        kind = match[1]
        seen[kind] = seen.get(kind, 0) + 1
        return f"(?P<{kind}_{seen[kind]}>"

    either = re.sub(r"\(\?P<([a-z])\d*>", named, either)
    either = either.replace(" ?", r"[\s-]?").replace(" ", r"[\s-]")
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w%]|[.,]\d{unless})")


def vocabulary_from(data: dict[str, Any]) -> Vocabulary:
    fragments = data["fragments"]
    between = r"(?:[\s-](?!(?:is|are|it|and|but|which|that|looks|appears)\b)[\w']+){0,3}?[\s-]?$"
    negation = rf"(?:{data['negation']}){between}"
    return Vocabulary(
        subject=_pattern([data["subject"]], fragments),
        nothing=_pattern(data["nothing"], fragments),
        negation=re.compile(rf"(?<![\w-]){negation}"),
        spared=re.compile(data["not_negation"]),
        verbal=re.compile(rf"(?:{data['verbal']})(?:[\s-](?:{data['lying']}))*[\s-]?$"),
        attribute=re.compile(rf"\b(?:{data['attribute']}){between}"),
        denial=re.compile(rf"(?<![\w-])(?:{data['negation']})(?:[\s-](?:{data['denied']})){{0,4}}[\s-]?$"),
        read=tuple((re.compile(rf"\b{phrase}\b"), plain) for phrase, plain in data["read"].items()),
        ignore={name: _pattern(d["ignore"], fragments) for name, d in data["dimensions"].items()},
        rules=tuple(
            _Rule(name, value.rstrip(LATER), _pattern(phrases, fragments))
            for name, d in data["dimensions"].items()
            for value, phrases in d["says"].items()
        ),
        types=tuple(
            _Rule("type", family, _pattern([known["words"]], fragments, LIKENESS))
            for family, known in data["types"].items()
        ),
        numbers=data["numbers"],
        places=lexicon(data["places"]),
    )


_first = threading.Lock()


def builtin() -> Vocabulary:
    with _first:  # of many threads that ask at the same time, one makes it
        return _builtin()


@cache
def _builtin() -> Vocabulary:
    text = resources.files("annotation.grounding").joinpath("claims.yaml").read_text(encoding="utf-8")
    return vocabulary_from(yaml.safe_load(text))


LATER = "*"
"""After a value in the vocabulary: it stands there twice, since some of its phrases come before another value's."""


@lru_cache(maxsize=4096)
def claims(text: str) -> tuple[Said, ...]:
    """The claims of `text` in the order in which they are made; candidates are read again when one more has come."""
    known = builtin()
    found: list[tuple[int, int, Said]] = []
    for at, sentence, clause in clauses(text):
        aside = not (known.subject.search(sentence) or any(rule.says.search(sentence) for rule in known.types))
        for phrase, plain in known.read:
            clause = phrase.sub(plain, clause)
        clause = known.nothing.sub(_strike, clause)
        left = {name: ignore.sub(_strike, clause) for name, ignore in known.ignore.items()}
        courses = _courses(
            [f for rule in known.rules if rule.dimension == "direction" for f in _told(rule, left, known)]
        )
        for start, said in courses:
            if said.value in SLOPED:  # the ends of a course are no places
                left["location"] = _struck(left["location"], start, start + len(said.words))
        here = [*courses]
        for start, end, cell in list(places(left["location"], known.places)):
            here.append((start, Said("location", clause[start:end], cell)))
            left["location"] = _struck(left["location"], start, end)
        here += [f for rule in known.rules if rule.dimension != "direction" for f in _told(rule, left, known)]
        told = [(start, said, _turned(known, clause, start, said.dimension)) for start, said in here]
        either = {(said.dimension, said.value, turned) for _, said, turned in told}
        for start, said, turned in told:
            both = any((said.dimension, other, turned) in either for other in OPPOSITES.get(said.value, ()))
            if turned is not None and not both:
                found.append((at, start, replace(said, words=said.words.strip(), negated=turned, aside=aside)))
        found += [(at, start, said) for start, said in _types(clause, known)]
    return tuple(said for _, _, said in sorted(found, key=lambda f: f[:2]))


def _told(rule: _Rule, left: dict[str, str], known: Vocabulary) -> list[tuple[int, Said]]:
    """What a rule finds in the words that are left of its dimension; takes them."""
    found = list(rule.says.finditer(left[rule.dimension]))
    for m in found:
        left[rule.dimension] = _struck(left[rule.dimension], *m.span())
    return [(m.start(), Said(rule.dimension, m[0], rule.value, _numbers(m, known))) for m in found]


OPPOSITES = {
    "brighter": ("darker",), "darker": ("brighter",), "raised": ("recessed",), "recessed": ("raised",),
}  # fmt: skip
"""Who says both in one clause says neither: "raised or sunken", "from dark to bright"."""
SLOPED = ("rising", "falling")


def _courses(told: list[tuple[int, Said]]) -> list[tuple[int, Said]]:
    """The directions of one clause: "left to right" of what climbs is none, and who says two slopes says neither."""
    values = {said.value for _, said in told}
    if values >= set(SLOPED):
        return []
    slanted = values & {*SLOPED, "diagonal"}
    return [f for f in told if not slanted or f[1].value not in ("horizontal", "vertical")]


def _struck(words: str, start: int, end: int) -> str:
    return words[:start] + STRUCK * (end - start) + words[end:]


def _strike(match: re.Match[str]) -> str:
    return STRUCK * len(match[0])


def _numbers(match: re.Match[str], known: Vocabulary) -> tuple[float, ...]:
    told = [words for words in match.groupdict().values() if words is not None]
    return tuple(_number(words, known) for words in told if not words.rstrip(" %").endswith("cent"))


THOUSANDS = re.compile(r"^([1-9]\d*),(\d{3})$")
"""Any other comma is a decimal one."""


def _number(words: str, known: Vocabulary) -> float:
    plain = " ".join(words.replace("-", " ").replace("%", "").split())
    if plain in known.numbers:
        return float(known.numbers[plain])
    return float(THOUSANDS.sub(r"\1\2", plain).replace(",", "."))


def _turned(known: Vocabulary, clause: str, start: int, dimension: str) -> bool | None:
    """Whether one of the last few words before a claim turns it round; None where that cannot be told.

    A place is told of something: of "no clear rim" it is not ("a dent of no clear rim in the centre"), of "no dent in
    the centre" nothing is claimed.
    """
    word = _before(known.denial if dimension == "type" else known.negation, known, clause, start)
    if word is None:
        return False
    if dimension not in ("location", "direction") or known.verbal.match(word):
        return True
    return False if known.attribute.search(clause[:start]) else None


def _before(by: re.Pattern[str], known: Vocabulary, clause: str, start: int) -> str | None:
    first = max(start - 48, 0)
    word = by.search(clause[first:start])
    return None if word is None or known.spared.match(clause, first + word.start()) else word[0]


def _types(clause: str, known: Vocabulary) -> list[tuple[int, Said]]:
    """Names of defects, the longest first where they overlap ("rolled pits" are one thing)."""
    matches = [(m, rule.value) for rule in known.types for m in rule.says.finditer(clause)]
    found: list[tuple[int, Said]] = []
    end = 0
    for m, family in sorted(matches, key=lambda f: (f[0].start(), -len(f[0][0]))):
        if m.start() >= end:
            found.append(
                (m.start(), Said("type", m[0], family, negated=bool(_turned(known, clause, m.start(), "type"))))
            )
            end = m.end()
    return found


def family_of(name: str) -> str | None:
    """The family that a class name belongs to: that of its longest word in the vocabulary; None for no such word."""
    plain = " ".join(re.split(r"[\s_-]+", name.lower()))
    named = _types(plain, builtin())
    return max(named, key=lambda f: len(f[1].words))[1].value if named else None


@cache
def reliefs() -> dict[str, str | None]:
    """How the relief of each family is known to be: raised | recessed | through | flat; None where it differs."""
    text = resources.files("annotation.grounding").joinpath("claims.yaml").read_text(encoding="utf-8")
    return {name: None if t["relief"] == "none" else t["relief"] for name, t in yaml.safe_load(text)["types"].items()}
