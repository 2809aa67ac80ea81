"""What a text claims: words and meanings, negation, what claims nothing, and text that means harm."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.grounding.claims import builtin, claims, family_of


def said(text: str) -> set[str]:
    return {f"{c.dimension}: {c.claimed}" for c in claims(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A thin scratch in the upper-left corner.", {"type: scratch", "size: thin", "location: upper left"}),
        ("It covers about 12 % of the image.", {"size: percent of image 12"}),
        ("It takes up roughly a third of the picture.", {"size: fraction of image 0.3333"}),
        ("About 40 by 12 pixels.", {"size: pixels by 40 12"}),
        ("It spans the full width of the frame.", {"size: whole width"}),
        ("Three dark spots.", {"number: count 3", "contrast: darker"}),
        ("The background is brighter than the defect.", {"contrast: darker"}),
        ("It is less bright than the sheet.", {"contrast: darker"}),
        ("It stands out clearly against the dark background.", {"contrast: strong"}),
        ("It runs from the lower left to the upper right.", {"direction: rising"}),
        ("It falls towards the lower right.", {"direction: falling"}),
        ("It is just left of the centre.", {"location: left of centre"}),
        ("Spots are scattered across the whole surface.", {"distribution: scattered", "location: throughout"}),
        ("A crack-like line.", {"shape: linear"}),
        ("It appears to be raised.", {"depth: raised"}),
        ("Sunken by about 3% of the vase's longest side.", {"depth: percent deep 3"}),
        ("Oxide scale, rolled in.", {"type: scale"}),
    ],
)
def test_what_is_claimed(text: str, expected: set[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It is not dark.", {"contrast: not darker"}),
        ("It is neither dark nor raised.", {"contrast: not darker", "depth: not raised"}),
        ("It is raised rather than sunken.", {"depth: raised", "depth: not recessed"}),
        ("It does not lie in the centre.", {"location: not centre"}),
        ("It is not only dark but also large.", {"contrast: darker", "size: large"}),
        ("There is no crack.", {"type: not crack"}),
        ("Not regular scratches.", {"shape: irregular", "type: scratch"}),
        ("It is not wide, it is long.", {"size: not thick", "size: long"}),
    ],
)
def test_negation_turns_a_claim_round(text: str, expected: set[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "No depth is visible.", "Its depth cannot be told.", "If left untreated, it could grow to a large hole.",
        "It would become deep.", "Steel surface, batch 12.", "", "   ", "...", "#### 12", "in bright light",
    ],
)  # fmt: skip
def test_what_claims_nothing(text: str) -> None:
    assert said(text) == set()


@pytest.mark.parametrize(
    ("name", "family"),
    [("surface scratch", "scratch"), ("rolled-in_scale", "scale"), ("concavity", "dent"), ("Rolled_Pit", "pitting"),
     ("punching_hole", "hole"), ("slag inclusion", "inclusion"), ("class 7", None)],
)  # fmt: skip
def test_families_of_classes(name: str, family: str | None) -> None:
    assert family_of(name) == family


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["upper", "left", "not", "12%", "of", "the", "image", "dark", ".", "two", "-", "\x00", "ﬁ", "½"]
        ),
        max_size=40,
    )
)
def test_any_words_are_read(words: list[str]) -> None:
    vocabulary = {(r.dimension, r.value) for r in (*builtin().rules, *builtin().types)}
    for claim in claims(" ".join(words)):
        assert (claim.dimension, claim.value) in vocabulary
        assert claim.words


@pytest.mark.parametrize(
    "unit", ["a", "not ", "upper left ", "12 ", "about ", "from the left ", "dark and ", "12%", "if "]
)
def test_time_grows_with_length_only(unit: str) -> None:
    def spent(length: int) -> float:
        start = time.perf_counter()
        claims(unit * (length // len(unit)))
        return time.perf_counter() - start

    spent(1000)
    assert spent(32_000) < 20 * max(spent(4_000), 0.01)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Top edge, mid-width.", {"location: upper middle"}),
        ("Up there in the left corner.", {"location: upper left"}),
        ("Middle row, left column of the 3 x 3 grid.", {"location: left"}),
        ("In the south-western corner.", {"location: lower left"}),
        ("Position: centre.", {"location: centre"}),
        ("It is parallel to the bottom edge.", {"direction: horizontal"}),
    ],
)
def test_places_are_put_together_from_words(text: str, expected: set[str]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Quantity: 3.", {"number: count 3"}),
        ("A trio of bulges.", {"number: count 3", "type: bulge"}),
        ("Is it raised? It goes right through.", {"depth: through"}),
        ("The sheet around it looks darker than the damaged spot.", {"contrast: brighter"}),
        ("Possible causes: foreign particles.", set()),
    ],
)
def test_counts_comparisons_and_questions(text: str, expected: set[str]) -> None:
    assert said(text) == expected
