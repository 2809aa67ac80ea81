"""How much two people's regions, masks and intervals of one sample are the same: intersection over union.

All measures are symmetric, lie in [0, 1], and are 1 for equal values, two empty ones among them: to see that
nothing is there is agreement, too.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco
from scipy.optimize import linear_sum_assignment

from schemas.rows import Interval, Mask, Region

Raster = dict[str, Any]
"""Compressed COCO RLE, as pycocotools takes it: size and counts."""


def interval_iou(one: Sequence[Interval], other: Sequence[Interval]) -> float:
    """IoU of the frames that the two sets of half-open intervals cover; intervals of one set may overlap."""
    a, b = _merged(one), _merged(other)
    both = sum(max(0, min(x[1], y[1]) - max(x[0], y[0])) for x in a for y in b)
    return _ratio(both, _length(a) + _length(b) - both)


def mask_iou(one: Sequence[Mask], other: Sequence[Mask]) -> float:
    """IoU of the pixels of all frames together; several masks of one frame count as their union.

    Masks of one frame that differ in size share no pixel.
    """
    a, b = _by_frame(one), _by_frame(other)
    both = sum(
        _area(coco.merge([a[f], b[f]], intersect=True)) for f in a.keys() & b.keys() if a[f]["size"] == b[f]["size"]
    )
    return _ratio(both, sum(map(_area, a.values())) + sum(map(_area, b.values())) - both)


def matched(one: Sequence[Region], other: Sequence[Region], labels: bool = True) -> list[tuple[int, int, float]]:
    """The one-to-one matching of regions with the greatest sum of IoUs: (index, index, IoU > 0), sorted.

    With `labels`, only regions of one label can be the same.
    """
    if not one or not other:
        return []
    ious = np.array([[region_iou(a, b) if not labels or a.label == b.label else 0.0 for b in other] for a in one])
    rows, columns = linear_sum_assignment(ious, maximize=True)
    return [(int(r), int(c), float(ious[r, c])) for r, c in zip(rows, columns, strict=True) if ious[r, c] > 0]


def regions_iou(one: Sequence[Region], other: Sequence[Region]) -> float:
    """Mean IoU over the regions of both, what found no partner counting as 0.

    Twice the sum over matched pairs by the number of regions of both: the panoptic quality (Kirillov et al. 2019)
    without its threshold.
    """
    if not one and not other:
        return 1.0
    return 2 * sum(iou for _, _, iou in matched(one, other)) / (len(one) + len(other))


def region_iou(one: Region, other: Region) -> float:
    """IoU of two regions whatever their labels: in frames for intervals, in pixels for all else.

    0 for regions of different frames, or an interval and an area.
    """
    if one.frame != other.frame or (one.kind == "interval") != (other.kind == "interval"):
        return 0.0
    if (one.kind, one.points, one.counts, one.rotation_deg) == (
        other.kind,
        other.points,
        other.counts,
        other.rotation_deg,
    ):
        return 1.0  # whatever a raster would make of something smaller than a pixel
    if one.kind == "interval":
        return interval_iou([_span(one)], [_span(other)])
    if all(r.kind == "box" and not r.rotation_deg for r in (one, other)):
        return _box_iou(one.points, other.points)
    if _apart(one, other):
        return 0.0
    height, width = _extent(one, other)
    a, b = _raster(one, height, width), _raster(other, height, width)
    if a["size"] != b["size"]:
        return 0.0
    both = _area(coco.merge([a, b], intersect=True))
    union = _area(a) + _area(b) - both
    return both / union if union else 0.0


def _ratio(both: float, union: float) -> float:
    return both / union if union else 1.0


def _merged(spans: Sequence[Interval]) -> list[tuple[int, int]]:
    """Sorted, disjoint, without empty ones."""
    found: list[tuple[int, int]] = []
    for start, end in sorted((s.start_frame, s.end_frame) for s in spans if s.end_frame > s.start_frame):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _length(spans: list[tuple[int, int]]) -> int:
    return sum(end - start for start, end in spans)


def _span(region: Region) -> Interval:
    return Interval(int(region.points[0]), int(region.points[1]))


def _by_frame(masks: Sequence[Mask]) -> dict[int, Raster]:
    found: dict[int, list[Raster]] = defaultdict(list)
    for m in masks:
        found[m.frame].append({"size": [m.height, m.width], "counts": m.counts.encode()})
    return {frame: coco.merge(rasters) if len(rasters) > 1 else rasters[0] for frame, rasters in found.items()}


def _area(raster: Raster) -> int:
    return int(coco.area(raster))


def _box_iou(one: Sequence[float], other: Sequence[float]) -> float:
    """Of two upright boxes x, y, width, height."""
    across, down = (max(0.0, min(one[i] + one[i + 2], other[i] + other[i + 2]) - max(one[i], other[i])) for i in (0, 1))
    both = across * down
    union = one[2] * one[3] + other[2] * other[3] - both
    return both / union if union > 0 else 0.0


def _apart(one: Region, other: Region) -> bool:
    """Two outlines whose upright bounds do not meet: most pairs of a picture, and no raster is needed for them."""
    if one.counts or other.counts:
        return False
    bounds = [(min(v), max(v)) for r in (one, other) for v in zip(*_corners(r), strict=True)]
    if len(bounds) < 4:
        return True  # an outline without a point
    return any(bounds[i][1] < bounds[i + 2][0] or bounds[i + 2][1] < bounds[i][0] for i in (0, 1))


def _extent(*regions: Region) -> tuple[int, int]:
    """Height and width that hold all of the regions: the picture's where it is known, else as far as they reach."""
    corners = [p for r in regions for p in _corners(r)]
    height = max([r.height or 0 for r in regions] + [math.ceil(y) for _, y in corners] + [1])
    width = max([r.width or 0 for r in regions] + [math.ceil(x) for x, _ in corners] + [1])
    brush = next((r for r in regions if r.counts and r.height and r.width), None)
    return (brush.height or 1, brush.width or 1) if brush else (height, width)


def _corners(region: Region) -> list[tuple[float, float]]:
    """Of a polygon or box, in pixels."""
    if region.kind != "box":
        return list(zip(region.points[::2], region.points[1::2], strict=False))
    x, y, width, height = region.points
    turn = math.radians(region.rotation_deg)
    cos, sin = math.cos(turn), math.sin(turn)
    return [
        (x + a * cos - b * sin, y + a * sin + b * cos) for a, b in ((0, 0), (width, 0), (width, height), (0, height))
    ]


def _raster(region: Region, height: int, width: int) -> Raster:
    if region.counts:
        return {"size": [region.height, region.width], "counts": region.counts.encode()}
    outline = [v for corner in _corners(region) for v in corner]
    found: Raster = coco.merge(coco.frPyObjects([outline], height, width))
    return found
