"""Claims held against what is measured in image and mask (`measuring.attributes`)."""

import re
from collections.abc import Callable, Sequence

from annotation.grounding.claims import Said
from annotation.grounding.fit import UNKNOWN, Check, Fit, between, tolerances
from annotation.measuring.attributes import DIRECTIONS, POSITIONS, Attributes, contrast_of
from annotation.measuring.wording import family


def _location(said: Said, a: Attributes) -> Check:
    t, s = tolerances(), a.seen
    told = ", ".join(f"{share:.0%} {cell}" for cell, share in _cells(a))
    if said.value in t["places"]:
        inside = _inside(a, t["places"][said.value])
        least = t["place_one"] if said.one and s.most > 1 else t["place_no"]
        return "no" if inside < least else "yes" if inside > t["place_yes"] else "maybe", told
    left, top, right, bottom = s.box
    if said.value == "throughout":
        wide = max(s.wide, s.tall)
        return "no" if wide < t["everywhere"] else "yes" if min(s.wide, s.tall) > 0.7 else "maybe", told
    if said.value == "edge":
        near = min(left, top, 1 - right, 1 - bottom)
        return "no" if near > t["band"] else "yes" if near < 0.02 else "maybe", f"{near:.0%} of the image from its edge"
    if said.value == "corner":
        near = max(min(left, 1 - right), min(top, 1 - bottom))
        corner = max(_inside(a, t["places"][c]) for c in ("upper left", "upper right", "lower left", "lower right"))
        return "no" if near > t["band"] and corner < t["place_no"] else "maybe", told
    if said.value == "off centre":
        return "no" if a.shares[4] > 0.9 and abs((left + right) / 2 - 0.5) < 0.04 else "maybe", told
    return UNKNOWN


def _cells(a: Attributes) -> list[tuple[str, float]]:
    told = sorted(zip(POSITIONS, a.shares, strict=True), key=lambda c: -c[1])
    return [(cell, share) for cell, share in told[:3] if share >= 0.05]


def _inside(a: Attributes, box: Sequence[float]) -> float:
    """Share of the defect in a box of the picture."""
    left, top, right, bottom = (round(b * GRID) for b in box)
    return float(a.seen.fine[top:bottom, left:right].sum())


GRID = 100


def _direction(said: Said, a: Attributes) -> Check:
    t, s = tolerances(), a.seen
    angles = [s.part_angle] if s.part_angle is not None else []
    if s.elongation >= t["direction_from"] and (s.parts == 1 or s.elongation >= 3):
        angles.append(s.angle)
    if said.value not in (*DIRECTIONS, "diagonal") or not angles:
        return UNKNOWN
    fits = [_way(said.value, angle) for angle in angles]
    ways = dict.fromkeys(f"{angle:.0f}° from the horizontal, counter-clockwise" for angle in angles)
    measured = " or ".join(ways)
    return next(f for f in ("yes", "maybe", "no") if f in fits), measured


def _way(value: str, angle: float) -> Fit:
    """How an angle (0 to 180) fits a direction."""
    t = tolerances()
    flat, up = min(angle, 180 - angle), abs(angle - 90)
    if value in ("horizontal", "vertical"):
        off = flat if value == "horizontal" else up
        return "yes" if off <= t["angle_yes"] else "maybe" if off <= t["angle_no"] else "no"
    axis = min(flat, up)
    if axis < t["diagonal_no"]:
        return "no"
    if value == "diagonal":
        return "yes" if axis > 20 else "maybe"
    return "no" if (angle < 90) != (value == "rising") else "yes" if axis > 20 else "maybe"


def _number(said: Said, a: Attributes) -> Check:
    s = a.seen
    counts = {s.fewest, s.parts, s.most}
    low, high = min(counts), max(counts)
    measured = f"{s.parts} part{'s' if s.parts > 1 else ''}"
    if said.value in ("count", "one", "pair"):
        told = {"one": 1.0, "pair": 2.0}.get(said.value) or said.numbers[0]
        if told % 1:
            return UNKNOWN
        slack = tolerances()["count_slack"] * told if told > 3 else 0
        if all(abs(told - n) > slack for n in counts):
            return "no", measured
        return "yes" if low == high == told else "maybe", measured
    least, most = _between(said)
    if high < least and said.value in UNCOUNTED and _collective(a):
        return "maybe", measured
    return "no" if high < least or low > most else "yes" if low >= least and high <= most else "maybe", measured


UNCOUNTED = {"several": (2, 10**9), "many": (4, 10**9), "few": (2, 9)}
"""Words for a number, and from how many to how many parts they fit."""


def _between(said: Said) -> tuple[float, float]:
    """The least and the most parts that a number without a figure of its own fits."""
    if said.value in UNCOUNTED:
        return UNCOUNTED[said.value]
    slack = 1 + tolerances()["count_slack"]
    return (said.numbers[0] / slack, 10**9) if said.value == "at least" else (0, said.numbers[0] * slack)


COLLECTIVE = ("pitting", "scale", "patches")
"""Families of which one marked region holds many: a cluster of pits has one outline."""


def _collective(a: Attributes) -> bool:
    return family(a.type) in COLLECTIVE


