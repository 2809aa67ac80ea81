"""Doing an order: new rows that supersede the old ones, filed where what is said of a sample stands, all at once.

What is made is made in shards like any other, so a run that was killed goes on where it was, and paid answers are in
the ledger. Nothing is seen of it until all of it is there: one pointer is replaced at the end. A machine's new label
supersedes the machine's old one. A person's verdict rests on the old one and stands; where the new label says something
else than that person did, the sample goes back to people as a batch of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby

from schemas import taxonomy
from schemas.digests import canonical
from schemas.errors import BadInput, DefectoryError
from schemas.rows import Annotation, Batch, Reject, Row, Sample, annotation
from tasks.quality.rounds import made
from tasks.reannotation.columns import labels
from tasks.reannotation.order import BY_MODEL, PEOPLE_JUDGE, Plan
from tasks.stage import Context, Shard, execute, following, stage
from tasks.text.caption import READS, caption
from tasks.workspace import Ref, Workspace

Tell = Callable[[int, int], None]
"""Is told how many pieces of the work are done, of how many."""


@dataclass(frozen=True)
class Done:
    batch: str
    rows: int
    """New rows; none where people label, or where the batch was done before."""
    rejected: tuple[Reject, ...] = ()
    """Samples that could not be labelled again, and why; their labels are as before."""
    people: str | None = None
    """The batch that people are to work on."""
    people_samples: int = 0


@stage(
    version=1, writes=("annotations", "batches", "rejects"), settings=lambda recipe: None,
    cut=lambda workspace, recipe: (),
)  # fmt: skip
def reannotation(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Rows as immutable parts; the fingerprint is the hash of the rows themselves."""
    yield from shard.items


def run(workspace: Workspace, plan: Plan, tell: Tell = lambda done, of: None) -> Done:
    """Do what is planned and bring it into the tables; the caller holds the workspace's lock.

    Doing it again does nothing.
    """
    if plan.done or not plan.chosen.samples:
        return found(workspace, plan.batch.id)
    shard_of = {s.id: s.shard for s in workspace.rows(Sample, id=plan.chosen.samples)}
    rejected: list[Reject] = []
    filed: list[Ref] = []
    rows = 0
    if not plan.order.people:
        make = _captions if plan.order.task == BY_MODEL else _classes
        for key, said in groupby(make(workspace, plan, shard_of, rejected, tell), key=lambda a: shard_of[a.sample]):
            items = tuple(_filed(a, plan) for a in said)
            rows += len(items)
            filed.append(_put(workspace, plan, key, items))
    batches = [plan.batch, *_for_people(workspace, plan, filed)]
    filed.append(_put(workspace, plan, plan.batch.id, (*batches, *rejected)))
    listed = workspace.current("reannotation")
    workspace.point("reannotation", [*listed, *(ref for ref in filed if ref not in listed)])
    return replace(found(workspace, plan.batch.id), rows=rows)


def found(workspace: Workspace, id_: str) -> Done:
    """What the tables hold of a batch."""
    batches = list(workspace.rows(Batch))
    own = next((b for b in batches if b.id == id_), None)
    if own is None:
        return Done(id_, 0)
    (counted,) = workspace.sql("SELECT count(*) AS n FROM annotations WHERE batch = ? AND author_kind <> 'person'", id_)
    part = next((r for r in workspace.current("reannotation") if r.key == id_), None)
    people = own if own.settings == canonical({"by": "people"}) else next((b for b in batches if b.parent == id_), None)
    return Done(
        batch=id_, rows=counted["n"], rejected=tuple(workspace.rows(Reject, [part])) if part else (),
        people=people.id if people else None, people_samples=len(people.samples) if people else 0,
    )  # fmt: skip


def _put(workspace: Workspace, plan: Plan, key: str, items: tuple[Row, ...]) -> Ref:
    shard = Shard(key, items=items)
    execute(reannotation, workspace, plan.recipe, shard)
    return reannotation.ref(plan.recipe, shard)


