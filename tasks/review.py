"""Review: clips go to a Label Studio project, people's decisions come back as annotations and verdicts.

Both directions can be repeated at any time. A push adds what is missing, brings tasks up to date that
nobody has touched, and leaves all others alone. A pull writes only what it has not written before.
The caller holds the workspace's lock.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from annotation import labelstudio
from annotation.labels import Labels, current, standing
from annotation.labelstudio import Decision, Item
from schemas.digests import digest
from schemas.errors import BadInput, CallError, DefectoryError, WorkerError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Media, Row, Sample, Verdict, annotation
from tasks.stage import Context, Shard, execute, stage
from tasks.workspace import Ref, Workspace

JUDGED = {"clip": ("visible_interval", "caption"), "image": ("caption",)}
"""The annotation tasks that a reviewer judges, by the kind of the samples."""
TASKS = JUDGED["clip"]

NEEDED = {kind: ("defect_type", "object", *tasks) for kind, tasks in JUDGED.items()}
"""The annotation tasks without which a sample is not complete: it is neither reviewed nor released."""

BATCH = 500


@dataclass(frozen=True)
class Server:
    """A Label Studio that has answered and taken the token."""

    url: str
    client: Any = field(repr=False)
    media_root: Path
    """The folder that it serves files from."""
    token_from: str
    """Where the token came from, for error sentences."""


@dataclass(frozen=True)
class PushReport:
    url: str
    created: int
    updated: int
    unchanged: int
    untouched: int
    """Tasks whose content changed but that somebody has begun or answered; left as they are."""


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


@dataclass(frozen=True)
class Gate:
    """Whether a round has passed: every clip judged, and enough of them usable."""

    passed: bool
    clips: int
    judged: int
    accepted: int
    corrected: int
    rejected: int


@dataclass(frozen=True)
class ReviewStatus:
    url: str
    round: int
    tasks: int
    done: int
    waiting: int
    accepted: int
    """Clips by their pulled verdicts, like the next two."""
    corrected: int
    rejected: int
    passed: bool


# --- the server -----------------------------------------------------------------------------------


def home() -> Path:
    """Where the services of this machine keep their state: $DEFECTORY_HOME, or `.defectory` in this folder."""
    return Path(os.environ.get("DEFECTORY_HOME", ".defectory")).resolve()


def configured(state: Path | None = None) -> Server | None:
    """The Label Studio that is configured or runs on this machine; None when there is neither.

    Raises like `connect` when LABEL_STUDIO_URL is set and that server cannot be used.
    """
    if "LABEL_STUDIO_URL" not in os.environ:
        embedded = _embedded(state or home())
        try:
            if not embedded or not httpx.get(f"{embedded['url']}/health", timeout=5).is_success:
                return None
        except httpx.TransportError:
            return None
    return connect(state)


def connect(state: Path | None = None) -> Server:
    """The Label Studio at LABEL_STUDIO_URL with LABEL_STUDIO_API_KEY, else the one that `make up` started.

    Files are served from DEFECTORY_MEDIA_ROOT, or from what the embedded server was started with. Raises
    CallError when no server is known or no token is there, WorkerError when it does not answer, DefectoryError
    when it refuses the token.
    """
    from label_studio_sdk import LabelStudio

    state = state or home()
    embedded = _embedded(state)
    url = os.environ.get("LABEL_STUDIO_URL") or embedded.get("url")
    if not url:
        raise CallError("no Label Studio is known here; start it with `make up` or set LABEL_STUDIO_URL")
    secret, token_from = os.environ.get("LABEL_STUDIO_API_KEY"), "LABEL_STUDIO_API_KEY"
    if not secret and url == embedded.get("url"):
        file = state / "credentials.json"
        try:
            secret, token_from = json.loads(file.read_text())["token"], str(file)
        except (OSError, ValueError, KeyError):
            raise CallError(f"{file}: holds no readable token for Label Studio; set LABEL_STUDIO_API_KEY") from None
    if not secret:
        raise CallError(f"LABEL_STUDIO_API_KEY is not set; {url} wants an access token (account settings in its UI)")
    media_root = os.environ.get("DEFECTORY_MEDIA_ROOT") or embedded.get("serves")
    if not media_root:
        raise CallError("DEFECTORY_MEDIA_ROOT is not set; name the folder that Label Studio serves local files from")
    url = url.rstrip("/")
    with _speaking(url, token_from):
        client = LabelStudio(base_url=url, api_key=secret, timeout=120)
        client.users.whoami()
    return Server(url, client, Path(media_root).resolve(), token_from)


def _embedded(state: Path) -> dict[str, str]:
    try:
        kept: dict[str, dict[str, str]] = json.loads((state / "services.json").read_text())
    except FileNotFoundError:
        return {}
    return kept.get("labelstudio", {})


@contextmanager
def _speaking(url: str, token_from: str) -> Iterator[None]:
    """The client's errors as sentences. Bodies and headers of answers stay out of them."""
    from label_studio_sdk.core.api_error import ApiError

    try:
        yield
    except httpx.TimeoutException:
        raise WorkerError(f"Label Studio at {url} takes too long to answer; try again, nothing is lost") from None
    except httpx.TransportError:
        raise WorkerError(
            f"Label Studio at {url} does not answer; start it with `make up` or set LABEL_STUDIO_URL"
        ) from None
    except ApiError as e:
        if e.status_code in (401, 403):
            raise DefectoryError(
                f"Label Studio at {url} refuses the token from {token_from}; put a valid access token there"
            ) from None
        raise WorkerError(f"Label Studio at {url} answered {e.status_code}; its log says why, then try again") from e


