"""Quality rounds: what is drawn, who judges it, what comes of it, and what a release reads."""

import dataclasses
from collections import Counter
from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.labelling.project import Answer, Content
from schemas.arrow import from_dict, to_arrow
from schemas.errors import BadInput, CallError
from schemas.review import Quality
from schemas.rows import Annotation, Batch, Verdict, annotation
from tasks.quality import rounds as quality
from tasks.quality.drawing import allocated, assigned, drawn
from tasks.quality.passing import accuracy, again, due, gate, remarks

WANT = Quality(rounds=2)
SAMPLES = [f"s{n:03}" for n in range(100)]
STRATA = {s: "crack" if n % 4 == 0 else "hole" for n, s in enumerate(SAMPLES)}
PEOPLE = ("ann", "bob", "cid", "dan")


def work(samples: Iterable[str] = SAMPLES, task: str = "caption", **values: object) -> Batch:
    base = {"kind": "annotation", "round": 1, "reason": "first pass", "parent": None}
    return quality.made(**{**base, "task": task, "samples": sorted(samples), **values})


def said(sample: str, author: str, task: str = "caption") -> Annotation:
    return annotation(sample=sample, task=task, author_kind="person", author=author, author_version="1",
                      status="accepted", round=1)  # fmt: skip


DONE_BY_ANN = [said(s, "ann") for s in SAMPLES]


def draw(
    batch: Batch, round_: int = 1, want: Quality = WANT, seed: int = 7, batches: Iterable[Batch] = ()
) -> list[Batch]:
    return quality.draw(batch, round_, want, PEOPLE, DONE_BY_ANN, STRATA, seed, batches)


def people(batch: Batch) -> dict[str, str]:
    found: dict[str, str] = quality.settings_of(batch)["assigned"]
    return found


def judged(batch: Batch, wrong: Iterable[str] = (), task: str = "caption") -> list[Verdict]:
    """The whole round, judged by whom it was given to; `wrong` samples are not complete."""
    return [v for sample, who in people(batch).items()
            for v in quality.judge(batch, sample, who, [answer(sample in set(wrong), task)], {})]  # fmt: skip


def answer(wrong: bool, task: str = "caption", comment: str = "") -> Answer:
    finding = quality.FINDINGS[quality.kind_of(task)][-1]
    return Answer(task, "a1", "rejected" if wrong else "accepted", Content(choices=[finding] if wrong else []), comment)


def rounds(batch: Batch, *wrong: int) -> tuple[list[Batch], list[Verdict]]:
    """The batch with its judged rounds, each with so many erroneous samples."""
    batches, verdicts = [batch], []
    for round_, errors in enumerate(wrong, 1):
        (q,) = draw(batch, round_, batches=batches)
        batches.append(q)
        verdicts += judged(q, q.samples[:errors])
    return batches, verdicts


def passes(batches: Iterable[Batch], verdicts: Iterable[Verdict], want: Quality = WANT) -> bool:
    return gate(SAMPLES, ["caption"], batches, verdicts, want).passed


# --- drawing ----------------------------------------------------------------------------------------


@given(st.dictionaries(st.text("abc", max_size=3), st.integers(0, 300), min_size=1), st.data())
def test_shares_add_up_and_are_within_one_of_proportional(counts: dict[str, int], data: st.DataObject) -> None:
    total = sum(counts.values())
    size = data.draw(st.integers(0, total))
    shares = allocated(counts, size)
    assert sum(shares.values()) == size
    for name, share in shares.items():
        assert share <= counts[name]
        assert abs(share - size * counts[name] / total) < 1


@given(st.lists(st.integers(0, 500), unique=True, min_size=1, max_size=60), st.integers(0, 5), st.randoms())
def test_a_draw_depends_on_the_seed_alone(numbers: list[int], seed: int, random: object) -> None:
    samples = [f"s{n}" for n in numbers]
    of = {s: s[-1] for s in samples}
    size = (len(samples) + 1) // 2
    found = drawn(samples, size, of, np.random.default_rng(seed))
    random.shuffle(samples)  # type: ignore[attr-defined]
    assert drawn(samples, size, of, np.random.default_rng(seed)) == found
    assert len(set(found)) == size and set(found) <= set(samples)


def test_every_sample_of_a_stratum_is_as_likely_to_be_drawn() -> None:
    counts: Counter[str] = Counter()
    for seed in range(400):
        counts.update(drawn(SAMPLES, 10, STRATA, np.random.default_rng(seed)))
    for stratum, share in (("crack", 2 / 25), ("hole", 8 / 75)):
        spread = np.sqrt(400 * share * (1 - share))
        assert all(abs(counts[s] - 400 * share) < 4.5 * spread for s in SAMPLES if STRATA[s] == stratum)


