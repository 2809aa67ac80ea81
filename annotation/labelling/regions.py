"""Regions and relations: our rows and Label Studio's results, both ways without loss.

Label Studio gives places in per cent of the picture, ours are pixels in 32 bits; its frames count from 1 and include
the last one, ours are half-open from 0. A region is several of its results with one id: the shape, the class that it
bears, and an answer for each attribute.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from annotation.labelling import brush
from annotation.labelling.words import said, shown
from schemas.errors import BadInput
from schemas.rows import Attribute, Interval, Mask, Region, Relation

NOTE = "note"
"""The attribute that holds what a reviewer remarked on a region (its "meta" text)."""

SHAPES = {"polygon": "polygon", "rectangle": "box", "brush": "brush", "timelinelabels": "interval"}
KIND_TAGS = {kind: tag for tag, kind in SHAPES.items()}
FURTHEST = 1000.0
"""Per cent of the picture; a place further off was not drawn by anybody."""


@dataclass(frozen=True)
class Picture:
    """What the regions lie on: the name of its tag in the configuration, and its size in pixels, or in frames."""

    tag: str
    width: int = 0
    height: int = 0
    frames: int = 0
    frame: int | None = None
    """Of the clip that the picture was taken from."""
    label_tag: str = "class"
    """The tag whose labels the regions bear."""


# --- frames ---------------------------------------------------------------------------------------


def ranges(intervals: Iterable[Interval]) -> list[dict[str, int]]:
    """Half-open frames from 0 as Label Studio's inclusive frames from 1."""
    return [{"start": i.start_frame + 1, "end": i.end_frame} for i in intervals]


def interval(range_: Any, frames: int) -> Interval | None:
    """The inverse of `ranges` for one, cut to `[0, frames)`; None if it lies outside.

    Raises BadInput for what is no range of frames.
    """
    start, end = (range_.get("start"), range_.get("end")) if isinstance(range_, Mapping) else (None, None)
    if type(start) is not int or type(end) is not int or start > end:
        raise BadInput(f"range {range_!r:.80}: is not a range of frames; draw it again")
    return Interval(max(start - 1, 0), min(end, frames)) if start <= frames and end >= 1 else None


def joined(intervals: Iterable[Interval]) -> list[Interval]:
    """Sorted, overlapping and touching ones made one."""
    found: list[Interval] = []
    for i in sorted(intervals, key=lambda i: (i.start_frame, i.end_frame)):
        if found and i.start_frame <= found[-1].end_frame:
            found[-1] = Interval(found[-1].start_frame, max(i.end_frame, found[-1].end_frame))
        else:
            found.append(i)
    return found


# --- to Label Studio ------------------------------------------------------------------------------


def results(regions: Iterable[Region], relations: Iterable[Relation], on: Picture) -> list[dict[str, Any]]:
    """Label Studio's results. Raises BadInput for a region without a place, and for an id that is not its own."""
    found: list[dict[str, Any]] = []
    ids: set[str] = set()
    for r in regions:
        # Label Studio cuts ids at a `#`, and takes regions of one id for one.
        if not r.id or "#" in r.id or r.id in ids:
            raise BadInput(f"region {r.id!r:.40}: needs an id of its own, without `#`; make it again")
        ids.add(r.id)
        value = _value(r, on)
        common: dict[str, Any] = {"id": r.id, "to_name": on.tag}
        if r.kind != "interval":
            common |= {"original_width": on.width, "original_height": on.height, "image_rotation": 0}
        notes = [a.value for a in r.attributes if a.name == NOTE]
        meta = {"meta": {"text": [shown(n) for n in notes]}} if notes else {}
        if r.kind == "interval":
            value |= {"timelinelabels": [r.label]}
            found.append({**common, **meta, "from_name": on.label_tag, "type": "timelinelabels", "value": value})
        else:
            tag = KIND_TAGS[r.kind]
            found.append({**common, **meta, "from_name": tag, "type": tag, "value": value})
            found.append(
                {**common, "from_name": on.label_tag, "type": "labels", "value": value | {"labels": [r.label]}}
            )
        for name in dict.fromkeys(a.name for a in r.attributes if a.name != NOTE):
            chosen = {"choices": [a.value for a in r.attributes if a.name == name]}
            found.append({**common, "from_name": name, "type": "choices", "value": value | chosen})
    for link in relations:
        ends = {"from_id": link.source, "to_id": link.target, "direction": "right"}
        found.append({"type": "relation", **ends, "labels": list(link.labels)})
    return found


