"""Claims held against drawn pictures whose truth is known, and against what a renderer knows."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.grounding.check import Truth, contradictions, ground
from annotation.grounding.fit import tolerances
from annotation.grounding.known import ANY
from annotation.grounding.picture import MEASURED
from annotation.grounding.vocabulary import builtin
from annotation.measured.provider import describe
from annotation.measuring.attributes import Attributes, attributes
from annotation.models.providers import Evidence
from schemas.rows import DefectFacts

SIDE = 240
FACTS = DefectFacts(extent_pct=20, width_pct=3, depth_pct=4, area_pct=1, position=[0, 0, 0], object_mm=200)


def seen(x: int = 50, y: int = 40, a: int = 34, b: int = 4, degrees: float = 30, inside: int = 60) -> Attributes:
    """A dark line in the upper left that rises to the right, unless told otherwise."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (x, y), (a, b), -degrees, 0, 360, 1, -1)
    picture = np.full((SIDE, SIDE, 3), 140, np.uint8)
    picture[mask > 0] = inside
    return attributes(picture, mask > 0)


def verdicts(text: str, of: Attributes | None, truth: Truth | None = None) -> dict[str, str]:
    return {c.claimed: c.verdict for c in ground(text, of, truth)}


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("It lies in the upper left.", True),
        ("It lies in the lower right.", False),
        ("It lies in the centre.", False),
        ("It is not in the centre.", True),
        ("It is not in the upper left.", False),
        ("It is dark.", True),
        ("It is bright.", False),
        ("It is not dark.", False),
        ("The sheet is brighter than it.", True),
        ("It runs horizontally.", True),
        ("It runs vertically.", False),
        ("It rises to the right.", True),
        ("It falls to the right.", False),
        ("A single mark.", True),
        ("Three marks.", False),
        ("Many marks.", False),
        ("It covers 0.7% of the image.", True),
        ("It covers 20% of the image.", False),
        ("It covers less than 1% of the image.", True),
        ("It covers less than 0% of the image.", False),
        ("It covers more than 0% of the image.", True),
        ("It covers more than half of the image.", False),
        ("It is tiny.", True),
        ("It is thin.", True),
        ("About 70 pixels long.", True),
        ("About 300 pixels long.", False),
        ("It spans the full width.", False),
        ("It is line-like.", True),
        ("It is round.", False),
        ("It is strongly curved.", False),
        ("It stands out clearly.", True),
        ("It is barely visible.", False),
        ("It blends in with the sheet.", False),
    ],
)
def test_image_and_mask(text: str, right: bool) -> None:
    assert set(verdicts(text, seen()).values()) == {"supported" if right else "contradicted"}


@pytest.mark.parametrize("x", [80, 88, 100])
def test_on_the_border_of_a_cell_either_name_will_do(x: int) -> None:
    on_border = seen(x=x, y=40, a=14, b=14)
    assert set(verdicts("In the upper left.", on_border).values()) == {"supported"}
    assert set(verdicts("In the upper middle.", on_border).values()) == {"supported"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("A bulge.", "supported"),
        ("A dent.", "contradicted"),
        ("No bulge.", "contradicted"),
        ("It is raised.", "supported"),
        ("It is sunken.", "contradicted"),
        ("It goes right through.", "contradicted"),
        ("It is flat.", "contradicted"),
        ("It is shallow.", "supported"),
        ("It is about 20% of the vase's longest side long.", "supported"),
        ("It is 80% of the vase's longest side long.", "contradicted"),
        ("It is 40 mm long.", "supported"),
        ("It is 20 cm long.", "contradicted"),
        ("Raised by about 4% of the vase's longest side.", "supported"),
        ("Raised by about 40% of the vase's longest side.", "contradicted"),
    ],
)
def test_what_the_renderer_knows(text: str, verdict: str) -> None:
    found = ground(text, None, Truth("bulge", FACTS))
    assert verdict in {c.verdict for c in found}
    assert verdict == "contradicted" or "contradicted" not in {c.verdict for c in found}


def test_without_image_or_truth_nothing_can_be_checked() -> None:
    text = "A dark dent in the upper left, raised, two pieces, 4 mm long, on the rim, along the rolling direction."
    assert {c.verdict for c in ground(text, None)} == {"uncheckable"}
    assert {c.measured for c in ground(text, None)} == {None}


def test_where_there_is_no_defect_none_may_be_named() -> None:
    assert verdicts("A scratch.", None, Truth("none")) == {"scratch": "contradicted"}
    assert verdicts("No scratch.", None, Truth("none")) == {"not scratch": "supported"}


def test_contradictions_are_named_for_the_next_try() -> None:
    found = ground("A bright line in the lower right.", seen())
    sentence = contradictions(found)
    assert "“bright”" in sentence
    assert "“lower right”" in sentence
    assert "100% upper left" in sentence
    assert "line" not in sentence.replace("“", "").split("measured")[0].split(";")[0]
    assert contradictions(ground("A dark line.", seen())) == ""


def test_every_value_of_the_vocabulary_is_judged_without_an_error() -> None:
    known = {(r.dimension, r.value) for r in builtin().rules}
    assert {d for d, _ in known} == {*MEASURED, "depth"}
    assert set(tolerances()["places"]) <= {value for d, value in known if d == "location"}
    assert set(ANY) <= {r.value for r in builtin().types}


