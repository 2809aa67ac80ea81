"""What a text claims of a defect: typed claims, clause by clause, in the vocabulary of `claims.yaml`.

A claim is a dimension, the words that make it and what they mean. Hedged statements are claims; hypotheticals,
causes and "cannot be told" are none; "not dark" and "rather than raised" are claims turned round.
"""

import re
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from importlib import resources

import yaml

from annotation.grounding.clauses import STRUCK, clauses
from annotation.grounding.denials import NONE, denied
from annotation.grounding.features import Says, without
from annotation.grounding.places import places
from annotation.grounding.vocabulary import Rule, Vocabulary, builtin


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
    one: bool = False
    """Told of one of several: "another in the upper left"."""

    @property
    def claimed(self) -> str:
        """As a row has it: `upper left`, `not darker`, `percent of image 12`."""
        return " ".join([*(["not"] if self.negated else []), self.value, *(f"{n:g}" for n in self.numbers)])


@lru_cache(maxsize=4096)
def claims(text: str) -> tuple[Said, ...]:
    """The claims of `text` in the order in which they are made; candidates are read again when one more has come."""
    known = builtin()
    found: list[tuple[int, int, Said]] = []
    denials: dict[str, tuple[int, int, Said]] = {}
    named, asides = False, dict[str, bool]()
    for at, sentence, clause in clauses(text):
        if sentence not in asides:  # one of many clauses is read as a whole once
            asides[sentence] = not any(by.search(sentence) for by in (known.subject, *(r.says for r in known.types)))
            if no := denied(sentence, known.denials):
                denials[sentence] = (at, no.start(), Said("type", no[0], NONE))
        aside = asides[sentence]
        for phrase, plain in known.read:
            clause = phrase.sub(plain, clause)
        named = named or _names(clause, known)
        clause = known.nothing.sub(_strike, clause)
        defect = without(clause, known.part, _says)
        left = {
            name: ignore.sub(_strike, clause if name in OF_THE_PICTURE else defect)
            for name, ignore in known.ignore.items()
        }
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
            spared = said.dimension == "location" and _spares(clause[:start], known)
            if turned is not None and not both and not spared:
                one = said.dimension == "location" and bool(known.one.search(clause[max(start - 48, 0) : start]))
                whole = replace(said, words=said.words.strip(), negated=turned, aside=aside, one=one)
                found.append((at, start, whole))
        found += [(at, start, said) for start, said in _types(defect, known)]
    if not named:
        found += denials.values()
    return tuple(said for _, _, said in sorted(found, key=lambda f: f[:2]))


OF_THE_PICTURE = ("location", "direction")
"""Read from what is said of the part as well: "along the left edge"."""


def _names(clause: str, known: Vocabulary) -> bool:
    """Whether a clause names a defect, or what may be one, without denying it."""
    plain = without(known.denials.says.sub(_strike, clause), known.part, _says)
    names = (m for by in (known.thing, *(rule.says for rule in known.types)) for m in by.finditer(plain))
    return any(_before(known.denial, known, plain, m.start()) is None for m in names)


def _spares(before: str, known: Vocabulary) -> bool:
    """Whether a place is only one without a defect: "no defects are visible in the lower right"."""
    return any("," not in before[no.end() :] for no in known.denials.says.finditer(before))


@lru_cache(maxsize=4096)
def _says(word: str) -> Says | None:
    """Whether a word alone names a place, or says anything else of a defect."""
    known = builtin()
    if any(by.search(word) for _, by in known.places.words):
        return "place"
    return "claim" if any(rule.says.search(word) for rule in known.rules) else None


def _told(rule: Rule, left: dict[str, str], known: Vocabulary) -> list[tuple[int, Said]]:
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
