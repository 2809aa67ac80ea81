"""What people said in Label Studio, as rows: each row supersedes what it judged, none is written twice."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from annotation.labelling import brush
from annotation.labelling.project import Answer, Item, content, meaning
from annotation.labelling.regions import to_mask
from annotation.labels import WITHDRAWN, chain
from schemas.digests import digest
from schemas.errors import BadInput
from schemas.rows import Annotation, Mask, Region, Row, Verdict, annotation
from tasks.quality import adjudication
from tasks.quality import rounds as quality
from tasks.review.work import Work

EARLIER = {"visible_interval": "earlier intervals", "caption": "an earlier caption"}
VALUE = ("label", "text", "intervals", "masks", "regions", "relations", "choices")
"""The fields in which an annotation says something."""


@dataclass(frozen=True)
class Given:
    """One person's answer to one task, as it was exported."""

    sample: str
    reviewer: str
    at: str
    """When it was last changed, and its number: later ones sort behind earlier ones."""
    task: Mapping[str, Any]
    result: Sequence[Any]
    lead_time_s: float | None


@dataclass
class History:
    """What people have said before: all rows of the samples in question, and what stands of this piece of work."""

    work: Work
    rows: dict[str, list[Annotation]] = field(default_factory=lambda: defaultdict(list))
    verdicts: dict[str, list[Verdict]] = field(default_factory=lambda: defaultdict(list))
    latest: dict[tuple[str, str, str], list[Annotation]] = field(default_factory=lambda: defaultdict(list))
    """By sample, annotation task and reviewer; one row, but for the decisions of an adjudicator. Withdrawals are among
    them."""
    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Whose rows stand, by sample."""
    comments: dict[tuple[str, str, str | None], str] = field(default_factory=dict)

    @classmethod
    def of(cls, work: Work, rows: Iterable[Annotation], verdicts: Iterable[Verdict]) -> "History":
        found = cls(work)
        all_rows = list(rows)
        for a in all_rows:
            found.rows[a.sample].append(a)
        for v in verdicts:
            found.verdicts[v.sample].append(v)
            found.comments[v.reviewer, v.task, v.annotation] = v.comment
        batch = work.batch.id if work.batch else None
        by_id = {a.id: a for a in all_rows}
        own = [
            a for a in by_id.values()
            if a.author_kind == "person" and a.round == work.round and a.batch == batch and a.task in work.tasks
        ]  # fmt: skip
        # What others have decided over an answer since, in an adjudication, does not make it unsaid.
        replaced = {a.supersedes for a in own}
        for a in own:
            if a.id not in replaced and chain(a, by_id) is not None:
                found.latest[a.sample, a.task, a.author].append(a)
                if a.status != WITHDRAWN:
                    found.people[a.sample].add(a.author)
        return found

    def authors(self, sample: str) -> set[str]:
        """Whose answers to this work stand."""
        if self.work.batch and self.work.judges:
            said = quality.verdicts(self.work.batch, self.verdicts[sample])
            return {v.reviewer for v in said if v.verdict != WITHDRAWN}
        return self.people[sample]


def rows_of(given: Given, answers: Sequence[Answer], item: Item, history: History) -> Iterator[Row]:
    """The rows of one answer: none where the reviewer has said the same before, none where it is about an `earlier`
    label. Raises BadInput for an answer that its batch does not take."""
    work = history.work
    if work.batch and work.judges:
        before = history.verdicts[given.sample]
        worked = quality.workers(history.rows[given.sample], work.batch)
        yield from quality.judge(work.batch, given.sample, given.reviewer, answers, worked, before)
    elif work.batch and work.batch.kind == "adjudication":
        for answer in answers:
            if answer.task == work.batch.task:
                before_ = history.rows[given.sample]
                seconds = given.lead_time_s
                settled = adjudication.settle(work.batch, given.sample, given.reviewer, answer, before_, seconds)
                for a in settled:
                    yield a
                    yield _verdict(a, answer.comment, a.supersedes)
    else:
        for answer in answers:
            if answer.task in work.tasks and answer.task not in earlier(item, [answer]):
                yield from _labels(given, answer, item, history)


def earlier(item: Item, answers: Iterable[Answer]) -> set[str]:
    """The tasks in which an answer judged only a label that is no longer the one under review.

    What a reviewer drew, picked or wrote in its place is about the sample and holds whatever the machine says now.
    """
    return {
        a.task for a in answers
        if a.about is not None and a.status != "corrected"
        and (a.task not in item.judged or item.judged[a.task].id != a.about)
    }  # fmt: skip


def _labels(given: Given, answer: Answer, item: Item, history: History) -> Iterator[Row]:
    work, sample = history.work, item.sample
    reviewed, status = item.judged.get(answer.task), answer.status
    if reviewed and status != "rejected":  # the machine may say by now what the reviewer put in its place, or no more
        same = meaning(answer.content) == meaning(content(item, answer.task))
        status = "accepted" if same else "corrected"
    value = value_of(answer, status, reviewed)
    said = next(iter(history.latest[sample.id, answer.task, given.reviewer]), None)
    target = said.id if said else reviewed.id if reviewed and reviewed.task == answer.task else None
    made = annotation(
        sample=sample.id, task=answer.task, author_kind="person", author=given.reviewer, author_version="1",
        status=status, round=work.round, supersedes=target, media=reviewed.media if reviewed else None,
        batch=work.batch.id if work.batch else None, lead_time_s=given.lead_time_s, **value,
    )  # fmt: skip
    before = (words(said, item), history.comments.get((said.author, said.task, said.supersedes))) if said else None
    if before != (words(made, item), answer.comment):
        yield made
        yield _verdict(made, answer.comment, target)


def words(said: Annotation, item: Item) -> tuple[Any, ...]:
    """What a row says, equal for rows that say the same; how long it took is not part of it."""
    what = content(replace(item, judged={said.task: said}), said.task)
    return said.status, meaning(what), what.scores


def value_of(answer: Answer, status: str, reviewed: Annotation | None) -> dict[str, Any]:
    """What the row says: nothing if rejected; the very words of what was accepted; else what the person said."""
    if status == "rejected":
        return {}
    rated = {"scores": answer.content.scores} if answer.content.scores else {}
    if status == "accepted" and reviewed and reviewed.task == answer.task:
        return {name: getattr(reviewed, name) for name in VALUE if getattr(reviewed, name)} | _kept(reviewed) | rated
    said = {k: v for k, v in vars(answer.content).items() if v not in (None, []) or k == "intervals"}
    if said.get("intervals") is None:
        said.pop("intervals", None)
    masks = [m for r in answer.content.regions if (m := _mask(r))] if answer.task == "mask" else []
    return said | ({"masks": masks} if masks else {})


def _kept(reviewed: Annotation) -> dict[str, Any]:
    """That a label is empty is said too: a defect may never be visible."""
    return {"intervals": []} if reviewed.intervals == [] else {}


def _mask(region: Region) -> Mask | None:
    """A region's pixels; none for a box."""
    if region.kind == "brush":
        return to_mask(region)
    if region.kind != "polygon" or not region.height or not region.width:
        return None
    canvas = np.zeros((region.height, region.width), np.uint8)
    corners = np.array(region.points, np.float64).reshape(-1, 2)
    cv2.fillPoly(canvas, [np.round(corners).astype(np.int32)], 1)
    return to_mask(replace(region, counts=brush.encoded(canvas)))