@settings(max_examples=60, deadline=None)
@given(
    st.integers(10, 230), st.integers(10, 230), st.integers(3, 90), st.integers(2, 60), st.floats(0, 180),
    st.sampled_from(["bulge", "concavity", "hole", "scratch", "crack", "broken", "slag inclusion"]),
    st.integers(0, 255), st.integers(0, 9),
)  # fmt: skip
def test_measured_sentences_are_never_contradicted(
    x: int, y: int, a: int, b: int, degrees: float, defect: str, inside: int, candidate: int
) -> None:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.ellipse(mask, (x, y), (a, b), -degrees, 0, 360, 1, -1)
    picture = np.full((SIDE, SIDE, 3), 140, np.uint8)
    picture[mask > 0] = inside
    known = FACTS if defect in ("bulge", "concavity", "hole", "scratch", "crack", "broken") else None
    text = describe(Evidence(picture, mask > 0, "vase", defect, known, x), candidate=candidate, temperature=0.9)
    found = ground(text, attributes(picture, mask > 0, defect, known), Truth(defect, known))
    assert contradictions(found) == "", text


@pytest.mark.parametrize(
    "aside",
    [
        "There is a bright reflection in the lower right corner.",
        "Only the right edge of the picture is a bit brighter.",
        "Three photos exist.", "The grinding pattern is vertical.",
    ],
)  # fmt: skip
def test_beside_a_claim_that_fits_other_things_accuse_nobody(aside: str) -> None:
    text = f"A single dark scratch lies in the upper left and rises to the right. {aside}"
    assert contradictions(ground(text, seen())) == ""


def test_a_defect_that_is_named_is_accused_beside_a_claim_that_fits() -> None:
    text = "A dark scratch lies in the upper left. The scratch is in the lower right, and it is bright."
    assert verdicts(text, seen())["lower right"] == "contradicted"
    assert verdicts(text, seen())["brighter"] == "contradicted"


def test_a_second_name_is_no_accusation_after_one_that_fits() -> None:
    truth = Truth("bulge")
    assert contradictions(ground("A bulge, perhaps from scratches of the roll.", None, truth)) == ""
    assert contradictions(ground("Scratches, perhaps over a bulge.", None, truth)) != ""


def test_the_size_of_the_picture_is_not_that_of_the_defect() -> None:
    assert verdicts(f"{SIDE} x {SIDE} px.", seen()) == {f"pixels by {SIDE} {SIDE}": "uncheckable"}


def drawn(outlines: list[np.ndarray], defect: str = "", thick: int = -1) -> Attributes:
    """Dark shapes on an even ground, filled or as lines of some thickness."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for outline in outlines:
        if thick < 0:
            cv2.fillPoly(mask, [outline], 1)
        else:
            cv2.polylines(mask, [outline], False, 1, thick)
    picture = np.full((SIDE, SIDE, 3), 140, np.uint8)
    picture[mask > 0] = 60
    return attributes(picture, mask > 0, defect)


def disc(x: float, y: float, radius: float, teeth: float = 0) -> np.ndarray:
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    far = radius * (1 - teeth * (np.arange(24) % 2))
    return np.stack([x + far * np.cos(turn), y + far * np.sin(turn)], axis=1).astype(np.int32)


DOTS = drawn([disc(20 + 50 * n, 30 + 45 * m, 6) for n in range(5) for m in range(4)])
STAR = drawn([disc(120, 120, 50, teeth=0.5)])
LINE = drawn([np.array([[20, 30], [110, 60], [200, 30]], np.int32)], thick=3)
OVAL = drawn([(disc(0, 0, 30) * [2, 1] + [110, 120]).astype(np.int32)])
PAIR = drawn([disc(50, 50, 30), disc(190, 190, 12)])
PITS = drawn([disc(120, 120, 15)], "pitting")
RAILS = drawn([np.array([[20, y], [200, y]], np.int32) for y in (60, 160)], thick=2)
SLANT = drawn([np.array([[20, 20], [140, 200]], np.int32)], thick=3)


@pytest.mark.parametrize(
    ("text", "of", "right"),
    [
        ("Many tiny specks.", DOTS, True),
        ("Each one is about a twentieth of the image width.", DOTS, True),
        ("They span the full height.", SLANT, False),
        ("More than thirty spots.", DOTS, False),
        ("At least ten spots.", DOTS, True),
        ("Fewer than five spots.", DOTS, False),
        ("It spans more than half of the image width.", OVAL, True),
        ("It spans less than a tenth of the image width.", OVAL, False),
        ("It is less than a hundredth of the image width.", PITS, False),
        ("Its length is about four fifths of the image height.", SLANT, True),
        ("It is circular.", STAR, False),
        ("It is round.", PITS, True),
        ("It is line-like.", OVAL, False),
        ("It is very broad.", LINE, False),
        ("Two thick lines.", RAILS, False),
        ("Very wide lines.", RAILS, False),
        ("Both dots are linear.", PAIR, False),
        ("A larger one in the upper left and a smaller one in the lower right.", PAIR, True),
        ("One in the upper left, another in the upper right.", PAIR, False),
        ("It lies in the lower right.", PAIR, False),
        ("It is enormous.", PITS, False),
        ("It does not exceed one percent of the image.", OVAL, False),
        ("It does not exceed a quarter of the image.", OVAL, True),
        ("It is a hairline.", LINE, True),
        ("It is a hairline.", OVAL, False),
        ("A cluster of small pits.", PITS, True),
        ("Three areas of pitting.", PITS, False),
        ("Several holes.", STAR, False),
    ],
)
def test_sizes_shapes_and_numbers_of_many_and_of_lines(text: str, of: Attributes, right: bool) -> None:
    assert ("contradicted" not in verdicts(text, of).values()) == right
