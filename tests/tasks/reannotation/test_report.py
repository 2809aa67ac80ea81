"""The comparison on paper: what others wrote stands in it as text."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.reannotation.columns import COLUMNS
from tasks.reannotation.report import Change, plain, sheet


@given(st.text(max_size=500))
def test_text_of_others_is_one_line_without_markup(text: str) -> None:
    found = plain(text)
    assert not set(found) & set("|`*_[]()!\n\r<>")
    assert found.isprintable()


@pytest.mark.parametrize("text", ["=1+1", " =cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "a\x00b", "fine, or not"])
def test_no_cell_is_a_formula(text: str) -> None:
    change = Change("s", text, "after", "a", "b", 0.5, None, None, 0, 0, 0.0)
    (row,) = csv.DictReader(io.StringIO(sheet([change])))
    assert row["before"].lstrip()[:1] not in ("=", "+", "-", "@")
    assert row["before"].isprintable()
    assert row["after"] == "after"


def test_every_column_is_in_the_page() -> None:
    page = (Path(__file__).parents[3] / "docs" / "reannotation.md").read_text()
    assert [name for name in COLUMNS if f"`{name}`" not in page] == []
