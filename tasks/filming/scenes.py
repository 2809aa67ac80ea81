"""The seeded choice of a scene and the orbit around its object (MMVIAD, section 3.1, video generation)."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from schemas.errors import BadInput
from schemas.filming import EnvironmentSpec, MaterialSpec, Render
from schemas.names import FLOORS

SENSOR_MM = 36.0
"""Width of the camera's sensor, which the focal lengths below refer to."""
UNDER = 1e-3
"""So far under the floor, in lengths of the object, counts as on it."""
MARGIN = 0.05
"""Share of the frame's half width and half height that the object never enters."""


@dataclass(frozen=True)
class Scene:
    """Everything random about one instance's pictures, camera path included; angles in degrees."""

    environment: str
    """Its name in labels."""
    sky: str
    """A built-in HDRI's name, or a file."""
    sky_turn: float
    exposure_ev: float
    """Stops from the exposure that shows the object's surface in the middle of the scale."""
    floor: MaterialSpec
    floor_seed: int
    material: MaterialSpec
    material_seed: int
    yaw: float
    """Turn of the object about the vertical."""
    elevation: float
    start: float
    """Azimuth of the first frame."""
    focal_mm: float
    room: float

    def as_dict(self) -> dict[str, Any]:
        """Plain data for the worker's job file."""
        return {k: v.model_dump() if isinstance(v, MaterialSpec) else v for k, v in vars(self).items()}


@dataclass(frozen=True)
class Orbit:
    """Camera positions (frames, 3) on a circle around `look_at` (3,), in lengths of the object's longest side."""

    cameras: np.ndarray
    look_at: np.ndarray


def choose(rng: np.random.Generator, want: Render) -> Scene:
    """One scene within a recipe's ranges; equal generator states give equal scenes."""

    environment: EnvironmentSpec = want.environments[int(rng.integers(len(want.environments)))]
    floor = int(rng.integers(len(FLOORS)))
    return Scene(
        environment=environment.name,
        sky=environment.sky,
        sky_turn=rng.uniform(0, 360),
        exposure_ev=rng.uniform(*want.exposure_ev),
        floor=environment.floor or MaterialSpec(name=FLOORS[floor]),
        floor_seed=int(rng.integers(2**31)),
        material=want.materials[int(rng.integers(len(want.materials)))],
        material_seed=int(rng.integers(2**31)),
        yaw=rng.uniform(0, 360),
        elevation=rng.uniform(*want.elevation_deg),
        start=rng.uniform(0, 360),
        focal_mm=rng.uniform(*want.focal_mm),
        room=rng.uniform(*want.room),
    )


@dataclass(frozen=True)
class Candidate:
    """One way to film an instance: a scene, and how far around a defect is to be seen."""

    scene: Scene
    arc: float | None
    """Share of the orbit from which the defect's place is to be seen; None leaves the place to chance."""


def candidates(scene: Scene, want: Render, count: int, rng: np.random.Generator) -> list[Candidate]:
    """`count` orbits of one scene: the scene as it is, then others that fill the ranges of elevation, focal length,
    room and arc as evenly as so few can: each range is cut in as many parts, and each part is drawn from once (a
    Latin hypercube)."""
    ranges = {"elevation": want.elevation_deg, "focal_mm": want.focal_mm, "room": want.room, "arc": (0.0, 1.0)}
    parts = rng.permuted(np.tile(np.arange(count - 1), (len(ranges), 1)), axis=1)
    shares = (parts + rng.random(parts.shape)) / max(count - 1, 1)
    made = [Candidate(scene, None)]
    for drawn in shares.T:
        values: dict[str, Any] = {
            name: float(low + share * (high - low))
            for (name, (low, high)), share in zip(ranges.items(), drawn, strict=True)
        }
        arc = values.pop("arc")
        made.append(Candidate(replace(scene, **values), arc))
    return made


def orbit(scene: Scene, vertices: np.ndarray, want: Render) -> Orbit:
    """The full circle, `want.orbit_frames` positions, with all of `vertices` (V, 3) in every picture."""
    look_at = np.array([0.0, 0.0, (vertices[:, 2].min() + vertices[:, 2].max()) / 2])
    half_width = SENSOR_MM / 2 / scene.focal_mm
    half_height = half_width * want.height / want.width
    rise = np.radians(scene.elevation)
    distance = scene.room * clear_distance(vertices - look_at, rise, half_width, half_height)
    turn = np.radians(scene.start + 360.0 * np.arange(want.orbit_frames) / want.orbit_frames)
    level = distance * np.cos(rise)
    height = np.full_like(turn, distance * np.sin(rise))
    return Orbit(np.stack([level * np.cos(turn), level * np.sin(turn), height], axis=1) + look_at, look_at)


def check(orbit: Orbit, scene: Scene, vertices: np.ndarray, want: Render) -> None:
    """Raises BadInput, in one sentence, for a scene whose object (V, 3) is under the floor or leaves the frame."""
    from scipy.spatial import ConvexHull

    if (depth := -float(vertices[:, 2].min())) > UNDER:
        raise BadInput(f"the object reaches {depth:.2%} of its length under the floor; check `up` and the mesh's shape")
    outer = vertices[ConvexHull(vertices).vertices]
    away = orbit.cameras - orbit.look_at
    forward = -away / np.linalg.norm(away, axis=1)[:, None]
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right, axis=1)[:, None]
    half = SENSOR_MM / 2 / scene.focal_mm
    # Frame by frame: a fine mesh and a long orbit together do not fit in memory.
    for camera, *axes in zip(orbit.cameras, right, np.cross(right, forward), forward, strict=True):
        x, y, depth = (np.einsum("vd,d->v", outer - camera, axis) for axis in axes)
        aside = np.maximum(np.abs(x) / half, np.abs(y) / (half * want.height / want.width)) / np.maximum(depth, 1e-9)
        if depth.min() <= 0 or aside.max() > 1:
            raise BadInput("the object leaves the frame; raise render.room or lower render.focal_mm")


def clear_distance(points: np.ndarray, rise: float, half_width: float, half_height: float) -> float:
    """Least distance from which a camera at elevation `rise` (radians), looking at the origin, sees all of
    `points` (V, 3) from every azimuth, `MARGIN` kept free. Half sizes are tangents of the half angles.

    A point at radius r and height z, seen from the azimuth that differs by a, has depth
    `distance - (r cos a cos rise + z sin rise)`, lies `r sin a` to the side and
    `z cos rise - r cos a sin rise` up. The worst azimuth of each of the three bounds has a closed form.
    """
    r, z = np.hypot(points[:, 0], points[:, 1]), points[:, 2]
    c, s = np.cos(rise), np.sin(rise)
    x, y = half_width * (1 - MARGIN), half_height * (1 - MARGIN)
    sideways = r * np.hypot(c, 1 / x) + z * s
    above = r * abs(c - s / y) + z * (s + c / y)
    below = r * abs(c + s / y) + z * (s - c / y)
    return float(np.max([sideways.max(), above.max(), below.max()]))
