"""Before and after: what labelling again has changed, as numbers, as a Markdown page and as a table."""

import csv
import html
import io
import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from annotation.agreement.likeness import compared_by, likeness
from annotation.diversity import Encode
from annotation.labels import current
from schemas.rows import Annotation, Batch
from tasks.reannotation.columns import BITS
from tasks.reannotation.run import Done, demand_batch, found
from tasks.workspace import Workspace, write_atomic

SHOWN = 12
"""Samples that the page shows, those that changed most."""


@dataclass(frozen=True)
class Change:
    """One sample's label before and after."""

    sample: str
    before: str
    after: str
    author_before: str
    author_after: str
    likeness: float
    """Of the two, in [0, 1]: equal, overlap or cosine."""
    covered_before: float | None
    covered_after: float | None
    contradicted_before: int
    contradicted_after: int
    cost_usd: float


@dataclass(frozen=True)
class Comparison:
    batch: str
    task: str
    reason: str
    samples: int
    compared: int
    """Samples with a label before and after."""
    changed: int
    measure: str
    """What the likeness is."""
    likeness: float | None
    """Mean over what was compared."""
    covered_before: float | None
    """Mean number of covered dimensions, of those that have them."""
    covered_after: float | None
    contradicted_before: int
    """Samples with a contradicted claim."""
    contradicted_after: int
    better: int
    """Samples with fewer contradicted claims than before."""
    worse: int
    cost_usd: float
    rejected: int
    people_samples: int


def compare(workspace: Workspace, id_: str, encode: Encode | None = None) -> tuple[Comparison, list[Change]]:
    """What a batch has changed so far. `encode` compares texts; without it they are equal or not.

    Raises DefectoryError for a batch that is not there.
    """
    batch, done = demand_batch(workspace, id_), found(workspace, id_)
    pairs = list(_pairs(workspace, batch))
    changes = [_change(before, after, cost, encode) for before, after, cost in pairs]
    measures = {compared_by(before, after, encode) for before, after, _ in pairs}
    return _summed(batch, done, changes, ", ".join(sorted(measures))), changes


def _pairs(workspace: Workspace, batch: Batch) -> Iterator[tuple[Annotation, Annotation, float]]:
    """Label before, label after and what the new rows cost, by sample."""
    new: dict[str, list[Annotation]] = {}
    for a in workspace.rows(Annotation, batch=[batch.id]):
        new.setdefault(a.sample, []).append(a)
    replaced = {a.supersedes for rows in new.values() for a in rows if a.supersedes}
    old = {a.id: a for a in workspace.rows(Annotation, id=replaced)} if replaced else {}
    for sample, rows in sorted(new.items()):
        # Of rows that rest on each other, the first rests on what was there before the batch.
        bases = [old[a.supersedes] for a in rows if a.supersedes in old and old[a.supersedes].batch != batch.id]
        ids = {a.id for a in rows}
        labels = current(replace(a, supersedes=a.supersedes if a.supersedes in ids else None) for a in rows).get(sample)
        for after in labels.by_task.values() if labels else ():
            if before := next((b for b in bases if b.task == after.task), None):
                yield before, after, math.fsum(a.cost_usd for a in rows)


def _change(before: Annotation, after: Annotation, cost: float, encode: Encode | None) -> Change:
    return Change(
        sample=after.sample, before=_said(before), after=_said(after), author_before=before.author,
        author_after=after.author, likeness=round(likeness(before, after, encode), 4),
        covered_before=_covered(before), covered_after=_covered(after), contradicted_before=_contradicted(before),
        contradicted_after=_contradicted(after), cost_usd=round(cost, 9),
    )  # fmt: skip


def _said(a: Annotation) -> str:
    if a.status == "rejected":
        return "(rejected)"
    spans = ", ".join(f"{i.start_frame}–{i.end_frame}" for i in a.intervals or [])
    return (
        a.text or a.label or ", ".join(a.choices) or spans or (f"{len(a.regions)} regions" if a.regions else "(none)")
    )


def _covered(a: Annotation) -> float | None:
    bits = [s.value for s in a.scores if s.name in BITS]
    return sum(bits) if bits else None


def _contradicted(a: Annotation) -> int:
    return sum(c.verdict == "contradicted" for c in a.claims)


