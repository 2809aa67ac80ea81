"""One row per sample for choosing what is labelled again: what the sample is, its label of one task, and what is
known of that label."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import groupby
from typing import Any, TypeVar

import duckdb

from annotation.agreement.people import measure
from annotation.diversity import Encode
from annotation.labels import current
from schemas.arrow import from_dict, to_arrow
from schemas.recipe import Recipe
from schemas.review import Quality
from schemas.rows import Annotation, Batch, Sample, Verdict
from tasks.quality import passing

R = TypeVar("R")

TABLE = "choose"

OF_SAMPLE = tuple(f.name for f in fields(Sample) if f.name not in ("media", "groups"))

COLUMNS: dict[str, str] = {
    **{name: "as in the table `samples`" for name in OF_SAMPLE},
    "class": "current class: the label of `defect_type`, or `defect` of the sample",
    "labelled": "whether there is a label, be it rejected",
    "label": "the label's class or choice",
    "text": "the label's text",
    "choices": "the label's choices, a list",
    "status": "candidate, accepted, corrected or rejected",
    "author": "who gave the label",
    "author_kind": "model, rule, renderer or person",
    "author_version": "version of the model, rule or program",
    "reviewed": "whether a person has judged it",
    "round": "review round that the label is from",
    "batch": "batch of work that the label is from",
    "lead_time_s": "seconds that the person took",
    "cost_usd": "what the label cost",
    "candidates": "how many candidates models have written",
    "shape": "1 if the text covers the shape, 0 if not",
    "size": "the same of the size",
    "depth": "the same of the depth",
    "location": "the same of the location",
    "contrast": "the same of the contrast",
    "covered": "how many of these five are covered",
    "diversity": "diversity of the text among its candidates, 0 to 1",
    "score": "S, coverage and diversity weighted, 0 to 1",
    "contradicted": "claims of the text that measurements contradict",
    "supported": "claims that they support",
    "agreement": "likeness of people's independent answers, 0 to 1; none with fewer than two",
    "settled": "whether their disagreement was decided",
    "batches": "all batches that the sample was in, a list",
    "failed_batch": "a batch with this sample that failed its quality rounds and was not done again",
    "verdict": "accepted or rejected in a quality round of this task",
    "findings": "what quality rounds found wrong, a list",
    "level": "highest text level that there is: T0 to T3",
    "split": "split of the recipe's protocol",
}
"""What a condition can speak of, and what it means."""

BITS = ("shape", "size", "depth", "location", "contrast")


@dataclass(frozen=True)
class Label:
    """The current label of one sample."""

    sample: str
    cls: str | None
    labelled: bool = False
    label: str | None = None
    text: str | None = None
    choices: list[str] | None = None
    status: str | None = None
    author: str | None = None
    author_kind: str | None = None
    author_version: str | None = None
    reviewed: bool = False
    round: int | None = None
    batch: str | None = None
    lead_time_s: float | None = None
    cost_usd: float | None = None
    candidates: int = 0
    shape: float | None = None
    size: float | None = None
    depth: float | None = None
    location: float | None = None
    contrast: float | None = None
    covered: float | None = None
    diversity: float | None = None
    score: float | None = None
    contradicted: int | None = None
    supported: int | None = None
    machine: str | None = None
    """Id of the label that there would be if nobody had reviewed: what a new one supersedes."""


@dataclass(frozen=True)
class Agreed:
    sample: str
    agreement: float
    settled: bool


@dataclass(frozen=True)
class Failed:
    sample: str
    failed_batch: str


def by_reviewer(a: Annotation) -> bool:
    """Whether a person judged it here; labels that came with an imported set are candidates, whoever gave them."""
    return a.author_kind == "person" and a.status != "candidate"


def tabulate(
    con: duckdb.DuckDBPyConnection,
    read: duckdb.DuckDBPyConnection,
    recipe: Recipe,
    task: str,
    encode: Encode | None,
    agreement: bool,
) -> None:
    """Make the table `choose` for one annotation task in `con`; `read` is another connection of `Workspace.connect`,
    as rows stream from it while they are written.

    `agreement` says whether people's answers are to be compared, which takes the longest.
    """
    _insert(con, "said", Label, labels(read, task))
    _insert(con, "agreed", Agreed, _agreed(read, task, encode) if agreement else ())
    _insert(con, "failed", Failed, _failed(read, recipe.review.quality))
    own = ", ".join(f"s.{name}" for name in OF_SAMPLE)
    label = ", ".join(f"said.{f.name}" for f in fields(Label) if f.name not in ("sample", "cls"))
    con.execute(
        f"""
        CREATE TABLE {TABLE} AS
        SELECT {own}, coalesce(said.cls, s.defect) AS class, {label}, agreement, settled,
            coalesce(b.batches, []) AS batches, failed_batch, v.verdict, coalesce(v.findings, []) AS findings,
            CASE WHEN d.t3 IS NOT NULL THEN 'T3' WHEN d.t2 IS NOT NULL THEN 'T2' WHEN d.t1 IS NOT NULL THEN 'T1'
                 WHEN d.t0 IS NOT NULL THEN 'T0' END AS level, p.split
        FROM samples s LEFT JOIN said ON said.sample = s.id LEFT JOIN agreed ON agreed.sample = s.id
        LEFT JOIN failed ON failed.sample = s.id
        LEFT JOIN (SELECT sample, list(DISTINCT id ORDER BY id) AS batches
                   FROM (SELECT id, unnest(samples) AS sample FROM batches) GROUP BY sample) b ON b.sample = s.id
        LEFT JOIN (SELECT sample, max(verdict) AS verdict, list_sort(list_distinct(flatten(list(findings)))) AS findings
                   FROM verdicts WHERE batch IS NOT NULL AND task = $task
                     AND id NOT IN (SELECT supersedes FROM verdicts WHERE supersedes IS NOT NULL)
                   GROUP BY sample) v ON v.sample = s.id
        LEFT JOIN descriptions d ON d.sample = s.id
        LEFT JOIN (SELECT sample, split FROM splits WHERE protocol = $protocol) p ON p.sample = s.id
        """,  # noqa: S608 - names of our own columns
        {"task": task, "protocol": recipe.split.protocol},
    )


def labels(con: duckdb.DuckDBPyConnection, task: str) -> Iterator[Label]:
    """The label of every sample that anything was said of, by sample."""
    light = """SELECT * EXCLUDE (masks, regions, relations, intervals) FROM annotations
        WHERE task IN ($task, 'defect_type') AND sample IN (SELECT id FROM samples) ORDER BY sample, id"""
    for sample, said in groupby(_rows(con, Annotation, light, {"task": task}), key=lambda a: a.sample):
        yield _label(sample, list(said), task)


def _label(sample: str, said: list[Annotation], task: str) -> Label:
    classes = current(a for a in said if a.task == "defect_type").get(sample)
    cls = classes.by_task["defect_type"].label if classes and "defect_type" in classes.by_task else None
    said = [a for a in said if a.task == task]
    before = current(a for a in said if not by_reviewer(a)).get(sample)
    machine = before.by_task.get(task) if before else None
    top = current(said).get(sample)
    if top is None:
        return Label(sample, cls)
    # A rejection is a label's end, but it is the last thing said: its author and status are what is asked for.
    a = top.by_task.get(task) or max((r for r in said if r.status == "rejected"), key=lambda r: (r.round, r.id))
    # A person's row carries no scores; what is known of the words is known of the machine's row that they are from.
    scored = a if a.scores or a.claims else machine if machine and machine.text == a.text else a
    scores = {s.name: s.value for s in scored.scores}
    bits = {name: scores.get(name) for name in BITS}
    claims = [c.verdict for c in scored.claims]
    return Label(
        sample=sample, cls=cls, labelled=True, label=a.label, text=a.text, choices=a.choices, status=a.status,
        author=a.author, author_kind=a.author_kind, author_version=a.author_version, reviewed=by_reviewer(a),
        round=a.round, batch=a.batch, lead_time_s=a.lead_time_s, cost_usd=a.cost_usd,
        candidates=sum(r.author_kind == "model" for r in said), **bits,
        covered=sum(b for b in bits.values() if b is not None) if any(b is not None for b in bits.values()) else None,
        diversity=scores.get("diversity"), score=scores.get("score"),
        contradicted=claims.count("contradicted") if claims or scores else None,
        supported=claims.count("supported") if claims or scores else None, machine=machine.id if machine else None,
    )  # fmt: skip


def _agreed(con: duckdb.DuckDBPyConnection, task: str, encode: Encode | None) -> Iterator[Agreed]:
    query = "SELECT * FROM annotations WHERE task = $task AND author_kind = 'person' ORDER BY sample, id"
    found = measure(_rows(con, Annotation, query, {"task": task}), min_agreement=2.0, encode=encode)
    last = {d.sample: d for d in sorted(found.disagreements, key=lambda d: d.round)}
    yield from (Agreed(d.sample, d.likeness, d.settled) for d in last.values())


def _failed(con: duckdb.DuckDBPyConnection, want: Quality) -> Iterator[Failed]:
    batches = list(_rows(con, Batch, "SELECT * FROM batches ORDER BY id"))
    given = list(_rows(con, Verdict, "SELECT * FROM verdicts WHERE batch IS NOT NULL ORDER BY id"))
    failed = passing.due(batches, given, want).again
    yield from (Failed(s, b) for s, b in {s: b.id for b in failed for s in b.samples}.items())


def _insert(con: duckdb.DuckDBPyConnection, name: str, row: type, found: Iterable[Any]) -> None:
    """A table of dataclass rows, filled in bounded portions."""
    con.register(f"{name}_portion", to_arrow(row, []))
    con.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_portion")  # noqa: S608 - a name of ours
    found = iter(found)
    while portion := [r for _, r in zip(range(2048), found, strict=False)]:
        con.register(f"{name}_portion", to_arrow(row, portion))
        con.execute(f"INSERT INTO {name} SELECT * FROM {name}_portion")  # noqa: S608 - a name of ours
    con.unregister(f"{name}_portion")


def _rows(
    con: duckdb.DuckDBPyConnection, row: type[R], query: str, params: dict[str, Any] | None = None
) -> Iterator[R]:
    """The rows of a query as dataclasses, a batch at a time; columns that it leaves out take their defaults."""
    for batch in con.execute(query, params).to_arrow_reader(1024):
        for values in batch.to_pylist():
            yield from_dict(row, values)
