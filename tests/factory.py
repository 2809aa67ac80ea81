"""A small, complete workspace made by code: no Blender, no server, no model.

Clips show a grey disc in front of a gradient; a defect is a dark blob that moves over it, red in the
marked clip. Rendering and captioning are stand-ins; visibility, keyframes, qa and split are the real
stages, so pointers, parts and records are those of a real build.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco

from annotation.labels import current
from schemas.digests import digest
from schemas.recipe import Recipe
from schemas.rows import Annotation, DefectFacts, Group, Mask, MediaRef, Row, Sample, Score, Signal, Verdict, annotation
from tasks import video
from tasks.keyframes import keyframes
from tasks.qa import qa
from tasks.split import split
from tasks.stage import Context, Shard, Stage, cut, execute, gathering, stage
from tasks.visibility import visibility
from tasks.workspace import Workspace

WIDTH, HEIGHT, FPS, FRAMES = 64, 48, 10, 10


def recipe(**changes: Any) -> Recipe:
    """Two object categories, three defects, four normal instances; `changes` override top-level sections."""
    values: dict[str, Any] = {
        "dataset": "blobs",
        "seed": 7,
        "description": "Grey discs with and without a blob.",
        "objects": [
            {"builtin": "vase0", "category": "vase", "normal": 2, "defects": ["bulge"]},
            {"builtin": "cup0", "category": "cup", "normal": 2, "defects": ["hole", "scratch"]},
        ],
        "render": {
            "width": WIDTH, "height": HEIGHT, "fps": FPS, "clip_seconds": FRAMES / FPS, "clip_degrees": 180,
            "environments": ["city-asphalt", "studio-epoxy"],
        },
        "visibility": {"min_pixels": 8},
        "release": {"shard_mb": 0.05},
    }  # fmt: skip
    return Recipe.model_validate(values | changes)


def instances(wanted: Recipe) -> Iterator[tuple[str, str, str]]:
    """(instance, object, defect) of every instance that the recipe asks for."""
    numbers: Counter[str] = Counter()
    for spec in wanted.objects:
        category = spec.category or spec.builtin or ""
        for defect in (*["none"] * spec.normal, *spec.defects):
            kind = f"{category}-{'normal' if defect == 'none' else defect}"
            yield f"{kind}-{numbers[kind]}", category, defect
            numbers[kind] += 1


def clip(defect: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Frames (F, H, W, 3) uint8 of one unmarked clip and the masks (F, H, W) bool of its defect."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    rng = np.random.default_rng(seed)
    background = (np.stack([x, y, x + y], -1) * rng.uniform(0.5, 1.2, 3)).clip(0, 200)
    frames, masks = [], []
    for f in range(FRAMES):
        picture = background.copy()
        picture[(x - 32) ** 2 + (y - 24) ** 2 < 18**2] = 150 + 4 * f
        blob = (x - 18 - 3 * f) ** 2 + (y - 24) ** 2 < 25 if defect and 2 <= f < 8 else np.zeros_like(x, bool)
        picture[blob] = 60
        frames.append(picture.astype(np.uint8))
        masks.append(blob)
    return np.stack(frames), np.stack(masks)


def rle(frame: int, blob: np.ndarray) -> Mask:
    encoded = coco.encode(np.asfortranarray(blob.astype(np.uint8)))
    box = [float(v) for v in coco.toBbox(encoded)]
    return Mask(frame, HEIGHT, WIDTH, encoded["counts"].decode(), float(blob.sum()), box)


def _render_cut(workspace: Workspace, wanted: Recipe) -> Iterator[Shard]:
    for name, category, defect in instances(wanted):
        yield Shard(name, (), (category, defect))


@stage(version=1, writes=("media", "samples", "signals", "annotations"), settings=lambda r: r.render, cut=_render_cut)
def render(shard: Shard, ctx: Context) -> Iterator[Row]:
    category, defect = shard.items
    for index in range(ctx.settings.clips):
        key = digest(ctx.recipe.dataset, shard.key, index, length=15)
        sample_id = f"c{key}"
        pictures, masks = clip(defect != "none" and index == 0, int(key, 16) % 1000)
        marked = pictures.copy()
        marked[masks] = (255, 0, 0)
        media = []
        for role, frames in (("unmarked", pictures), ("marked", marked)):
            if role == "marked" and defect == "none":
                continue
            file = ctx.out / f"{sample_id}.{role}.mp4"
            video.encode(file, frames, FPS, crf=12)
            media.append(
                ctx.media(file, role, sample=sample_id, width=WIDTH, height=HEIGHT, fps=float(FPS), frames=FRAMES)
            )
        yield from media
        yield Sample(
            id=sample_id, kind="clip", dataset=ctx.recipe.dataset, media=[MediaRef(m.role, m.id) for m in media],
            groups=[shard.key], shard=shard.key, object=category, instance=shard.key, defect=defect, clip=index,
            frames=FRAMES, fps=float(FPS), width=WIDTH, height=HEIGHT, source=f"builtin:{category}", material="oak",
            environment=("city-asphalt", "studio-epoxy")[index % 2], floor=("asphalt", "epoxy")[index % 2],
            view=None if defect == "none" else "never" if index else "half",
        )  # fmt: skip
        by = {"author_kind": "renderer", "author": "blender", "author_version": "1", "status": "accepted"}
        facts = DefectFacts(8.0, 6.0, 3.0, 0.4, [0.1, 0.2, 0.3]) if defect != "none" else None
        yield annotation(sample=sample_id, task="defect_type", label=defect, facts=facts, **by)
        yield annotation(sample=sample_id, task="object", label=category, **by)
        if defect != "none":
            area = [float(m.sum()) for m in masks]
            yield annotation(
                sample=sample_id, task="mask", masks=[rle(f, m) for f, m in enumerate(masks) if m.any()], **by
            )
            yield Signal(sample_id, "mask_pixels", "px", float(FPS), area)
            yield Signal(sample_id, "planned_pixels", "px", float(FPS), [1.02 * a for a in area])
            yield annotation(
                sample=sample_id, task="view", author_kind="rule", author="planner", author_version="1",
                status="accepted", label="never" if index else "half",
                scores=[] if index else [Score("grazing", 0.0), Score("small", 1.0), Score("low_contrast", 0.0)],
            )  # fmt: skip


@stage(
    version=1,
    reads=("keyframes",),
    writes=("groups",),
    settings=lambda r: r.dedup,
    cut=gathering("keyframes", "render"),
)
def dedup(shard: Shard, ctx: Context) -> Iterator[Row]:
    """The normal vases look alike; nothing else does."""
    alike = sorted(s.id for s in ctx.rows(Sample) if s.instance.startswith("vase-normal"))
    yield from (Group(s, f"near-{alike[0]}", "near-duplicate", 0.997) for s in alike)


@stage(version=1, reads=("render",), writes=("annotations",), settings=lambda r: r.caption)
def caption(shard: Shard, ctx: Context) -> Iterator[Row]:
    for sample in ctx.rows(Sample):
        flaw = "nothing wrong with it" if sample.defect == "none" else f"a dark {sample.defect} near the middle"
        for index, opening in enumerate(("A grey disc with", "This <b>disc</b> & stand:", "Seen from the front,")):
            score = 0.9 - 0.2 * index
            parts = {"shape": 1, "size": 1, "depth": 0, "location": 1, "contrast": index != 1, "diversity": 0.8,
                     "score": score, "kept": 1, "chosen": index == 0}  # fmt: skip
            yield annotation(
                sample=sample.id, task="caption", author_kind="model", author="measured:rules", author_version="1",
                status="candidate", text=f"{opening} {flaw}.", candidate=index,
                scores=[Score(k, float(v)) for k, v in parts.items()],
            )  # fmt: skip


def reviewing(rejected: tuple[str, ...], corrected: tuple[str, ...]) -> Stage:
    """A finished round: everything accepted but the captions of the named samples."""

    @stage(
        version=1, reads=("render", "visibility", "caption"), writes=("annotations", "verdicts"),
        settings=lambda r: [rejected, corrected],
    )  # fmt: skip
    def review(shard: Shard, ctx: Context) -> Iterator[Row]:
        for sample, labels in sorted(current(ctx.rows(Annotation)).items()):
            for task in ("visible_interval", "caption"):
                label = labels.by_task.get(task)
                if label is None:
                    continue
                named = {"rejected": rejected, "corrected": corrected}
                verdict = next((v for v, ids in named.items() if sample in ids and task == "caption"), "accepted")
                text = "Written by a person." if verdict == "corrected" else label.text
                said = dataclasses.replace(
                    label, author_kind="person", author="reviewer-1", author_version="1", status=verdict, round=1,
                    text=text, supersedes=label.id, scores=[],
                )  # fmt: skip
                values = {k: v for k, v in vars(said).items() if k != "id"}
                yield annotation(**values)
                yield Verdict(
                    digest("verdict", label.id), sample, label.id, task, 1, "reviewer-1", verdict,
                    "wrong <place>" if verdict == "rejected" else "",
                )  # fmt: skip

    return review


def run(made: Stage, workspace: Workspace, wanted: Recipe) -> None:
    """One stage, its shards one after the other, and its pointer."""
    plan = cut(made, workspace, wanted)
    for _, shard in plan.todo:
        execute(made, workspace, wanted, shard)
    workspace.point(made.name, [ref for ref, _ in plan.shards])


def build(
    root: Path,
    wanted: Recipe | None = None,
    *,
    reviewed: bool = False,
    rejected: tuple[str, ...] = (),
    corrected: tuple[str, ...] = (),
    broken: str = "",
) -> Workspace:
    """A workspace with every stage up to `split` done.

    `reviewed` adds a finished review round; `rejected` and `corrected` are ids of samples whose caption it
    did not accept. `broken` is the id of a defective sample whose marked clip is cut short before visibility.
    """
    wanted = wanted or recipe()
    workspace = Workspace.create(root)
    workspace.keep_recipe(wanted)
    run(render, workspace, wanted)
    if broken:
        (file,) = workspace.root.glob(f"media/render/*/{broken}.marked.mp4")
        file.write_bytes(file.read_bytes()[:100])
    for made in (visibility, keyframes, dedup, caption):
        run(made, workspace, wanted)
    if reviewed or rejected or corrected:
        run(reviewing(rejected, corrected), workspace, wanted)
    for made in (qa, split):
        run(made, workspace, wanted)
    return workspace


def samples(workspace: Workspace) -> list[Sample]:
    return sorted(workspace.rows(Sample), key=lambda s: s.id)
