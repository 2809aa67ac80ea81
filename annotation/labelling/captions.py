"""Descriptions: pick, edit, rate, with what was measured beside them (SteelDefectX, manual refinement)."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.labelling.project import (
    RATING,
    Answer,
    Content,
    Item,
    Project,
    Said,
    answer,
    chosen,
    content,
    medium,
    written,
)
from annotation.labelling.words import said, shown, table, tidy
from schemas.rows import Annotation, Score

TASK = "caption"


def offered(item: Item) -> list[Annotation]:
    """The texts to choose from: the candidates and what is judged, each text once."""
    rows = [*item.candidates, *([item.judged[TASK]] if TASK in item.judged else [])]
    found: dict[str, Annotation] = {}
    for a in rows:
        text = tidy(a.text or "")
        if text and (text not in found or a.claims):
            found[text] = a
    return list(found.values())


def data(item: Item) -> dict[str, Any]:
    texts = offered(item)
    return {
        # An answer names a text by its place: whatever it says, it comes back as it went.
        "captions": [{"value": f"{n}  {shown(a.text or '')}", "alias": str(n)} for n, a in enumerate(texts, 1)],
        "texts": [shown(a.text or "") for a in texts],
        "caption": shown(item.judged[TASK].text or "") if TASK in item.judged else "",
        "facts": facts(item, texts),
    }


def facts(item: Item, texts: Sequence[Annotation]) -> str:
    """What was measured, and what a text says against it, as HTML."""
    measured = [("measured", head, text) for head, text in item.facts.items()]
    against = [
        ("contradicted", f"{n}  {c.dimension}", f"“{c.said}” – measured: {c.measured or 'otherwise'}")
        for n, a in enumerate(texts, 1)
        for c in a.claims
        if c.verdict == "contradicted"
    ]
    return table(against + measured or [("measured", "Nothing was measured", "")])


def prediction(item: Item) -> list[dict[str, Any]]:
    if TASK not in item.judged:
        return []
    text = tidy(item.judged[TASK].text or "")
    place = next((str(n) for n, a in enumerate(offered(item), 1) if tidy(a.text or "") == text), None)
    stars = [s for s in content(item, TASK).scores if s.name == RATING]
    return [
        *([chosen("caption_choice", [place]), written("caption", shown(text))] if place else []),
        *({"id": RATING, "from_name": RATING, "to_name": "shown", "type": "rating", "value": {"rating": int(s.value)}}
          for s in stars),
    ]  # fmt: skip


def answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
    """The text that was picked, unless it was rewritten; a rewritten one wins over the pick."""
    given = Said(result, data)
    texts = [said(t) for t in data["texts"]]
    pick = given.choices("caption_choice", [str(n) for n in range(1, len(texts) + 1)])
    picked = texts[int(pick[0]) - 1] if pick else ""
    text = given.text("caption")
    if not text or text == said(data["caption"]):
        text = picked or text
    verdict = given.verdict("caption_verdict")
    if verdict == "accept" and not text:
        raise given.bad("accepts an empty description")
    stars = given.stars(RATING)
    scores = [Score(RATING, float(stars))] if stars is not None else []
    return [answer(TASK, data, Content(text=text, scores=scores), verdict, given.text("caption_comment"))]


CAPTION = Project(
    name="caption",
    title="How the defect is described",
    judges=(TASK,),
    kinds=("image", "clip"),
    instruction="""
<p>Pick the description that fits best, rewrite it where it is wrong, and give it stars: 5 could not be better.
What a text claims against what was measured stands in red; measurements can be wrong too.</p>
<p>Keys: <b>1</b>–<b>9</b> pick, <b>q</b> the description is right, <b>w</b> none can be used.</p>
""",
    data=lambda item: {"shown": medium(item, "image", "unmarked"), **data(item)},
    prediction=prediction,
    reads=answers,
)
