"""Images in every kind of labelling project, and batches: what is pushed comes back as rows, by a stand-in's HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotation.labelling.regions import to_mask
from annotation.labels import current
from schemas.digests import canonical
from schemas.errors import CallError
from schemas.recipe import Recipe
from schemas.rows import (
    Annotation,
    Claim,
    Media,
    MediaRef,
    Row,
    Sample,
    Score,
    Verdict,
    annotation,
)
from tasks import review
from tasks.quality import rounds as quality
from tasks.stage import Context, Shard, execute, stage
from tasks.workspace import Workspace
from tests.annotation.labelling import examples
from tests.annotation.labelling.examples import HEIGHT, WIDTH
from tests.tasks.review.standin import Desk, serving
from tests.tasks.review.test_sync import connected

IMAGES = 4
CLASSES = ("crack", "pipeline", "cone", "object_117", examples.NASTY)


def recipe(*projects: str, **changes: Any) -> Recipe:
    sources = [{"name": "made", "path": "nowhere"}]
    return Recipe.model_validate(
        {"dataset": "pictures", "sources": sources, "review": {"projects": projects, **changes}}
    )


def made(workspace: Workspace, name: str, wanted: Recipe, rows: list[Row], key: str = "s") -> None:
    """Rows as a stage has left them."""
    tables = ("media", "samples", "annotations", "batches", "verdicts")

    @stage(version=1, writes=tables, settings=lambda r: None, cut=lambda w, r: (), name=name)
    def work(shard: Shard, ctx: Context) -> Iterator[Row]:
        yield from shard.items

    shard = Shard(key, items=tuple(rows))
    execute(work, workspace, wanted, shard)
    workspace.point(name, [*workspace.current(name), work.ref(wanted, shard)])


def pictures() -> list[Row]:
    """Images with a class, a mask, boxes, two captions of which the chosen one is contradicted in the second image."""
    rows: list[Row] = []
    for n in range(IMAGES):
        id_, media = f"p{n}", f"m{n}"
        label = CLASSES[n]
        rows += [
            Media(media, f"media/import/s/{id_}.jpg", "image", "image/jpeg", 1),
            Sample(id=id_, kind="image", dataset="pictures", media=[MediaRef("image", media)], groups=[], shard="s",
                   object="steel", instance=id_, defect=label, width=WIDTH, height=HEIGHT, environment="coal"),
        ]  # fmt: skip
        by = {"author_kind": "rule", "author": "source", "author_version": "1", "status": "accepted", "sample": id_}
        rows += [annotation(task="defect_type", label=label, **by), annotation(task="object", label="steel", **by)]
        masks = [to_mask(r) for r in examples.regions("brush")]
        rows.append(annotation(task="mask", masks=masks, **by))
        rows.append(annotation(task="box", regions=examples.regions("box"), **by))
        by |= {"author_kind": "model", "author": "m", "status": "candidate"}
        for k in range(2):
            claims = [Claim("location", "left", "left", "contradicted", "right")] if n == 1 and k == 0 else []
            rows.append(annotation(task="caption", text=f"Text {k} of {n}.", candidate=k, claims=claims,
                                   scores=[Score("chosen", float(k == 0))], **by))  # fmt: skip
        if n:
            rows.append(annotation(task="scene", text=f"A gallery, {n}.", **by))
            rows.append(annotation(task="safety_level", label="I", choices=["no hard hat"], **by))
    return rows


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    found = Workspace.create(tmp_path / "root" / "pictures")
    found.keep_recipe(recipe())
    (found.root / "media").mkdir()
    made(found, "import", recipe(), pictures())
    return found


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving() as found:
        yield found


def push(desk: Desk, workspace: Workspace, wanted: Recipe) -> review.PushReport:
    return review.push(workspace, wanted, connected(desk, workspace))


def pull(desk: Desk, workspace: Workspace, wanted: Recipe, everything: bool = False) -> review.PullReport:
    return review.pull(workspace, wanted, connected(desk, workspace), everything)


def accept(desk: Desk, task: dict[str, Any], user: int = 1, **instead: list[str]) -> None:
    """What was filled in, with what a person adds when all of it is right."""
    clicked = {k: [v] for k, v in examples.ANSWERED[task["data"]["project"]].items()} | instead
    chosen = [
        {"from_name": name, "to_name": "shown", "type": "textarea" if name == "comment" else "choices",
         "value": {"text" if name == "comment" else "choices": values}}
        for name, values in clicked.items()
    ]  # fmt: skip
    kept = [r for p in task["predictions"] for r in p["result"] if r.get("from_name") not in instead]
    desk.answer(task["id"], [*kept, *chosen], user)


ROUND_TRIPS = {"caption": ["caption"], "mask": ["mask"], "box": ["box"], "scene": ["safety_level", "scene"]}


@pytest.mark.parametrize("project", ROUND_TRIPS)
def test_what_people_accept_is_what_was_pushed(project: str, desk: Desk, workspace: Workspace) -> None:
    wanted = recipe(project)
    pushed = push(desk, workspace, wanted)
    assert (pushed.created, pushed.problems) == (IMAGES, ())
    before = current(workspace.rows(Annotation))
    answered = [t for t in desk.tasks.values() if t["data"]["judged"]]
    for task in answered:
        accept(desk, task)
    found = pull(desk, workspace, wanted)
    tasks = ROUND_TRIPS[project]
    assert (found.problems, found.accepted) == ((), len(answered) * len(tasks))
    assert found.decisions == found.accepted
    after = current(workspace.rows(Annotation))
    for sample in {t["data"]["sample"] for t in answered}:
        for name in tasks:
            old, new = before[sample].by_task[name], after[sample].by_task[name]
            assert (new.author, new.supersedes, new.lead_time_s) == ("reviewer-1", old.id, 8.0)
            for value in ("label", "text", "masks", "regions", "relations", "choices"):
                assert getattr(new, value) == getattr(old, value), value
    assert pull(desk, workspace, wanted, everything=True).decisions == 0


def test_a_match_is_about_the_class_and_leaves_it_alone(desk: Desk, workspace: Workspace) -> None:
    wanted = recipe("match")
    push(desk, workspace, wanted)
    first, second, *_ = desk.tasks.values()
    accept(desk, first, match=["yes"])
    accept(desk, second, match=["no"])
    assert pull(desk, workspace, wanted).decisions == 2
    labels = current(workspace.rows(Annotation))
    assert labels["p0"].by_task["match"].choices == ["yes"]
    assert labels["p1"].by_task["match"].choices == ["no"]
    assert labels["p1"].by_task["defect_type"].label == "pipeline"


def test_a_drawn_polygon_is_a_region_and_a_mask(desk: Desk, workspace: Workspace) -> None:
    wanted = recipe("mask")
    push(desk, workspace, wanted)
    task = next(iter(desk.tasks.values()))
    common = {"id": "new", "to_name": "shown", "original_width": WIDTH, "original_height": HEIGHT, "image_rotation": 0}
    value = {"points": [[10, 10], [20, 10], [20, 30]], "closed": True}
    drawn = [
        {**common, "from_name": "polygon", "type": "polygon", "value": value},
        {**common, "from_name": "class", "type": "labels", "value": {**value, "labels": ["cone"]}},
        {"from_name": "verdict", "to_name": "shown", "type": "choices", "value": {"choices": ["accept"]}},
    ]
    desk.answer(task["id"], drawn)
    assert pull(desk, workspace, wanted).corrected == 1
    label = current(workspace.rows(Annotation))["p0"].by_task["mask"]
    (region,) = label.regions
    assert (region.kind, region.label) == ("polygon", "cone")
    assert label.masks and label.masks[0].area == pytest.approx(WIDTH * 0.1 * HEIGHT * 0.2 / 2, rel=0.05)


def test_contradicted_descriptions_come_first_with_what_was_measured(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace, recipe())
    first = next(iter(desk.tasks.values()))["data"]
    assert first["sample"] == "p1"
    assert "contradicted" in first["facts"]
    assert "right" in first["facts"]


def test_a_project_that_cannot_show_the_samples_is_refused(desk: Desk, workspace: Workspace) -> None:
    with pytest.raises(CallError, match="cannot show"):
        push(desk, workspace, recipe("interval"))


def test_a_quality_batch_is_judged_by_others_than_who_did_the_work(desk: Desk, workspace: Workspace) -> None:
    wanted = recipe()
    push(desk, workspace, wanted)
    for task in desk.tasks.values():
        accept(desk, task, user=1)
    pull(desk, workspace, wanted)
    work = quality.made(kind="annotation", task="caption", round=1, samples=["p0", "p1"], reason="first pass")
    settings = canonical({"kind": "semantic", "allowed": 0, "assigned": {"p0": "reviewer-2", "p1": "reviewer-2"}})
    judging = quality.made(kind="quality", task="caption", round=1, samples=["p0", "p1"], parent=work.id,
                           settings=settings, population=2)  # fmt: skip
    before = set(desk.tasks)
    made(workspace, "batches", wanted, [work, judging])
    pushed = push(desk, workspace, wanted)
    new = [t for n, t in desk.tasks.items() if n not in before]
    assert pushed.problems == ()
    one, two = [t for t in new if t["data"]["batch"] == judging.id]
    assert one["data"]["project"] == "quality-semantic"
    assert "reviewer-2" in one["data"]["remarks"]

    accept(desk, one, user=2)
    accept(desk, two, user=2, complete=["no"], comment=["says nothing of the rust"])
    accept(desk, two, user=1)
    found = pull(desk, workspace, wanted)
    (problem,) = found.problems
    assert "has worked on it and cannot judge it" in problem
    said = [v for v in workspace.rows(Verdict) if v.batch == judging.id]
    assert sorted((v.sample, v.verdict, v.findings) for v in said) == [
        ("p0", "accepted", []), ("p1", "rejected", ["complete"]),
    ]  # fmt: skip
    assert pull(desk, workspace, wanted).decisions == 0

    one["annotations"] = []
    found = pull(desk, workspace, wanted, everything=True)
    assert found.withdrawn == 1
    accept(desk, one, user=2)
    assert pull(desk, workspace, wanted).decisions == 1
    ids = [v.id for v in workspace.rows(Verdict)]
    assert len(ids) == len(set(ids))


def test_work_of_an_annotation_batch_bears_its_name(desk: Desk, workspace: Workspace) -> None:
    wanted = recipe("match")
    batch = quality.made(kind="reannotation", task="caption", round=2, samples=["p2"], reason="low score")
    made(workspace, "batches", wanted, [batch])
    push(desk, workspace, wanted)
    (task,) = [t for t in desk.tasks.values() if t["data"]["batch"]]
    accept(desk, task)
    pull(desk, workspace, wanted)
    (row,) = [a for a in workspace.rows(Annotation) if a.author_kind == "person"]
    assert (row.task, row.batch, row.round) == ("caption", batch.id, 2)
    assert push(desk, workspace, wanted).untouched == 0


def test_an_adjudicator_sees_all_answers_and_settles_them(desk: Desk, workspace: Workspace) -> None:
    wanted = recipe(annotators=2)
    push(desk, workspace, wanted)
    task = next(t for t in desk.tasks.values() if t["data"]["sample"] == "p0")
    accept(desk, task, user=1)
    accept(desk, task, user=2, caption_choice=["2"], caption=["Quite another text."])
    desk.tasks[task["id"]]["annotations"][1]["result"][-1]["type"] = "textarea"
    desk.tasks[task["id"]]["annotations"][1]["result"][-1]["value"] = {"text": ["Quite another text."]}
    pull(desk, workspace, wanted)
    people = [a for a in workspace.rows(Annotation) if a.author_kind == "person"]
    assert len(people) == 2
    settings = canonical({"min_agreement": 0.8, "answers": {"p0": [a.id for a in people]}})
    batch = quality.made(kind="adjudication", task="caption", round=1, samples=["p0"], settings=settings)
    made(workspace, "batches", wanted, [batch])
    push(desk, workspace, wanted)
    (deciding,) = [t for t in desk.tasks.values() if t["data"]["batch"]]
    assert set(deciding["data"]["texts"]) == {a.text for a in people}
    accept(desk, deciding, user=3, caption_choice=["1"])
    found = pull(desk, workspace, wanted)
    assert (found.problems, found.decisions) == ((), 2)
    label = current(workspace.rows(Annotation))["p0"].by_task["caption"]
    assert (label.author, label.batch) == ("reviewer-3", batch.id)
    assert pull(desk, workspace, wanted, everything=True).decisions == 0
