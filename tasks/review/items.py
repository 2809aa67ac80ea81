"""What a piece of work puts before reviewers, shard by shard."""

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from annotation.labelling.project import Item
from annotation.labels import Labels, current
from schemas.errors import CallError, DefectoryError
from schemas.rows import Annotation, Batch, Media, Sample, Verdict
from tasks.quality import adjudication, passing
from tasks.review.gate import NEEDED, missing
from tasks.review.said import said
from tasks.review.work import Work
from tasks.workspace import Workspace

FACTS = ("defect_type", "visible_interval", "caption")
"""Annotation tasks whose measurements are shown beside descriptions."""


FROM_NOTHING = {"mask", "box", "scene", "safety_level"}
"""Annotation tasks that people can do where no machine has said anything."""


def items(workspace: Workspace, work: Work, media_root: Path, shards: Collection[str] | None = None) -> Iterator[Item]:
    """The samples of the work as they are to be judged, those of the named shards if any are named.

    Raises CallError when the workspace lies outside of `media_root`.
    """
    if not workspace.root.is_relative_to(media_root):
        raise CallError(
            f"{workspace.root}: lies outside of {media_root}, the folder that Label Studio shows files from; build "
            "there, or start the services with another --media-root"
        )
    place = workspace.root.relative_to(media_root)
    remarks = _remarks(workspace, work)
    tasks = {*work.tasks, *FACTS, *(task for needed in NEEDED.values() for task in needed)}
    for part in said(workspace, tasks, shards, set(work.batch.samples) if work.batch else None):
        addresses = {m.id: _address(place, m.path) for m in workspace.rows(Media, part.refs)}
        for sample in part.samples:
            rows = part.annotations[sample.id]
            if found := _item(sample, rows, work, addresses, remarks.get(sample.id, ())):
                yield found


def _item(
    sample: Sample, rows: list[Annotation], work: Work, addresses: dict[str, str], remarks: tuple[str, ...]
) -> Item | None:
    """None for a sample of which nothing is to be judged."""
    judged = judged_of(rows, work)
    offered = [a for a in rows if a.task == "caption" and a.author_kind == "model"]
    if work.batch is None:
        # What could not be labelled whole is shown to nobody and does not hold up the others.
        if (
            missing(current(rows).get(sample.id, Labels()), sample.kind)
            or set(work.tasks) - judged.keys() - FROM_NOTHING
        ):
            return None
    elif work.batch.kind == "adjudication":
        answers = adjudication.shown(work.batch, rows).get(sample.id, [])
        if not answers:
            return None
        judged = {} if work.batch.task == "caption" else {work.batch.task: answers[0]}
        offered = answers if work.batch.task == "caption" else []
        remarks = (*remarks, f"{len({a.author for a in answers})} people disagree here")
    elif work.judges and not judged:
        return None
    return Item(
        sample=sample,
        media={m.role: addresses[m.id] for m in sample.media if m.id in addresses},
        judged=judged,
        candidates=tuple(sorted(offered, key=lambda a: (a.candidate or 0, a.id))),
        facts=facts(sample, rows),
        scenario=sample.environment or "",
        remarks=remarks,
    )


def judged_of(rows: list[Annotation], work: Work) -> dict[str, Annotation]:
    """The labels of one sample that are under review: as earlier work left them, and what that rejected as the
    machine wrote it."""
    relevant = [a for a in rows if a.task in work.tasks]
    before = [a for a in relevant if a.author_kind != "person" or _earlier(a, work)]
    machine = [a for a in before if a.author_kind != "person"]
    found: dict[str, Annotation] = {}
    for heard in (machine, before) if len(before) > len(machine) else (machine,):
        for labels in current(heard).values():
            found |= labels.by_task
    if "match" in work.tasks and "match" not in found:
        # What an image is said to show is what its match is about.
        shows = current(a for a in rows if a.task == "defect_type").values()
        found |= {"match": a for labels in shows for a in labels.by_task.values()}  # noqa: B035 - at most one
    return {task: found[task] for task in work.tasks if task in found}


def _earlier(a: Annotation, work: Work) -> bool:
    if work.batch is None:
        return a.round < work.round
    return work.judges or a.round < work.round or (a.round == work.round and a.batch != work.batch.id)


def facts(sample: Sample, rows: Iterable[Annotation]) -> dict[str, str]:
    """What was measured of a defect, in words for reviewers."""
    found: dict[str, str] = {}
    for a in rows:
        if f := a.facts:
            found["Extent"] = f"{f.extent_pct:.1f} % of the object, {f.width_pct:.1f} % wide, {f.depth_pct:.1f} % deep"
            found |= {"Severity": f.severity} if f.severity else {}
        if a.task == "visible_interval" and a.author_kind != "person" and a.intervals is not None:
            seen = sum(i.end_frame - i.start_frame for i in a.intervals)
            found["Visible"] = f"{seen} of {sample.frames} frames"
        for claim in a.claims:
            if claim.measured:
                found.setdefault(claim.dimension.replace("_", " ").capitalize(), claim.measured)
    return dict(sorted(found.items()))


def task_of(item: Item, work: Work) -> dict[str, Any]:
    """The task to import: besides what is shown, `data` says whose it is. Raises BadInput for what cannot be shown."""
    return work.project.task(item, work.round, batch=work.batch.id if work.batch else "", shard=item.sample.shard)


def contradicted(item: Item) -> bool:
    """Whether what is under review claims something against what was measured: such samples come first."""
    return any(c.verdict == "contradicted" for a in item.judged.values() for c in a.claims)


def _remarks(workspace: Workspace, work: Work) -> dict[str, tuple[str, ...]]:
    """Why samples of a batch are looked at, by sample."""
    if work.batch is None:
        return {}
    if work.judges:
        who: dict[str, str] = work.settings.get("assigned", {})
        return {sample: (f"To be judged by {reviewer}",) for sample, reviewer in who.items()}
    return passing.remarks(work.batch, workspace.rows(Batch), workspace.rows(Verdict)) if work.batch.parent else {}


def _address(place: PurePath, path: str) -> str:
    if PurePath(path).is_absolute() or ".." in PurePath(path).parts:
        raise DefectoryError(f"{path}: leads out of the workspace {place}")
    return f"/data/local-files/?d={quote((place / path).as_posix())}"
