"""Where the defect is after people have said so: the mask that holds, with all its regions."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from schemas.recipe import Recipe
from schemas.rows import Annotation, Description, Mask, Sample, annotation
from tasks.imports.stage import encoded
from tasks.keyframes import keyframes
from tasks.pictures import decoded
from tasks.review import review
from tasks.stage import Shard, execute
from tasks.text.levels import levels
from tasks.visibility import visibility
from tasks.workspace import Workspace
from tests import factory
from tests.tasks.imports import sets
from tests.tasks.imports.test_build import build

pytestmark = pytest.mark.whole

SIDE = 64
PERSON = {"author_kind": "person", "author": "reviewer-1", "author_version": "1", "round": 1}


def square(y: int, x: int, side: int) -> Mask:
    covered = np.zeros((SIDE, SIDE), np.float32)
    covered[y : y + side, x : x + side] = 1
    return encoded(covered)


LARGE, SMALL = square(5, 5, 10), square(45, 50, 5)


@pytest.fixture
def after(tmp_path: Path) -> Callable[..., Description]:
    """What is measured of an image of a scratch after a review said so much about its mask."""
    sets.write(tmp_path / "set" / "scratch" / "0.jpg", sets.picture(0))
    source = {"name": "aset", "path": str(tmp_path / "set")}
    recipe = Recipe.model_validate(
        {"dataset": "made", "sources": [source], "images": {"side": SIDE, "estimate": False}}
    )
    workspace = Workspace.create(tmp_path / "ws")
    build(workspace, recipe, "import")
    (sample,) = workspace.rows(Sample)

    def measured(*said: dict[str, Any]) -> Description:
        rows: list[Annotation] = []
        for values in said:
            before = {"supersedes": rows[-1].id} if rows else {}
            rows.append(annotation(sample=sample.id, task="mask", **values, **before))
        shard = Shard(sample.shard, items=tuple(reversed(rows)))  # a later row may stand before an earlier one
        execute(review, workspace, recipe, shard)
        workspace.point("review", [review.ref(recipe, shard)])
        factory.run(levels, workspace, recipe)
        (found,) = workspace.rows(Description, workspace.current("levels"))
        return found

    return measured


def test_all_regions_of_a_mask_are_measured(after: Callable[..., Description]) -> None:
    found = after({**PERSON, "status": "corrected", "masks": [LARGE, SMALL]})
    assert (found.number, found.position) == (2, "upper left")
    assert found.shares[0] == pytest.approx(0.8) and found.shares[8] == pytest.approx(0.2)


def test_a_mask_that_was_drawn_again_is_the_later_one(after: Callable[..., Description]) -> None:
    found = after(
        {**PERSON, "status": "corrected", "masks": [LARGE]}, {**PERSON, "status": "corrected", "masks": [SMALL]}
    )
    assert (found.number, found.position) == (1, "lower right")


@pytest.mark.parametrize(
    "said",
    [
        [{**PERSON, "status": "corrected", "masks": [LARGE]}, {**PERSON, "status": "withdrawn"}],
        [
            {"author_kind": "rule", "author": "estimate", "author_version": "1", "status": "candidate",
             "label": "scratch", "masks": [LARGE]},
            {**PERSON, "status": "rejected"},
        ],
    ],
    ids=["taken-back", "rejected"],
)  # fmt: skip
def test_a_mask_that_does_not_hold_is_not_measured(
    after: Callable[..., Description], said: list[dict[str, Any]]
) -> None:
    found = after(*said)
    assert (found.number, found.shares, found.template) == (None, [], "A photo of a steel strip with a scratch defect.")


def test_the_frame_that_was_described_is_measured_whatever_people_say_of_the_interval(tmp_path: Path) -> None:
    recipe = factory.recipe(objects=[{"builtin": "vase0", "category": "vase", "normal": 0, "defects": ["bulge"]}])
    workspace = Workspace.create(tmp_path / "ws")
    for stage in (factory.render, visibility, keyframes, levels):
        factory.run(stage, workspace, recipe)
    before = list(workspace.rows(Description, workspace.current("levels")))
    span = next(a for a in workspace.rows(Annotation) if a.task == "visible_interval" and a.intervals)
    no = annotation(sample=span.sample, task="visible_interval", status="rejected", supersedes=span.id, **PERSON)
    shard = Shard(next(s.shard for s in factory.samples(workspace) if s.id == span.sample), items=(no,))
    execute(review, workspace, recipe, shard)
    workspace.point("review", [review.ref(recipe, shard)])
    factory.run(levels, workspace, recipe)
    assert list(workspace.rows(Description, workspace.current("levels"))) == before


def test_regions_that_overlap_are_one_area() -> None:
    assert decoded([square(0, 0, 8), square(4, 4, 8)]).sum() == 2 * 64 - 16


def test_what_stands_out_in_the_boxes_of_a_source_is_measured(tmp_path: Path) -> None:
    """As GC10 comes: boxes, no outlines. What stands out elsewhere in the picture is not the labelled defect."""
    pixels = np.full((128, 128), 130, np.uint8)
    pixels[90:110, 20:40] = 60
    pixels[:, 100:104] = 0
    sets.write(tmp_path / "set" / "a.png", pixels)
    (tmp_path / "set" / "a.xml").write_text(sets.voc("a.png", [("pit", 12, 80, 50, 120)], 128, 128))
    recipe = Recipe.model_validate({"dataset": "made", "sources": [{"name": "aset", "path": str(tmp_path / "set")}]})
    workspace = Workspace.create(tmp_path / "ws")
    build(workspace, recipe, "import")
    made = {(a.task, a.author): a for a in workspace.rows(Annotation) if a.masks}
    assert set(made) == {("box", "aset"), ("mask", "estimate")}
    factory.run(levels, workspace, recipe)
    (found,) = workspace.rows(Description, workspace.current("levels"))
    assert (found.number, found.position, found.polarity, found.scale) == (1, "lower left", "darker", "medium")
