"""The procedure for one sample, with answers written by hand and an encoder that knows only first words."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from annotation.asking.ask import Asker
from annotation.asking.ledger import Ledger
from annotation.candidates import Candidate, Subject, describe
from annotation.coverage import DIMENSIONS
from annotation.measuring.attributes import Attributes, attributes
from annotation.models.prices import USD, Price
from annotation.models.providers import Answer, Request
from annotation.prompting import prompt
from schemas.captions import Caption
from schemas.errors import BadInput

FULL = "A long, straight scratch, shallow and dark, lies in the upper left."


class Writer:
    name, where, free, wants = "writer", "", False, "image"

    def __init__(self, write: Callable[[Request], str | Answer]):
        self.write, self.asked = write, list[Request]()

    async def answer(self, request: Request) -> Answer:
        self.asked.append(request)
        said = self.write(request)
        return said if isinstance(said, Answer) else Answer(said, "stop", "w-1", 100, 10)

    async def close(self) -> None:
        pass


def encode(texts: list[str]) -> np.ndarray:
    """Texts that begin with the same word are the same, others at 60 degrees or more."""
    vectors = []
    for text in texts:
        rng = np.random.default_rng(sum(text.split()[0].encode()))
        vector = rng.normal(size=64)
        vectors.append(vector / np.linalg.norm(vector))
    return np.array(vectors)


def run(
    writer: Writer, folder: Path, defect: str = "scratch", seen: Attributes | None = None, **settings: object
) -> list[Candidate]:
    async def procedure() -> list[Candidate]:
        asker = Asker(writer, Ledger(f"sqlite:///{folder / 'ledger.sqlite'}"), Price(1.0, 1.0, 0), USD)
        subject = Subject("tin_can", defect, b"jpeg", None, seen)
        return await describe(subject, Caption(**settings), "m", asker, encode, np.random.default_rng(0))

    return asyncio.run(procedure())


def test_four_candidates_three_kept_one_chosen(tmp_path: Path) -> None:
    texts = [FULL, "One sees a scratch.", "One sees a mark.", "There is a large mark on the left."]
    writer = Writer(lambda r: texts[r.candidate])
    found = run(writer, tmp_path)
    assert [c.text for c in found] == texts
    assert [c.kept for c in found] == [True, True, False, True]  # the third repeats the second
    assert [c.chosen for c in found] == [True, False, False, False]
    assert found[0].score == pytest.approx(0.6 + 0.4 * found[0].diversity, abs=1e-5)
    assert len(writer.asked) == 4  # enough dimensions: no supplement
    assert {r.temperature for r in writer.asked} == {0.9}
    assert writer.asked[0].prompt.startswith("The picture shows a tin can with a scratch defect.")


def test_the_supplement_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    answers = {
        "depth": "The defect is shallow.",
        "location": "The defect cannot be placed.",
        "contrast": "The defect is dark.",
    }
    writer = Writer(lambda r: "A long, straight scratch." if r.asks == "open" else answers[r.asks])
    found = run(writer, tmp_path)
    assert [r.asks for r in writer.asked] == ["open"] * 4 + ["depth", "location", "contrast"]
    supplement = found[-1]
    assert supplement.index == 4
    # What does not answer its question is left out.
    assert supplement.text == "A long, straight scratch. The defect is shallow. The defect is dark."
    assert supplement.chosen
    assert supplement.kept
    assert [d for d in DIMENSIONS if not supplement.bits[d]] == ["location"]
    assert supplement.cost_usd == pytest.approx(3 * 110e-6)


def test_questions_that_bring_nothing_make_no_supplement_but_still_cost(tmp_path: Path) -> None:
    found = run(Writer(lambda r: "A scratch."), tmp_path)
    assert [c.index for c in found] == [0, 1, 2, 3]
    assert sum(c.cost_usd for c in found) == pytest.approx(9 * 110e-6)


def test_no_supplement_without_a_visible_defect(tmp_path: Path) -> None:
    writer = Writer(lambda r: "A can.")
    found = run(writer, tmp_path, defect="")
    assert len(writer.asked) == len(found) == 4
    assert all("defect is known" in r.prompt for r in writer.asked)


def test_unfinished_sentences_come_last(tmp_path: Path) -> None:
    texts = [FULL.removesuffix("."), "Some scratch.", Answer(FULL, "length"), "One, faint."]

    def write(r: Request) -> str | Answer:
        return texts[r.candidate] if r.asks == "open" else "No."

    found = run(Writer(write), tmp_path, min_dimensions=0)
    assert [c.finished for c in found] == [False, True, False, True]
    assert next(c for c in found if c.chosen).text == "One, faint."


def test_an_unfinished_text_is_closed_before_it_is_completed(tmp_path: Path) -> None:
    writer = Writer(lambda r: "It is long. It goes from" if r.asks == "open" else f"The defect, {r.asks}: dark, deep.")
    assert run(writer, tmp_path)[-1].text.startswith("It is long. The defect")


def test_refused_and_empty_answers_are_no_candidates(tmp_path: Path) -> None:
    texts: list[str | Answer] = [Answer("I can't help.", "refused"), "", FULL, "Some scratch."]
    found = run(Writer(lambda r: texts[r.candidate]), tmp_path)
    assert [c.index for c in found] == [2, 3]


@pytest.mark.parametrize("said", [Answer("I can't help.", "refused"), Answer("", "stop")])
def test_a_sample_that_is_only_refused_cannot_be_used(tmp_path: Path, said: Answer) -> None:
    with pytest.raises(
        BadInput, match=r"^writer m: refused or answered nothing in English, 4 times; try another model$"
    ):
        run(Writer(lambda r: said), tmp_path)


def test_a_model_that_thinks_up_to_its_limit_needs_a_higher_one(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput,
        match=r"^writer m: came to the limit of 300 tokens before the first word, 4 times; raise caption.max_tokens$",
    ):
        run(Writer(lambda r: Answer("", "length")), tmp_path)


def test_label_score_and_choice_come_back_from_the_ledger(tmp_path: Path) -> None:
    texts = [FULL, "One sees a scratch.", "Some mark.", "There is a large mark on the left."]
    first = run(Writer(lambda r: texts[r.candidate]), tmp_path)
    silent = Writer(lambda r: "")
    assert run(silent, tmp_path) == first
    assert not silent.asked


def mask_in_the_lower_right() -> Attributes:
    picture, mask = np.full((90, 90, 3), 160, np.uint8), np.zeros((90, 90), bool)
    mask[66:78, 66:78] = True
    picture[mask] = 60
    return attributes(picture, mask, "scratch")


RIGHT = "A small dark mark lies in the lower right."
WRONG = "A small dark mark lies in the upper left."


def described(first: str, again: str | Answer, folder: Path, **settings: object) -> tuple[list[Candidate], Writer]:
    """A measured subject described as `first`, and as `again` where that is to be mended."""
    writer = Writer(lambda r: again if "Somebody described it so" in r.prompt else first)
    seen = mask_in_the_lower_right()
    return run(writer, folder, seen=seen, min_dimensions=0, **settings), writer


def test_a_contradicted_description_is_written_again_with_the_contradiction_named(tmp_path: Path) -> None:
    found, writer = described(WRONG, RIGHT, tmp_path)
    chosen = next(c for c in found if c.chosen)
    assert chosen.text == RIGHT and not chosen.contradicted
    assert "upper left" in writer.asked[-1].prompt and "lower right" in writer.asked[-1].prompt
    assert [c.contradicted for c in found] == [1, 1, 1, 1, 0]


def test_what_is_contradicted_again_is_asked_once_and_says_so(tmp_path: Path) -> None:
    found, writer = described(WRONG, "A dark mark in the top left corner.", tmp_path)
    assert len(writer.asked) == 5
    assert next(c for c in found if c.chosen).contradicted


def test_what_is_supported_is_not_asked_again(tmp_path: Path) -> None:
    found, writer = described(RIGHT, "never", tmp_path)
    assert len(writer.asked) == 4
    assert {c.verdict for c in next(c for c in found if c.chosen).claims} <= {"supported", "uncheckable"}


@pytest.mark.parametrize("settings", [{"ground": False}, {"regenerate": 0}])
def test_nothing_is_written_again_unless_asked_for(tmp_path: Path, settings: dict[str, object]) -> None:
    _, writer = described(WRONG, RIGHT, tmp_path, **settings)
    assert len(writer.asked) == 4


def test_a_refused_correction_costs_and_changes_nothing(tmp_path: Path) -> None:
    found, _ = described(WRONG, Answer("no", "refused"), tmp_path)
    assert len(found) == 4


def test_a_folder_of_prompts_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "open.txt").write_text("What of this {object}? {{A dent}}, say.")
    writer = Writer(lambda r: FULL)
    run(writer, tmp_path, prompts=str(tmp_path))
    assert writer.asked[0].prompt == "What of this tin can? {A dent}, say."
    assert writer.asked[0].system == prompt("system")


def test_another_language_is_asked_for_once_more(tmp_path: Path) -> None:
    """Both answers are paid; what is foreign twice is no candidate."""
    german = "Ein dünner Kratzer liegt auf der Oberfläche und ist dunkel."
    writer = Writer(lambda r: german if r.candidate in (1, 2, 1002) else FULL if r.candidate else f"One. {FULL}")
    found = run(writer, tmp_path)
    assert len(writer.asked) == 6
    assert [c.text for c in found] == [f"One. {FULL}", FULL, FULL]
    assert sum(c.cost_usd for c in found) == pytest.approx(6 * 110 / 1e6)


def test_candidates_scores_and_choice_come_again_from_the_ledger_alone(tmp_path: Path) -> None:
    texts = [FULL, "One sees a scratch.", "One sees a mark.", "There is a large mark on the left."]
    first = run(Writer(lambda r: texts[r.candidate]), tmp_path)
    silent = Writer(lambda r: pytest.fail("a second call"))
    assert run(silent, tmp_path) == first
    assert not silent.asked