def _value(r: Region, on: Picture) -> dict[str, Any]:
    p = [float(v) for v in r.points]
    inside = on.width > 0 and on.height > 0 and all(v <= (on.height if n % 2 else on.width) for n, v in enumerate(p))
    if r.kind != "interval" and not inside:
        raise BadInput(f"region {r.id}: reaches out of its picture of {on.width} x {on.height} pixels; cut it")
    if r.kind == "interval" and len(p) == 2:
        return {"ranges": ranges([Interval(int(p[0]), int(p[1]))])}
    if r.kind == "polygon" and len(p) >= 6 and len(p) % 2 == 0:
        return {"points": [[x / on.width * 100, y / on.height * 100] for x, y in zip(p[::2], p[1::2], strict=True)],
                "closed": True}  # fmt: skip
    if r.kind == "box" and len(p) == 4:
        sides = (on.width, on.height) * 2
        place = {k: v / s * 100 for k, v, s in zip(("x", "y", "width", "height"), p, sides, strict=True)}
        return place | {"rotation": r.rotation_deg}
    if r.kind == "brush" and r.counts is not None:
        return {"format": "rle", "rle": brush.rle(r.counts, on.height, on.width)}
    raise BadInput(f"region {r.id}: is no {r.kind} with a place; make it again")


# --- from Label Studio ----------------------------------------------------------------------------


def regions(result: Iterable[Any], on: Picture) -> tuple[list[Region], list[Relation]]:
    """The regions on one picture in an exported `result`, and the relations between them.

    Raises BadInput for a region that has no class, two of them, or no place in the picture, or is of an unknown kind,
    and for a relation whose ends are not there.
    """
    shapes: dict[str, list[Mapping[str, Any]]] = {}
    links: list[Mapping[str, Any]] = []
    for entry in result:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("type"), str):
            raise BadInput("an entry of the answer is no object with a type; open the task and submit it again")
        if entry.get("type") == "relation":
            links.append(entry)
        elif entry.get("to_name") == on.tag and _is_place(entry, on):
            shapes.setdefault(_id(entry), []).append(entry)
    found = [region for id_, entries in shapes.items() for region in _regions(id_, entries, on)]
    return found, [r for link in links for r in _relations(link, {region.id for region in found})]


PLACES = {"ranges", "points", "x", "rle"}


def _is_place(entry: Mapping[str, Any], on: Picture) -> bool:
    """Whether an entry tells of a region, and not of the whole picture."""
    value, kind = entry.get("value"), entry.get("type")
    return kind in SHAPES or entry.get("from_name") == on.label_tag or (
        isinstance(value, Mapping) and bool(PLACES & value.keys()))  # fmt: skip


def _id(entry: Mapping[str, Any]) -> str:
    if not isinstance(id_ := entry.get("id"), str) or not id_:
        raise BadInput("a region of the answer has no id; delete it and draw it again")
    return id_


def _regions(id_: str, entries: Sequence[Mapping[str, Any]], on: Picture) -> list[Region]:
    shape = next((e for e in entries if e.get("type") in SHAPES), None)
    if shape is None:
        raise BadInput(f"region {id_:.40}: is of a kind that is not asked for here; delete it and draw it again")
    kind = SHAPES[shape["type"]]
    label = _texts(next((e for e in entries if e.get("from_name") == on.label_tag), {}), ("labels", "timelinelabels"))
    if len(label) != 1:
        raise BadInput(f"region {id_:.40}: has {len(label)} classes; open the task and give it one")
    meta = shape.get("meta")
    noted = meta.get("text", []) if isinstance(meta, Mapping) else []
    attributes = [Attribute(NOTE, said(str(n))) for n in (noted if isinstance(noted, list) else [noted])]
    for e in entries:
        if e.get("type") == "choices":
            attributes += [Attribute(str(e.get("from_name")), value) for value in _texts(e, ("choices",))]
    attributes = in_order(attributes)
    value = shape.get("value")
    if not isinstance(value, Mapping):
        raise BadInput(f"region {id_:.40}: has no place; delete it and draw it again")
    if kind == "interval":
        given = value.get("ranges")
        spans = [interval(r, on.frames) for r in (given if isinstance(given, list) else [given])]
        # A bar of the timeline may be cut in pieces; each is a region.
        return [
            Region(f"{id_}.{n}" if n else id_, kind, label[0], [float(i.start_frame), float(i.end_frame)],
                   attributes=attributes)
            for n, i in enumerate(spans) if i
        ]  # fmt: skip
    size = (shape.get("original_width", on.width), shape.get("original_height", on.height))
    if size != (on.width, on.height) or shape.get("image_rotation"):
        raise BadInput(f"region {id_:.40}: lies on another picture, or a turned one; delete it and draw it again")
    points, rotation, counts = _place(id_, kind, value, on)
    return [Region(id_, kind, label[0], points, rotation, counts, on.height, on.width, on.frame, attributes)]


