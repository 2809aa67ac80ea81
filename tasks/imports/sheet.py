"""Imported images to look at: some of every class, with what is labelled on them outlined."""

import heapq
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from schemas.digests import digest
from schemas.rows import Annotation, Mask, Media, Sample
from tasks.pictures import outline, read_rgb
from tasks.workspace import Ref, Workspace

PER_CLASS, MOST = 4, 60
OUTLINE = (235, 40, 40)


def chosen_images(workspace: Workspace, refs: list[Ref]) -> Iterator[tuple[Media, list[Mask], str]]:
    """Up to PER_CLASS images of every source class, a fixed draw: the file, its masks and boxes, and its words."""
    chosen: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for s in workspace.rows(Sample, refs):
        kind = chosen.setdefault((s.defect, f"{s.source_set}: {s.source_class}"), [])
        kind.append((digest(s.id), s.id))
        kind[:] = heapq.nsmallest(PER_CLASS, kind)
    wanted = {id_: words for (_, words), ids in chosen.items() for _, id_ in ids}
    masks: dict[str, list[Mask]] = {}
    for a in workspace.rows(Annotation, refs):
        if a.sample in wanted and a.masks:
            masks.setdefault(a.sample, []).extend(a.masks)
    files = {m.sample: m for m in workspace.rows(Media, refs) if m.sample in wanted}
    ordered = [id_ for _, ids in sorted(chosen.items()) for _, id_ in ids]
    for id_ in ordered[:MOST]:
        yield files[id_], masks.get(id_, []), wanted[id_]


def outlined(file: Path, masks: list[Mask]) -> np.ndarray:
    """The picture, (H, W, 3) uint8 RGB, with the outline of every mask."""
    picture = read_rgb(file)
    for mask in masks:
        outline(picture, mask, OUTLINE)
    return picture
