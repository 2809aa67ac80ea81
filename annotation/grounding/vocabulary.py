"""The vocabulary of claims, from `claims.yaml`: patterns for what is claimed and for what is not of the defect."""

import re
import threading
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from annotation.grounding.denials import Denials
from annotation.grounding.features import Features, features
from annotation.grounding.places import Lexicon, lexicon

LATER = "*"
"""After a value in the vocabulary: it stands there twice, since some of its phrases come before another value's."""
LIKENESS = (
    r"|-(?:like|free|shaped)|\sfree|\s(?:like|shaped)\s(?:lines?|marks?|features?|structures?|defects?|appearance)"
)
"""After a name it only compares: a "crack-like" line is no crack."""


@dataclass(frozen=True)
class Rule:
    dimension: str
    value: str
    says: re.Pattern[str]


@dataclass(frozen=True)
class Vocabulary:
    thing: re.Pattern[str]
    """What defects are called, by no name of their own."""
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
    one: re.Pattern[str]
    """One of several, before its place: "another in the upper left"."""
    denial: re.Pattern[str]
    """The same before the name of a defect: "not regular scratches" are scratches."""
    read: tuple[tuple[re.Pattern[str], str], ...]
    ignore: dict[str, re.Pattern[str]]
    rules: tuple[Rule, ...]
    types: tuple[Rule, ...]
    numbers: dict[str, float]
    places: Lexicon
    part: Features
    denials: Denials


def _expanded(phrase: str, fragments: dict[str, str]) -> str:
    return re.sub(r"(?<!\?P)<(\w+)>", lambda m: f"(?:{_expanded(fragments[m[1]], fragments)})", phrase)


def _pattern(phrases: list[str], fragments: dict[str, str], unless: str = "") -> re.Pattern[str]:
    """One pattern of many phrases: whole words, white space or a hyphen for a blank, `<name>` for a fragment."""

    either = "|".join(f"(?:{_expanded(p, fragments)})" for p in phrases)
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
    # Whatever names a defect can be counted.
    fragments = data["fragments"] | {
        "named": "|".join(known["words"] for known in data["types"].values()),
        "feature": f"{data['part']['nouns']}|{data['part']['either']}",
    }
    listed = rf"(?:[\s-](?:{_expanded('<thing>|<named>', fragments)})(?:,? (?:or|nor)|,)){{0,6}}"
    between = r"(?:[\s-](?!(?:is|are|it|and|but|which|that|looks|appears)\b)[\w']+){0,3}?[\s-]?$"
    negation = rf"(?:{data['negation']}){between}"
    return Vocabulary(
        thing=_pattern(["<thing>"], fragments),
        subject=_pattern([data["subject"]], fragments),
        nothing=_pattern(data["nothing"], fragments),
        negation=re.compile(rf"(?<![\w-]){negation}"),
        spared=re.compile(data["not_negation"]),
        verbal=re.compile(rf"(?:{data['verbal']})(?:[\s-](?:{data['lying']}))*[\s-]?$"),
        attribute=re.compile(rf"\b(?:{data['attribute']}){between}"),
        one=re.compile(rf"\b{_expanded(data['one'], fragments)}"),
        denial=re.compile(rf"(?<![\w-])(?:{data['negation']})(?:[\s-](?:{data['denied']})){{0,4}}{listed}[\s-]?$"),
        read=tuple(
            (re.compile(rf"\b{_expanded(phrase, fragments)}\b"), plain) for phrase, plain in data["read"].items()
        ),
        ignore={name: _pattern(d["ignore"], fragments) for name, d in data["dimensions"].items()},
        rules=tuple(
            Rule(name, value.rstrip(LATER), _pattern(phrases, fragments))
            for name, d in data["dimensions"].items()
            for value, phrases in d["says"].items()
        ),
        types=tuple(
            Rule("type", family, _pattern([known["words"]], fragments, LIKENESS))
            for family, known in data["types"].items()
        ),
        numbers=data["numbers"],
        places=lexicon(data["places"]),
        part=features(
            {name: _expanded(phrase, fragments) for name, phrase in data["part"].items()},
            lambda phrase: _pattern([phrase], {}, LIKENESS),
        ),
        denials=Denials(*(_pattern(_listed(data["denials"][name]), fragments) for name in ("says", "doubts", "where"))),
    )


def _listed(phrases: str | list[str]) -> list[str]:
    return [phrases] if isinstance(phrases, str) else phrases


_first = threading.Lock()


def builtin() -> Vocabulary:
    with _first:  # of many threads that ask at the same time, one makes it
        return _builtin()


@cache
def _builtin() -> Vocabulary:
    text = resources.files("annotation.grounding").joinpath("claims.yaml").read_text(encoding="utf-8")
    return vocabulary_from(yaml.safe_load(text))
