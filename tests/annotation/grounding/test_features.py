"""Captions that tell of the part as well: what belongs to a groove or a ridge is no claim of the defect."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import yaml

from annotation.grounding.check import Truth, ground
from annotation.grounding.claims import claims
from annotation.measuring.attributes import Attributes, attributes


def drawn(*spots: tuple[int, int, int, int, int], inside: int = 60) -> Attributes:
    """Ellipses (x, y, half axes, degrees) on a grey square."""
    mask = np.zeros((240, 240), np.uint8)
    for x, y, a, b, degrees in spots:
        cv2.ellipse(mask, (x, y), (a, b), -degrees, 0, 360, 1, -1)
    picture = np.full((240, 240, 3), 140, np.uint8)
    picture[mask > 0] = inside
    return attributes(picture, mask > 0)


PIT = drawn((50, 40, 9, 7, 0))
PICTURES: dict[str, tuple[Attributes | None, Truth]] = {
    "pit": (PIT, Truth("pitting")),
    "pits": (drawn((45, 60, 8, 8, 0), (60, 170, 8, 7, 0)), Truth("pitting")),
    "scratch": (drawn((50, 40, 34, 2, 30)), Truth("scratch")),
    "bulge": (drawn((120, 120, 30, 29, 0), inside=210), Truth("bulge")),
    "sound": (None, Truth("none")),
}
HALVES = yaml.safe_load((Path(__file__).parent / "part_features.yaml").read_text(encoding="utf-8"))


def right(row: list[Any]) -> bool:
    picture, text, wrong, supported, of_the_part = row
    found = ground(text, *PICTURES[picture])
    claimed = {c.claimed.removeprefix("not ") for c in found}
    return (
        {c.dimension for c in found if c.verdict == "contradicted"} == set(wrong)
        and set(supported) <= {c.dimension for c in found if c.verdict == "supported"}
        and not claimed & set(of_the_part)
    )


@pytest.mark.parametrize("row", [*HALVES["building"], *HALVES["apart"]], ids=lambda row: row[1])
def test_features_of_the_part_are_not_the_defect(row: list[Any]) -> None:
    assert right(row)


def said(text: str) -> set[str]:
    return {f"{c.dimension}: {c.claimed}" for c in claims(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "The scratch is a dark, narrow groove.",
            {"type: scratch", "contrast: darker", "size: thin", "depth: recessed"},
        ),
        ("The bright groove shows a dark pit.", {"type: pitting", "contrast: darker"}),
        ("A bright ridge runs above the pit.", {"type: pitting"}),
        ("The weld is bright and wide.", set()),
        ("Oval crack, dark, top edge.", {"type: crack", "shape: oval", "contrast: darker"}),
        ("A thread-like scratch.", {"type: scratch", "shape: linear"}),
        ("The pit is brighter than the groove.", {"type: pitting", "contrast: brighter"}),
        ("A small pit, raised above the surface.", {"type: pitting", "size: small", "depth: raised"}),
    ],
)
def test_words_belong_to_the_noun_beside_them(text: str, expected: set[str]) -> None:
    assert {claim for claim in said(text) if not claim.startswith("location")} == expected


@pytest.mark.parametrize(
    "text",
    [
        "No defect is visible on this part.", "The surface is intact and free of damage.",
        "Nothing wrong with this screw.", "No signs of damage.",
        "The image shows no visible defects.", "A defect-free surface.",
        "No cracks. No defects.",
    ],
)  # fmt: skip
def test_a_denial_is_held_against_class_and_mask(text: str) -> None:
    def verdict(seen: Attributes | None, truth: Truth | None) -> str:
        return next(c.verdict for c in ground(text, seen, truth) if c.claimed == "none")

    assert verdict(None, Truth("none")) == "supported"
    assert verdict(None, Truth("pitting")) == "contradicted"
    assert verdict(None, Truth("a class without a family")) == "contradicted"
    assert verdict(PIT, None) == "contradicted"
    assert verdict(None, None) == "uncheckable"


@pytest.mark.parametrize(
    "text",
    [
        "No other defects.", "No visible depth.", "Apart from that the surface is intact.",
        "The surface is not intact.", "Perhaps there is no defect.",
        "If no defect is visible, accept the part.", "Is no defect visible?",
        "No damage to the coating.", "The rim is intact.", "The weld is free of defects.",
        "A pit. No defects are visible.", "No major defects.",
        "No defects in the upper half.", "The surface is intact except for a small mark.", "It is not without defects.",
    ],
)  # fmt: skip
def test_what_is_hedged_or_partial_denies_nothing(text: str) -> None:
    assert "type: none" not in said(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Two spalls.", {"number: count 2", "type: broken"}),
        ("Four burrs.", {"number: count 4", "type: burr"}),
        ("Spalls on the left of the image cover a third of it.",
         {"type: broken", "location: left", "size: fraction of image 0.3333"}),
        ("A pit covers a third of it.", {"type: pitting"}),
        ("No scratches, dents or cracks.", {"type: not scratch", "type: not dent", "type: not crack"}),
    ],
)  # fmt: skip
def test_whatever_names_a_defect_is_counted_and_denied_in_rows(text: str, expected: set[str]) -> None:
    assert said(text) == expected


def test_who_says_perfectly_is_held_to_it() -> None:
    verdicts = {c.claimed: c.verdict for c in ground("It is round. It is perfectly round.", PIT)}
    assert verdicts == {"round": "supported", "exactly round": "contradicted"}


def test_a_ragged_outline_is_held_against_how_full_it_is() -> None:
    (claim,) = ground("It is ragged.", PIT)
    assert claim.measured is not None
    assert "convex outline" in claim.measured
