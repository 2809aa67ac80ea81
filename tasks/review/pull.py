"""From the reviewers: people's decisions as annotations and verdicts. A pull writes only what it has not written
before."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotation import labelstudio
from annotation.labels import standing
from annotation.labelstudio import Decision, Item
from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Row, Verdict, annotation
from tasks.review.gate import TASKS
from tasks.review.items import items
from tasks.review.projects import find, url_of
from tasks.review.server import Server, speaking
from tasks.stage import Context, Shard, execute, stage
from tasks.workspace import Ref, Workspace


@dataclass(frozen=True)
class PullReport:
    url: str
    decisions: int
    """New verdicts; a clip has one per task and reviewer."""
    reviewers: int
    accepted: int
    corrected: int
    rejected: int
    problems: tuple[str, ...] = ()
    """Answers that could not be taken, each with what to do."""


@stage(version=1, writes=("annotations", "verdicts"), settings=lambda recipe: None, cut=lambda workspace, recipe: ())
def review(shard: Shard, ctx: Context) -> Iterator[Row]:
    """People's decisions as immutable parts; the fingerprint is the hash of the rows themselves."""
    yield from shard.items


def pull(workspace: Workspace, recipe: Recipe, server: Server) -> PullReport:
    """Write the decisions that are not in the tables yet, each superseding what it judged.

    Every reviewer's work is a row of its own; drafts and cancelled annotations are not taken. Raises
    DefectoryError when nothing was pushed for this round.
    """
    round_ = recipe.review.round
    under_review = items(workspace, round_, server.media_root)
    with speaking(server.url, server.token_from):
        project = find(workspace, recipe, server)
        if project is None:
            raise DefectoryError(f"{workspace.root}: nothing was sent to {server.url} for round {round_}; push first")
        chunks = server.client.projects.exports.download_sync(id=project, export_type="JSON")
        exported = json.loads(b"".join(chunks))
    verdicts, problems = take(workspace, recipe, under_review, exported)
    counts = {status: sum(v.verdict == status for v in verdicts) for status in ("accepted", "corrected", "rejected")}
    return PullReport(
        url=url_of(server, project),
        decisions=len(verdicts),
        reviewers=len({v.reviewer for v in verdicts}),
        problems=tuple(problems),
        **counts,
    )


def take(
    workspace: Workspace, recipe: Recipe, under_review: list[Item], exported: list[dict[str, Any]]
) -> tuple[list[Verdict], list[str]]:
    """Write what is new in an export (Label Studio's JSON format); returns it, and what could not be taken."""
    round_ = recipe.review.round
    by_sample = {i.sample.id: i for i in under_review}
    history = History.of(workspace, round_)
    problems: list[str] = []
    outdated: dict[str, set[str]] = {}
    new: dict[str, list[Row]] = {}
    for reviewer, answer, task in _answers(exported):
        item = by_sample.get(task["data"].get("sample"))
        if item is None:
            continue  # of a clip that the recipe no longer makes
        try:
            if task["data"]["unmarked"] != item.unmarked:
                raise BadInput(
                    f"sample {item.sample.id}: was rendered again after its review; delete the answer in task "
                    f"{task['id']} and push again"
                )
            decided = labelstudio.decision(answer["result"], task["data"])
        except BadInput as e:
            problems.append(str(e))
            continue
        new.setdefault(item.sample.shard, []).extend(rows_of(item, decided, reviewer, round_, history))
        if missed := earlier(item, decided):
            outdated.setdefault(item.sample.id, set()).update(missed)
    for sample, missed in outdated.items():
        judged = " and ".join(EARLIER[task] for task in TASKS if task in missed)
        problems.append(f"clip {sample}: judged {judged}; delete the answer in Label Studio and push again")
    made: list[Ref] = []
    for key, rows in sorted(new.items()):
        if rows:
            shard = Shard(key, items=tuple(rows))
            execute(review, workspace, recipe, shard)
            made.append(review.ref(recipe, shard))
    if made:
        listed = workspace.current("review")
        workspace.point("review", [*listed, *(ref for ref in made if ref not in listed)])
    return [row for rows in new.values() for row in rows if isinstance(row, Verdict)], problems


