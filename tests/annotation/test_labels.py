"""Which annotation is the label."""

import pytest

from annotation.labels import current, standing
from schemas.rows import Annotation, Score, annotation


def said(kind: str, text: str, **values: object) -> Annotation:
    base = {"sample": "s", "task": "caption", "author_kind": kind, "author": kind, "author_version": "1"}
    return annotation(**{**base, "status": "candidate", "text": text, **values})


MODEL = said("model", "machine", candidate=0)
CHOSEN = said("model", "machine, chosen", candidate=1, scores=[Score("chosen", 1.0)])
PERSON = said("person", "by hand", round=1, status="corrected", supersedes=CHOSEN.id)
LATER = said("person", "by hand again", round=2, status="corrected", supersedes=PERSON.id)
REFUSED = said("person", "", round=1, status="rejected", supersedes=CHOSEN.id)


@pytest.mark.parametrize(
    ("rows", "label"),
    [
        ([MODEL, CHOSEN], "machine, chosen"),  # the chosen candidate
        ([MODEL, CHOSEN, PERSON], "by hand"),  # a person over a machine
        ([MODEL, CHOSEN, PERSON, LATER], "by hand again"),  # the later round
        ([MODEL, CHOSEN, REFUSED], None),  # rejected: no label, although another candidate is left
        ([MODEL, CHOSEN, REFUSED, said("person", "mended", round=2, status="corrected")], "mended"),
        # two reviewers of one round who disagree: the more critical one is heard, whatever their names
        (
            [
                MODEL,
                CHOSEN,
                REFUSED,
                said("person", "machine, chosen", round=1, status="accepted", supersedes=CHOSEN.id, author="zoe"),
            ],
            None,
        ),
        (
            [
                MODEL,
                CHOSEN,
                PERSON,
                said("person", "machine, chosen", round=1, status="accepted", supersedes=CHOSEN.id, author="zoe"),
            ],
            "by hand",
        ),
    ],
)
def test_the_label_whatever_the_order_of_rows(rows: list[Annotation], label: str | None) -> None:
    for order in (rows, rows[::-1]):
        entry = current(order)["s"]
        assert (entry.by_task["caption"].text if "caption" in entry.by_task else None) == label
        assert ("caption" in entry.rejected) == (label is None)


def test_a_withdrawal_takes_back_all_that_its_author_said_and_nothing_else() -> None:
    by = {"sample": "s", "task": "caption", "author_version": "1"}
    machine = annotation(author_kind="model", author="m", status="candidate", text="machine", **by)

    def person(who: str, text: str, supersedes: str, status: str = "corrected") -> Annotation:
        return annotation(
            author_kind="person", author=who, status=status, text=text, supersedes=supersedes, round=1, **by
        )

    first = person("ann", "first", machine.id)
    second = person("ann", "second", first.id)
    other = person("bob", "other", machine.id)
    back = person("ann", "", second.id, "withdrawn")
    assert current([machine, first, second])["s"].by_task["caption"] == second
    assert current([machine, first, second, back])["s"].by_task["caption"] == machine
    assert current([machine, first, second, back, other])["s"].by_task["caption"] == other
    assert standing([machine, first, second, back]) == [machine]
    assert standing([machine, first, second, back], withdrawn=True) == [machine, back]
    again = person("ann", "again", back.id)
    assert standing([machine, first, second, back, again]) == [again]
