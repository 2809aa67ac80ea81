"""Coverage: each text beside the sides that it speaks about (Shape, siZe, Depth, Location, Contrast)."""

import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.coverage import DIMENSIONS, covered, covered_many, found, found_by_rules, rules, source
from annotation.coverage.understanding import clauses, packed, reader, restored
from annotation.coverage.wording import worded
from benchmarks.coverage_f1 import agreement, labelled
from schemas.errors import CallError

NOTHING = replace(
    rules(),
    dimensions={name: replace(side, words=frozenset(), says=None) for name, side in rules().dimensions.items()},
)
"""Rules that find nothing: what is left is what the reader understands."""

INITIALS = dict(zip("SZDLC", DIMENSIONS, strict=True))

CASES = [
    # one side each
    ("A deep black stain.", "C"),
    ("It may be deeper than it looks.", "D"),
    ("It is roughly circular.", "S"),
    ("The outline is jagged.", "S"),
    ("A star-shaped flaw.", "S"),
    ("The scratch runs diagonally.", "S"),
    ("It is tiny.", "Z"),
    ("A hairline crack.", "Z"),
    ("The mark is about 12 px across.", "Z"),
    ("It spans most of the width.", "Z"),
    ("The defect takes up a quarter of the picture.", "Z"),
    ("It covers some 3 % of the frame.", "Z"),
    ("It is shallow.", "D"),
    ("The area is raised above what surrounds it.", "D"),
    ("Material was pushed inward.", "D"),
    ("It penetrates the wall.", "D"),
    ("Slag particles are embedded in it.", "D"),
    ("It lies in the upper left.", "L"),
    ("The hole sits near the rim of the cup.", "L"),
    ("Marks are scattered across the whole sheet.", "L"),
    ("It is found just below the handle.", "L"),
    ("It lies slightly off-centre.", "L"),
    ("It is darker than its surroundings.", "C"),
    ("The mark hardly stands out.", "C"),
    ("It blends into the background.", "C"),
    ("It is barely visible.", "C"),
    ("There is little contrast with the surface.", "C"),
    # several at once, as people write
    ("A long, thin scratch runs diagonally across the upper left, dark against the grey steel.", "SZLC"),
    ("Small round pit near the centre, quite deep and clearly visible.", "SZDLC"),
    ("Wide pale band along the left edge.", "SZLC"),
    ("Several irregular dark patches of medium size are spread across the sheet.", "SZLC"),
    ("Shallow oval dent, lower right.", "SDL"),
    ("Bright streak, about 40 pixels long, flat.", "SZDC"),
    # a class name says nothing
    ("There is a scratch on the steel surface.", ""),
    ("A defect of the class crescent gap.", ""),
    ("Oxide scale of the plate system.", ""),
    ("Red iron.", ""),
    ("Rolled-in scale can be seen.", ""),
    ("The object has a bulge.", ""),
    ("A welding line.", ""),
    ("The steel surface shows a defect.", ""),
    # depth: flat counts, unknown does not
    ("No visible depth.", ""),
    ("There is no visible depth or relief.", ""),
    ("The depth cannot be told from one picture.", ""),
    ("Its depth is unclear.", ""),
    ("It is hard to tell how deep it is.", ""),
    ("Without any discernible depth.", ""),
    ("It gives no sign of how deep it is.", ""),
    ("The picture leaves open how deep it goes, but it is wide.", "Z"),
    ("A surface-level mark.", "D"),
    ("It appears flat.", "D"),
    ("It does not look deep; it is not deep.", "D"),
    ("It looks superficial.", "D"),
    ("The picture shows flat steel.", ""),
    # hedged counts, hypothetical and causes do not
    ("It is perhaps slightly raised.", "D"),
    ("If it were deeper, the part would leak.", ""),
    ("Such marks are caused by deep drawing with a worn tool.", ""),
    ("It formed due to long contact with a dark roller.", ""),
    # negation of other sides
    ("The exact size is unknown.", ""),
    ("No clear shape can be made out.", ""),
    ("Its location cannot be determined.", ""),
    ("Without a clear outline.", "S"),
    ("The shape cannot be told, but it is large.", "Z"),
    ("No visible depth, yet it is bright.", "C"),
    # words that only look like it
    ("Its edges are smooth.", "S"),
    ("A large number of inspections was done.", ""),
    ("The picture was taken under bright light.", ""),
    ("The mark was left by a tool.", ""),
    ("It is seen on the dark steel surface.", ""),
    ("A narrow vase with a defect.", ""),
    ("No longer in use.", ""),
    # plain words, each in a place where it counts or does not
    ("There is a drawn-out stain on the object.", "S"),
    ("The streak is as long as a finger.", "Z"),
    ("The blister stands one millimetre above the paint.", "D"),
    ("It sits between the handle and the rim.", "L"),
    ("It has the same colour as the steel around it.", "C"),
    ("A thin, wavy crack.", "SZ"),
    ("A small white chip on the lower left.", "ZLC"),
    ("A raised, pale spot in the middle of the lid.", "DLC"),
    ("It is not large.", "Z"),
    ("It is not visible at first glance.", "C"),
    ("It has no sharp edges.", "S"),
    ("It stands at a right angle to the rolling direction.", "S"),
    ("Nobody noted how long the crack is.", ""),
    ("The vase is tall and has a narrow neck.", ""),
    ("The rim is free of damage.", ""),
    ("Is it deep?", ""),
    # spelling, case and typography
    ("LOCATED AT THE TOP-RIGHT CORNER", "L"),
    ("off-center and low-contrast", "LC"),
    ("It’s elongated — ‘needle-like’.", "S"),
    ("greyish", "C"),
    ("", ""),
]


