"""Structured attributes of one defect in one picture, measured, in the words of a small vocabulary.

SteelDefectX's side of a description that a table can hold: type, shape, direction, distribution, number, position
on a 3 x 3 grid with shares, scale, polarity and saliency, and the sentence that states them.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from annotation.measuring.estimate import estimate
from annotation.measuring.measure import Region, enclosed, region, rgb8
from annotation.measuring.wording import COUNTS, a, family, noun, runs, upper
from schemas.rows import DefectFacts

SHAPES = ("linear", "curved", "elongated", "oval", "round", "irregular")
DIRECTIONS = ("horizontal", "vertical", "rising", "falling", "none")
"""`rising` runs from the lower left to the upper right, `falling` from the upper left to the lower right."""
DISTRIBUTIONS = ("single", "paired", "clustered", "aligned", "scattered")
POSITIONS = (
    "upper left", "upper middle", "upper right", "left", "centre", "right", "lower left", "lower middle", "lower right"
)  # fmt: skip
"""The cells of the 3 x 3 grid, row by row."""
SCALES = ((0.001, "tiny"), (0.015, "small"), (0.06, "medium"), (2.0, "large"))
"""Words for a share of the picture below each limit."""
POLARITIES = ("brighter", "darker", "mixed", "equal")
SALIENCIES = ("strong", "moderate", "faint")


@dataclass(frozen=True)
class Attributes:
    """What is measured of a defect. `None` stands for what the picture cannot show."""

    type: str
    """The class as it is spoken; empty where it is not known."""
    shape: str
    direction: str
    distribution: str
    number: int
    shares: tuple[float, ...]
    """Share of the defect in each cell of `POSITIONS`; sum 1."""
    scale: str
    polarity: str | None
    """None where the mask leaves no surroundings to compare with; so for `saliency`."""
    saliency: str | None
    seen: Region
    """The measurements behind the words."""
    size: tuple[int, int]
    """Height and width of the picture in pixels."""
    facts: DefectFacts | None = None
    """What the renderer knows."""
    otherwise: tuple[Region, ...] = ()
    """Where the mask was estimated: what a narrower and a wider estimate measure."""

    def sure(self, of: Callable[[Region], Hashable]) -> bool:
        """Whether a measure does not hang on where an estimate drew the line; a mask that was given is not doubted."""
        return all(of(seen) == of(self.seen) for seen in self.otherwise)

    @property
    def shaped(self) -> bool:
        """Whether the narrower or the wider estimate has the same shape, if not both: one has more pieces than seen."""
        return not self.otherwise or any(form_of(seen) == form_of(self.seen) for seen in self.otherwise)

    @cached_property
    def position(self) -> str:
        """The cell that holds most of the defect; equal ones go to the one nearest to the centroid."""
        home = 3 * self.seen.row + self.seen.column
        return POSITIONS[max(range(9), key=lambda n: (round(self.shares[n], 3), n == home, -n))]

    def columns(self) -> dict[str, Any]:
        """The columns of `schemas.rows.Description` that are measured, `template` among them."""
        return {
            "type": self.type,
            "shape": self.shape,
            "direction": self.direction,
            "distribution": self.distribution,
            "number": self.number,
            "position": self.position,
            "shares": list(self.shares),
            "scale": self.scale,
            "polarity": self.polarity,
            "saliency": self.saliency,
            "template": sentence(self),
        }


def attributes(
    picture: np.ndarray,
    mask: np.ndarray,
    defect: str = "",
    facts: DefectFacts | None = None,
    within: Sequence[np.ndarray] = (),
) -> Attributes:
    """Attributes of the defect under `mask` (H, W, bool) in `picture` (grey, RGB or RGBA, 8 or 16 bits); `within` are
    the boxes that its source draws around it, in which it may have been estimated.

    The mask of a hole may be of its wall and rim alone: what they enclose belongs to it.
    Raises BadInput for a mask that is empty or of another size, and for what is no picture.
    """
    shown = rgb8(picture)
    if family(defect) == "hole":
        mask = enclosed(shown, mask)
    seen = region(shown, mask)
    return Attributes(
        type=" ".join(defect.replace("_", " ").replace("-", " ").split()),
        shape=shape_of(seen),
        direction=direction_of(seen),
        distribution=distribution_of(seen),
        number=seen.parts,
        shares=seen.shares,
        scale=next(word for limit, word in SCALES if seen.share < limit),
        polarity=polarity_of(seen),
        saliency=saliency_of(seen),
        seen=seen,
        size=(mask.shape[0], mask.shape[1]),
        facts=facts,
        otherwise=() if facts else _otherwise(shown, mask, within),
    )


ESTIMATED = 0.9
"""A mask that overlaps so well with what is estimated from the picture is taken for an estimate, whoever stored it:
pictures of 16 bits are not estimated from, to the pixel, as they are shown."""


def _otherwise(picture: np.ndarray, mask: np.ndarray, within: Sequence[np.ndarray]) -> tuple[Region, ...]:
    found = estimate(picture, within)
    if found is None or not _alike(found.region, mask.astype(bool)):
        return ()
    return region(picture, found.narrow), region(picture, found.wide)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((one & other).sum() >= ESTIMATED * (one | other).sum())


def shape_of(seen: Region) -> str:
    """Of the whole, or of a typical part where there are several."""
    if seen.parts > 1:
        stretch = seen.part_elongation
        return "linear" if stretch >= 4 else "elongated" if stretch >= 2 else "oval" if stretch >= 1.3 else "round"
    slender = seen.length / max(seen.thickness, 1.0)
    if seen.bend > 0.08 and slender >= 4 and seen.elongation >= 1.3:
        return "curved"
    if seen.solidity < 0.75 and not (seen.elongation >= 4 and seen.bend < 0.05):
        return "irregular"
    if seen.elongation >= 4:
        return "linear"
    if seen.elongation >= 1.9:
        return "elongated"
    return "oval" if seen.elongation >= 1.25 else "round"


def form_of(seen: Region) -> str:
    """The shape by what tells it apart at a glance: a line is an elongated thing."""
    shape = shape_of(seen)
    return "elongated" if shape == "linear" else shape


NEAR_AXIS = 18.0
"""Degrees from an axis within which a direction still is that axis'."""


