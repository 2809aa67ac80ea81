"""The picture of a sample that is described and measured, with the defect's place in it, and what is known of it."""

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from annotation.labels import current
from schemas.errors import BadInput
from schemas.rows import Annotation, Interval, Mask, Media, Sample, Signal
from tasks import video
from tasks.pictures import decoded, read_rgb
from tasks.stage import MAKER, Context


@dataclass
class Known:
    """What earlier stages say of one sample."""

    clip: Path
    area: list[float] = field(default_factory=list)
    """Exact visible defect area of every frame, pixels; empty for normal clips."""
    intervals: list[Interval] | None = None
    masks: dict[int, list[Mask]] = field(default_factory=dict)
    """Of every frame the regions that are the defect together, as the label has them that holds."""
    boxes: list[Mask] = field(default_factory=list)
    """That the source of an image draws around its defects, one each."""
    defect_type: Annotation | None = None
    keyframes: list[int] = field(default_factory=list)

    @property
    def within(self) -> tuple[np.ndarray, ...]:
        """The boxes, (H, W) bool."""
        return tuple(decoded([box]) for box in self.boxes)


def known_of(ctx: Context) -> dict[str, Known]:
    """Of all samples of a shard, by id.

    What people say of a clip's type and intervals changes no picture that was described; what they say of a mask
    does say where the defect is.
    """
    paths = {m.id: ctx.workspace.path(m.path) for m in ctx.rows(Media, MAKER)}
    known = {s.id: Known(paths[looked_at(s)]) for s in ctx.rows(Sample, MAKER)}
    sources = {s.id: s.source_class for s in ctx.rows(Sample, MAKER)}
    for signal in ctx.rows(Signal, MAKER):
        if signal.name == "mask_pixels":
            known[signal.sample].area = signal.values
    for a in ctx.rows(Annotation, MAKER):
        if a.task == "defect_type":
            known[a.sample].defect_type = a
        elif a.task == "box" and a.label == sources[a.sample]:
            known[a.sample].boxes = list(a.masks or ())
    for a in ctx.rows(Annotation, "visibility"):
        if a.task == "visible_interval":
            known[a.sample].intervals = a.intervals
    # What was said of all samples at once is read whole, another shard's among them.
    marked = (a for a in ctx.rows(Annotation) if a.task == "mask" and a.sample in known)
    for id_, labels in current(marked).items():
        mask = labels.by_task.get("mask")
        if mask and mask.label in (None, sources[id_]):
            for region in mask.masks or ():
                known[id_].masks.setdefault(region.frame, []).append(region)
    for media in ctx.rows(Media, "keyframes"):
        if media.sample is not None and media.frame is not None:
            known[media.sample].keyframes.append(media.frame)
    return known


def looked_at(sample: Sample) -> str:
    """The media id of what is described: the unmarked clip, or the image."""
    return next(m.id for m in sample.media if m.role in ("unmarked", "image"))


def shown(sample: Sample, known: Known) -> tuple[np.ndarray, np.ndarray | None]:
    """The picture to describe, (H, W, 3) uint8 RGB, and where the defect is in it, (H, W) bool; None where none is
    visible, or nobody marked it on an image. What is marked on a sound image is no defect."""
    if sample.kind == "image":
        regions = known.masks.get(0) if sample.defect != "none" else None
        return read_rgb(known.clip), decoded(regions) if regions else None
    frame, visible = frame_of(sample, known)
    return picture_at(known.clip, frame), visible


def frame_of(sample: Sample, known: Known) -> tuple[int, np.ndarray | None]:
    """The frame to describe, and where the defect is in it, (H, W) bool; None where none is visible."""
    if known.intervals is None:
        raise BadInput(f"{sample.id}: has no visible interval; see the rejects of the visibility stage")
    seen = {f for span in known.intervals for f in range(span.start_frame, span.end_frame)}
    largest_first = sorted(seen & known.masks.keys(), key=lambda f: (-known.area[f], f))
    for frame in largest_first:
        mask = decoded(known.masks[frame])
        if mask.any():
            return frame, mask
    return middle(known.keyframes, sample.frames or 1), None


def middle(keyframes: list[int], frames: int) -> int:
    """The middle keyframe (the earlier of two), or the middle frame of a clip without keyframes."""
    return sorted(keyframes)[(len(keyframes) - 1) // 2] if keyframes else (frames - 1) // 2


def picture_at(clip: Path, frame: int) -> np.ndarray:
    """One frame of a clip, (H, W, 3) uint8 RGB. Raises BadInput when the clip cannot be read that far."""
    found = next(islice(video.decoded(clip), frame, None), None)
    if found is None:
        raise BadInput(f"{clip.name}: ends before frame {frame}; render it again")
    picture: np.ndarray = found.to_ndarray(format="rgb24")
    return picture
