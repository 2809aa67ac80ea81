"""Rows of any kind come back from a manifest as they went in, sorted, in equal bytes."""

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.arrow import arrow_schema, to_arrow
from schemas.rows import TABLE_OF, Annotation, DefectFacts, Interval, Mask, MediaRef, Sample, Score, Split
from tasks.release import manifest

WORDS = st.text("abzé|\"'<", max_size=4)
FLOATS = st.floats(-1e6, 1e6, width=32)
IDS = st.text("0123456789abcdef", min_size=3, max_size=5)
SAMPLES = st.builds(
    Sample, id=IDS, kind=WORDS, dataset=WORDS, media=st.lists(st.builds(MediaRef, WORDS, WORDS), max_size=2),
    groups=st.lists(WORDS, max_size=2), shard=WORDS, object=WORDS, instance=WORDS, defect=WORDS,
    clip=st.none() | st.integers(0, 9), fps=st.none() | FLOATS, floor=st.none() | WORDS,
)  # fmt: skip
MASKS = st.builds(Mask, st.integers(0, 9), st.just(4), st.just(4), WORDS, FLOATS, st.lists(FLOATS, max_size=4))
FACTS = st.builds(DefectFacts, FLOATS, FLOATS, FLOATS, FLOATS, st.lists(FLOATS, min_size=3, max_size=3))
ANNOTATIONS = st.builds(
    Annotation, id=IDS, sample=IDS, task=WORDS, author_kind=WORDS, author=WORDS, author_version=WORDS, status=WORDS,
    label=st.none() | WORDS, masks=st.none() | st.lists(MASKS, max_size=2), facts=st.none() | FACTS,
    intervals=st.none() | st.lists(st.builds(Interval, st.integers(0, 9), st.integers(0, 9)), max_size=2),
    scores=st.lists(st.builds(Score, WORDS, FLOATS), max_size=2),
)  # fmt: skip


@settings(deadline=None, max_examples=25)
@given(rows=st.one_of(st.lists(kind, max_size=6, unique_by=lambda r: r.id) for kind in (SAMPLES, ANNOTATIONS)))
def test_rows_round_trip_in_order(tmp_path_factory: pytest.TempPathFactory, rows):
    kind = type(rows[0]) if rows else Sample
    table, folder = TABLE_OF[kind], tmp_path_factory.mktemp("manifest")
    for name, given_in in (("one", rows), ("two", rows[::-1])):
        (folder / name).mkdir()
        pq.write_table(to_arrow(kind, given_in), folder / "part.parquet")
        with duckdb.connect() as con:
            query = f"SELECT * FROM read_parquet('{folder / 'part.parquet'}')"
            assert manifest.write(con, table, query, folder / name, {"release": "1.0.0"}) == len(rows)
    one, two = (folder / n / f"{table}.parquet" for n in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert pq.read_schema(one).equals(arrow_schema(kind))
    assert manifest.metadata(one) == {"table": table, "schema_version": "1", "release": "1.0.0"}
    with duckdb.connect() as con:
        found = list(manifest.rows(con, kind, f"SELECT * FROM read_parquet('{one}')"))
    order = (lambda r: r.id) if kind is Sample else (lambda r: (r.sample, r.id))
    assert found == sorted(rows, key=order)


def test_row_groups_do_not_depend_on_how_the_rows_arrive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(manifest, "ROW_GROUP", 100)
    rows = [Split(f"c{n:05d}", "grouped", ("train", "test")[n % 2], "g") for n in range(10_250)]
    for name, parts in (("one", [rows]), ("two", [rows[:7000], rows[7000:7001], rows[7001:]])):
        (tmp_path / name).mkdir()
        for number, part in enumerate(parts):
            pq.write_table(to_arrow(Split, part), tmp_path / f"{name}{number}.parquet")
        with duckdb.connect() as con:
            query = f"SELECT * FROM read_parquet('{tmp_path}/{name}*.parquet')"
            manifest.write(con, "splits", query, tmp_path / name, {})
    one = tmp_path / "one" / "splits.parquet"
    assert one.read_bytes() == (tmp_path / "two" / "splits.parquet").read_bytes()
    groups = pq.read_metadata(one)
    assert {groups.row_group(g).num_rows for g in range(groups.num_row_groups)} == {100, 50}
