"""A closed surface through a cloud of points.

Normals are those of the file, or planes fitted to the neighbours and turned the same way along a minimum spanning
tree (Hoppe et al., Surface Reconstruction from Unorganized Points, 1992). The surface is a level set of the function
whose gradient comes nearest to the field of normals: Poisson's equation (Kazhdan et al., 2006), solved by a Fourier
transform on a regular grid (Peng et al., Shape As Points, 2021). Its vertices are then drawn onto the points near
them. What it cannot do: walls thinner than about two spacings of the points, edges sharper than one, and anything
where no points are, which it closes smoothly.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput
from tasks.meshes.grids import Grid, cut, weights
from tasks.refine import Faces, Points

MIN_POINTS = 100
MAX_USED = 150_000
"""Of more points than so many, one per cell of a grid is used."""
SPARSE = 0.08
"""Points farther apart than this share of the longest side say too little."""
ROUGH = 0.45
"""Neighbours whose thickness is more than this share of their width lie on no surface."""
STRAY = 4.0
"""A point whose neighbours are so many spacings away belongs to nothing."""
FAR = 3.0
"""Surface farther than so many spacings from every point is made up."""
MADE_UP = 0.25
"""The share of the surface that may be."""
BESIDE = 1.5
"""An open surface ends so many spacings beside its points."""
OFF = 1.5
"""A surface that misses a twentieth of the points by more than so many spacings has failed."""
NEIGHBOURS = 12
FINEST = 144
"""Cells along the longest side, at most."""
MARGIN = 0.15
TURNS = 20
BLUR = 1.2
"""Spacings that the field of normals is smoothed over; less leaves bumps between the points."""
SMOOTH = 1.2
"""Spacings that the points around a place are averaged over."""
SIMPLER = 0.03
"""Spacings by which faces may leave the surface to be fewer."""


@dataclass(frozen=True)
class _Cloud:
    """Points at a longest side of 1."""

    points: Points
    spacing: float
    """Typical distance between neighbours."""
    near: NDArray[np.int64]
    """(N, NEIGHBOURS) indices of the nearest points, the point itself left out"""
    apart: NDArray[np.float64]
    """(N,) distance between neighbours around each point"""


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
    low, size = points.min(axis=0), float(np.ptp(points, axis=0).max())
    if not size > 0:
        raise BadInput(f"{name}: all its points are one; export them again")
    keep = _thinned((points - low) / size)
    cloud, kept = _settled(name, ((points - low) / size)[keep], notes)
    given = None if normals is None else _unit(normals[keep][kept])
    facing = _normals(name, cloud, given)
    vertices, faces, facing = _level_set(cloud, facing, 0 if normals is not None else TURNS)
    vertices, faces = _simplified(_drawn(vertices, cloud, facing), faces, SIMPLER * cloud.spacing)
    vertices, faces = _judged(name, vertices, faces, cloud, open_surface, notes)
    return vertices * size + low, faces


def _thinned(points: Points) -> NDArray[np.int64]:
    """Indices of the points to use: each place once, and about `MAX_USED` of them."""
    cell = 1e-6
    while True:
        _, first = np.unique(np.floor(points / cell).astype(np.int64), axis=0, return_index=True)
        if len(first) <= MAX_USED:
            return np.sort(first)
        # The points lie on a surface: their number falls with the square of the cell.
        cell = max(1e-4, cell * (len(first) / MAX_USED) ** 0.5 * 1.05)


def _settled(name: str, points: Points, notes: list[str]) -> tuple[_Cloud, NDArray[np.bool_]]:
    """The cloud without strays, and which points (N,) are left."""
    from scipy.spatial import cKDTree

    def look(at: Points) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        distance, near = cKDTree(at).query(at, k=NEIGHBOURS + 1)
        # Of random points on a surface, the fourth neighbour is as far as points of a square grid are.
        return distance[:, 4], near[:, 1:]

    if len(points) < MIN_POINTS:
        raise BadInput(f"{name}: {len(points)} different points are too few for a surface; give at least {MIN_POINTS}")
    apart, near = look(points)
    kept = apart < STRAY * float(np.median(apart))
    if not kept.all():
        if kept.mean() < 0.9:
            raise BadInput(f"{name}: {1 - kept.mean():.0%} of the points stand alone; clean the cloud first")
        notes.append(f"{int((~kept).sum()):,} stray points left out")
        apart, near = look(points[kept])
    spacing = float(np.median(apart))
    if spacing > SPARSE:
        raise BadInput(
            f"{name}: the points are {spacing:.0%} of the object's size apart, too sparse for a surface; "
            f"give points at most {SPARSE:.0%} apart"
        )
    return _Cloud(points[kept], spacing, near.astype(np.int64), apart), kept


def _unit(vectors: Points) -> Points:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12))


def _normals(name: str, cloud: _Cloud, given: Points | None) -> Points:
    """Unit normals (N, 3) that look outward."""
    around = cloud.points[cloud.near]
    centred = around - around.mean(axis=1, keepdims=True)
    spread, axes = np.linalg.eigh(np.einsum("nki,nkj->nij", centred, centred))
    thick = np.sqrt(np.maximum(spread[:, 0], 0) / np.maximum(spread[:, 1], 1e-30))
    if float(np.median(thick)) > ROUGH:
        raise BadInput(
            f"{name}: the points lie on no surface, they are too noisy or fill a volume; clean the cloud first"
        )
    fitted = axes[:, :, 0]
    if given is not None and np.isfinite(given).all() and (np.abs(given).sum(axis=1) > 0.5).mean() > 0.99:
        # A scanner's normals may be rough; their side is what they are needed for.
        same = np.where(np.einsum("ij,ij->i", fitted, given) < 0, -1.0, 1.0)
        return np.asarray(fitted * same[:, None])
    return _turned_alike(cloud, fitted)


def _turned_alike(cloud: _Cloud, normals: Points) -> Points:
    """The normals (N, 3) with one side from point to point, outward at the outermost point of each piece."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

    count = len(normals)
    start = np.repeat(np.arange(count), NEIGHBOURS)
    end = cloud.near.ravel()
    aligned = np.einsum("ij,ij->i", normals[start], normals[end])
    # Neighbours are trusted least where the surface folds or where they are far; no weight may be zero.
    reach = np.linalg.norm(cloud.points[start] - cloud.points[end], axis=1) / cloud.spacing
    weight = (1 - np.abs(aligned)) + 0.02 * reach + 1e-6
    graph = coo_array((weight, (start, end)), shape=(count, count)).tocsr()
    tree = minimum_spanning_tree(graph.minimum(graph.T) + (graph - graph.minimum(graph.T)))
    pieces, piece = connected_components(tree, directed=False)
    middle = cloud.points.mean(axis=0)
    away = np.linalg.norm(cloud.points - middle, axis=1)
    turned = normals.copy()
    for k in range(pieces):
        own = np.flatnonzero(piece == k)
        root = int(own[np.argmax(away[own])])
        order, before = breadth_first_order(tree, root, directed=False)
        sign = np.ones(count)
        if turned[root] @ (cloud.points[root] - middle) < 0:
            sign[root] = -1
        flips = np.where(np.einsum("ij,ij->i", normals[order[1:]], normals[before[order[1:]]]) < 0, -1.0, 1.0)
        for at, parent, flip in zip(order[1:].tolist(), before[order[1:]].tolist(), flips.tolist(), strict=True):
            sign[at] = sign[parent] * flip
        turned[order] = normals[order] * sign[order, None]
    return turned


