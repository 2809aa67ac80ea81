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


NAMES = {
    "finishing roll printing": "roll mark", "iron scale compression": "pressed-in scale", "iron sheet ash": "iron ash",
    "oxide scale of plate system": "oxide scale", "oxide scale of temperature system": "oxide scale",
    "oxide scale plate": "oxide scale", "oxide scale temperature": "oxide scale", "pitted surface": "pitting",
    "punching": "punched hole", "red iron sheet": "red iron", "rolled in scale": "rolled-in scale",
    "secondary rust skin": "secondary rust", "waist folding": "waist fold", "welding line": "weld line",
    "broken": "broken spot",
}  # fmt: skip
"""Class names that are a process, a plant or the sheet more than a thing, and what a person would call the thing."""


def spoken(defect: str) -> str:
    """What a class calls its defects, in a person's words: "iron ash", "dark scratches"."""
    name = " ".join(defect.replace("_", " ").replace("-", " ").split())
    return NAMES.get(name.lower(), name)


def noun(defect: str, several: bool = False) -> tuple[str, str]:
    """What to call a defect of a class, in full and for short: "area of red iron" and "area".

    A class may be named by the plural ("dark scratches"): one of it is "a dark scratch", several are a group.
    """
    name = spoken(defect)
    if not name:
        return "defect", "defect"
    words = name.split()
    single = next((w for w in COUNTED if words[-1] in (f"{w}s", f"{w}es")), "")
    if single and several:
        return f"group of {name}", "group"
    if words[-1] in COUNTED or single:
        words[-1] = single or words[-1]
        return " ".join(words), words[-1] if len(words) > 2 else " ".join(words)
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
