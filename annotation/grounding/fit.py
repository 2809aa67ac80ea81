"""How well a claim fits: what every check gives, and the tolerances (`grounding.yaml`) that it is held to."""

from functools import cache
from importlib import resources
from typing import Any, Literal

import yaml

Fit = Literal["yes", "maybe", "no"]
"""`no` contradicts a claim, `yes` contradicts its negation."""

Check = tuple[Fit | None, str | None]
"""None: the claim cannot be checked. The words say what was measured."""

UNKNOWN: Check = (None, None)


@cache
def tolerances() -> dict[str, Any]:
    text = resources.files("annotation.grounding").joinpath("grounding.yaml").read_text(encoding="utf-8")
    loaded: dict[str, Any] = yaml.safe_load(text)
    return loaded


def between(value: float, no_below: float, no_above: float, margin: float = 0.25) -> Fit:
    """Inside the bounds; `maybe` within a `margin` of them."""
    if not no_below <= value <= no_above:
        return "no"
    return "yes" if no_below * (1 + margin) <= value <= no_above / (1 + margin) else "maybe"


def near(told: float, known: float) -> Fit:
    factor = tolerances()["fact_factor"]
    slack = 0.6
    if not known / factor - slack <= told <= known * factor + slack:
        return "no"
    return "yes" if known / 1.2 <= told <= known * 1.2 else "maybe"