# --- push -----------------------------------------------------------------------------------------


def push(workspace: Workspace, recipe: Recipe, server: Server) -> PushReport:
    """Bring the project of this data set and round to what the workspace holds."""
    if recipe.kind == "image":
        raise DefectoryError(f"{recipe.dataset}: holds images, and only clips are sent to Label Studio so far")
    round_ = recipe.review.round
    wanted = {i.sample.id: labelstudio.task(i, round_) for i in items(workspace, round_, server.media_root)}
    with _speaking(server.url, server.token_from):
        project = _project(workspace, recipe, server) or _create_project(workspace, recipe, server)
        _permit_media(workspace, server, project)
        _validate(wanted.values(), server.client.projects.get(id=project).label_config)
        there = _tasks(server, project)
        new = [task for sample, task in wanted.items() if sample not in there]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            done = server.client.projects.import_tasks(id=project, request=batch)
            if done.task_count != len(batch):
                raise WorkerError(f"Label Studio took {done.task_count} of {len(batch)} tasks; push again")
        updated = unchanged = untouched = 0
        for sample, task in wanted.items():
            if sample not in there:
                continue
            if there[sample].data["content"] == task["data"]["content"]:
                unchanged += 1
            elif _update(server, there[sample].id, task):
                updated += 1
            else:
                untouched += 1
    return PushReport(_project_url(server, project), len(new), updated, unchanged, untouched)


def items(workspace: Workspace, round_: int, media_root: Path) -> list[Item]:
    """What a round reviews: every `reviewable` clip, as the earlier rounds left it.

    Raises CallError when the workspace lies outside of `media_root`.
    """
    if not workspace.root.is_relative_to(media_root):
        raise CallError(
            f"{workspace.root}: lies outside of {media_root}, the folder that Label Studio shows files from; build "
            "there, or start the services with another --media-root"
        )
    paths = {m.id: m.path for m in workspace.rows(Media)}
    needed = [a for a in workspace.rows(Annotation) if a.task in NEEDED["clip"]]
    rows = [a for a in needed if a.task in TASKS]
    earlier = current(a for a in rows if a.author_kind != "person" or a.round < round_)
    machine = current(a for a in rows if a.author_kind != "person")
    candidates: dict[str, list[Annotation]] = {}
    for a in sorted((a for a in rows if a.task == "caption" and a.author_kind == "model"), key=_candidate):
        candidates.setdefault(a.sample, []).append(a)

    def address(media: str) -> str:
        relative = workspace.path(paths[media]).relative_to(media_root)
        return f"/data/local-files/?d={quote(relative.as_posix())}"

    found = []
    for sample in reviewable(workspace.rows(Sample), needed):
        # What an earlier round rejected is judged again as the machine wrote it.
        labels = [
            earlier[sample.id].by_task.get(t) or machine[sample.id].by_task.get(t) if sample.id in machine else None
            for t in TASKS
        ]
        interval, caption = labels
        if interval and caption:
            media = {m.role: m.id for m in sample.media}
            marked = address(media["marked"]) if "marked" in media else None
            offered = tuple(candidates.get(sample.id, ()))
            found.append(Item(sample, interval, caption, offered, address(media["unmarked"]), marked))
    return found


