"""Adjudication: where people disagree, somebody else sees all of their answers and decides.

The decision supersedes every answer that it settles, with a row for each, so that none of them is left to be
the label; the answers stay in the tables, and agreement goes on being measured between them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable

from annotation.agreement.people import Disagreement
from annotation.labelling.project import Answer
from schemas.digests import canonical
from schemas.errors import BadInput
from schemas.rows import Annotation, Batch, annotation
from tasks.quality.rounds import made


def batches(disagreements: Iterable[Disagreement], min_agreement: float, size: int = 1000) -> list[Batch]:
    """What is still to be decided, as batches of one task and round with at most `size` samples.

    `settings` holds the ids of the answers: what the adjudicator sees, and what the decision supersedes.
    """
    work: dict[tuple[str, int], list[Disagreement]] = defaultdict(list)
    for d in disagreements:
        if not d.settled:
            work[d.task, d.round].append(d)
    found = []
    for (task, round_), open_ in sorted(work.items()):
        # The least agreement first: what teaches most comes before what is nearly settled.
        ordered = sorted(open_, key=lambda d: (d.likeness, d.sample))
        for part in (ordered[n : n + size] for n in range(0, len(ordered), size)):
            settings = {"min_agreement": min_agreement, "answers": {d.sample: list(d.answers) for d in part}}
            found.append(
                made(
                    kind="adjudication", task=task, round=round_, samples=[d.sample for d in part], parent=None,
                    reason=f"{len(part)} samples whose annotators agree less than {min_agreement:.0%}",
                    settings=canonical(settings),
                )
            )  # fmt: skip
    return found


def shown(batch: Batch, annotations: Iterable[Annotation]) -> dict[str, list[Annotation]]:
    """All answers that an adjudicator sees, by sample and in the order of their authors' pseudonyms."""
    wanted = {id_ for ids in json.loads(batch.settings)["answers"].values() for id_ in ids}
    found: dict[str, dict[str, Annotation]] = defaultdict(dict)
    for a in annotations:
        if a.id in wanted:
            found[a.sample][a.id] = a
    return {s: sorted(found[s].values(), key=lambda a: (a.author, a.id)) for s in batch.samples if s in found}


def settle(
    batch: Batch, sample: str, adjudicator: str, answer: Answer, annotations: Iterable[Annotation],
    lead_time_s: float | None = None,
) -> list[Annotation]:  # fmt: skip
    """The adjudicator's decision on one sample: a row for each answer that it supersedes, all saying the same.

    `annotations` are the rows of the sample so far. Deciding the same again gives no rows, deciding otherwise
    supersedes the earlier decision. Raises BadInput for a sample that is not in the batch and for an adjudicator who
    gave one of the answers.
    """
    ids = json.loads(batch.settings)["answers"].get(sample)
    if ids is None:
        raise BadInput(f"sample {sample}: is not in adjudication batch {batch.id}; leave the answer out")
    rows = {a.id: a for a in annotations if a.sample == sample}
    answers = [rows[id_] for id_ in ids if id_ in rows]
    if any(a.author == adjudicator for a in answers):
        raise BadInput(
            f"sample {sample}: {adjudicator} gave one of the answers and cannot decide; let somebody else do it"
        )
    mine = {a.supersedes: a for a in rows.values() if a.author == adjudicator and a.batch == batch.id}
    status = "rejected" if answer.status == "rejected" else "corrected"
    value = {} if status == "rejected" else vars(answer.content)
    found = []
    for decided in answers:
        last = decided
        while last.id in mine:
            last = mine[last.id]
        said = {"status": status, **value}
        if last is not decided and all(getattr(last, name) == v for name, v in said.items()):
            continue
        found.append(
            annotation(
                sample=sample, task=batch.task, author_kind="person", author=adjudicator, author_version="1",
                round=batch.round, supersedes=last.id, media=decided.media, batch=batch.id,
                lead_time_s=lead_time_s, **said,
            )
        )  # fmt: skip
    return found