def direction_of(seen: Region) -> str:
    """Of the long axis; of the parts' common one where there are several; `none` of what is about as long as broad."""
    angle = seen.part_angle if seen.parts > 1 else seen.angle if seen.elongation >= 1.4 else None
    if angle is None:
        return "none"
    if min(angle, 180 - angle) <= NEAR_AXIS:
        return "horizontal"
    if abs(angle - 90) <= NEAR_AXIS:
        return "vertical"
    return "rising" if angle < 90 else "falling"


def parts_of(seen: Region) -> int:
    return seen.parts


def distribution_of(seen: Region) -> str:
    left, top, right, bottom = seen.box
    if seen.parts == 1:
        return "single"
    if seen.parts == 2:
        return "paired"
    if seen.elongation >= 4:
        return "aligned"
    return "scattered" if (right - left) * (bottom - top) > 0.2 else "clustered"


SEEN = 3.0
"""L* by which the mean must differ to be called lighter or darker."""
PATCH = 0.2
"""Least share of plainly lighter and of plainly darker pixels in what is called mixed."""


def polarity_of(seen: Region) -> str | None:
    if not seen.ringed:
        return None
    lesser = min(seen.bright, seen.dark)
    if lesser >= PATCH and abs(seen.lighter) < 2 * seen.noise + SEEN:
        return "mixed"
    if abs(seen.lighter) < SEEN:
        return "mixed" if seen.bright + seen.dark > 0.5 and lesser >= PATCH / 2 else "equal"
    return "brighter" if seen.lighter > 0 else "darker"


