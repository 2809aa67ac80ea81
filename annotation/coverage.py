"""Which of five sides of a defect a text speaks about: shape, size, depth, location, contrast.

SteelDefectX, sample-level annotation, step 2: a description is a 5-bit vector. A bit is set when the
text says something about that side, hedged or not; a class name, a hypothetical, a process cause and
"its depth cannot be told" say nothing. The rules are data (`coverage.yaml`): per dimension the
phrases that say something and the phrases that only look like it, which are struck out first.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml


@dataclass(frozen=True)
class Rules:
    """One dimension: a text covers it when `says` matches what is left after `ignore` is struck out."""

    says: re.Pattern[str]
    ignore: re.Pattern[str]


STRUCK = " # "
"""Stands where ignored words stood, so that no phrase can match across the hole."""


def _pattern(phrases: list[str], fragments: dict[str, str]) -> re.Pattern[str]:
    """One pattern of many phrases: whole words, white space or hyphens for a blank, `<name>` for a fragment."""

    def expand(phrase: str) -> str:
        return re.sub(r"<(\w+)>", lambda m: f"(?:{expand(fragments[m[1]])})", phrase)

    either = "|".join(expand(p) for p in phrases)
    either = either.replace(" ?", r"[\s-]*").replace(" ", r"[\s-]+")
    return re.compile(rf"(?<![\w-])(?:{either})(?!\w)")


def rules_from(data: dict[str, Any]) -> dict[str, Rules]:
    """Rules per dimension from the layout of `coverage.yaml`: `fragments`, `ignore`, `dimensions`."""
    fragments, everywhere = data.get("fragments", {}), data.get("ignore", [])
    return {
        name: Rules(
            says=_pattern(phrases["says"], {**fragments, "noun": phrases["noun"]}),
            ignore=_pattern(phrases.get("ignore", []) + everywhere, {**fragments, "noun": phrases["noun"]}),
        )
        for name, phrases in data["dimensions"].items()
    }


def source() -> str:
    """The text of the rules that are used."""
    return resources.files("annotation").joinpath("coverage.yaml").read_text(encoding="utf-8")


@cache
def builtin() -> dict[str, Rules]:
    return rules_from(yaml.safe_load(source()))


DIMENSIONS = ("shape", "size", "depth", "location", "contrast")


def covered(text: str, rules: dict[str, Rules] | None = None) -> dict[str, bool]:
    """Whether `text` says something about each dimension, in the order of `DIMENSIONS` (of `rules`, if given)."""
    plain = _plain(text)
    return {name: bool(rule.says.search(rule.ignore.sub(STRUCK, plain))) for name, rule in (rules or builtin()).items()}


def _plain(text: str) -> str:
    """Lower case, straight quotes, plain hyphens."""
    table = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "‑": "-", "–": " - ", "—": " ; ", "×": "x"})
    return " ".join(text.lower().translate(table).split())
