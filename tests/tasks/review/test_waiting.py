"""Where people's work stands: pace without breaks, and what is done of a round or a batch."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.labels import current
from schemas.errors import CallError
from schemas.rows import Annotation, annotation
from tasks.quality.rounds import made
from tasks.reannotation.run import reannotation
from tasks.review.pull import review
from tasks.review.waiting import BREAK, look, pace
from tasks.stage import Shard, execute
from tests import factory

START = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("readings", "per_hour"),
    [
        ([(0, 0)], None),  # nothing was looked at twice
        ([(0, 0), (30, 0)], None),  # nothing was done
        ([(0, 0), (10, 5), (20, 10)], 30.0),
        ([(0, 0), (10, 5), (600, 5), (610, 10)], 10 / (35 / 60)),  # a night counts as a break of a quarter of an hour
        ([(0, 5), (10, 3), (20, 8)], 15.0),  # something was taken back: it is done once more, not undone in the pace
    ],
)
def test_pace(readings: list[tuple[int, int]], per_hour: float | None) -> None:
    found = pace([(START + timedelta(minutes=m), done) for m, done in readings])
    assert found == (None if per_hour is None else pytest.approx(per_hour))


@given(st.lists(st.tuples(st.integers(1, 10_000), st.integers(0, 50)), min_size=1, max_size=20))
def test_pace_is_never_slower_for_breaks(steps: list[tuple[int, int]]) -> None:
    when, done, readings = START, 0, [(START, 0)]
    for seconds, more in steps:
        when, done = when + timedelta(seconds=seconds), done + more
        readings.append((when, done))
    if found := pace(readings):
        assert found >= done / ((when - START) / timedelta(hours=1)) * 0.999999
        assert found >= done / (len(steps) * (BREAK / timedelta(hours=1))) * 0.999999


@pytest.mark.whole
def test_a_batch_is_done_when_as_many_have_answered_as_asked(tmp_path: Path) -> None:
    recipe = factory.recipe(review={"annotators": 2})
    workspace = factory.build(tmp_path / "ws", recipe)
    first, second = factory.samples(workspace)[:2]
    batch = made(kind="reannotation", task="caption", round=1, samples=[first.id, second.id], reason="x", settings="")
    shard = Shard(batch.id, items=(batch,))
    execute(reannotation, workspace, recipe, shard)
    workspace.point("reannotation", [reannotation.ref(recipe, shard)])
    labels = current(workspace.rows(Annotation))

    def answer(who: str, *samples: str) -> None:
        shards = []
        for sample in (first, second):
            if sample.id in samples:
                row = annotation(
                    sample=sample.id, task="caption", author_kind="person", author=who, author_version="1", round=1,
                    status="corrected", text="By hand.", batch=batch.id,
                    supersedes=labels[sample.id].by_task["caption"].id,
                )  # fmt: skip
                shards.append(Shard(sample.shard, items=(row,)))
        for shard in shards:
            execute(review, workspace, recipe, shard)
        refs = [review.ref(recipe, shard) for shard in shards]
        workspace.point("review", [*workspace.current("review"), *refs])

    begun = look(workspace, recipe, batch.id, START)
    assert (begun.done, begun.total, begun.people, begun.per_hour, begun.complete) == (0, 2, 0, None, False)
    answer("reviewer-1", first.id, second.id)
    answer("reviewer-2", first.id)
    half = look(workspace, recipe, batch.id, START + timedelta(minutes=6))
    assert (half.done, half.remaining, half.people) == (1, 1, 2)
    assert half.per_hour == pytest.approx(10)
    assert half.ends == START + timedelta(minutes=12)
    assert [(a.task, a.likeness, a.samples) for a in half.agreements] == [("caption", 1.0, 1)]
    answer("reviewer-2", second.id)
    assert look(workspace, recipe, batch.id, START + timedelta(minutes=7)).complete
    round_ = look(workspace, recipe, "", START)
    assert (round_.done, round_.people) == (0, 2)  # nobody has judged the intervals
    with pytest.raises(CallError, match="no such batch"):
        look(workspace, recipe, "b0", START)
