"""Disagreements go to somebody else, whose decision is the label."""

import dataclasses
from collections.abc import Iterable

import pytest

from annotation.agreement.people import measure
from annotation.labelling.project import Answer, Content
from annotation.labels import current, standing
from schemas.errors import BadInput
from schemas.rows import Annotation, Batch, annotation
from tasks.quality.adjudication import batches, settle, shown
from tasks.review import gate


def said(sample: str, author: str, label: str, **values: object) -> Annotation:
    base = {"task": "match", "author_kind": "person", "author_version": "1", "status": "corrected", "round": 1}
    return annotation(**{**base, "sample": sample, "author": author, "label": label, **values})


ROWS = [said(f"s{n}", who, label) for n in range(3) for who, label in (("ann", "yes"), ("bob", "yes" if n else "no"))]


def due(rows: Iterable[Annotation]) -> list[Batch]:
    return batches(measure(sorted(rows, key=lambda a: (a.sample, a.id))).disagreements, 0.8)


def decide(label: str, rows: list[Annotation], who: str = "eve", status: str = "corrected") -> list[Annotation]:
    (batch,) = due(ROWS)
    return settle(batch, "s0", who, Answer("match", None, status, Content(label=label)), rows)


def test_a_batch_holds_what_people_disagree_on_with_all_their_answers() -> None:
    (batch,) = due(ROWS)
    assert (batch.kind, batch.task, batch.round, batch.samples) == ("adjudication", "match", 1, ["s0"])
    assert batch.reason == "1 samples whose annotators agree less than 80%"
    assert [(a.author, a.label) for a in shown(batch, ROWS)["s0"]] == [("ann", "yes"), ("bob", "no")]
    assert due(ROWS) == due(ROWS[::-1])


def test_large_work_is_cut_and_the_least_agreement_comes_first() -> None:
    rows = [said(f"s{n:02}", who, "", choices=choices) for n in range(25)
            for who, choices in (("ann", ["a", "b"]), ("bob", ["a", "c"] if n % 2 else ["d"]))]  # fmt: skip
    found = batches(measure(rows).disagreements, 0.8, size=10)
    assert [len(b.samples) for b in found] == [10, 10, 5]
    assert found[0].samples == [f"s{n:02}" for n in range(0, 20, 2)]


@pytest.mark.parametrize("label", ["yes", "no", "other"])
def test_the_decision_is_the_label_and_supersedes_all_answers(label: str) -> None:
    rows = [*ROWS, *decide(label, ROWS)]
    assert {a.author for a in standing(rows) if a.sample == "s0"} == {"eve"}
    assert current(rows)["s0"].by_task["match"].label == label
    assert gate(["s0"], sorted(rows, key=lambda a: a.sample), 1, 1.0, ("match",), annotators=2).passed
    assert due(rows) == []  # nothing left to decide
    assert [d.settled for d in measure(sorted(rows, key=lambda a: a.sample)).disagreements] == [True]


def test_a_decision_against_all_leaves_no_label() -> None:
    rows = [*ROWS, *decide("", ROWS, status="rejected")]
    assert current(rows)["s0"].rejected == {"match"}


def test_deciding_again_adds_nothing_and_otherwise_supersedes() -> None:
    first = decide("yes", ROWS)
    assert len(first) == 2 and decide("yes", [*ROWS, *first]) == []
    second = decide("no", [*ROWS, *first])
    assert {a.supersedes for a in second} == {a.id for a in first}
    third = decide("yes", [*ROWS, *first, *second])
    assert current([*ROWS, *first, *second, *third])["s0"].by_task["match"].label == "yes"


def test_who_changes_their_answer_afterwards_opens_the_case_again() -> None:
    rows = [*ROWS, *decide("yes", ROWS)]
    changed = said("s0", "bob", "other", supersedes=ROWS[1].id)
    assert [b.samples for b in due([*rows, changed])] == [["s0"]]


def test_a_withdrawn_decision_and_a_withdrawn_answer() -> None:
    decided = decide("yes", ROWS)
    back = [
        dataclasses.replace(a, id=f"back{n}", status="withdrawn", label=None, supersedes=a.id)
        for n, a in enumerate(decided)
    ]
    assert due([*ROWS, *decided]) == []
    assert [b.samples for b in due([*ROWS, *decided, *back])] == [["s0"]]
    gone = said("s0", "bob", "", status="withdrawn", supersedes=ROWS[1].id)
    assert due([*ROWS, gone]) == []  # one answer is no disagreement


def test_nobody_decides_between_their_own_answer_and_another() -> None:
    with pytest.raises(BadInput, match="ann gave one of the answers and cannot decide"):
        decide("yes", ROWS, who="ann")
    with pytest.raises(BadInput, match="s9: is not in adjudication batch"):
        settle(due(ROWS)[0], "s9", "eve", Answer("match", None, "accepted"), ROWS)
