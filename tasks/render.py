"""The `render` stage: objects, defects and scenes by seed, Blender, and the clips with their exact labels."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from schemas.errors import BadInput, CallError
from schemas.filming import MaterialSpec, Render
from schemas.names import SKIES
from schemas.recipe import Recipe
from schemas.rows import Mask, MediaRef, Row, Sample, Signal, annotation, digest
from tasks import blender, scenes, video
from tasks.instances import Instance, Thing, content_of, instances, make
from tasks.stage import Context, Shard, stage
from tasks.workspace import Workspace

MARK_RGB = (255, 0, 0)
"""The colour of the marking; a pixel is blended to it by the share of it that the defect covers."""


def decisive(recipe: Recipe) -> Render:
    """The settings that decide the output: files named by content, how to run it left out."""
    want = recipe.render
    return want.model_copy(
        update={
            "materials": tuple(_by_content(m) for m in want.materials),
            "environments": tuple(
                e.model_copy(
                    update={
                        "sky": e.sky if e.sky in SKIES else _named(e.sky, "render.environments"),
                        "floor": e.floor and _by_content(e.floor),
                    }
                )
                for e in want.environments
            ),
            **{name: Render.model_fields[name].default for name in ("blender", "frames_per_process", "stall_seconds")},
        }
    )


def _by_content(surface: MaterialSpec) -> MaterialSpec:
    fields = {key: getattr(surface, key) for key in ("color", "roughness", "normal", "blend")}
    where = f"material {surface.name}"
    return surface.model_copy(update={k: _named(v, where) for k, v in fields.items() if isinstance(v, str)})


def _named(path: str, where: str) -> str:
    """A file's name and content in place of where it lies. Raises CallError when it is not there."""
    content = content_of(path)
    if not content:
        raise CallError(f"{where}: {Path(path).name}: no such file, or not readable; names are relative to the recipe")
    return f"{Path(path).name}@{content}"


def cut_instances(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
    """One shard per instance."""
    for instance in instances(recipe):
        yield Shard(instance.key, items=(instance,))


@dataclass(frozen=True)
class Effort:
    frames: int
    cpu_s: float


SECONDS_PER_START = 4.0
SECONDS_PER_FRAME = 0.04
SECONDS_PER_MEGASAMPLE = 2.6
SECONDS_PER_DENOISED_MEGAPIXEL = 1.8
SECONDS_PER_ENCODED_MEGAPIXEL = 0.25


def effort(want: Render) -> Effort:
    """Frames and CPU seconds that rendering one instance takes, roughly (within a factor of two).

    The constants were fitted to Cycles on a shared two-core Xeon machine that was busy with other work, at 320x240
    to 640x360 with 2 to 8 samples and one thread, starts and encoding estimated; an idle machine needs less.
    """
    pixels = want.width * want.height / 1e6
    denoising = SECONDS_PER_DENOISED_MEGAPIXEL * (want.denoise != "off")
    each = SECONDS_PER_FRAME + pixels * (
        SECONDS_PER_MEGASAMPLE * want.samples + denoising + SECONDS_PER_ENCODED_MEGAPIXEL
    )
    starts = -(-want.orbit_frames // want.frames_per_process)
    return Effort(want.orbit_frames, SECONDS_PER_START * starts + each * want.orbit_frames)


@stage(version=1, writes=("media", "samples", "annotations", "signals"), settings=decisive, cut=cut_instances)
def render(shard: Shard, ctx: Context) -> Iterator[Row]:
    """The orbit of one instance as clips, unmarked and, with a defect, marked, and the labels that are known."""
    (instance,) = shard.items
    try:
        thing = make(instance, ctx.recipe, ctx.rng)
    except BadInput as e:
        yield ctx.reject(instance.key, e)
        return
    want: Render = ctx.settings
    # The settings name files by content; the worker needs their places, which decide nothing.
    scene = scenes.choose(ctx.rng(f"{instance.key}/scene"), ctx.recipe.render)
    frames = _frames(instance, thing, scene, ctx)
    for clip in range(want.clips):
        yield from _clip(instance, thing, scene, frames, clip, ctx)


def _frames(instance: Instance, thing: Thing, scene: scenes.Scene, ctx: Context) -> blender.Frames:
    want, how = ctx.settings, ctx.recipe.render
    mesh = ctx.scratch / "mesh.npz"
    arrays: dict[str, Any] = {"vertices": thing.shape.vertices, "faces": thing.shape.faces}
    if thing.label is not None:
        arrays["label"] = thing.label
    np.savez(mesh, **arrays)
    orbit = scenes.orbit(scene, thing.shape.vertices, want)
    job = blender.Job(
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
        device=want.device,
        seed=int(ctx.rng(f"{instance.key}/noise").integers(2**31)),
        mask=thing.label is not None,
        threads=max(1, len(os.sched_getaffinity(0)) // ctx.recipe.run.workers),
        max_frames=how.frames_per_process,
    )
    return blender.run(job, ctx.scratch, how.blender, how.stall_seconds)


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
    instance: Instance, thing: Thing, scene: scenes.Scene, frames: blender.Frames, clip: int, ctx: Context
) -> Iterator[Row]:
    want: Render = ctx.settings
    id = "c" + digest(ctx.recipe.dataset, instance.key, clip, length=15)
    numbers = range(clip * want.clip_frames, (clip + 1) * want.clip_frames)
    pictures = {"unmarked": (frames.picture(n) for n in numbers)}
    if thing.label is not None:
        pictures["marked"] = (marked(frames.picture(n), frames.mask(n)) for n in numbers)
    media = []
    for role, sequence in pictures.items():
        file = ctx.out / f"{role}_{clip}.mp4"
        video.encode(file, sequence, want.fps, want.crf)
        media.append(
            ctx.media(
                file, role, sample=id, width=want.width, height=want.height, fps=float(want.fps),
                frames=want.clip_frames, start_s=numbers.start / want.fps, end_s=numbers.stop / want.fps,
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
    )
    author: dict[str, Any] = {
        "sample": id, "author_kind": "renderer", "author": "blender", "author_version": frames.blender,
        "status": "accepted",
    }  # fmt: skip
    yield annotation(task="defect_type", label=instance.defect, facts=thing.facts[0] if thing.facts else None, **author)
    yield annotation(task="object", label=instance.category, **author)
    if thing.label is None:
        return
    areas, masks = [], []
    for n in numbers:
        mask = frames.mask(n)
        areas.append(coverage(mask))
        masks.append(coco_mask(n - numbers.start, mask))
    yield Signal(id, "mask_pixels", "px", float(want.fps), areas)
    yield annotation(task="mask", masks=[m for m in masks if m], **author)
