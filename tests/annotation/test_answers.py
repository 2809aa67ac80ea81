"""Answers are read strictly and never guessed; sets of intervals are compared by what they cover."""

import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from annotation.answers import KEYS, Reply, Sheet, Spans, grade, iou, measure, merged, read, refused

OPTIONS = {
    "q1": ("Yes", "No"),
    "q2": ("crack", "scratch", "concavity", "bulge", "broken", "hole", "none"),
    "q3": ("vase0", "tin can", "Ring", "ring"),
}
SHEET = Sheet(OPTIONS, 2.0)
GOOD = "<answer><q1>Yes</q1><q2>hole</q2><q3>vase0</q3><q4>[[0.5, 1.25]]</q4></answer>"
ALL = {"q1": "Yes", "q2": "hole", "q3": "vase0", "q4": ((0.5, 1.25),)}


def values(text: str, sheet: Sheet = SHEET) -> dict[str, object]:
    return {k: r.value for k, r in read(text, sheet).items() if r.outcome == "answered"}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        f"  {GOOD}\n",
        f"<think>It has a hole.</think>\n{GOOD}",
        f"<THINK>\nfirst <answer>, then</THINK>{GOOD}",  # the tag is only spoken of
        f"<think>{GOOD.replace('hole', 'crack')}</think> {GOOD}",  # changed its mind
        f"<global_perception>A vase.</global_perception><segment_perception>none</segment_perception>"
        f"<think>So.</think>{GOOD}",
        f"Here is my answer: {GOOD} I hope it helps.",
        GOOD.replace("<q", " \n <Q").replace("</q", "</Q").replace("answer>", "Answer>"),
        "<answer><q4>[[0.5,1.25]]</q4><q3> VASE0 </q3><q2>\tHole\n</q2><q1>yes</q1></answer>",  # in any order
    ],
)
def test_what_is_understood(text: str) -> None:
    assert values(text) == ALL


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "there is no <answer>"),
        ("Yes, it has a hole.", "there is no <answer>"),
        ("I'm sorry, I can't help with that.", "there is no <answer>"),
        (GOOD.replace("<answer>", ""), "not one <answer> with one </answer>"),
        (GOOD.replace("</answer>", ""), "not one <answer> with one </answer>"),
        (GOOD + GOOD, "not one <answer> with one </answer>"),
        (f"<answer>{GOOD}</answer>", "not one <answer> with one </answer>"),
        (f"</answer>{GOOD[8:-9]}<answer>", "not one <answer> with one </answer>"),
        (f"<think>I wonder {GOOD}", "the reasoning does not end"),
        (f"<think>a</think>{GOOD}<think>b", "the reasoning does not end"),
        (f"<think>a</think>{GOOD}<think>b</think>", "there is no <answer>"),  # all of it is ahead of the last </think>
        (GOOD.replace("<q2>", "q2: <q2>"), "something beside its fields: 'q2: "),
        (GOOD.replace("</answer>", ".</answer>"), "something beside its fields: '.'"),
        (GOOD.replace("<q1>Yes</q1>", "Yes"), "something beside its fields: 'Yes"),
        (GOOD.replace("</q1>", ""), "something beside its fields: '<q1>Yes<q2>"),
        (GOOD.replace("</q1>", "</q2>"), "something beside its fields"),
        (GOOD.replace("<q1>Yes</q1>", "<q1><q2>hole</q2></q1>"), "something beside its fields"),
        (GOOD.replace("<q1>Yes", "<q1><b>Yes</b>"), "something beside its fields"),
        (GOOD.replace("<q1>", '<q1 sure="1">'), "something beside its fields"),
        (GOOD.replace("</answer>", "<q5>Yes</q5></answer>"), "something beside its fields"),
        (GOOD.replace("</answer>", "<note>x</note></answer>"), "something beside its fields"),
        ('{"q1": "Yes", "q2": "hole"}', "there is no <answer>"),
    ],
)
def test_what_makes_the_whole_answer_invalid(text: str, says: str) -> None:
    for reply in read(text, SHEET).values():
        assert (reply.outcome, reply.value) == ("invalid", None)
        assert says in reply.why


