"""Normals of a cloud of points that all look outward.

Planes fitted to the neighbours give the directions. One side is carried from point to point along a minimum spanning
tree (Hoppe et al., Surface Reconstruction from Unorganized Points, 1992), which may change sides at a sharp rim. So
the smooth patches between rims are turned as wholes: of all ways, the one for which the solution of Poisson's
equation has most nearly one value on all points, as it has on a surface. Single points are turned last.
"""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput
from tasks.meshes.points import NEIGHBOURS, Cloud
from tasks.meshes.poisson import Poisson
from tasks.meshes.refine import Points

ROUGH = 0.45
"""Neighbours whose thickness is more than this share of their width lie on no surface."""
SMOOTH = 0.9
"""Neighbours whose normals have at least this cosine are on one patch, if both lie on"""
THIN = 0.3
"""a plane of at most this thickness, as a share of its width."""
PATCHES = 12
"""At most so many patches, the largest, are turned as wholes."""
PATCH = 0.004
"""A patch has at least this share of the points."""
TURNS = 20
"""How often single points are turned to the side of the solution, at most."""


def outward(name: str, cloud: Cloud, poisson: Poisson, given: Points | None) -> Points:
    """Unit normals (N, 3) that look outward; their sides are those of `given` normals (N, 3), if there are any.

    Raises BadInput, in a sentence that begins with `name`, for points that lie on no surface.
    """
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
        fitted = np.asarray(fitted * same[:, None])
        return fitted if _looks_out(poisson, fitted) else -fitted
    edges = _edges(cloud, fitted, thick)
    turned = _turned_alike(cloud, fitted, edges)
    return _one_by_one(poisson, _patch_by_patch(cloud, poisson, turned, edges))


Edges = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]
"""Pairs of neighbours: starts, ends, how little an orientation is to be trusted to pass (E,), and whether both are on
one smooth patch (E,)."""


def _edges(cloud: Cloud, normals: Points, thick: NDArray[np.float64]) -> Edges:
    start = np.repeat(np.arange(len(normals)), NEIGHBOURS)
    end = cloud.near.ravel()
    aligned = np.abs(np.einsum("ij,ij->i", normals[start], normals[end]))
    reach = np.linalg.norm(cloud.points[start] - cloud.points[end], axis=1) / cloud.spacing
    smooth = (aligned > SMOOTH) & (np.maximum(thick[start], thick[end]) < THIN)
    # Trusted least where the surface folds or where points are far; no weight may be zero.
    return start, end, (1 - aligned) + 0.02 * reach + 1e-6 + 2.0 * ~smooth, smooth


def _turned_alike(cloud: Cloud, normals: Points, edges: Edges) -> Points:
    """The normals (N, 3) with one side from point to point, outward at the outermost point of each piece."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

    count = len(normals)
    start, end, weight, _ = edges
    graph = coo_array((weight, (start, end)), shape=(count, count)).tocsr()
    tree = minimum_spanning_tree(graph.maximum(graph.T))
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


def _patch_by_patch(cloud: Cloud, poisson: Poisson, normals: Points, edges: Edges) -> Points:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count = len(normals)
    start, end, _, smooth = edges
    graph = coo_array((np.ones(int(smooth.sum())), (start[smooth], end[smooth])), shape=(count, count))
    _, patch = connected_components(graph, directed=False)
    sizes = np.bincount(patch)
    large = np.argsort(-sizes, kind="stable")[:PATCHES]
    large = large[sizes[large] > PATCH * count]
    if len(large) < 2:
        return normals
    rank = np.full(len(sizes), -1)
    rank[large] = np.arange(len(large))
    owned = rank[patch] >= 0
    # What lies between the patches goes with the nearest one.
    owner = rank[patch][owned][cKDTree(cloud.points[owned]).query(cloud.points)[1]]
    # The equation is linear: each patch's part of the solution is turned with it.
    parts = np.stack([poisson.at_points(poisson.solve(normals * (owner == k)[:, None])) for k in range(len(large))])
    parts -= np.average(parts, axis=1, weights=poisson.area)[:, None]
    alike = (parts * poisson.area) @ parts.T
    signs = np.array([(1.0, *rest) for rest in product((1.0, -1.0), repeat=len(large) - 1)])
    best = signs[int(np.einsum("si,ij,sj->s", signs, alike, signs).argmin())]
    return np.asarray(normals * best[owner][:, None])


def _one_by_one(poisson: Poisson, normals: Points) -> Points:
    for _ in range(TURNS):
        grid = poisson.solve(normals)
        if poisson.outside(grid) < poisson.at_points(grid).mean():
            grid, normals = -grid, -normals
        wrong = np.einsum("ij,ij->i", poisson.slopes(grid), normals) < 0
        if not wrong.any():
            break
        normals = np.where(wrong[:, None], -normals, normals)
    return normals


def _looks_out(poisson: Poisson, normals: Points) -> bool:
    """Whether the normals look outward as a whole: far outside, the solution is then greater than on the surface."""
    grid = poisson.solve(normals)
    return bool(poisson.outside(grid) > poisson.at_points(grid).mean())
