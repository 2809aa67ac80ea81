"""Mesh and point files as arrays: formats told apart, claims of size checked before anything is parsed."""

import json
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput
from tasks.meshes import faults, pcd
from tasks.meshes.refine import Faces, Points

MAX_FACES = 2_000_000
MAX_POINTS = 4_000_000
MAX_PARTS = 50_000
"""Places that a scene has meshes in."""
MAX_BYTES = 2 << 30
"""No file of so many faces needs more."""
LOOKS = ("KHR_materials_", "KHR_texture_", "KHR_lights_", "EXT_texture_", "MSFT_texture_", "KHR_mesh_quantization")
"""Extensions of GLB that its geometry can be read without, and the one that the parser knows."""


@dataclass(frozen=True)
class Content:
    """What a file holds; a point cloud has no faces."""

    vertices: Points
    """float64 (V, 3)"""
    faces: Faces
    """(F, 3)"""
    normals: Points | None = None
    """float64 (V, 3), of a point cloud that comes with them."""


@dataclass(frozen=True)
class Claim:
    """What a file says that it holds, and the least number of bytes that this takes."""

    faces: int
    points: int
    least_bytes: int


@faults.of_the_file
def read(path: Path) -> Content:
    """The triangles, or the points, of an OBJ, STL, PLY, GLB or PCD file, as they stand there.

    Raises BadInput for a file that is missing, closed to us, empty, larger than its like may be, shorter than it says,
    or not what its name says.
    """
    name, suffix = path.name, path.suffix.lower()
    if suffix not in _CLAIMS:
        raise BadInput(
            f"{name}: {suffix or 'no suffix'} is not a mesh format read here; give OBJ, STL, PLY, GLB or PCD"
        )
    if not path.is_file():
        raise BadInput(f"{name}: no such file; check `mesh` in the recipe")
    size = path.stat().st_size
    if size == 0:
        raise BadInput(f"{name}: the file is empty (0 bytes); copy or export it again")
    if size > MAX_BYTES:
        raise BadInput(f"{name}: {size / 1e9:.1f} GB are more than any mesh needs here; decimate the mesh first")
    try:
        claim = _CLAIMS[suffix](path, size)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error, RecursionError) as e:
        raise _unreadable(path, e) from None
    if claim.least_bytes > size:
        raise BadInput(
            f"{name}: the file is cut off: it says that it holds {_said(claim)}, "
            f"which its {size:,} bytes cannot be; copy or export it again"
        )
    _refuse_crowd(name, claim.faces, claim.points)
    if suffix == ".pcd":
        points, normals = pcd.read(path)
        return Content(points, np.zeros((0, 3), np.int32), normals)
    return _parsed(path)


def _refuse_crowd(name: str, faces: int, points: int, parts: int = 1) -> None:
    if faces > MAX_FACES:
        raise BadInput(f"{name}: {faces:,} faces are more than {MAX_FACES:,}; decimate the mesh first")
    if points > MAX_POINTS:
        raise BadInput(f"{name}: {points:,} points are more than {MAX_POINTS:,}; thin them out first")
    if parts > MAX_PARTS:
        raise BadInput(f"{name}: {parts:,} parts are more than {MAX_PARTS:,}; join them first")


def _said(claim: Claim) -> str:
    counts = {"faces": claim.faces, "points": claim.points, "bytes": claim.least_bytes}
    return next(f"{count:,} {noun}" for noun, count in counts.items() if count)


@faults.of_the_file
def numbered(path: Path) -> Points:
    """The vertices or points of a file (V, 3) in the order in which it numbers them. Raises BadInput."""
    if path.suffix.lower() == ".obj":
        with path.open("rb") as stream:
            rows = [line.split()[1:4] for line in stream if line.startswith((b"v ", b"v\t"))]
        return np.array(rows, dtype=np.float64).reshape(-1, 3)
    if path.suffix.lower() == ".stl":
        raise BadInput(f"{path.name}: an STL file does not number its vertices; give labels as lines of `x y z label`")
    return read(path).vertices


def _parsed(path: Path) -> Content:
    import trimesh

    name, kind = path.name, path.suffix.lower()[1:]
    parts = _parts(path, kind)
    if flat := [p for p in parts if np.shape(p.vertices)[1:] != (3,)]:
        count = np.shape(flat[0].vertices)[-1]
        raise BadInput(f"{name}: its vertices have {count} coordinates in place of 3; export the mesh again")
    meshes = [p for p in parts if isinstance(p, trimesh.Trimesh) and len(p.faces)]
    if not meshes and kind == "ply":
        for part in parts:
            if len(part.vertices):
                points = np.asarray(part.vertices, dtype=np.float64)
                return Content(points, np.zeros((0, 3), np.int32), _ply_normals(part.metadata, len(points)))
    if not meshes:
        raise BadInput(f"{name}: no faces in it; export a triangle surface (not points or curves) as {kind.upper()}")
    offsets = np.cumsum([0, *(len(m.vertices) for m in meshes[:-1])])
    vertices = np.concatenate([np.asarray(m.vertices, dtype=np.float64) for m in meshes])
    faces = np.concatenate([np.asarray(m.faces) + o for m, o in zip(meshes, offsets, strict=True)])
    return Content(vertices, faces)


