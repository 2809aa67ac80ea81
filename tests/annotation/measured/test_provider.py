"""Measured descriptions: drawn pictures whose truth is known, and sentences that must say it and nothing else."""

import asyncio
import re

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.coverage import DIMENSIONS, covered
from annotation.measured.clauses import RELIEF
from annotation.measured.provider import MODEL, Measured, describe
from annotation.measuring.estimate import estimate, patchwork
from annotation.measuring.figure import colour_name, figure
from annotation.measuring.measure import region
from annotation.measuring.wording import noun
from annotation.models.providers import Evidence, Request
from schemas.errors import BadInput, DefectoryError
from schemas.rows import DefectFacts

WIDTH, HEIGHT = 320, 240
FACTS = DefectFacts(extent_pct=24.0, width_pct=2.0, depth_pct=3.0, area_pct=0.4, position=[0.1, 0.2, 0.3])


def ellipse(x: int, y: int, a: int, b: int, degrees: float = 0) -> np.ndarray:
    """An ellipse with half axes `a`, `b`; the angle counter-clockwise."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (x, y), (a, b), -degrees, 0, 360, 1, -1)
    return mask.astype(bool)


def evidence(
    mask: np.ndarray | None, defect: str = "bulge", inside: int = 60, around: int = 140, **more: object
) -> Evidence:
    picture = np.full((HEIGHT, WIDTH, 3), around, np.uint8)
    if mask is not None:
        picture[mask] = inside
    return Evidence(picture, mask, "vase", defect, more.get("facts", FACTS), int(more.get("seed", 0)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("mask", "row", "column", "elongation", "angle"),
    [
        (ellipse(40, 30, 12, 12), 0, 0, 1.0, None),
        (ellipse(160, 120, 60, 6), 1, 1, 9.5, 0),
        (ellipse(280, 200, 6, 30), 2, 2, 4.7, 90),
        (ellipse(280, 120, 40, 5, 45), 1, 2, 7.5, 45),
        (ellipse(160, 30, 20, 5, 150), 0, 1, 3.7, 150),
    ],
)
def test_region(mask: np.ndarray, row: int, column: int, elongation: float, angle: float | None) -> None:
    seen = region(evidence(mask).picture, mask)
    assert (seen.row, seen.column, seen.parts) == (row, column, 1)
    assert seen.elongation == pytest.approx(elongation, rel=0.15)
    assert angle is None or min(abs(seen.angle - angle), 180 - abs(seen.angle - angle)) < 5
    assert seen.solidity > 0.85
    assert seen.lighter < -20


def test_a_bent_line_is_bent_and_pieces_are_counted() -> None:
    arc = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(arc, (160, 160), (80, 80), 0, 220, 320, 1, 5)
    assert region(evidence(None).picture, arc.astype(bool)).bend > 0.08
    assert region(evidence(None).picture, ellipse(100, 100, 50, 4)).bend < 0.03
    pieces = ellipse(50, 50, 9, 9) | ellipse(150, 50, 9, 9) | ellipse(250, 50, 9, 9)
    assert region(evidence(None).picture, pieces).parts == 3


@pytest.mark.parametrize(
    ("case", "says", "never"),
    [
        # the wording of temperature 0: the first of every list
        (
            evidence(ellipse(40, 30, 12, 12)),
            ["upper left", "small", "roundish", "raised", "darker"],
            ["lower", "right", "lighter"],
        ),
        (
            evidence(ellipse(280, 200, 60, 4, 45), "scratch", inside=250),
            ["lower right", "line-like", "diagonally, rising to the right", "cut into", "lighter"],
            ["darker", "falling", "raised"],
        ),
        (
            evidence(ellipse(160, 120, 20, 20), "concavity", inside=142),
            ["centre", "sunken", "hardly stands out"],
            ["darker", "lighter"],
        ),
        (
            evidence(ellipse(160, 195, 140, 40), "hole"),
            ["lower part", "elongated", "very large", "breaks through"],
            ["upper", "tiny", "small", "line-like"],
        ),
    ],
)  # fmt: skip
def test_what_is_said(case: Evidence, says: list[str], never: list[str]) -> None:
    text = describe(case)
    assert all(word in text for word in says), text
    assert not any(word in text for word in never), text


def test_depth_is_only_said_where_it_is_known() -> None:
    unknown = describe(evidence(ellipse(40, 30, 12, 12), "patches", facts=None))
    assert not covered(unknown)["depth"]
    assert not covered(describe(evidence(ellipse(40, 30, 12, 12), "patches", facts=None), "depth"))["depth"]
    assert "3% of the vase's longest side" in describe(evidence(ellipse(40, 30, 12, 12), "bulge"))
    assert "%" not in describe(evidence(ellipse(40, 30, 12, 12), "bulge", facts=None), "depth")


def test_what_is_known_of_a_class_is_said_as_its_depth() -> None:
    """By its spoken name (red iron) before its family (scale), in words that coverage hears."""
    for name in RELIEF:
        for wording in RELIEF[name]:
            assert covered(f"It {wording}.")["depth"], wording
    assert "flat" in describe(evidence(ellipse(40, 30, 12, 12), "red_iron_sheet", facts=None))
    assert "embedded" in describe(evidence(ellipse(40, 30, 12, 12), "slag_inclusion", facts=None))


def test_what_is_spread_is_no_wider_than_the_picture() -> None:
    """Pieces along the diagonal: their own axis is longer than either side."""
    pieces = np.zeros((HEIGHT, WIDTH), bool)
    for n in range(9):
        pieces |= ellipse(10 + 37 * n, 10 + 27 * n, 8, 8)
    said = [describe(evidence(pieces, "red iron", facts=None), candidate=n, temperature=0.9) for n in range(40)]
    found = [match for text in said if (match := re.search(r"spread over (\d+) by (\d+) pixels", text))]
    assert found
    assert all(int(match[1]) <= WIDTH and int(match[2]) <= HEIGHT for match in found)


def test_a_patchwork_is_described_without_saying_which_tone_is_the_defect() -> None:
    rng = np.random.default_rng(1)
    blobs = cv2.GaussianBlur(rng.normal(size=(HEIGHT, WIDTH)).astype(np.float32), (0, 0), 12)
    grey = np.where(blobs > 0, 140, 90) + rng.normal(0, 4, blobs.shape)
    picture = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    text = describe(Evidence(picture, None, "steel strip", "red_iron_sheet", None, 0))
    assert text.startswith("The picture shows red iron on a steel strip; it is a flat film on the surface. Darker and ")
    share = int(re.findall(r"about (\d+)%", text)[0])
    assert abs(share - 100 * (blobs <= 0).mean()) <= 3
    even = np.full_like(picture, 120) + rng.integers(0, 30, picture.shape, np.uint8)
    assert patchwork(even) is None
    assert describe(Evidence(even, None, "part", "patches", None, 0)) == "The picture shows a patch on a part."


masks = st.builds(
    ellipse, st.integers(20, 300), st.integers(20, 220), st.integers(2, 90), st.integers(2, 60), st.floats(0, 180)
)


@settings(max_examples=60, deadline=None)
@given(
    masks,
    st.sampled_from(["bulge", "concavity", "hole", "scratch"]),
    st.integers(0, 255),
    st.integers(0, 7),
    st.integers(0, 99),
)
def test_every_description_is_whole_true_in_side_and_tone_and_covers_five_dimensions(
    mask: np.ndarray, defect: str, inside: int, candidate: int, seed: int
) -> None:
    case = evidence(mask, defect, inside=inside, seed=seed)
    text = describe(case, candidate=candidate, temperature=0.9)
    assert text.endswith(".")
    assert text[0].isupper()
    assert "  " not in text
    assert "{" not in text
    assert all(covered(text).values()), (text, covered(text))
    if inside > 140:
        assert "darker than" not in text
    if inside < 140:
        assert "lighter than" not in text
    xs = np.nonzero(mask)[1]
    if xs.max() < WIDTH / 3:
        assert "right third" not in text
        assert "left" in text


@pytest.mark.parametrize("asks", DIMENSIONS)
def test_questions_are_answered_one_by_one(asks: str) -> None:
    text = describe(evidence(ellipse(40, 30, 30, 8)), asks, 0, 0.9)
    assert covered(text)[asks]


def test_of_a_side_that_a_recipe_adds_nothing_is_said() -> None:
    request = Request(MODEL, "", "", "texture", 0, 0.9, 300, evidence=evidence(ellipse(40, 30, 12, 12)))
    assert asyncio.run(Measured().answer(request)).refused


def test_candidates_differ_and_repeat_exactly() -> None:
    case = evidence(ellipse(100, 50, 40, 6, 30), "scratch")
    texts = [describe(case, candidate=n, temperature=0.9) for n in range(4)]
    assert len(set(texts)) == 4
    assert texts == [describe(case, candidate=n, temperature=0.9) for n in range(4)]
    assert len({describe(case, candidate=n, temperature=0.0) for n in range(4)}) == 1


def scene() -> np.ndarray:
    """A tall green bottle in front of a plain wall and floor."""
    rng = np.random.default_rng(0)
    picture = np.full((HEIGHT, WIDTH, 3), (200, 195, 190), np.uint8)
    picture[170:] = (120, 110, 105)
    cv2.rectangle(picture, (140, 60), (180, 190), (40, 150, 60), -1)
    return np.clip(picture + rng.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def test_an_object_without_a_visible_defect() -> None:
    found = figure(scene())
    assert found is not None
    assert (found.colour, found.row, found.column) == ("green", 1, 1)
    assert found.aspect < 0.5
    text = describe(Evidence(scene(), None, "bottle", "", None, 1), temperature=0.9, candidate=1)
    assert "green" in text
    assert "bottle" in text
    assert "centre" in text or "middle" in text
    assert any(w in text for w in ("No defect", "no visible defect", "no damage", "Nothing"))


def test_where_nothing_can_be_told_apart_nothing_is_claimed() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3)).astype(np.uint8)
    assert (
        describe(Evidence(noise, None, "part", "", None, 0)) == "The picture shows a part. No defect can be seen on it."
    )


@pytest.mark.parametrize(
    ("lab", "name"),
    [
        ((10, 0, 0), "black"), ((50, 1, 1), "grey"), ((95, 0, 2), "white"), ((45, 60, 40), "red"),
        ((60, -40, 30), "green"),
        ((25, 15, -40), "dark blue"), ((40, 12, 25), "brown"), ((80, 3, 20), "beige"), ((85, -5, 70), "pale yellow"),
    ],
)  # fmt: skip
def test_colour_names(lab: tuple[float, float, float], name: str) -> None:
    assert colour_name(np.array(lab)) == name


def test_masks_that_cannot_be_used() -> None:
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with pytest.raises(BadInput, match="the mask is 10x10 pixels, its picture 320x240"):
        describe(Evidence(picture, np.ones((10, 10), bool), "vase", "bulge", None, 0))
    with pytest.raises(BadInput, match="the mask is empty"):
        describe(Evidence(picture, np.zeros((HEIGHT, WIDTH), bool), "vase", "bulge", None, 0))


def test_another_model_is_refused() -> None:
    request = Request("gpt-4o", "", "", "open", 0, 0.9, 300, evidence=evidence(ellipse(40, 30, 12, 12)))
    with pytest.raises(DefectoryError, match=r"measured gpt-4o: there is only geometry-3"):
        asyncio.run(Measured().answer(request))


def test_a_defect_that_nobody_marked_is_named_and_not_denied() -> None:
    plain = np.full((32, 32, 3), 128, np.uint8)
    evidence = Evidence(picture=plain, mask=None, object="steel strip", defect="silk", facts=None, seed=1)
    assert describe(evidence, "open", 0, 0.9) == "The picture shows silk on a steel strip."


@pytest.mark.parametrize(
    ("defect", "alone", "several"),
    [
        ("oxide_scale_temperature", "area of oxide scale", "area of oxide scale"),
        ("oxide scale of plate system", "area of oxide scale", "area of oxide scale"),
        ("iron_sheet_ash", "area of iron ash", "area of iron ash"),
        ("finishing_roll_printing", "roll mark", "roll mark"),
        ("dark_scratches", "dark scratch", "group of dark scratches"),
        ("slag_inclusion", "slag inclusion", "slag inclusion"),
        ("", "defect", "defect"),
    ],
)
def test_a_class_is_called_what_a_person_would_call_it(defect: str, alone: str, several: str) -> None:
    assert (noun(defect)[0], noun(defect, several=True)[0]) == (alone, several)


def test_of_an_estimate_only_what_is_sure_is_counted_and_sized() -> None:
    """Three spots, each fainter than the one before: where the estimate ends, and what it leaves out, is a guess."""
    rng = np.random.default_rng(0)
    grey = 130 + rng.normal(size=(HEIGHT, WIDTH))
    for x, step in ((60, 60), (160, 48), (260, 34)):
        grey[ellipse(x, 120, 18, 18)] -= step
    picture = np.repeat(np.clip(grey, 0, 255).astype(np.uint8)[:, :, None], 3, axis=2)
    found = estimate(picture)
    assert found is not None
    for candidate in range(5):
        case = Evidence(picture, found.region, "steel strip", "iron_sheet_ash", None, 1)
        text = describe(case, candidate=candidate, temperature=0.9)
        assert "two or more" in text, text
        given = Evidence(picture, ellipse(60, 120, 18, 18), "steel strip", "iron_sheet_ash", None, 1)
        told = describe(given, candidate=candidate, temperature=0.9)
        assert not any(word in told for word in ("two", "seems", "perhaps", "between", "may ")), told
