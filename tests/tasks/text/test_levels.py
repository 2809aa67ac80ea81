"""Text levels and structured attributes of clips: from the class, the model and people."""

from pathlib import Path

import pytest

from schemas.rows import Annotation, ClassDescription, Description, annotation
from tasks.keyframes import keyframes
from tasks.review import review
from tasks.stage import Shard, execute
from tasks.text.caption import caption
from tasks.text.class_text import class_text
from tasks.text.levels import levels
from tasks.visibility import visibility
from tasks.workspace import Workspace
from tests import factory

pytestmark = pytest.mark.whole
RECIPE = factory.recipe(objects=[{"builtin": "vase0", "category": "vase", "normal": 1, "defects": ["bulge"]}])


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = Workspace.create(tmp_path / "ws")
    for stage in (factory.render, visibility, keyframes, class_text, caption):
        factory.run(stage, made, RECIPE)
    return made


def described(workspace: Workspace) -> dict[str, Description]:
    factory.run(levels, workspace, RECIPE)
    return {d.sample: d for d in workspace.rows(Description, workspace.current("levels"))}


def test_the_classes_that_occur_have_a_text(workspace: Workspace) -> None:
    rows = list(workspace.rows(ClassDescription))
    assert [r.label for r in rows] == ["bulge"]
    assert rows[0].text.startswith("Bulge: ") and rows[0].status == "candidate"


def test_levels_of_a_clip_that_shows_its_defect(workspace: Workspace) -> None:
    found = described(workspace)
    shown = next(d for d in found.values() if d.type == "bulge" and d.shape is not None)
    chosen = {
        a.sample: a.text
        for a in workspace.rows(Annotation)
        if a.task == "caption" and any(s.name == "chosen" and s.value for s in a.scores)
    }
    assert shown.t0 == "a photo of a vase with a bulge defect."
    assert shown.t1 and shown.t1.startswith("Bulge: ")
    assert shown.t2 == chosen[shown.sample]
    assert shown.t3 is None
    assert sum(shown.shares) == pytest.approx(1, abs=1e-5)
    assert shown.number == 1 and shown.position and "bulge" in shown.template


def test_a_clip_without_a_defect_has_its_words_and_nothing_measured(workspace: Workspace) -> None:
    plain = next(d for d in described(workspace).values() if d.type == "none")
    assert plain.t0 == "a photo of a vase without a defect." and plain.t1 is None
    assert plain.shape is None and plain.shares == []


def test_t3_is_what_people_left_and_t2_stays(workspace: Workspace) -> None:
    before = next(d for d in described(workspace).values() if d.shape is not None)
    judged = next(a for a in workspace.rows(Annotation) if a.task == "caption" and a.text == before.t2)
    said = annotation(
        sample=before.sample, task="caption", author_kind="person", author="reviewer-1", author_version="1",
        status="corrected", text="A flat bump on the left.", round=1, supersedes=judged.id,
    )  # fmt: skip
    key = next(s.shard for s in factory.samples(workspace) if s.id == before.sample)
    shard = Shard(key, items=(said,))
    execute(review, workspace, RECIPE, shard)
    workspace.point("review", [review.ref(RECIPE, shard)])
    after = described(workspace)[before.sample]
    assert (after.t2, after.t3) == (before.t2, "A flat bump on the left.")