def _distribution(said: Said, a: Attributes) -> Check:
    if a.seen.most == 1 and _collective(a):
        return "maybe", "1 region"
    if a.seen.most == 1:
        return "no", "1 part"
    across = max(a.seen.wide, a.seen.tall)
    far = "spread" if across > 0.5 else "close together"
    if said.value == "scattered":
        return "no" if across < 0.2 else "maybe", f"{a.number} parts, {far}"
    return "maybe", f"{a.number} parts, {far}"


def _size(said: Said, a: Attributes) -> Check:
    t, s = tolerances(), a.seen
    height, width = a.size
    longest = max(height, width)
    percent = f"{100 * s.share:.2g}% of the image"
    lengths = f"about {s.length:.0f} by {s.breadth:.0f} pixels"
    value = said.value
    if value in t["sizes"]:
        least, most = t["sizes"][value]
        share = s.share
        if value in ("large", "huge", "most of image") and max(s.wide, s.tall) >= t["large_length"]:
            return ("maybe" if value != "most of image" or s.hull > least else between(share, least, most)), percent
        if value in ("tiny", "small") and share > most:  # of many small ones, each is meant
            share = s.share / s.most
        return between(max(share, s.hull) if value == "most of image" else share, least, most), percent
    if value in ("percent of image", "fraction of image"):
        said_share = said.numbers[0] / (100 if value == "percent of image" else 1)
        if bound := BOUND.search(said.words):
            less, more = (said_share, s.share) if bound[1] else (s.share, said_share)
            if more > t["bound_factor"] * less:
                return "no", percent
            return "yes" if less > t["bound_factor"] * more else "maybe", percent
        factor = t["area_factor"]
        least = s.share / factor - min(t["area_slack"], 0.25 * s.share)
        most = max(s.share * factor, min(s.hull, s.share * t["hull_factor"])) + min(t["area_slack"], s.share)
        if not least <= said_share <= most:
            return "no", percent
        return "yes" if s.share / 1.2 <= said_share <= s.share * 1.2 else "maybe", percent
    if value in ("fraction of width", "fraction of height", "whole width", "whole height"):
        left, top, right, bottom = s.box
        span = right - left if value.endswith("width") else bottom - top
        told = 1.0 if value.startswith("whole") else said.numbers[0] / (100 if said.numbers[0] > 1 else 1)
        return _spans(said, a, told, span), f"{span:.0%} of it"
    if value == "pixels by" and sorted(said.numbers) == sorted(a.size):
        return UNKNOWN  # the picture's own size
    if value.startswith("pixels"):
        return _pixels(said, a), lengths
    share = s.length / longest
    thick = min(s.thickness, s.breadth) / longest
    if value == "long":
        stretch = max(s.elongation, s.part_elongation) if s.parts == 1 else s.part_elongation
        if stretch < t["elongated_no"] and s.breadth < t["large_length"] * longest:
            return "no", lengths
        slender = stretch >= t["slender"]
        return between(share, t["long"] / 3 if slender else t["long"], 9), lengths
    if value == "short":
        return between(share, 0, t["short"]), lengths
    if value == "hairline" and min(s.thickness, s.breadth) > t["hairline"] * longest:
        return "no", lengths
    if value in ("thin", "hairline"):
        many = s.parts > 1 and s.part_elongation < t["elongated_no"] and s.thickness > 5
        if many or (s.parts == 1 and s.thickness > t["thin_no"] * s.length and s.length > 20):
            return "no", lengths
        slender = s.length / max(s.thickness, 1) >= 4 or s.part_elongation >= 3
        return ("maybe" if slender and thick > t["thin"] / 1.25 else between(thick, 0, t["thin"])), lengths
    line = (s.length / s.thickness if s.parts == 1 else s.part_elongation) >= t["line"]
    if line or "thick" in said.words:  # the breadth of a bent line is no thickness, nor is that of several
        return between(thick, t["thick_line" if line else "thick"], 9), lengths
    return between(max(s.breadth / longest, thick), t["thick"], 9), lengths


def _spans(said: Said, a: Attributes, told: float, span: float) -> Fit:
    """A told share of the picture's width or height, against what the defect spans of it, or its length along a slant;
    of several parts each may be meant."""
    t = tolerances()
    side = a.size[1] if said.value.endswith("width") else a.size[0]
    whole = said.value.startswith("whole")
    most = span if whole else max(span, min(a.seen.length / side, 1.0))
    least = 0.0 if a.seen.most > 1 and not whole else span
    if bound := BOUND.search(said.words):
        less, more = (told, least) if bound[1] else (most, told)
        return "no" if more > max(t["bound_factor"] * less, less + 0.05) else "maybe"
    if abs(span - told) < 0.05:
        return "yes"
    return "maybe" if least - t["span_slack"] <= told <= most + t["span_slack"] else "no"


BOUND = re.compile(
    r"\b(?:(less than|under|below|not even|at most|no more than|just under)"
    r"|more than|over|at least|no less than|exceed\w*)\b"
)
"""Words that make a figure a bound; the group is there for an upper one."""


