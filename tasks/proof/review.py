"""Checks of what people decided: the round, the batches that were drawn, the verdicts, and what follows from them.

Rows about samples that the release leaves out are not in it, so where there are such samples a count can only be
bounded: by what is there, and by that and all that may be missing.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from schemas.review import Review
from schemas.rows import Annotation, Batch, Sample, Verdict
from tasks.proof.folder import Folder, Found
from tasks.quality import passing
from tasks.quality import rounds as quality
from tasks.quality.drawing import strata
from tasks.release import manifest
from tasks.release.edition import DRAFT
from tasks.review import JUDGED
from tasks.review.gate import OUTCOMES, Gate, counted, outcome


@dataclass(frozen=True)
class Stated:
    """What a release says of its review, beside its rows."""

    settings: Review
    seed: int
    gate: Gate
    outcomes: list[quality.Outcome]
    rounds: bool
    """Whether the quality rounds have passed."""


def review_hold(release: Folder) -> Found:
    """The round as its verdicts say, batches drawn with the recorded seed, verdicts unchanged, the outcome theirs."""
    said = json.loads(manifest.metadata(release.plain / "manifest" / "batches.parquet")["review"])
    stated = Stated(
        Review.model_validate(said["settings"]), int(said["seed"]), Gate(**said["gate"]),
        [quality.Outcome(**o) for o in said["outcomes"]], bool(said["rounds"]),
    )  # fmt: skip
    batches = {b.id: b for b in manifest.rows(release.con.cursor(), Batch, "SELECT * FROM batches ORDER BY id")}
    there = {id_ for (id_,) in release.ask("SELECT id FROM samples")}
    yield from _round_faults(release, stated, there)
    yield from _batch_faults(release, stated, batches)
    yield from _verdict_faults(release, batches)
    yield from _outcome_faults(release, stated, batches, there)
    draft = release.about["release"].endswith(DRAFT)
    if draft == (stated.gate.passed and stated.rounds):
        passed, says = ("passed", "says") if draft else ("not passed", "does not say")
        yield f"the review has {passed}, but the release {says} draft"
    drawn = sum(b.kind == "quality" for b in batches.values())
    return f"round {stated.settings.round}: {stated.gate.judged} of {stated.gate.clips} judged, {drawn} quality batches"


def _round_faults(release: Folder, stated: Stated, there: set[str]) -> Iterator[str]:
    want, gate = stated.settings, stated.gate
    kinds = dict(release.ask("SELECT id, kind FROM samples"))
    rows = manifest.rows(
        release.con.cursor(), Annotation, "SELECT * EXCLUDE (masks) FROM annotations ORDER BY sample, id"
    )
    found: Counter[str | None] = Counter()
    for sample, of_it in groupby(rows, key=lambda a: a.sample):
        if sample in there:
            found[outcome(list(of_it), want.round, JUDGED[kinds[sample]], want.annotators)] += 1
    found[None] += len(there) - found.total()
    left_out = gate.clips - len(there)
    ((rejected,),) = release.ask(
        "SELECT count(*) FROM rejects WHERE stage = 'release' AND reason LIKE '%: rejected in review'"
    )
    if left_out != rejected:
        yield f"round {want.round}: is said to be over {gate.clips} samples; {len(there)} are here, {rejected} rejected"
    found["judged"] = found.total() - found[None]
    for name in (*OUTCOMES, "judged"):
        if not found[name] <= (said := getattr(gate, name)) <= found[name] + left_out:
            yield f"round {want.round}: {said} samples are said to be {name}; by the rows {found[name]} are"
    counts: Counter[str | None] = Counter({name: getattr(gate, name) for name in OUTCOMES})
    counts[None] = gate.clips - counts.total()
    if gate != counted(counts, want.min_accepted):
        yield f"round {want.round}: is said to have {'passed' if gate.passed else 'failed'}, its counts say otherwise"


def _batch_faults(release: Folder, stated: Stated, batches: dict[str, Batch]) -> Iterator[str]:
    by_row = strata(manifest.rows(release.con.cursor(), Sample, "SELECT * FROM samples ORDER BY id"))
    for batch in batches.values():
        if batch.id != quality.batch_id(batch):
            yield f"batch {batch.id}: is not what was given out under this id"
        elif batch.kind == "quality":
            if (work := batches.get(batch.parent or "")) is None:
                yield f"batch {batch.id}: judges batch {batch.parent}, which is not in the release"
                continue
            if quality.settings_of(batch)["seed"] != stated.seed:
                yield f"batch {batch.id}: was not drawn with the seed {stated.seed} of the recipe"
            noted = quality.noted(work, batch)
            if any(by_row.get(s, stratum) != stratum for s, stratum in noted.items()):
                yield f"batch {batch.id}: was drawn by other strata than those of its samples"
            if batch.population != len(noted) or batch.samples != quality.drawn_again(work, batch, stated.seed):
                yield f"batch {batch.id}: holds other samples than the seed {stated.seed} draws of batch {work.id}"


def _verdict_faults(release: Folder, batches: dict[str, Batch]) -> Iterator[str]:
    con = release.con
    for v in manifest.rows(con.cursor(), Verdict, "SELECT * FROM verdicts WHERE batch IS NOT NULL ORDER BY sample, id"):
        batch = batches.get(v.batch or "")
        if v.id != quality.verdict_id(v):
            yield f"{v.sample}: verdict {v.id} is not what {v.reviewer} said"
        elif batch is None or v.sample not in batch.samples:
            yield f"{v.sample}: verdict {v.id} is of batch {v.batch}, which did not ask for it"
    worked = """
        SELECT DISTINCT v.sample, v.id, v.reviewer FROM verdicts AS v
        JOIN batches AS q ON q.id = v.batch JOIN batches AS w ON w.id = q.parent
        JOIN annotations AS a ON a.sample = v.sample AND a.task = v.task AND a.author = v.reviewer
        AND (a.batch = w.id OR (a.batch IS NULL AND w.parent IS NULL AND a.round = w.round)) ORDER BY ALL
    """
    for sample, id_, reviewer in release.ask(worked):
        yield f"{sample}: verdict {id_} is by {reviewer}, who had worked on it"
    alone = """
        SELECT v.sample, v.id, v.verdict FROM verdicts AS v ANTI JOIN annotations AS a
        ON a.sample = v.sample AND a.task = v.task AND a.author = v.reviewer AND a.round = v.round
        AND a.status = v.verdict AND a.supersedes IS NOT DISTINCT FROM v.annotation
        WHERE v.batch IS NULL ORDER BY ALL
    """
    for sample, id_, verdict in release.ask(alone):
        yield f"{sample}: verdict {id_} says {verdict}, and no annotation of its reviewer does"


def _outcome_faults(release: Folder, stated: Stated, batches: dict[str, Batch], there: set[str]) -> Iterator[str]:
    given: dict[str, list[Verdict]] = defaultdict(list)
    for v in manifest.rows(release.con.cursor(), Verdict, "SELECT * FROM verdicts WHERE batch IS NOT NULL ORDER BY id"):
        given[v.batch or ""].append(v)
    want = stated.settings.quality
    for o in stated.outcomes:
        if (batch := batches.get(o.batch)) is None:
            yield f"batch {o.batch}: its outcome is stated, but it is not in the release"
            continue
        found = quality.outcome(batch, given[o.batch], want)
        missing = len(set(batch.samples) - there)
        possible = 0 <= o.judged - found.judged <= missing and 0 <= o.errors - found.errors <= missing
        passed = o.errors <= found.allowed if o.judged == found.size else None
        if o != replace(found, judged=o.judged, errors=o.errors, passed=passed) or not possible:
            yield (
                f"batch {o.batch}: {o.errors} of {o.judged} judged are said to have errors; its verdicts say "
                f"{found.errors} of {found.judged}"
            )
    tasks = JUDGED["image" if release.ask("SELECT 1 FROM samples WHERE kind = 'image' LIMIT 1") else "clip"]
    gate = passing.gate(there, tasks, batches.values(), (v for of_it in given.values() for v in of_it), want)
    if {o.batch for o in gate.outcomes} != {o.batch for o in stated.outcomes}:
        yield "the quality rounds that are said to count are not those of the batches in the release"
    whole = all(set(batches[o.batch].samples) <= there for o in stated.outcomes if o.batch in batches)
    if stated.rounds and whole and not gate.passed:
        yield "the quality rounds are said to have passed; by the verdicts they have not"
