"""Any set of samples comes back from webdataset as it went in, and equal samples make equal bytes."""

import json
import tarfile
from pathlib import Path

import pytest
import webdataset
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.release.shards import Shards, encoded

KEYS = st.text("0123456789abcdef", min_size=4, max_size=8).map("c{}".format)
SAMPLES = st.dictionaries(KEYS, st.tuples(st.sampled_from(["train", "test"]), st.binary(max_size=900)), max_size=12)


def write(folder: Path, samples: dict[str, tuple[str, bytes]], target_mb: float) -> None:
    folder.mkdir()
    with Shards(folder, target_mb) as out:
        for key, (split, content) in sorted(samples.items()):
            members = {"mp4": content, "json": encoded({"id": key, "size": len(content)})}
            out.add(split, key, members | ({"marked.mp4": content[::-1]} if len(content) % 2 else {}))


def read(folder: Path, split: str) -> list[dict[str, bytes]]:
    files = [str(f) for f in sorted(folder.glob(f"{split}-*.tar"))]
    return list(webdataset.WebDataset(files, shardshuffle=False, empty_check=False)) if files else []


@settings(deadline=None, max_examples=25)
@given(samples=SAMPLES, target_mb=st.sampled_from([0.001, 0.003, 1.0]))
def test_samples_round_trip(tmp_path_factory: pytest.TempPathFactory, samples, target_mb):
    folder = tmp_path_factory.mktemp("shards")
    write(folder / "one", samples, target_mb)
    for split in ("train", "test"):
        wanted = [(k, content) for k, (s, content) in sorted(samples.items()) if s == split]
        found = read(folder / "one", split)
        assert [s["__key__"] for s in found] == [k for k, _ in wanted]
        for sample, (key, content) in zip(found, wanted, strict=True):
            assert sample["mp4"] == content
            assert sample.get("marked.mp4") == (content[::-1] if len(content) % 2 else None)
            assert json.loads(sample["json"]) == {"id": key, "size": len(content)}
    write(folder / "two", samples, target_mb)
    assert {f.name: f.read_bytes() for f in (folder / "one").iterdir()} == {
        f.name: f.read_bytes() for f in (folder / "two").iterdir()
    }


@settings(deadline=None, max_examples=30)
@given(sizes=st.lists(st.integers(0, 5000), min_size=1, max_size=10))
def test_a_shard_passes_the_target_only_with_a_single_sample(tmp_path_factory: pytest.TempPathFactory, sizes):
    folder = tmp_path_factory.mktemp("shards")
    with Shards(folder, 0.004) as out:
        for number, size in enumerate(sizes):
            out.add("train", f"c{number:03d}", {"mp4": b"x" * size})
    held = 0
    for file in sorted(folder.iterdir()):
        with tarfile.open(file) as tar:
            members = tar.getmembers()
        held += len(members)
        used = sum(512 + m.size + -m.size % 512 for m in members)
        assert used <= 4000 or len(members) == 1
    assert held == len(sizes)


def test_members_carry_nothing_of_the_machine(tmp_path: Path):
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"frames")
    clip.chmod(0o600)
    with Shards(tmp_path, 1) as out:
        out.add("train", "c1", {"mp4": clip, "json": b"{}"})
    with tarfile.open(tmp_path / "train-000000.tar") as tar:
        assert [(m.name, m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in tar] == [
            ("c1.json", 0, 0, 0, "", "", 0o644),
            ("c1.mp4", 0, 0, 0, "", "", 0o644),
        ]


def test_json_refuses_what_is_no_json():
    with pytest.raises(ValueError, match="JSON"):
        encoded({"area": float("nan")})
