"""Whatever is broken in a release, the check whose claim it breaks says so, and reading it never crashes."""

import json
import shutil
import socket
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import CallError
from schemas.rows import Interval
from tasks.files import sha256_file
from tasks.proof.rows import interval_fault
from tasks.proof.verify import CHECKS, Check, verify
from tasks.release import checksums
from tasks.release.export import release
from tests import factory

pytestmark = pytest.mark.whole


@pytest.fixture(scope="module")
def draft(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workspace = factory.build(tmp_path_factory.mktemp("verify") / "ws")
    return release(workspace, factory.recipe()).path


@pytest.fixture
def folder(draft: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(draft, tmp_path / draft.name))


def failed(checks: list[Check]) -> dict[str, str]:
    return {c.name: c.detail for c in checks if not c.ok}


def reseal(folder: Path) -> None:
    """New checksums, and new hashes of the tables in croissant.json: what a forger would do as well."""
    file = folder / "croissant.json"
    said = json.loads(file.read_text())
    for entry in said["distribution"]:
        if "sha256" in entry:
            entry["sha256"] = sha256_file(folder / entry["contentUrl"])
    file.write_text(json.dumps(said))
    checksums.write(folder, "nothing is known", ())


def rewrite(folder: Path, table: str, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """`change` the rows of a table; its schema and metadata stay."""
    file = folder / "manifest" / f"{table}.parquet"
    schema = pq.read_schema(file)
    rows = pq.read_table(file).to_pylist()
    change(rows)
    save(pa.Table.from_pylist(rows, schema=schema), file)


def save(table: pa.Table, file: Path) -> None:
    """As a release does it: an empty table has no row group, which Hugging Face's reader insists on."""
    with pq.ParquetWriter(file, table.schema) as writer:
        if table.num_rows:
            writer.write_table(table)


def first(folder: Path, table: str, where: str = "true") -> dict[str, Any]:
    found = duckdb.sql(f"SELECT * FROM '{folder}/manifest/{table}.parquet' WHERE {where} ORDER BY ALL LIMIT 1")
    return found.to_arrow_table().to_pylist()[0]


# --- the corruptions, each with its name in what the check says -----------------------------------


def flip_a_byte(folder: Path) -> str:
    file = sorted((folder / "media").glob("*.mp4"))[0]
    content = bytearray(file.read_bytes())
    content[-20] ^= 1
    file.write_bytes(content)
    return f"media/{file.name}: changed"


def delete_a_file(folder: Path) -> str:
    file = sorted((folder / "media").glob("*.jpg"))[0]
    file.unlink()
    return f"media/{file.name}: missing"


def add_a_file(folder: Path) -> str:
    (folder / "media" / "extra.mp4").write_bytes(b"")
    return "media/extra.mp4: not listed"


def link_a_file(folder: Path) -> str:
    file = sorted((folder / "media").glob("*.mp4"))[0]
    file.rename(folder.parent / "elsewhere.mp4")
    file.symlink_to(folder.parent / "elsewhere.mp4")
    return f"media/{file.name}: a link"


def drop_the_checksums(folder: Path) -> str:
    (folder / checksums.NAME).unlink()
    return checksums.NAME


def drop_a_sample_from_splits(folder: Path) -> str:
    gone = first(folder, "splits")["sample"]
    rewrite(folder, "splits", lambda rows: rows.remove(next(r for r in rows if r["sample"] == gone)))
    return f"{gone}: is in 0 splits"


def move_a_sample_across(folder: Path) -> str:
    moved = first(folder, "splits", "protocol = 'grouped' AND split = 'train'")

    def change(rows: list[dict[str, Any]]) -> None:
        next(r for r in rows if r["sample"] == moved["sample"] and r["protocol"] == "grouped")["split"] = "test"

    rewrite(folder, "splits", change)
    return f"group {moved['group']}: is in test and train"


def move_a_near_duplicate_across(folder: Path) -> str:
    """All clips of one instance move, so only the near-duplicates tell."""
    group = first(folder, "groups")["group"]
    instance = first(folder, "samples", f"id = '{first(folder, 'groups')['sample']}'")["instance"]
    members = {
        r["id"] for r in pq.read_table(folder / "manifest/samples.parquet").to_pylist() if r["instance"] == instance
    }

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["sample"] in members and row["protocol"] == "grouped":
                row |= {"split": "test", "group": "renamed"}

    rewrite(folder, "splits", change)
    return f"group {group}: is in test and train"


def move_a_clip_of_an_unseen_category(folder: Path) -> str:
    moved = first(folder, "splits", "protocol = 'unseen' AND split = 'test'")

    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            if row["sample"] == moved["sample"] and row["protocol"] == "unseen":
                row |= {"split": "train", "group": "renamed"}

    rewrite(folder, "splits", change)
    return f"group {moved['group']}: is in test and train of protocol `unseen`"


def invent_a_protocol(folder: Path) -> str:
    def change(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row["protocol"] = row["protocol"].replace("standard", "leaky")

    rewrite(folder, "splits", change)
    return "protocol `leaky` is none of grouped, standard, unseen"


def put_a_sample_in_two_splits(folder: Path) -> str:
    row = first(folder, "splits", "split = 'train'")
    rewrite(folder, "splits", lambda rows: rows.append(row | {"split": "test"}))
    return f"{row['sample']}: is in 2 splits"


def change_an_answer(folder: Path) -> str:
    row = first(folder, "qa", "key = 'q1'")
    rewrite(folder, "qa", lambda rows: next(r for r in rows if r["id"] == row["id"]).update(answer="Perhaps"))
    return f"{row['sample']}: q1 (anomaly_detection) is answered 'Perhaps'"


def drop_a_question(folder: Path) -> str:
    row = first(folder, "qa", "key = 'q4'")
    rewrite(folder, "qa", lambda rows: rows.remove(next(r for r in rows if r["id"] == row["id"])))
    return f"{row['sample']}: has the questions q1, q2, q3, not"


def shuffle_the_intervals(folder: Path) -> str:
    row = first(folder, "annotations", "len(intervals) > 0")
    spans = [{"start_frame": 6, "end_frame": 8}, {"start_frame": 2, "end_frame": 5}]
    rewrite(folder, "annotations", lambda rows: next(r for r in rows if r["id"] == row["id"]).update(intervals=spans))
    return f"{row['sample']}: annotation {row['id']}: interval [2, 5) begins before frame 8"


def stretch_an_interval(folder: Path) -> str:
    row = first(folder, "annotations", "len(intervals) > 0")
    spans = [{"start_frame": 2, "end_frame": 11}]
    rewrite(folder, "annotations", lambda rows: next(r for r in rows if r["id"] == row["id"]).update(intervals=spans))
    return f"{row['sample']}: annotation {row['id']}: interval [2, 11) leaves the clip of 10 frames"


def cut_a_tar(folder: Path) -> str:
    file = sorted((folder / "shards").glob("train-*.tar"))[0]
    file.write_bytes(file.read_bytes()[:1200])
    return f"shards/{file.name}: cannot be read"


def scribble_over_a_tar(folder: Path) -> str:
    file = sorted((folder / "shards").glob("train-*.tar"))[0]
    file.write_bytes(b"\x07" * 4096)
    return f"shards/{file.name}: cannot be read"


def drop_a_shard(folder: Path) -> str:
    file = sorted((folder / "shards").glob("train-*.tar"))[0]
    with tarfile.open(file) as tar:
        key = tar.getnames()[0].split(".")[0]
    file.unlink()
    return f"shards/train-*.tar: {key} is missing"


def forge_a_document(folder: Path) -> str:
    file = sorted((folder / "shards").glob("train-*.tar"))[0]
    content = file.read_bytes()
    assert b'"key":"q1"' in content
    file.write_bytes(content.replace(b'"key":"q1"', b'"key":"qX"', 1))
    with tarfile.open(file) as tar:
        return f"shards/{file.name}: {tar.getnames()[0]} is not what the manifest says"


def swap_a_clip(folder: Path) -> str:
    one, two = sorted((folder / "media").glob("*.unmarked.mp4"))[:2]
    shutil.copy(two, one)
    return f"media/{one.name}: is not the file that manifest/media.parquet names"


def lie_about_the_size(folder: Path) -> str:
    row = first(folder, "media", "role = 'unmarked'")
    rewrite(folder, "media", lambda rows: next(r for r in rows if r["path"] == row["path"]).update(frames=11))
    return f"{row['path']}: is (64, 48, 10.0, 10), not (64, 48, 10.0, 11)"


def lead_out_of_the_folder(folder: Path) -> str:
    row = first(folder, "media", "role = 'keyframe'")
    out = "media/../../secret.jpg"
    rewrite(folder, "media", lambda rows: next(r for r in rows if r["path"] == row["path"]).update(path=out))
    return f"{out}: leads out of media/"


def drop_a_column(folder: Path) -> str:
    file = folder / "manifest" / "samples.parquet"
    pq.write_table(pq.read_table(file).drop_columns(["floor"]), file)
    return "manifest/samples.parquet: column `floor` is missing"


def change_a_type(folder: Path) -> str:
    file = folder / "manifest" / "qa.parquet"
    table = pq.read_table(file)
    at = table.schema.get_field_index("answer")
    pq.write_table(table.set_column(at, "answer", table["answer"].cast(pa.large_string())), file)
    return "manifest/qa.parquet: `answer` is large_string, not string"


def scribble_over_a_table(folder: Path) -> str:
    (folder / "manifest" / "verdicts.parquet").write_bytes(b"PAR1 is all there is PAR1")
    return "manifest/verdicts.parquet: cannot be read"


def repeat_an_id(folder: Path) -> str:
    row = first(folder, "annotations")
    rewrite(folder, "annotations", lambda rows: rows.append(next(r for r in rows if r["id"] == row["id"])))
    return f"manifest/annotations.parquet: {row['id']} is there more than once"


def speak_of_a_stranger(folder: Path) -> str:
    rewrite(folder, "signals", lambda rows: rows[0].update(sample="c0ffee"))
    return "manifest/signals.parquet: speaks of sample c0ffee"


def hide_the_draft_on_the_card(folder: Path) -> str:
    file = folder / "README.md"
    file.write_text(file.read_text().replace("-draft", "").replace("This is a draft", "This is it"))
    return "README.md: says version 0.1.0,"


def hide_the_draft_in_the_name(folder: Path) -> str:
    folder.rename(folder.with_name("blobs-0.1.0"))
    return "the folder's name: says version 0.1.0,"


def hide_the_draft_everywhere(folder: Path) -> str:
    """As thorough as a forger can be without people's verdicts."""
    for name in ("README.md", "report.html", "LICENSE", "croissant.json"):
        file = folder / name
        text = (
            file.read_text().replace("-draft", "").replace("> **This is a draft.**", ">").replace('class="banner"', "")
        )
        file.write_text(text)
    for file in (folder / "manifest").iterdir():
        table = pq.read_table(file)
        kept = table.schema.metadata | {b"defectory.release": b"0.1.0"}
        save(table.replace_schema_metadata(kept), file)
    folder.rename(folder.with_name("blobs-0.1.0"))
    return "the review has not passed, but the release does not say draft"


def fetch_from_elsewhere(folder: Path) -> str:
    file = folder / "croissant.json"
    file.write_text(file.read_text().replace('"manifest/qa.parquet"', '"http://127.0.0.1:9/qa.parquet"'))
    return "`http://127.0.0.1:9/qa.parquet` is no file of the release"


def break_the_croissant(folder: Path) -> str:
    file = folder / "croissant.json"
    said = json.loads(file.read_text())
    said["recordSet"][0]["field"][0]["source"]["fileObject"]["@id"] = "nowhere.parquet"
    file.write_text(json.dumps(said))
    return "nowhere.parquet"


def break_the_front_matter(folder: Path) -> str:
    file = folder / "README.md"
    file.write_text(file.read_text().replace("config_name: samples", "config_name: [", 1))
    return "cannot be read"


@dataclass(frozen=True)
class Case:
    corrupt: Callable[[Path], str]
    caught_by: str
    """The check that must say what `corrupt` returns."""
    also: tuple[str, ...] = ()
    """Checks that may fail as well, because their claim is broken too; no others may."""
    resealed: bool = True
    """Whether the checksums are made to fit, so that they do not give it away."""


CASES = (
    Case(flip_a_byte, "checksums", ("media",), resealed=False),
    Case(delete_a_file, "checksums", ("media",), resealed=False),
    Case(add_a_file, "checksums", resealed=False),
    Case(link_a_file, "checksums", ("media",), resealed=False),
    Case(drop_the_checksums, "checksums", resealed=False),
    Case(drop_a_sample_from_splits, "splits", ("webdataset",)),
    Case(move_a_sample_across, "groups", ("webdataset",)),
    Case(move_a_near_duplicate_across, "groups", ("webdataset",)),
    Case(move_a_clip_of_an_unseen_category, "groups"),
    Case(invent_a_protocol, "groups"),
    Case(put_a_sample_in_two_splits, "splits", ("unique", "groups", "webdataset")),
    Case(change_an_answer, "answers", ("webdataset",)),
    Case(drop_a_question, "answers", ("webdataset",)),
    Case(shuffle_the_intervals, "intervals", ("answers", "webdataset")),
    Case(stretch_an_interval, "intervals", ("answers", "webdataset")),
    Case(cut_a_tar, "webdataset"),
    Case(scribble_over_a_tar, "webdataset"),
    Case(drop_a_shard, "webdataset"),
    Case(forge_a_document, "webdataset"),
    Case(swap_a_clip, "media"),
    Case(lie_about_the_size, "media"),
    Case(lead_out_of_the_folder, "media"),
    Case(drop_a_column, "schemas", ("webdataset", "media", "answers", "datasets", "croissant")),
    Case(change_a_type, "schemas", ("datasets",)),
    Case(scribble_over_a_table, "schemas", tuple(CHECKS)),
    Case(repeat_an_id, "unique", ("webdataset",)),
    Case(speak_of_a_stranger, "references"),
    Case(hide_the_draft_on_the_card, "draft"),
    Case(hide_the_draft_in_the_name, "draft", resealed=False),
    Case(hide_the_draft_everywhere, "review", ("webdataset",)),
    Case(fetch_from_elsewhere, "croissant", resealed=False, also=("checksums",)),
    Case(break_the_croissant, "croissant"),
    Case(break_the_front_matter, "datasets"),
)


OF_MEDIA_AND_SHARDS = (
    flip_a_byte, delete_a_file, add_a_file, link_a_file, drop_the_checksums, cut_a_tar, scribble_over_a_tar,
    drop_a_shard, forge_a_document, swap_a_clip, hide_the_draft_in_the_name,
)  # fmt: skip
"""They touch nothing that `datasets` or mlcroissant reads, and those two take longest."""


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.corrupt.__name__)
def test_a_corruption_is_caught_by_its_check(folder: Path, case: Case, monkeypatch: pytest.MonkeyPatch):
    for slow in {"datasets", "croissant"} - {case.caught_by, *case.also}:
        if case.corrupt in OF_MEDIA_AND_SHARDS:
            monkeypatch.delitem(CHECKS, slow)
    sentence = case.corrupt(folder)
    (folder,) = (p for p in folder.parent.iterdir() if p.is_dir())
    if case.resealed:
        reseal(folder)
    found = failed(verify(folder))
    assert sentence in found.get(case.caught_by, "not found"), found
    assert found.keys() <= {case.caught_by, *case.also}, found


def test_a_whole_release_holds_wherever_it_lies(folder: Path):
    place = folder.parent / "it's [mine] * 1?"
    place.mkdir()
    checks = verify(folder.rename(place / folder.name))
    assert [c.name for c in checks] == list(CHECKS)
    assert failed(checks) == {}


def test_a_renamed_folder_holds(folder: Path):
    assert failed(verify(folder.rename(folder.with_name("train data")))) == {}


def test_nothing_asks_the_network(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert failed(verify(folder)) == {}


def test_a_missing_folder_is_a_wrong_call(tmp_path: Path):
    with pytest.raises(CallError, match="no such folder"):
        verify(tmp_path / "nowhere")


def test_a_folder_that_is_no_release_is_said_to_be_none(tmp_path: Path):
    with pytest.raises(CallError, match="no release; it has neither"):
        verify(tmp_path)


def test_an_empty_manifest_fails_every_check_and_crashes_none(tmp_path: Path):
    (tmp_path / "manifest").mkdir()
    assert failed(verify(tmp_path)).keys() == set(CHECKS)


def test_many_problems_are_counted_not_listed(folder: Path):
    rewrite(folder, "splits", lambda rows: rows.__delitem__(slice(0, 9)))
    said = failed(verify(folder))["splits"]
    assert said.count("is in 0 splits") == 5
    assert said.endswith("; and 4 more")


@settings(deadline=None, max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_anywhere_is_found_and_crashes_nothing(draft: Path, tmp_path: Path, data: st.DataObject):
    folder = Path(shutil.copytree(draft, tmp_path / "damaged", dirs_exist_ok=True))
    file = data.draw(st.sampled_from(sorted(f for f in folder.rglob("*") if f.is_file() and f.name != checksums.NAME)))
    content = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, max(len(content) - 1, 0)))
    if data.draw(st.booleans()):
        content[at : at + 1] = bytes([content[at] ^ 0x55])
    else:
        del content[at:]
    file.write_bytes(content)
    found = failed(verify(folder))
    assert file.relative_to(folder).as_posix() in found["checksums"]
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("spans", "frames", "says"),
    [
        ([], 10, None),
        ([(0, 10)], 10, None),
        ([(0, 3), (3, 5)], 10, None),  # half-open: they touch and do not overlap
        ([(2, 2)], 10, "empty"),
        ([(5, 2)], 10, "empty"),
        ([(-1, 2)], 10, "leaves"),
        ([(8, 11)], 10, "leaves"),
        ([(0, 4), (3, 5)], 10, "begins before"),
        ([(4, 6), (0, 2)], 10, "begins before"),
        ([(8, 11)], None, None),  # a clip of unknown length has no end to leave
    ],
)
def test_interval_fault(spans: list[tuple[int, int]], frames: int | None, says: str | None):
    found = interval_fault([Interval(*s) for s in spans], frames)
    assert (says is None and found is None) or (says or "?") in (found or "")


def test_the_table_of_corruptions_reaches_every_check():
    assert {c.caught_by for c in CASES} >= CHECKS.keys() - {"duckdb"}
