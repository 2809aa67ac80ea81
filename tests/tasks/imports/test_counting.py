"""Images counted before any is read."""

from pathlib import Path

import cv2
import numpy as np

from schemas.recipe import Recipe
from tasks.imports.counting import counted


def test_images_are_counted_by_source_and_class_and_limit(tmp_path: Path) -> None:
    for label, count in (("crazing", 3), ("patches", 2), ("dragon", 1)):
        (tmp_path / label).mkdir()
        for n in range(count):
            cv2.imwrite(str(tmp_path / label / f"{n}.png"), np.full((8, 8), n, np.uint8))
    source = {"name": "neu", "path": str(tmp_path)}

    def count(**more: object) -> tuple[int, int, int]:
        wanted = Recipe.model_validate(
            {"dataset": "x", "sources": [{**source, **more}], "images": {"taxonomy": "steeldefectx"}}
        )
        (found,) = counted(wanted)
        return found.images, found.classes, found.rejected

    assert count() == (5, 2, 1)
    assert count(limit=2) == (4, 2, 1)


def test_a_recipe_that_films_has_no_sources() -> None:
    assert counted(Recipe.model_validate({"dataset": "x", "objects": [{"builtin": "vase0"}]})) == []
