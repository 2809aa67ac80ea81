"""The stage `import`: images of distributed sets, of one size with their masks, labelled by a taxonomy."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from pycocotools import mask as rle

from annotation.measuring import estimate
from schemas import taxonomy
from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError
from schemas.lines import legible
from schemas.recipe import Recipe
from schemas.rows import Annotation, Mask, MediaRef, Row, Sample, Score, annotation
from schemas.sources import SourceSpec
from tasks.files import sha256_file
from tasks.imports.archives import opened
from tasks.imports.layouts import READERS, detected
from tasks.imports.pictures import Decoded, decode, mask_image, normalised, region
from tasks.imports.records import NORMAL, Found, Problem, Shape
from tasks.imports.tree import Tree
from tasks.pictures import decoded
from tasks.stage import Context, Shard, stage
from tasks.workspace import Workspace

PER_SHARD = 256
"""Images of a shard, at most about."""


@dataclass(frozen=True)
class Source:
    """What of a source stands with every one of its images."""

    name: str
    licence: str
    object: str


@dataclass(frozen=True)
class Item:
    """One image to import."""

    found: Found
    defect: str
    """Its class in the data set."""
    sha256: str
    """Of the image file, and after a dash of its mask image."""


def settings(recipe: Recipe) -> dict[str, Any]:
    """What decides an imported image besides its files, its source and its class, which the shards hold."""
    return recipe.images.model_dump(include={"side", "fit", "estimate"})


def root_of(spec: SourceSpec, workspace: Workspace) -> Path:
    """The folder of a source, its archive unpacked into the workspace."""
    where = f"sources.{spec.name}" + (f" (to be had from {spec.homepage})" if spec.homepage else "")
    return opened(Path(spec.path), workspace.root / "sources", where)


def tree_of(spec: SourceSpec, root: Path, known: taxonomy.Taxonomy | None) -> Tree:
    """The files of a source; of its folders, those that the taxonomy knows are classes."""

    def is_class(folder: str) -> bool:
        if known is None:
            return taxonomy.plain(folder) in taxonomy.NORMAL
        try:
            return bool(known.class_of(spec.name, folder))
        except BadInput:
            return False

    return Tree(root, spec.images, spec.labels, is_class)


def layout_of(spec: SourceSpec, tree: Tree) -> tuple[str, str]:
    """The layout that a source is read by, and what says so."""
    found = detected(tree)
    return found if spec.layout == "auto" else (spec.layout, "as the recipe says")


def cut(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
    """The images of every source in buckets by the hash of their path: a new image changes one bucket.

    The number of buckets doubles as a source grows, so that none is much larger than PER_SHARD.
    """
    known = taxonomy.load(recipe.images.taxonomy) if recipe.images.taxonomy else None
    for spec in recipe.sources:
        tree = tree_of(spec, root_of(spec, workspace), known)
        layout, _ = layout_of(spec, tree)
        items = sorted(
            _chosen(_items(spec, tree, layout, recipe, known), spec, recipe.seed), key=lambda i: (_path(i), repr(i))
        )
        count = 1
        while len(items) > count * PER_SHARD:
            count *= 2
        buckets: dict[int, list[Item | Problem]] = {}
        for item in items:
            buckets.setdefault(int(digest(_path(item)), 16) % count, []).append(item)
        for number, bucket in sorted(buckets.items()):
            yield Shard(
                f"{spec.name}-{count}-{number:04d}", (), (Source(spec.name, spec.licence, spec.object), *bucket)
            )


def _path(item: Item | Problem) -> str:
    return item.found.path if isinstance(item, Item) else item.path


def _items(
    spec: SourceSpec, tree: Tree, layout: str, recipe: Recipe, known: taxonomy.Taxonomy | None
) -> Iterator[Item | Problem]:
    hashes: dict[str, str] = {}
    for found in READERS[layout](tree):
        if isinstance(found, Problem):
            yield found
            continue
        try:
            defect = class_of(spec, found.label, recipe, known)
        except BadInput as e:
            yield Problem(found.path, f"{found.path}: {e}")
            continue
        for file in filter(None, (found.path, found.mask)):
            if file not in hashes:
                hashes[file] = sha256_file(tree.root / file)
        yield Item(found, defect, "-".join(hashes[f] for f in (found.path, found.mask) if f))


def class_of(spec: SourceSpec, label: str, recipe: Recipe, known: taxonomy.Taxonomy | None) -> str:
    """The class in the data set of what a source calls `label`. Raises BadInput for one that is not known."""
    own = "none" if taxonomy.plain(label) in taxonomy.NORMAL else taxonomy.plain(label).replace(" ", "_")
    if not own:
        raise BadInput(f"its class `{label}` has neither a letter nor a digit")
    if known is None:
        return own
    try:
        return known.class_of(spec.name, label)
    except BadInput:
        if recipe.images.unknown == "keep":
            return own
        raise


def _chosen(items: Iterable[Item | Problem], spec: SourceSpec, seed: int) -> Iterator[Item | Problem]:
    """All of them, or the `limit` images of every class that a hash puts first: the same ones when others come."""
    by_class: dict[str, list[Item]] = {}
    for item in items:
        if isinstance(item, Problem) or not spec.limit:
            yield item
        else:
            by_class.setdefault(item.found.label, []).append(item)
    for found in by_class.values():
        yield from sorted(found, key=lambda i: digest(seed, spec.name, i.found.path))[: spec.limit]


@stage(name="import", version=6, writes=("media", "samples", "annotations"), settings=settings, cut=cut)
def import_images(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Every image of a shard as a sample of kind `image`, with its class and, where there are any, masks and boxes.

    Where a source marks no outline, a mask is estimated from the picture, within its boxes if there are any, as the
    work of a rule.
    """
    source, *items = shard.items
    spec = next(s for s in ctx.recipe.sources if s.name == source.name)
    root = root_of(spec, ctx.workspace)
    for item in items:
        if isinstance(item, Problem):
            yield ctx.reject(f"{source.name}/{item.path}", BadInput(item.reason))
            continue
        try:
            yield from _rows(item, source, root, ctx)
        except BadInput as e:
            yield ctx.reject(f"{source.name}/{item.found.path}", e)


