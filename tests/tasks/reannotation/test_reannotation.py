"""Labelling again on a made workspace: measured captions first, then another model behind a local stand-in server."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from annotation.labels import current
from schemas.errors import CallError
from schemas.rows import Annotation, Batch, Sample, annotation
from tasks import reannotation
from tasks.keyframes import keyframes
from tasks.reannotation import Order
from tasks.review.pull import review
from tasks.stage import Shard, execute
from tasks.text.caption import caption
from tasks.visibility import visibility
from tasks.workspace import Workspace
from tests import factory
from tests.annotation.models.standin import Reply, openai_answer, standin

pytestmark = pytest.mark.whole

TEXT = "A long, straight scratch, shallow and dark, lies in the upper left."


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    monkeypatch.setattr("annotation.asking.ask.BACKOFF_S", 0.001)
    wanted = factory.recipe(
        objects=[{"builtin": "vase0", "category": "vase", "normal": 1, "defects": ["bulge"]}],
    )
    made = Workspace.create(tmp_path / "ws")
    made.keep_recipe(wanted)
    for stage in (factory.render, visibility, keyframes, caption):
        factory.run(stage, made, wanted)
    return made


def order(server: str, **changes: Any) -> Order:
    values: dict[str, Any] = {
        "task": "caption", "reason": "try another model", "where": "defect = 'bulge'",
        "overrides": (
            "caption.provider=openai", f"caption.base_url={server}", "caption.budget_usd=1", "caption.ground=false",
            "caption.candidates=2",
        ),
    }  # fmt: skip
    return Order(**values | changes)


def labels(workspace: Workspace) -> dict[str, Annotation]:
    return {s: found.by_task["caption"] for s, found in current(workspace.rows(Annotation)).items()
            if "caption" in found.by_task}  # fmt: skip


def judged(workspace: Workspace, sample: Sample, about: Annotation, text: str, by: str = "reviewer-1") -> Annotation:
    """A person's caption, brought in as a pull brings it in."""
    row = annotation(
        sample=sample.id, task="caption", author_kind="person", author=by, author_version="1", round=1,
        status="corrected", text=text, supersedes=about.id, lead_time_s=30.0,
    )  # fmt: skip
    shard = Shard(sample.shard, items=(row,))
    execute(review, workspace, workspace.recipe(), shard)
    workspace.point("review", [*workspace.current("review"), review.ref(workspace.recipe(), shard)])
    return row


def test_another_model_and_prompt_label_again_and_history_stays(workspace: Workspace, tmp_path: Path) -> None:
    before, asked = labels(workspace), []
    prompts = tmp_path / "second"
    prompts.mkdir()
    (prompts / "open.txt").write_text("Tell what is wrong with this {object}.")

    def write(n: int, body: dict[str, Any]) -> Reply:
        asked.append(body)
        return Reply(openai_answer(TEXT if n % 2 else f"{TEXT} It is a little deep."))

    with standin(write) as server:
        as_before = reannotation.plan(workspace, order(server.url))
        wanted = order(server.url)
        wanted = dataclasses.replace(wanted, overrides=(*wanted.overrides, *reannotation.changes(prompts=str(prompts))))
        planned = reannotation.plan(workspace, wanted)
        assert planned.batch.id != as_before.batch.id
        assert "caption.prompts=second" in planned.batch.settings and str(tmp_path) not in planned.batch.settings
        assert planned.forecast.samples == 2
        assert planned.forecast.cost_usd > 0
        assert planned.forecast.people_tasks == 0
        assert not asked  # a plan asks nothing
        done = reannotation.run(workspace, planned)
        count = len(asked)
        assert "Tell what is wrong with this vase." in str(asked)
        after = labels(workspace)
        again = reannotation.plan(workspace, wanted)
        assert again.done
        assert again.batch.id == planned.batch.id
        assert reannotation.run(workspace, again).rows == done.rows
        assert len(asked) == count
    bulges = {s.id for s in factory.samples(workspace) if s.defect == "bulge"}
    for sample, label in after.items():
        if sample in bulges:
            assert label.author.startswith("openai:")
            assert label.supersedes == before[sample].id
            assert label.batch == planned.batch.id
        else:
            assert label == before[sample]
    ids = {a.id for a in workspace.rows(Annotation)}
    assert {a.id for a in before.values()} <= ids
    compared, changes = reannotation.compare(workspace, planned.batch.id)
    assert (compared.samples, compared.compared, compared.changed, len(changes)) == (2, 2, 2, 2)
    assert compared.cost_usd > 0
    text = reannotation.write(workspace, compared, changes).read_text()
    assert "try another model" in text
    assert "| samples with contradicted claims |" in text