MISSED = [
    ("The centre of the scratch is darker.", "C"),  # a part of the defect is no place
]
"""What is read wrongly as yet."""


@pytest.mark.parametrize(
    ("text", "sides"),
    [*CASES, *(pytest.param(*case, marks=pytest.mark.xfail(strict=True)) for case in MISSED)],
)
def test_sides(text: str, sides: str) -> None:
    assert {d for d, bit in covered(text).items() if bit} == {INITIALS[s] for s in sides}


def test_order_of_dimensions() -> None:
    assert tuple(covered("")) == DIMENSIONS


@settings(deadline=None)  # the encoder loads at the first text
@given(st.text(max_size=400))
def test_any_text_gives_five_bits(text: str) -> None:
    assert tuple(covered(text)) == DIMENSIONS


def test_capitals_make_no_difference() -> None:
    for text, _ in CASES:
        assert covered(text.lower()) == covered(text)


@pytest.mark.parametrize("subject", ["It", "The defect", "The scratch", "This crack", "The marks"])
@pytest.mark.parametrize(
    ("said", "side"), [("deep", "depth"), ("dark", "contrast"), ("round", "shape"), ("long", "size")]
)
def test_what_is_said_plainly_of_a_defect_counts(subject: str, said: str, side: str) -> None:
    assert covered(f"{subject} {'are' if subject.endswith('s') else 'is'} {said}.")[side]


@pytest.mark.parametrize("name", ["bulge", "oil spot", "hole", "area of red iron", "crescent gap"])
@pytest.mark.parametrize(
    ("said", "side"),
    [
        ("drawn-out", "shape"),
        ("straight", "shape"),
        ("fairly small", "size"),
        ("shallow", "depth"),
        ("pale", "contrast"),
    ],
)
def test_an_adjective_before_a_class_name_counts(name: str, said: str, side: str) -> None:
    assert covered(f"There is a {said} {name} on the vase that is like the surface around it.")[side]


def test_a_text_covers_what_its_parts_cover_when_full_stops_part_them() -> None:
    texts = [t for t, _ in CASES if t.endswith(".")]
    for one, two in zip(texts, reversed(texts), strict=True):
        together = covered(f"{one} {two}")
        assert {d for d in together if together[d]} == {d for t in (one, two) for d, b in covered(t).items() if b}


def test_texts_read_together_are_read_as_they_are_alone() -> None:
    texts = [text for text, _ in CASES]
    assert covered_many(texts) == [covered(text) for text in texts]
    assert covered_many([]) == []


def test_where_no_rule_names_the_words_the_span_is_the_clause() -> None:
    text = "A scratch. You could lose a fingernail in it; nobody knows why."
    assert found_by_rules(text, NOTHING)["depth"] == []
    assert [s.text for s in found(text, NOTHING)["depth"]] == ["You could lose a fingernail in it"]


