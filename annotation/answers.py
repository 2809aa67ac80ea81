"""Answers of video language models, read strictly: what is not said in the form asked for is not said (MMVIAD, E).

The rules, in full:

- Reasoning ends at the last `</think>`; nothing before it is read. A `<think>` that does not end is invalid.
- What is left holds exactly one `<answer>` and, behind it, one `</answer>`; the text around them is not read.
- Inside stand the fields asked for, `<q1>…</q1>` to `<q4>…</q4>`, in any order, and blanks between them. Anything
  else there (text, other or unclosed tags, fields in fields, fields not asked for) makes the whole answer invalid,
  because nobody knows then where a field ends. A field that is missing or given twice, or whose content is no answer
  to its question, makes that question invalid and no other.
- Tags and choices are read without regard to case; blanks around a choice are dropped, those in it count as one.
  Nothing else is forgiven: no full stops, articles, letters of options, synonyms.
- Intervals are a JSON list of `[start, end]` in seconds with start < end, within the clip give or take TOLERANCE_S;
  what reaches over the clip's ends is cut, what overlaps or touches is one interval. `[]` is never.
"""

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

KEYS = ("q1", "q2", "q3", "q4")
CHOICES = ("q1", "q2", "q3")
OUTCOMES = ("answered", "invalid", "refused")
TOLERANCE_S = 0.05
LONGEST = 4000
"""Characters of a field; more is no answer."""

Spans = tuple[tuple[float, float], ...]
"""Intervals [start, end] in seconds: in order, none empty, none touching another."""


@dataclass(frozen=True)
class Reply:
    """What was said to one question. `value` is the option as it was offered, or Spans; None unless `answered`."""

    outcome: str
    value: Any = None
    why: str = ""


@dataclass(frozen=True)
class Sheet:
    """What was asked: the options of every question of choice, and how long the clip is."""

    options: Mapping[str, tuple[str, ...]]
    seconds: float
    keys: tuple[str, ...] = KEYS


class Unread(ValueError):
    """Text that is no answer, with what is wrong with it."""


def read(text: str, sheet: Sheet) -> dict[str, Reply]:
    """A reply per question of the sheet; never raises."""
    try:
        found = _fields(_block(text), sheet.keys)
    except Unread as e:
        return dict.fromkeys(sheet.keys, Reply("invalid", None, str(e)))
    return {key: _reply(key, found.get(key, []), sheet) for key in sheet.keys}


def refused(sheet: Sheet, why: str = "the model refused") -> dict[str, Reply]:
    return dict.fromkeys(sheet.keys, Reply("refused", None, why))


def _reply(key: str, contents: list[str], sheet: Sheet) -> Reply:
    if len(contents) != 1:
        return Reply("invalid", None, f"<{key}> is {'given more than once' if contents else 'missing'}")
    try:
        value = choice(contents[0], sheet.options[key]) if key in CHOICES else spans(contents[0], sheet.seconds)
    except Unread as e:
        return Reply("invalid", None, f"<{key}> {e}")
    return Reply("answered", value)


def _block(text: str) -> str:
    """The text between the answer's tags."""
    thought = re.split(r"</think>", text, flags=re.IGNORECASE)
    rest = thought[-1]
    if re.search(r"<think>", rest, re.IGNORECASE):
        raise Unread("the reasoning does not end")
    tags = [m for m in re.finditer(r"</?answer>", rest, re.IGNORECASE)]
    if not tags:
        raise Unread("there is no <answer>")
    if [m[0].lower() for m in tags] != ["<answer>", "</answer>"]:
        raise Unread("there is not one <answer> with one </answer> behind it")
    return rest[tags[0].end() : tags[1].start()]


FIELD = re.compile(r"\s*<(q[1-4])>([^<>]*)</\1>\s*", re.IGNORECASE)


def _fields(block: str, keys: tuple[str, ...]) -> dict[str, list[str]]:
    """The contents of every field, in order."""
    found: dict[str, list[str]] = {}
    at = len(block) - len(block.lstrip())
    while at < len(block):
        field = FIELD.match(block, at)
        if field is None:
            raise Unread(f"<answer> holds something beside its fields: {block[at : at + 40].strip()!r}")
        key = field[1].lower()
        if key not in keys:
            raise Unread(f"<answer> holds <{key}>, which was not asked for")
        found.setdefault(key, []).append(field[2])
        at = field.end()
    return found


def choice(content: str, options: Iterable[str]) -> str:
    """The option that `content` names. Raises Unread when it names none, or more than one."""
    said = " ".join(content.split())
    by_name: dict[str, list[str]] = {}
    for option in options:
        if option == said:
            return option
        by_name.setdefault(" ".join(option.split()).casefold(), []).append(option)
    named = by_name.get(said.casefold(), [])
    if len(named) != 1:
        raise Unread(f"names none of the options: {said[:40]!r}")
    return named[0]


def spans(content: str, seconds: float) -> Spans:
    """Intervals from their text, cut to the clip and merged. Raises Unread for anything else."""
    if len(content) > LONGEST:
        raise Unread("is too long")
    try:
        listed = json.loads(content, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unread("is no JSON list of [start, end]") from None
    if not isinstance(listed, list) or not all(isinstance(p, list) and len(p) == 2 for p in listed):
        raise Unread("is no JSON list of [start, end]")
    if not all(_is_time(t) for pair in listed for t in pair):
        raise Unread("holds something other than seconds")
    cut = []
    for start, end in listed:
        inside = start >= -TOLERANCE_S and end <= seconds + TOLERANCE_S
        low, high = max(start, 0.0), min(end, seconds)
        if not (start < end and inside and low < high):
            raise Unread(f"holds [{start}, {end}], which is empty or outside the clip of {seconds:g} s")
        cut.append((float(low), float(high)))
    return merged(cut)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


def merged(pairs: Iterable[tuple[float, float]]) -> Spans:
    """Intervals in order, those that overlap or touch made one."""
    result: list[tuple[float, float]] = []
    for start, end in sorted(pairs):
        if result and start <= result[-1][1]:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return tuple(result)


def measure(pairs: Spans) -> float:
    """Seconds that the intervals cover."""
    return math.fsum(end - start for start, end in pairs)


def iou(one: Spans, other: Spans) -> float:
    """Intersection over union of two sets of intervals, in [0, 1]: 1 for two empty ones, 0 where only one is empty."""
    if not one or not other:
        return float(not one and not other)
    both = measure(tuple((max(a, c), min(b, d)) for a, b in one for c, d in other if max(a, c) < min(b, d)))
    return min(1.0, both / (measure(one) + measure(other) - both))


GRADES: dict[str, Callable[[Any, Any], float]] = {
    "q1": lambda said, truth: float(said == truth),
    "q2": lambda said, truth: float(said == truth),
    "q3": lambda said, truth: float(said == truth),
    "q4": iou,
}


def grade(key: str, reply: Reply, truth: Any) -> float:
    """What a reply is worth, in [0, 1]; 0 for what is invalid or refused."""
    return GRADES[key](reply.value, truth) if reply.outcome == "answered" else 0.0