def _summed(batch: Batch, done: Done, changes: list[Change], measure: str) -> Comparison:
    def mean(values: Iterable[float | None]) -> float | None:
        known = [v for v in values if v is not None]
        return round(math.fsum(known) / len(known), 4) if known else None

    return Comparison(
        batch=batch.id, task=batch.task, reason=batch.reason, samples=len(batch.samples), compared=len(changes),
        changed=sum(c.before != c.after for c in changes), measure=measure,
        likeness=mean(c.likeness for c in changes),
        covered_before=mean(c.covered_before for c in changes), covered_after=mean(c.covered_after for c in changes),
        contradicted_before=sum(c.contradicted_before > 0 for c in changes),
        contradicted_after=sum(c.contradicted_after > 0 for c in changes),
        better=sum(c.contradicted_after < c.contradicted_before for c in changes),
        worse=sum(c.contradicted_after > c.contradicted_before for c in changes),
        cost_usd=round(math.fsum(c.cost_usd for c in changes), 6), rejected=len(done.rejected),
        people_samples=done.people_samples,
    )  # fmt: skip


# --- on paper -------------------------------------------------------------------------------------


def table(c: Comparison) -> list[dict[str, str]]:
    """The comparison as rows of what, before and after."""

    def number(value: float | None) -> str:
        return "–" if value is None else f"{value:,.4g}"

    if not c.compared:
        return [
            {"what": "samples", "before": f"{c.samples:,}", "after": "nothing labelled again so far"},
            {"what": "could not be labelled again", "before": "", "after": f"{c.rejected:,}"},
            {"what": "sent to people", "before": "", "after": f"{c.people_samples:,}"},
        ]
    return [
        {"what": "samples", "before": f"{c.samples:,}", "after": f"{c.compared:,} labelled again"},
        {"what": "labels that changed", "before": "", "after": f"{c.changed:,}"},
        {"what": f"likeness of old and new ({c.measure or 'nothing to compare'})", "before": "",
         "after": number(c.likeness)},
        {"what": "dimensions covered, mean of 5", "before": number(c.covered_before), "after": number(c.covered_after)},
        {"what": "samples with contradicted claims", "before": f"{c.contradicted_before:,}",
         "after": f"{c.contradicted_after:,}"},
        {"what": "fewer contradictions / more", "before": "", "after": f"{c.better:,} / {c.worse:,}"},
        {"what": "could not be labelled again", "before": "", "after": f"{c.rejected:,}"},
        {"what": "sent to people", "before": "", "after": f"{c.people_samples:,}"},
        {"what": "cost in USD", "before": "", "after": f"{c.cost_usd:,.4f}"},
    ]  # fmt: skip


def page(c: Comparison, changes: list[Change]) -> str:
    """The comparison as Markdown; what models and people wrote stands in it as text, whatever it holds."""
    lines = [
        f"## {plain(c.task.replace('_', ' ')).capitalize()}: before and after", "",
        f"Batch `{c.batch}`: {plain(c.reason)}", "",
        "| | before | after |", "| --- | ---: | ---: |",
        *(f"| {row['what']} | {row['before']} | {row['after']} |" for row in table(c)),
    ]  # fmt: skip
    most = sorted((x for x in changes if x.before != x.after), key=lambda x: (x.likeness, x.sample))[:SHOWN]
    if most:
        lines += ["", f"### The {len(most)} that changed most", "", "| sample | before | after | likeness |"]
        lines += ["| --- | --- | --- | ---: |"]
        lines += (f"| {plain(x.sample)} | {_cell(x.before, x.contradicted_before)} | "
                  f"{_cell(x.after, x.contradicted_after)} | {x.likeness:.2f} |" for x in most)  # fmt: skip
    return "\n".join(lines) + "\n"


def _cell(text: str, contradicted: int) -> str:
    return plain(text) + (f" **({contradicted} contradicted)**" if contradicted else "")


def plain(text: str, length: int = 400) -> str:
    """Text of others inside Markdown: one line, no control characters, nothing that means something there."""
    line = " ".join("".join(ch if ch.isprintable() else " " for ch in text).split())
    line = line if len(line) <= length else f"{line[: length - 1]}…"
    return "".join(f"&#{ord(ch)};" if ch in "|`*_[]()!#\\~" else html.escape(ch) for ch in line)


def sheet(changes: list[Change]) -> str:
    """All changes as CSV; a cell that a spreadsheet would take for a formula begins with an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([f.name for f in fields(Change)])
    writer.writerows([_inert(v) for v in asdict(x).values()] for x in changes)
    return out.getvalue()


def _inert(value: object) -> object:
    if not isinstance(value, str):
        return value
    line = "".join(ch if ch.isprintable() else " " for ch in value)
    return f"'{line}" if line.lstrip()[:1] in ("=", "+", "-", "@") else line


def write(workspace: Workspace, c: Comparison, changes: list[Change]) -> Path:
    """`reannotations/<batch>/report.md` and `changes.csv` in the workspace; returns the page."""
    folder = workspace.root / "reannotations" / c.batch
    write_atomic(folder / "changes.csv", sheet(changes))
    write_atomic(folder / "report.md", page(c, changes))
    return folder / "report.md"