def _level_set(cloud: _Cloud, normals: Points, turns: int) -> tuple[Points, Faces, Points]:
    """The closed surface, and the normals. Those that look into it are turned, at most `turns` times: an orientation
    that spread across a gap to the wrong side heals from its rim."""
    step = max(cloud.spacing, 1 / FINEST)
    low = cloud.points.min(axis=0) - MARGIN
    shape = tuple(int(n) for n in np.ceil((np.ptp(cloud.points, axis=0) + 2 * MARGIN) / step).astype(int) + 1)
    at, share = weights((cloud.points - low) / step, shape)
    area, cells = cloud.apart**2, int(np.prod(shape))
    for _ in range(turns + 1):
        spread = [np.bincount(at.ravel(), (share * (area * n)[:, None]).ravel(), cells) for n in normals.T]
        grid = _integrated(np.stack(spread).astype(np.float64).reshape(3, *shape), BLUR * cloud.spacing / step)
        if grid[0].mean() < float((grid.ravel()[at] * share).sum(axis=1).mean()):
            # Far outside, the function is greater than on the surface, or else every normal looks inward.
            grid, normals = -grid, -normals
        slope = np.stack([(g.ravel()[at] * share).sum(axis=1) for g in np.gradient(grid)], axis=1)
        wrong = np.einsum("ij,ij->i", slope, normals) < 0
        if not wrong.any():
            break
        normals = np.where(wrong[:, None], -normals, normals)
    on = (grid.ravel()[at] * share).sum(axis=1)
    grid = grid - float((on * area).sum() / area.sum())
    # Outside is where the border is: nothing of the surface may touch it.
    grid[[0, -1]] = grid[:, [0, -1]] = grid[:, :, [0, -1]] = np.abs(grid).max()
    vertices, faces = cut(grid)
    return vertices * step + low, faces, normals


def _simplified(vertices: Points, faces: Faces, tolerance: float) -> tuple[Points, Faces]:
    """Fewer faces, nowhere farther than `tolerance` from the surface; closed and manifold as before."""
    from manifold3d import Manifold, Mesh64

    mesh = Mesh64(vert_properties=vertices, tri_verts=faces.astype(np.uint64))
    fewer = Manifold(mesh).simplify(tolerance).to_mesh64()
    return np.asarray(fewer.vert_properties, np.float64)[:, :3], np.asarray(fewer.tri_verts).astype(np.int32)


def _integrated(field: NDArray[np.float64], blur: float) -> Grid:
    """The function (X, Y, Z) whose gradient is nearest to a periodic field (3, X, Y, Z) smoothed by a Gaussian of
    `blur` steps."""
    from scipy import fft

    shape = field.shape[1:]
    waves = np.meshgrid(
        *(2 * np.pi * fft.fftfreq(n) for n in shape[:2]), 2 * np.pi * fft.rfftfreq(shape[2]), indexing="ij"
    )
    square = np.sum([w**2 for w in waves], axis=0)
    square[0, 0, 0] = 1
    total = sum(1j * w * fft.rfftn(f) for w, f in zip(waves, field, strict=True))
    return np.asarray(fft.irfftn(-total / square * np.exp(-0.5 * blur**2 * square), s=shape))


def _drawn(vertices: Points, cloud: _Cloud, normals: Points) -> Points:
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
        vertices = vertices + (trust * height)[:, None] * _unit(normal)
    return vertices


def _judged(
    name: str, vertices: Points, faces: Faces, cloud: _Cloud, open_surface: bool, notes: list[str]
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
