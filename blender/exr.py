"""Whether an uncompressed OpenEXR file is there to its last byte.

Blender does not say when a disk was full, takes an empty file for a black picture, and dies of one that ends early.
Layout: a header per part, each a list of attributes (name, type, size, value); one table per part of where its lines
are, written last; the lines (OpenEXR file layout, "Multi-Part and Deep Data Files").
"""

import mmap
import struct
from pathlib import Path

MULTI_PART = 1 << 12
"""Flag in the version field; without it there is one header, and lines do not tell their part."""


def whole(path: Path) -> bool:
    """Whether the last line that the tables of a file know ends where the file does."""
    try:
        with open(path, "rb") as f, mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _end(content) == len(content)
    except (struct.error, IndexError, ValueError, FileNotFoundError):  # an empty file is a ValueError to mmap
        return False


def _end(content: mmap.mmap) -> int:
    """Where the last line ends."""
    _, version = struct.unpack_from("<II", content)
    several = bool(version & MULTI_PART)
    at, lines = 8, 0
    while content[at]:
        at, more = _header(content, at)
        lines += more
        if not several:
            break
    last = max(struct.unpack_from(f"<{lines}Q", content, at + several))
    prefix = 12 if several else 8
    return int(last + prefix + struct.unpack_from("<i", content, last + prefix - 4)[0])


def _header(content: mmap.mmap, at: int) -> tuple[int, int]:
    """Where the header that begins at `at` ends, and how many lines it announces."""
    lines = 0
    while content[at]:
        name, at = _word(content, at)
        _, at = _word(content, at)
        (size,) = struct.unpack_from("<i", content, at)
        value = content[at + 4 : at + 4 + size]
        at += 4 + size
        if name == b"dataWindow":
            _, top, _, bottom = struct.unpack("<4i", value)
            lines = bottom - top + 1
    return at + 1, lines


def _word(content: mmap.mmap, at: int) -> tuple[bytes, int]:
    """The bytes up to the next zero, and where it goes on behind that."""
    end = content.find(b"\0", at)
    if end < 0:
        raise IndexError
    return content[at:end], end + 1
