"""Small words that measured sentences share."""

from collections.abc import Callable, Sequence

from annotation.grounding.claims import family_of

Pick = Callable[[Sequence[str]], str]
"""One of several wordings."""

CELLS = (
    ("upper left", "upper middle", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "lower middle", "lower right"),
)
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}

COUNTED = (
    "scratch", "crack", "dent", "concavity", "bulge", "hole", "inclusion", "spot", "stain", "pit", "crease", "line",
    "gap", "burr", "bump", "blister", "mark", "scab", "fold", "imprint", "defect", "chip", "patch",
)  # fmt: skip
"""Last words of class names that can be counted: one has "a scratch", but "an area of red iron"."""


def noun(defect: str) -> tuple[str, str]:
    """What to call a defect of a class, in full and for short: "area of red iron" and "area"."""
    name = " ".join(defect.replace("_", " ").replace("-", " ").split())
    if not name:
        return "defect", "defect"
    last = name.split()[-1]
    if last in COUNTED:
        return name, last if len(name.split()) > 2 else name
    if name == "broken":
        return "broken spot", "broken spot"
    return f"area of {name}", "area"


def family(defect: str) -> str:
    """The family of a class name in the vocabulary of claims; empty for none."""
    return family_of(defect) or ""


def a(words: str) -> str:
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"


def upper(text: str) -> str:
    return text[:1].upper() + text[1:]


def runs(shape: str) -> tuple[str, str, str]:
    """A line runs, what is broader extends: for one, for many, and as a participle."""
    return ("runs", "run", "running") if shape in ("linear", "curved") else ("extends", "extend", "extending")