def test_a_round_draws_a_tenth_of_what_is_semantic_and_a_twentieth_of_what_is_visual() -> None:
    (texts,), (shapes,) = draw(work()), draw(work(task="mask"))
    assert (len(texts.samples), len(shapes.samples), texts.population) == (10, 5, 100)
    # A quarter are cracks: 2.5 of 10. The half goes to the larger stratum.
    assert Counter(STRATA[s] for s in texts.samples) == {"hole": 8, "crack": 2}


def test_work_with_both_is_drawn_twice() -> None:
    found = draw(work(task="clip"))
    assert [(quality.settings_of(q)["kind"], len(q.samples)) for q in found] == [("semantic", 10), ("visual", 5)]


def test_drawing_again_gives_the_same_rows_and_another_seed_others() -> None:
    assert draw(work()) == draw(work())
    assert draw(work())[0].samples != draw(work(), seed=8)[0].samples
    assert draw(work())[0].samples != draw(work(), round_=2)[0].samples
    (row,) = to_arrow(Batch, draw(work())).to_pylist()
    assert from_dict(Batch, row) == draw(work())[0]


def test_an_acceptance_plan_asks_for_as_many_as_the_risks_need() -> None:
    want = Quality(rounds=2, plan="acceptance")
    asked = quality.plan(500, "semantic", want)
    assert (asked.size, asked.allowed) == (63, 2)  # more than the 50 of the share
    assert asked.producer_risk <= 0.05 and asked.consumer_risk <= 0.10
    large = quality.plan(100_000, "semantic", want)
    assert large.size == 10_000 and large.allowed == 499  # the share is more, and accuracy is the stricter rule
    assert quality.plan(3, "visual", WANT).size == 1


# --- who judges -------------------------------------------------------------------------------------


@given(st.lists(st.sets(st.sampled_from(PEOPLE), max_size=3), min_size=1, max_size=40), st.integers(0, 3))
def test_nobody_is_given_their_own_work(worked: list[set[str]], seed: int) -> None:
    samples = SAMPLES[: len(worked)]
    of = dict(zip(samples, worked, strict=True))
    first = assigned(samples, of, PEOPLE, [], np.random.default_rng(seed))
    second = assigned(samples, of, PEOPLE, [first], np.random.default_rng(seed))
    for given_to in (first, second):
        assert set(given_to) == set(samples)
        assert all(who not in of[sample] for sample, who in given_to.items())
    for sample, who in second.items():
        free = [name for name in PEOPLE if name not in of[sample]]
        fresh = [name for name in free if name not in first.values()]
        assert who in fresh if fresh else who != first[sample] or free == [who]


def test_work_is_shared_out_evenly() -> None:
    found = assigned(SAMPLES, {s: ["ann"] for s in SAMPLES}, PEOPLE, [], np.random.default_rng(1))
    assert sorted(Counter(found.values()).values()) == [33, 33, 34]


def test_the_second_round_is_other_people_where_there_are_enough() -> None:
    batch = work()
    (first,) = quality.draw(batch, 1, WANT, ["ann", "bob"], DONE_BY_ANN, STRATA, 7)
    (second,) = quality.draw(batch, 2, WANT, PEOPLE, DONE_BY_ANN, STRATA, 7, [first])
    assert (set(people(first).values()), set(people(second).values())) == ({"bob"}, {"cid", "dan"})
    assert quality.settings_of(second)["other_people"]
    (alone,) = quality.draw(batch, 2, WANT, ["ann", "bob"], DONE_BY_ANN, STRATA, 7, [first])
    assert set(people(alone).values()) == {"bob"} and not quality.settings_of(alone)["other_people"]


def test_too_few_people_is_said_with_what_to_do() -> None:
    with pytest.raises(CallError, match=r"s\d+: all of the 1 reviewers have worked on it.*invite somebody else"):
        quality.draw(work(), 1, WANT, ["ann"], DONE_BY_ANN, STRATA, 7)


# --- judging ----------------------------------------------------------------------------------------