def _filed(a: Annotation, plan: Plan) -> Annotation:
    """A new row as one of the batch, in the place of the machine's label so far."""
    said = {k: v for k, v in vars(a).items() if k != "id"}
    return annotation(**said | {"batch": plan.batch.id, "supersedes": plan.chosen.machine.get(a.sample)})


def _captions(
    workspace: Workspace, plan: Plan, shard_of: dict[str, str], rejected: list[Reject], tell: Tell
) -> Iterator[Annotation]:
    """Captions of the chosen samples by the order's settings, shard after shard.

    They are shards of the caption stage that no pointer leads to: of one shard of samples each where a machine
    measures, and of all together where a service is asked.
    """
    wanted = set(shard_of.values())
    shards = [s for s in following(*READS)(workspace, plan.recipe) if s.key in wanted]
    samples: dict[str, list[str]] = {}
    for id_, key in sorted(shard_of.items()):
        samples.setdefault(key, []).append(id_)
    work = [Shard(s.key, s.upstream, tuple(samples[s.key])) for s in shards]
    if plan.recipe.caption.provider != "measured" and work:
        upstream = tuple(ref for s in work for ref in s.upstream)
        work = [Shard("all", upstream, tuple(sorted(shard_of)))]
    for n, shard in enumerate(work):
        tell(n, len(work))
        execute(caption, workspace, plan.recipe, shard)
    tell(len(work), len(work))
    refs = [caption.ref(plan.recipe, shard) for shard in work]
    rejected += (replace(r, stage="reannotation") for r in workspace.rows(Reject, refs))
    yield from workspace.rows(Annotation, refs)


def _classes(
    workspace: Workspace, plan: Plan, shard_of: dict[str, str], rejected: list[Reject], tell: Tell
) -> Iterator[Annotation]:
    """The classes of the chosen images by the order's taxonomy, those that are not what they were."""
    known = taxonomy.load(plan.recipe.images.taxonomy)
    with workspace.connect() as con:
        now = {label.sample: label.cls for label in labels(con, plan.order.task) if label.sample in shard_of}
    for sample in sorted(workspace.rows(Sample, id=list(shard_of)), key=lambda s: (s.shard, s.id)):
        try:
            if not sample.source_set or not sample.source_class:
                raise BadInput(f"sample {sample.id}: comes from no image set, so no taxonomy knows its class")
            cls = known.class_of(sample.source_set, sample.source_class)
        except BadInput as e:
            rejected.append(Reject("reannotation", sample.id, str(e)))
            continue
        if cls != now.get(sample.id, sample.defect):
            yield annotation(
                sample=sample.id, task=plan.order.task, author_kind="rule", author=f"taxonomy:{known.name}",
                author_version=known.version, status="accepted", label=cls,
            )  # fmt: skip
    tell(1, 1)


def _for_people(workspace: Workspace, plan: Plan, filed: list[Ref]) -> Iterator[Batch]:
    """A batch of the samples whose new label says something else than a person did."""
    new: dict[str, tuple[str | None, str | None]] = {}
    for a in workspace.rows(Annotation, filed):
        if all(s.value for s in a.scores if s.name == "chosen"):
            new[a.sample] = (a.label, a.text)
    with workspace.connect() as con:
        again = [
            said.sample
            for said in labels(con, plan.order.task)
            if said.reviewed and said.sample in new and (said.label, said.text) != new[said.sample]
        ]
    if again:
        yield made(
            kind="annotation", task=PEOPLE_JUDGE.get(plan.order.task, plan.order.task), round=plan.batch.round,
            samples=again, parent=plan.batch.id, settings=canonical({"by": "people", "after": plan.batch.id}),
            reason=f"labelled again by {plan.forecast.author}, other than a person did: {plan.order.reason}",
        )  # fmt: skip


def demand_batch(workspace: Workspace, id_: str) -> Batch:
    """A batch by its id. Raises DefectoryError for one that is not there."""
    batch = next((b for b in workspace.rows(Batch) if b.id == id_), None)
    if batch is None:
        raise DefectoryError(f"batch {id_}: is not in {workspace.root}; `defectory review status` names them")
    return batch