def _verdict(made: Annotation, comment: str, target: str | None) -> Verdict:
    return Verdict(
        id=digest("verdict", target, made.author, made.round, made.status, comment, made.id), sample=made.sample,
        annotation=target, task=made.task, round=made.round, reviewer=made.author, verdict=made.status, comment=comment,
    )  # fmt: skip


def withdrawals(sample: str, gone: Iterable[str], history: History) -> Iterator[Row]:
    """Answers that were taken, and that their authors (or somebody in charge) have deleted or turned into a skip since.

    A row of the same author that says nothing supersedes each: with it, what the answer had judged is the label again.
    """
    work = history.work
    for reviewer in sorted(gone):
        if work.batch and work.judges:
            for v in quality.verdicts(work.batch, history.verdicts[sample]):
                if v.reviewer == reviewer and v.verdict != WITHDRAWN:
                    taken = replace(v, verdict=WITHDRAWN, supersedes=v.id, findings=[], comment="")
                    yield replace(taken, id=quality.verdict_id(taken))
            continue
        for task in work.tasks:
            for said in history.latest[sample, task, reviewer]:
                if said.status == WITHDRAWN:
                    continue
                made = annotation(
                    sample=sample, task=task, author_kind="person", author=reviewer, author_version="1",
                    status=WITHDRAWN, round=said.round, supersedes=said.id, media=said.media, batch=said.batch,
                )  # fmt: skip
                yield made
                yield _verdict(made, "", said.id)


