"""What a stage leaves in the Prefect UI: counts, rejects, a contact sheet, agreement, cost."""

import base64
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact

from schemas.rows import Annotation, Media, Reject, Sample
from tasks import video
from tasks.contact_sheet import sheet
from tasks.imports.sheet import chosen_images, outlined
from tasks.release.export import Released
from tasks.visibility import f1
from tasks.workspace import Ref, Workspace

PICTURES = 24
REJECTS = 200


def _table(key: str, rows: Sequence[dict[str, Any]], description: str) -> None:
    create_table_artifact(key=key.replace("_", "-"), table=list(rows), description=description)


def counts(stage: str, workspace: Workspace, refs: list[Ref], now: int) -> dict[str, int]:
    """Rows per table, bytes of media and shards run; returned as well, for the summary."""
    tables: dict[str, int] = {"shards": len(refs), "shards run now": now}
    for ref in refs:
        record = workspace.record(ref) or {"tables": {}, "bytes": 0}
        for table, n in record["tables"].items():
            tables[table] = tables.get(table, 0) + n
        tables["media bytes"] = tables.get("media bytes", 0) + record["bytes"]
    _table(f"{stage}-counts", [{"what": k, "count": v} for k, v in tables.items()], f"What {stage} made")
    return tables


def rejects(stage: str, workspace: Workspace, refs: list[Ref]) -> None:
    rows = [{"item": r.item, "reason": r.reason} for r in workspace.rows(Reject, refs)]
    if rows:
        more = f", the first {REJECTS} of {len(rows)}" if len(rows) > REJECTS else ""
        _table(f"{stage}-rejects", rows[:REJECTS], f"Inputs that {stage} could not use{more}")


def contact_sheet(workspace: Workspace, refs: list[Ref]) -> None:
    """The middle frame of one clip per instance, as a picture inside the artifact itself."""
    pictures = []
    for ref in refs[:PICTURES]:
        media = {m.id: m for m in workspace.rows(Media, [ref])}
        sample = next(iter(workspace.rows(Sample, [ref])), None)
        if sample is None:
            continue
        role = {m.role: m.id for m in sample.media}
        clip = workspace.path(media[role.get("marked", role["unmarked"])].path)
        middle = (sample.frames or 1) // 2
        picture = next(p for n, p in enumerate(video.frames(clip)) if n == middle)
        pictures.append((picture, sample.instance))
    if not pictures:
        return
    description = f"{len(pictures)} of {len(refs)} instances; defects marked in red"
    _picture("render-contact-sheet", sheet(pictures, columns=6, cell_width=200), description)


def _picture(key: str, image: np.ndarray, description: str) -> None:
    """An RGB picture inside the artifact itself."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 80])
    create_image_artifact(
        key=key,
        image_url="data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode(),
        description=description,
    )


def image_sheet(workspace: Workspace, refs: list[Ref]) -> None:
    """Some images of every class, each with its mask or boxes drawn in red, inside the artifact itself."""
    shown = [(outlined(workspace.path(m.path), masks), words) for m, masks, words in chosen_images(workspace, refs)]
    if shown:
        _picture("import-contact-sheet", sheet(shown, columns=6, cell_width=200), f"{len(shown)} imported images")


def agreement(workspace: Workspace, refs: list[Ref]) -> None:
    """How well the intervals from the encoded pair agree with the exact mask."""
    by_sample = {s.id: s for s in workspace.rows(Sample, workspace.current("render"))}
    rows, total = [], {"tp": 0.0, "fp": 0.0, "fn": 0.0, "tn": 0.0}
    for a in workspace.rows(Annotation, refs):
        if not a.scores:
            continue
        found = {s.name: s.value for s in a.scores}
        total = {k: total[k] + found[k] for k in total}
        sample = by_sample[a.sample]
        rows.append({"instance": sample.instance, "clip": sample.clip, "f1": round(f1(found), 4), **found})
    if rows:
        rows.insert(0, {"instance": "all", "clip": "all", "f1": round(f1(total), 4), **total})
        _table(
            "visibility-agreement", rows[: REJECTS + 1], "Frames: intervals from the video pair against the exact mask"
        )


def cost(workspace: Workspace, refs: list[Ref]) -> None:
    spent: dict[str, list[float]] = {}
    for a in workspace.rows(Annotation, refs):
        spent.setdefault(a.author, []).append(a.cost_usd)
    _table(
        "caption-cost",
        [{"author": author, "candidates": len(c), "cost in USD": sum(c)} for author, c in sorted(spent.items())],
        "What the captions cost",
    )


def released(release: Released) -> None:
    _table(
        "release", [{"version": release.version, "folder": release.path.name, **release.counts}], "What was released"
    )


def not_reviewed(why: str) -> None:
    create_markdown_artifact(key="review-left-out", markdown=f"Label Studio was not synchronised: {why}")
