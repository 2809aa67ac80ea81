"""From the reviewers: people's work as annotations and verdicts. A pull writes only what it has not written before.

Rows are committed first, then the point in time up to which the server was read; whatever a crash leaves in between
is read again, and adds nothing.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from annotation.labels import WITHDRAWN
from schemas.errors import BadInput, DefectoryError, WorkerError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Row, Verdict
from tasks.review.items import items
from tasks.review.marks import Marks
from tasks.review.projects import find, listed, url_of
from tasks.review.rows import EARLIER, Given, History, checked, earlier, given_of, rows_of, withdrawals
from tasks.review.said import at_large, by_shard
from tasks.review.server import Server, speaking
from tasks.review.work import Work, works
from tasks.stage import Context, Shard, execute, stage
from tasks.workspace import Ref, Workspace

BATCH = 250
"""Tasks of one export: their ids stand in an address."""
MARGIN = timedelta(minutes=2)
"""Read again at every pull: a change may be committed some time after the moment that it is dated with."""


@dataclass(frozen=True)
class PullReport:
    url: str
    decisions: int
    """New verdicts; a clip has one per task and reviewer."""
    reviewers: int
    accepted: int
    corrected: int
    rejected: int
    withdrawn: int = 0
    problems: tuple[str, ...] = ()
    """Answers that could not be taken, each with what to do."""


@stage(version=1, writes=("annotations", "verdicts"), settings=lambda recipe: None, cut=lambda workspace, recipe: ())
def review(shard: Shard, ctx: Context) -> Iterator[Row]:
    """People's decisions as immutable parts; the fingerprint is the hash of the rows themselves."""
    yield from shard.items


def pull(workspace: Workspace, recipe: Recipe, server: Server, everything: bool = False) -> PullReport:
    """Write the decisions that are not in the tables yet, each superseding what it judged.

    Every reviewer's work is a row of its own; drafts and cancelled annotations are not taken. Only tasks that have
    changed since the last pull are asked for. `everything` reads all of them, and withdraws what has been deleted in
    tasks that are still there. Raises DefectoryError when nothing was pushed.
    """
    marks = Marks.read(workspace)
    verdicts: list[Verdict] = []
    problems: list[str] = []
    urls: list[str] = []
    with speaking(server.url, server.token_from):
        for work in works(workspace, recipe):
            projects = find(workspace, recipe, server, work)
            urls += [url_of(server, p.id) for p in projects]
            changed: dict[int, list[Changed]] = {}
            read_up_to: dict[str, datetime | None] = {}
            for p in projects:
                name = f"{server.url} {p.id} {p.created_at}"
                since = None if everything else marks.since(name)
                changed[p.id], read_up_to[name] = _changed(server, p.id, since, everything)
            taken_whole = True
            for tasks in _portions(changed):
                exported = (t for project, of_it in tasks.items() for t in _exported(server, project, of_it))
                there = {t.sample: t.shard for of_it in tasks.values() for t in of_it} if everything else {}
                found, said = take(workspace, recipe, work, server, exported, there)
                verdicts += found
                problems += said
                taken_whole = taken_whole and not said
            if taken_whole:  # or what could not be taken is read again, and named again, at the next pull
                for name, at in read_up_to.items():
                    marks.reached(name, at)
        if not urls:
            round_ = recipe.review.round
            raise DefectoryError(f"{workspace.root}: nothing was sent to {server.url} for round {round_}; push first")
    marks.write(workspace)
    counts = Counter(v.verdict for v in verdicts)
    return PullReport(
        url=urls[0], decisions=len(verdicts), reviewers=len({v.reviewer for v in verdicts}),
        accepted=counts["accepted"], corrected=counts["corrected"], rejected=counts["rejected"],
        withdrawn=counts[WITHDRAWN], problems=tuple(problems),
    )  # fmt: skip


@dataclass(frozen=True)
class Changed:
    id: int
    sample: str
    shard: str
    answered: bool


def _changed(
    server: Server, project: int, since: datetime | None, everything: bool
) -> tuple[list[Changed], datetime | None]:
    """Our answered tasks that have changed (or just all of ours), and when the last of them did."""
    found, last = [], since
    include = "id,data,total_annotations,updated_at"
    for t in listed(server, project, include, since and since - MARGIN, answers=0 if everything else 1):
        last = max(last or t.updated_at, t.updated_at)
        if isinstance(t.data, dict) and isinstance(sample := t.data.get("sample"), str):
            found.append(Changed(int(t.id), sample, str(t.data.get("shard")), bool(t.total_annotations)))
    return found, last


