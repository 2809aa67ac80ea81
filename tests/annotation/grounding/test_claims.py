"""What a text claims: words and meanings, negation, what claims nothing, and text that means harm."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.grounding.claims import claims, family_of
from annotation.grounding.vocabulary import builtin


def said(text: str) -> set[str]:
    return {f"{c.dimension}: {c.claimed}" for c in claims(text)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A thin scratch in the upper-left corner.", {"type: scratch", "size: thin", "location: upper left"}),
        ("It covers about 12 % of the image.", {"size: percent of image 12"}),
        ("It takes up roughly a third of the picture.", {"size: fraction of image 0.3333"}),
        ("About 40 by 12 pixels.", {"size: pixels by 40 12"}),
        ("It is 1,200 pixels long.", {"size: pixels long 1200"}),
        ("It covers 0,8 % of the image.", {"size: percent of image 0.8"}),
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
        ("Neither of them is large.", {"size: not large"}),
        ("None of the spots is dark.", {"contrast: not darker"}),
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
    "unit",
    [
        "a",
        "not ",
        "upper left ",
        "12 ",
        "about ",
        "from the left ",
        "dark and ",
        "12%",
        "if ",
        "next to the dark, ",
        "no sign of ",
        "while the left ",
        "a few smaller ",
    ],
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


@pytest.mark.parametrize(
    "text",
    [
        "Under reflected light.", "Seen in grazing light.", "Using coaxial light.", "Seen against the light.",
        "In light of the above, a hold was placed on the batch.", "Bathed in soft light.", "Ambient light is low.",
        "Incident light microscopy.", "Photographed by daylight.", "A light sanding will do.", "Under a bright lamp.",
        "Light was on the left today.", "Dark-field imaging was used.", "Lit from the upper left.",
        "A light coat of oil is on the strip.", "The light source sits at the upper left.",
        "The white balance is fine.", "The photo is dark.", "The image gets brighter to the right.",
        "It was mottled, under white light.",
    ],
)  # fmt: skip
def test_light_that_falls_on_a_thing_is_not_its_tone(text: str) -> None:
    assert not {c for c in said(text) if not c.startswith("shape")} - {"contrast: mixed"}


@pytest.mark.parametrize(
    ("text", "tone"),
    [
        ("A light spot.", "brighter"), ("It looks light.", "brighter"), ("Tone: light.", "brighter"),
        ("It comes out light.", "brighter"), ("Light on dark.", "brighter"),
        ("It appears as a light area.", "brighter"),
        ("Contrast polarity: positive.", "brighter"), ("It gleams.", "brighter"), ("Lighter vs. surround.", "brighter"),
        ("The steel surrounding it is darker.", "brighter"), ("The surrounding metal reflects less light.", "brighter"),
        ("Dark on light.", "darker"), ("It swallows the light.", "darker"), ("Negative contrast.", "darker"),
        ("The surrounding metal reflects more light.", "darker"), ("The rest of the plate is brighter.", "darker"),
        ("Below background level in intensity.", "darker"), ("It is duller than the plate.", "darker"),
        ("A bulge on the strip that is clearly darker than the surface around it.", "darker"),
        ("A dusky streak.", "darker"), ("It reflects less than the metal around it.", "darker"),
    ],
)  # fmt: skip
def test_tones_of_a_thing_and_of_its_ground(text: str, tone: str) -> None:
    assert {c for c in said(text) if c.startswith(("contrast", "depth"))} == {f"contrast: {tone}"}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("At twelve o'clock.", "upper middle"), ("At 6 o'clock.", "lower middle"), ("9 o'clock.", "left"),
        ("Between ten and eleven o'clock.", "upper left"), ("Between two and four o'clock.", "right"),
        ("At about 4:30 on the clock face.", "lower right"), ("Top ctr.", "upper middle"), ("Mid L.", "left"),
        ("Btm R.", "lower right"), ("Lwr rt.", "lower right"), ("UL.", "upper left"), ("LR corner.", "lower right"),
        ("Zone: LC.", "lower middle"), ("Row: top, column: left.", "upper left"), ("x left, y middle", "left"),
        ("The second box of the third row.", "lower middle"), ("It finds itself right below.", "lower right"),
        ("A dent of no set shape dead centre.", "centre"), ("A bulge without clear border in the centre.", "centre"),
        ("It does not lie in the centre.", "not centre"),
    ],
)  # fmt: skip
def test_places_in_short_and_on_the_clock(text: str, place: str) -> None:
    assert {c for c in said(text) if c.startswith("location")} == {f"location: {place}"}


@pytest.mark.parametrize(
    "text",
    [
        "No defect in the upper left.", "The right half of the plate is clean.", "Right-hand stack OK.",
        "The left edge of the strip and the bottom corners are fine.", "It does not reach the left edge.",
        "Far from the right edge.", "Away from the left.", "It is 20 px from the left edge.", "Nowhere near the top.",
        "It tapers towards the right.", "Its widest part is at the top.", "The shadow on its right side.",
        "The previous coil had two dents at the lower edge.", "As discussed at three o'clock.", "Top side only.",
        "The strip was moving from left to right.", "A watermark sits in the lower left corner.",
        "The lower part of the picture shows no damage.", "The rolling direction is horizontal.",
        "Around it the plate stays calm: nothing raised, neither bright nor dark.",
        "Upper limit acc. to spec: 3 defects per sheet, max. 2 % of the area.",
        "Linear indications longer than 3 mm are to be rejected.",
    ],
)  # fmt: skip
def test_what_is_told_of_other_things_or_of_where_it_is_not(text: str) -> None:
    assert said(text) == set()


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("The run is uphill going left to right.", "rising"), ("From left to right it rises.", "rising"),
        ("Diag., R end up.", "rising"), ("The right-hand end sits higher.", "rising"), ("BL→TR", "rising"),
        ("bl -> tr", "rising"), ("Lower left–upper right.", "rising"), ("The higher end is on the right.", "rising"),
        ("From 7 o'clock to 1 o'clock.", "rising"), ("Low on the left, high on the right.", "rising"),
        ("On the right side it is higher.", "rising"), ("↗", "rising"), ("Tilted, left side up.", "falling"),
        ("The alignment is inclined, descending from left to right.", "falling"), ("L end up.", "falling"),
        ("It starts at the upper left and ends at the lower right.", "falling"), ("diagonal_down_right", "falling"),
        ("Lower at its right end.", "falling"), ("Horiz.", "horizontal"), ("L to R.", "horizontal"),
        ("Orientation: 90°.", "vertical"), ("N-S.", "vertical"), ("orient=V", "vertical"),
    ],
)  # fmt: skip
def test_courses(text: str, way: str) -> None:
    assert said(text) - {"direction: diagonal"} == {f"direction: {way}"}


@pytest.mark.parametrize(
    "text",
    [
        "It is either raised or sunken.", "Dark or bright.", "It ranges from dark to bright.",
        "Neither dark nor bright.",
        "Whether it is raised or sunken cannot be told.", "One rises to the right, one falls to the right.",
        "Going left to right,", "Between two and four.", "At least three.",
        "Its left flank is bright, its right flank is dark.",
    ],
)  # fmt: skip
def test_who_says_both_says_neither(text: str) -> None:
    assert said(text) == set()


@pytest.mark.parametrize(
    "text",
    [
        "It fades a little towards the left.", "Only a few pixels wide.", "A couple of percent across.",
        "With numerous pointed tips.", "It has a jagged core.",
        "Its upper end is rounded.", "It has a dark left side.", "There are more on it than on the left.",
        "With reflections on the right.", "It is open towards the left.", "It starts near the left edge.",
        "It is on the right side of the narrow track.", "It is tucked into the lower flank.",
        "It goes through the entire image.", "It cuts through the picture.", "Cracks radiate outwards.",
        "The left third of the surface appears sound.", "The rest of the sheet is smooth.",
        "The right half is mostly clean apart from a few specks.", "The upper half shows no damage.",
        "The right half shows nothing unusual.", "It has a tiny tilt.", "A couple of smaller crumbs trail off.",
        "They line up.", "At half width.", "At four fifths of the width.", "The left-hand one.",
        "It touches neither the top nor the left.",
        "The bright streak at the top is a reflection.", "The brown band at the top is merely staining.",
        "The lower third merely shows a dark smear.", "It interrupts the black copper.",
    ],
)  # fmt: skip
def test_what_is_told_of_less_than_the_whole_claims_nothing_of_it(text: str) -> None:
    assert {claim for claim in said(text) if not claim.startswith("type")} <= {"location: on the part"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("About a third of the image width.", {"size: fraction of width 0.3333"}),
        ("It is about a quarter of the picture tall.", {"size: fraction of height 0.25"}),
        ("It spans two fifths of the image's width.", {"size: fraction of width 0.4"}),
        ("It lies in the lower half of the image.", {"location: lower"}),
        ("It is in the lowest third of the picture.", {"location: lower"}),
        ("It is far from the image centre.", {"location: off centre"}),
        ("A bright band with a grainy texture runs on the left.", {"contrast: brighter", "location: left"}),
        ("More than thirty spots.", {"number: at least 30"}),
        ("Fewer than ten spots.", {"number: at most 10"}),
        ("It is several times longer than wide.", {"shape: elongated"}),
        ("A gigantic spot.", {"size: huge"}),
        ("A light scratch runs down there.", {"contrast: brighter", "type: scratch"}),
        ("Bright patches.", {"contrast: brighter", "type: patches"}),
        ("Horizontally in the middle of the picture.", {"location: middle column"}),
        ("A dent at the far left of the photo.", {"type: dent", "location: left"}),
        ("It takes up 20% of the height of the frame.", {"size: fraction of height 20"}),
        ("It rises only slightly.", {"direction: rising"}),
        ("Conspicuous because of its dark tone.", {"contrast: strong", "contrast: darker"}),
        ("It does not exceed one percent of the area.", {"size: not percent of image 1"}),
        ("Nothing suggests a crack.", {"type: not crack"}),
        ("It leans to the left.", {"direction: falling"}),
        ("Its length is just under one twentieth of the image width.", {"size: fraction of width 0.05"}),
        ("It goes all the way through the part.", {"depth: through"}),
        ("A hairline scratch.", {"type: scratch", "size: hairline"}),
    ],
)
def test_shares_places_and_bounds(text: str, expected: set[str]) -> None:
    assert said(text) == expected
