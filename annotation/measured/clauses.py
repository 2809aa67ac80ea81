"""The clauses of a measured description: each states one side of the defect in one of several wordings."""

from collections.abc import Callable
from dataclasses import dataclass

from annotation.measuring.attributes import POSITIONS, SEEN, Attributes, direction_of, parts_of
from annotation.measuring.measure import Region
from annotation.measuring.wording import COUNTS, Pick, a, family, noun, runs, spoken
from annotation.models.providers import Evidence

SIZES = (
    (0.001, ("tiny", "very small")),
    (0.015, ("small", "fairly small")),
    (0.06, ("medium-sized", "moderately large")),
    (0.15, ("large", "sizeable")),
    (2.0, ("very large", "extensive")),
)
"""Words for a share of the picture below each limit."""

VAGUE = 1.6
"""Most times by which the ends of a measure may differ that is said as one figure."""

UNEVEN = 7.0
"""Range of L* inside the region from which on light and dark parts are plainly seen."""

SHAPES = {
    "linear": ("elongated", "drawn-out", "oblong"),
    "elongated": ("elongated", "drawn-out", "oblong"),
    "curved": ("curved", "bent", "arched"),
    "irregular": ("irregular", "irregularly shaped", "uneven"),
    "oval": ("oval", "roughly elliptical", "egg-shaped"),
    "round": ("roundish", "roughly round", "more or less circular"),
}

WAYS = {
    "horizontal": ("horizontally", "from side to side"),
    "vertical": ("vertically", "up and down"),
    "rising": ("diagonally, rising to the right", "obliquely, from the lower left to the upper right"),
    "falling": ("diagonally, falling to the right", "obliquely, from the upper left to the lower right"),
    "none": ("",),
}

PIECES = {"round": "roundish", "oval": "oval", "elongated": "elongated", "linear": "line-like"}

FEW = 6
"""More pieces of an uncertain number are many."""

FAINTER = ("Fainter marks near it may belong to it", "Fainter traces beside it may be part of it", "")
"""Where a laxer estimate finds more pieces."""

ROLLED_IN = ("is rolled into the surface", "is pressed into the surface", "is embedded in the surface")
RELIEF: dict[str, tuple[str, ...]] = {
    "bulge": ("is raised above the surface", "rises out of the surface", "stands proud of the surface"),
    "dent": ("is sunken below the surface", "dips below the surface", "is pressed into the surface"),
    "hole": ("breaks through the surface", "is open, cutting through the surface", "pierces the surface"),
    "scratch": ("is cut into the surface", "is scored into the surface", "forms a groove in the surface"),
    "crack": ("cuts into the surface", "parts the surface and cuts into it", "opens into a groove"),
    "broken": ("cuts into the body, where a piece has come away", "is hollow where a piece has come away"),
    "pitting": ("is sunken into the surface", "is eaten into the surface"),
    "burr": ("is raised above the surface", "stands proud of the surface"),
    "inclusion": ("is embedded in the surface", "is bedded into the surface", "sits embedded in the material"),
    "stain": ("lies flat on the surface", "is only a film on the surface, without height", "is flat"),
    "gap": ("is cut right through the material", "goes through the whole thickness"),
    "scab": ("stands a little above the surface", "is raised above the surface"),
    "fold": ("bends the surface into a fold", "forms a ridge where the surface is folded"),
    "iron ash": ("lies loosely on top of the surface", "rests on the surface as a thin layer"),
    "oxide scale": ROLLED_IN,
    "rolled-in scale": ROLLED_IN,
    "pressed-in scale": ROLLED_IN,
    "red iron": ("is a flat film on the surface", "lies flat on the surface"),
    "rolled pit": ("is pressed into the surface", "is sunken into the surface"),
    "roll mark": (
        "is a print in the surface, a little raised or sunken",
        "is slightly raised or sunken, as prints are",
    ),
}
"""What is known of the relief of a class, by its spoken name or by its family."""
AMOUNT = {
    "bulge": ("by about {}% of the {}'s longest side", "by some {}% of the {}'s longest side"),
    "dent": ("by about {}% of the {}'s longest side", "to a depth of some {}% of the {}'s longest side"),
    "scratch": ("about {}% of the {}'s longest side deep", "to a depth of roughly {}% of the {}'s longest side"),
}


def relief(defect: str, pick: Pick) -> str:
    """What is known of the relief of a class; empty for nothing."""
    known = RELIEF.get(spoken(defect)) or RELIEF.get(family(defect))
    return pick(known) if known else ""


