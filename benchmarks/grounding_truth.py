"""How well planted contradictions in captions are found, and how often true captions are accused.

Defects of known place, tone, direction, number, size and shape are drawn on made and on real textures (X-SDD, where it
is present); captions come from many styles of writing (`grounding_captions.yaml`), of which some were held out from
building, and from the `measured` provider. Per kind, the caption with the true words and the one with a planted wrong
word are compared: a hit is a contradiction of that kind in the latter, a false alarm one in the former.
"""

import argparse
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import yaml

from annotation.grounding.check import Truth, ground
from annotation.measured.provider import describe
from annotation.measuring.attributes import POSITIONS, Attributes, attributes
from annotation.models.providers import Evidence
from benchmarks.report import finish
from schemas.rows import DefectFacts

HERE = Path(__file__).parent
REAL = HERE.parents[1] / "shared/data/images/x-sdd"
SIDE = 256

CELL = dict(zip(POSITIONS, [(x, y) for y in (1, 3, 5) for x in (1, 3, 5)], strict=True))
"""Centres of the cells in sixths of the picture."""
ANGLES = {"horizontal": 0, "vertical": 90, "rising": 45, "falling": 135}
RELIEFS = {"scratch": "recessed", "crack": "recessed", "concavity": "recessed", "bulge": "raised", "hole": "through"}


@dataclass(frozen=True)
class Made:
    """What was drawn. `share` and `long` are of the drawing itself."""

    form: str
    place: str
    tone: str
    way: str | None
    count: int
    scale: str | None
    percent: float
    long: float | None
    type: str

    @property
    def relief(self) -> str:
        return RELIEFS[self.type]


@dataclass(frozen=True)
class Case:
    made: Made
    picture: np.ndarray
    mask: np.ndarray
    seen: Attributes
    truth: Truth


def textures() -> list[np.ndarray]:
    """Real surfaces as grey pictures of 256 x 256, smoothed a little so that their own defects do not shout."""
    files = sorted(REAL.glob("*/*.png"))[::16] + sorted(REAL.glob("*/*.jpg"))[::16]
    found = (cv2.imread(str(f), cv2.IMREAD_GRAYSCALE) for f in files)
    return [
        cv2.GaussianBlur(cv2.resize(p, (SIDE, SIDE)), (0, 0), 1.5).astype(np.float32) for p in found if p is not None
    ]


def background(rng: np.random.Generator, real: list[np.ndarray]) -> np.ndarray:
    """Mean between 90 and 160, so that a defect can be lighter or darker."""
    if real and rng.random() < 0.5:
        surface = real[int(rng.integers(len(real)))]
        flat = (surface - surface.mean()) * min(1.0, 10 / max(float(surface.std()), 1.0))
    else:
        slope = np.linspace(-1, 1, SIDE) * rng.uniform(0, 15)
        flat = np.broadcast_to(slope, (SIDE, SIDE)).astype(np.float32)
        flat = flat.T if rng.random() < 0.5 else flat
    return np.asarray(flat + rng.uniform(90, 160) + rng.normal(0, rng.uniform(1, 6), (SIDE, SIDE)), np.float32)


