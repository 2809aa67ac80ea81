"""Images counted before any is read."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from schemas.recipe import Recipe
from tasks.imports.counting import counted
from tests.tasks.imports import sets


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


@pytest.mark.parametrize(
    ("files", "classes"),
    [
        (("NEU-CLS/Cr_1.bmp", "NEU-CLS/In_1.bmp"), 2),  # packed with its folder, which is no class
        (("scratch/IMG_1.bmp", "scratch/DSC_1.bmp"), 1),  # one class, which the taxonomy knows
    ],
)
def test_a_set_is_read_alike_as_a_folder_and_packed_with_its_folder(
    tmp_path: Path, files: tuple[str, ...], classes: int
) -> None:
    for file in files:
        sets.write(tmp_path / "set" / file, sets.picture(1))
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "set")
    for path in (str(tmp_path / "set"), packed):
        source = {"name": "neu", "path": path}
        wanted = {"dataset": "x", "sources": [source], "images": {"taxonomy": "steeldefectx"}}
        (found,) = counted(Recipe.model_validate(wanted))
        assert (found.images, found.classes, found.rejected) == (2, classes, 0)


def test_a_class_has_a_name(tmp_path: Path) -> None:
    for folder in ("dent", "---"):
        sets.write(tmp_path / folder / "1.png", sets.picture(1))
    (found,) = counted(Recipe.model_validate({"dataset": "x", "sources": [{"name": "own", "path": str(tmp_path)}]}))
    assert (found.images, found.classes, found.rejected) == (1, 1, 1)


def test_a_recipe_that_films_has_no_sources() -> None:
    assert counted(Recipe.model_validate({"dataset": "x", "objects": [{"builtin": "vase0"}]})) == []