@pytest.mark.parametrize(
    ("key", "content", "says"),
    [
        ("q1", "A", "names none"),  # not option A
        ("q1", "Yes.", "names none"),
        ("q1", "Yes, there is", "names none"),
        ("q1", "True", "names none"),
        ("q1", "Y", "names none"),
        ("q1", "", "names none"),
        ("q1", "Yes No", "names none"),
        ("q1", "Yes/No", "names none"),
        ("q1", '"Yes"', "names none"),
        ("q2", "a hole", "names none"),
        ("q2", "holes", "names none"),
        ("q2", "hole, crack", "names none"),
        ("q2", "N/A", "names none"),
        ("q3", "vase", "names none"),
        ("q3", "tincan", "names none"),
        ("q3", "RING", "names none"),  # two options differ in case only, and it is neither
        ("q4", "none", "no JSON list"),
        ("q4", "", "no JSON list"),
        ("q4", "[0.5, 1.25]", "no JSON list of [start, end]"),  # one interval is a list of one
        ("q4", "0.5-1.25", "no JSON list"),
        ("q4", "[[0.5, 1.25]", "no JSON list"),
        ("q4", "[[0.5, 1.25],]", "no JSON list"),
        ("q4", "[(0.5, 1.25)]", "no JSON list"),
        ("q4", "[[0.5]]", "no JSON list"),
        ("q4", "[[0.5, 1.0, 1.25]]", "no JSON list"),
        ("q4", '{"start": 0.5}', "no JSON list"),
        ("q4", "null", "no JSON list"),
        ("q4", "[[]]", "no JSON list"),
        ("q4", '[["0.5", "1.25"]]', "other than seconds"),
        ("q4", "[[0.5s, 1.25s]]", "no JSON list"),
        ("q4", "[[true, 1.25]]", "other than seconds"),
        ("q4", "[[null, 1.25]]", "other than seconds"),
        ("q4", "[[NaN, 1.25]]", "no JSON list"),
        ("q4", "[[0, Infinity]]", "no JSON list"),
        ("q4", "[[0, 1e999]]", "other than seconds"),
        ("q4", f"[[0, 1{'0' * 400}]]", "other than seconds"),
        ("q4", f"[[0, 1{'0' * 3900}]]", "other than seconds"),
        ("q4", f"[[0, {'1' * 5000}]]", "too long"),
        ("q4", "[" * 3000, "no JSON list"),
        ("q4", "[[1.25, 0.5]]", "empty or outside"),
        ("q4", "[[0.5, 0.5]]", "empty or outside"),
        ("q4", "[[0.5, 3.0]]", "empty or outside"),
        ("q4", "[[-1, 0.5]]", "empty or outside"),
        ("q4", "[[15, 38]]", "empty or outside"),  # frames in place of seconds
        ("q4", "[[2.01, 2.04]]", "empty or outside"),  # within the tolerance, and nothing of it in the clip
        ("q4", "[[0.1, 0.2], [1.9, 9]]", "empty or outside"),
    ],
)
def test_what_makes_one_question_invalid(key: str, content: str, says: str) -> None:
    good = {"q1": "Yes", "q2": "hole", "q3": "vase0", "q4": "[[0.5, 1.25]]"}
    text = "".join(f"<{k}>{v}</{k}>" for k, v in {**good, key: content}.items())
    replies = read(f"<answer>{text}</answer>", SHEET)
    assert replies[key].outcome == "invalid"
    assert says in replies[key].why
    assert {k: r.value for k, r in replies.items() if k != key} == {k: v for k, v in ALL.items() if k != key}


def test_a_field_that_is_missing_or_there_twice_costs_that_question_only() -> None:
    assert values(GOOD.replace("<q2>hole</q2>", "")) == {k: v for k, v in ALL.items() if k != "q2"}
    assert values(GOOD.replace("<q2>hole</q2>", "<q2>hole</q2><q2>hole</q2>")).keys() == {"q1", "q3", "q4"}
    assert read("<answer></answer>", SHEET)["q1"] == Reply("invalid", None, "<q1> is missing")


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("[]", ()),
        (" [ ] ", ()),
        ("[[0, 2]]", ((0.0, 2.0),)),
        ("[[-0.04, 2.04]]", ((0.0, 2.0),)),  # cut to the clip
        ("[[1, 1.5], [0.2, 0.4]]", ((0.2, 0.4), (1.0, 1.5))),
        ("[[0.2, 0.6], [0.4, 1.0], [1.0, 1.2]]", ((0.2, 1.2),)),
        ("[[0.2, 1.0], [0.4, 0.6]]", ((0.2, 1.0),)),
        ("[[5e-1,1.25]]", ((0.5, 1.25),)),
    ],
)
def test_intervals(content: str, value: Spans) -> None:
    assert values(f"<answer><q4>{content}</q4></answer>")["q4"] == value