def given_of(task: Any, problems: list[str]) -> list[Given]:
    """The submitted answers of one exported task, of each reviewer the last; malformed ones become problems."""
    if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
        problems.append("a task of the export is malformed; pull again, and look into Label Studio's log if it stays")
        return []
    number, sample = task.get("id"), sample_of(task)
    if not sample:
        return []  # somebody's own task
    last: dict[str, Given] = {}
    for answer in task.get("annotations") or ():
        if not isinstance(answer, dict) or not isinstance(answer.get("result"), list):
            problems.append(
                f"sample {sample}: an answer in task {number} is malformed; open the task and submit it again"
            )
            continue
        if answer.get("was_cancelled"):
            continue
        if (who := pseudonym(answer.get("completed_by"))) is None:
            problems.append(f"sample {sample}: an answer in task {number} belongs to no account; answer it again")
            continue
        taken = answer.get("lead_time")
        seconds = float(taken) if isinstance(taken, int | float) and 0 <= taken < 1e7 else None
        at = f"{answer.get('updated_at')} {int(answer.get('id') or 0):012}"
        found = Given(sample, who, at, task, answer["result"], seconds)
        if who not in last or last[who].at < found.at:
            last[who] = found
    return list(last.values())


def sample_of(task: Any) -> str:
    """Which sample an exported task of ours is about; empty for other tasks."""
    data = task.get("data") if isinstance(task, dict) else None
    ours = isinstance(data, dict) and isinstance(data.get("sample"), str) and isinstance(data.get("project"), str)
    return str(data["sample"]) if ours and data else ""


def pseudonym(user: Any) -> str | None:
    """`reviewer-N`, N being the account's number in Label Studio; only there does it lead to a person."""
    number = user.get("id") if isinstance(user, dict) else user
    return f"reviewer-{number}" if type(number) is int else None


def stale(given: Given, item: Item) -> bool:
    """Whether the answer is about other media than the sample has now: it was rendered or imported again."""
    data = given.task["data"]
    shown = [data[k] for k in ("unmarked", "marked", "shown") if str(data.get(k, "")).startswith("/data/local-files/")]
    return any(address not in item.media.values() for address in shown)


def checked(given: Given, item: Item, work: Work) -> list[Answer]:
    """What an answer says. Raises BadInput for one that cannot be used."""
    if stale(given, item):
        raise BadInput(
            f"sample {item.sample.id}: was rendered again after its review; delete the answer in task "
            f"{given.task['id']} and push again"
        )
    try:
        return work.project.answers(given.result, given.task["data"])
    except BadInput as e:
        named = "" if item.sample.id in str(e) else f"sample {item.sample.id}, task {given.task['id']}: "
        raise BadInput(f"{named}{e}") from None
    except (KeyError, TypeError, ValueError, AttributeError) as e:
        raise BadInput(
            f"sample {item.sample.id}: task {given.task['id']} was changed so that its answer cannot be read "
            f"({type(e).__name__}); delete the task and push again"
        ) from None
