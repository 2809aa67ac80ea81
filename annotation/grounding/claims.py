"""What a text claims of a defect: typed claims, clause by clause, in the vocabulary of `claims.yaml`.

A claim is a dimension, the words that make it and what they mean. Hedged statements are claims; hypotheticals,
causes and "cannot be told" are none; "not dark" and "rather than raised" are claims turned round.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from annotation.grounding.places import Lexicon, lexicon, places

LONGEST_WORD = 40
"""Longer runs of letters are no words; cut, they cannot slow the patterns down."""


@dataclass(frozen=True)
class Said:
    """One claim. `value` is of the vocabulary; `numbers` are what it says in figures, shares as fractions of 1."""

    dimension: str
    words: str
    value: str
    numbers: tuple[float, ...] = ()
    negated: bool = False

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
    nothing: re.Pattern[str]
    negation: re.Pattern[str]
    spared: re.Pattern[str]
    """What begins like a negation and is none: "not only"."""
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
        nothing=_pattern(data["nothing"], fragments),
        negation=re.compile(rf"(?<![\w-]){negation}"),
        spared=re.compile(data["not_negation"]),
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


@cache
def builtin() -> Vocabulary:
    text = resources.files("annotation.grounding").joinpath("claims.yaml").read_text(encoding="utf-8")
    return vocabulary_from(yaml.safe_load(text))


LATER = "*"
"""After a value in the vocabulary: it stands there twice, since some of its phrases come before another value's."""
STRUCK = "#"
"""Fills what is struck out or taken, so that nothing matches in it or across it."""


def claims(text: str) -> list[Said]:
    """The claims of `text` in the order in which they are made."""
    known = builtin()
    found: list[tuple[int, int, Said]] = []
    for at, clause in _clauses(text):
        for phrase, plain in known.read:
            clause = phrase.sub(plain, clause)
        clause = known.nothing.sub(_strike, clause)
        left = {name: ignore.sub(_strike, clause) for name, ignore in known.ignore.items()}
        for start, end, cell in list(places(left["location"], known.places)):
            turned = _turned(known.negation, known, clause, start)
            found.append((at, start, Said("location", clause[start:end], cell, (), turned)))
            left["location"] = left["location"][:start] + STRUCK * (end - start) + left["location"][end:]
        for rule in known.rules:
            matches = list(rule.says.finditer(left[rule.dimension]))
            for match in matches:
                turned = _turned(known.negation, known, clause, match.start())
                said = Said(rule.dimension, match[0].strip(), rule.value, _numbers(match, known), turned)
                found.append((at, match.start(), said))
            if matches:
                left[rule.dimension] = rule.says.sub(_strike, left[rule.dimension])
        found += [(at, start, said) for start, said in _types(clause, known)]
    return [said for _, _, said in sorted(found, key=lambda f: f[:2])]


def _strike(match: re.Match[str]) -> str:
    return STRUCK * len(match[0])


def _numbers(match: re.Match[str], known: Vocabulary) -> tuple[float, ...]:
    told = [words for words in match.groupdict().values() if words is not None]
    return tuple(_number(words, known) for words in told if not words.rstrip(" %").endswith("cent"))


def _number(words: str, known: Vocabulary) -> float:
    plain = " ".join(words.replace("-", " ").replace("%", "").split())
    return float(known.numbers[plain]) if plain in known.numbers else float(plain)


def _turned(by: re.Pattern[str], known: Vocabulary, clause: str, start: int) -> bool:
    """Whether one of the last few words before a claim turns it round."""
    first = max(start - 48, 0)
    word = by.search(clause[first:start])
    return word is not None and not known.spared.match(clause, first + word.start())


def _types(clause: str, known: Vocabulary) -> list[tuple[int, Said]]:
    """Names of defects, the longest first where they overlap ("rolled pits" are one thing)."""
    matches = [(m, rule.value) for rule in known.types for m in rule.says.finditer(clause)]
    found: list[tuple[int, Said]] = []
    end = 0
    for m, family in sorted(matches, key=lambda f: (f[0].start(), -len(f[0][0]))):
        if m.start() >= end:
            found.append(
                (m.start(), Said("type", m[0], family, negated=_turned(known.denial, known, clause, m.start())))
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


SIGNS = str.maketrans(
    {
        "’": "'",
        "‘": "'",
        "“": '"',
        "”": '"',
        "‑": "-",
        "–": "-",
        "—": ";",
        "×": "x",
        "−": "-",
        "*": " ",
        "_": " ",
        "`": " ",
    }
)
QUESTION = re.compile(r"(?<![^.!?;:\n])[^.!?;:\n]*\?")
"""Claims nothing."""
TURNS = (
    r"[.!?](?!\d)|[;\n()|•]| - |,? \b(?:but|although|though|whereas|while|yet|however)\b|,(?= it\b| and it\b| which\b)"
)


def _clauses(text: str) -> list[tuple[int, str]]:
    """Numbered clauses in lower case, single blanks, no overlong words."""
    plain = text.lower().translate(SIGNS)
    plain = QUESTION.sub("", plain)
    plain = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", STRUCK, plain)
    parts = (" ".join(part.split()) for part in re.split(TURNS, plain))
    return [(n, part) for n, part in enumerate(parts) if part]
