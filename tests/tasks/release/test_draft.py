"""A release that asks for quality rounds is a draft until they have passed, and its card states them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from annotation.labelling.project import Answer, Content
from schemas.rows import Annotation, Batch, Row, Sample, Verdict
from tasks.proof.verify import verify
from tasks.quality import rounds as quality
from tasks.quality.drawing import strata
from tasks.release.export import release
from tasks.stage import Context, Shard, Stage, gathering, stage
from tasks.workspace import Workspace
from tests import factory

pytestmark = pytest.mark.whole

WANTED = factory.recipe(review={"quality": {"rounds": 2, "visual": 0.3, "semantic": 0.5}})


def judging(rounds: int, wrong: int = 0) -> Stage:
    """One batch of all clips and its quality rounds; in the last of them so many captions are not complete."""

    @stage(
        version=1, reads=("render", "review"), writes=("batches", "verdicts"), settings=lambda r: [rounds, wrong],
        cut=gathering("render", "review"),
    )  # fmt: skip
    def judging(shard: Shard, ctx: Context) -> Iterator[Row]:
        samples = list(ctx.rows(Sample))
        batch = quality.made(
            kind="annotation", task="clip", round=1, samples=sorted(s.id for s in samples), parent=None
        )
        batches = [batch]
        people = ["reviewer-1", "reviewer-2", "reviewer-3"]
        for round_ in range(1, rounds + 1):
            done, want = ctx.rows(Annotation), ctx.recipe.review.quality
            batches += quality.draw(batch, round_, want, people, done, strata(samples), ctx.seed, batches)
        yield from batches
        worked = quality.workers(ctx.rows(Annotation), batch)
        for q in batches[1:]:
            told = quality.settings_of(q)
            bad = q.samples[:wrong] if (q.round, told["kind"]) == (rounds, "semantic") else []
            for sample, reviewer in told["assigned"].items():
                task = "caption" if told["kind"] == "semantic" else "visible_interval"
                findings = ["complete"] if sample in bad else []
                status = "rejected" if findings else "accepted"
                said = [Answer(task, None, status, Content(choices=findings), "too short" if findings else "")]
                yield from quality.judge(q, sample, reviewer, said, worked)

    return judging


@pytest.fixture
def reviewed(tmp_path: Path) -> Workspace:
    return factory.build(tmp_path / "ws", WANTED, reviewed=True)


@pytest.mark.parametrize(
    ("rounds", "wrong", "draft", "said"),
    [
        (0, 0, True, "4 quality rounds are still to be drawn."),
        (1, 0, True, "2 quality rounds are still to be drawn."),
        (
            2,
            1,
            True,
            "Quality round 2, semantic annotations: 7 of 7 drawn samples judged, of 14; 1 with errors, accuracy",
        ),
        (2, 0, False, "5 of 5 drawn samples judged, of 14; 0 with errors, accuracy 100.0% (95% confidence: "),
    ],
)
def test_a_draft_until_both_rounds_passed(reviewed: Workspace, rounds: int, wrong: int, draft: bool, said: str) -> None:
    factory.run(judging(rounds, wrong), reviewed, WANTED)
    made = release(reviewed, WANTED)
    assert made.draft == draft
    assert said in (made.path / "README.md").read_text()
    assert all(c.ok for c in verify(made.path)), [c for c in verify(made.path) if not c.ok]


def test_the_cards_table_of_verdicts_is_of_the_review_alone(reviewed: Workspace) -> None:
    before = (release(reviewed, WANTED).path / "README.md").read_text()
    factory.run(judging(2), reviewed, WANTED)
    after = (release(reviewed, WANTED).path / "README.md").read_text()
    assert "| 1 | caption | accepted | 14 |" in before
    assert "| 1 | caption | accepted | 14 |" in after and "| 2 | caption" not in after


def test_nobody_judged_what_they_had_worked_on(reviewed: Workspace) -> None:
    factory.run(judging(2), reviewed, WANTED)
    assert {v.reviewer for v in reviewed.rows(Verdict) if v.batch} == {"reviewer-2", "reviewer-3"}
    assert len([b for b in reviewed.rows(Batch) if b.kind == "quality"]) == 4
