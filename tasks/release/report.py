"""report.html: one file to look at. Thumbnails are inside it, clips are played from media/ beside it.

It asks the network for nothing: a content security policy says so to the browser, and allows only the
script whose hash it names, so text from the data can never run.
"""

import base64
import hashlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import duckdb

from schemas.errors import BadInput
from schemas.rows import Mask, Signal
from tasks import video
from tasks.filming.views import FLAG_WORDS, VIEW_WORDS
from tasks.pictures import outline
from tasks.release.edition import TEMPLATES, Edition, templates
from tasks.release.figures import BINS, DIMENSIONS, Figures, Tallies, seen
from tasks.release.manifest import Bundle, rows
from tasks.split import PROMISES
from tasks.visibility import f1

PLAYERS = 9
TILES = 36
POSTER_WIDTH, TILE_WIDTH = 480, 260
"""Pixels; a picture is never enlarged."""
OUTLINE = (40, 40, 235)
"""BGR."""


@dataclass(frozen=True)
class Tile:
    """One clip as a picture, with the defect outlined if it is seen in it."""

    bundle: Bundle
    picture: str
    """A data URI."""


@dataclass(frozen=True)
class Player:
    tile: Tile
    unmarked: str
    marked: str | None
    spans: list[tuple[float, float]]
    """Left edge and width of each visible interval, in per cent of the clip."""
    seen_at: float
    """Seconds: the middle of the first interval, where there is one."""
    share: float
    """Of the frames, that in which the defect is visible."""
    curve: str
    """Points of the visible area over time in a box of 100 by 100; empty if there is no signal."""
    peak: float
    """The largest visible area, in pixels."""


def text(edition: Edition, numbers: Figures, tallies: Tallies, con: duckdb.DuckDBPyConnection, folder: Path) -> str:
    """The page for a release whose manifest `con` reads and whose media lie in `folder`."""
    script = (TEMPLATES / "report.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    total = sum((c for c in numbers.agreement.values()), start=type(numbers.candidates)())
    return templates().get_template("report.html.j2").render(
        edition=edition, numbers=numbers, tallies=tallies, f1=f1, total=total, dimensions=DIMENSIONS, bins=BINS,
        view_words=VIEW_WORDS, flag_words=FLAG_WORDS,
        promises=PROMISES,
        splits=sorted(numbers.splits, reverse=True), script=script, script_hash=digest,
        style=(TEMPLATES / "report.css").read_text(encoding="utf-8"),
        players=[_player(b, con, folder) for b in numbers.pick(PLAYERS if edition.kind == "clip" else 0)],
        tiles=[_tile(b, folder, TILE_WIDTH, outlined=True) for b in numbers.pick(TILES)],
    )  # fmt: skip


def _player(bundle: Bundle, con: duckdb.DuckDBPyConnection, folder: Path) -> Player:
    paths = {m.role: m.path for m in bundle.media}
    frames = bundle.sample.frames or 1
    label = bundle.labels.by_task.get("visible_interval")
    spans = (label.intervals or []) if label else []
    query = f"SELECT * FROM signals WHERE sample = '{bundle.sample.id}' AND name = 'visible_pixels'"  # noqa: S608 - our own hex id
    area = [s.values for s in rows(con, Signal, query)]
    values = area[0] if area else []
    peak = max(values, default=0.0)
    return Player(
        tile=_tile(bundle, folder, POSTER_WIDTH, outlined=False),
        unmarked=paths["unmarked"],
        marked=paths.get("marked"),
        spans=[(100 * s.start_frame / frames, 100 * (s.end_frame - s.start_frame) / frames) for s in spans],
        seen_at=sum((spans[0].start_frame, spans[0].end_frame)) / 2 / (bundle.sample.fps or 1) if spans else 0.0,
        share=seen(spans) / frames,
        curve=_curve(values, peak),
        peak=peak,
    )


def _curve(values: list[float], peak: float) -> str:
    """One step per frame, closed along the bottom."""
    if not peak:
        return ""
    width = 100 / len(values)
    steps = [
        f"{i * width:.2f},{y:.2f} {(i + 1) * width:.2f},{y:.2f}"
        for i, v in enumerate(values)
        for y in [100 - 94 * v / peak]
    ]
    return f"0,100 {' '.join(steps)} 100,100"


def _tile(bundle: Bundle, folder: Path, width: int, outlined: bool) -> Tile:
    """An image; of a clip the keyframe that shows most of the defect, or the first one, or else the first frame."""
    label = bundle.labels.by_task.get("mask")
    masks: dict[int | None, list[Mask]] = {}
    for region in label.masks or [] if label else []:
        masks.setdefault(region.frame, []).append(region)
    area = {at: sum(region.area for region in regions) for at, regions in masks.items()}
    keyframes = [m for m in bundle.media if m.role == "keyframe" and m.frame is not None]
    best = max(keyframes, key=lambda m: (area.get(m.frame, 0), -(m.frame or 0)), default=None)
    image = next((m for m in bundle.media if m.role == "image"), None)
    frame: int | None
    if image is not None:
        picture, frame = cv2.imread(str(folder / image.path)), 0
    elif best is not None:
        picture, frame = cv2.imread(str(folder / best.path)), best.frame
    else:
        clip = next(m.path for m in bundle.media if m.role == "unmarked")
        picture, frame = cv2.cvtColor(next(video.frames(folder / clip)), cv2.COLOR_RGB2BGR), 0
    if picture is None:
        raise BadInput(f"{best.path if best else bundle.sample.id}: cannot be read as a picture; build again")
    scale = min(1.0, width / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if outlined:
        for region in masks.get(frame, ()):
            outline(small, region, OUTLINE)
    _, jpeg = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, 78])
    return Tile(bundle, "data:image/jpeg;base64," + base64.b64encode(jpeg.tobytes()).decode())
