"""How much of a defect a camera sees, frame by frame, told by rays before anything is rendered.

Points are spread evenly over the defect's surface. Each stands for a piece of area; a ray from it to the camera
says whether that piece is seen, and perspective says how many pixels it covers. The count agrees with a rendered
mask, which cuts the interpolated label at one half in the same way.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tasks.meshes import Shape

Array = NDArray[np.float64]

COARSE, FINE = 1024, 8192
"""Points on the defect for every frame, and for those frames in which few of them are seen."""
FEW = 128
"""So many coarse points give an area to within some per cent; fewer are counted again with the fine ones."""
CLEAR = 1e-5
"""Rays start so far off the surface, at a longest side of 1: past the face they start on, before any wall."""
AROUND = 1024
"""Points on the surroundings of a defect."""
LIKE = 24
"""Each point of a defect is compared with so many of its surroundings."""
OPEN_RAYS = 32


@dataclass(frozen=True)
class Camera:
    """A pinhole camera at `places` (F, 3), one per frame, upright, that looks at `look_at` (3,)."""

    places: Array
    look_at: Array
    focal_px: float
    width: int
    height: int


@dataclass(frozen=True)
class Points:
    """Points spread evenly over an area: where (N, 3), unit normals (N, 3), and the area (N,) each stands for."""

    places: Array
    normals: Array
    areas: Array


@dataclass(frozen=True)
class Seen:
    """What each frame (F,) shows of a defect."""

    pixels: Array
    """Visible area in pixels."""
    incidence: Array
    """Mean angle between the visible surface's normal and the line of sight, in degrees; 0 where nothing is seen."""
    contrast: Array
    """Mean difference between the shading of the visible surface and of its surroundings, in per cent; 0 likewise."""


Light = Callable[[Array], Array]
"""Irradiance (N,) of surfaces with unit normals (N, 3)."""


