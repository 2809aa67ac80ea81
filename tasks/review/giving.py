"""What people are given next, by the tables: cases to decide, rounds of quality, work that failed one."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from annotation.agreement.people import Disagreement, measure
from annotation.labelling.projects import PROJECTS
from annotation.labels import Labels, chain, current
from schemas.digests import canonical
from schemas.errors import CallError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Batch, Row, Sample, Verdict
from tasks.quality import adjudication, passing
from tasks.quality import rounds as quality
from tasks.quality.drawing import strata
from tasks.review.gate import NEEDED, missing, outcome
from tasks.review.push import PushReport, push
from tasks.review.rows import pseudonym
from tasks.review.said import said
from tasks.review.server import Server, pages, speaking
from tasks.review.waiting import complete, judged_rows
from tasks.review.work import ROUND
from tasks.stage import Context, Shard, execute, stage
from tasks.workspace import Workspace


@dataclass(frozen=True)
class Given:
    batches: tuple[Batch, ...]
    """The new ones."""
    problems: tuple[str, ...] = ()
    """Rounds that cannot be drawn yet, each with the reason."""


@stage(version=1, writes=("batches",), settings=lambda recipe: None, cut=lambda workspace, recipe: ())
def given(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Batches as immutable parts; the fingerprint is the hash of the rows themselves."""
    yield from shard.items


def send(workspace: Workspace, recipe: Recipe, server: Server) -> tuple[Given, PushReport]:
    """Give out what is due among those who have an account, and bring the server to it; the caller holds the lock."""
    given = give(workspace, recipe, reviewers(server))
    return given, push(workspace, recipe, server)


def reviewers(server: Server) -> list[str]:
    """Everybody who has an account on the server, as they stand in the tables."""
    with speaking(server.url, server.token_from):
        return sorted(name for u in pages(server, server.client.users.list) if (name := pseudonym(u.id)))


def give(workspace: Workspace, recipe: Recipe, people: Sequence[str]) -> Given:
    """File the batches that are due; the caller holds the workspace's lock. Giving again adds nothing.

    Where annotators disagree, somebody else decides. When the round is done and nothing is left to decide, its work is
    a batch that has to pass the recipe's quality rounds; each round is drawn when the one before it has passed. A
    batch that failed becomes a new one. `people` are the accounts among which judges are chosen.
    """
    before = list(workspace.rows(Batch))
    problems: list[str] = []
    open_ = [d for d in _disagreements(workspace, recipe) if not d.settled]
    new = adjudication.batches(_undecided(open_, before), recipe.review.min_agreement)
    if recipe.review.quality.rounds:
        if not open_:
            new += _finished(workspace, recipe, before)
        new += _rounds(workspace, recipe, [*before, *new], people, problems)
    there = {b.id for b in before}
    new = [b for b in new if b.id not in there]
    shards = [Shard(b.id, items=(b,)) for b in new]
    for shard in shards:
        execute(given, workspace, recipe, shard)
    if shards:
        workspace.point("given", [*workspace.current("given"), *(given.ref(recipe, shard) for shard in shards)])
    return Given(tuple(new), tuple(problems))


def _disagreements(workspace: Workspace, recipe: Recipe) -> list[Disagreement]:
    if recipe.review.annotators == 1:
        return []
    from annotation.diversity import sentence_encoder

    tasks = {task for name in _projects(recipe) for task in PROJECTS[name].judges}

    def rows() -> Iterator[Annotation]:
        for _, found in judged_rows(workspace, tasks):
            by_id = {a.id: a for a in found}
            yield from (a for a in found if chain(a, by_id) is not None)

    return measure(rows(), recipe.review.min_agreement, sentence_encoder(recipe.caption.encoder)).disagreements


def _undecided(open_: Iterable[Disagreement], batches: Iterable[Batch]) -> list[Disagreement]:
    """Those that nobody has been given yet with just these answers."""
    out = {
        (b.task, sample, tuple(sorted(ids)))
        for b in batches if b.kind == "adjudication"
        for sample, ids in json.loads(b.settings)["answers"].items()
    }  # fmt: skip
    return [d for d in open_ if (d.task, d.sample, tuple(sorted(d.answers))) not in out]


def _projects(recipe: Recipe) -> tuple[str, ...]:
    return recipe.review.projects or ROUND[recipe.kind]


def _finished(workspace: Workspace, recipe: Recipe, batches: Sequence[Batch]) -> Iterator[Batch]:
    """The work of the round as batches, a project each: once all of it is done, and but for what is in one already."""
    want = recipe.review
    for name in _projects(recipe):
        tasks = PROJECTS[name].judges
        samples: list[str] = []
        done = True
        for part in said(workspace, {*tasks, *NEEDED[recipe.kind]}):
            for s in part.samples:
                rows = part.annotations[s.id]
                if not missing(current(rows).get(s.id, Labels()), s.kind):
                    samples.append(s.id)
                    done = done and outcome(rows, want.round, tasks, want.annotators) is not None
        work = (b for b in batches if b.kind in passing.WORK and set(tasks) <= set(quality.tasks_of(b)))
        left = sorted(set(samples) - {s for b in work for s in b.samples})
        if done and left:
            yield quality.made(
                kind="annotation", task=name, round=want.round, samples=left, parent=None,
                reason=f"round {want.round}", settings=canonical({"by": "round"}),
            )  # fmt: skip


def _rounds(
    workspace: Workspace, recipe: Recipe, batches: list[Batch], people: Sequence[str], problems: list[str]
) -> Iterator[Batch]:
    """Quality rounds that can be drawn now, and failed batches as new ones."""
    want = recipe.review.quality
    verdicts = [v for v in workspace.rows(Verdict) if v.batch is not None]
    due = passing.due(batches, verdicts, want)
    for batch in due.again:
        yield passing.again(batch, [o for r in passing.rounds_of(batches, verdicts, want) for o in r.outcomes])
    for batch, round_ in due.draw:
        if not complete(workspace, recipe, batch):
            continue
        kinds = {
            quality.settings_of(b)["kind"]
            for b in batches if b.kind == "quality" and (b.parent, b.round) == (batch.id, round_)
        }  # fmt: skip
        rows = workspace.rows(Annotation, task=quality.tasks_of(batch), sample=batch.samples)
        samples = strata(workspace.rows(Sample, id=batch.samples))
        try:
            drawn = quality.draw(batch, round_, want, people, rows, samples, recipe.seed, batches)
        except CallError as e:
            problems.append(f"quality round {round_} of batch {batch.id} is not drawn yet: {e}")
            continue
        yield from (b for b in drawn if quality.settings_of(b)["kind"] not in kinds)
