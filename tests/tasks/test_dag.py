"""What may be frozen or judged: only labels that belong to the clips as they are."""

from pathlib import Path

import pytest

from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.dag import ORDER, STAGES, demand_current, unfinished
from tasks.workspace import Workspace


def test_every_stage_stands_in_the_order() -> None:
    assert [name for name in ORDER if name in STAGES] == list(STAGES)


def test_a_workspace_that_is_not_built_to_the_end_is_refused(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "ws")
    recipe = Recipe.model_validate({"dataset": "tiny", "objects": [{"builtin": "vase0"}]})
    assert unfinished(workspace, recipe) == "survey"
    with pytest.raises(DefectoryError, match="survey is not up to date with the recipe; run `defectory build`"):
        demand_current(workspace, recipe, "caption")
