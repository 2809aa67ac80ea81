"""Writes docs/demo.jpg, the picture in the README, from a built demo: `python -m docs.demo_picture WORKSPACE`."""

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from schemas.rows import Media, Sample, Signal
from tasks import video
from tasks.contact_sheet import sheet
from tasks.workspace import Workspace


def best_frames(workspace: Workspace) -> Iterator[tuple[np.ndarray, str]]:
    """Of every defective instance the frame that shows most of the defect, unmarked and marked."""
    media = {m.id: m for m in workspace.rows(Media)}
    area = {s.sample: s.values for s in workspace.rows(Signal) if s.name == "mask_pixels"}
    best: dict[str, tuple[float, int, Sample]] = {}
    for sample in workspace.rows(Sample):
        for number, pixels in enumerate(area.get(sample.id, [])):
            if pixels > best.get(sample.instance, (0.0,))[0]:
                best[sample.instance] = (pixels, number, sample)
    for _, number, sample in best.values():
        for ref in sample.media:
            clip = workspace.path(media[ref.id].path)
            picture = next(p for n, p in enumerate(video.frames(clip)) if n == number)
            yield picture, f"{sample.object}, {sample.defect}" + (" marked" if ref.role == "marked" else "")


if __name__ == "__main__":
    picture = sheet(best_frames(Workspace.open(Path(sys.argv[1]))), columns=6, cell_width=240)
    target = Path(__file__).parent / "demo.jpg"
    cv2.imwrite(str(target), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 85])