def drawn(form: str, size: float, angle: float, rng: np.random.Generator) -> np.ndarray:
    """One part as a polygon around the origin, (n, 2), whose longest extent is about `size` pixels."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    half, across = size / 2, {"line": 0.05, "disc": 0.5, "oval": 0.3, "blob": 0.45}[form] * size
    radius = np.ones(48)
    if form == "blob":
        radius = 1 + 0.55 * np.sin(rng.integers(3, 6) * turn + rng.uniform(0, 6)) * rng.uniform(0.7, 1)
        radius /= radius.max()
    if form == "line":
        points = np.array([[-half, -1], [half, -1], [half, 1], [-half, 1]]) * [1, max(across, 1.3)]
    else:
        points = np.stack([half * radius * np.cos(turn), across * radius * np.sin(turn)], axis=1)
    a = np.radians(-angle)
    return np.asarray(points @ np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]]))


def case(rng: np.random.Generator, real: list[np.ndarray]) -> Case:
    form = str(rng.choice(["line", "disc", "oval", "blob"]))
    place, tone = str(rng.choice(POSITIONS)), str(rng.choice(["brighter", "darker"]))
    count = int(rng.choice([1, 1, 1, 1, 2, 3, 4, 6, 9]))
    way = str(rng.choice(list(ANGLES))) if form in ("line", "oval") else None
    angle = ANGLES[way] + rng.uniform(-8, 8) if way else rng.uniform(0, 180)
    room = 0.3 * SIDE
    size = rng.uniform(0.45, 1.15) * room if count == 1 else rng.uniform(0.16, 0.22) * room
    x, y = (SIDE * c / 6 + rng.uniform(-8, 8) for c in CELL[place])
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for n in range(count):
        columns = int(np.ceil(np.sqrt(count)))
        step = 0.34 * room if count > 1 else 0.0
        dx, dy = ((n % columns) - (columns - 1) / 2) * step, ((n // columns) - (columns - 1) / 2) * step
        cv2.fillPoly(mask, [np.round(drawn(form, size, angle, rng) + np.array([x + dx, y + dy])).astype(np.int32)], 1)
    under = mask > 0
    step = float(rng.uniform(22, 60)) * (1 if tone == "brighter" else -1)
    picture = background(rng, real) + step * cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 0.7)
    rgb = np.repeat(np.clip(picture, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    share = float(under.mean())
    scale = "tiny" if share < 0.0008 else "small" if share < 0.01 else "large" if share > 0.05 else None
    kind = {"line": ("scratch", "crack"), "disc": ("hole", "bulge", "concavity")}.get(form, ("bulge", "concavity"))
    made = Made(form, place, tone, way, count, scale, 100 * share, size if count == 1 else None, str(rng.choice(kind)))
    depth = 0.0 if made.type == "hole" else float(rng.uniform(1.5, 6))
    facts = DefectFacts(
        float(rng.uniform(5, 40)), float(rng.uniform(1, 5)), depth, float(rng.uniform(0.1, 4)), [0, 0, 0]
    )
    return Case(made, rgb, under, attributes(rgb, under, made.type, facts), Truth(made.type, facts))


NAMES = {"scratch": ("scratch", "scratches"), "crack": ("crack", "cracks"), "concavity": ("dent", "dents"),
         "bulge": ("bulge", "bulges"), "hole": ("hole", "holes")}  # fmt: skip


def caption(made: Made, style: dict[str, Any], relief: str | None = None) -> str:
    """The sentences of a style whose slots have words for what was made."""
    name, names = NAMES[made.type]
    words: dict[str, str | None] = {
        "type": name,
        "types": name if made.count == 1 else names,
        "percent": f"{made.percent:.2g}" if made.percent < 10 else f"{made.percent:.0f}",
        "long": None if made.long is None else f"{made.long:.0f}",
    }
    told = {"count": made.count, "number": made.count, "tone": made.tone, "form": made.form, "place": made.place,
            "way": made.way, "relief": relief or made.relief, "scale": made.scale}  # fmt: skip
    for slot, value in told.items():
        if slot in style:
            words[slot] = style[slot].get(value)
    for slot in ("share", "size"):
        words[slot] = _filled(style[slot], words) if slot in style else None
    if words.get("form"):
        words["form"] = _filled(str(words["form"]), words)
    words["Place"] = (words.get("place") or "").capitalize()
    if words.get("way") is None and "way" in style:
        words["way"] = "" if str(next(iter(style["way"].values()))).startswith(" ") else None
    if "scale" in style and words.get("scale") is None:
        words["scale"] = ""
    if words.get("size") is None:
        words["size"] = ""
    made_up = (_filled(sentence, words) for sentence in style["sentences"])
    return re.sub(
        r" +([,.])", r"\1", re.sub(r"(, )+,|,+(?=\.)", ",", re.sub(r" +", " ", " ".join(s for s in made_up if s)))
    ).replace(",.", ".")


def _filled(sentence: str, words: dict[str, str | None]) -> str | None:
    slots = re.findall(r"{(\w+)}", sentence)
    if any(words.get(s) is None for s in slots):
        return None
    return sentence.format(**words)


FAR = {p: [q for q, (u, v) in CELL.items() if max(abs(u - x), abs(v - y)) >= (4 if p != "centre" else 2)]
       for p, (x, y) in CELL.items()}  # fmt: skip
"""Places that are plainly another one; of the centre, all others."""
COUNTS = {1: (3, 4, 6), 2: (4, 6, 9), 3: (1, 9), 4: (1, 2, 9), 6: (1, 2), 9: (1, 2, 3)}
ALSO = {"shape": ("size",)}
"""A wrong form may be told as a wrong extent: \"thin\"."""
VAGUE = {"several", "numerous", "many", "multiple", "number", "dozen"}
OTHER = {"recessed": ("raised",), "raised": ("recessed", "through"), "through": ("raised",)}