def missing(labels: Labels, kind: str = "clip") -> list[str]:
    """The needed tasks in which a sample has no label, though nobody rejected one."""
    return [task for task in NEEDED[kind] if task not in labels.by_task and task not in labels.rejected]


def reviewable(samples: Iterable[Sample], annotations: Iterable[Annotation]) -> list[Sample]:
    """The samples that a round has to judge: those that nothing is `missing` from.

    What could not be labelled was never shown to anybody, so it does not hold up the others. Give all rows
    of the needed tasks.
    """
    labels = current(annotations)
    return [s for s in samples if not missing(labels.get(s.id, Labels()), s.kind)]


def _candidate(a: Annotation) -> tuple[int, str]:
    return (a.candidate if a.candidate is not None else 0, a.id)


def _validate(tasks: Iterable[dict[str, Any]], config: str) -> None:
    """Label Studio takes a prediction that does not fit and shows an empty region: check before sending."""
    from label_studio_sdk.label_interface import LabelInterface

    interface = LabelInterface(config)
    for task in tasks:
        for prediction in task["predictions"]:
            if errors := interface.validate_prediction(prediction, return_errors=True):
                raise DefectoryError(
                    f"sample {task['data']['sample']}: its labels do not fit the project's labelling configuration; "
                    f"restore the configuration or delete the project, then push again ({errors[0]})"
                )


def _marker(workspace: Workspace, recipe: Recipe, server: Server) -> str:
    """Finds our project again whatever its title has become."""
    place = workspace.root.relative_to(server.media_root).as_posix()
    return f"[defectory {recipe.dataset} round {recipe.review.round} in {place}]"


def _project(workspace: Workspace, recipe: Recipe, server: Server) -> int | None:
    marker = _marker(workspace, recipe, server)
    for project in server.client.projects.list(include="id,description", page_size=1000):
        if marker in (project.description or ""):
            return int(project.id)
    return None


def _create_project(workspace: Workspace, recipe: Recipe, server: Server) -> int:
    round_ = f" round {recipe.review.round}"
    project = server.client.projects.create(
        title=recipe.dataset[: 50 - len(round_)] + round_,
        description=f"When defects are visible, and how they are described. {_marker(workspace, recipe, server)}",
        label_config=labelstudio.CONFIG,
        expert_instruction=labelstudio.INSTRUCTION,
        show_instruction=False,
        show_collab_predictions=True,
        model_version=labelstudio.MODEL_VERSION,
        maximum_annotations=1,
        enable_empty_annotation=False,
        sampling="Sequential sampling",
    )
    return int(project.id)


def _permit_media(workspace: Workspace, server: Server, project: int) -> None:
    """Connect the project to the workspace's media unless it is; without that no video shows."""
    media, storages = str(workspace.root / "media"), server.client.import_storage.local
    if not any(s.path == media for s in storages.list(project=project)):
        # The pattern matches no file, so that a press on "sync" makes no tasks.
        storages.create(project=project, title="media", path=media, use_blob_urls=True, regex_filter="(?!)")


def _project_url(server: Server, project: int) -> str:
    return f"{server.url}/projects/{project}/data"


def _tasks(server: Server, project: int) -> dict[str, Any]:
    """The project's tasks by our sample id; of duplicates the one that people have worked on most."""
    found: dict[str, Any] = {}
    # Only what is needed: a page of whole tasks takes the server four times as long.
    wanted = "id,data,total_annotations,cancelled_annotations"
    for task in server.client.tasks.list(
        project=project, fields="task_only", include=wanted, resolve_uri=False, page_size=1000
    ):
        sample = task.data.get("sample")
        if sample and (sample not in found or _work(task) > _work(found[sample])):
            found[sample] = task
    return found


def _work(task: Any) -> int:
    return (task.total_annotations or 0) + (task.cancelled_annotations or 0)


