"""A release is a function of the workspace's tables: equal bytes for equal tables, whole or not there at all."""

import json
import os
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from schemas.errors import CallError, DefectoryError
from schemas.recipe import SplitSettings
from schemas.rows import Reject, Sample
from tasks.proof.verify import verify
from tasks.release import checksums, manifest
from tasks.release.export import Released, fingerprint, is_current, release
from tasks.release.figures import divisions
from tasks.workspace import Workspace
from tests import factory

pytestmark = pytest.mark.whole

RECIPE = factory.recipe()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return factory.build(tmp_path_factory.mktemp("built") / "ws").root


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return factory.build(tmp_path_factory.mktemp("reviewed") / "ws", reviewed=True).root


@pytest.fixture
def workspace(built: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(built, tmp_path / "ws")
    return Workspace.open(tmp_path / "ws")


@pytest.fixture
def final(reviewed: Path, tmp_path: Path) -> Workspace:
    shutil.copytree(reviewed, tmp_path / "ws")
    return Workspace.open(tmp_path / "ws")


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


def ids(made: Released, query: str) -> set[str]:
    with manifest.opened(made.path / "manifest", made.path.parent) as con:
        return {row[0] for row in con.sql(query).fetchall()}


def test_a_release_holds_what_it_promises(workspace: Workspace):
    made = release(workspace, RECIPE)
    assert (made.path.name, made.version, made.draft) == ("blobs-0.1.0-draft", "0.1.0-draft", True)
    assert made.counts["samples"] == made.counts["train"] + made.counts["test"] == 14
    assert {f.name for f in made.path.iterdir()} == {
        "README.md", "LICENSE", "report.html", "croissant.json", "CHECKSUMS.sha256", "manifest", "shards", "media",
    }  # fmt: skip
    assert {f.stem for f in (made.path / "manifest").iterdir()} == set(manifest.ORDER)
    assert all(c.ok for c in verify(made.path)), [c for c in verify(made.path) if not c.ok]


def test_the_card_tells_what_each_protocol_divides(workspace: Workspace):
    """14 clips of 7 instances of two categories; the four clips of normal vases are near-duplicates of each other."""
    made = release(workspace, RECIPE)
    found = {row for row in divided(made)}
    with manifest.opened(made.path / "manifest", made.path.parent) as con:
        rows = con.sql("SELECT protocol, sample, split, instance, object FROM splits JOIN samples ON id = sample")
        table = [dict(zip(rows.columns, r, strict=True)) for r in rows.fetchall()]
    for protocol, instances, clips, pairs in found:
        of = {
            split: [r for r in table if (r["protocol"], r["split"]) == (protocol, split)] for split in ("train", "test")
        }
        both = {r["instance"] for r in of["train"]} & {r["instance"] for r in of["test"]}
        alike = [sum(r["instance"].startswith("vase-normal") for r in rows) for rows in of.values()]
        assert (instances, clips) == (len(both), sum(r["instance"] in both for r in of["test"]))
        assert pairs == alike[0] * alike[1]
    counts = {protocol: rest for protocol, *rest in found}
    assert counts["grouped"] == counts["unseen"] == [0, 0, 0]
    assert counts["standard"][0] > 0
    card = " ".join((made.path / "README.md").read_text().split())
    assert "**`standard` is not free of leaks.**" in card
    assert f"here {counts['standard'][0]} of 7 instances have clips in train and in test" in card
    assert f"| standard | {counts['standard'][0]} of 7 |" in card
    assert "<td>unseen</td>" in (made.path / "report.html").read_text()


def divided(made: Released) -> list[tuple[str, int, int, int]]:
    with manifest.opened(made.path / "manifest", made.path.parent) as con:
        found = divisions(lambda query: con.sql(query).fetchall())
    return [(d.protocol, d.instances_across, d.clips_across, d.pairs_across) for d in found]


@pytest.mark.parametrize("protocol", ["standard", "unseen"])
def test_the_shards_follow_the_protocol_of_the_recipe(protocol: str, tmp_path: Path):
    wanted = factory.recipe(split={"protocol": protocol})
    made = release(factory.build(tmp_path / "ws", wanted), wanted)
    assert all(c.ok for c in verify(made.path)), [c for c in verify(made.path) if not c.ok]
    rows = ids(made, f"SELECT sample FROM splits WHERE protocol = '{protocol}' AND split = 'test'")
    with tarfile.open(made.path / "shards" / "test-000000.tar") as tar:
        assert {name.split(".")[0] for name in tar.getnames()} <= rows


def test_a_protocol_that_the_samples_do_not_allow_is_left_out_and_said(tmp_path: Path):
    wanted = factory.recipe(objects=[{"builtin": "vase0", "normal": 2, "defects": ["bulge"]}])
    workspace = factory.build(tmp_path / "ws", wanted)
    (reject,) = workspace.rows(Reject)
    assert (reject.stage, reject.item) == ("split", "unseen")
    made = release(workspace, wanted)
    assert [row[0] for row in divided(made)] == ["grouped", "standard"]
    assert "wants two object categories or more" in (made.path / "report.html").read_text()
    with pytest.raises(
        DefectoryError, match=r"split.protocol unseen: .* there is 1; .* set another one for the shards"
    ):
        factory.build(tmp_path / "other", wanted.model_copy(update={"split": SplitSettings(protocol="unseen")}))


def test_two_builds_and_two_places_give_the_same_bytes(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = []
    for name in ("one", "another place [2]"):
        shutil.copytree(built, tmp_path / name / "ws")
        monkeypatch.setenv("TZ", "UTC" if name == "one" else "Asia/Tokyo")
        made.append(bytes_of(release(Workspace.open(tmp_path / name / "ws"), RECIPE, out=tmp_path / name / "out").path))
    assert made[0] == made[1]
    assert not any(str(tmp_path).encode() in content for content in made[0].values())


def test_nothing_of_the_runs_gets_in(workspace: Workspace):
    made = release(workspace, RECIPE)
    assert not (made.path / "manifest" / "runs.parquet").exists()
    assert "wall_s" not in (made.path / "croissant.json").read_text()


def test_the_second_release_does_nothing(workspace: Workspace):
    assert is_current(workspace, RECIPE) is None
    made = release(workspace, RECIPE)
    inode = made.path.stat().st_ino
    assert is_current(workspace, RECIPE) == made.path
    assert release(workspace, RECIPE) == made
    assert release(workspace, RECIPE, fresh=True) == made
    assert made.path.stat().st_ino == inode


def test_what_a_release_says_is_in_its_fingerprint(workspace: Workspace):
    made = release(workspace, RECIPE)
    changes: tuple[dict[str, Any], ...] = (
        {"description": "Other words."},
        {"release": {"shard_mb": 0.02}},
        {"release": {"licence": "CC0-1.0"}},
        {"review": {"min_accepted": 0.5}},
    )
    prints = {fingerprint(workspace, factory.recipe(**change)) for change in ({}, *changes)}
    assert len(prints) == 1 + len(changes)
    assert [is_current(workspace, factory.recipe(**change)) for change in changes] == [None] * len(changes)
    assert is_current(workspace, RECIPE) == made.path


def test_how_the_work_was_run_is_not(workspace: Workspace):
    other = factory.recipe(run={"workers": 7, "runner": "processes"})
    assert fingerprint(workspace, other) == fingerprint(workspace, RECIPE)


def test_a_draft_that_differs_is_replaced_whole(workspace: Workspace):
    made = release(workspace, RECIPE)
    (made.path / "notes.txt").write_text("mine")
    again = release(workspace, factory.recipe(description="Other words."))
    assert again.path == made.path
    assert "Other words." in (again.path / "README.md").read_text()
    assert not (again.path / "notes.txt").exists()
    assert [p.name for p in again.path.parent.iterdir() if p.is_dir()] == [again.path.name]


def test_a_final_release_is_frozen(final: Workspace):
    made = release(final, RECIPE, "1.0.0")
    assert (made.path.name, made.draft) == ("blobs-1.0.0", False)
    before = bytes_of(made.path)
    with pytest.raises(DefectoryError, match=r"blobs-1\.0\.0: is frozen and differs .* choose another --version"):
        release(final, factory.recipe(description="Other words."), "1.0.0")
    assert bytes_of(made.path) == before
    assert release(final, factory.recipe(description="Other words."), "1.0.1").path.name == "blobs-1.0.1"


def test_review_is_what_takes_the_draft_away(final: Workspace):
    made = release(final, RECIPE)
    assert not made.draft
    assert all(c.ok for c in verify(made.path))
    said = b"".join(v for k, v in bytes_of(made.path).items() if not k.startswith("media/"))
    assert b"draft" not in said.replace(b'"draft":false', b"").replace(b"a draft gets", b"")


def test_rejected_samples_are_nowhere_but_in_the_count(final: Workspace):
    first, second = (s.id for s in factory.samples(final)[:2])
    factory.run(factory.reviewing((first,), (second,)), final, RECIPE)
    made = release(final, factory.recipe(review={"min_accepted": 0.9}))
    assert (made.draft, made.counts["samples"], made.counts["left_out"]) == (False, 13, 1)
    for table in ("media", "annotations", "signals", "groups", "splits", "qa", "verdicts"):
        assert first not in ids(made, f"SELECT DISTINCT sample FROM {table}")
    assert not list((made.path / "media").glob(f"{first}*"))
    card = (made.path / "README.md").read_text()
    assert "1 clips are not in this release" in card
    assert "| caption: rejected in review | 1 |" in card
    assert ids(made, "SELECT reason FROM rejects WHERE stage = 'release'") == {"caption: rejected in review"}
    assert "Written by a person." in ids(made, "SELECT text FROM annotations WHERE author_kind = 'person'")
    assert all(c.ok for c in verify(made.path))


def test_too_many_rejected_captions_keep_it_a_draft(final: Workspace):
    some = tuple(s.id for s in factory.samples(final)[:3])
    factory.run(factory.reviewing(some, ()), final, RECIPE)
    made = release(final, RECIPE)
    assert (made.draft, made.counts["left_out"]) == (True, 3)


def test_a_clip_that_could_not_be_labelled_is_left_out_with_its_reason(built: Path, tmp_path: Path):
    broken = next(s.id for s in factory.samples(Workspace.open(built)) if s.defect == "hole")
    workspace = factory.build(tmp_path / "ws", broken=broken)
    rejects = list(workspace.rows(Reject))
    assert {r.item for r in rejects} == {broken}
    made = release(workspace, RECIPE)
    assert (made.counts["samples"], made.counts["left_out"], made.counts["rejects"]) == (13, 1, len(rejects) + 1)
    assert all(c.ok for c in verify(made.path))
    assert f'<td class="id">{broken}</td>' in (made.path / "report.html").read_text()


def test_the_release_does_not_share_files_with_the_workspace(workspace: Workspace):
    made = release(workspace, RECIPE)
    assert {f.stat().st_nlink for f in (made.path / "media").iterdir()} == {1}


def test_a_file_that_changed_in_the_workspace_is_refused(workspace: Workspace):
    file = next(workspace.root.glob("media/render/*/*.unmarked.mp4"))
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(DefectoryError, match=rf"{file.name}: is not the file that was made.*shards/render/.*json"):
        release(workspace, RECIPE)
    assert not list((workspace.root / "releases").iterdir())


def test_a_missing_file_is_named(workspace: Workspace):
    file = next(workspace.root.glob("media/render/*/*.unmarked.mp4"))
    file.unlink()
    with pytest.raises(DefectoryError, match=f"{file.name}: is missing from the workspace"):
        release(workspace, RECIPE)


def test_a_full_disk_leaves_the_old_release(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    made = release(workspace, RECIPE)
    before = bytes_of(made.path)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "copy_file_range", full)
    with pytest.raises(DefectoryError, match="the disk is full"):
        release(workspace, factory.recipe(description="Other words."))
    assert bytes_of(made.path) == before
    assert [p.name for p in made.path.parent.iterdir() if p.is_dir()] == [made.path.name]


def test_where_blocks_cannot_be_shared_the_bytes_are_copied(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    def other_file_system(*_: object) -> int:
        raise OSError(18, "Invalid cross-device link")

    shared = bytes_of(release(workspace, RECIPE).path)
    monkeypatch.setattr(os, "copy_file_range", other_file_system)
    assert bytes_of(release(workspace, RECIPE, out=workspace.root.parent / "out").path) == shared


@pytest.mark.parametrize("version", ["1.0", "v1.0.0", "1.0.0-draft", "../1.0.0", "1.0.0\n"])
def test_a_version_is_three_numbers(workspace: Workspace, version: str):
    with pytest.raises(CallError, match="write it as X"):
        release(workspace, RECIPE, version)


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [("caption", "blobs: no sample has all its labels"), ("split", "has no split for protocol `grouped`")],
)
def test_an_unfinished_workspace_is_refused(workspace: Workspace, stage: str, sentence: str):
    (workspace.root / "stages" / f"{stage}.json").unlink()
    with pytest.raises(DefectoryError, match=sentence):
        release(workspace, RECIPE)


def test_the_front_matter_is_what_hugging_face_reads(workspace: Workspace):
    from huggingface_hub import DatasetCard

    made = release(workspace, RECIPE)
    card = DatasetCard.load(made.path / "README.md")
    assert card.data.license == "cc-by-4.0"
    assert card.data.size_categories == ["n<1K"]
    filled = {t for t in manifest.ORDER if pq.read_metadata(made.path / "manifest" / f"{t}.parquet").num_rows}
    assert "samples" in filled < set(manifest.ORDER)
    assert {c["config_name"] for c in card.data.to_dict()["configs"]} == filled  # no empty table can be loaded


def test_a_licence_of_ones_own_is_named_as_such(workspace: Workspace):
    made = release(workspace, factory.recipe(release={"licence": "LicenseRef-Acme"}))
    front = yaml.safe_load((made.path / "README.md").read_text().split("---")[1])
    assert (front["license"], front["license_name"]) == ("other", "licenseref-acme")


def test_text_from_the_recipe_is_escaped(workspace: Workspace):
    text = '<img src=x onerror="alert(1)">|</script>`*_'
    wanted = factory.recipe(description=text)
    made = release(workspace, wanted)
    page, card = (made.path / "report.html").read_text(), (made.path / "README.md").read_text()
    for shown in (page, card):
        assert "<img src=x" not in shown
    assert "&lt;img src=x onerror=" in page
    assert page.count("<script>") == 1


def test_checksums_are_those_of_sha256sum(workspace: Workspace):
    made = release(workspace, RECIPE)
    lines = (made.path / checksums.NAME).read_text().splitlines()
    names = [line.split("  ", 1)[1] for line in lines]
    assert names == sorted(names)
    assert set(names) == bytes_of(made.path).keys() - {checksums.NAME}
    assert not list(checksums.problems(made.path, checksums.read(made.path)))


def test_every_sample_document_says_the_same_as_its_rows(workspace: Workspace):
    import webdataset

    made = release(workspace, RECIPE)
    samples = {s.id: s for s in workspace.rows(Sample)}
    files = [str(f) for f in sorted((made.path / "shards").iterdir())]
    for found in webdataset.WebDataset(files, shardshuffle=False):
        said, row = json.loads(found["json"]), samples.pop(found["__key__"])
        assert (said["object"], said["defect"], said["release"]) == (row.object, row.defect, "0.1.0-draft")
        assert ("marked.mp4" in found) == (row.defect != "none")
        expected = [{"start_frame": 2, "end_frame": 8, "start_s": 0.2, "end_s": 0.8}]
        assert said["visible_intervals"] == (expected if row.defect != "none" and row.clip == 0 else [])
        assert len(said["masks"]) == (6 if said["visible_intervals"] else 0)
        assert [q["key"] for q in said["qa"]] == ["q1", "q2", "q3", "q4"]
    assert not samples
