"""From the reviewers: people's work as annotations and verdicts. A pull writes only what it has not written before.

Rows are committed first, then the point in time up to which the server was read; whatever a crash leaves in between
is read again, and adds nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from annotation.labels import WITHDRAWN
from schemas.errors import BadInput, DefectoryError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Row, Verdict
from tasks.review.answers import Answers, There, answers_of, there
from tasks.review.changes import Changed, changes, complete, emptied, exported, portions
from tasks.review.items import items
from tasks.review.marks import Marks
from tasks.review.projects import find, url_of
from tasks.review.rows import EARLIER, History, checked, earlier, rows_of, withdrawals
from tasks.review.said import at_large, by_shard
from tasks.review.server import Server, speaking
from tasks.review.work import Work, works
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
    withdrawn: int = 0
    problems: tuple[str, ...] = ()
    """Answers that could not be taken, each with what to do."""


@stage(version=1, writes=("annotations", "verdicts"), settings=lambda recipe: None, cut=lambda workspace, recipe: ())
def review(shard: Shard, ctx: Context) -> Iterator[Row]:
    """People's decisions as immutable parts; the fingerprint is the hash of the rows themselves."""
    yield from shard.items


def pull(workspace: Workspace, recipe: Recipe, server: Server, everything: bool = False) -> PullReport:
    """Write the decisions that are not in the tables yet, each superseding what it judged, and withdraw those that
    their authors have taken back in tasks that are still there.

    Every reviewer's work is a row of its own; drafts and cancelled annotations are not taken. Only tasks that have
    changed since the last pull are asked for; `everything` reads all of them. Raises DefectoryError when nothing was
    pushed.
    """
    marks = Marks.read(workspace)
    verdicts: list[Verdict] = []
    problems: list[str] = []
    urls: list[str] = []
    with speaking(server.url, server.token_from):
        for work in works(workspace, recipe):
            projects = find(workspace, recipe, server, work)
            urls += [url_of(server, p.id) for p in projects]
            names = {p.id: f"{server.url} {p.id} {p.created_at}" for p in projects}
            known = not everything or work.name in marks.heard
            heard = {p.id: marks.of(work.name, names[p.id]) for p in projects}
            marks.keep_only(work.name, names.values())
            changed: dict[int, list[Changed]] = {}
            read_up_to: dict[str, datetime | None] = {}
            for p in projects:
                since = None if everything else marks.since(names[p.id])
                changed[p.id], read_up_to[names[p.id]] = changes(server, p.id, since, everything)
                changed[p.id] += emptied(server, p, heard[p.id], changed[p.id])
            complete(changed, heard)
            taken_whole = True
            for tasks in portions(changed):
                said = answers_of(t for project, of_it in tasks.items() for t in exported(server, project, of_it))
                read = there(tasks, said, heard, known)
                found, unusable = take(workspace, recipe, work, server, said, read)
                verdicts += found
                problems += unusable
                taken_whole = taken_whole and not unusable
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


def take(
    workspace: Workspace, recipe: Recipe, work: Work, server: Server, said: Answers,
    read: Mapping[str, There] | None = None,
) -> tuple[list[Verdict], list[str]]:  # fmt: skip
    """Write what is new in an export, and what was taken back in tasks that were `read` for it; returns it, and what
    could not be taken."""
    read, answers, problems = read or {}, said.given, list(said.problems)
    keys = {str(g.task["data"].get("shard")) for g in answers.values()} | {t.shard for t in read.values()}
    if not answers and not read:
        return [], problems
    wanted = {s for s, _ in answers} | read.keys()
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
            meant = checked(given, item, work)
            new[item.sample.shard] += rows_of(given, meant, item, history)
        except BadInput as e:
            problems.append(str(e))
            continue
        if work.batch is None or work.batch.kind not in ("quality", "adjudication"):
            outdated[given.sample] |= earlier(item, meant) & set(work.tasks)
    who: dict[str, set[str]] = defaultdict(set)
    for sample, reviewer in answers:
        who[sample].add(reviewer)
    for sample in sorted(read):
        gone = history.authors(sample) - who[sample]
        if (before := read[sample].heard) is not None:
            gone &= before
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
