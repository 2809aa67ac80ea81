"""Measured facts of a defect: how long, how wide, how deep, how much of the surface, and where.

A defect made here knows its own frame and is measured in that; `facts` measures any labelled mesh, such as one that
comes with point-wise labels of a real defect.
"""

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput
from schemas.rows import DefectFacts
from tasks.defects.places import CLEAR, Surface, frame
from tasks.meshes import Shape
from tasks.meshes.refine import Points

POINTS = 2_000
"""At most so many points of a defect are held against its template."""
NEAREST = 16
SAMPLES = 60_000
NEAR = 0.05


def spans(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    """Greatest and least extent of plane points over all directions."""
    turn = np.pi * np.arange(36) / 36
    found = np.ptp(np.outer(np.cos(turn), x) + np.outer(np.sin(turn), y), axis=1)
    return float(found.max()), float(found.min())


def area_pct(shape: Shape, label: NDArray[np.floating] | NDArray[np.bool_]) -> float:
    """Labelled surface in per cent of the whole; the label (V,) interpolated over the faces."""
    areas, _ = _faces(shape)
    return float(100 * (areas * label[shape.faces].mean(axis=1)).sum() / areas.sum())


def buried(surface: Surface, points: Points, outward: Points) -> NDArray[np.float64]:
    """How deep below the surface points (N, 3) in its material are, going `outward`; 0 for a point outside."""
    start = points + CLEAR * outward
    directions = np.broadcast_to(outward, start.shape)
    place, ray, face = surface.mesh.ray.intersects_location(start, directions, multiple_hits=False)
    leaving = np.einsum("ij,ij->i", surface.mesh.face_normals[face], directions[ray]) > 0
    depth = np.zeros(len(points))
    depth[ray[leaving]] = np.linalg.norm(place - points[ray], axis=1)[leaving]
    return depth


def facts(shape: Shape, label: NDArray[np.floating], template: Shape | None = None) -> DefectFacts:
    """What can be measured of the labelled vertices (V,), whatever made them; lengths in per cent, as in `shape`.

    Extent and width are spans in the plane that the marked faces have on average. The depth is the greatest distance
    to `template`, the undamaged shape in the same position; without one, from the smooth (quadric) surface that
    fits the defect's surroundings best, which is as good as those are smooth. Raises BadInput for a label that does
    not fit the shape or marks nothing.
    """
    if len(label) != len(shape.vertices):
        raise BadInput(f"{len(label):,} labels for {len(shape.vertices):,} vertices; give one label per vertex")
    inside = np.asarray(label) > 0.5
    if not inside.any():
        raise BadInput("the label marks no vertex; give one with the defect's vertices above 0.5")
    areas, normals = _faces(shape)
    weight = areas * inside[shape.faces].mean(axis=1)
    points = shape.vertices[inside]
    if weight.sum() > 0:
        centre = np.average(shape.vertices[shape.faces].mean(axis=1), axis=0, weights=weight)
        mean = weight @ normals
    else:
        centre, mean = points.mean(axis=0), np.zeros(3)
    if np.linalg.norm(mean) < 0.2 * weight.sum() or weight.sum() == 0:
        # Faces that look all ways, as around a broken tip: the plane that the points lie in.
        mean = np.linalg.svd(points - points.mean(axis=0), full_matrices=False)[2][-1]
    normal = mean / np.linalg.norm(mean)
    u, v = frame(normal, 0.0)
    extent, width = spans((points - centre) @ u, (points - centre) @ v)
    thinned = points[:: -(-len(points) // POINTS)]
    depth = (
        float(distance(thinned, template).max())
        if template is not None
        else _from_surroundings(shape, inside, np.stack([u, v, normal]), centre, extent)
    )
    return DefectFacts(
        extent_pct=100 * extent,
        width_pct=100 * width,
        depth_pct=100 * depth,
        area_pct=area_pct(shape, inside),
        position=[float(x) for x in points[np.linalg.norm(points - centre, axis=1).argmin()]],
    )


def _faces(shape: Shape) -> tuple[NDArray[np.float64], Points]:
    a, b, c = shape.vertices[shape.faces].transpose(1, 0, 2)
    cross = np.cross(b - a, c - a)
    double = np.linalg.norm(cross, axis=1)
    return double / 2, cross / np.maximum(double, 1e-300)[:, None]


def distance(points: Points, shape: Shape) -> NDArray[np.float64]:
    """Distances (N,) of points that lie within half their own spread of a surface, or nearer, from it.

    Exact to those of its faces that have the samples nearest to a point. The samples fill the faces around the
    points evenly, at least one to a face, by a sequence of low discrepancy (Roberts' R2).
    """
    from scipy.spatial import cKDTree
    from trimesh.triangles import closest_point

    low, high = points.min(axis=0), points.max(axis=0)
    reach = 0.5 * float((high - low).max()) + NEAR
    corners = shape.vertices[shape.faces]
    close = (corners.max(axis=1) > low - reach).all(axis=1) & (corners.min(axis=1) < high + reach).all(axis=1)
    corners = corners[close] if close.any() else corners
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    face = np.repeat(np.arange(len(area)), np.ceil(area / area.sum() * SAMPLES).astype(np.int64))
    step = np.arange(len(face)) + 0.5
    one, two = np.sqrt(step * 0.7548776662466927 % 1), step * 0.5698402909980532 % 1
    weights = np.stack([1 - one, one * (1 - two), one * two], axis=1)
    samples = np.einsum("nk,nkd->nd", weights, corners[face])
    near = face[cKDTree(samples).query(points, k=min(NEAREST, len(face)))[1].reshape(len(points), -1)]
    again = np.repeat(points, near.shape[1], axis=0)
    found = np.linalg.norm(closest_point(corners[near.ravel()], again) - again, axis=1)
    return np.asarray(found.reshape(near.shape).min(axis=1))


def _from_surroundings(shape: Shape, inside: NDArray[np.bool_], axes: Points, centre: Points, extent: float) -> float:
    """Greatest height of the marked points above or below the quadric that fits the unmarked ones around them."""
    local = (shape.vertices - centre) @ axes.T
    flat = np.hypot(local[:, 0], local[:, 1])
    around = ~inside & (flat < 1.2 * extent) & (np.abs(local[:, 2]) < 0.6 * extent)
    if around.sum() < 12:
        return float(np.ptp(local[inside, 2]))
    terms = _quadric(local / extent)
    weights, *_ = np.linalg.lstsq(terms[around], local[around, 2], rcond=None)
    return float(np.abs(local[inside, 2] - terms[inside] @ weights).max())


def _quadric(at: Points) -> NDArray[np.float64]:
    x, y = at[:, 0], at[:, 1]
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)