def test_choices_that_differ_in_case_only_are_told_apart() -> None:
    assert [values(f"<answer><q3>{x}</q3></answer>")["q3"] for x in ("Ring", "ring", "tin \n can")] == [
        "Ring", "ring", "tin can",
    ]  # fmt: skip


def test_only_what_was_asked_is_read() -> None:
    one = Sheet(OPTIONS, 0.0, ("q1",))
    assert values("<answer><q1>No</q1></answer>", one) == {"q1": "No"}
    assert "which was not asked for" in read(GOOD, one)["q1"].why


def test_refused_counts_as_wrong() -> None:
    assert [grade(k, r, ()) for k, r in refused(SHEET).items()] == [0.0] * 4
    assert {r.outcome for r in refused(SHEET).values()} == {"refused"}


@given(st.text(alphabet="<>/qthinkaswer1234[]., YesNo\n", max_size=120))
@example(GOOD)
def test_whatever_is_said_is_one_of_the_outcomes(text: str) -> None:
    for reply in read(text, SHEET).values():
        assert reply.outcome in ("answered", "invalid")
        assert (reply.value is None) == (reply.outcome == "invalid") == bool(reply.why)


TICKS = 60
"""Ends of intervals lie on a grid of this many ticks over two seconds."""
ticks = st.lists(
    st.tuples(st.integers(0, TICKS - 1), st.integers(1, TICKS)).map(lambda p: (p[0], min(p[0] + p[1], TICKS))),
    max_size=5,
)


def spans(pairs: list[tuple[int, int]]) -> Spans:
    return merged((2 * a / TICKS, 2 * b / TICKS) for a, b in pairs)


def on_grid(pairs: list[tuple[int, int]]) -> np.ndarray:
    """(TICKS,) bool: which ticks the intervals cover."""
    seen = np.zeros(TICKS, bool)
    for a, b in pairs:
        seen[a:b] = True
    return seen


@given(ticks, ticks)
@example([], [])
@example([(0, 10)], [])
def test_iou_is_that_of_the_covered_time(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    a, b = on_grid(one), on_grid(other)
    exact = (a & b).sum() / (a | b).sum() if (a | b).any() else 1.0
    found = iou(spans(one), spans(other))
    assert found == pytest.approx(exact, abs=1e-9)
    assert 0 <= found <= 1
    assert found == iou(spans(other), spans(one))
    assert iou(spans(one), spans(one)) == 1


@given(ticks)
def test_merged_intervals_are_apart_and_cover_the_same(pairs: list[tuple[int, int]]) -> None:
    made = spans(pairs)
    assert all(b < c for (_, b), (c, _) in pairwise(made))
    assert measure(made) == pytest.approx(2 / TICKS * on_grid(pairs).sum())


@given(
    st.sampled_from(OPTIONS["q1"]), st.sampled_from(OPTIONS["q2"]), st.sampled_from(OPTIONS["q3"]), ticks,
    st.sampled_from(["", "<think>a < b, <answer>?</think>\n"]),
)  # fmt: skip
def test_what_is_written_in_the_form_asked_for_is_read_back(
    q1: str, q2: str, q3: str, pairs: list[tuple[int, int]], thought: str
) -> None:
    said = {"q1": q1, "q2": q2, "q3": q3, "q4": spans(pairs)}
    fields = "\n".join(f"<{k}>{json.dumps(v) if k == 'q4' else v}</{k}>" for k, v in said.items())
    replies = read(f"{thought}<answer>\n{fields}\n</answer>", SHEET)
    assert {k: r.value for k, r in replies.items()} == said
    assert [grade(k, replies[k], said[k]) for k in KEYS] == [1.0] * 4


def test_hallucinated_and_missed_intervals_score_nothing() -> None:
    assert grade("q4", Reply("answered", ((0.0, 2.0),)), ()) == 0
    assert grade("q4", Reply("answered", ()), ((0.0, 2.0),)) == 0
    assert math.isclose(grade("q4", Reply("answered", ((0.0, 1.0),)), ((0.5, 1.5),)), 1 / 3)