def test_a_sample_is_erroneous_if_anything_in_it_is() -> None:
    (q,) = draw(work(task="mask"))
    sample = q.samples[0]
    right, wrong = answer(False, "mask"), answer(True, "box")
    found = quality.judge(q, sample, "bob", [right, wrong], {})
    assert [(v.task, v.verdict, v.findings, v.batch) for v in found] == [
        ("box", "rejected", ["missing_object"], q.id), ("mask", "accepted", [], q.id),
    ]  # fmt: skip
    assert (quality.outcome(q, found, WANT).judged, quality.outcome(q, found, WANT).errors) == (1, 1)


def test_judging_again_adds_nothing_and_a_changed_mind_supersedes() -> None:
    (q,) = draw(work())
    sample = q.samples[0]
    first = quality.judge(q, sample, "bob", [answer(True)], {})
    assert quality.judge(q, sample, "bob", [answer(True)], {}, first) == []
    second = quality.judge(q, sample, "bob", [answer(False)], {}, first)
    third = quality.judge(q, sample, "bob", [answer(True)], {}, [*first, *second])
    assert [v.supersedes for v in second + third] == [first[0].id, second[0].id]
    assert quality.verdicts(q, [*third, *first, *second]) == third
    assert len({v.id for v in first + second + third}) == 3


def test_what_does_not_belong_is_refused() -> None:
    (q,) = draw(work())
    sample = q.samples[0]
    with pytest.raises(BadInput, match="ann has worked on it and cannot judge it"):
        quality.judge(q, sample, "ann", [answer(False)], {sample: {"ann"}})
    with pytest.raises(BadInput, match="nowhere: was not drawn"):
        quality.judge(q, "nowhere", "bob", [answer(False)], {})
    with pytest.raises(BadInput, match="missing_object: is none of context, level, complete"):
        quality.judge(q, sample, "bob", [answer(True, "mask")], {})
    with pytest.raises(BadInput, match="either right, or wrong"):
        quality.judge(q, sample, "bob", [dataclasses.replace(answer(True), status="accepted")], {})


def test_a_round_is_open_until_every_sample_is_judged() -> None:
    (q,) = draw(work())
    found = judged(q)
    assert quality.outcome(q, found[:-1], WANT).passed is None
    assert quality.outcome(q, found, WANT).passed is True
    elsewhere = dataclasses.replace(found[-1], id="other", sample="elsewhere")
    assert quality.outcome(q, [*found[:-1], elsewhere], WANT).passed is None
    assert quality.outcome(q, judged(q, q.samples[:1]), WANT).passed is False  # 90 % is not more than 95 %


def test_a_withdrawn_verdict_opens_the_round_again() -> None:
    (q,) = draw(work())
    found = judged(q)
    back = dataclasses.replace(found[0], id="back", verdict="withdrawn", supersedes=found[0].id)
    assert quality.outcome(q, [*found, back], WANT).passed is None
    again_ = quality.judge(q, back.sample, back.reviewer, [answer(False)], {}, [*found, back])
    assert [v.supersedes for v in again_] == ["back"]
    assert quality.outcome(q, [*found, back, *again_], WANT).passed is True


def test_exactly_the_wanted_accuracy_is_not_enough() -> None:
    (q,) = draw(work(), want=Quality(semantic=1.0))
    assert quality.outcome(q, judged(q, q.samples[:5]), WANT).passed is False
    assert quality.outcome(q, judged(q, q.samples[:4]), WANT).passed is True


# --- the gate ---------------------------------------------------------------------------------------


def test_a_release_is_a_draft_until_both_rounds_passed() -> None:
    assert not passes([], [])
    assert not passes([work()], [])
    assert not passes(*rounds(work(), 0))
    assert passes(*rounds(work(), 0, 0))
    assert not passes(*rounds(work(), 0, 1))
    assert not passes(*rounds(work(), 1, 0))
    assert passes([], [], Quality(rounds=0))


def test_what_lies_in_no_batch_keeps_it_a_draft() -> None:
    batches, verdicts = rounds(work(SAMPLES[:60]), 0, 0)
    found = gate(SAMPLES, ["caption"], batches, verdicts, WANT)
    assert not found.passed and any(s.startswith("40 samples are in no batch") for s in found.sentences)
    assert gate(SAMPLES[:60], ["caption"], batches, verdicts, WANT).passed
    assert not gate(SAMPLES[:60], ["caption", "visible_interval"], batches, verdicts, WANT).passed


def test_a_round_that_was_drawn_too_small_does_not_count() -> None:
    batch = work()
    small = [draw(batch, n, Quality(rounds=2, semantic=0.02))[0] for n in (1, 2)]
    assert not passes([batch, *small], [v for q in small for v in judged(q)])