def in_order(attributes: Iterable[Attribute]) -> list[Attribute]:
    """Attributes have no order of their own; by name, then value."""
    return sorted(attributes, key=lambda a: (a.name, a.value))


def _place(id_: str, kind: str, value: Mapping[str, Any], on: Picture) -> tuple[list[float], float, str | None]:
    if kind == "brush":
        return [], 0.0, brush.counts(value.get("rle"), on.height, on.width)
    if kind == "box":
        x, y, width, height = (_number(id_, value.get(k)) for k in ("x", "y", "width", "height"))
        if width <= 0 or height <= 0:
            raise BadInput(f"region {id_:.40}: is an empty box; delete it and draw it again")
        corners = [_pixels(x, on.width), _pixels(y, on.height), _pixels(width, on.width), _pixels(height, on.height)]
        return corners, _number(id_, value.get("rotation", 0)), None
    points = value.get("points")
    if not isinstance(points, list) or len(points) < 3 or any(not isinstance(p, list) or len(p) != 2 for p in points):
        raise BadInput(f"region {id_:.40}: is no polygon of three points or more; delete it and draw it again")
    return (
        [_pixels(_number(id_, v), s) for p in points for v, s in zip(p, (on.width, on.height), strict=True)],
        0.0,
        None,
    )


def _number(id_: str, value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value) or abs(value) > FURTHEST:
        raise BadInput(f"region {id_:.40}: `{value!r:.30}` is no place in a picture; delete it and draw it again")
    return float(value)


def _pixels(percent: float, side: int) -> float:
    """Rounded to 32 bits as rows are: what was pushed comes back to the bit, since per cent are of 64."""
    return pixel(percent / 100 * side)


def pixel(value: float) -> float:
    """As rows keep it."""
    return float(np.float32(value))


def _texts(entry: Mapping[str, Any], keys: Sequence[str]) -> list[str]:
    value = entry.get("value")
    if not isinstance(value, Mapping):
        return []
    given: Any = next((value[k] for k in keys if k in value), [])
    if not isinstance(given, list) or not all(isinstance(g, str) for g in given):
        raise BadInput(
            f"the answer to `{entry.get('from_name')!s:.40}` is malformed; open the task and answer it again"
        )
    return given


def _relations(link: Mapping[str, Any], ids: set[str]) -> list[Relation]:
    ends, labels = (link.get("from_id"), link.get("to_id")), link.get("labels") or []
    if not isinstance(labels, list) or not all(isinstance(name, str) for name in labels):
        raise BadInput("a relation of the answer is malformed; delete it and draw it again")
    a, b = map(str, ends)
    if not {a, b} <= ids:
        raise BadInput("a relation of the answer has an end that is not there; delete it and draw it again")
    forth, back = Relation(a, b, labels), Relation(b, a, labels)
    return {"left": [back], "bi": [forth, back]}.get(str(link.get("direction")), [forth])


# --- masks ----------------------------------------------------------------------------------------


def from_mask(mask: Mask, label: str, id_: str) -> Region:
    """A machine's mask as a region to brush at."""
    canonical = brush.encoded(brush.decoded(mask.counts, mask.height, mask.width))
    return Region(id_, "brush", label, [], counts=canonical, height=mask.height, width=mask.width, frame=mask.frame)


def to_mask(region: Region) -> Mask:
    """A brushed region as a mask, with `area` in whole pixels. Raises BadInput for another kind of region."""
    if region.counts is None or region.height is None or region.width is None:
        raise BadInput(f"region {region.id}: is no brushed mask; make it again")
    pixels = brush.decoded(region.counts, region.height, region.width)
    ys, xs = np.nonzero(pixels)
    box = [xs.min(), ys.min(), np.ptp(xs) + 1, np.ptp(ys) + 1] if len(xs) else [0, 0, 0, 0]
    return Mask(region.frame or 0, region.height, region.width, region.counts, float(len(xs)), [float(v) for v in box])
