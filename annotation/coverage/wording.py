"""A text as one line of plain words that patterns can rely on, with the way back to where each word stood.

Lower case, one blank between words, every mark of punctuation a word of its own, no hyphens, American spelling,
"isn't" as "is not", slips of the pen put right. A new line and a dash part clauses like a semicolon.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

LONGEST = 20_000
"""Characters of a text that are read; a description has some hundred."""

WIDEST = 40
"""Characters of a word that are kept."""

WORD = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:'[^\W\d_]+)?|\n|\S")
DASHES = frozenset("–—―")
HYPHENS = frozenset("-‐‑_*|'`\"")
QUOTES = str.maketrans(
    {"’": "'", "‘": "'", "´": "'", "“": '"', "”": '"', "×": "x", "µ": "u", "μ": "u", "•": ";", "·": ";"}
)
IS = frozenset(["it", "that", "there", "here", "what", "where", "he", "she", "who", "how"])
SHORTENED = frozenset(
    ["approx", "ca", "dia", "diam", "max", "min", "no", "incl", "excl", "vs", "e", "g", "i", "ie", "eg", "etc", "fig",
     "pos", "loc", "cf", "abt"]
)  # fmt: skip
"""Words whose full stop ends no sentence."""


@dataclass(frozen=True)
class Span:
    """Words of a text: `text[start:end]`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Clause:
    """Words that are read at once, and what the rules found in them."""

    text: str
    marks: tuple[tuple[int, int, int], ...] = ()
    """(channel, start, end): characters `start` to `end`. Each side has two channels: what sets its bit by the rules
    and, as many further on as there are sides, what only looks as if it did."""


@dataclass(frozen=True)
class Wording:
    """`line` begins and ends with a blank. Its n-th word starts at `at[n]` and came from `text[begins[n]:ends[n]]`."""

    text: str
    line: str
    at: tuple[int, ...]
    begins: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        """Where in the text the words `line[start:end]` come from."""
        first, last = bisect_right(self.at, start) - 1, bisect_right(self.at, end - 1) - 1
        begin, stop = self.begins[first], self.ends[last]
        return Span(begin, stop, self.text[begin:stop])


@dataclass(frozen=True)
class Spelling:
    """`whole` words and `parts` of words that are written otherwise; `cues` are what a slip is put right to."""

    whole: Mapping[str, str]
    parts: Mapping[str, str]
    cues: frozenset[str]
    known: frozenset[str]
    """Words that are no slips, though they look like a cue."""


def worded(text: str, spelling: Spelling) -> Wording:
    """The plain line of `text`, of which the first `LONGEST` characters are read."""
    # A full stop in front, which stands for no characters: sentences begin after one.
    line, at, begins, ends = [" . "], [1], [0], [0]
    length = 3
    for plain, begin, end in _words(text[:LONGEST], spelling):
        for word in plain.split():
            at.append(length)
            begins.append(begin)
            ends.append(end)
            line.append(word + " ")
            length += len(word) + 1
    return Wording(text, "".join(line), tuple(at), tuple(begins), tuple(ends))


def _words(text: str, spelling: Spelling) -> Iterator[tuple[str, int, int]]:
    # Character by character, so that positions stay: some letters become two in lower case.
    lower = "".join(c.lower() if len(c.lower()) == 1 else c for c in text).translate(QUOTES)
    before = ""
    for found in WORD.finditer(lower):
        word, begin, end = found[0], found.start(), found.end()
        if word == "." and before in SHORTENED:
            continue
        if word == "\n" and begin - lower.rfind("\n", 0, begin) > 50 and lower[end : end + 1].isalpha():
            continue  # a long line that was wrapped; lists and keys have short ones
        if word in DASHES or word == "\n" or (word in "-*" and _alone(lower, begin, end)):
            plain = ";"
        elif word in HYPHENS:
            continue
        elif word[0].isdigit():
            plain = re.sub(r"\D", "", word)
        elif word[0].isalpha():
            plain = _spelt(word[:WIDEST], spelling)
        else:
            plain = word
        before = word
        yield plain, begin, end


def _alone(text: str, begin: int, end: int) -> bool:
    """Whether a hyphen is a dash or a bullet: blanks, or the ends of the text, on both sides."""
    return (begin == 0 or text[begin - 1].isspace()) and (end == len(text) or text[end].isspace())


def _spelt(word: str, spelling: Spelling) -> str:
    if word.endswith("n't"):
        return {"can't": "can not", "won't": "will not"}.get(word, f"{word[:-3]} not")
    if "'" in word:
        stem, _, rest = word.partition("'")
        return {"re": f"{stem} are", "ll": f"{stem} will", "d": f"{stem} would", "ve": f"{stem} have"}.get(
            rest, f"{stem} is" if stem in IS else stem
        )
    word = spelling.whole.get(word, word)
    for part, other in spelling.parts.items():
        word = word.replace(part, other)
    if word in spelling.known or word in spelling.cues or len(word) < 4:
        return word
    return _nearest(spelling).get(word, word)


@cache
def _slips(cue: str) -> frozenset[str]:
    """Every spelling of a word with two neighbours swapped or, from six letters on, one dropped or doubled."""
    swapped = {cue[:i] + cue[i + 1] + cue[i] + cue[i + 2 :] for i in range(len(cue) - 1)}
    if len(cue) < 6:
        return frozenset(swapped)
    dropped = {cue[:i] + cue[i + 1 :] for i in range(1, len(cue))}
    doubled = {cue[:i] + cue[i] + cue[i:] for i in range(len(cue))}
    return frozenset(swapped | dropped | doubled)


def _nearest(spelling: Spelling) -> dict[str, str]:
    return _table(spelling.cues, spelling.known)


@cache
def _table(cues: frozenset[str], known: frozenset[str]) -> dict[str, str]:
    """Each slip and the one word it can be meant for."""
    table: dict[str, str] = {}
    for cue in sorted(cues):
        for slip in _slips(cue) - cues - known:
            table[slip] = "" if slip in table and table[slip] != cue else cue
    return {slip: cue for slip, cue in table.items() if cue}
