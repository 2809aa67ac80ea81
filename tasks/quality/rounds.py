"""Quality rounds (InspecSafe-V1, data quality assessment): what is drawn, who judges it, what comes of it.

Every batch of annotation work is judged twice by people who did not do it, each time on a seeded random sample.
A batch passes when both rounds find more than the wanted share without error; one that fails goes back to annotation
as a new batch. Functions take rows and return rows: batches and verdicts, append-only, with ids that are hashes
of what they say, so that drawing or judging again adds nothing.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from annotation.agreement import acceptance
from annotation.labelling.project import Answer
from annotation.labelling.quality import CRITERIA, ERRORS, VISUAL
from annotation.labels import WITHDRAWN
from schemas.digests import canonical, digest
from schemas.errors import BadInput, CallError
from schemas.review import Quality
from schemas.rows import Annotation, Batch, Verdict
from tasks.quality.drawing import assigned, drawn
from tasks.stage import generator

Kind = Literal["visual", "semantic"]

FINDINGS: dict[Kind, tuple[str, ...]] = {"visual": ERRORS, "semantic": CRITERIA}
"""What can be wrong: of a picture, any object's class, shape or absence; of a text, any of the three criteria."""


@dataclass(frozen=True)
class Outcome:
    """Where one round of one batch stands."""

    batch: str
    parent: str
    kind: Kind
    round: int
    population: int
    size: int
    """Samples that were drawn."""
    judged: int
    errors: int
    """Judged samples with anything wrong."""
    allowed: int
    """Most errors with which the round passes."""
    passed: bool | None
    """None until every drawn sample is judged."""


def kind_of(task: str) -> Kind:
    """Pictures' annotations are visual; whatever else there is counts as semantic, of which more is drawn."""
    return "visual" if task in VISUAL else "semantic"


def tasks_of(batch: Batch) -> tuple[str, ...]:
    """The annotation tasks of a batch, whose `task` is one of them or the name of a labelling project."""
    from annotation.labelling.projects import PROJECTS

    return PROJECTS[batch.task].judges if batch.task in PROJECTS else (batch.task,)


def kinds_of(batch: Batch) -> list[Kind]:
    return sorted({kind_of(task) for task in tasks_of(batch)})


# --- drawing ----------------------------------------------------------------------------------------


def plan(population: int, kind: Kind, want: Quality) -> acceptance.Plan:
    """How many of a batch's samples a round judges, the errors with which it passes, and the risks of that.

    The recipe's share, rounded up, at least one; under `plan: acceptance` as many as both risks ask for, if that is
    more, and no more errors than the consumer's risk allows. The accuracy has to exceed `min_accuracy` either way.
    """
    share = Fraction(str(want.visual if kind == "visual" else want.semantic))
    size = min(population, max(1, math.ceil(population * share)))
    if want.plan == "acceptance":
        asked = acceptance.plan(population, want.good, want.bad, want.producer_risk, want.consumer_risk)
        size = max(size, asked.size)
    return acceptance.described(population, size, allowed(population, size, want), want.good, want.bad)


def allowed(population: int, size: int, want: Quality) -> int:
    """The most errors among `size` judged samples with which a round passes; -1 where even none is too many."""
    most = acceptance.above(size, want.min_accuracy)
    if want.plan == "acceptance":
        most = min(most, acceptance.most_allowed(population, size, want.bad, want.consumer_risk))
    return most


def workers(annotations: Iterable[Annotation], batch: Batch) -> dict[str, set[str]]:
    """Who has worked on each sample of a batch, whenever it was: they may not judge it."""
    tasks, samples = set(tasks_of(batch)), set(batch.samples)
    found: dict[str, set[str]] = {sample: set() for sample in batch.samples}
    for a in annotations:
        if a.author_kind == "person" and a.task in tasks and a.sample in samples:
            found[a.sample].add(a.author)
    return found


def draw(
    batch: Batch, round_: int, want: Quality, reviewers: Iterable[str], annotations: Iterable[Annotation],
    strata: Mapping[str, str], seed: int, batches: Iterable[Batch] = (),
) -> list[Batch]:  # fmt: skip
    """The quality batches of one round over one batch of work: one for what is visual in it, one for what is semantic.

    `batches` holds the earlier rounds', so that other people judge; `settings` says how it was drawn and who is
    to judge what. The same call gives the same batches. Raises CallError as `assigned` does, and for an empty batch.
    """
    if not batch.samples:
        raise CallError(f"batch {batch.id}: holds no sample, so there is nothing to judge")
    worked, names = workers(annotations, batch), list(reviewers)
    before = [b for b in batches if b.kind == "quality" and b.parent == batch.id and b.round < round_]
    found = []
    for kind in kinds_of(batch):
        rng = _rng(batch, round_, kind, seed)
        asked = plan(len(set(batch.samples)), kind, want)
        samples = drawn(batch.samples, asked.size, strata, rng)
        earlier = [settings_of(b)["assigned"] for b in before if settings_of(b)["kind"] == kind]
        people = assigned(samples, worked, names, earlier, rng)
        settings = canonical({
            "kind": kind, "seed": seed, "plan": want.plan, "allowed": asked.allowed, "assigned": people,
            "producer_risk": asked.producer_risk, "consumer_risk": asked.consumer_risk, "strata": _noted(batch, strata),
            "other_people": not set(people.values()) & {name for round_ in earlier for name in round_.values()},
        })  # fmt: skip
        found.append(
            made(
                kind="quality", task=batch.task, round=round_, samples=samples, parent=batch.id, settings=settings,
                population=len(set(batch.samples)),
                reason=f"quality round {round_} of batch {batch.id}: {len(samples)} of its samples, {kind}",
            )
        )  # fmt: skip
    return found