def _update(server: Server, id_: int, task: dict[str, Any]) -> bool:
    """Replace a task's content unless somebody has begun it; asked at the last moment, just before writing."""
    now = server.client.tasks.get(id=str(id_))
    if _work(now) or now.drafts or now.annotations:
        return False
    for old in server.client.predictions.list(task=id_):
        server.client.predictions.delete(id=old.id)
    for prediction in task["predictions"]:
        server.client.predictions.create(task=id_, **prediction)
    # The data carries the content hash, so it comes last: a push that dies before it is made good by the next.
    server.client.tasks.update(id=str(id_), data=task["data"])
    return True


# --- pull -----------------------------------------------------------------------------------------


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
    with _speaking(server.url, server.token_from):
        project = _project(workspace, recipe, server)
        if project is None:
            raise DefectoryError(f"{workspace.root}: nothing was sent to {server.url} for round {round_}; push first")
        chunks = server.client.projects.exports.download_sync(id=project, export_type="JSON")
        exported = json.loads(b"".join(chunks))
    verdicts, problems = take(workspace, recipe, under_review, exported)
    counts = {status: sum(v.verdict == status for v in verdicts) for status in ("accepted", "corrected", "rejected")}
    return PullReport(
        url=_project_url(server, project),
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


# --- status ---------------------------------------------------------------------------------------


def status(workspace: Workspace, recipe: Recipe, server: Server) -> ReviewStatus:
    """How far the round is: tasks on the server, verdicts in the tables."""
    round_ = recipe.review.round
    with _speaking(server.url, server.token_from):
        project = _project(workspace, recipe, server)
        if project is None:
            raise DefectoryError(f"{workspace.root}: nothing was sent to {server.url} for round {round_}; push first")
        tasks = _tasks(server, project)
    done = sum((t.total_annotations or 0) > 0 for t in tasks.values())
    now = progress(workspace, recipe)
    return ReviewStatus(
        url=_project_url(server, project), round=round_, tasks=len(tasks), done=done, waiting=len(tasks) - done,
        accepted=now.accepted, corrected=now.corrected, rejected=now.rejected, passed=now.passed,
    )  # fmt: skip


def progress(workspace: Workspace, recipe: Recipe) -> Gate:
    """Where the recipe's round stands by the tables alone; what a release of them would be told."""
    rows = [a for a in workspace.rows(Annotation) if a.task in NEEDED[recipe.kind]]
    samples = reviewable(workspace.rows(Sample), rows)
    ids = (s.id for s in samples)
    return gate(ids, rows, recipe.review.round, recipe.review.min_accepted, JUDGED[recipe.kind])


def judged(workspace: Workspace, recipe: Recipe) -> tuple[int, int]:
    """Clips that the round has judged, and clips that it has to judge; needs no server."""
    now = progress(workspace, recipe)
    return now.judged, now.clips


def gate(
    samples: Iterable[str], annotations: Iterable[Annotation], round_: int, min_accepted: float,
    tasks: tuple[str, ...] = TASKS,
) -> Gate:  # fmt: skip
    """The release gate over the given sample ids.

    A sample is judged when people's standing rows of the round cover all `tasks`. It counts as rejected if
    anybody rejected one, else as corrected if anybody changed one, else as accepted. Passed: all
    are judged, there is at least one, and the share not rejected is at least `min_accepted`.
    """
    said: dict[str, dict[str, set[str]]] = {s: {} for s in samples}
    for a in standing(annotations):
        if a.author_kind == "person" and a.round == round_ and a.task in tasks and a.sample in said:
            said[a.sample].setdefault(a.task, set()).add(a.status)
    outcomes = [
        next(s for s in ("rejected", "corrected", "accepted") if any(s in verdicts for verdicts in by_task.values()))
        for by_task in said.values()
        if by_task.keys() == set(tasks)
    ]
    rejected = outcomes.count("rejected")
    enough = len(outcomes) - rejected >= min_accepted * len(said) - 1e-9
    return Gate(
        passed=bool(said) and len(outcomes) == len(said) and enough,
        clips=len(said),
        judged=len(outcomes),
        accepted=outcomes.count("accepted"),
        corrected=outcomes.count("corrected"),
        rejected=rejected,
    )