def planted(made: Made, rng: np.random.Generator) -> dict[str, tuple[Made, str | None]]:
    """One wrong word of every kind that this drawing allows."""

    def one(options: Any) -> Any:
        return options[int(rng.integers(len(options)))]

    wrong: dict[str, tuple[Made, str | None]] = {
        "location": (replace(made, place=one(FAR[made.place])), None),
        "contrast": (replace(made, tone="darker" if made.tone == "brighter" else "brighter"), None),
        "number": (replace(made, count=one(COUNTS[made.count])), None),
        "type": (replace(made, type=one([t for t in NAMES if t != made.type])), made.relief),
        "depth": (made, one(OTHER[made.relief])),
    }
    size = replace(
        made, percent=min(made.percent * float(rng.uniform(6, 12)), 95) if made.percent < 8 else made.percent / 10
    )
    if made.long:
        size = replace(size, long=made.long * float(one([0.2, 3, 4])))
    wrong["size"] = (
        replace(size, scale={"tiny": "large", "small": "large", "large": "tiny"}.get(made.scale or "")),
        None,
    )
    if made.way:
        turned = {"horizontal": "vertical", "vertical": "horizontal", "rising": "falling", "falling": "rising"}
        wrong["direction"] = (replace(made, way=turned[made.way]), None)
    if made.form in ("line", "disc"):
        wrong["shape"] = (replace(made, form="disc" if made.form == "line" else "line"), made.relief)
    return wrong


SWAPS = {
    "location": [("upper", "lower"), ("lower", "upper"), ("left", "right"), ("right", "left")],
    "contrast": [("lighter", "darker"), ("darker", "lighter")],
    "direction": [("horizontally", "vertically"), ("vertically", "horizontally"), ("rising", "falling"),
                  ("falling", "rising"), ("from side to side", "up and down"), ("up and down", "from side to side")],
}  # fmt: skip


def swapped(text: str, kind: str) -> str | None:
    """A sentence of the measured provider with one word turned round; None where it has none of the kind."""
    if kind == "location":
        text = text.replace("rising to the right", "RISING").replace("falling to the right", "FALLING")
        if "diagonal" in text or "obliquely" in text:
            return None
    for old, new in SWAPS[kind]:
        if re.search(rf"\b{old}\b", text):
            if kind == "contrast" and (
                "lighter and" in text or "darker and" in text or ("lighter" in text and "darker" in text)
            ):
                return None
            return re.sub(rf"\b{old}\b", new, text)
    return None


@dataclass
class Tally:
    planted: int = 0
    found: int = 0
    true: int = 0
    alarms: int = 0
    examples: tuple[str, ...] = ()

    @property
    def recall(self) -> float:
        return self.found / max(self.planted, 1)

    @property
    def precision(self) -> float:
        """With as many true as planted captions."""
        rate = self.alarms / max(self.true, 1)
        return self.recall / max(self.recall + rate, 1e-9)


