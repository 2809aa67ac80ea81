"""A text in clauses, as claims are read from them: plain signs, lower case, nothing that claims nothing by its form."""

import re

LONGEST_WORD = 40
"""Longer runs of letters are no words; cut, they cannot slow the patterns down."""
STRUCK = "#"
"""Fills what is struck out or taken, so that nothing matches in it or across it."""

SIGNS = str.maketrans(
    {
        "’": "'", "‘": "'", "‑": "-", "–": "-", "—": ";", "→": " to ", "↗": " rising to the right ",
        "↘": " falling to the right ", "↔": " horizontal ", "↕": " vertical ", "=": ": ", "×": "x", "−": "-",
        "*": " ", "_": " ", "`": " ", '"': "", "“": "", "”": "",
    }
)  # fmt: skip
UNIT = re.compile(r" ?\((%|px|mm|pixels|percent)\)")
ARROW = re.compile(r" ?[-=]+> ?")
SHORTENED = re.compile(
    r"\b(acc|approx|avg|bot|btm|ca|cf|cntr|ctr|diag|dia|dim|hor|horiz|incl|len|loc|lt|lwr|max|mid|min|no|orient|pos|qty|rel"
    r"|resp|rt|surr|upr|vert|vs)\.(?=,|:| [a-z\d(])",
    re.IGNORECASE,
)
"""No sentence ends here: "diag., R end up"."""
QUESTION = re.compile(r"(?<![^.!?;:\n])[^.!?;:\n]*\?")
"""Claims nothing."""
LISTED = re.compile(r"^\d{1,2}[.)]? (?=[a-z -]{3,40}:)")
"""The number of a point of a list."""
GROUND_ASIDE = re.compile(
    r"(?:(?<=surface)|(?<=surroundings)|(?<=background)|(?<=around it)|(?<=metal)|(?<=steel)|(?<=sheet)|(?<=plate)"
    r"|(?<=strip)|(?<=image)|(?<=picture)|(?<=photo)), (?:which|whose)\b[^.;,]*"
)
"""Tells of the ground, not of the defect."""
ENDS = r"[.!?](?!\d)|[;\n•]"
TURNS = r"[()|]| - |,? \b(?:but|although|though|whereas|while|yet|however)\b|,(?= it\b| and it\b| which\b)"


def clauses(text: str) -> list[tuple[int, str, str]]:
    """Numbered clauses, each after its sentence, in lower case, single blanks, no overlong words."""
    text = UNIT.sub(r" \1", text)
    plain = SHORTENED.sub(r"\1", ARROW.sub(" to ", text)).lower().translate(SIGNS)
    plain = GROUND_ASIDE.sub("", QUESTION.sub("", plain))
    plain = re.sub(rf"\S{{{LONGEST_WORD + 1},}}", STRUCK, plain)
    return [
        (n, sentence, clause)
        for n, (sentence, clause) in enumerate(
            (sentence, LISTED.sub("", " ".join(part.split())))
            for sentence in re.split(ENDS, plain)
            for part in re.split(TURNS, sentence)
        )
        if clause
    ]
