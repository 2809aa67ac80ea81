"""PCD files (Point Cloud Library): ASCII, binary, and binary compressed with LZF."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import BadInput
from tasks.meshes.refine import Points

LONGEST_HEADER = 1 << 16
MAX_ROW = 4096
"""Bytes of one point; descriptors of some hundred numbers fit."""
_KEYS = ("VERSION", "FIELDS", "COLUMNS", "SIZE", "TYPE", "COUNT", "WIDTH", "HEIGHT", "VIEWPOINT", "POINTS", "DATA")
_TYPES = {"F4": "<f4", "F8": "<f8"} | {f"{k}{n}": f"<{k.lower()}{n}" for k in "IU" for n in (1, 2, 4, 8)}


@dataclass(frozen=True)
class Header:
    fields: tuple[str, ...]
    types: tuple[str, ...]
    """NumPy type of each field."""
    counts: tuple[int, ...]
    """Numbers in each field."""
    points: int
    data: str
    """ascii, binary or binary_compressed"""
    start: int
    """Offset of the data in the file, in bytes."""

    @property
    def row(self) -> np.dtype[Any]:
        return np.dtype({"names": [f"{k}" for k in range(len(self.fields))], "formats": self._formats})

    @property
    def _formats(self) -> list[Any]:
        return [(t, (c,)) for t, c in zip(self.types, self.counts, strict=True)]

    @property
    def least_bytes(self) -> int:
        """The least size of a file that holds what the header says."""
        each = {"binary": self.row.itemsize, "ascii": 2 * sum(self.counts)}.get(self.data, 0)
        return self.start + each * self.points


def header(path: Path) -> Header:
    """What stands at the top of a PCD file. Raises BadInput where it is no PCD header or makes no sense."""
    with path.open("rb") as stream:
        top = stream.read(LONGEST_HEADER)
    said: dict[str, list[str]] = {}
    start = 0
    while "DATA" not in said:
        line, newline, _ = top[start:].partition(b"\n")
        start += len(line) + 1
        words = line.decode("ascii", "replace").split("#")[0].split()
        if (words and words[0] not in _KEYS) or not newline:
            raise BadInput(f"{path.name}: not a PCD file ({line[:40]!r} in its header); export the points again")
        if words:
            said[words[0]] = words[1:]
    fields = tuple(said.get("FIELDS") or said.get("COLUMNS") or ())
    try:
        sizes = said["SIZE"]
        types = tuple(_TYPES[f"{t}{s}"] for t, s in zip(said["TYPE"], sizes, strict=True))
        counts = tuple(int(c) for c in said.get("COUNT", ["1"] * len(fields)))
        points = int(said["POINTS"][0] if "POINTS" in said else said["WIDTH"][0]) if fields else 0
        if "POINTS" not in said:
            points *= int(said.get("HEIGHT", ["1"])[0])
        made = Header(fields, types, counts, points, said["DATA"][0].lower(), start)
        sound = (
            len(fields) == len(types) == len(counts)
            and all(f in fields for f in "xyz")
            and min(counts) > 0
            and sum(counts) <= MAX_ROW
            and points >= 0
            and made.data in ("ascii", "binary", "binary_compressed")
        )
    except (KeyError, ValueError, IndexError):
        sound = False
    if not sound:
        raise BadInput(
            f"{path.name}: its PCD header makes no sense (fields x, y and z with a SIZE, TYPE and COUNT each, POINTS, "
            "and DATA that is ascii, binary or binary_compressed are needed); export the points again"
        )
    return made


def read(path: Path) -> tuple[Points, Points | None]:
    """The points (N, 3), not a number where the sensor saw nothing, and their normals (N, 3) if the file has them.

    Raises BadInput for a file that is no PCD file or holds less than it says.
    """
    top = header(path)
    try:
        columns = _READERS[top.data](path, top)
    except (ValueError, IndexError, struct.error, OSError) as e:
        reason = " ".join(str(e).split())[:80]
        raise BadInput(f"{path.name}: cannot be read as PCD ({reason}); export the points again") from None
    points = np.stack([columns[c] for c in "xyz"], axis=1)
    named = ("normal_x", "normal_y", "normal_z")
    return points, np.stack([columns[c] for c in named], axis=1) if all(c in columns for c in named) else None


Columns = dict[str, np.ndarray]
"""The first number of each field that is wanted, float64 (N,)."""


def _wanted(top: Header) -> list[int]:
    return [k for k, f in enumerate(top.fields) if f in ("x", "y", "z", "normal_x", "normal_y", "normal_z")]


def _ascii(path: Path, top: Header) -> Columns:
    wanted = _wanted(top)
    at = np.cumsum([0, *top.counts])
    with path.open("rb") as stream:
        stream.seek(top.start)
        table = np.loadtxt(stream, usecols=[int(at[k]) for k in wanted], max_rows=top.points, ndmin=2)
    if len(table) < top.points:
        raise ValueError(f"{len(table):,} of {top.points:,} points are there")
    return {top.fields[k]: table[:, n] for n, k in enumerate(wanted)}


def _binary(path: Path, top: Header) -> Columns:
    table = np.fromfile(path, dtype=top.row, count=top.points, offset=top.start)
    if len(table) < top.points:
        raise ValueError(f"{len(table):,} of {top.points:,} points are there")
    return {top.fields[k]: table[str(k)][:, 0].astype(np.float64) for k in _wanted(top)}


def _compressed(path: Path, top: Header) -> Columns:
    with path.open("rb") as stream:
        stream.seek(top.start)
        packed_size, size = struct.unpack("<II", stream.read(8))
        if size != top.points * top.row.itemsize:
            raise ValueError(f"{size:,} bytes of data for {top.points:,} points of {top.row.itemsize} bytes")
        packed = stream.read(min(packed_size, path.stat().st_size))
    if len(packed) < packed_size:
        raise ValueError("its data end early")
    plain = unpacked(packed, size)
    columns, start = {}, 0
    for k, (kind, count) in enumerate(zip(top.types, top.counts, strict=True)):
        length = np.dtype(kind).itemsize * count * top.points
        if k in _wanted(top):
            column = np.frombuffer(plain, dtype=kind, count=count * top.points, offset=start)
            columns[top.fields[k]] = column[::count].astype(np.float64)
        start += length
    return columns


def unpacked(packed: bytes, size: int) -> bytes:
    """What LZF (LibLZF's format 1) packed into `packed`, which must come to `size` bytes. Raises ValueError."""
    out, at = bytearray(), 0
    while at < len(packed):
        control = packed[at]
        at += 1
        if control < 32:
            literal = packed[at : at + control + 1]
            if len(literal) <= control:
                raise ValueError("LZF data end in the middle")
            out += literal
            at += control + 1
        else:
            length = control >> 5
            if length == 7:
                length += packed[at]
                at += 1
            start = len(out) - ((control & 31) << 8) - packed[at] - 1
            at += 1
            length += 2
            if start < 0:
                raise ValueError("LZF data point before their start")
            # A copy may run into what it writes: it repeats the bytes between.
            chunk = bytes(out[start : start + length])
            out += (chunk * (length // len(chunk) + 1))[:length]
        if len(out) > size:
            break
    if len(out) != size:
        raise ValueError(f"LZF data come to other than {size:,} bytes")
    return bytes(out)


_READERS = {"ascii": _ascii, "binary": _binary, "binary_compressed": _compressed}
