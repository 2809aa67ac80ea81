"""Triangles as one sound surface: repaired where that is safe, refused with one sentence where it is not."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput
from tasks.meshes.refine import Faces, Points, edges_of

MIN_FACES = 4
WELD_DIGITS = 6
"""Vertices that agree to so many decimals, at a longest side of 1, are one vertex."""
SPECK = 0.001
"""A body with less than this share of the largest one's area is dust from the modelling or scanning program."""
MAX_BODIES = 10_000
"""Which of more bodies lie inside which others would take too long to find."""
HOLE_EDGES = 16
"""A hole with at most so many edges, and a girth below `HOLE_GIRTH`, is closed; a larger one is meant."""
HOLE_GIRTH = 0.15
FLAT = 1e-4
HOLLOW = 1e-6
"""A closed surface around less than this share of its longest side cubed encloses nothing."""


def repaired(
    name: str,
    vertices: Points,
    faces: Faces,
    bodies: Literal["one", "largest", "all"],
    open_surface: bool,
    notes: list[str],
) -> tuple[Points, Faces]:
    """One sound surface, in coordinates of its own scale; what was repaired is added to `notes`.

    Raises BadInput, in one sentence that begins with `name`, for too few faces, coordinates that are not numbers, a
    flat or hollow surface, a non-manifold one, a soup of loose triangles, an open one unless `open_surface`, or
    (`one`) several bodies.
    """  # fmt: skip
    if len(faces) < MIN_FACES:
        raise BadInput(
            f"{name}: {_number(len(faces), 'face')} cannot make an object; give at least {MIN_FACES} triangles"
        )
    if not np.isfinite(vertices).all():
        raise BadInput(f"{name}: coordinates that are not numbers (NaN or infinite); export the mesh again")
    if (faces < 0).any() or (faces >= len(vertices)).any():
        raise BadInput(f"{name}: faces name vertices that are not there; export the mesh again")
    _refuse_flat(name, vertices[np.unique(faces)])

    low = vertices[np.unique(faces)].min(axis=0)
    size = float(np.ptp(vertices[np.unique(faces)], axis=0).max())
    mesh = _welded((vertices - low) / size, faces, notes)
    if len(mesh.faces) < MIN_FACES:
        raise BadInput(
            f"{name}: only {_number(len(mesh.faces), 'face')} left without the degenerate ones; export the mesh again"
        )
    mesh = _bodies(name, mesh, bodies, notes)
    mesh = _without_fins(mesh, notes)
    crowded = int((_sharing(mesh.faces) > 2).sum())
    if crowded:
        raise BadInput(
            f"{name}: not a manifold surface, more than two faces meet at {_number(crowded, 'edge')}; "
            "make it manifold in a modelling program (in Blender: 3D-Print Toolbox, Make Manifold)"
        )
    mesh = _oriented(mesh, notes)
    mesh = _filled(mesh, notes)
    _refuse_flat(name, mesh.vertices)
    if rim := int((_sharing(mesh.faces) == 1).sum()):
        if not open_surface:
            raise BadInput(
                f"{name}: the surface is open, {_number(rim, 'boundary edge')}; close it, or set `open_surface: true` "
                "for an object that is meant to be open"
            )
        notes.append(f"open surface, {_number(rim, 'boundary edge')}")
    elif abs(mesh.volume) < HOLLOW * float(np.ptp(mesh.vertices, axis=0).max()) ** 3:
        raise BadInput(f"{name}: a closed surface without a volume; give a solid, or a shell with a wall thickness")
    return np.asarray(mesh.vertices, dtype=np.float64) * size + low, np.asarray(mesh.faces)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _refuse_flat(name: str, vertices: Points) -> None:
    sides = np.ptp(vertices, axis=0)
    if not sides.max() > 0:
        raise BadInput(f"{name}: all its vertices are one point; export the mesh again")
    spread = np.linalg.svd((vertices - vertices.mean(axis=0)) / sides.max(), compute_uv=False) / len(vertices) ** 0.5
    if spread[-1] < FLAT:
        raise BadInput(f"{name}: the mesh is flat, without thickness; give a solid or a curved surface")


def _sharing(faces: Any) -> NDArray[np.int64]:
    """How many faces share each unique edge (E,)."""
    return np.bincount(edges_of(np.asarray(faces))[1].ravel())


