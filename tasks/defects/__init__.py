"""The six structural defects as real changes of a shape's geometry, each vertex labelled.

Bulge, concavity and scratch bend the surface; hole, crack and broken are boolean differences. Sizes follow MMVIAD's
defect synthesis, section 3.1.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from schemas.errors import BadInput
from schemas.names import SEVERITIES
from schemas.objects import DefectSize
from schemas.rows import DefectFacts
from tasks.defects import places
from tasks.defects.broken import broken
from tasks.defects.bump import bulge, concavity
from tasks.defects.crack import crack
from tasks.defects.hole import hole
from tasks.defects.made import Made, Misfit
from tasks.defects.measure import area_pct
from tasks.defects.places import Place, Surface
from tasks.defects.scratch import scratch
from tasks.defects.sound import Owners, areas, carried, check, watertight
from tasks.meshes import Shape
from tasks.meshes.refine import Points

__all__ = ["Defective", "apply"]

MIN_FIT = 0.25
TRIES = 16

Sizes = tuple[float, ...]
"""Drawn sizes, one per range of a `Kind`, at a longest side of 1."""


@dataclass(frozen=True)
class Defective:
    shape: Shape
    label: NDArray[np.float32]
    """float32 (V,), 1 on the defects and 0 elsewhere"""
    facts: tuple[DefectFacts, ...]
    """One per defect, the largest area first."""


BOTH_SIDES = partial(places.find, through=True)
"""Places for what shows on both sides of a thin wall."""


@dataclass(frozen=True)
class Kind:
    make: Callable[[Surface, Place, Sizes, Generator], Made]
    """Raises Misfit where the defect cannot be made."""
    ranges: tuple[str, ...]
    """Fields of DefectSize that the sizes are drawn from."""
    reach: Callable[[Sizes], float]
    """Radius of the place that the defect needs."""
    places: Callable[..., list[Place]]
    closed: bool = False
    """Whether the surface must be closed."""


KINDS = {
    "crack": Kind(
        crack, ("crack_length_pct", "crack_width_pct"), lambda sizes: max(2 * sizes[1], 0.05 * sizes[0]), BOTH_SIDES
    ),
    "scratch": Kind(scratch, ("scratch_length_pct", "scratch_width_pct"), lambda sizes: 2 * sizes[1], places.find),
    "concavity": Kind(concavity, ("radius_pct", "depth_pct"), lambda sizes: sizes[0], BOTH_SIDES),
    "bulge": Kind(bulge, ("radius_pct", "depth_pct"), lambda sizes: sizes[0], BOTH_SIDES),
    "broken": Kind(broken, ("broken_pct",), lambda sizes: sizes[0] / 2, places.exposed, closed=True),
    "hole": Kind(hole, ("radius_pct",), lambda sizes: 1.15 * sizes[0], BOTH_SIDES, closed=True),
}
"""How each of `schemas.names.DEFECT_TYPES` is made."""


def apply(shape: Shape, kind: str, size: DefectSize, rng: Generator, arc: float | None = None) -> Defective:
    """The shape with defects of a kind of `schemas.names.DEFECT_TYPES`, their number and sizes drawn within `size`.

    `arc` is the wanted share (0..1) of an orbit's azimuths from which the place is seen: 0.05 is tucked away, 1 seen
    from everywhere, 0 from nowhere; None takes any place that is seen well. Equal shapes and generator states give
    equal bytes. The result keeps the scale and position of `shape`. Raises BadInput where the shape has no place for
    a defect, or a hole or a broken piece is asked of an open surface.
    """
    _refuse(shape, kind)
    count = int(rng.integers(size.count[0], size.count[1] + 1))
    severity = size.severities[int(rng.integers(len(size.severities)))]
    owners: Owners = np.zeros(len(shape.vertices), dtype=np.int32)
    facts: list[DefectFacts] = []
    for number in range(1, count + 1):
        found = _one(shape, owners, kind, size, severity, rng, arc)
        if found is None:
            one = "seen" if arc is None else "seen as wanted"
            raise BadInput(
                f"no place where even the smallest {kind} asked for fits (thick, smooth and clear enough) and is {one}"
                + (f", besides the {number - 1} made before; lower render.defect.count or" if number > 1 else "; lower")
                + " the sizes under render.defect, or ask for another defect"
            )
        made, owners, facts_ = found
        shape = made.shape
        owners[made.label] = number
        facts.append(facts_)
    facts = [replace(f, area_pct=area_pct(shape, owners == number)) for number, f in enumerate(facts, 1)]
    ordered = sorted(facts, key=lambda f: -f.area_pct)
    return Defective(shape, (owners > 0).astype(np.float32), tuple(ordered))


def _refuse(shape: Shape, kind: str) -> None:
    if not len(shape.faces) or not np.isfinite(shape.vertices).all() or not areas(shape).sum() > 0:
        raise BadInput(
            "the mesh has no surface (no faces, no area or coordinates that are no numbers); export it again"
        )
    if KINDS[kind].closed and not watertight(shape):
        raise BadInput(f"a {kind} defect needs a watertight mesh and this one is open; close it, or ask for another")


def _one(
    shape: Shape, owners: Owners, kind: str, size: DefectSize, severity: str, rng: Generator, arc: float | None
) -> tuple[Made, Owners, DefectFacts] | None:
    """One more defect, beside those that the vertices belong to already; None where there is no place for it."""
    surface, what = Surface(shape, rng), KINDS[kind]
    for grade, sizes, place in _offers(surface, what, size, severity, rng, arc, shape.vertices[owners > 0]):
        try:
            made = what.make(surface, place, sizes, rng)
            check(shape, made.shape)
            if not made.label.any():
                raise Misfit
            carried_over = carried(shape, owners, made.shape)
        except Misfit:
            continue
        facts = DefectFacts(
            extent_pct=100 * made.extent,
            width_pct=100 * made.width,
            depth_pct=100 * made.depth,
            area_pct=0.0,
            position=[float(x) for x in made.at],
            severity=grade,
        )
        return made, carried_over, facts
    return None


def _offers(
    surface: Surface, what: Kind, size: DefectSize, severity: str, rng: Generator, arc: float | None, avoid: Points
) -> Iterator[tuple[str, Sizes, Place]]:
    """Severity, sizes and place of a defect to try, the best first.

    Where the drawn size has no unspoilt place, the least one of its severity may have, or of a milder severity.
    """
    ranges = [getattr(size, name) for name in what.ranges]
    milder = [s for s in SEVERITIES[SEVERITIES.index(severity) :: -1] if s in size.severities]
    tries = [(severity, _third(ranges, severity, rng.random(len(ranges))))]
    tries += [(s, _third(ranges, s, np.zeros(len(ranges)))) for s in milder]
    spoilt: list[tuple[str, Sizes, Place]] = []
    for grade, sizes in tries:
        for place in what.places(surface, what.reach(sizes), rng, arc, avoid)[:TRIES]:
            if place.fit == 1:
                yield grade, sizes, place
            elif place.fit >= MIN_FIT:
                spoilt.append((grade, sizes, place))
    yield from sorted(spoilt, key=lambda offer: -offer[2].fit)[: 2 * TRIES]


def _third(ranges: list[tuple[float, float]], severity: str, share: NDArray[np.float64]) -> Sizes:
    """Sizes at shares (0..1) of the lower, middle or upper third of their ranges."""
    start = SEVERITIES.index(severity)
    return tuple(
        (low + (high - low) * (start + float(u)) / 3) / 100 for (low, high), u in zip(ranges, share, strict=True)
    )