def drawn_again(batch: Batch, q: Batch, seed: int) -> list[str]:
    """What a quality batch over `batch` holds if it was drawn as it says, with this seed."""
    told = settings_of(q)
    strata = noted(batch, q)
    return drawn(batch.samples, len(q.samples), strata, _rng(batch, q.round, told["kind"], seed))


def noted(batch: Batch, q: Batch) -> dict[str, str]:
    """The stratum of each sample of `batch`, as a quality batch over it has noted them."""
    names, of = (settings_of(q)["strata"][key] for key in ("names", "of"))
    return {sample: names[n] for sample, n in zip(sorted(set(batch.samples)), of, strict=True)}


def _rng(batch: Batch, round_: int, kind: Kind, seed: int) -> np.random.Generator:
    return generator(seed, "quality", f"{batch.id} {round_} {kind}")


def _noted(batch: Batch, strata: Mapping[str, str]) -> dict[str, list[Any]]:
    """The strata of a batch's samples, in order of their ids: with them, whoever has the seed can draw again."""
    names = sorted({strata.get(s, "") for s in batch.samples})
    number = {name: n for n, name in enumerate(names)}
    return {"names": names, "of": [number[strata.get(s, "")] for s in sorted(set(batch.samples))]}


def made(**values: Any) -> Batch:
    """A batch whose id is the hash of everything it says."""
    batch = Batch(id="", **values)
    return replace(batch, id=batch_id(batch))


def batch_id(batch: Batch) -> str:
    return digest("batch", {name: value for name, value in vars(batch).items() if name != "id"})


# --- judging ----------------------------------------------------------------------------------------


def judge(
    batch: Batch, sample: str, reviewer: str, answers: Sequence[Answer], worked: Mapping[str, Collection[str]],
    given: Iterable[Verdict] = (),
) -> list[Verdict]:  # fmt: skip
    """A reviewer's answers on one sample as verdict rows: those of them that say something new.

    `worked` is of `workers`, `given` the verdicts so far. Who answers again supersedes what they said. Raises
    BadInput for a sample that was not drawn, a reviewer who worked on it, and findings that do not belong here.
    """
    kind: Kind = settings_of(batch)["kind"]
    if sample not in batch.samples:
        raise BadInput(f"sample {sample}: was not drawn for quality batch {batch.id}; leave the answer out")
    if reviewer in worked.get(sample, ()):
        raise BadInput(f"sample {sample}: {reviewer} has worked on it and cannot judge it; let somebody else do it")
    mine = {v.task: v for v in verdicts(batch, given) if v.sample == sample and v.reviewer == reviewer}
    found = []
    for answer in sorted(answers, key=lambda a: a.task):
        findings = sorted(set(answer.content.choices))
        if unknown := set(findings) - set(FINDINGS[kind]):
            raise BadInput(f"sample {sample}: {', '.join(sorted(unknown))}: is none of {', '.join(FINDINGS[kind])}")
        if (answer.status == "accepted") == bool(findings):
            raise BadInput(
                f"sample {sample}: is either right, or wrong in one of {', '.join(FINDINGS[kind])}; judge it again"
            )
        verdict = "rejected" if findings else "accepted"
        was = mine.get(answer.task)
        said: dict[str, Any] = {
            "sample": sample, "annotation": answer.about, "task": answer.task, "round": batch.round,
            "reviewer": reviewer, "verdict": verdict, "comment": answer.comment, "batch": batch.id,
            "findings": findings,
        }  # fmt: skip
        if was and all(getattr(was, name) == value for name, value in said.items()):
            continue
        said["supersedes"] = was.id if was else None
        verdict_ = Verdict(id="", **said)
        found.append(replace(verdict_, id=verdict_id(verdict_)))
    return found


def verdict_id(verdict: Verdict) -> str:
    return digest("quality verdict", {name: value for name, value in vars(verdict).items() if name != "id"})


def verdicts(batch: Batch, given: Iterable[Verdict]) -> list[Verdict]:
    """The verdicts that stand in a quality batch: each reviewer's last on each sample and task, by sample."""
    of_it = {v.id: v for v in given if v.batch == batch.id}
    replaced = {v.supersedes for v in of_it.values()}
    return sorted(
        (v for v in of_it.values() if v.id not in replaced), key=lambda v: (v.sample, v.task, v.reviewer, v.id)
    )


def outcome(batch: Batch, given: Iterable[Verdict], want: Quality) -> Outcome:
    """Whether a round passed, by what the recipe asks for now.

    A sample is erroneous if anybody found anything in it wrong. A verdict that was withdrawn, or is on a sample that
    was not drawn, counts for nothing.
    """
    asked, said = set(batch.samples), dict[str, bool]()
    for v in verdicts(batch, given):
        if v.sample in asked and v.verdict != WITHDRAWN:
            said[v.sample] = said.get(v.sample, False) or v.verdict == "rejected"
    errors, population = sum(said.values()), batch.population or len(batch.samples)
    most = allowed(population, len(batch.samples), want)
    return Outcome(
        batch=batch.id, parent=batch.parent or "", kind=settings_of(batch)["kind"], round=batch.round,
        population=population, size=len(batch.samples), judged=len(said), errors=errors, allowed=most,
        passed=errors <= most if len(said) == len(batch.samples) else None,
    )  # fmt: skip


def settings_of(batch: Batch) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(batch.settings)
    return found
