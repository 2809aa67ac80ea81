"""An OpenEXR file is whole to its last byte, or it is not."""

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Whole = Callable[[Path], bool]
BLENDER = Path(__file__).parents[2] / "blender"


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> Iterator[Whole]:
    monkeypatch.syspath_prepend(str(BLENDER))
    import exr

    yield exr.whole
    sys.modules.pop("exr")


def file(parts: int, lines: int = 5, width: int = 7) -> bytes:
    """Lines of half floats, one channel, without compression."""
    window = struct.pack("<4i", 0, 0, width - 1, lines - 1)
    header = b"channels\0chlist\0" + struct.pack("<i", 3) + b"R\0\0"
    header += b"dataWindow\0box2i\0" + struct.pack("<i", 16) + window + b"\0"
    several = parts > 1
    heads = struct.pack("<II", 20000630, 2 | several << 12) + header * parts + b"\0" * several
    at, table, data = len(heads) + 8 * lines * parts, b"", b""
    for part in range(parts):
        for y in range(lines):
            table += struct.pack("<Q", at + len(data))
            data += (struct.pack("<i", part) if several else b"") + struct.pack("<ii", y, 2 * width) + bytes(2 * width)
    return heads + table + data


@pytest.mark.parametrize("parts", [1, 3])
def test_a_file_is_whole_only_to_its_last_byte(tmp_path: Path, whole: Whole, parts: int) -> None:
    content, path = file(parts), tmp_path / "passes.exr"
    path.write_bytes(content)
    assert whole(path)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        assert not whole(path), length


def test_a_table_that_was_never_written(tmp_path: Path, whole: Whole) -> None:
    content, path = file(2), tmp_path / "passes.exr"
    table = content.index(struct.pack("<Q", len(content) - 2 * 5 * 26))
    path.write_bytes(content[:table] + bytes(8 * 10) + content[table + 8 * 10 :])
    assert not whole(path)


def test_no_file(tmp_path: Path, whole: Whole) -> None:
    assert not whole(tmp_path / "none.exr")