@dataclass(frozen=True)
class Clauses:
    """The clauses of one description. A clause has no subject ("is …") unless its name ends in `phrase`."""

    is_: Attributes
    evidence: Evidence
    pick: Pick

    @property
    def seen(self) -> Region:
        return self.is_.seen

    @property
    def noun(self) -> str:
        return noun(self.evidence.defect, self.scattered)[0]

    @property
    def short(self) -> str:
        return noun(self.evidence.defect, self.scattered)[1]

    @property
    def object(self) -> str:
        return self.evidence.object.replace("_", " ") or "part"

    def ends(self, of: Callable[[Region], float]) -> tuple[float, float]:
        """What a measure may be, from the least to the most; the same twice where the mask was given."""
        found = [of(seen) for seen in (self.seen, *self.is_.otherwise)]
        return min(found), max(found)

    def steady(self, of: Callable[[Region], float]) -> bool:
        least, most = self.ends(of)
        return most <= VAGUE * least

    @property
    def narrow(self) -> bool:
        return self.seen.elongation >= 4 and self.seen.breadth < 0.06 * max(self.evidence.picture.shape[:2])

    @property
    def interrupted(self) -> bool:
        """One line with gaps, as far as an estimate can tell: where a line fades, an estimate breaks it."""
        return bool(self.is_.otherwise) and self.seen.parts > 1 and self.narrow

    @property
    def scattered(self) -> bool:
        return self.seen.parts > 1 and not self.interrupted

    @property
    def line(self) -> bool:
        return self.narrow and not self.scattered

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
        whole = not self.scattered or not self.is_.sure(lambda s: s.parts > 1)
        if not whole:
            return pick(("patchy", "broken-up"))
        if self.scattered or not self.is_.shaped:
            return pick(("ill-defined", "irregular"))
        if self.line and self.is_.shape != "curved":
            return pick(("line-like", "straight" if s.bend < 0.03 else "elongated", "streak-like"))
        return pick(SHAPES[self.is_.shape])

    def direction(self) -> str:
        """Where the long axis points; empty for what has none or is in pieces."""
        told = not self.scattered and self.is_.sure(direction_of)
        return self.pick(WAYS[self.is_.direction]) if told else ""

    def shape_clause(self) -> str:
        way, looks = self.direction(), self.shape_adjective()
        says = self.pick((f"looks {looks}", f"appears {looks}", f"has {a(looks)} outline"))
        return f"{says} and {runs(self.is_.shape)[0]} {way}" if way else says

    def percent(self) -> str:
        share = 100 * self.seen.share
        low, high = self.ends(lambda s: 100 * s.share)
        least, most = tidy(low), tidy(high)
        if high > 4 * low:
            return f"perhaps {tidy(share)}%"
        if high > VAGUE * low and least != most:
            return self.pick((f"between {least}% and {most}%", f"somewhere between {least}% and {most}%"))
        if share < 0.1:
            return self.pick(("less than 0.1%", "not even a thousandth"))
        if share < 1:
            return self.pick((f"about {share:.1f}%", f"roughly {share:.1f}%"))
        return self.pick((f"about {share:.0f}%", f"some {share:.0f}%", f"around {share:.0f}%"))

    def extent(self) -> str:
        s = self.seen
        if self.scattered:
            # Upright, not along its axis: nobody looks for 300 pixels in a picture of 256.
            (left, top, right, bottom), (height, width) = s.box, self.is_.size
            sides = min(rounded((right - left) * width), width), min(rounded((bottom - top) * height), height)
            return f"spread over {max(sides)} by {min(sides)} pixels"
        long, broad = rounded(s.length), rounded(s.breadth)
        if s.elongation >= 1.25:
            return self.pick((f"about {long} pixels long and {broad} wide", f"roughly {long} by {broad} pixels"))
        return self.pick((f"about {long} pixels across", f"some {long} pixels wide"))

    def size_clause(self) -> str:
        facts, options = self.evidence.facts, []
        options.append(f"covers {self.percent()} of the {self.pick(('picture', 'frame', 'image'))}")
        if self.steady(lambda s: s.length):
            options.append(f"is {self.extent()}")
        if facts is not None and facts.extent_pct >= 0.5:
            options.append(f"measures about {facts.extent_pct:.0f}% of the {self.object}'s longest side")
        return self.pick(options)

    def depth_clause(self) -> str:
        return self.relief() or "gives no sign of how deep it is"

    def relief(self) -> str:
        """Empty where it is not known: a single picture does not show it, but some classes imply it."""
        facts, clause = self.evidence.facts, relief(self.evidence.defect, self.pick)
        kind = family(self.evidence.defect)
        if clause and facts is not None and kind in AMOUNT and facts.depth_pct > 0:
            amount = f"{round(facts.depth_pct, 0 if facts.depth_pct >= 2 else 1):g}"
            clause += " " + self.pick(AMOUNT[kind]).format(amount, self.object)
        return clause

    def place(self) -> str:
        s, pick = self.seen, self.pick
        picture = pick(("picture", "frame", "image"))
        rows = [sum(s.shares[3 * n : 3 * n + 3]) for n in range(3)]
        columns = [sum(s.shares[n::3]) for n in range(3)]
        everywhere = s.wide > 0.6 and s.tall > 0.6
        if everywhere and (s.parts == 1 or sum(share >= 0.04 for share in s.shares) >= 5):
            return f"across most of the {picture}"
        if s.wide > 0.6 and not everywhere:
            part = ("upper", "middle", "lower")[rows.index(max(rows))]
            return f"across the {part} part of the {picture}" if max(rows) >= 0.5 else f"right across the {picture}"
        if s.tall > 0.6 and not everywhere:
            part = ("left", "middle", "right")[columns.index(max(columns))]
            return f"along the {part} part of the {picture}" if max(columns) >= 0.5 else f"down the whole {picture}"
        cell = self.is_.position
        near = "" if self.is_.sure(lambda s: s.shares.index(max(s.shares))) else pick(("roughly ", "more or less "))
        if max(s.shares) < 0.5:
            first, second = sorted(range(9), key=lambda n: (-round(s.shares[n], 3), n))[:2]
            one, other = (c if c != "centre" else "middle" for c in (POSITIONS[first], POSITIONS[second]))
            return pick((f"{near}between the {one} and the {other} of the {picture}",
                         f"partly in the {one}, partly in the {other} of the {picture}"))  # fmt: skip
        if cell == "centre":
            return pick((f"{near}in the centre of the {picture}", f"{near}near the middle of the {picture}"))
        if cell in ("left", "right"):
            return pick(
                (
                    f"{near}on the {cell} side of the {picture}, at mid-height",
                    f"{near}in the {cell} third of the {picture}, halfway up",
                )
            )
        return pick((f"{near}in the {cell} of the {picture}", f"{near}in the {cell} part of the {picture}"))

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
        if not s.ringed:
            return pick(("fills the picture, so that its tone has nothing to be compared with",
                         "leaves no sound surface in view that its brightness could be compared with"))  # fmt: skip
        around = pick(("its surroundings", "the surface around it", "what surrounds it"))
        tone = self.contrast_adjective()
        uneven = s.spread > UNEVEN * (2 if tone else 1)
        if tone:
            sides = (
                pick((", though its brightness is uneven", ", with lighter and darker areas in it")) if uneven else ""
            )
            looks = "is" if self.is_.sure(lambda s: (s.lighter >= SEEN) - (s.lighter <= -SEEN)) else "seems"
            return f"{looks} {tone} than {around}{sides}"
        if uneven:
            return pick(
                (f"is on the whole as bright as {around}, but has a lighter and a darker part",
                 f"is lighter than {around} in some places and darker in others",
                 f"shows lighter and darker shades, and on average is as bright as {around}",
                 f"stands out by its shading, although its mean brightness equals that of {around}")
            )  # fmt: skip
        if s.chroma > 10:
            return f"differs from {around} in colour rather than in brightness"
        return pick(
            (f"hardly stands out from {around}", f"nearly blends in with {around}", f"is about as bright as {around}")
        )

    def pieces(self) -> str:
        """A sentence of its own where more than one piece is visible, or may be."""
        is_, pick = self.is_, self.pick
        if self.interrupted:
            return pick(("It seems to be interrupted in places", "Along its length it seems to have gaps"))
        if is_.number < 2:
            lax = is_.otherwise and is_.otherwise[-1].parts > 1
            return pick(FAINTER) if lax else ""
        sure = is_.sure(parts_of) and self.steady(lambda s: s.share)
        vague = "two or more" if is_.number == 2 else "several" if is_.number <= FEW else "many"
        count = COUNTS.get(is_.number, "many") if sure else vague
        looks = PIECES[is_.shape] if is_.shaped else ""
        stretched = not is_.otherwise or is_.shape in ("linear", "elongated")
        told = is_.direction if stretched and is_.sure(direction_of) else "none"
        ways = [f" that {runs(is_.shape)[1]} {way}" for way in WAYS[told] if way] or [""]
        separate = f"{count} separate, {looks} pieces" if looks else f"{count} separate pieces"
        parts = f"{separate}{ways[0]}", " ".join(f"{count} {looks} parts".split()) + ways[-1]
        first, second = "is seen in", "consists of"
        if not sure and is_.number == 2:
            first, second = "seems to fall into", "may consist of"
        return pick((f"It {first} {parts[0]}", f"It {second} {parts[1]}", f"It {first} {parts[1]}"))


def tidy(percent: float) -> str:
    return f"{percent:.0f}" if percent >= 1.95 else f"{percent:.1f}"


def rounded(pixels: float) -> int:
    """As a person would say it: to 5 above 40, to 10 above 150."""
    step = 1 if pixels < 40 else 5 if pixels < 150 else 10
    return max(step * round(pixels / step), 1)