def _portions(changed: dict[int, list[Changed]]) -> Iterator[dict[int, list[Changed]]]:
    """A project's tasks at a time, and at the end those of samples that are in several: of two answers by one person,
    wherever they were given, the later one counts."""
    often = Counter(sample for tasks in changed.values() for sample in {t.sample for t in tasks})
    for project, tasks in changed.items():
        yield {project: [t for t in tasks if often[t.sample] == 1]}
    yield {project: [t for t in tasks if often[t.sample] > 1] for project, tasks in changed.items()}


def _exported(server: Server, project: int, tasks: list[Changed]) -> Iterator[Any]:
    """The answered ones in Label Studio's JSON format; those deleted meanwhile are not among them.

    Raises WorkerError for what is no export.
    """
    ids = [t.id for t in tasks if t.answered]
    for start in range(0, len(ids), BATCH):
        chunks = server.client.projects.exports.download_sync(
            id=project, export_type="JSON", ids=[str(i) for i in ids[start : start + BATCH]]
        )
        try:
            exported = json.loads(b"".join(chunks))
        except ValueError:
            exported = None
        if not isinstance(exported, list):
            raise WorkerError(
                f"Label Studio at {server.url} sent an export of project {project} that cannot be read; pull again"
            )
        yield from exported


def take(
    workspace: Workspace, recipe: Recipe, work: Work, server: Server, exported: Iterable[Any],
    there: Mapping[str, str] | None = None,
) -> tuple[list[Verdict], list[str]]:  # fmt: skip
    """Write what is new in an export (Label Studio's JSON format); returns it, and what could not be taken.

    `there` are the samples, with the keys of their shards, whose tasks were all read: who has no answer to them any
    more has taken it back.
    """
    there = there or {}
    problems: list[str] = []
    answers: dict[tuple[str, str], Given] = {}
    for task in exported:
        for given in given_of(task, problems):
            key = given.sample, given.reviewer
            if key not in answers or answers[key].at < given.at:
                answers[key] = given
    keys = {str(g.task["data"].get("shard")) for g in answers.values()} | set(there.values())
    if not answers and not there:
        return [], problems
    wanted = {s for s, _ in answers} | there.keys()
    by_sample = {i.sample.id: i for i in items(workspace, work, server.media_root, keys) if i.sample.id in wanted}
    refs = [ref for key, of_it in by_shard(workspace).items() if key in keys for ref in of_it]
    rows = workspace.rows(Annotation, [*refs, *at_large(workspace)], task=work.tasks, sample=wanted)
    history = History.of(work, rows, workspace.rows(Verdict, refs))
    new: dict[str, list[Row]] = defaultdict(list)
    outdated: dict[str, set[str]] = defaultdict(set)
    for _, given in sorted(answers.items()):
        item = by_sample.get(given.sample)
        if item is None:
            continue  # of a sample that the recipe no longer makes
        try:
            said = checked(given, item, work)
            new[item.sample.shard] += rows_of(given, said, item, history)
        except BadInput as e:
            problems.append(str(e))
            continue
        if work.batch is None or work.batch.kind not in ("quality", "adjudication"):
            outdated[given.sample] |= earlier(item, said) & set(work.tasks)
    for sample in sorted(there):
        gone = history.authors(sample) - {reviewer for s, reviewer in answers if s == sample}
        if sample in by_sample and gone:
            new[by_sample[sample].sample.shard] += withdrawals(sample, gone, history)
    for sample, missed in outdated.items():
        if missed:
            judged = " and ".join(EARLIER.get(task, f"an earlier {task}") for task in work.tasks if task in missed)
            kind = by_sample[sample].sample.kind
            problems.append(f"{kind} {sample}: judged {judged}; delete the answer in Label Studio and push again")
    commit(workspace, recipe, new)
    return [row for made in new.values() for row in made if isinstance(row, Verdict)], problems


def commit(workspace: Workspace, recipe: Recipe, new: dict[str, list[Row]]) -> None:
    """Rows by the key of their shard, as parts of the stage `review`."""
    made: list[Ref] = []
    for key, rows in sorted(new.items()):
        if rows:
            shard = Shard(key, items=tuple(rows))
            execute(review, workspace, recipe, shard)
            made.append(review.ref(recipe, shard))
    if made:
        current = workspace.current("review")
        workspace.point("review", [*current, *(ref for ref in made if ref not in current)])
