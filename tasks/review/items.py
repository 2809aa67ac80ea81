"""What a round puts before reviewers."""

from pathlib import Path
from urllib.parse import quote

from annotation.labels import current
from annotation.labelstudio import Item
from schemas.errors import CallError
from schemas.rows import Annotation, Media, Sample
from tasks.review.gate import NEEDED, TASKS, reviewable
from tasks.workspace import Workspace


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


def _candidate(a: Annotation) -> tuple[int, str]:
    return (a.candidate if a.candidate is not None else 0, a.id)
