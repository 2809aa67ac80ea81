"""Whether a picture shows the class that it is said to show (MMIO-80K, expert checks)."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.labelling.project import Answer, Content, Item, Project, Said, answer, chosen, content, medium
from annotation.labelling.words import shown
from schemas.errors import BadInput

TASK = "match"


def data(item: Item) -> dict[str, Any]:
    label = item.judged[TASK].label if TASK in item.judged else None
    if not label:
        raise BadInput(f"sample {item.sample.id}: has no class to be checked; label it first")
    says = item.judged[TASK].text
    return {
        "shown": medium(item, "image", "unmarked"),
        "label": label,
        "claim": shown(f"{label.replace('_', ' ')}{f': {says}' if says else ''}"),
    }


def prediction(item: Item) -> list[dict[str, Any]]:
    said = content(item.judged[TASK], item.sample)
    return [chosen("match", said.choices)] if said.choices else []


def answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
    """`yes` with the class, `no` without one, or `other` with the class that it is."""
    said = Said(result, data)
    match = said.choice("match", ("yes", "no", "other"))
    other = said.leaf("other")
    if match == "other" and not other:
        raise said.bad("says another class, and not which")
    label = {"yes": str(data["label"]), "other": other}.get(match)
    return [answer(TASK, data, Content(label=label, choices=[match]), comment=said.text("comment"))]


MATCH = Project(
    name="match",
    title="Whether image and class match",
    judges=(TASK,),
    kinds=("image", "clip"),
    instruction="""
<p>Does the picture show what stands beside it? <b>1</b> yes, <b>2</b> no, <b>3</b> another class: say which.</p>
""",
    data=data,
    prediction=prediction,
    answers=answers,
)
