"""Claims held against what is known without looking: the class of an image, and what a renderer made."""

from collections.abc import Callable
from dataclasses import dataclass

from annotation.grounding.claims import Said, family_of, reliefs
from annotation.grounding.denials import NONE
from annotation.grounding.fit import UNKNOWN, Check, between, near, tolerances
from annotation.measuring.attributes import Attributes
from schemas.rows import DefectFacts


@dataclass(frozen=True)
class Truth:
    """What is known without looking: the class of an image, or what the renderer made."""

    defect: str
    """Type or class; `none` where there is no defect, empty where it is not known."""
    facts: DefectFacts | None = None


def _type(said: Said, truth: Truth) -> Check:
    if truth.defect == NONE:
        return "no", "no defect"
    known = family_of(truth.defect) if truth.defect else None
    if known is None:
        return UNKNOWN
    if known == said.value or said.value in (*ALIKE.get(known, ()), *ANY):
        return "yes" if known == said.value else "maybe", truth.defect
    return "no", truth.defect


def sound(seen: Attributes | None, truth: Truth | None) -> Check:
    """How a denial of any defect fits: the class knows, or else a marked place, whatever the defect is called."""
    if truth is not None and truth.defect:
        return ("yes", "no defect") if truth.defect == NONE else ("no", truth.defect)
    return ("no", f"a marked defect of {100 * seen.seen.share:.2g}% of the image") if seen is not None else UNKNOWN


ALIKE = {
    "dent": ("pitting",), "pitting": ("dent", "hole"), "hole": ("pitting",), "broken": ("gap",), "gap": ("broken",),
    "patches": ("stain",), "stain": ("patches", "scale"), "scale": ("stain", "patches", "roll mark"),
    "roll mark": ("dent", "scale", "pitting"), "scab": ("fold", "scale"), "fold": ("scab",), "inclusion": ("pitting",),
}  # fmt: skip
"""Families whose words are used for one another."""


ANY = ("patches",)
"""A class of some data sets, and a word for anything."""

RELIEFS = ("raised", "recessed", "through", "flat")
EITHER = {
    ("hole", "recessed"),
    ("broken", "through"),
    ("crack", "through"),
    ("scratch", "flat"),
    ("pitting", "through"),
}
"""Besides what a family's relief is, this may be said of it."""


def _depth(said: Said, truth: Truth) -> Check:
    family = family_of(truth.defect) if truth.defect else None
    relief, facts, t = reliefs().get(family or ""), truth.facts, tolerances()
    measured = relief and f"{relief}" + (f", {facts.depth_pct:.1f}% of the longest side" if facts else "")
    if said.value in RELIEFS:
        if relief is None:
            return UNKNOWN
        if said.value == "flat" and facts is not None:
            return "no" if facts.depth_pct > t["flat_no"] else "maybe", measured
        same = said.value == relief
        return "yes" if same else "maybe" if (family, said.value) in EITHER else "no", measured
    if facts is None or relief == "through":
        return UNKNOWN
    told = {"deep": (t["deep_no"], 1e9), "shallow": (0, t["shallow_no"])}
    if said.value in told:
        return between(facts.depth_pct, *told[said.value]), measured
    return near(said.numbers[0], facts.depth_pct), measured


FACTS = {"percent of object", "millimetres", "centimetres"}


def fact(said: Said, facts: DefectFacts | None) -> Check:
    if facts is None or (said.value != "percent of object" and facts.object_mm is None):
        return UNKNOWN
    whole, unit = (
        (100.0, "% of the longest side") if said.value == "percent of object" else (facts.object_mm or 0, " mm")
    )
    told = said.numbers[0] * (10 if said.value == "centimetres" else 1)
    known = [pct / 100 * whole for pct in (facts.extent_pct, facts.width_pct)]
    fits = [near(told, k) for k in known if k > 0]
    return next((f for f in ("yes", "maybe", "no") if f in fits), None), f"{known[0]:.3g}{unit}"


KNOWN: dict[str, Callable[[Said, Truth], Check]] = {"type": _type, "depth": _depth}
