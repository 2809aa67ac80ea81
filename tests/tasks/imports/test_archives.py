"""Archives: unpacked once, and never a byte outside of the folder."""

import io
import random
import tarfile
import zipfile
from pathlib import Path

import pytest

from schemas.errors import CallError, DefectoryError
from tasks.imports import archives


def tar(file: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(file, "w:gz") as out:
        for info, content in members:
            info.size = len(content)
            out.addfile(info, io.BytesIO(content))
    return file


def zipped(file: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in members.items():
            out.writestr(name, content)
    return file


def test_images_and_labels_come_out_once(tmp_path: Path) -> None:
    source = zipped(tmp_path / "a.zip", **{"set/x/1.jpg": b"one", "set/run.exe": b"no", "set/a.xml": b"<a/>"})
    root = archives.opened(source, tmp_path / "out", "sources.a")
    assert sorted(p.name for p in root.rglob("*") if p.is_file()) == ["1.jpg", "a.xml"]
    before = (root / "set/x/1.jpg").stat().st_mtime_ns
    assert archives.opened(source, tmp_path / "out", "sources.a") == root
    assert (root / "set/x/1.jpg").stat().st_mtime_ns == before


def test_an_archive_of_a_folder_itself_is_unpacked(tmp_path: Path) -> None:
    folder = tarfile.TarInfo(".")
    folder.type = tarfile.DIRTYPE
    packed = tar(tmp_path / "a.tgz", (folder, b""), (tarfile.TarInfo("./x/1.jpg"), b"1"))  # tar -czf a.tgz .
    for source in (packed, zipped(tmp_path / "a.zip", **{"./": b"", "./x/1.jpg": b"1"})):
        root = archives.opened(source, tmp_path / "out", "sources.a")
        assert [p.name for p in root.rglob("*.jpg")] == ["1.jpg"]


def test_two_builds_may_unpack_an_archive_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, out, unpack = zipped(tmp_path / "a.zip", **{"x/1.jpg": b"1"}), tmp_path / "out", archives._unpack

    def overtaken(source: Path, folder: Path, size: int) -> None:
        unpack(source, folder, size)
        monkeypatch.setattr(archives, "_unpack", unpack)
        monkeypatch.setattr(archives.os, "getpid", lambda: -1)
        archives.opened(source, out, "sources.a")

    monkeypatch.setattr(archives, "_unpack", overtaken)
    root = archives.opened(source, out, "sources.a")
    assert [p.name for p in root.rglob("*.jpg")] == ["1.jpg"] and list(out.iterdir()) == [root]


@pytest.mark.parametrize("name", ["../out.jpg", "/tmp/out.jpg", "a/../../out.jpg", "..\\out.jpg", "C:\\out.jpg"])
def test_a_member_that_leads_out_stops_everything(tmp_path: Path, name: str) -> None:
    sources = [
        zipped(tmp_path / "a.zip", **{"ok.jpg": b"1", name: b"2"}),
        tar(tmp_path / "a.tgz", (tarfile.TarInfo(name), b"2")),
    ]
    for source in sources:
        with pytest.raises(DefectoryError, match="leads out of the archive; nothing is unpacked"):
            archives.opened(source, tmp_path / "work", "sources.a")
    assert [p.name for p in tmp_path.rglob("*.jpg")] == [] and list((tmp_path / "work").iterdir()) == []


def test_links_stop_everything(tmp_path: Path) -> None:
    link = tarfile.TarInfo("a.jpg")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with pytest.raises(DefectoryError, match=r"a\.jpg is a link or a device"):
        archives.opened(tar(tmp_path / "a.tar", (link, b"")), tmp_path / "work", "sources.a")


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "SPARE", 1 << 20)
    source = zipped(tmp_path / "a.zip", **{"a.jpg": bytes(40 << 20)})
    with pytest.raises(DefectoryError, match="swells to more than 200 times its size"):
        archives.opened(source, tmp_path / "work", "sources.a")
    assert list((tmp_path / "work").iterdir()) == []


def test_what_is_no_archive_or_not_there_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_bytes(b"not a zip at all")
    with pytest.raises(DefectoryError, match=r"sources\.a: a\.zip: cannot be unpacked"):
        archives.opened(tmp_path / "a.zip", tmp_path / "work", "sources.a")
    with pytest.raises(CallError, match=r"sources\.a: no such folder or archive"):
        archives.opened(tmp_path / "b.zip", tmp_path / "work", "sources.a")


def test_an_archive_that_is_damaged_in_the_middle_is_one_sentence(tmp_path: Path) -> None:
    noise = random.Random(0).randbytes(200_000)
    with tarfile.open(tmp_path / "a.tar.xz", "w:xz") as out:
        info = tarfile.TarInfo("a.jpg")
        info.size = len(noise)
        out.addfile(info, io.BytesIO(noise))
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("a.jpg", noise)
    for name in ("a.tar.xz", "a.zip"):
        content = bytearray((tmp_path / name).read_bytes())
        content[500:600] = bytes(100)
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DefectoryError, match=rf"sources\.a: {name}: cannot be unpacked"):
            archives.opened(tmp_path / name, tmp_path / "work", "sources.a")
