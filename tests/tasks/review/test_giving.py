"""What people are given next follows from the tables: decisions, quality rounds, work that failed one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from schemas.recipe import Recipe
from schemas.rows import Batch, Verdict
from tasks import review
from tasks.quality import passing
from tasks.quality import rounds as quality
from tasks.review.gate import JUDGED
from tasks.workspace import Workspace
from tests.tasks.review.standin import Desk
from tests.tasks.review.test_kinds import accept, desk, pull, push, recipe, workspace
from tests.tasks.review.test_sync import connected

__all__ = ["desk", "workspace"]

WANTED = recipe(quality={"rounds": 2, "semantic": 0.5})
PEOPLE = ("reviewer-1", "reviewer-2", "reviewer-3")


def give(workspace: Workspace, wanted: Recipe = WANTED, people: Iterable[str] = PEOPLE) -> list[Batch]:
    found = review.give(workspace, wanted, list(people))
    assert found.problems == ()
    return list(found.batches)


def tasks(desk: Desk, batch: Batch | None = None) -> list[dict[str, Any]]:
    return [t for t in desk.tasks.values() if t["data"]["batch"] == (batch.id if batch else "")]


def judge(desk: Desk, workspace: Workspace, batch: Batch, wrong: bool = False) -> None:
    """Those who were chosen judge all that was drawn."""
    push(desk, workspace, WANTED)
    who = quality.settings_of(batch)["assigned"]
    for task in tasks(desk, batch):
        said = {"complete": ["no"], "comment": ["says nothing of the rust"]} if wrong else {}
        accept(desk, task, int(who[task["data"]["sample"]].removeprefix("reviewer-")), **said)
    assert pull(desk, workspace, WANTED).problems == ()


def do_the_round(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace, WANTED)
    for task in tasks(desk):
        accept(desk, task)
    pull(desk, workspace, WANTED)


def passed(workspace: Workspace) -> bool:
    samples = [t for b in workspace.rows(Batch) if b.kind == "annotation" for t in b.samples]
    rows = list(workspace.rows(Batch)), list(workspace.rows(Verdict))
    return passing.gate(samples, JUDGED["image"], *rows, WANTED.review.quality).passed


def test_a_round_that_is_done_is_judged_by_others_twice(desk: Desk, workspace: Workspace) -> None:
    assert give(workspace) == []
    do_the_round(desk, workspace)
    work, first = give(workspace)
    assert (work.kind, work.task, len(work.samples)) == ("annotation", "caption", 4)
    assert (first.kind, first.parent, first.round, len(first.samples)) == ("quality", work.id, 1, 2)
    assert give(workspace) == []
    judge(desk, workspace, first)
    (second,) = give(workspace)
    assert (second.parent, second.round) == (work.id, 2)
    assert "reviewer-1" not in str([quality.settings_of(b)["assigned"] for b in (first, second)])
    assert not passed(workspace)
    judge(desk, workspace, second)
    assert give(workspace) == []
    assert passed(workspace)
    assert not tasks(desk, work)  # nobody does again what the round has done


def test_work_that_failed_is_done_again_and_then_judged_again(desk: Desk, workspace: Workspace) -> None:
    do_the_round(desk, workspace)
    work, first = give(workspace)
    judge(desk, workspace, first, wrong=True)
    (anew,) = give(workspace)
    assert (anew.kind, anew.parent, anew.samples) == ("annotation", work.id, work.samples)
    assert give(workspace) == []  # it is not done yet
    push(desk, workspace, WANTED)
    assert "says nothing of the rust" in str([t["data"]["remarks"] for t in tasks(desk, anew)])
    for task in tasks(desk, anew):
        accept(desk, task)
    pull(desk, workspace, WANTED)
    for round_ in (1, 2):
        (drawn,) = give(workspace)
        assert (drawn.parent, drawn.round) == (anew.id, round_)
        judge(desk, workspace, drawn)
    assert passed(workspace)


def test_where_nobody_is_independent_the_round_waits(desk: Desk, workspace: Workspace) -> None:
    do_the_round(desk, workspace)
    found = review.give(workspace, WANTED, ["reviewer-1"])
    assert [b.kind for b in found.batches] == ["annotation"]
    (problem,) = found.problems
    assert "invite somebody else" in problem
    (first,) = give(workspace)
    assert first.kind == "quality"


def test_disagreement_is_decided_before_the_work_is_judged(
    desk: Desk, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    from annotation import diversity

    monkeypatch.setattr(diversity, "sentence_encoder", lambda name: None)  # texts are equal or not
    wanted = recipe(annotators=2, quality={"rounds": 1, "semantic": 1.0})
    push(desk, workspace, wanted)
    for task in tasks(desk):
        accept(desk, task, 1)
        accept(desk, task, 2, **({"caption_verdict": ["reject"]} if task["data"]["sample"] == "p0" else {}))
    pull(desk, workspace, wanted)
    (case,) = give(workspace, wanted)
    assert (case.kind, case.samples) == ("adjudication", ["p0"])
    assert give(workspace, wanted) == []
    push(desk, workspace, wanted)
    (deciding,) = tasks(desk, case)
    accept(desk, deciding, 3, caption_choice=["1"])
    pull(desk, workspace, wanted)
    people = (*PEOPLE, "reviewer-4")
    assert [b.kind for b in give(workspace, wanted, people)] == ["annotation", "quality"]


def test_what_is_due_is_sent_at_once(desk: Desk, workspace: Workspace) -> None:
    do_the_round(desk, workspace)
    given, pushed = review.send(workspace, WANTED, connected(desk, workspace))
    assert [b.kind for b in given.batches] == ["annotation", "quality"]
    assert pushed.created == len(tasks(desk, given.batches[1])) == 2


def test_everybody_with_an_account_may_judge(desk: Desk, workspace: Workspace, tmp_path: Path) -> None:
    assert review.reviewers(connected(desk, workspace)) == list(PEOPLE)
