"""The `render` stage: what the plan chose, made anew from its seeds, through Blender, as clips with exact labels."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import BadInput
from schemas.filming import Render
from schemas.recipe import Recipe
from schemas.rows import Mask, MediaRef, Planned, Row, Sample, Signal, annotation
from tasks import video
from tasks.filming import blender, scenes
from tasks.filming.decisive import rendering
from tasks.filming.instances import Instance, Thing, instances, make
from tasks.filming.plan import sample_id
from tasks.filming.survey import draws, scene_of
from tasks.stage import Context, Shard, stage
from tasks.workspace import Workspace

MARK_RGB = (255, 0, 0)
"""The colour of the marking; a pixel is blended to it by the share of it that the defect covers."""
PIXELS_PER_CORNER = 8e6
"""Samples in the pixels of an orbit that cost five times as much as one at every corner of object and floor."""
LIGHT_SAMPLES = (6, 24)
"""At every corner, at least and at most."""


@dataclass(frozen=True)
class Take:
    """What the plan wants of one instance: its orbit, and the clips of it that are rendered."""

    elevation_deg: float
    focal_mm: float
    room: float
    start_deg: float
    arc: float | None
    clips: tuple[tuple[int, str | None], ...]
    """Number and view of each."""


def cut_planned(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
    """One shard per instance with a clip worth rendering; it covers what was chosen for this instance alone, so
    another choice elsewhere renders nothing again."""
    wanted = {i.key: i for i in instances(recipe)}
    planned = workspace.rows(Planned, workspace.current("plan"))
    for key, rows in groupby(planned, key=lambda p: p.instance):
        kept = [p for p in rows if p.rendered]
        if kept and key in wanted:
            orbit = {name: getattr(kept[0], name) for name in ("elevation_deg", "focal_mm", "room", "start_deg", "arc")}
            yield Shard(key, items=(wanted[key], Take(**orbit, clips=tuple((p.clip, p.view) for p in kept))))


@stage(version=6, writes=("media", "samples", "annotations", "signals"), settings=rendering, cut=cut_planned)
def render(shard: Shard, ctx: Context) -> Iterator[Row]:
    """The chosen clips of one instance, unmarked and, with a defect, marked, and the labels that are known."""
    instance, take = shard.items
    try:
        thing = make(instance, ctx.recipe, draws(ctx.recipe), take.arc)
        # The settings name files by content; the worker needs their places, which decide nothing.
        scene = replace(
            scene_of(instance, ctx.recipe),
            elevation=take.elevation_deg, focal_mm=take.focal_mm, room=take.room, start=take.start_deg,
        )  # fmt: skip
        frames = _frames(instance, thing, scene, take, ctx)
    except BadInput as e:
        yield ctx.reject(instance.key, e)
        return
    for place, (clip, view) in enumerate(take.clips):
        yield from _clip(instance, thing, scene, frames, place, clip, view, ctx)


def _frames(instance: Instance, thing: Thing, scene: scenes.Scene, take: Take, ctx: Context) -> blender.Frames:
    """The frames of the wanted clips, one clip after the other."""
    want, how = ctx.settings, ctx.recipe.render
    orbit = scenes.orbit(scene, thing.shape.vertices, want)
    clips = orbit.cameras.reshape(want.clips, want.clip_frames, 3)[[clip for clip, _ in take.clips]]
    wanted = job(
        thing, scene, replace(orbit, cameras=clips.reshape(-1, 3)), want, ctx.scratch,
        seed=int(ctx.rng(f"{instance.key}/noise").integers(2**31)),
        threads=max(1, len(os.sched_getaffinity(0)) // ctx.recipe.run.workers),
        max_frames=how.frames_per_process,
    )  # fmt: skip
    return blender.run(wanted, ctx.scratch, how.blender, how.stall_seconds)


def job(
    thing: Thing, scene: scenes.Scene, orbit: scenes.Orbit, want: Render, folder: Path, *, seed: int, threads: int = 1,
    max_frames: int = 500,
) -> blender.Job:  # fmt: skip
    """What a Blender worker needs to film `thing` from every camera of `orbit`; the mesh is written to `folder`."""
    mesh = folder / "mesh.npz"
    arrays: dict[str, Any] = {"vertices": thing.shape.vertices, "faces": thing.shape.faces}
    if thing.label is not None:
        arrays["label"] = thing.label
    np.savez(mesh, **arrays)
    return blender.Job(
        mesh=mesh.name,
        mesh_sha256=_sha256(*arrays.values()),
        scene=scene.as_dict(),
        cameras=orbit.cameras.tolist(),
        look_at=orbit.look_at.tolist(),
        focal_mm=scene.focal_mm,
        width=want.width,
        height=want.height,
        samples=want.samples,
        denoise=want.denoise,
        bounces=want.bounces,
        light=light_samples(want),
        device=want.device,
        seed=seed,
        mask=thing.label is not None,
        pair=want.pair,
        threads=threads,
        max_frames=max_frames,
    )


def light_samples(want: Render) -> int:
    """Samples at every corner of the meshes for baking the light of an orbit, about a fifth of what the frames cost;
    0, for traced light, where that is too little for light without blotches."""
    worth = want.width * want.height * want.orbit_frames * want.samples / PIXELS_PER_CORNER
    least, most = LIGHT_SAMPLES
    return 0 if want.light == "traced" or worth < least else round(min(worth, most))


def _sha256(*arrays: np.ndarray) -> str:
    joined = hashlib.sha256()
    for array in arrays:
        joined.update(np.ascontiguousarray(array).tobytes())
    return joined.hexdigest()


def marked(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """`picture` (H, W, 3) uint8 blended to `MARK_RGB` by `mask` (H, W) uint8, 255 = covered; exact where 0."""
    share = mask.astype(np.uint32)[..., None]
    return ((picture * (255 - share) + np.array(MARK_RGB, np.uint32) * share + 127) // 255).astype(np.uint8)


def coco_mask(frame: int, mask: np.ndarray) -> Mask | None:
    """Coverage (H, W) uint8 as COCO RLE of the pixels covered by at least one half; None when there is none."""
    from pycocotools import mask as coco

    half = mask >= 128
    if not half.any():
        return None
    rle: dict[str, Any] = coco.encode(np.asfortranarray(half.astype(np.uint8)))
    height, width = mask.shape
    box = [float(v) for v in coco.toBbox(rle)]
    return Mask(frame, height, width, rle["counts"].decode("ascii"), coverage(mask), box)


def coverage(mask: np.ndarray) -> float:
    """Covered area of a mask (H, W) uint8, in pixels."""
    return round(int(mask.sum(dtype=np.int64)) / 255, 2)


def _clip(
    instance: Instance,
    thing: Thing,
    scene: scenes.Scene,
    frames: blender.Frames,
    place: int,
    clip: int,
    view: str | None,
    ctx: Context,
) -> Iterator[Row]:
    """The rows and files of one clip: number `clip` of the orbit, the `place`-th that was rendered."""
    want: Render = ctx.settings
    id = sample_id(ctx.recipe.dataset, instance.key, clip)
    numbers = range(place * want.clip_frames, (place + 1) * want.clip_frames)
    pictures = {"unmarked": (frames.picture(n) for n in numbers)}
    if thing.label is not None:
        two = want.pair == "two"
        pictures["marked"] = (frames.marked(n) if two else marked(frames.picture(n), frames.mask(n)) for n in numbers)
    media = []
    for role, sequence in pictures.items():
        file = ctx.out / f"{role}_{clip}.mp4"
        video.encode(file, sequence, want.fps, want.crf)
        media.append(
            ctx.media(
                file, role, sample=id, width=want.width, height=want.height, fps=float(want.fps),
                frames=want.clip_frames, start_s=clip * want.clip_frames / want.fps,
                end_s=(clip + 1) * want.clip_frames / want.fps,
            )
        )  # fmt: skip
    yield from media
    yield Sample(
        id=id,
        kind="clip",
        dataset=ctx.recipe.dataset,
        media=[MediaRef(m.role, m.id) for m in media],
        groups=[instance.key],
        shard=instance.key,
        object=instance.category,
        instance=instance.key,
        defect=instance.defect,
        clip=clip,
        frames=want.clip_frames,
        fps=float(want.fps),
        width=want.width,
        height=want.height,
        environment=scene.environment,
        floor=scene.floor.name,
        material=scene.material.name,
        source=thing.source,
        licence=instance.licence,
        object_group=instance.group,
        material_group=scene.material.group or scene.material.name,
        sky=Path(scene.sky).stem,
        view=view,
    )
    author: dict[str, Any] = {
        "sample": id, "author_kind": "renderer", "author": "blender", "author_version": frames.by,
        "status": "accepted",
    }  # fmt: skip
    yield annotation(task="defect_type", label=instance.defect, facts=thing.facts[0] if thing.facts else None, **author)
    yield annotation(task="object", label=instance.category, **author)
    if len(thing.facts) > 1:
        for number, facts in enumerate(thing.facts):
            yield annotation(task="defect", label=instance.defect, facts=facts, candidate=number, **author)
    if thing.label is None:
        return
    areas, masks = [], []
    for n in numbers:
        mask = frames.mask(n)
        areas.append(coverage(mask))
        masks.append(coco_mask(n - numbers.start, mask))
    yield Signal(id, "mask_pixels", "px", float(want.fps), areas)
    yield annotation(task="mask", masks=[m for m in masks if m], **author)