def _parts(path: Path, kind: str) -> list[Any]:
    """What stands in a file, each part at its place: parsed, counted, and only then multiplied."""
    import trimesh

    try:
        with path.open("rb") as stream:
            # A resolver of None keeps textures and material files, which a stranger may point anywhere, unread.
            scene = trimesh.load_scene(stream, file_type=kind, process=False, resolver=None, skip_materials=True)
        # A face of many corners is many triangles, and many nodes of a scene may place one mesh.
        placed = [scene.geometry[key] for key, nodes in scene.graph.geometry_nodes.items() for _ in nodes]
        faces = sum(len(getattr(p, "faces", ())) for p in placed)
        _refuse_crowd(path.name, faces, sum(len(p.vertices) for p in placed) - 3 * faces, len(placed))
        return list(scene.dump())
    except BadInput:
        raise
    except Exception as e:  # noqa: BLE001  the parsers raise whatever their byte fiddling stumbles over
        raise _unreadable(path, e) from None


def _ply_normals(metadata: dict[str, Any], count: int) -> Points | None:
    columns = metadata.get("_ply_raw", {}).get("vertex", {}).get("data", {})
    # A text file's columns come as a dictionary, a binary one's as an array with named fields.
    names = columns.dtype.names if isinstance(columns, np.ndarray) else columns
    found = [np.ravel(columns[c]) for c in ("nx", "ny", "nz") if c in names]
    return np.stack(found, axis=1).astype(np.float64) if [len(f) for f in found] == [count] * 3 else None


def _unreadable(path: Path, why: Exception) -> BadInput:
    reason = " ".join(str(why).split())[:80] or type(why).__name__
    kind = path.suffix[1:].upper()
    return BadInput(f"{path.name}: cannot be read as {kind} ({reason}); export the mesh again")


# --- what a file claims --------------------------------------------------------------------------------------------


def _obj(path: Path, size: int) -> Claim:
    if _counted(path, rb"(?m)^f(?:[ \t].*)?[ \t]0(?=[/\s]|$)"):
        raise BadInput(f"{path.name}: a face names vertex 0, but OBJ counts from 1; export the mesh again")
    faces, points = _counted(path, rb"(?m)^f\s"), _counted(path, rb"(?m)^v\s")
    return Claim(faces, points, 0)


def _stl(path: Path, size: int) -> Claim:
    with path.open("rb") as stream:
        head = stream.read(84)
    if len(head) == 84:
        (count,) = struct.unpack("<I", head[80:])
        if 84 + 50 * count == size:
            return Claim(count, 0, size)
    if head.lstrip().lower().startswith(b"solid") and (facets := _counted(path, rb"(?i)endfacet")):
        return Claim(facets, 0, 0)
    return Claim(count, 0, 84 + 50 * count) if len(head) == 84 else Claim(0, 0, 84)


def _ply(path: Path, size: int) -> Claim:
    with path.open("rb") as stream:
        head = stream.read(1 << 16)
    end = head.find(b"end_header")
    if not head.startswith(b"ply") or end < 0:
        raise ValueError("no PLY header")
    counts = {kind: int(count) for kind, count in re.findall(rb"(?m)^element\s+(\w+)\s+(\d+)", head[:end])}
    points, faces = counts.get(b"vertex", 0), counts.get(b"face", 0)
    # A vertex takes three numbers and a face four, each of them a byte at the very least.
    return Claim(faces, points, end + 3 * points + 4 * faces)


def _glb(path: Path, size: int) -> Claim:
    with path.open("rb") as stream:
        magic, _version, total, length, kind = struct.unpack("<4sIII4s", stream.read(20))
        if magic != b"glTF" or kind != b"JSON":
            raise ValueError("no GLB header")
        if max(length, total) > size:
            return Claim(0, 0, max(length, total))
        scene = json.loads(stream.read(length))
    if unknown := ", ".join(e for e in scene.get("extensionsRequired", []) if not e.startswith(LOOKS)):
        raise BadInput(f"{path.name}: cannot be read without {unknown:.120}; export the mesh without compression")
    accessors = scene.get("accessors", [])
    parts = [p for mesh in scene.get("meshes", []) for p in mesh.get("primitives", [])]
    corners = sum(int(accessors[p["indices"]]["count"]) for p in parts if "indices" in p)
    points = sum(int(accessors[p["attributes"]["POSITION"]]["count"]) for p in parts)
    return Claim(corners // 3, points, total)


def _pcd(path: Path, size: int) -> Claim:
    header = pcd.header(path)
    return Claim(0, header.points, header.least_bytes)


def _counted(path: Path, pattern: bytes) -> int:
    """How often a pattern stands in the lines of a file, read in blocks."""
    found, tail, search = 0, b"", re.compile(pattern)
    with path.open("rb") as stream:
        while block := stream.read(1 << 22):
            lines = (tail + block).rpartition(b"\n")
            found += len(search.findall(lines[0] + lines[1]))
            tail = lines[2]
            if len(tail) > 1 << 24:
                raise ValueError("a line without an end")
    return found + len(search.findall(tail))


_CLAIMS: dict[str, Callable[[Path, int], Claim]] = {
    ".obj": _obj, ".stl": _stl, ".ply": _ply, ".glb": _glb, ".pcd": _pcd,
}  # fmt: skip

AXES: dict[str, NDArray[np.float64]] = {
    "x": np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]]),
    "y": np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
    "z": np.eye(3),
    "-x": np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]]),
    "-y": np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]]),
    "-z": np.array([[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]),
}
"""The rotations that point a file's upward axis to z."""
UP = {".glb": "y"}
"""Upward axis of the formats that define one; z otherwise."""
