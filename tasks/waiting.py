"""Where people's work stands while a flow waits for it: done, remaining, pace, expected end, agreement so far."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from pathlib import Path

from annotation.agreement.people import Agreement, measure
from annotation.labels import standing
from schemas.errors import CallError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Batch
from tasks import review
from tasks.quality.rounds import tasks_of
from tasks.review.gate import JUDGED
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

    A sample of a batch is done when as many people have answered as the recipe asks for (one, for verdicts and
    decisions). Raises CallError for a batch that is not there.
    """
    if batch:
        what, total, done, people, agreements = _batch(workspace, recipe, batch)
    else:
        gate = review.progress(workspace, recipe)
        what, total, done = f"round {recipe.review.round}", gate.clips, gate.judged
        rows = _answers(workspace, JUDGED[recipe.kind])
        people, agreements = len({a.author for a in rows if a.round == recipe.review.round}), _agreements(rows, recipe)
    readings = _readings(workspace, what)
    if not readings or readings[-1][1] != done:
        readings = [*readings, (now, done)][-KEPT:]
        _keep(workspace, what, readings)
    per_hour = pace([*readings, (now, done)])
    ends = now + timedelta(hours=(total - done) / per_hour) if per_hour else None
    return Standing(what, total, done, people, per_hour, ends, agreements)


def pace(readings: Sequence[Reading]) -> float | None:
    """Samples per hour of work over readings in order of time; None when nothing was done between them."""
    done = sum(max(0, b[1] - a[1]) for a, b in pairwise(readings))
    worked = sum((min(b[0] - a[0], BREAK) for a, b in pairwise(readings)), timedelta())
    return done / (worked / timedelta(hours=1)) if done and worked else None


def _batch(workspace: Workspace, recipe: Recipe, id_: str) -> tuple[str, int, int, int, tuple[Agreement, ...]]:
    batch = next((b for b in workspace.rows(Batch) if b.id == id_), None)
    if batch is None:
        raise CallError(f"batch {id_}: there is no such batch in {workspace.root}")
    wanted = set(batch.samples)
    what = f"batch {id_}"
    if batch.kind == "quality":
        given = workspace.sql("SELECT DISTINCT sample, reviewer FROM verdicts WHERE batch = ?", id_)
        done = len({v["sample"] for v in given} & wanted)
        return what, len(wanted), done, len({v["reviewer"] for v in given}), ()
    needed = 1 if batch.kind == "adjudication" else recipe.review.annotators
    done, people, mine = 0, set[str](), []
    for sample, of_it in groupby(_answers(workspace, tasks_of(batch)), key=lambda a: a.sample):
        rows = [a for a in of_it if sample in wanted]
        authors = {a.author for a in rows if a.batch == id_}
        done += len(authors) >= needed
        people |= authors
        mine += [a for a in rows if a.batch == id_]
    return what, len(wanted), done, len(people), _agreements(mine, recipe)


def _answers(workspace: Workspace, tasks: Sequence[str]) -> list[Annotation]:
    """What people have said of these tasks and not taken back, by sample."""
    wanted = set(tasks)
    ids = {
        f["sample"]
        for f in workspace.sql(
            "SELECT DISTINCT sample FROM annotations WHERE author_kind = 'person' AND status <> 'candidate'"
        )
    }
    rows = sorted(
        (a for a in workspace.rows(Annotation, task=wanted) if a.sample in ids), key=lambda a: (a.sample, a.id)
    )
    return sorted(
        (a for a in standing(rows) if a.author_kind == "person" and a.status != "candidate"),
        key=lambda a: (a.sample, a.id),
    )


def _agreements(rows: Sequence[Annotation], recipe: Recipe) -> tuple[Agreement, ...]:
    """Texts are compared as equal or not: this is looked at every minute, and a language model is slow to load."""
    found = measure(rows, recipe.review.min_agreement, None, recipe.review.quality.confidence)
    return tuple(a for a in found.agreements if a.slice == "all")


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
