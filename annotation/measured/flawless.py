"""Sentences about an object on which no defect is seen: its colour, outline and place, where they can be told."""

from annotation.measuring.figure import Figure
from annotation.measuring.wording import CELLS, Pick, a, upper


def flawless(seen: Figure | None, thing: str, pick: Pick) -> str:
    """The look of an object on which no defect is seen. Says only what was told from the background for sure."""
    nothing = pick(
        ("No defect can be seen on it.", "No defect is visible from this side.", "Nothing on it looks like a defect.",
         "From this view, no damage can be seen on it.", "It shows no visible defect here.")
    )  # fmt: skip
    if seen is None:
        opening = pick(
            (f"The picture shows {a(thing)}.", f"{upper(a(thing))} is in view.", f"This is a view of {a(thing)}.")
        )
        return f"{opening} {nothing}"
    outline = (
        pick(("taller than wide", "upright in outline")) if seen.aspect < 0.8
        else pick(("wider than tall", "broad in outline")) if seen.aspect > 1.25
        else pick(("about as wide as tall", "nearly as tall as wide"))
    )  # fmt: skip
    cell = CELLS[seen.row][seen.column]
    where = (
        pick(("in the centre of the picture", "in the middle of the frame"))
        if cell == "centre"
        else f"in the {cell} part of the picture"
    )
    share = pick(
        (
            f"covers about {100 * seen.share:.0f}% of the picture",
            f"takes up some {100 * seen.share:.0f}% of the frame",
        )
    )
    bare = nothing.replace(" on it", f" on the {thing}").replace("It shows", f"The {thing} shows")
    options = (
        f"{upper(a(seen.colour))} {thing} is seen {where}; it is {outline} and {share}. {nothing}",
        f"The {thing} {where} looks {seen.colour} and is {outline}. It {share}. {nothing}",
        f"{upper(where)} there is {a(seen.colour)} {thing}, {outline}, which {share}. {nothing}",
        f"{bare} The {thing}, {seen.colour} and {outline}, is seen {where} and {share}.",
    )
    return pick(options)
