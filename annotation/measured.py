"""The provider that needs no key and no network: sentences composed from what is measured.

Every clause states a measurement of the picture and the mask, or a known fact of the defect. The
wording is drawn from a generator seeded by the evidence, the candidate index and the temperature
(0 always takes the first wording), so that candidates differ in words and order, never in truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from annotation.figure import Figure, figure
from annotation.measure import Region, region
from annotation.models.providers import DEFAULT_MODELS, Answer, Evidence, Request
from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError

MODEL = DEFAULT_MODELS["measured"]

Pick = Callable[[Sequence[str]], str]


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

    if evidence.mask is None:
        return _clean(_figure(evidence), evidence, pick)
    if evidence.mask.shape != evidence.picture.shape[:2]:
        (mh, mw), (h, w) = evidence.mask.shape, evidence.picture.shape[:2]
        raise BadInput(f"the mask is {mw}x{mh} pixels, its picture {w}x{h}; give a mask of the picture's size")
    if not evidence.mask.any():
        raise BadInput("the mask is empty; give None where no defect is seen")
    said = _Said(region(evidence.picture, evidence.mask), evidence, pick)
    if asks != "open":
        return _text("it " + getattr(said, f"{asks}_clause")())
    start = evidence.seed + candidate if temperature > 0 else 0
    return FRAMES[start % len(FRAMES)](said)


@lru_cache(maxsize=4)
def _figure(evidence: Evidence) -> Figure | None:
    """The candidates of one sample share it."""
    return figure(evidence.picture)


SIZES = (
    (0.0006, ("tiny", "very small")),
    (0.01, ("small", "fairly small")),
    (0.04, ("medium-sized", "moderately large")),
    (0.15, ("large", "sizeable")),
    (2.0, ("very large", "extensive")),
)
"""Words for a share of the picture below each limit."""

UNEVEN = 7.0
"""Range of L* inside the region from which on light and dark parts are plainly seen."""

RELIEF: dict[str, tuple[str, ...]] = {
    "bulge": ("is raised above the surface", "rises out of the surface", "stands proud of the surface"),
    "concavity": ("is sunken below the surface", "dips below the surface", "is pressed into the surface"),
    "hole": ("breaks through the surface", "is open, cutting through the surface", "pierces the surface"),
    "scratch": ("is cut into the surface", "is scored into the surface", "forms a groove in the surface"),
}
"""What the type of a rendered defect says about its relief."""

AMOUNT = {
    "bulge": ("by about {}% of the {}'s longest side", "by some {}% of the {}'s longest side"),
    "concavity": ("by about {}% of the {}'s longest side", "to a depth of some {}% of the {}'s longest side"),
    "scratch": ("about {}% of the {}'s longest side deep", "to a depth of roughly {}% of the {}'s longest side"),
}

CELLS = (
    ("upper left", "upper middle", "upper right"),
    ("left", "centre", "right"),
    ("lower left", "lower middle", "lower right"),
)


@dataclass(frozen=True)
class _Said:
    """The clauses of one description. A clause has no subject ("is …") unless its name ends in `phrase`."""

    seen: Region
    evidence: Evidence
    pick: Pick

    @property
    def noun(self) -> str:
        name = self.evidence.defect.replace("_", " ").replace("-", " ").strip()
        # A class name from elsewhere may be no countable noun ("red iron").
        return name if name in RELIEF else f"{name} defect".strip().replace("defect defect", "defect")

    @property
    def object(self) -> str:
        return self.evidence.object.replace("_", " ") or "part"

    @property
    def scattered(self) -> bool:
        return self.seen.parts > 2

    @property
    def line(self) -> bool:
        narrow = self.seen.breadth < 0.06 * max(self.evidence.picture.shape[:2])
        return self.seen.elongation >= 4 and narrow and not self.scattered

    def size_adjective(self) -> str:
        s = self.seen
        if self.scattered and max(s.wide, s.tall) > 0.6:
            return self.pick(("scattered", "widely spread"))
        if self.line:
            share = s.length / max(self.evidence.picture.shape[:2])
            return self.pick(
                ("short", "small") if share < 0.08 else ("thin", "narrow") if share < 0.3 else ("long", "long, thin")
            )
        return self.pick(next(words for limit, words in SIZES if self.seen.share < limit))

    def shape_adjective(self) -> str:
        s, pick = self.seen, self.pick
        if self.scattered:
            return pick(("patchy", "broken-up"))
        if self.line:
            if s.bend > 0.08:
                return pick(("curved", "bent", "arched"))
            return pick(("line-like", "straight" if s.bend < 0.03 else "elongated", "streak-like"))
        if s.solidity < 0.8:
            return pick(("irregular", "irregularly shaped", "uneven"))
        if s.elongation >= 1.9:
            return pick(("elongated", "drawn-out", "oblong"))
        if s.elongation >= 1.25:
            return pick(("oval", "roughly elliptical", "egg-shaped"))
        return pick(("roundish", "roughly round", "more or less circular"))

    def direction(self) -> str:
        """Where the long axis points; empty for what is about as long as broad, or in pieces."""
        s, pick = self.seen, self.pick
        if self.scattered or s.elongation < 1.4:
            return ""
        if min(s.angle, 180 - s.angle) <= 15:
            return pick(("horizontally", "from side to side"))
        if abs(s.angle - 90) <= 15:
            return pick(("vertically", "up and down"))
        if s.angle < 90:
            return pick(("diagonally, rising to the right", "obliquely, from the lower left to the upper right"))
        return pick(("diagonally, falling to the right", "obliquely, from the upper left to the lower right"))

    def shape_clause(self) -> str:
        way = self.direction()
        looks = self.pick(("looks {}", "appears {}", "has a {} outline")).format(self.shape_adjective())
        looks = looks.replace("has a i", "has an i").replace("has a o", "has an o").replace("has a e", "has an e")
        return f"{looks.replace('has a u', 'has an u')} and runs {way}" if way else looks

    def percent(self) -> str:
        share = 100 * self.seen.share
        if share < 0.1:
            return self.pick(("less than 0.1%", "not even a thousandth"))
        if share < 1:
            return self.pick((f"about {share:.1f}%", f"roughly {share:.1f}%"))
        return self.pick((f"about {share:.0f}%", f"some {share:.0f}%", f"around {share:.0f}%"))

    def extent(self) -> str:
        s = self.seen
        long, broad = _rounded(s.length), _rounded(s.breadth)
        if self.scattered:
            return f"spread over {long} by {broad} pixels"
        if s.elongation >= 1.25:
            return self.pick((f"about {long} pixels long and {broad} wide", f"roughly {long} by {broad} pixels"))
        return self.pick((f"about {long} pixels across", f"some {long} pixels wide"))

    def size_clause(self) -> str:
        facts, options = self.evidence.facts, []
        options.append(f"covers {self.percent()} of the {self.pick(('picture', 'frame', 'image'))}")
        options.append(f"is {self.extent()}")
        if facts is not None and facts.extent_pct >= 0.5:
            options.append(f"measures about {facts.extent_pct:.0f}% of the {self.object}'s longest side")
        return self.pick(options)

    def depth_clause(self) -> str:
        return self.relief() or self.pick(("gives no sign of how deep it is", "leaves open how deep it goes"))

    def relief(self) -> str:
        """Empty where it is not known: a single picture does not show it."""
        relief, facts = RELIEF.get(self.evidence.defect), self.evidence.facts
        if relief is None:
            return ""
        clause = self.pick(relief)
        if facts is not None and self.evidence.defect in AMOUNT and facts.depth_pct > 0:
            amount = f"{facts.depth_pct:.0f}" if facts.depth_pct >= 2 else f"{facts.depth_pct:.1f}"
            clause += " " + self.pick(AMOUNT[self.evidence.defect]).format(amount, self.object)
        return clause

    def place(self) -> str:
        s, pick = self.seen, self.pick
        picture = pick(("picture", "frame", "image"))
        if s.wide > 0.6 and s.tall > 0.6:
            return f"across most of the {picture}"
        if s.wide > 0.6:
            return f"across the {('upper', 'middle', 'lower')[s.row]} part of the {picture}"
        if s.tall > 0.6:
            return f"along the {('left', 'middle', 'right')[s.column]} part of the {picture}"
        cell = CELLS[s.row][s.column]
        if cell == "centre":
            return pick((f"in the centre of the {picture}", f"near the middle of the {picture}"))
        if cell in ("left", "right"):
            return pick(
                (
                    f"on the {cell} side of the {picture}, at mid-height",
                    f"in the {cell} third of the {picture}, halfway up",
                )
            )
        return pick((f"in the {cell} of the {picture}", f"in the {cell} part of the {picture}"))

    def location_clause(self) -> str:
        return f"{self.pick(('lies', 'is found', 'is seen', 'can be seen'))} {self.place()}"

    def contrast_adjective(self) -> str:
        tone = "lighter" if self.seen.lighter > 0 else "darker"
        size = abs(self.seen.lighter)
        if size < 3:
            return ""
        if size < 8:
            return self.pick((f"slightly {tone}", f"a little {tone}", f"somewhat {tone}"))
        if size < 20:
            return self.pick((f"clearly {tone}", f"visibly {tone}", f"distinctly {tone}"))
        return self.pick((f"much {tone}", f"far {tone}"))

    def contrast_clause(self) -> str:
        s, pick = self.seen, self.pick
        around = pick(("its surroundings", "the surface around it", "what surrounds it"))
        tone = self.contrast_adjective()
        uneven = s.spread > UNEVEN * (2 if tone else 1)
        if tone:
            sides = (
                pick((", though its brightness is uneven", ", with lighter and darker patches in it")) if uneven else ""
            )
            return f"is {tone} than {around}{sides}"
        if uneven:
            return pick(
                (f"is on the whole as bright as {around}, but has a lighter and a darker part",
                 f"stands out by its shading, although its mean brightness equals that of {around}")
            )  # fmt: skip
        if s.chroma > 10:
            return f"differs from {around} in colour rather than in brightness"
        return pick(
            (f"hardly stands out from {around}", f"nearly blends in with {around}", f"is about as bright as {around}")
        )

    def pieces(self) -> str:
        """A sentence of its own where more than one piece is visible."""
        if self.seen.parts < 2:
            return ""
        count = {2: "two", 3: "three", 4: "four", 5: "five"}.get(self.seen.parts, "many")
        return self.pick((f"It is seen in {count} separate pieces", f"What is visible of it falls into {count} parts"))


def _text(*sentences: str) -> str:
    return " ".join(f"{_upper(s)}." for s in sentences if s)


def _both(*clauses: str) -> str:
    """Clauses of one subject: "It a", "It a and b", "It a, b, and c"; the empty ones left out."""
    said = [c for c in clauses if c]
    if len(said) < 3:
        return "it " + " and ".join(said)
    return f"it {', '.join(said[:-1])}, and {said[-1]}"


def _place_first(s: _Said) -> str:
    adjectives = f"{s.size_adjective()}, {s.shape_adjective()} {s.noun}"
    way = s.direction()
    runs = f" running {way}" if way else ""
    verb = s.pick(("shows", "has", "bears"))
    return _text(
        f"{s.place()}, the {s.object} {verb} {_a(adjectives)}{runs}",
        _both(s.size_clause(), s.relief()),
        f"the {s.noun} {s.contrast_clause()}",
        s.pieces(),
    )


def _noun_first(s: _Said) -> str:
    relief = s.relief()
    return _text(
        f"{_a(s.size_adjective())} {s.noun} {s.location_clause()}" + (f"; it {relief}" if relief else ""),
        _both(s.shape_clause(), f"it {s.size_clause()}").replace(" and it ", ", and it "),
        f"it {s.contrast_clause()}",
        s.pieces(),
    )


def _contrast_first(s: _Said) -> str:
    start = s.pick(("there is", "one can see"))
    return _text(
        f"{start} {_a(s.shape_adjective())} {s.noun} on the {s.object} that {s.contrast_clause()}",
        _both(s.location_clause(), s.size_clause(), s.relief()),
        s.pieces(),
    )


def _object_first(s: _Said) -> str:
    relief = s.relief()
    return _text(
        f"the {s.object} has {_a(s.size_adjective())} {s.noun} that {s.shape_clause()}",
        f"it {s.location_clause()}, where it {s.size_clause()}" + (f"; it {relief}" if relief else ""),
        f"{s.pick(('the mark', f'the {s.noun}', 'in tone, it'))} {s.contrast_clause()}",
        s.pieces(),
    )


def _short(s: _Said) -> str:
    way = s.direction()
    how = f"runs {way}" if way else s.pick(("lies", "is visible"))
    return _text(
        f"{_a(f'{s.size_adjective()}, {s.shape_adjective()} {s.noun}')} {how} {s.place()}",
        f"it {s.contrast_clause()}",
        _both(s.relief(), s.size_clause()),
        s.pieces(),
    )


FRAMES: tuple[Callable[[_Said], str], ...] = (_place_first, _noun_first, _contrast_first, _object_first, _short)


def _clean(seen: Figure | None, evidence: Evidence, pick: Pick) -> str:
    """The look of an object on which no defect is seen. Says only what was told from the background for sure."""
    thing = evidence.object.replace("_", " ") or "part"
    nothing = pick(
        ("No defect can be seen on it.", "No defect is visible from this side.", "Nothing on it looks like a defect.",
         "From this view, no damage can be seen on it.", "It shows no visible defect here.")
    )  # fmt: skip
    if seen is None:
        opening = pick(
            (f"The picture shows {_a(thing)}.", f"{_upper(_a(thing))} is in view.", f"This is a view of {_a(thing)}.")
        )
        return f"{opening} {nothing}"
    outline = (
        pick(("taller than wide", "upright in outline")) if seen.aspect < 0.8
        else pick(("wider than tall", "broad in outline")) if seen.aspect > 1.25
        else pick(("about as wide as tall", "nearly as tall as wide"))
    )  # fmt: skip
    cell = CELLS[seen.row][seen.column]
    where = (
        pick(("in the centre of the picture", "in the middle of the frame"))
        if cell == "centre"
        else f"in the {cell} part of the picture"
    )
    share = pick(
        (
            f"covers about {100 * seen.share:.0f}% of the picture",
            f"takes up some {100 * seen.share:.0f}% of the frame",
        )
    )
    bare = nothing.replace(" on it", f" on the {thing}").replace("It shows", f"The {thing} shows")
    options = (
        f"{_upper(_a(seen.colour))} {thing} is seen {where}; it is {outline} and {share}. {nothing}",
        f"The {thing} {where} looks {seen.colour} and is {outline}. It {share}. {nothing}",
        f"{_upper(where)} there is {_a(seen.colour)} {thing}, {outline}, which {share}. {nothing}",
        f"{bare} The {thing}, {seen.colour} and {outline}, is seen {where} and {share}.",
    )
    return pick(options)


def _rounded(pixels: float) -> int:
    """As a person would say it: to 5 above 40, to 10 above 150."""
    step = 1 if pixels < 40 else 5 if pixels < 150 else 10
    return max(step * round(pixels / step), 1)


def _a(words: str) -> str:
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]
