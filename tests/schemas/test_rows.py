"""Rows and their Arrow schemas: one source, no loss on the way through Parquet."""

import dataclasses

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.arrow import arrow_schema, from_dict, to_arrow
from schemas.digests import canonical, digest
from schemas.rows import TABLES, Annotation, Interval, Mask, Score, annotation


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_an_arrow_schema_with_its_name_and_version(table: str) -> None:
    schema = arrow_schema(TABLES[table])
    assert schema.metadata[b"defectory.table"] == table.encode()
    assert schema.names == [f.name for f in dataclasses.fields(TABLES[table])]


def test_labels_are_dictionary_encoded_and_only_optional_fields_are_nullable() -> None:
    schema = arrow_schema(Annotation)
    assert pa.types.is_dictionary(schema.field("task").type)
    assert not schema.field("task").nullable
    assert schema.field("text").nullable


texts = st.text(max_size=20)
annotations = st.builds(
    Annotation,
    id=texts,
    sample=texts,
    task=texts,
    author_kind=st.sampled_from(["model", "rule", "renderer", "person"]),
    author=texts,
    author_version=texts,
    status=st.sampled_from(["candidate", "accepted"]),
    text=st.none() | texts,
    intervals=st.none() | st.lists(st.builds(Interval, st.integers(0, 99), st.integers(0, 99)), max_size=3),
    scores=st.lists(st.builds(Score, texts, st.floats(allow_nan=False)), max_size=3),
    masks=st.none()
    | st.lists(
        st.builds(
            Mask,
            frame=st.integers(0, 99),
            height=st.integers(1, 99),
            width=st.integers(1, 99),
            counts=texts,
            area=st.floats(0, 1e6),
            box=st.lists(st.floats(0, 1e3, width=32), min_size=4, max_size=4),
        ),
        max_size=2,
    ),
)


@given(st.lists(annotations, max_size=5))
def test_rows_come_back_from_arrow_as_they_went_in(rows: list[Annotation]) -> None:
    assert [from_dict(Annotation, r) for r in to_arrow(Annotation, rows).to_pylist()] == rows


def test_a_hash_ignores_the_order_of_keys_but_no_value() -> None:
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert digest({"a": 1}) != digest({"a": 2})
    with pytest.raises(TypeError, match="no canonical form"):
        digest(object())


def test_equal_statements_have_one_id_and_different_ones_differ() -> None:
    said = {
        "sample": "s", "task": "object", "author_kind": "person", "author": "reviewer-1", "author_version": "1",
        "status": "accepted", "label": "vase",
    }  # fmt: skip
    assert annotation(**said).id == annotation(**said).id
    assert annotation(**said).id != annotation(**{**said, "label": "cup"}).id
