"""Prompts: ours are whole, and a recipe's own are taken or refused in one sentence."""

from pathlib import Path

import pytest

from annotation.prompting import PROMPTS, prompt, prompts_digest
from schemas.errors import CallError


def test_prompts_are_whole() -> None:
    for name in PROMPTS:
        text = prompt(name).format(object="can", defect="dent", text="A dent.", wrong="It is no hole.", side="edge")
        assert text.endswith(".")
        assert "{" not in text


def test_a_prompt_of_ones_own_changes_the_digest(tmp_path: Path) -> None:
    (tmp_path / "open.txt").write_text("What of this {object}?")
    assert prompts_digest(str(tmp_path)) != prompts_digest()


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("open", "See {thing}.", "open.txt: cannot be filled in"),
        ("open", "See {", "open.txt: cannot be filled in"),
        ("opne", "See.", "opne.txt: is no prompt; there are system, open"),
        ("", "", "holds no prompt"),
    ],
)
def test_prompts_that_cannot_be_used_are_named(name: str, text: str, says: str, tmp_path: Path) -> None:
    if name:
        (tmp_path / f"{name}.txt").write_text(text)
    with pytest.raises(CallError, match=says):
        prompts_digest(str(tmp_path))
