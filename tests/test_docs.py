"""The documentation says what the code does."""

import re
from pathlib import Path

import pytest

from docs.recipe_reference import page

ROOT = Path(__file__).parents[1]


def test_the_recipe_reference_is_current() -> None:
    assert (ROOT / "docs" / "recipe.md").read_text() == page(), "run: python -m docs.recipe_reference"


def test_every_recipe_key_is_explained() -> None:
    unexplained = [line for line in page().splitlines() if re.match(r"\| `", line) and line.endswith("|  |")]
    assert not unexplained


@pytest.mark.parametrize("document", ["README.md", *sorted(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))])
def test_links_lead_somewhere(document: str) -> None:
    file = ROOT / document
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", file.read_text()):
        assert (file.parent / target).exists(), f"{document} links to {target}"