@settings(deadline=None)
@given(st.text(alphabet="ab .;!?\n-,–", max_size=300))
def test_clauses_follow_one_another_and_lose_no_word(text: str) -> None:
    spans = clauses(worded(text, rules().spelling))
    assert all(one.end <= two.start for one, two in pairwise(spans))
    assert all(span.text == text[span.start : span.end] != "" for span in spans)
    assert sum(c.isalpha() for span in spans for c in span.text) == sum(c.isalpha() for c in text)


def test_what_is_learned_is_packed_small_and_read_back_as_it_was() -> None:
    once = packed(reader())
    again = packed(restored(once))
    assert sum(array.nbytes for array in once.values()) < 300_000
    assert (once["values"] == again["values"]).all()


def test_spans_are_the_words_that_set_the_bit() -> None:
    text = "A Shallow, hook-shaped mark in the Upper Left; its size isn’t known."
    spans = found(text)
    assert [s.text for s in spans["depth"]] == ["Shallow"]
    assert [s.text for s in spans["shape"]] == ["hook-shaped"]
    assert spans["size"] == spans["contrast"] == []
    assert all(text[s.start : s.end] == s.text for side in spans.values() for s in side)


@pytest.mark.parametrize("cue", ["deep", "raised", "indented", "flat", "shallow"])
@pytest.mark.parametrize("frame", ["It is {}.", "It is not {}.", "It appears to be {}.", "It may be slightly {}."])
def test_relief_is_stated_plainly_hedged_or_negated(frame: str, cue: str) -> None:
    assert covered(frame.format(cue))["depth"]


@pytest.mark.parametrize("side", ["shape", "size", "depth", "location"])
@pytest.mark.parametrize(
    "frame", ["Its {} is not known.", "The {} cannot be determined.", "{}: unknown", "No visible {}.", "What {}?"]
)
def test_what_is_not_known_states_nothing(frame: str, side: str) -> None:
    assert not any(covered(frame.format(side)).values())


@settings(deadline=None)
@given(st.sampled_from(["upper", "lower", "top", "bottom"]), st.sampled_from(["left", "right"]))
def test_a_corner_is_a_place(row: str, column: str) -> None:
    assert covered(f"There is a scratch in the {row} {column}.") == {d: d == "location" for d in DIMENSIONS}


@pytest.mark.parametrize(
    ("file", "half"), [("coverage_gold.jsonl", "dev"), ("coverage_wild.jsonl", "dev"), ("coverage_wild.jsonl", "check")]
)
def test_hand_made_labels_are_met(file: str, half: str) -> None:
    cases = labelled(Path(__file__).with_name(file), half)
    figures = agreement(cases, covered_many([text for text, _ in cases]))
    assert all(f["f1"] >= 0.95 for f in figures.values()), figures


@pytest.mark.parametrize("part", ["dark ", "if ", "not ", "1 ", "the edge of the ", "no visible ", "a", "? ", "(,"])
def test_hostile_texts_are_read_in_a_moment(part: str) -> None:
    covered("")
    start = time.perf_counter()
    covered((part * 20_000)[:20_000])
    assert time.perf_counter() - start < 5.0


def test_a_recipe_adds_dimensions_and_replaces_rules(tmp_path: Path) -> None:
    file = tmp_path / "sides.yaml"
    file.write_text("dimensions: {wear: {noun: wear, lexicon: {verbs: rub}, says: ['~scrape off']}}")
    assert covered("It was rubbed.", rules(str(file))) == {**dict.fromkeys(DIMENSIONS, False), "wear": True}
    assert "~scrape off" in source(str(file))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dimensions: {wear: {noun: wear, says: ['(a']}}", r"dimensions\.wear\.says\.0.*not a regular expression"),
        ("dimensions: {wear: {noun: wear, says: ['(a+)+']}}", r"dimensions\.wear\.says\.0.*without a limit"),
        ("dimensions: {wear: {noun: wear, says: ['<no> a']}}", r"dimensions\.wear\.says\.0.*<no> is not known"),
        ("dimensions: {wear: {sayz: []}}", r"dimensions\.wear"),
        ("[]", "are a mapping"),
    ],
)
def test_mistakes_in_a_file_of_rules_are_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "sides.yaml"
    file.write_text(text)
    with pytest.raises(CallError, match=said) as error:
        rules(str(file))
    assert str(file) in str(error.value) and "\n" not in str(error.value)
