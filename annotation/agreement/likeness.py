"""How alike two people's answers to one task are, whatever kind of answer it is."""

from collections import Counter

import numpy as np

from annotation.agreement.chance import Pairs
from annotation.agreement.overlap import interval_iou, mask_iou, matched, regions_iou
from annotation.diversity import DIGITS, Encode
from schemas.rows import Annotation

REFUSED = "(rejected)"
USABLE = "(usable)"
NONE = "(none)"
SAME_PLACE = 0.5
"""IoU from which two regions are the same thing, so that their classes can be compared."""
KINDS = ("regions", "masks", "intervals", "label", "choices", "text")
"""What an answer says, the most telling first: of two answers, the first that either of them holds is compared.

So of a safety level its hazards are not compared, and of an image's class not the words that go with it.
"""


def likeness(one: Annotation, other: Annotation, encode: Encode | None = None) -> float:
    """How alike two answers to one task are, in [0, 1]; symmetric, and 1 for equal ones.

    An answer that rejects is like another rejection, and unlike everything else.
    """
    refused = [a.status == "rejected" for a in (one, other)]
    if any(refused):
        return float(all(refused))
    kind = _kind(one, other)
    if kind == "regions":
        return regions_iou(one.regions, other.regions)
    if kind == "masks":
        return mask_iou(one.masks or [], other.masks or [])
    if kind == "intervals":
        return interval_iou(one.intervals or [], other.intervals or [])
    if kind == "label":
        return float(one.label == other.label)
    if kind == "choices":
        a, b = set(one.choices), set(other.choices)
        return len(a & b) / len(a | b)
    return _cosine(one.text or "", other.text or "", encode)


def _kind(one: Annotation, other: Annotation) -> str:
    for kind in KINDS:
        if any(getattr(a, kind) for a in (one, other)):
            return kind
    # Both are empty: no interval, no region.
    held = (k for k in ("masks", "intervals") if any(getattr(a, k) is not None for a in (one, other)))
    return next(held, "text")


def compared_by(one: Annotation, other: Annotation, encode: Encode | None = None) -> str:
    """What the likeness of two answers is: equal, overlap of choices, IoU or cosine."""
    kind = _kind(one, other)
    return {"choices": "overlap of choices", "label": "equal", "text": "cosine" if encode else "equal"}.get(kind, "IoU")


def classes(one: Annotation, other: Annotation) -> Pairs:
    """The classes that two answers gave to the same thing: the sample, or each region that both marked.

    Of intervals, masks and texts, which have none: whether the sample could be used.
    """
    kind = _kind(one, other)
    if kind == "regions":
        if "rejected" in (one.status, other.status):
            return Counter()
        same = [(a, b) for a, b, iou in matched(one.regions, other.regions, labels=False) if iou >= SAME_PLACE]
        return Counter((one.regions[a].label, other.regions[b].label) for a, b in same)
    if not any(getattr(a, kind) is not None or a.status == "rejected" for a in (one, other)):
        return Counter()  # no region by either
    named = kind in ("choices", "label")
    return Counter([(_value(one, named), _value(other, named))])


def _value(a: Annotation, named: bool) -> str:
    if a.status == "rejected":
        return REFUSED
    return (a.label or " + ".join(sorted(set(a.choices))) or NONE) if named else USABLE


def _cosine(one: str, other: str, encode: Encode | None) -> float:
    if one == other or encode is None:
        return float(one == other)
    a, b = np.asarray(encode([one, other]), np.float64)
    return float(np.clip(np.round(a @ b, DIGITS), 0.0, 1.0))
