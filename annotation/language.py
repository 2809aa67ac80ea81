"""Whether a text is English, told from its letters and its little words; enough to notice another language."""

import re

LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
LETTER = re.compile(r"[^\W\d_]")
_OURS = """a an and are as at by for from has in into is it its no not of on or than that the there this to with which
visible defect scratch surface left right upper lower shallow"""
_THEIRS = """der die das und ist ein eine einer nicht mit auf von zu den dem des oberfläche le la les une est dans du
sur et avec el los las y es un en con por que del il lo gli di da della è sono o os um uma na em de het een van op
zijn niet"""
LITTLE = frozenset(_OURS.split())
"""The commonest words of English, and of descriptions."""
FOREIGN = frozenset(_THEIRS.split()) - LITTLE
FEW = 4
"""Words; fewer tell nothing."""


def english(text: str) -> bool:
    """False when more than a third of the letters are not Latin, or when the little words are another language's."""
    letters = LETTER.findall(text)
    if letters and sum(LATIN.match(c) is None for c in letters) > len(letters) / 3:
        return False
    words = re.findall(r"[^\W\d_]+", text.lower())
    here, there = (sum(w in known for w in words) for known in (LITTLE, FOREIGN))
    return len(words) < FEW or there <= here
