"""The provider that needs no key and no network: sentences composed from what is measured.

Every clause states a measurement of the picture and the mask, or a known fact of the defect. The
wording is drawn from a generator seeded by the evidence, the candidate index and the temperature
(0 always takes the first wording), so that candidates differ in words and order, never in truth.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from annotation.measured.clauses import Clauses, relief
from annotation.measured.flawless import flawless
from annotation.measuring.attributes import attributes
from annotation.measuring.estimate import patchwork
from annotation.measuring.figure import Figure, figure
from annotation.measuring.wording import Pick, a, noun, runs, upper
from annotation.models.providers import DEFAULT_MODELS, Answer, Evidence, Request
from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError

MODEL = DEFAULT_MODELS["measured"]
SIDES: dict[str, Callable[[Clauses], str]] = {
    "shape": Clauses.shape_clause,
    "size": Clauses.size_clause,
    "depth": Clauses.depth_clause,
    "location": Clauses.location_clause,
    "contrast": Clauses.contrast_clause,
}
"""What can be asked for beside the open question; of a side that a recipe adds, nothing is measured."""


class Measured:
    name = "measured"
    where = ""
    free = True
    wants = "evidence"

    async def answer(self, request: Request) -> Answer:
        if request.model != MODEL:
            raise DefectoryError(f"measured {request.model}: there is only {MODEL}; name no other model")
        if request.evidence is None:
            raise BadInput("a `measured` description needs the picture itself")
        if request.asks not in ("open", *SIDES):
            return Answer("", "refused", MODEL)
        return Answer(
            describe(request.evidence, request.asks, request.candidate, request.temperature or 0.0), "stop", MODEL
        )

    async def close(self) -> None:
        pass


def describe(evidence: Evidence, asks: str = "open", candidate: int = 0, temperature: float = 0.0) -> str:
    """A description of the defect (of the object, where no defect is seen), or of one side of it.

    Raises BadInput when the mask does not fit the picture.
    """
    rng = np.random.default_rng(int(digest(evidence.seed, asks, candidate, temperature), 16))

    def pick(options: Sequence[str]) -> str:
        return options[int(rng.integers(len(options)))] if rng.random() < temperature else options[0]

    if evidence.mask is None and evidence.defect:
        # The label says that there is a defect, and nothing says where: no more than that can be stated.
        return _unmarked(evidence, pick)
    if evidence.mask is None:
        return flawless(_figure(evidence), evidence.object.replace("_", " ") or "part", pick)
    seen = attributes(evidence.picture, evidence.mask, evidence.defect, evidence.facts, evidence.within)
    said = Clauses(seen, evidence, pick)
    if asks != "open":
        return _text("it " + SIDES[asks](said))
    start = evidence.seed + candidate if temperature > 0 else 0
    return FRAMES[start % len(FRAMES)](said)


def _unmarked(evidence: Evidence, pick: Pick) -> str:
    name, item = noun(evidence.defect)[0], evidence.object.replace("_", " ") or "part"
    known, dark = relief(evidence.defect, pick), patchwork(evidence.picture)
    tones = (
        "darker and lighter areas alternate all over the picture, and the darker ones take up about {:.0%} of it",
        "the whole picture is a patchwork of a darker and a lighter tone, some {:.0%} of it dark",
    )
    return _text(
        f"the picture shows {a(name).removeprefix('an area of ')} on {a(item)}" + (f"; it {known}" if known else ""),
        pick(tones).format(dark) if dark else "",
    )


@lru_cache(maxsize=4)
def _figure(evidence: Evidence) -> Figure | None:
    """The candidates of one sample share it."""
    return figure(evidence.picture)


def _text(*sentences: str) -> str:
    return " ".join(f"{upper(s)}." for s in sentences if s)


def _both(*clauses: str) -> str:
    """Clauses of one subject: "It a", "It a and b", "It a, b, and c"; the empty ones left out."""
    said = [c for c in clauses if c]
    if len(said) < 3:
        return "it " + " and ".join(said)
    return f"it {', '.join(said[:-1])}, and {said[-1]}"


def _place_first(s: Clauses) -> str:
    adjectives = f"{s.size_adjective()}, {s.shape_adjective()} {s.noun}"
    way = s.direction()
    goes = f" {runs(s.is_.shape)[2]} {way}" if way else ""
    verb = s.pick(("shows", "has", "bears"))
    return _text(
        f"{s.place()}, the {s.object} {verb} {a(adjectives)}{goes}",
        _both(s.size_clause(), s.relief()),
        f"the {s.short} {s.contrast_clause()}",
        s.pieces(),
    )


def _noun_first(s: Clauses) -> str:
    relief = s.relief()
    return _text(
        f"{a(s.size_adjective())} {s.noun} {s.location_clause()}" + (f"; it {relief}" if relief else ""),
        _both(s.shape_clause(), f"it {s.size_clause()}").replace(" and it ", ", and it "),
        f"it {s.contrast_clause()}",
        s.pieces(),
    )


def _contrast_first(s: Clauses) -> str:
    start = s.pick(("there is", "one can see"))
    return _text(
        f"{start} {a(s.shape_adjective())} {s.noun} on the {s.object} that {s.contrast_clause()}",
        _both(s.location_clause(), s.size_clause(), s.relief()),
        s.pieces(),
    )


def _object_first(s: Clauses) -> str:
    relief = s.relief()
    return _text(
        f"the {s.object} has {a(s.size_adjective())} {s.noun} that {s.shape_clause()}",
        f"it {s.location_clause()}, where it {s.size_clause()}" + (f"; it {relief}" if relief else ""),
        f"{s.pick(('the mark', f'the {s.short}', 'in tone, it'))} {s.contrast_clause()}",
        s.pieces(),
    )


def _short(s: Clauses) -> str:
    way = s.direction()
    how = f"{runs(s.is_.shape)[0]} {way}" if way else s.pick(("lies", "is visible"))
    return _text(
        f"{a(f'{s.size_adjective()}, {s.shape_adjective()} {s.noun}')} {how} {s.place()}",
        f"it {s.contrast_clause()}",
        _both(s.relief(), s.size_clause()),
        s.pieces(),
    )


FRAMES: tuple[Callable[[Clauses], str], ...] = (_place_first, _noun_first, _contrast_first, _object_first, _short)
