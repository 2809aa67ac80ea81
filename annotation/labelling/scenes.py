"""What a scene shows and how safe it is (InspecSafe-V1, table 3), with the scenario's criteria in view."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

import yaml

from annotation.labelling.project import Answer, Content, Item, Project, Said, answer, chosen, content, medium, written
from annotation.labelling.words import shown
from schemas.errors import BadInput

LEVELS = ("I", "II", "III", "IV")
"""From the most severe; IV is without any hazard."""
NONE = "unrecognisable"


@cache
def criteria() -> dict[str, dict[str, Any]]:
    """Per scenario its title, and the hazards of levels I to III."""
    text = (resources.files("annotation.labelling") / "safety.yaml").read_text(encoding="utf-8")
    found: dict[str, dict[str, Any]] = yaml.safe_load(text)
    return found


def data(item: Item) -> dict[str, Any]:
    if item.scenario not in criteria():
        known = ", ".join(criteria())
        raise BadInput(f"sample {item.sample.id}: `{item.scenario}` has no safety criteria; scenarios are {known}")
    scenario = criteria()[item.scenario]
    hazards = [(level, hazard) for level in LEVELS[:3] for hazard in scenario[level]]
    return {
        "shown": medium(item, "image"),
        "scenario": f"Hazards: {shown(scenario['title'])}",
        "hazards": [{"value": f"{level} · {hazard}", "alias": hazard} for level, hazard in hazards],
        "severity": {hazard: level for level, hazard in hazards},
    }


def prediction(item: Item) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if "scene" in item.judged:
        found.append(written("scene", shown(item.judged["scene"].text or "")))
    if "safety_level" in item.judged:
        said = content(item, "safety_level")
        found += [chosen("hazards", said.choices)] if said.choices else []
        found.append(chosen("level", [said.label or ""]))
    return found


def answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
    """The description, and the level with the hazards that are there.

    Raises BadInput for a level other than that of the most severe hazard without a comment that says why.
    """
    said = Said(result, data)
    severity: Mapping[str, str] = data["severity"]
    hazards = said.choices("hazards", severity)
    level = said.choice("level", (*LEVELS, NONE))
    comment = said.text("comment")
    if level == NONE:
        return [answer(task, data, Content(), "reject", comment) for task in ("scene", "safety_level")]
    worst = min((LEVELS.index(severity[h]) for h in hazards), default=3)
    if LEVELS[worst] != level and not comment:
        raise said.bad(f"says level {level}, its hazards are those of level {LEVELS[worst]}, and no comment says why")
    text = said.text("scene")
    if not text:
        raise said.bad("has no description of the scene")
    return [
        answer("scene", data, Content(text=text), comment=comment),
        answer("safety_level", data, Content(label=level, choices=hazards), comment=comment),
    ]


SCENE = Project(
    name="scene",
    title="What the scene shows, and how safe it is",
    judges=("scene", "safety_level"),
    kinds=("image",),
    instruction="""
<p>Say in two or three sentences where this is, what is in view and what happens; name every hazard. Then tick the
hazards of the list that are there. The level is that of the most severe one: I high, II moderate, III minor, IV
none.</p>
<p>Keys: <b>1</b>–<b>4</b> the level, <b>0</b> the picture cannot be recognised.</p>
""",
    data=data,
    prediction=prediction,
    reads=answers,
)
