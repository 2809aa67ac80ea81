"""PCD files: the three encodings say the same, and a file that lies about itself is refused."""

import contextlib
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadInput
from tasks.meshes import files, pcd

DATA = Path(__file__).parents[3] / "../shared/data/meshes/pcd"


def packed(plain: bytes) -> bytes:
    """LZF: a copy of what stood at most 8 KB before where four bytes or more repeat, literals otherwise."""
    out, literal, at, seen = bytearray(), bytearray(), 0, dict[bytes, int]()

    def flush() -> None:
        for start in range(0, len(literal), 32):
            out.append(len(literal[start : start + 32]) - 1)
            out.extend(literal[start : start + 32])
        literal.clear()

    while at < len(plain):
        before = seen.get(plain[at : at + 4], -1)
        seen[plain[at : at + 4]] = at
        length = 0
        if before >= 0 and at - before <= 8192:
            while length < 264 and at + length < len(plain) and plain[before + length] == plain[at + length]:
                length += 1
        if length < 4:
            literal.append(plain[at])
            at += 1
            continue
        flush()
        offset, rest = at - before - 1, length - 2
        out.append((min(rest, 7) << 5) | (offset >> 8))
        out.extend([rest - 7] if rest >= 7 else [])
        out.append(offset & 255)
        at += length
    flush()
    return bytes(out)


def written(points: np.ndarray, data: str, normals: np.ndarray | None = None) -> bytes:
    """A PCD file (float32) with a colour between coordinates and normals, as scanners write it."""
    columns = [*points.T.astype("<f4"), np.full(len(points), 0x336699, "<u4")]
    names, types = ["x", "y", "z", "rgb"], ["F", "F", "F", "U"]
    if normals is not None:
        columns += [*normals.T.astype("<f4")]
        names, types = [*names, "normal_x", "normal_y", "normal_z"], [*types, "F", "F", "F"]
    rows = np.rec.fromarrays(columns, names=names)
    head = (
        f"# .PCD v0.7 - Point Cloud Data file format\nVERSION 0.7\nFIELDS {' '.join(names)}\n"
        f"SIZE {' '.join(['4'] * len(names))}\nTYPE {' '.join(types)}\nCOUNT {' '.join(['1'] * len(names))}\n"
        f"WIDTH {len(points)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(points)}\nDATA {data}\n"
    ).encode()
    if data == "ascii":
        return head + "\n".join(" ".join(repr(float(v)) for v in row) for row in rows).encode() + b"\n"
    if data == "binary":
        return head + rows.tobytes()
    plain = b"".join(np.ascontiguousarray(c).tobytes() for c in columns)
    squeezed = packed(plain)
    return head + struct.pack("<II", len(squeezed), len(plain)) + squeezed


POINTS = np.random.default_rng(0).random((300, 3)).astype(np.float32).astype(np.float64)


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
def test_every_encoding_holds_the_same_points(tmp_path: Path, data: str) -> None:
    (tmp_path / "a.pcd").write_bytes(written(POINTS, data, normals=POINTS[::-1]))
    points, normals = pcd.read(tmp_path / "a.pcd")
    assert np.array_equal(points, POINTS)
    assert normals is not None and np.array_equal(normals, POINTS[::-1])


@pytest.mark.parametrize("data", ["ascii", "binary", "binary_compressed"])
def test_places_that_a_sensor_did_not_see_stay_countable(tmp_path: Path, data: str) -> None:
    points = POINTS.copy()
    points[7] = np.nan
    (tmp_path / "a.pcd").write_bytes(written(points, data))
    assert np.isnan(files.numbered(tmp_path / "a.pcd")).all(axis=1).nonzero()[0].tolist() == [7]


@given(st.binary(max_size=2000) | st.text("ab", max_size=2000).map(str.encode))
def test_unpacking_undoes_packing(plain: bytes) -> None:
    assert pcd.unpacked(packed(plain), len(plain)) == plain


@given(st.binary(max_size=300), st.integers(0, 500))
def test_no_bytes_unpack_to_another_size_than_was_said(data: bytes, size: int) -> None:
    with contextlib.suppress(ValueError, IndexError):
        assert len(pcd.unpacked(data, size)) == size


GOOD = written(POINTS, "binary")
LIES = [
    # what is changed, what the refusal says
    (lambda b: b[: len(b) // 2], "cut off"),
    (lambda b: b.replace(b"POINTS 300", b"POINTS 3000000"), "cut off"),
    (lambda b: b.replace(b"POINTS 300", b"POINTS 4000000000"), "cut off"),
    (lambda b: b.replace(b"POINTS 300", b"POINTS -3"), "makes no sense"),
    (lambda b: b.replace(b"FIELDS x y z", b"FIELDS a b c"), "makes no sense"),
    (lambda b: b.replace(b"COUNT 1 1 1 1", b"COUNT 1 1 1 99999999"), "makes no sense"),
    (lambda b: b.replace(b"SIZE 4 4 4 4", b"SIZE 4 4 4 3"), "makes no sense"),
    (lambda b: b.replace(b"DATA binary", b"DATA magic"), "makes no sense"),
    (lambda b: b"\x00" * 5000, "not a PCD file"),
    (lambda b: b"VERSION 0.7\n" * 10000, "not a PCD file"),
    (lambda b: written(POINTS, "ascii")[:-300], "points are there"),
    (lambda b: written(POINTS, "ascii").replace(b"0.", b"zero", 3), "cannot be read as PCD"),
    (lambda b: written(POINTS, "binary_compressed")[:-300], "end early"),
    (lambda b: written(POINTS, "binary_compressed").replace(b"POINTS 300", b"POINTS 301"), "bytes of data for 301"),
]


@pytest.mark.parametrize(("change", "says"), LIES, ids=range(len(LIES)))
def test_a_file_that_lies_is_refused_in_one_sentence(tmp_path: Path, change: object, says: str) -> None:
    (tmp_path / "liar.pcd").write_bytes(change(GOOD))  # type: ignore[operator]
    with pytest.raises(BadInput) as refusal:
        files.read(tmp_path / "liar.pcd")
    assert says in str(refusal.value) and str(refusal.value).startswith("liar.pcd: ")


@pytest.mark.skipif(not DATA.is_dir(), reason="the real clouds are not here")
@pytest.mark.parametrize(("name", "count", "tall"), [("bunny", 397, 0.1535), ("milk", 13704, 0.2521)])
def test_real_clouds(name: str, count: int, tall: float) -> None:
    points, normals = pcd.read(DATA / f"{name}.pcd")
    assert points.shape == (count, 3) and normals is None and np.isfinite(points).all()
    assert np.ptp(points, axis=0).max() == pytest.approx(tall, abs=1e-4)