def test_a_person_is_not_overruled_but_asked_again(workspace: Workspace) -> None:
    first = next(s for s in factory.samples(workspace) if s.defect == "bulge")
    by_hand = judged(workspace, first, labels(workspace)[first.id], "Written by a person.")
    with standin(lambda n, body: Reply(openai_answer(TEXT))) as server:
        planned = reannotation.plan(workspace, order(server.url))
        assert planned.forecast.people_tasks == 1
        assert planned.forecast.seconds_per_task == 30.0
        assert planned.forecast.measured
        done = reannotation.run(workspace, planned)
    assert labels(workspace)[first.id].id == by_hand.id  # what a person said stands
    (people,) = (b for b in workspace.rows(Batch) if b.id == done.people)
    assert (people.samples, people.parent, people.kind) == ([first.id], planned.batch.id, "annotation")
    assert done.people_samples == 1


def test_killed_before_the_end_and_run_again(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was paid for is not asked for twice, and until all is there nothing is seen of it."""
    answers = 0

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    def write(n: int, body: dict[str, Any]) -> Reply:
        nonlocal answers
        answers += 1
        return Reply(openai_answer(TEXT if n % 2 else f"{TEXT} It is a little deep."))

    before = labels(workspace)
    with standin(write) as server:
        planned = reannotation.plan(workspace, order(server.url))
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(Workspace, "point", interrupted)
            reannotation.run(workspace, planned)
        assert labels(workspace) == before
        assert not list(workspace.rows(Batch))
        once = answers
        reannotation.run(workspace, reannotation.plan(workspace, order(server.url)))
        assert answers == once
    assert len(list(workspace.rows(Batch))) == 1


def test_chosen_by_disagreement(workspace: Workspace) -> None:
    first, second = (s for s in factory.samples(workspace) if s.defect == "bulge")
    machine = labels(workspace)
    for sample, texts in ((first, ("A round dent.", "Nothing is wrong here.")), (second, ("A dent.", "A dent."))):
        for by, text in zip(("reviewer-1", "reviewer-2"), texts, strict=True):
            judged(workspace, sample, machine[sample.id], text, by)
    wanted = Order("caption", "they disagree", where="agreement < 0.9 AND NOT settled", people=True)
    assert reannotation.plan(workspace, wanted).chosen.samples == [first.id]


def test_people_only(workspace: Workspace) -> None:
    planned = reannotation.plan(workspace, Order("caption", "the texts are dull", where="true", people=True))
    assert planned.forecast.author == "people"
    assert planned.forecast.cost_usd == 0
    assert planned.forecast.people_hours == round(4 * 45 / 3600, 2)
    done = reannotation.run(workspace, planned)
    assert (done.rows, done.people, done.people_samples) == (0, planned.batch.id, 4)
    sample = factory.samples(workspace)[0]
    machine = labels(workspace)[sample.id]
    row = annotation(
        sample=sample.id, task="caption", author_kind="person", author="reviewer-1", author_version="1", round=1,
        status="corrected", text="By hand.", supersedes=machine.id, batch=planned.batch.id,
    )  # fmt: skip
    shard = Shard(sample.shard, items=(row,))
    execute(review, workspace, workspace.recipe(), shard)
    workspace.point("review", [review.ref(workspace.recipe(), shard)])
    compared, (change,) = reannotation.compare(workspace, planned.batch.id)
    assert (change.before, change.after) == (machine.text, "By hand.")
    assert compared.changed == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"where": "scoer < 0.5"}, "there is no column `scoer`; did you mean `score`?"),
        ({"where": "score <"}, "is no SQL condition"),
        ({"where": "true) UNION SELECT id FROM samples WHERE (true"}, "is more than a condition"),
        ({"where": "true; DROP TABLE choose"}, "is no SQL condition"),
        ({"where": "id IN (SELECT id FROM read_csv('/etc/passwd'))"}, "a subquery is not allowed"),
        ({"where": "id IN (SELECT content FROM read_text('/etc/passwd'))"}, "a subquery is not allowed"),
        ({"where": "1 = 1) ORDER BY (id"}, "is more than a condition"),
        ({"where": "row_number() OVER () = 1"}, "a window is not allowed"),
        ({"where": "nofun(score) > 1"}, "nofun does not exist"),
        ({"where": "frames = 'many'"}, "Could not convert string 'many'"),
        ({"where": ""}, "say which samples, in one way"),
        ({"where": "", "ids": ("cnone",)}, "--ids: cnone is no sample"),
        ({"where": "", "parent": "b0"}, "--batch b0: there is no such batch"),
        ({"reason": " "}, "--reason: is empty"),
        ({"task": "captions"}, "did you mean `caption`?"),
        ({"task": "visible_interval"}, "add --human"),
        ({"overrides": ("render.samples=4",)}, "only caption.… can differ"),
        ({"overrides": ("caption.modle=x",)}, "did you mean `model`?"),
    ],
)
def test_a_wrong_order_is_one_sentence(workspace: Workspace, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(CallError) as error:
        reannotation.plan(workspace, order("http://127.0.0.1:1", **changes))
    assert said in str(error.value)
    assert "\n" not in str(error.value)
