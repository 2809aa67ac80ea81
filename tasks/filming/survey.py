"""The `survey` stage: every orbit that an instance could be filmed on, looked at with rays before any is rendered."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from schemas.errors import BadInput
from schemas.recipe import Recipe
from schemas.rows import Row, Survey
from tasks.filming import scenes, sight, skies
from tasks.filming.decisive import steered, surveying
from tasks.filming.instances import Instance, instances, make
from tasks.meshes import Shape
from tasks.stage import Context, Shard, generator, stage
from tasks.workspace import Workspace

FILMING = "filming"
"""Surveying and rendering draw an instance from the same random numbers."""


def draws(recipe: Recipe) -> Callable[[str], np.random.Generator]:
    """The generators of everything that is drawn for an instance, by name."""
    return partial(generator, recipe.seed, FILMING)


def scene_of(instance: Instance, recipe: Recipe) -> scenes.Scene:
    """What an instance's scene is before the plan chooses its orbit."""
    return scenes.choose(draws(recipe)(f"{instance.key}/scene"), recipe.render)


def cut_instances(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
    """One shard per instance."""
    for instance in instances(recipe):
        yield Shard(instance.key, items=(instance,))


@stage(version=2, writes=("surveys",), settings=surveying, cut=cut_instances)
def survey(shard: Shard, ctx: Context) -> Iterator[Row]:
    """One row per candidate orbit of one instance."""
    (instance,) = shard.items
    try:
        yield from surveyed(instance, ctx.recipe)
    except BadInput as e:
        yield ctx.reject(instance.key, e)


def surveyed(instance: Instance, recipe: Recipe) -> list[Survey]:
    """The surveys of an instance's orbits; where nothing is to be chosen, up to the first that can be filmed.

    Raises BadInput, in one sentence, when none of them can be.
    """
    want = recipe.render
    defective = instance.defect != "none"
    rng = draws(recipe)
    offers = scenes.candidates(
        scene_of(instance, recipe), want, recipe.plan.candidates if defective else 1, rng(f"{instance.key}/orbits")
    )
    made: list[Survey] = []
    for number, offer in enumerate(offers):
        scene = offer.scene
        problem, seen = None, None
        try:
            seen = _looked(instance, offer, recipe)
        except BadInput as e:
            problem = str(e)
        made.append(
            Survey(
                instance=instance.key, defect=instance.defect, candidate=number, elevation_deg=scene.elevation,
                focal_mm=scene.focal_mm, room=scene.room, start_deg=scene.start, arc=offer.arc, problem=problem,
                **{} if seen is None else {
                    "pixels": seen.pixels.tolist(), "incidence_deg": seen.incidence.tolist(),
                    "contrast_pct": seen.contrast.tolist(),
                },
            )
        )  # fmt: skip
        if problem is None and not steered(recipe):
            break
    if all(s.problem for s in made):
        raise BadInput(str(made[0].problem))
    return made


def _looked(instance: Instance, offer: scenes.Candidate, recipe: Recipe) -> sight.Seen | None:
    """What an orbit shows of the instance's defect; None without one. Raises BadInput when it cannot be filmed."""
    want, scene = recipe.render, offer.scene
    thing = make(instance, recipe, draws(recipe), offer.arc)
    orbit = scenes.orbit(scene, thing.shape.vertices, want)
    scenes.check(orbit, scene, thing.shape.vertices, want)
    if thing.label is None:
        return None
    seen = look(thing.shape, thing.label, scene, orbit, recipe)
    best = float(seen.pixels.max())
    if best < recipe.plan.min_best_px:
        raise BadInput(
            f"the {instance.defect} covers {best:.1f} pixels of its best frame, fewer than plan.min_best_px "
            f"{recipe.plan.min_best_px:g}; render larger, or raise the sizes under render.defect"
        )
    return seen


def look(shape: Shape, label: np.ndarray, scene: scenes.Scene, orbit: scenes.Orbit, recipe: Recipe) -> sight.Seen:
    """What every frame of an orbit shows of the labelled part of a shape that stands in a scene."""
    want = recipe.render
    radiance = skies.coefficients(scene.sky)
    turned = _about_vertical(scene.yaw)
    # The object is turned in the scene, and the sky above it: both are undone, and the shape stays as it is.
    under_sky = _about_vertical(scene.yaw + scene.sky_turn)
    camera = sight.Camera(
        orbit.cameras @ turned, orbit.look_at, scene.focal_mm / scenes.SENSOR_MM * want.width, want.width, want.height
    )
    return sight.Subject(shape, label).seen(camera, lambda normals: skies.irradiance(radiance, normals @ under_sky.T))


def _about_vertical(degrees: float) -> np.ndarray:
    """The rotation (3, 3) of column vectors by an angle about the z axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