def _rows(item: Item, source: Source, root: Path, ctx: Context) -> Iterator[Row]:
    shapes = tuple(replace(s, label=legible(s.label)) for s in item.found.shapes)
    found = replace(item.found, label=legible(item.found.label), shapes=shapes)
    item = replace(item, found=found)
    picture = decode(root / found.path, found.path)
    side, fit = ctx.settings["side"], ctx.settings["fit"]
    said = list(_regions(item, picture, root))
    if found.by_mask and not said:
        found = replace(found, label=NORMAL)
        item = replace(item, found=found, defect="none")
    regions = [(t, label, n, normalised(covered, side, fit, mask=True)) for t, label, n, covered in said]
    if lost := [label for _, label, _, covered in regions if not covered.any()]:
        raise BadInput(f"{found.path}: nothing of its label {lost[0]} is left after the {fit}; set images.fit to pad")
    pixels = normalised(picture.pixels, side, fit)
    id_ = f"i{digest('image', ctx.recipe.dataset, source.name, found.path, length=15)}"
    file = ctx.out / f"{id_}.png"
    if not cv2.imwrite(str(file), pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
        raise DefectoryError(f"{file.name}: the image could not be written; is the disk full?")
    height, width = pixels.shape[:2]
    media = ctx.media(file, "image", sample=id_, width=width, height=height)
    content = f"x{content_of(picture.pixels)}"
    yield media
    yield Sample(
        id=id_, kind="image", dataset=ctx.recipe.dataset, media=[MediaRef("image", media.id)], groups=[content],
        shard=ctx.shard.key, object=source.object, instance=content, defect=item.defect, width=width, height=height,
        source=legible(f"{source.name}:{found.path}"), licence=source.licence, source_set=source.name,
        source_class=found.label,
    )  # fmt: skip

    def by_source(**values: Any) -> Annotation:
        return annotation(
            sample=id_, author_kind="person", author=source.name, author_version="1", status="candidate", **values
        )

    yield by_source(task="defect_type", label=item.defect)
    yield by_source(task="object", label=source.object)
    masks: dict[tuple[str, str], list[Mask]] = {}
    for task, label, _, covered in regions:
        masks.setdefault((task, label), []).append(encoded(covered))
    for (task, label), of_class in sorted(masks.items()):
        chosen = [Score("chosen", 1.0)] if label == found.label else []
        yield by_source(task=task, label=label, masks=of_class, scores=chosen)
    if ctx.settings["estimate"] and item.defect != "none" and not any(task == "mask" for task, *_ in regions):
        boxes = [decoded([box]) for box in masks.get(("box", found.label), ())]
        place = estimate.region(pixels, boxes)
        if place is not None:
            yield annotation(
                sample=id_, task="mask", author_kind="rule", author="estimate", author_version="1", status="candidate",
                label=found.label, masks=[encoded(place)], scores=[Score("chosen", 1.0)],
            )  # fmt: skip


def _regions(item: Item, picture: Decoded, root: Path) -> Iterator[tuple[str, str, int, np.ndarray]]:
    """Task, source class, number and coverage of what is labelled: one mask per class, one box each."""
    found = item.found
    if found.mask:
        covered = mask_image(root / found.mask, found.mask, found, picture)
        if covered.any():
            yield "mask", found.label, 0, covered
    outlined: dict[str, list[Shape]] = {}
    for number, shape in enumerate(found.shapes):
        if shape.box is None:
            outlined.setdefault(shape.label, []).append(shape)
        else:
            yield "box", shape.label, number, region((shape,), found, picture)
    for label, shapes in outlined.items():
        yield "mask", label, 0, region(tuple(shapes), found, picture)


def content_of(pixels: np.ndarray) -> str:
    """A hash of decoded pixels: equal for equal pictures, however they are packed; grey or as three equal channels."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()[:20]


def encoded(covered: np.ndarray) -> Mask:
    """The mask of coverage (H, W) float32 in [0, 1]; a speck that covers no half of a pixel keeps its fullest one."""
    inside = covered >= min(0.5, float(covered.max()))
    packed = rle.encode(np.asfortranarray(inside.astype(np.uint8)))
    height, width = covered.shape
    return Mask(
        0, height, width, packed["counts"].decode(), round(float(covered.sum()), 3),
        [float(v) for v in rle.toBbox(packed)],
    )  # fmt: skip