@dataclass(frozen=True)
class History:
    """What people have said before in this round: a reviewer's standing row per sample and task, and its comment."""

    latest: dict[tuple[str, str, str], Annotation]
    comments: dict[tuple[str, str, str | None], str]

    def words(self, said: Annotation) -> tuple[Any, ...]:
        """What a row says: status, value and comment."""
        comment = self.comments.get((said.author, said.task, said.supersedes))
        return said.status, said.intervals, said.text, comment

    @classmethod
    def of(cls, workspace: Workspace, round_: int) -> "History":
        rows = standing(workspace.rows(Annotation))
        people = [a for a in rows if a.author_kind == "person" and a.round == round_]
        verdicts = workspace.rows(Verdict)
        return cls(
            latest={(a.sample, a.task, a.author): a for a in people},
            comments={(v.reviewer, v.task, v.annotation): v.comment for v in verdicts},
        )


EARLIER = {"visible_interval": "earlier intervals", "caption": "an earlier caption"}


def earlier(item: Item, decided: Decision) -> set[str]:
    """The tasks in which an answer judged only a label that is no longer the one under review.

    What a reviewer drew, picked or wrote in its place is about the clip and holds whatever the machine says now.
    """
    parts = (
        (item.interval, decided.interval_id, decided.intervals_accepted and decided.intervals_changed),
        (item.caption, decided.caption_id, decided.caption_accepted and decided.caption_changed),
    )
    return {now.task for now, shown, corrected in parts if shown != now.id and not corrected}


def rows_of(item: Item, decided: Decision, reviewer: str, round_: int, history: History) -> Iterator[Row]:
    """The annotation and verdict rows of one answer: none where the reviewer has said the same before, none
    where it is about an `earlier` label."""
    missed = earlier(item, decided)
    spans, words = item.interval.intervals or [], labelstudio.tidy(item.caption.text or "")
    judged = (
        (item.interval, decided.intervals_accepted, decided.intervals == spans, decided.interval_comment,
         {"intervals": decided.intervals}),
        (item.caption, decided.caption_accepted, decided.caption == words, decided.caption_comment,
         {"text": item.caption.text if decided.caption == words else decided.caption}),
    )  # fmt: skip
    for reviewed, accepted, same, comment, value in judged:
        if reviewed.task in missed:
            continue
        status = "rejected" if not accepted else "accepted" if same else "corrected"
        said = history.latest.get((item.sample.id, reviewed.task, reviewer))
        row: dict[str, Any] = value if accepted else {}
        if said and history.words(said) == (status, row.get("intervals"), row.get("text"), comment):
            continue
        target = said.id if said else reviewed.id
        yield annotation(
            sample=item.sample.id, task=reviewed.task, author_kind="person", author=reviewer, author_version="1",
            status=status, round=round_, supersedes=target, **row,
        )  # fmt: skip
        yield Verdict(
            id=digest("verdict", target, reviewer, round_, status, comment, row), sample=item.sample.id,
            annotation=target, task=reviewed.task, round=round_, reviewer=reviewer, verdict=status, comment=comment,
        )  # fmt: skip


def _answers(exported: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Reviewer, annotation, task: the submitted annotations, of each reviewer the last one per clip."""
    last: dict[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]] = {}
    for task in exported:
        for answer in sorted(task["annotations"], key=lambda a: (a["updated_at"], a["id"])):
            if not answer.get("was_cancelled"):
                last[str(task["data"].get("sample")), _pseudonym(answer["completed_by"])] = (answer, task)
    for (_, reviewer), (answer, task) in sorted(last.items(), key=lambda entry: entry[0]):
        yield reviewer, answer, task


def _pseudonym(user: int | dict[str, Any]) -> str:
    """`reviewer-N`, N being the account's number in Label Studio; only there does it lead to a person."""
    return f"reviewer-{user['id'] if isinstance(user, dict) else user}"