def cases(count: int) -> Iterator[tuple[Case, np.random.Generator]]:
    real = textures()
    for n in range(count):
        rng = np.random.default_rng([7, n])
        yield case(rng, real), rng


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--errors", action="store_true", help="show captions of `building` that were judged wrongly")
    parser.add_argument("--set", type=Path, help="a YAML file with groups of other styles, measured instead")
    options = parser.parse_args()
    styles = yaml.safe_load((options.set or HERE / "grounding_captions.yaml").read_text())
    tallies: dict[tuple[str, str], Tally] = defaultdict(Tally)
    whole: dict[str, Tally] = defaultdict(Tally)
    for made, rng in cases(120 if options.quick else 800):
        for half, known in styles.items():
            for style in known.values():
                judge(made, style, half, rng, tallies, whole, options.errors and half == "building")
        if not options.set:
            measured(made, rng, tallies, whole, options.errors)
    rows = [
        {"captions": half, "kind": kind, "planted": t.planted, "precision": t.precision, "recall": t.recall}
        for (half, kind), t in sorted(tallies.items())
    ]
    alarms = {half: round(t.alarms / t.true, 4) for half, t in whole.items()}
    unseen = [t for (half, _), t in tallies.items() if half not in ("building", "measured")]
    finish(
        "grounding_truth", min(min(t.precision, t.recall) for t in tallies.values()), rows,
        unseen=round(min(min(t.precision, t.recall) for t in unseen or tallies.values()), 4),
        true_captions_accused=alarms,
        real_textures=len(textures()), planted=sum(t.planted for t in tallies.values()),
    )  # fmt: skip


def judge(
    made: Case, style: dict[str, Any], half: str, rng: np.random.Generator, tallies: dict[tuple[str, str], Tally],
    whole: dict[str, Tally], show: bool,
) -> None:  # fmt: skip
    text = caption(made.made, style)
    accused = contradicted(text, made)
    whole[half].true += 1
    whole[half].alarms += bool(accused)
    if show and accused:
        print("ALARM", made.made, text, accused)
    for kind, (wrong, relief) in planted(made.made, rng).items():
        said = caption(wrong, style, relief)
        if (
            kind == "number"
            and made.made.count > 1
            and VAGUE & set(str(style.get("count", {}).get(wrong.count)).split())
        ):
            continue  # "several" of nine is not wrong
        if said == text or (kind == "type" and caption(wrong, style, relief).lower() == text.lower()):
            continue
        tally = tallies[half, kind]
        tally.planted += 1
        tally.true += 1
        hit = bool({kind, *ALSO.get(kind, ())} & contradicted(said, made).keys())
        tally.found += hit
        tally.alarms += kind in accused
        if show and not hit:
            print("MISS", kind, made.made, said)


def measured(
    made: Case, rng: np.random.Generator, tallies: dict[tuple[str, str], Tally], whole: dict[str, Tally], show: bool
) -> None:
    evidence = Evidence(made.picture, made.mask, "strip", made.made.type, made.truth.facts, int(rng.integers(2**31)))
    for candidate in range(3):
        text = describe(evidence, candidate=candidate, temperature=0.9)
        accused = contradicted(text, made)
        whole["measured"].true += 1
        whole["measured"].alarms += bool(accused)
        if show and accused:
            print("ALARM", made.made, text, accused)
        for kind in SWAPS:
            said = swapped(text, kind)
            if said is None or (
                kind == "location"
                and (
                    "left" not in made.made.place
                    and "right" not in made.made.place
                    and "upper" not in made.made.place
                    and "lower" not in made.made.place
                )
            ):
                continue
            tally = tallies["measured", kind]
            hit = kind in contradicted(said, made)
            tally.planted, tally.true = tally.planted + 1, tally.true + 1
            tally.found, tally.alarms = tally.found + hit, tally.alarms + (kind in accused)
            if show and not hit:
                print("MISS", kind, made.made, said)


def contradicted(text: str, made: Case) -> dict[str, str]:
    found = (c for c in ground(text, made.seen, made.truth) if c.verdict == "contradicted")
    return {c.dimension: f"{c.said} -> {c.claimed}: {c.measured}" for c in found}


if __name__ == "__main__":
    main()