class Subject:
    """A shape with a labelled defect, ready to be looked at from anywhere."""

    def __init__(self, shape: Shape, label: NDArray[np.float32]) -> None:
        """`label` (V,) is 1 on the defect and 0 elsewhere. Raises ValueError when it marks nothing."""
        from embreex import rtcore_scene
        from embreex.mesh_construction import TriangleMesh
        from scipy.spatial import cKDTree

        self._faces = shape.faces
        self._corners = shape.vertices[shape.faces]
        self._label = label[shape.faces]
        self._rays = rtcore_scene.EmbreeScene()
        # The renderer's meshes are of single precision, too.
        TriangleMesh(
            self._rays, np.ascontiguousarray(shape.vertices, np.float32), np.ascontiguousarray(shape.faces, np.int32)
        )
        cross = np.cross(self._corners[:, 1] - self._corners[:, 0], self._corners[:, 2] - self._corners[:, 0])
        self._areas = np.linalg.norm(cross, axis=1) / 2
        self._normals = cross / np.maximum(2 * self._areas, 1e-300)[:, None]
        self._marked = self._label.max(axis=1) > 0.5
        self.coarse, self.fine = (self._spread(self._marked, n) for n in (COARSE, FINE))
        self._nearest = cKDTree(self.coarse.places).query(self.fine.places)[1]

    def seen(self, camera: Camera, light: Light | None = None) -> Seen:
        """What the camera sees of the defect; without `light`, the contrast is 0.

        Frames follow each other closely, as on an orbit.
        """
        coarse = self.contrast(light) if light else np.zeros(len(self.coarse.areas))
        frames = np.arange(len(camera.places))
        found, count = self._looked(self.coarse, camera, frames, coarse)
        # A frame with no point seen, between others like it, shows nothing.
        some = np.logical_or.reduce([np.roll(count > 0, step) for step in (-2, -1, 0, 1, 2)])
        again = np.flatnonzero(some & (count < FEW))
        better, _ = self._looked(self.fine, camera, again, coarse[self._nearest])
        for field in fields(Seen):
            getattr(found, field.name)[again] = getattr(better, field.name)
        return found

    def _looked(
        self, points: Points, camera: Camera, frames: NDArray[np.int64], contrast: Array
    ) -> tuple[Seen, NDArray[np.int64]]:
        """Over `frames`: what is seen, and how many points it was counted with."""
        total, angle, differs, count = (np.zeros(len(frames)) for _ in range(4))
        for k, frame in enumerate(frames):
            towards = camera.places[frame] - points.places
            pixels = self._projected(points, towards, camera, frame)
            inside = np.flatnonzero(pixels)
            # Both sides of a surface are rendered: a ray starts on the side that faces the camera.
            facing = np.einsum("nd,nd->n", points.normals[inside], towards[inside])
            start = points.places[inside] + CLEAR * np.sign(facing)[:, None] * points.normals[inside]
            free = inside[~self._blocked(start, camera.places[frame] - start)]
            total[k], count[k] = pixels[free].sum(), len(free)
            if len(free):
                cosine = np.abs(np.einsum("nd,nd->n", points.normals[free], towards[free]))
                cosine /= np.linalg.norm(towards[free], axis=1)
                degrees = np.degrees(np.arccos(np.minimum(cosine, 1)))
                angle[k] = np.average(degrees, weights=pixels[free])
                differs[k] = np.average(contrast[free], weights=pixels[free])
        return Seen(total, angle, differs), count.astype(np.int64)

    @staticmethod
    def _projected(points: Points, towards: Array, camera: Camera, frame: int) -> Array:
        """Pixels (N,) that each point's piece of area would cover if nothing hid it; 0 outside the frame.

        A piece of area A whose normal is n, seen from d away at depth z, covers A |n · d| (f / z)^2 / z pixels.
        """
        forward = camera.look_at - camera.places[frame]
        forward = forward / np.linalg.norm(forward)
        right = np.cross(forward, [0.0, 0.0, 1.0])
        right /= np.linalg.norm(right)
        x, y, depth = np.stack([right, np.cross(right, forward), forward]) @ -towards.T
        depth = np.maximum(depth, 1e-9)
        scale = camera.focal_px / depth
        inside = (np.abs(x * scale) < camera.width / 2) & (np.abs(y * scale) < camera.height / 2)
        facing = np.abs(np.einsum("nd,nd->n", points.normals, towards))
        return np.asarray(np.where(inside & (depth > 1e-6), points.areas * facing * scale**2 / depth, 0.0))

    def _blocked(self, starts: Array, directions: Array, reach: float = 1.0) -> NDArray[np.bool_]:
        """Whether anything is hit (N,) on the way from `starts` (N, 3) to `starts + reach * directions`."""
        if not len(starts):
            return np.zeros(0, bool)
        hit = self._rays.run(
            np.ascontiguousarray(starts, np.float32), np.ascontiguousarray(directions, np.float32),
            dists=np.full(len(starts), reach, np.float32), query="OCCLUDED",
        )  # fmt: skip
        return np.asarray(hit != -1)

    def _spread(self, wanted: NDArray[np.bool_], count: int) -> Points:
        """At most `count` points, evenly spread over the `wanted` faces (F,); of those that the label touches, over
        its own part only: it is interpolated and cut at one half, as the renderer does.

        Steps of equal area run through the faces; within them, a sequence of low discrepancy (Roberts' R2) fills
        the triangle.
        """
        faces = np.flatnonzero(wanted & (self._areas > 0))
        if not len(faces):
            raise ValueError("no face carries the label")
        ends = np.cumsum(self._areas[faces])
        steps = np.arange(count) + 0.5
        face = faces[np.minimum(np.searchsorted(ends, steps / count * ends[-1]), len(faces) - 1)]
        a, b = np.sqrt(steps * 0.7548776662466927 % 1), steps * 0.5698402909980532 % 1
        weights = np.stack([1 - a, a * (1 - b), a * b], axis=1)
        places = np.einsum("nk,nkd->nd", weights, self._corners[face])
        label = np.einsum("nk,nk->n", weights, self._label[face])
        kept = (label > 0.5) == self._marked[face]
        areas = np.full(int(kept.sum()), ends[-1] / count)
        return Points(places[kept], self._normals[face][kept], areas)

    # --- shading ---------------------------------------------------------------------------------------

    def contrast(self, light: Light) -> Array:
        """How each coarse point (N,) differs in diffuse shading from its surroundings, in per cent of the brighter.

        Shading is the sky's irradiance by the normal, times the share of the half space that nothing blocks: a
        smooth dent differs by its slopes, a hole or a crack by its darkness. The surroundings of a point are the
        nearest unlabelled places that look roughly the same way.
        """
        from scipy.spatial import cKDTree

        points, around = self.coarse, self._surroundings()
        if around is None:
            return np.full(len(points.areas), 100.0)
        reach = self._reach()

        def position(p: Points) -> Array:
            return np.concatenate([p.places / reach, p.normals / 2], axis=1)

        shade = light(around.normals) * self._openness(around)
        _, near = cKDTree(position(around)).query(position(points), k=min(LIKE, len(around.areas)))
        usual = shade[near.reshape(len(points.areas), -1)].mean(axis=1)
        own = light(points.normals) * self._openness(points)
        return np.asarray(100 * np.abs(own - usual) / np.maximum(np.maximum(own, usual), 1e-9))

    def _reach(self) -> float:
        """How far from the defect its surroundings go: half its own extent, and not less than a hundredth."""
        return float(max(0.5 * np.ptp(self.coarse.places, axis=0).max(), 0.01))

    def _surroundings(self) -> Points | None:
        """Points beside the defect; None where it covers everything."""
        from scipy.spatial import cKDTree

        reach, centres = self._reach(), self._corners.mean(axis=1)
        low, high = self.coarse.places.min(axis=0) - reach, self.coarse.places.max(axis=0) + reach
        close = np.flatnonzero(((centres > low) & (centres < high)).all(axis=1) & ~self._marked)
        distance, _ = cKDTree(self.coarse.places).query(centres[close], distance_upper_bound=reach)
        wanted = np.zeros(len(centres), bool)
        wanted[close[np.isfinite(distance)]] = True
        return self._spread(wanted, AROUND) if (wanted & (self._areas > 0)).any() else None

    def _openness(self, points: Points) -> Array:
        """Share (N,) of the light from the outer half space, by the cosine, that reaches each point."""
        steps = np.arange(OPEN_RAYS) + 0.5
        radius, turn = np.sqrt(steps / OPEN_RAYS), 2 * np.pi * (steps * 0.6180339887498949 % 1)
        local = np.stack([radius * np.cos(turn), radius * np.sin(turn), np.sqrt(1 - radius**2)], axis=1)
        first = np.cross(points.normals, np.eye(3)[np.abs(points.normals).argmin(axis=1)])
        first /= np.linalg.norm(first, axis=1)[:, None]
        axes = np.stack([first, np.cross(points.normals, first), points.normals], axis=1)
        directions = np.einsum("rk,nkd->nrd", local, axes)
        starts = np.broadcast_to((points.places + CLEAR * points.normals)[:, None], directions.shape)
        blocked = self._blocked(starts.reshape(-1, 3), directions.reshape(-1, 3), reach=2.0)
        return np.asarray(1 - blocked.reshape(len(points.areas), OPEN_RAYS).mean(axis=1))