def contrast_of(seen: Region) -> float:
    """How much it differs from its ring in tone or colour, L* or the same length in the a*b* plane."""
    shading = 0.5 * seen.spread if min(seen.bright, seen.dark) >= PATCH else 0.0
    return max(abs(seen.lighter), 0.7 * seen.chroma, shading)


def saliency_of(seen: Region) -> str | None:
    """By contrast in units of the noise around it, and in L*: noise hides, but smoothness alone does not reveal."""
    if not seen.ringed:
        return None
    contrast = contrast_of(seen)
    ratio = contrast / max(seen.noise, 1.5)
    if contrast >= 15 and ratio >= 2.5:
        return "strong"
    return "faint" if contrast < 5 or ratio < 1 else "moderate"


GROUPED = {"paired": "two", "clustered": "{} clustered,", "aligned": "{} aligned,", "scattered": "{} scattered,"}
LOOKS = {
    "linear": "line-like", "curved": "curved", "elongated": "elongated", "oval": "oval", "round": "roundish",
    "irregular": "irregularly shaped",
}  # fmt: skip
RUNS = {
    "horizontal": "horizontally",
    "vertical": "vertically",
    "rising": "diagonally, rising to the right",
    "falling": "diagonally, falling to the right",
}
TONES = {
    "brighter": "brighter than its surroundings",
    "darker": "darker than its surroundings",
    "mixed": "partly brighter and partly darker than its surroundings",
    "equal": "about as bright as its surroundings",
}
STANDS = {"strong": "stands out strongly", "moderate": "is fairly easy to see", "faint": "is hard to see"}


def sentence(of: Attributes) -> str:
    """The attributes as one or two sentences in fixed words."""
    name, scale = noun(of.type)[0], "medium-sized" if of.scale == "medium" else of.scale
    directed = of.direction in RUNS and of.sure(direction_of)
    goes = f" {runs(of.shape)[0]} {RUNS[of.direction]}" if directed else " lies"
    looks = LOOKS[of.shape] if of.shaped else "vaguely outlined"
    what = f"{scale}, {looks} {name}"
    if of.distribution != "single" and not of.sure(parts_of):
        what = f"{scale} {name} in several {looks} parts"
    elif of.distribution != "single":
        parts = GROUPED[of.distribution].format(COUNTS.get(of.number, str(of.number)))
        what = f"{scale} {name} in {parts} {looks} parts"
    first = f"{a(what)}{goes} {where(of.shares, of.position)}"
    if of.polarity is None:
        return f"{upper(first)}; it leaves no surroundings to compare it with."
    stands = "; it " + STANDS[of.saliency or "moderate"]
    return f"{upper(first)}. It is {TONES[of.polarity]}{stands}."


SPREAD = 0.5
"""A cell with less than this share does not stand for the whole."""


def where(shares: tuple[float, ...], position: str) -> str:
    """`in the upper left of the image`, naming the second cell or the row or column where one cell says too little."""
    rows = [sum(shares[3 * n : 3 * n + 3]) for n in range(3)]
    columns = [sum(shares[n::3]) for n in range(3)]
    if max(shares) >= SPREAD:
        return "in the centre of the image" if position == "centre" else f"{_side(position)} of the image"
    if max(rows) >= 0.8:
        return f"across the {('upper', 'middle', 'lower')[rows.index(max(rows))]} third of the image"
    if max(columns) >= 0.8:
        return f"along the {('left', 'middle', 'right')[columns.index(max(columns))]} third of the image"
    if sum(share >= 0.04 for share in shares) >= 7:
        return "across most of the image"
    first, second = sorted(range(9), key=lambda n: -shares[n])[:2]
    return f"from the {POSITIONS[first]} to the {POSITIONS[second]} of the image"


def _side(position: str) -> str:
    return f"on the {position} side" if position in ("left", "right") else f"in the {position}"