def _welded(vertices: Points, faces: Faces, notes: list[str]) -> Any:
    """One vertex per place, at a longest side of 1; no face with a repeated corner and none there twice."""
    import trimesh

    mesh = trimesh.Trimesh(vertices, faces, process=False)
    mesh.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=WELD_DIGITS)
    a, b, c = mesh.faces.T
    whole = (a != b) & (b != c) & (c != a)
    if not whole.all():
        notes.append(f"{_number((~whole).sum(), 'degenerate face')} dropped")
        mesh.update_faces(whole)
    once = mesh.unique_faces()
    if not once.all():
        notes.append(f"{_number((~once).sum(), 'duplicate face')} dropped")
        mesh.update_faces(once)
    mesh.remove_unreferenced_vertices()
    return mesh


def _components(mesh: Any) -> list[NDArray[np.int64]]:
    """Faces that hang together over edges, however many share one; the largest area first."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    _, of_face = edges_of(np.asarray(mesh.faces))
    rows = np.repeat(np.arange(len(of_face)), 3)
    touch = coo_array((np.ones(of_face.size), (rows, of_face.ravel()))).tocsr()
    count, label = connected_components(touch @ touch.T, directed=False)
    area = np.bincount(label, mesh.area_faces, minlength=count)
    by_label = np.split(np.argsort(label, kind="stable"), np.cumsum(np.bincount(label))[:-1])
    return [by_label[k] for k in np.argsort(-area, kind="stable")]


def _bodies(name: str, mesh: Any, want: str, notes: list[str]) -> Any:
    groups = _components(mesh)
    if int((_sharing(mesh.faces) == 1).sum()) > len(mesh.faces):
        raise BadInput(
            f"{name}: a soup of {len(mesh.faces)} triangles that hardly share an edge; join it to a surface first"
        )
    area = np.array([mesh.area_faces[g].sum() for g in groups])
    large = [g for g, size in zip(groups, area, strict=True) if size >= SPECK * area[0]]
    if len(large) < len(groups):
        specks = _number(len(groups) - len(large), "speck")
        notes.append(f"{specks} of less than {SPECK:.1%} of the largest body's area dropped")
    if len(large) > MAX_BODIES:
        raise BadInput(
            f"{name}: {len(large):,} separate bodies are more than {MAX_BODIES:,}; join them, or delete what is not "
            "the object"
        )
    # A closed shell inside another one is a cavity of that body, not a body of its own.
    body = [around[0] if around else k for k, around in enumerate(_enclosing(mesh, large))]
    count = len(set(body))
    if count > 1 and want == "one":
        raise BadInput(
            f"{name}: {count} separate bodies; "
            "set `bodies: largest` to keep the largest or `bodies: all` to keep all of them"
        )
    if count > 1 and want == "largest":
        mine = np.equal(body, 0)
        kept = area[: len(large)][mine].sum() / area[: len(large)].sum()
        notes.append(f"largest of {count} bodies kept, {kept:.0%} of the area")
        large = [large[k] for k in np.flatnonzero(mine)]
    keep = np.sort(np.concatenate(large))
    return mesh if len(keep) == len(mesh.faces) else mesh.submesh([keep], append=True, repair=False)


def _enclosing(mesh: Any, groups: list[NDArray[np.int64]]) -> list[list[int]]:
    """For each shell, the larger ones that it lies inside, the largest first; an open one is inside of none and has
    no inside."""
    _, of_face = edges_of(np.asarray(mesh.faces))
    twice = (np.bincount(of_face.ravel()) == 2)[of_face].all(axis=1)
    closed = np.array([twice[g].all() for g in groups])
    low, high = (np.stack([f(mesh.triangles[g], axis=(0, 1)) for g in groups], axis=1) for f in (np.min, np.max))
    around: list[list[int]] = [[] for _ in groups]
    for k in np.flatnonzero(closed):
        boxed = (low[:, k + 1 :] > low[:, [k]]).all(axis=0) & (high[:, k + 1 :] < high[:, [k]]).all(axis=0)
        inner = np.flatnonzero(boxed & closed[k + 1 :]) + k + 1
        if not len(inner):
            continue
        probes = [mesh.vertices[np.unique(mesh.faces[groups[i]])[:8]] for i in inner]
        inside = mesh.submesh([groups[k]], append=True, repair=False).contains(np.concatenate(probes))
        starts = np.cumsum([0, *(len(p) for p in probes[:-1])])
        for i in inner[np.logical_and.reduceat(inside, starts)]:
            around[i].append(int(k))
    return around


def _without_fins(mesh: Any, notes: list[str]) -> Any:
    """Drop faces that stick out of a crowded edge into nothing, layer by layer."""
    dropped = 0
    while True:
        _, of_face = edges_of(np.asarray(mesh.faces))
        sharing = np.bincount(of_face.ravel())[of_face]
        fins = (sharing > 2).any(axis=1) & (sharing == 1).any(axis=1)
        if not fins.any():
            break
        dropped += int(fins.sum())
        mesh.update_faces(~fins)
    if dropped:
        notes.append(f"{_number(dropped, 'face')} sticking out of the surface dropped")
        mesh.remove_unreferenced_vertices()
    return mesh


def _oriented(mesh: Any, notes: list[str]) -> Any:
    """Every shell wound one way, outward; the shells of cavities inward."""
    import trimesh

    before = mesh.faces.copy()
    trimesh.repair.fix_winding(mesh)
    faces, groups = mesh.faces.copy(), _components(mesh)
    for group, around in zip(groups, _enclosing(mesh, groups), strict=True):
        if (_volume(mesh, group) < 0) != (len(around) % 2 == 1):
            faces[group] = faces[group][:, ::-1]
    mesh = trimesh.Trimesh(mesh.vertices, faces, process=False)
    turned = int((_winding(before) != _winding(faces)).sum())
    if turned:
        notes.append(f"{_number(turned, 'face')} turned to look outward")
    return mesh


def _volume(mesh: Any, group: NDArray[np.int64]) -> float:
    """What a shell encloses, the cone over the rim of an open one counted in; negative if it is wound inward."""
    corners = mesh.triangles[group]
    middle = np.average(corners.mean(axis=1), axis=0, weights=mesh.area_faces[group] + np.finfo(float).tiny)
    a, b, c = (corners - middle).transpose(1, 0, 2)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def _winding(faces: Any) -> NDArray[np.bool_]:
    """Whether the corners of each face (F,) run upward from the lowest index to the next one."""
    corners = np.asarray(faces)
    first = np.argmin(corners, axis=1)
    rows = np.arange(len(corners))
    return np.asarray(corners[rows, (first + 1) % 3] < corners[rows, (first + 2) % 3])


def _filled(mesh: Any, notes: list[str]) -> Any:
    """Small holes closed by a fan around their centre."""
    import trimesh

    vertices, faces = [np.asarray(mesh.vertices)], [np.asarray(mesh.faces)]
    count = len(mesh.vertices)
    for loop in _loops(faces[0]):
        ring = mesh.vertices[loop]
        if len(loop) > HOLE_EDGES or np.linalg.norm(np.roll(ring, -1, axis=0) - ring, axis=1).sum() > HOLE_GIRTH:
            continue
        following = np.roll(loop, -1)
        if len(loop) == 3:
            faces.append(loop[None, ::-1])
            continue
        faces.append(np.stack([following, loop, np.full(len(loop), count)], axis=1))
        vertices.append(ring.mean(axis=0, keepdims=True))
        count += 1
    if len(faces) > 1:
        notes.append(f"{_number(len(faces) - 1, 'small hole')} closed")
    return trimesh.Trimesh(np.concatenate(vertices), np.concatenate(faces), process=False)


def _loops(faces: Any) -> Iterator[NDArray[np.int64]]:
    """Boundary loops as vertex cycles in the direction of their faces; loops that touch are left out."""
    pairs = np.stack([faces, np.roll(faces, -1, axis=1)], axis=2).reshape(-1, 2)
    _, of_face = edges_of(faces)
    rim = pairs[(np.bincount(of_face.ravel())[of_face] == 1).ravel()]
    starts, times = np.unique(rim[:, 0], return_counts=True)
    after = dict(zip(rim[:, 0].tolist(), rim[:, 1].tolist(), strict=True))
    touching = set(starts[times > 1].tolist())
    while after:
        start, nxt = next(iter(after.items()))
        cycle = [start]
        while (nxt := after.pop(cycle[-1], -1)) not in (-1, start):
            cycle.append(nxt)
        if nxt == start and not touching.intersection(cycle):
            yield np.array(cycle)
