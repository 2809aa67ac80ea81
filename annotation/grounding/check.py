"""Claims of a text held against what was measured: supported, contradicted or not checkable.

Measured is image and mask (`picture`); of rendered samples the truth is known as well (`known`). The doubt is the
text's: a claim is contradicted only where it is plainly wrong.
"""

from collections.abc import Sequence
from dataclasses import replace
from importlib import resources

from annotation.grounding.claims import Said, claims
from annotation.grounding.denials import NONE
from annotation.grounding.fit import UNKNOWN, Check
from annotation.grounding.known import FACTS, KNOWN, fact, sound
from annotation.grounding.known import Truth as Truth
from annotation.grounding.picture import MEASURED
from annotation.measuring.attributes import Attributes
from schemas.rows import Claim


def source() -> str:
    """The text of the tolerances and of the words that claims are made of, for fingerprints."""
    folder = resources.files("annotation.grounding")
    return "".join(folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8") for name in ("grounding", "claims"))


def ground(text: str, seen: Attributes | None, truth: Truth | None = None) -> list[Claim]:
    """Every claim of `text` with its verdict, in the order in which they are made.

    Where a claim of the defect fits, a later one of the same kind that does not is no accusation if it may tell of
    something else: if its sentence names no defect ("a reflection in the upper right"), or if it names another one
    ("from scratches of the roll"). Sizes are of many kinds and do not vouch for one another.
    """
    found: list[Claim] = []
    fitting = set[str]()
    for said in claims(text):
        claim = checked(said, seen, truth)
        other = (said.dimension == "type" and said.value != NONE) or (said.aside and said.dimension != "size")
        if claim.verdict == "contradicted" and other and said.dimension in fitting:
            claim = replace(claim, verdict="uncheckable")
        if claim.verdict == "supported" and not said.aside:
            fitting.add(said.dimension)
        found.append(claim)
    return found


def checked(said: Said, seen: Attributes | None, truth: Truth | None = None) -> Claim:
    fit, measured = _fit(said, seen, truth)
    wrong = fit == ("yes" if said.negated else "no")
    verdict = "uncheckable" if fit is None else "contradicted" if wrong else "supported"
    return Claim(said.dimension, said.words, said.claimed, verdict, measured)


def contradictions(found: Sequence[Claim]) -> str:
    """A sentence that names what is contradicted, fit to be put into a prompt; empty where nothing is."""
    wrong = list(dict.fromkeys((c.said, c.measured) for c in found if c.verdict == "contradicted"))
    if not wrong:
        return ""
    return f"These statements are wrong: {'; '.join(f'“{said}”, measured is: {measured}' for said, measured in wrong)}."


def _fit(said: Said, seen: Attributes | None, truth: Truth | None) -> Check:
    if said.value == NONE:
        return sound(seen, truth)
    if said.dimension in KNOWN:
        return KNOWN[said.dimension](said, truth) if truth is not None else UNKNOWN
    if said.dimension == "size" and said.value in FACTS:
        return fact(said, truth.facts if truth else None)
    return MEASURED[said.dimension](said, seen) if seen is not None else UNKNOWN
