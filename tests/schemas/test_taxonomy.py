"""Taxonomies: the one that comes along, and what is refused in which words."""

from typing import Any

import pytest

from schemas.errors import BadInput, CallError
from schemas.taxonomy import load, validated


def test_the_25_classes_come_from_28_of_four_sources() -> None:
    """SteelDefectX: NEU 6, GC10 10, X-SDD 7, S3D 5, merged to 25."""
    taxonomy = load("steeldefectx")
    assert len(taxonomy.classes) == 25
    counts = {f: sum(f in c.sources for c in taxonomy.classes) for f in ("neu", "gc10", "xsdd", "s3d")}
    assert counts == {"neu": 6, "gc10": 10, "xsdd": 7, "s3d": 5}


@pytest.mark.parametrize(
    ("source", "label", "name"),
    [
        ("neu", "Cr", "crazing"),
        ("neu-det", "rolled-in_scale", "rolled_in_scale"),
        ("gc10", "2_hanfeng", "welding_line"),
        ("gc10", "10", "waist_folding"),
        ("gc10-det", "10_yaozhed", "waist_folding"),
        ("xsdd", "Red  Iron", "red_iron_sheet"),
        ("xsdd", "surface scratch", "dark_scratches"),
        ("neu", "scratches", "bright_scratch"),
        ("elsewhere", "white rust", "white_rust"),
        ("xsdd", "Normal", "none"),
    ],
)
def test_what_a_source_calls_it(source: str, label: str, name: str) -> None:
    assert load("steeldefectx").class_of(source, label) == name


def test_an_unknown_class_gets_a_hint() -> None:
    with pytest.raises(
        BadInput, match=r"class `red irn` of xsdd is not in the taxonomy steeldefectx; did you mean `red iron`\?"
    ):
        load("steeldefectx").class_of("xsdd", "red irn")
    with pytest.raises(BadInput, match="class `crazing` of xsdd is not in the taxonomy"):
        load("steeldefectx").class_of("xsdd", "crazing")


def classes(*specs: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": "t", "version": "1.0", "classes": list(specs), **more}


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (classes({"name": "a"}, {"name": "a"}), "the class a stands there twice"),
        (
            classes({"name": "a", "sources": {"neu": ["Cr"]}}, {"name": "b", "sources": {"neu": ["cr"]}}),
            "`cr` of neu is mapped to a and to b",
        ),
        (classes({"name": "a", "source": {}}), "`classes.0.source` is not a known key; did you mean `sources`?"),
        (classes({"name": "a"}, klasses=[]), "`klasses` is not a known key; did you mean `classes`?"),
        (classes({"name": "Not good"}), "`classes.0.name`"),
        (classes({"name": "ok"}), "`ok` is a class and a name for images without a defect"),
        (classes(), "`classes`"),
        (["a"], "t.yaml: "),
    ],
)
def test_a_mistake_is_one_sentence(raw: Any, sentence: str) -> None:
    with pytest.raises(CallError) as caught:
        validated(raw, "t.yaml")
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_taxonomy_that_is_not_there() -> None:
    with pytest.raises(
        CallError, match=r"images\.taxonomy steeldefect: no such taxonomy; did you mean `steeldefectx`\?"
    ):
        load("steeldefect")
