"""Class-level text: the files that come along, the sentences, the refinement by a model."""

import asyncio
import json

import numpy as np
import pytest

from annotation import classes
from annotation.asking.ask import Asker
from annotation.asking.ledger import Ledger
from annotation.models.prices import FREE
from annotation.models.providers import Answer, Request
from schemas import taxonomy
from schemas.captions import Caption, ClassText
from schemas.errors import BadInput, CallError
from schemas.names import DEFECT_TYPES


def test_every_class_of_the_steel_taxonomy_has_a_text() -> None:
    assert classes.load("steeldefectx").classes.keys() == {c.name for c in taxonomy.load("steeldefectx").classes}


def test_every_structural_defect_has_a_text() -> None:
    assert classes.load("structural").classes.keys() == set(DEFECT_TYPES)


def test_the_three_parts_stand_in_one_sentence() -> None:
    text = classes.sentence("punching", ["a round hole", "sharp edges"], ["worn tool.", "wrong feed"])
    assert text == "Punching: a round hole, and sharp edges; typically caused by worn tool, or wrong feed."


@pytest.mark.parametrize(
    ("label", "t0"),
    [
        ("rolled_pit", "a photo of a steel strip with a rolled pit defect."),
        ("oil_spot", "a photo of a steel strip with an oil spot defect."),
        ("none", "a photo of a steel strip without a defect."),
    ],
)
def test_the_class_name_template(label: str, t0: str) -> None:
    assert classes.class_name(label, "steel strip") == t0


def test_a_class_without_a_text_is_named() -> None:
    with pytest.raises(BadInput, match="class dragon: has no class-level text in steeldefectx"):
        classes.written(classes.load("steeldefectx"), "dragon")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("classes: [", "cannot be read"),
        ("taxonomy: x\nversion: '1'\nauthor: me\nstatus: candidate\nclasses: {a: {attributes: []}}", "classes.a"),
        (
            "taxonomy: x\nversion: '1'\nauthor: me\nstatus: candidate\n"
            "classes: {a: {attributes: [dark], causes: [' ']}}",
            "classes.a.causes.0",
        ),
        ("taxonomy: x\nversion: '1'\nauthor: me\nstatus: fine\nclasses: {}", "status"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_sentence(tmp_path, content: str, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(content)
    with pytest.raises(CallError, match=said):
        classes.load(str(file))


def test_a_file_that_is_not_there(tmp_path) -> None:
    with pytest.raises(CallError, match="no such file of class texts"):
        classes.load(str(tmp_path / "none.yaml"))


class Said:
    """Answers from a table by what is asked; keeps what it was asked."""

    name, where, free, wants = "openai", "here", True, "image"

    def __init__(self, merged: str):
        self.merged = merged
        self.asked: list[Request] = []

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        if request.schema:
            return Answer(self.merged, "stop", "m-1")
        return Answer(f"{request.asks} number {request.candidate}: thin straight lines that shine.", "stop", "m-1")

    async def close(self) -> None: ...


def letters(texts: list[str]) -> np.ndarray:
    """Unit vectors by letters: equal texts are equal, no two others are."""
    counts = np.array([[t.count(c) for c in "abcdefghijklmnopqrstuvwxyz0123456789"] for t in texts], float) + 1e-3
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def refined(provider: Said, tmp_path) -> classes.ClassDescription:
    book = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")
    want = Caption(provider="openai", class_text=ClassText(refine=True, answers=3), max_similarity=0.9999)
    try:
        return asyncio.run(
            classes.refined(
                classes.load("steeldefectx"), "crazing", want, "m", Asker(provider, book, FREE, 0), letters,
                np.random.default_rng(0),
            )
        )  # fmt: skip
    finally:
        book.close()


def test_many_short_answers_are_merged_into_phrases(tmp_path) -> None:
    provider = Said(json.dumps({"attributes": ["a net of\nfine cracks"], "causes": ["uneven cooling"]}))
    row = refined(provider, tmp_path)
    assert len(provider.asked) == 3 * 3 + 1
    assert row.status == "candidate" and row.author_kind == "model" and row.author_version == "m-1"
    assert row.text == "Crazing: a net of fine cracks; typically caused by uneven cooling."
    assert row.answers and len(set(row.answers)) == len(row.answers)
    assert all(note in provider.asked[-1].prompt for note in row.answers)


def test_what_was_answered_is_not_asked_again(tmp_path) -> None:
    merged = json.dumps({"attributes": ["lines"], "causes": ["rollers"]})
    first = refined(Said(merged), tmp_path)
    again = Said(merged)
    assert refined(again, tmp_path) == first
    assert not again.asked


def test_a_merge_into_nothing_is_a_reason(tmp_path) -> None:
    with pytest.raises(
        BadInput, match="class crazing: openai m merged the notes into nothing; the text it had stays; try another"
    ):
        refined(Said(json.dumps({"attributes": [], "causes": []})), tmp_path)


def test_a_model_that_thinks_up_to_its_limit_is_told_from_one_that_has_nothing_to_say(tmp_path) -> None:
    class Thinking(Said):
        async def answer(self, request: Request) -> Answer:
            return Answer("", "length", "m-1")

    with pytest.raises(BadInput, match=r"openai m came to the limit of 300 tokens .* raise caption.max_tokens"):
        refined(Thinking(""), tmp_path)


def test_a_person_is_heard_before_the_file_and_the_file_before_a_model() -> None:
    file = classes.written(classes.load("steeldefectx"), "crazing")
    values = {k: getattr(file, k) for k in file.__dataclass_fields__}
    model = classes.ClassDescription(**{**values, "id": "m", "author_kind": "model", "text": "model"})
    person = classes.ClassDescription(
        **{**values, "id": "p", "author_kind": "person", "text": "person", "status": "accepted"}
    )
    assert classes.current([model, file])["crazing"] == file
    assert classes.current([person, model, file])["crazing"] == person
