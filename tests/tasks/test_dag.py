"""What may be frozen or judged: only labels that belong to the samples as they are."""

from pathlib import Path

import pytest

from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.dag import ORDERS, STAGES, demand_current, order, unfinished
from tasks.workspace import Workspace


def filmed() -> Recipe:
    return Recipe.model_validate({"dataset": "tiny", "objects": [{"builtin": "vase0"}]})


def imported(path: str = "images") -> Recipe:
    return Recipe.model_validate({"dataset": "tiny", "sources": [{"name": "here", "path": path}]})


def test_every_stage_stands_in_an_order_and_follows_what_it_reads() -> None:
    assert {name for names in ORDERS.values() for name in names} >= set(STAGES)
    for names in ORDERS.values():
        for name in names:
            read = set(STAGES[name].reads) & set(names) if name in STAGES else set()
            assert read <= set(names[: names.index(name)]) | {"review"}


def test_what_a_recipe_names_decides_its_stages() -> None:
    assert order(filmed())[:3] == ("survey", "plan", "render")
    assert order(imported()) == (
        "import", "keyframes", "dedup", "caption", "review", "class_text", "levels", "split", "release",
    )  # fmt: skip


def test_a_workspace_that_is_not_built_to_the_end_is_refused(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "ws")
    recipe = filmed()
    assert unfinished(workspace, recipe) == "survey"
    with pytest.raises(DefectoryError, match="survey is not up to date with the recipe; run `defectory build`"):
        demand_current(workspace, recipe, "caption")
