"""The numbers that a release's card and report state, and the clips that they show: all from its manifest."""

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import duckdb

from schemas.rows import Annotation, Interval, Reject
from tasks.filming.views import Mix, mix
from tasks.release.manifest import Bundle, rows

SHOWN_PER_KIND = 4
"""Clips remembered per object and defect for the report to choose from."""
FACETS = ("object", "defect", "environment", "floor", "material", "source_set", "source_class")
DIMENSIONS = ("shape", "size", "depth", "location", "contrast")
BINS = 10
REJECTS_SHOWN = 200

Bar = tuple[str, dict[str, int]]
"""A value and how many clips of each split have it."""


@dataclass
class Figures:
    """Counts over the samples of a release; `add` takes them one at a time."""

    splits: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Per split: clips, defective, instances, seconds (in thousandths)."""
    facets: dict[str, dict[str, Counter[str]]] = field(
        default_factory=lambda: {f: defaultdict(Counter) for f in FACETS}
    )
    """facet -> value -> split -> clips"""
    visible: dict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    """defect -> bin of the share of frames in which it is visible (0 … BINS - 1) -> clips"""
    never_visible: int = 0
    agreement: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """defect -> tp, fp, fn, tn (frames) of the frame-difference intervals against the exact mask"""
    candidates: Counter[str] = field(default_factory=Counter)
    """Caption candidates: all, kept, and per dimension how many cover it."""
    chosen: Counter[str] = field(default_factory=Counter)
    """The same of the candidates that were chosen."""
    claims: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Who wrote the candidates -> candidates, those that are contradicted, and their claims by verdict."""
    authors: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """task -> who wrote the current label -> clips"""
    statuses: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """task -> status of the current label -> clips"""
    licences: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(source, licence) -> clips"""
    cost_usd: float = 0.0
    shown: dict[tuple[str, str], list[tuple[tuple[bool, str], Bundle]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    _instances: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, bundle: Bundle) -> None:
        s, labels = bundle.sample, bundle.labels.by_task
        defective = s.defect != "none"
        split = self.splits[bundle.split]
        split["clips"] += 1
        split["defective"] += defective
        split["milliseconds"] += round(1000 * (s.frames or 0) / (s.fps or 1))
        self._instances[bundle.split].add(s.instance)
        for facet in FACETS:
            if value := getattr(s, facet):
                self.facets[facet][value][bundle.split] += 1
        self.licences[s.source_set or s.source, s.licence] += 1
        for task, label in labels.items():
            self.authors[task][f"{label.author_kind}: {label.author}"] += 1
            self.statuses[task][label.status] += 1
        for a in bundle.annotations:
            self._annotation(s.defect, a)
        if defective and "visible_interval" in labels and s.frames:
            share = seen(labels["visible_interval"].intervals or []) / s.frames
            self.visible[s.defect][min(int(share * BINS), BINS - 1)] += 1
            self.never_visible += share == 0
        self._remember(bundle)

    def _annotation(self, defect: str, a: Annotation) -> None:
        scores = {x.name: x.value for x in a.scores}
        self.cost_usd += a.cost_usd
        if a.task == "visible_interval" and "tp" in scores:
            self.agreement[defect].update({k: int(scores[k]) for k in ("tp", "fp", "fn", "tn")})
        if a.task == "caption" and a.author_kind == "model":
            for counter in (self.candidates, self.chosen) if scores.get("chosen") else (self.candidates,):
                counter.update(all=1, kept=int(scores.get("kept", 0)))
                counter.update({d: int(scores.get(d, 0) > 0) for d in DIMENSIONS})
            said = Counter(c.verdict for c in a.claims)
            self.claims[a.author].update(all=1, texts_contradicted=int(said["contradicted"] > 0), **said)

    def _remember(self, bundle: Bundle) -> None:
        """Keep the first few of every kind by id, those that show something first."""
        label = bundle.labels.by_task.get("visible_interval")
        shows = bool(label and label.intervals)
        kind = self.shown[bundle.sample.object, bundle.sample.defect]
        kind.append(((not shows, bundle.sample.id), bundle))
        if len(kind) > SHOWN_PER_KIND:
            kind[:] = heapq.nsmallest(SHOWN_PER_KIND, kind, key=lambda entry: entry[0])

    def instances(self, split: str) -> int:
        return len(self._instances[split])

    def total(self, what: str) -> int:
        return sum(s[what] for s in self.splits.values())

    def bars(self, facet: str) -> list[Bar]:
        """The values of a facet, most frequent first."""
        found = self.facets[facet]
        return [(v, dict(found[v])) for v in sorted(found, key=lambda v: (-found[v].total(), v))]

    def pick(self, most: int, defective_only: bool = False) -> list[Bundle]:
        """Up to `most` clips to show, taken in turn from every kind so that each is seen before any is seen twice."""
        kinds = [
            k for k in sorted(self.shown, key=lambda k: (k[1] == "none", k)) if k[1] != "none" or not defective_only
        ]
        ordered = [sorted(self.shown[k], key=lambda entry: entry[0]) for k in kinds]
        turns = [kind[turn][1] for turn in range(SHOWN_PER_KIND) for kind in ordered if turn < len(kind)]
        return turns[:most]


def seen(spans: Iterable[Interval]) -> int:
    """Frames that the intervals cover."""
    return sum(i.end_frame - i.start_frame for i in spans)


@dataclass(frozen=True)
class Division:
    """How one protocol divides the clips, and what it puts on both sides."""

    protocol: str
    splits: dict[str, tuple[int, int, int]]
    """split -> clips, instances, categories"""
    instances_across: int
    """Object instances, each filmed in one orbit, with clips in train and in test."""
    clips_across: int
    """Test clips of those instances."""
    pairs_across: int
    """Pairs of near-duplicate clips of which one is in train and one in test."""

    @property
    def instances(self) -> int:
        """Each counted once, though it may be on both sides."""
        return sum(n for _, n, _ in self.splits.values()) - self.instances_across


@dataclass(frozen=True)
class Tallies:
    """What one query each can say about the manifest."""

    media: dict[str, tuple[int, int]]
    """role -> files, bytes"""
    tables: dict[str, int]
    near_duplicates: int
    mix: Mix | None
    protocols: list[Division]
    verdicts: list[dict[str, Any]]
    """round, task, verdict, count"""
    reviewers: int
    rejects: list[Reject]
    """The first REJECTS_SHOWN."""
    rejects_by_stage: list[tuple[str, int]]


def tally(con: duckdb.DuckDBPyConnection, tables: dict[str, int], settings: dict[str, dict[str, Any]]) -> Tallies:
    """What a release made with `settings` holds; `tables` says how many rows each table has."""

    def ask(query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = con.sql(query).fetchall()
        return found

    # Those of quality rounds judge a sample of the work and are stated with their accuracy.
    verdicts = ask("SELECT round, task, verdict, count(*) FROM verdicts WHERE batch IS NULL GROUP BY ALL ORDER BY ALL")
    return Tallies(
        media={
            r: (n, int(b)) for r, n, b in ask("SELECT role, count(*), sum(bytes) FROM media GROUP BY ALL ORDER BY 1")
        },
        tables=tables,
        near_duplicates=ask("SELECT count(DISTINCT \"group\") FROM groups WHERE kind = 'near-duplicate'")[0][0],
        mix=mix(con, settings),
        protocols=divisions(ask),
        verdicts=[dict(zip(("round", "task", "verdict", "count"), v, strict=True)) for v in verdicts],
        reviewers=ask("SELECT count(DISTINCT reviewer) FROM verdicts")[0][0],
        rejects=list(rows(con, Reject, f"SELECT * FROM rejects ORDER BY stage, item, reason LIMIT {REJECTS_SHOWN}")),  # noqa: S608
        rejects_by_stage=ask("SELECT stage, count(*) FROM rejects GROUP BY ALL ORDER BY 1"),
    )


def divisions(ask: Callable[[str], list[tuple[Any, ...]]]) -> list[Division]:
    """Every protocol of the `splits` table, by name, with what it divides that others keep together."""
    sizes: dict[str, dict[str, tuple[int, int, int]]] = defaultdict(dict)
    for protocol, split, *counts in ask(
        "SELECT protocol, split, count(*), count(DISTINCT instance), count(DISTINCT object) "
        "FROM splits JOIN samples ON samples.id = splits.sample GROUP BY ALL ORDER BY ALL"
    ):
        sizes[protocol][split] = (counts[0], counts[1], counts[2])
    sides = "count(*) FILTER (split = 'train') AS train, count(*) FILTER (split = 'test') AS test"
    across = {
        protocol: (instances, int(clips or 0))
        for protocol, instances, clips in ask(
            f"WITH sides AS (SELECT protocol, instance, {sides} FROM splits JOIN samples ON samples.id = splits.sample "  # noqa: S608
            "GROUP BY ALL) SELECT protocol, count(*), sum(test) FROM sides WHERE train > 0 AND test > 0 GROUP BY ALL"
        )
    }
    pairs = {
        protocol: int(count)
        for protocol, count in ask(
            f'WITH sides AS (SELECT protocol, groups."group" AS name, {sides} FROM splits JOIN groups USING (sample) '  # noqa: S608
            "WHERE kind = 'near-duplicate' GROUP BY ALL) SELECT protocol, sum(train * test) FROM sides GROUP BY ALL"
        )
    }
    return [Division(p, s, *across.get(p, (0, 0)), pairs.get(p, 0)) for p, s in sizes.items()]
