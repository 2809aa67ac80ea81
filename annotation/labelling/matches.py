"""Whether a picture shows the class that it is said to show (MMIO-80K, expert checks)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from annotation.labelling.project import Answer, Content, Item, Project, Said, answer, chosen, content, medium
from annotation.labelling.words import said as unshown
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
        "text": shown(says) if says is not None else None,
        "guessed": bool(item.judged[TASK].choices),
        "claim": shown(f"{label.replace('_', ' ')}{f': {says}' if says else ''}"),
    }


def prediction(item: Item) -> list[dict[str, Any]]:
    said = content(item, TASK)
    return [chosen("match", said.choices)] if said.choices else []


def answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
    """`yes` with the class, `no` without one, or `other` with the class that it is."""
    said = Said(result, data)
    match = said.choice("match", ("yes", "no", "other"))
    other = said.leaf("other")
    if match == "other" and not other:
        raise said.bad("says another class, and not which")
    label = {"yes": str(data["label"]), "other": other}.get(match)
    text = unshown(data["text"]) if match == "yes" and data["text"] is not None else None
    found = answer(TASK, data, Content(label=label, text=text, choices=[match]), comment=said.text("comment"))
    # Where nobody has guessed yet, there is nothing to be corrected.
    return [found if data["guessed"] else replace(found, status="accepted")]


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
    reads=answers,
)