def test_drawn_twice_a_round_has_to_pass_twice() -> None:
    batches, verdicts = rounds(work(), 0, 0)
    (other,) = draw(batches[0], 1, seed=8)
    assert not passes([*batches, other], verdicts)
    assert not passes([*batches, other], [*verdicts, *judged(other, other.samples[:1])])
    assert passes([*batches, other], [*verdicts, *judged(other)])


@given(st.lists(st.booleans(), min_size=20, max_size=20), st.integers(0, 19))
def test_one_more_error_never_opens_the_gate(wrong: list[bool], more: int) -> None:
    batch = work()
    drawn_ = [draw(batch, 1)[0]]
    drawn_.append(draw(batch, 2, batches=drawn_)[0])

    def verdict(flags: list[bool]) -> bool:
        marked = [(q, q.samples[i]) for q, part in zip(drawn_, (flags[:10], flags[10:]), strict=True)
                  for i in range(10) if part[i]]  # fmt: skip
        return passes([batch, *drawn_], [v for q in drawn_ for v in judged(q, [s for p, s in marked if p == q])])

    worse = [flag or n == more for n, flag in enumerate(wrong)]
    assert verdict(wrong) >= verdict(worse)
    assert verdict([False] * 20)


def test_a_failed_batch_becomes_new_work_with_its_verdicts() -> None:
    batches, verdicts = rounds(work(), 0, 2)
    outcomes = gate(SAMPLES, ["caption"], batches, verdicts, WANT).outcomes
    new = again(batches[0], outcomes)
    assert (new.kind, new.parent, new.samples, new.task) == ("annotation", batches[0].id, SAMPLES, "caption")
    assert "2 of 10 with semantic errors in round 2" in new.reason
    assert again(batches[0], outcomes) == new and new.id != batches[0].id
    shown = remarks(new, batches, verdicts)
    assert shown == {s: ("round 2, caption: complete",) for s in batches[2].samples[:2]}
    # The new batch stands in for the failed one, and has rounds of its own to pass.
    assert not passes([*batches, new], verdicts)
    more, later = rounds(new, 0, 0)
    assert passes([*batches, *more], [*verdicts, *later])
    with pytest.raises(CallError, match="has failed no quality round"):
        again(new, outcomes)


def test_a_failed_batch_that_is_only_partly_done_again_still_holds_it_up() -> None:
    batches, verdicts = rounds(work(), 0, 2)
    part, later = rounds(work(SAMPLES[:50], parent=batches[0].id), 0, 0)
    assert not passes([*batches, *part], [*verdicts, *later])


def test_rounds_are_stated_with_accuracy_and_interval() -> None:
    batches, verdicts = rounds(work(), 0, 1)
    found = gate(SAMPLES, ["caption"], batches, verdicts, WANT)
    first, second, rule = found.sentences
    assert "10 of 10 drawn samples judged, of 100; 0 with errors, accuracy 100.0%" in first and "1 passed" in first
    assert "1 with errors, accuracy 90.0% (95% confidence: " in second and "1 failed" in second
    assert rule == "It takes 2 rounds with an accuracy of more than 95% each."
    share, low, high = accuracy([o for o in found.outcomes if o.round == 2], 0.95)
    assert low < share == 0.9 < high < 1


def test_a_stricter_recipe_judges_the_same_verdicts_more_strictly() -> None:
    (q,) = draw(work(), want=Quality(semantic=1.0))
    found = judged(q, q.samples[:3])
    assert quality.outcome(q, found, Quality(rounds=2)).passed is True
    assert quality.outcome(q, found, Quality(rounds=2, min_accuracy=0.97)).passed is False


def test_what_is_due_follows_from_the_rows() -> None:
    batch = work()

    def next_(batches: list[Batch], verdicts: list[Verdict]) -> tuple[list[tuple[str, int]], list[str]]:
        found = due(batches, verdicts, WANT)
        return [(b.id, n) for b, n in found.draw], [b.id for b in found.again]

    assert next_([batch], []) == ([(batch.id, 1)], [])
    assert next_([batch, *draw(batch)], []) == ([], [])  # people have to judge first
    assert next_(*rounds(batch, 0)) == ([(batch.id, 2)], [])
    assert next_(*rounds(batch, 0, 0)) == ([], [])
    batches, verdicts = rounds(batch, 0, 1)
    assert next_(batches, verdicts) == ([], [batch.id])
    new = again(batch, gate(SAMPLES, ["caption"], batches, verdicts, WANT).outcomes)
    assert next_([*batches, new], verdicts) == ([(new.id, 1)], [])
