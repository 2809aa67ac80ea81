"""Rules of coverage as data: the files beside this module and, if a recipe names one, a file of its own.

A phrase is a regular expression over the plain line of a text (`wording`): words with single blanks between them.
`<name>` stands for a fragment, `<noun>` and `<cue>` for the names and the words of the phrase's own dimension,
`~word` for every form of a verb.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from annotation.coverage.inflection import KINDS, forms
from annotation.coverage.wording import Spelling
from schemas.errors import CallError
from schemas.section import Section

DIMENSIONS = ("shape", "size", "depth", "location", "contrast")
"""The five sides of SteelDefectX, in the order of its bits."""


class Lexicon(Section):
    """Words that set the bit by themselves, in their base form; white space parts them."""

    nouns: str = ""
    verbs: str = ""
    adjectives: str = ""
    words: str = ""
    """Taken as they are."""


class Dimension(Section):
    """One side of a defect: what speaks about it, and what only looks as if it did."""

    noun: str
    """What the side is called in texts, as one pattern: unknown, none of it states nothing."""
    lexicon: Lexicon = Lexicon()
    says: tuple[str, ...] = ()
    """Phrases that set the bit."""
    ignore: tuple[str, ...] = ()
    """Phrases that are struck out first, in this order."""


class RuleFile(Section):
    """One file of rules."""

    spelling: Mapping[str, str] = {}
    parts: Mapping[str, str] = {}
    known: str = ""
    fragments: Mapping[str, str | tuple[str, ...]] = {}
    """Parts of phrases by name; a list stands for any one of its entries."""
    ignore: tuple[str, ...] = ()
    """Struck out for every dimension, before its own."""
    dimensions: Mapping[str, Dimension] = {}


@dataclass(frozen=True, eq=False)
class Rules:
    """One dimension, compiled: a bit is set by a word of `words` or a match of `says` in what `ignore` leaves."""

    words: frozenset[str]
    says: re.Pattern[str] | None
    ignore: tuple[re.Pattern[str], ...]


@dataclass(frozen=True, eq=False)
class Rulebook:
    spelling: Spelling
    ignore: tuple[re.Pattern[str], ...]
    dimensions: dict[str, Rules]
    learned: frozenset[str]
    """Dimensions whose rules are the built-in ones: for these there is a learned reader beside them."""


def source(path: str = "") -> str:
    """What decides about the bits, for fingerprints: the text of the rules, and a digest of what is learned."""
    folder = resources.files("annotation.coverage")
    names = sorted(f.name for f in folder.iterdir() if f.name.endswith(".yaml"))
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in names]
    texts.append(sha256(folder.joinpath("learned", "weights.npz").read_bytes()).hexdigest())
    return "\n".join([*texts, _text(Path(path))] if path else texts)


@cache
def rules(path: str = "") -> Rulebook:
    """The built-in rules; with those of a YAML file added to them, or in the place of those of the same name.

    Raises CallError with one sentence that names the file and the key.
    """
    folder = resources.files("annotation.coverage")
    files = [("common", "common.yaml"), *((d, f"{d}.yaml") for d in DIMENSIONS)]
    texts = [(name, folder.joinpath(name).read_text(encoding="utf-8")) for _, name in files]
    book = [(name, _parsed(text, name)) for name, text in texts]
    if not path:
        return _compiled(book, frozenset(DIMENSIONS))
    own = _parsed(_text(Path(path)), path, checked=True)
    return _compiled([*book, (path, own)], frozenset(DIMENSIONS) - own.dimensions.keys())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CallError(
            f"{path}: no such file; `caption.dimensions` names a YAML file with rules of coverage"
        ) from None
    except (OSError, UnicodeDecodeError) as e:
        raise CallError(f"{path}: cannot be read as rules of coverage ({e}); give a YAML file") from None


def _parsed(text: str, name: str, checked: bool = False) -> RuleFile:
    try:
        raw: Any = yaml.safe_load(text)
    except yaml.YAMLError as e:
        raise CallError(f"{name}: not valid YAML: {' '.join(str(e).split())}") from None
    if not isinstance(raw, dict):
        raise CallError(f"{name}: rules of coverage are a mapping with `dimensions`; see docs/coverage.md")
    try:
        file = RuleFile.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        raise CallError(f"{name}: `{'.'.join(str(p) for p in first['loc'])}`: {first['msg']}") from None
    if checked:
        _bounded(file, name)
    return file


UNLIMITED = re.compile(r"(?<!\\w)(?<!\\)(?:[*+]|\{\d+,\})")
"""A repetition without a limit, of anything but `\\w`: on unlucky texts such patterns take for ever."""


def _bounded(file: RuleFile, name: str) -> None:
    """Raises CallError for a pattern that could run away."""
    patterns = [(f"fragments.{k}", _fragment(v)) for k, v in file.fragments.items()]
    patterns += [(f"ignore.{n}", v) for n, v in enumerate(file.ignore)]
    for d, dimension in file.dimensions.items():
        patterns.append((f"dimensions.{d}.noun", dimension.noun))
        patterns += [(f"dimensions.{d}.says.{n}", v) for n, v in enumerate(dimension.says)]
        patterns += [(f"dimensions.{d}.ignore.{n}", v) for n, v in enumerate(dimension.ignore)]
    for key, pattern in patterns:
        if UNLIMITED.search(pattern):
            raise CallError(
                f"{name}: `{key}`: {pattern!r:.80} repeats something without a limit; "
                "only \\w may, write {0,9} instead of * elsewhere"
            )


def _compiled(files: list[tuple[str, RuleFile]], learned: frozenset[str]) -> Rulebook:
    fragments: dict[str, str] = {}
    spelling: dict[str, str] = {}
    parts: dict[str, str] = {}
    known: set[str] = set()
    everywhere: list[tuple[str, str]] = []
    dimensions: dict[str, tuple[str, Dimension]] = {}
    for name, file in files:
        fragments |= {part: _fragment(said) for part, said in file.fragments.items()}
        spelling |= file.spelling
        parts |= file.parts
        known |= set(file.known.split())
        everywhere += [(f"{name}: `ignore.{n}`", phrase) for n, phrase in enumerate(file.ignore)]
        dimensions |= {d: (name, dimension) for d, dimension in file.dimensions.items()}
    lexica = {d: _lexicon(dimension.lexicon) for d, (_, dimension) in dimensions.items()}
    nouns = "|".join(dimension.noun for _, dimension in dimensions.values())
    compiled = {}
    for d, (name, dimension) in dimensions.items():
        own = {**fragments, "noun": dimension.noun, "cue": "|".join(sorted(lexica[d], key=lambda w: (-len(w), w)))}
        key = f"{name}: `dimensions.{d}"
        compiled[d] = Rules(
            words=lexica[d],
            says=_either([(f"{key}.says.{n}`", p) for n, p in enumerate(dimension.says)], own),
            ignore=tuple(pattern(p, own, f"{key}.ignore.{n}`") for n, p in enumerate(dimension.ignore)),
        )
    ignore = tuple(pattern(p, {**fragments, "noun": nouns}, where) for where, p in everywhere)
    phrases = [p for _, dimension in dimensions.values() for p in dimension.says] + list(fragments.values())
    cues = frozenset(w for words in lexica.values() for w in words if len(w) > 3)
    cues |= frozenset(re.findall(r"(?<![\\\w])[a-z]{5,}(?![\w\\])", " ".join(phrases)))
    return Rulebook(Spelling(spelling, parts, cues, frozenset(known)), ignore, compiled, learned)


def _fragment(said: str | tuple[str, ...]) -> str:
    return said if isinstance(said, str) else "|".join(said)


def _lexicon(lexicon: Lexicon) -> frozenset[str]:
    return frozenset(form for kind in KINDS for entry in getattr(lexicon, kind).split() for form in forms(kind, entry))


def _either(phrases: list[tuple[str, str]], fragments: dict[str, str]) -> re.Pattern[str] | None:
    """One pattern of many; if it cannot be compiled, each is tried alone, so that the error names the one at fault."""
    if not phrases:
        return None
    try:
        return pattern("|".join(f"(?:{p})" for _, p in phrases), fragments, "")
    except CallError:
        for where, phrase in phrases:
            pattern(phrase, fragments, where)
        raise


def pattern(phrase: str, fragments: dict[str, str], where: str) -> re.Pattern[str]:
    """A phrase, compiled: it matches whole words. Raises CallError that names `where`."""

    def fragment(match: re.Match[str], depth: int) -> str:
        if match[1] not in fragments or depth > 9:
            wrong = "refers to itself" if depth > 9 else f"is not known; known are {', '.join(sorted(fragments))}"
            raise CallError(f"{where}: the fragment <{match[1]}> {wrong}")
        return f"(?:{expand(fragments[match[1]], depth + 1)})"

    def expand(text: str, depth: int = 0) -> str:
        text = re.sub(r"(?<!\?P)(?<!\(\?)<(\w+)>", lambda m: fragment(m, depth), text)
        return re.sub(r"~([a-z]+)", lambda m: f"(?:{'|'.join(sorted(forms('verbs', m[1]), reverse=True))})", text)

    try:
        return re.compile(rf"(?<= )(?:{expand(phrase)})(?= )")
    except re.error as e:
        raise CallError(f"{where}: {phrase!r:.80} is not a regular expression: {e.msg}") from None
