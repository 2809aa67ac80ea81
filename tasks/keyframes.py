"""Keyframes: one frame in every N, then a deep-feature filter (InspecSafe-V1, keyframe extraction)."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from schemas.errors import BadInput, DefectoryError
from schemas.recipe import Keyframes, Recipe
from schemas.rows import Embedding, Media, Row, Sample
from tasks import video
from tasks.encoders import Encoder, encoder, identity
from tasks.pictures import read_rgb
from tasks.stage import MAKER, Context, Shard, stage

BATCH = 16


def keyframes_of(
    frames: Iterator[np.ndarray], encode: Encoder, every: int, max_similarity: float
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Frame number, picture and unit feature vector of each kept frame.

    Every `every`-th frame from the first is a candidate; it is kept unless its cosine to the last kept
    frame exceeds `max_similarity`. Candidates are encoded in batches, so memory does not grow.
    """
    last: np.ndarray | None = None
    for batch in _batches((n, f) for n, f in enumerate(frames) if n % every == 0):
        for (number, picture), vector in zip(batch, encode([f for _, f in batch]), strict=True):
            if last is None or float(last @ vector) <= max_similarity:
                last = vector
                yield number, picture, vector


def _batches(items: Iterator[tuple[int, np.ndarray]]) -> Iterator[list[tuple[int, np.ndarray]]]:
    batch: list[tuple[int, np.ndarray]] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def decisive(recipe: Recipe) -> Keyframes:
    """What the output depends on: a local encoder by what lies in its folder, not by where that is."""
    return recipe.keyframes.model_copy(update={"encoder": identity(wanted(recipe))})


def wanted(recipe: Recipe) -> str:
    """The encoder by name: images have one of their own."""
    return recipe.images.encoder if recipe.kind == "image" else recipe.keyframes.encoder


@stage(version=1, reads=(MAKER,), writes=("media", "embeddings"), settings=decisive)
def keyframes(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Keyframes of every unmarked clip, as pictures and as features; an image is its own only keyframe."""
    want: Keyframes = ctx.settings
    encode = encoder(wanted(ctx.recipe))
    paths = {m.id: ctx.workspace.path(m.path) for m in ctx.rows(Media)}
    images = [s for s in ctx.rows(Sample) if s.kind == "image"]
    yield from _features(images, paths, encode, want.encoder)
    for sample in ctx.rows(Sample):
        if sample.kind == "image":
            continue
        clip = next(m.id for m in sample.media if m.role == "unmarked")
        try:
            for number, picture, vector in keyframes_of(
                video.frames(paths[clip]), encode, want.every, want.max_similarity
            ):
                file = ctx.out / f"{sample.id}.{number:05d}.jpg"
                if not cv2.imwrite(str(file), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92]):
                    raise DefectoryError(f"{file.name}: the keyframe could not be written; is the disk full?")
                height, width = picture.shape[:2]
                media = ctx.media(
                    file, "keyframe", sample=sample.id, width=width, height=height, frame=number, parent=clip
                )
                yield media
                yield Embedding(sample.id, media.id, number, want.encoder, [float(v) for v in vector])
        except BadInput as e:
            yield ctx.reject(sample.id, e)


def _features(images: list[Sample], paths: dict[str, Path], encode: Encoder, name: str) -> Iterator[Row]:
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        media = [next(m.id for m in s.media if m.role == "image") for s in batch]
        vectors = encode([read_rgb(paths[m]) for m in media])
        for sample, m, vector in zip(batch, media, vectors, strict=True):
            yield Embedding(sample.id, m, 0, name, [float(v) for v in vector])