def _pixels(said: Said, a: Attributes) -> Fit:
    """Told lengths against any extent that a person may mean by them."""
    t, s = tolerances(), a.seen
    left, top, right, bottom = s.box
    across, down = (right - left) * a.size[1], (bottom - top) * a.size[0]
    longest = (s.length, max(across, down)) if s.parts == 1 else (s.length, across, down)
    meant = {
        "pixels long": longest, "pixels longest": longest, "pixels thick": (s.thickness, s.breadth),
        "pixels across": (s.length, s.breadth, across, down, s.thickness),
    }  # fmt: skip

    def near(told: float, lengths: Sequence[float]) -> Fit:
        f, slack = t["length_factor"], t["length_slack"]
        fits = [x / f - slack <= told <= x * f + slack for x in lengths]
        close = any(x / 1.15 - 1 <= told <= x * 1.15 + 1 for x in lengths)
        return "yes" if close else "maybe" if any(fits) else "no"

    if said.value != "pixels by":
        return near(said.numbers[0], meant[said.value])
    big, small = max(said.numbers), min(said.numbers)
    both = [near(big, (s.length, max(across, down))), near(small, (s.breadth, s.thickness, min(across, down)))]
    return next(f for f in ("no", "maybe", "yes") if f in both)


def _shape(said: Said, a: Attributes) -> Check:
    t, s = tolerances(), a.seen
    row = s.parts > 2 and s.elongation >= t["row"]  # any two lie in one
    whole = s.elongation if s.parts == 1 or row else s.part_elongation
    stretch = [whole, s.part_elongation]
    slender = s.length / max(s.thickness, 1.0) if s.parts == 1 else 0.0
    measured = f"{a.shape}, {s.elongation:.1f} times as long as broad"
    filled = f"{a.shape}, fills {s.solidity:.0%} of its convex outline"
    match said.value:
        case "linear":
            if s.most == 1 and s.solidity > t["linear_filled"] and s.elongation < t["linear_full"]:
                return "no", measured
            most = max(*stretch, 0.6 * slender if s.bend > 0.05 else 0)
            return "no" if most < t["linear_no"] else "yes" if min(stretch) > 4 else "maybe", measured
        case "elongated":
            return "no" if max(*stretch, 0.5 * slender) < t["elongated_no"] else "maybe", measured
        case "round":
            full = s.solidity >= t["round_filled"] or s.share * a.size[0] * a.size[1] < t["irregular_from"]
            if s.most == 1 and not full and "ring" not in said.words:
                return "no", filled
            return "no" if min(stretch) > t["round_no"] else "yes" if max(stretch) < 1.2 else "maybe", measured
        case "exactly round":
            return "no" if max(stretch) > t["exactly_round_no"] else "maybe", measured
        case "oval":
            return "no" if min(stretch) > t["oval_no"] else "maybe", measured
        case "curved":
            return "no" if s.bend < t["curved_no"] and s.parts == 1 and s.elongation > 2 else "maybe", measured
        case "straight":
            bent = s.bend > t["straight_no"] and s.parts == 1
            return "no" if bent or max(stretch) < t["linear_no"] else "maybe", measured
        case "irregular":
            regular = s.solidity > t["irregular_no"] and s.share * a.size[0] * a.size[1] >= t["irregular_from"]
            return "no" if regular and s.most == 1 else "maybe", filled
        case "patchy":
            return "no" if s.most == 1 and s.solidity > t["irregular_no"] else "maybe", filled
    return UNKNOWN


def _contrast(said: Said, a: Attributes) -> Check:
    t, s = tolerances(), a.seen
    if a.polarity is None:
        return UNKNOWN
    contrast = contrast_of(s)
    measured = f"{a.polarity}, {abs(s.lighter):.0f} L* {'lighter' if s.lighter > 0 else 'darker'} than around it"
    match said.value:
        case "brighter" | "darker":
            step = s.lighter if said.value == "brighter" else -s.lighter
            patch = s.bright if said.value == "brighter" else s.dark
            if step < -t["tone_no"] and patch < 0.3:
                return "no", measured
            return "yes" if step > t["tone_yes"] else "maybe", measured
        case "faint":
            strong = contrast > t["faint_no"] and contrast > t["faint_ratio"] * max(s.noise, 1.5)
            return "no" if strong else "yes" if contrast < t["strong_no"] else "maybe", measured
        case "strong":
            strong = a.saliency == "strong"
            flat = contrast < t["strong_no"] and s.spread < t["uneven"]
            return "no" if flat else "yes" if strong else "maybe", measured
        case "blends in":
            return "no" if contrast > t["blends_no"] and contrast > 2 * s.noise else "maybe", measured
        case "mixed":
            plain = abs(s.lighter) > t["blends_no"] and min(s.bright, s.dark) < 0.02 and s.spread < 5
            return "no" if plain else "maybe", measured
    return UNKNOWN if said.value != "moderate" else ("maybe", measured)


MEASURED: dict[str, Callable[[Said, Attributes], Check]] = {
    "location": _location, "direction": _direction, "number": _number, "distribution": _distribution, "size": _size,
    "shape": _shape, "contrast": _contrast,
}  # fmt: skip
