"""A closed surface through a cloud of points.

The surface is a level set of the function whose gradient comes nearest to the field of the points' normals: Poisson's
equation (Kazhdan et al., 2006), solved by a Fourier transform on a regular grid (Peng et al., Shape As Points, 2021).
Its vertices are then drawn onto the points near them. What it cannot do: walls thinner than about two spacings of the
points, edges sharper than one, and anything where no points are, which it closes smoothly.
"""

import numpy as np

from schemas.errors import BadInput
from tasks.meshes.normals import outward
from tasks.meshes.points import MIN_POINTS, Cloud, settled, unit
from tasks.meshes.poisson import Poisson
from tasks.meshes.refine import Faces, Points

FAR = 3.0
"""Surface farther than so many spacings from every point is made up."""
MADE_UP = 0.25
"""The share of the surface that may be."""
BESIDE = 1.5
"""An open surface ends so many spacings beside its points."""
OFF = 1.5
"""A surface that misses a twentieth of the points by more than so many spacings has failed."""
SMOOTH = 1.2
"""Spacings that the points around a place are averaged over."""
SIMPLER = 0.03
"""Spacings by which faces may leave the surface to be fewer."""


def surface(
    name: str, points: Points, normals: Points | None, open_surface: bool, notes: list[str]
) -> tuple[Points, Faces]:
    """A closed surface (V, 3), (F, 3) through `points` (N, 3), and in `notes` how far it is from them; if
    `open_surface`, only the part that has points.

    Points that are not numbers are left out, as are strays. Raises BadInput, in one sentence that begins with `name`,
    for a cloud that is too sparse, too noisy, or open over a large part.
    """
    seen = np.isfinite(points).all(axis=1)
    if len(points) - seen.sum():
        notes.append(f"{len(points) - int(seen.sum()):,} points without coordinates left out")
    points, normals = points[seen], None if normals is None else normals[seen]
    if len(points) < MIN_POINTS:
        raise BadInput(f"{name}: {len(points)} points are too few for a surface; give at least {MIN_POINTS}")
    cloud, used = settled(name, points, notes)
    poisson = Poisson(cloud)
    facing = outward(name, cloud, poisson, None if normals is None else unit(normals[used]))
    vertices, faces = poisson.surface(poisson.solve(facing))
    vertices, faces = _simplified(_drawn(vertices, cloud, facing), faces, SIMPLER * cloud.spacing)
    vertices, faces = _judged(name, vertices, faces, cloud, open_surface, notes)
    return vertices * cloud.size + cloud.low, faces


def _simplified(vertices: Points, faces: Faces, tolerance: float) -> tuple[Points, Faces]:
    """Fewer faces, nowhere farther than `tolerance` from the surface; closed and manifold as before."""
    from manifold3d import Manifold, Mesh64

    mesh = Mesh64(vert_properties=vertices, tri_verts=faces.astype(np.uint64))
    fewer = Manifold(mesh).simplify(tolerance).to_mesh64()
    return np.asarray(fewer.vert_properties, np.float64)[:, :3], np.asarray(fewer.tri_verts).astype(np.int32)


def _drawn(vertices: Points, cloud: Cloud, normals: Points) -> Points:
    """The vertices moved onto the planes of the points near them, by half a spacing at most each time."""
    from scipy.spatial import cKDTree

    tree = cKDTree(cloud.points)
    points, looks = np.vstack([cloud.points, np.zeros(3)]), np.vstack([normals, np.zeros(3)])
    for _ in range(2):
        # Of points that are too far, the tree gives the index after the last one.
        distance, near = tree.query(vertices, k=8, distance_upper_bound=FAR * cloud.spacing)
        distance = np.minimum(distance, 1e3)
        weight = np.exp(-((distance / (SMOOTH * cloud.spacing)) ** 2))
        normal = np.einsum("nk,nki->ni", weight, looks[near])
        height = np.einsum("nk,nki,nki->n", weight, points[near] - vertices[:, None], looks[near])
        height = np.clip(height / np.maximum(weight.sum(axis=1), 1e-12), -cloud.spacing / 2, cloud.spacing / 2)
        trust = np.clip(1 - distance[:, 0] / (FAR * cloud.spacing), 0, 1)
        vertices = vertices + (trust * height)[:, None] * unit(normal)
    return vertices


def _judged(
    name: str, vertices: Points, faces: Faces, cloud: Cloud, open_surface: bool, notes: list[str]
) -> tuple[Points, Faces]:
    """The surface as it is, or what has points of an open one, when it fits the points."""
    import trimesh
    from scipy.spatial import cKDTree

    corners = vertices[faces]
    a, b, c = corners.transpose(1, 0, 2)
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    middle = corners.mean(axis=1)
    off = np.full(len(cloud.points), np.inf)
    for face in cKDTree(middle).query(cloud.points, k=min(8, len(faces)))[1].T:
        nearest = trimesh.triangles.closest_point(corners[face], cloud.points)
        off = np.minimum(off, np.linalg.norm(nearest - cloud.points, axis=1))
    far = float(np.quantile(off, 0.95))
    if far > OFF * cloud.spacing:
        raise BadInput(
            f"{name}: no surface through its points was found, a twentieth of them are {far:.1%} of the object's size "
            "away from the best one; give denser points (walls thinner than their spacing cannot be told apart)"
        )
    lonely = cKDTree(cloud.points).query(middle, distance_upper_bound=FAR * cloud.spacing)[0] / cloud.spacing
    made_up = float(area[lonely > FAR].sum() / area.sum())
    notes.append(
        f"surface reconstructed from {len(cloud.points):,} points {cloud.spacing:.1%} of the size apart, half of them "
        f"within {np.median(off):.2%} of it and 95% within {far:.2%}"
    )
    if open_surface:
        return vertices, faces[lonely < BESIDE]
    if made_up > MADE_UP:
        raise BadInput(
            f"{name}: {made_up:.0%} of the object's surface has no points; give a scan of all of its sides, or set "
            "`open_surface: true` to take only what was scanned"
        )
    if made_up > 0.005:
        notes.append(f"{made_up:.0%} of the surface closed where no points are")
    return vertices, faces
