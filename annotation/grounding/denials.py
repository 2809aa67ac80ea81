"""Texts that deny that there is a defect: "No defect is visible on this part.", "The surface is intact."

Only who denies it of the whole and names none: "no other defects", "the rim is intact", "no defects in the upper
half", "probably none" and "apart from that it is sound" are no denials, nor are those of a text that names a defect.
"""

import re
from dataclasses import dataclass

NONE = "none"
"""What a denial claims, as a value of the dimension `type`; what sound samples are called."""


@dataclass(frozen=True)
class Denials:
    says: re.Pattern[str]
    doubts: re.Pattern[str]
    """Makes a sentence no denial: it is hedged, hypothetical or of a part only."""
    where: re.Pattern[str]
    """A preposition before something else than the whole."""


def denied(sentence: str, known: Denials) -> re.Match[str] | None:
    """The denial in a sentence, if it makes one without reserve."""
    said = known.says.search(sentence)
    if said is None or known.doubts.search(sentence) or known.where.search(sentence):
        return None
    return said
