"""Where people's work stands while a flow waits for it: done, remaining, pace, expected end, agreement so far."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from annotation.agreement.people import Agreement, measure
from annotation.labels import WITHDRAWN, not_withdrawn
from schemas.errors import CallError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Batch
from tasks.quality.rounds import tasks_of
from tasks.release.manifest import bounded, rows
from tasks.review.gate import JUDGED, people, progress
from tasks.review.work import annotators
from tasks.workspace import Workspace, write_atomic

BREAK = timedelta(minutes=15)
"""A longer time without an answer is a break, and no part of the pace."""
KEPT = 2000
"""Readings that are kept for the pace, the last ones."""

Reading = tuple[datetime, int]
"""When it was looked, and how many samples were done."""


@dataclass(frozen=True)
class Standing:
    """Where a round or a batch stands."""

    what: str
    total: int
    done: int
    people: int
    """Who have answered so far."""
    per_hour: float | None
    """Samples done in an hour of work, breaks left out; none before anything was done."""
    ends: datetime | None
    """When it will be done if people go on without a break."""
    agreements: tuple[Agreement, ...]
    """Over all samples with two answers or more, by task."""

    @property
    def remaining(self) -> int:
        return self.total - self.done

    @property
    def complete(self) -> bool:
        return self.done >= self.total


def look(workspace: Workspace, recipe: Recipe, batch: str, now: datetime) -> Standing:
    """How far the recipe's round is, or a batch if one is named; keeps a reading for the pace.

    A sample is done when as many people have answered as the recipe asks for (one, for verdicts and decisions).
    Raises CallError for a batch that is not there.
    """
    heard = _batch(workspace, recipe, named(workspace, batch)) if batch else _round(workspace, recipe)
    what, total, done = heard.what, heard.total, heard.done
    readings = _readings(workspace, what)
    if not readings or readings[-1][1] != done:
        readings = [*readings, (now, done)][-KEPT:]
        _keep(workspace, what, readings)
    per_hour = pace([*readings, (now, done)])
    ends = now + timedelta(hours=(total - done) / per_hour) if per_hour else None
    return Standing(what, total, done, len(heard.people), per_hour, ends, heard.agreements)


def pace(readings: Sequence[Reading]) -> float | None:
    """Samples per hour of work over readings in order of time; None when nothing was done between them."""
    done = sum(max(0, b[1] - a[1]) for a, b in pairwise(readings))
    worked = sum((min(b[0] - a[0], BREAK) for a, b in pairwise(readings)), timedelta())
    return done / (worked / timedelta(hours=1)) if done and worked else None


def complete(workspace: Workspace, recipe: Recipe, batch: Batch) -> bool:
    """Whether all that people were asked to do in a batch is done; what machines labelled was done as it was made."""
    if json.loads(batch.settings or "{}").get("by", "people") != "people":
        return True
    found = _batch(workspace, recipe, batch)
    return found.done >= found.total


def named(workspace: Workspace, id_: str) -> Batch:
    """A batch by its id. Raises CallError for one that is not there."""
    batch = next((b for b in workspace.rows(Batch) if b.id == id_), None)
    if batch is None:
        raise CallError(f"batch {id_}: there is no such batch in {workspace.root}")
    return batch


def _batch(workspace: Workspace, recipe: Recipe, batch: Batch) -> "_Heard":
    wanted, id_ = set(batch.samples), batch.id
    found = _Heard(f"batch {id_}", len(wanted))
    if batch.kind == "quality":
        given = workspace.sql("SELECT sample, reviewer, verdict, id, supersedes FROM verdicts WHERE batch = ?", id_)
        replaced = {v["supersedes"] for v in given}
        given = [v for v in given if v["id"] not in replaced and v["verdict"] != WITHDRAWN and v["sample"] in wanted]
        found.done = len({v["sample"] for v in given})
        found.people = {v["reviewer"] for v in given}
        return found
    tasks, needed = tasks_of(batch), annotators(recipe, batch)

    def rows() -> Iterator[Annotation]:
        for sample, said in judged_rows(workspace, tasks):
            if sample in wanted:
                found.done += all(len(people(said, task, batch.round, id_)) >= needed for task in tasks)
                yield from (a for a in not_withdrawn(said) if a.batch == id_)

    found.measure(rows(), recipe)
    return found


def _round(workspace: Workspace, recipe: Recipe) -> "_Heard":
    gate, round_ = progress(workspace, recipe), recipe.review.round
    found = _Heard(f"round {round_}", gate.clips, gate.judged)
    judged = judged_rows(workspace, JUDGED[recipe.kind])
    found.measure((a for _, said in judged for a in not_withdrawn(said) if a.round == round_), recipe)
    return found


@dataclass
class _Heard:
    """What has been heard from people so far."""

    what: str
    total: int
    done: int = 0
    people: set[str] = field(default_factory=set)
    agreements: tuple[Agreement, ...] = ()

    def measure(self, rows: Iterable[Annotation], recipe: Recipe) -> None:
        """Texts are compared as equal or not: this is looked at every minute, and a language model is slow to load."""

        def answers() -> Iterator[Annotation]:
            for a in rows:
                if a.author_kind == "person" and a.status != "candidate":
                    self.people.add(a.author)
                    yield a

        found = measure(answers(), recipe.review.min_agreement, None, recipe.review.quality.confidence)
        self.agreements = tuple(a for a in found.agreements if a.slice == "all")


def judged_rows(workspace: Workspace, tasks: Collection[str]) -> Iterator[tuple[str, list[Annotation]]]:
    """All rows of these tasks about the samples that somebody has judged, sample by sample."""
    query = f"""
        SELECT * FROM annotations WHERE task IN {(*sorted(tasks), "")}
        AND sample IN (SELECT sample FROM annotations WHERE author_kind = 'person' AND status <> 'candidate')
        ORDER BY sample, id
    """  # noqa: S608 - our own names of tasks
    with workspace.connect() as con:
        bounded(con, workspace.root / "work" / "waiting")
        for sample, of_it in groupby(rows(con, Annotation, query), key=lambda a: a.sample):
            yield sample, list(of_it)


def _file(workspace: Workspace, what: str) -> Path:
    return workspace.root / "work" / "waiting" / f"{what.replace(' ', '-')}.json"


def _readings(workspace: Workspace, what: str) -> list[Reading]:
    try:
        kept = json.loads(_file(workspace, what).read_text())
        return [(datetime.fromisoformat(when), int(done)) for when, done in kept]
    except (FileNotFoundError, ValueError):
        return []  # scratch: what is lost costs the pace its past and nothing else


def _keep(workspace: Workspace, what: str, readings: Sequence[Reading]) -> None:
    write_atomic(_file(workspace, what), json.dumps([[when.isoformat(), done] for when, done in readings]))
