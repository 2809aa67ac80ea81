"""Layouts of segmentation: labelme and COCO JSON."""

import json
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from schemas.errors import BadInput
from tasks.imports.boxes import text_of
from tasks.imports.folders import classes
from tasks.imports.matching import Matching
from tasks.imports.records import NORMAL, Found, Problem, Read, Shape, main_class
from tasks.imports.tree import Tree

LARGEST_COCO = 4 << 30
MALFORMED = (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError)


def labelme(tree: Tree) -> Iterator[Read]:
    """labelme JSON per image: polygons, rectangles and circles; without shapes the image is normal."""
    images = Matching(tree)
    for name in images.ordered(tree.labels(".json")):
        named = ""
        try:
            said = json.loads(text_of(tree.root / name))
            named = str(said.get("imagePath") or "")
            shapes = tuple(_labelme_shape(s) for s in said["shapes"])
            width, height = said.get("imageWidth"), said.get("imageHeight")
            size = (int(width), int(height)) if width and height else None
        except (BadInput, *MALFORMED) as e:
            images.spoilt(name, name, named)
            yield Problem(name, f"{name}: is no labelme file ({_why(e)})")
            continue
        try:
            yield Found(images.image(name, name, named), main_class(shapes), shapes, size=size)
        except BadInput as e:
            yield Problem(name, f"{name}: its image {named or PurePosixPath(name).stem} {e}")
    yield from images.rest(otherwise=NORMAL)


def _labelme_shape(said: dict[str, Any]) -> Shape:
    points = [(float(x), float(y)) for x, y in said["points"]]
    if not all(math.isfinite(v) for p in points for v in p):
        raise ValueError("a point is no number")
    label, kind = str(said["label"]), said.get("shape_type") or "polygon"
    match kind:
        case "rectangle":
            (x0, y0), (x1, y1) = points
            return Shape(label, (min(x0, x1), min(y0, y1), abs(x1 - x0), abs(y1 - y0)))
        case "circle":
            (x, y), rim = points
            r = math.dist((x, y), rim)
            turn = [2 * math.pi * k / 64 for k in range(64)]
            points = [(x + r * math.cos(a), y + r * math.sin(a)) for a in turn]
        case "polygon" | "linestrip":
            if len(points) < 3:
                raise ValueError(f"a polygon of {label} has {len(points)} points")
        case _:
            raise ValueError(f"shapes of type {kind} have no area")
    return Shape(label, polygons=(tuple(v for p in points for v in p),))


def coco(tree: Tree) -> Iterator[Read]:
    """COCO JSON: boxes, polygons and run lengths of many images in a file. Images that no file names are left out
    of the labels: they have the class that their folder says, or are a problem."""
    images = Matching(tree)
    for name in tree.labels(".json"):
        try:
            said = json.loads(text_of(tree.root / name, LARGEST_COCO))
            if not isinstance(said, dict) or "images" not in said or "annotations" not in said:
                continue  # some other JSON that lies about
            categories = {int(c["id"]): str(c["name"]) for c in said["categories"]}
            of_image: dict[Any, list[Any]] = {}
            for a in said["annotations"]:
                of_image.setdefault(a["image_id"], []).append(a)
            listed = [(i["id"], str(i["file_name"]), i) for i in said["images"]]
            times = Counter(i for i, _, _ in listed)
        except (BadInput, *MALFORMED) as e:
            yield Problem(name, f"{name}: is no COCO file ({_why(e)})")
            continue
        for stranger in sorted(of_image.keys() - times.keys(), key=str):
            yield Problem(f"{name}#{stranger}", f"{name}: has annotations of image {stranger}, which it does not list")
        # Where a folder is missing, its images are not to take the labels of namesakes that are there.
        for number, file_name, image in sorted(listed, key=lambda i: -images.certainty(i[1])):
            where, place = f"{name}: image {file_name}", str(PurePosixPath(name).parent / file_name)
            try:
                path = images.image(place, place)
            except BadInput as e:
                yield Problem(f"{name}#{number}", f"{where} {e}")
                continue
            if times[number] > 1:
                yield Problem(f"{name}#{number}", f"{where} has the id {number}, as another one of this file has")
                continue
            try:
                size = _coco_size(image, of_image.get(number, []))
                shapes = tuple(_coco_shape(a, categories, size) for a in of_image.get(number, ()))
            except MALFORMED as e:
                yield Problem(f"{name}#{number}", f"{where}: an annotation cannot be used ({_why(e)})")
                continue
            yield Found(path, main_class(shapes), shapes, size=size)
    yield from images.rest(classes(tree))


def _coco_size(image: dict[str, Any], said: list[dict[str, Any]]) -> tuple[int, int] | None:
    """Width and height as listed, or as the run lengths say."""
    if image.get("width"):
        return int(image["width"]), int(image["height"])
    outlines = (a["segmentation"] for a in said if isinstance(a.get("segmentation"), dict))
    return next(((int(o["size"][1]), int(o["size"][0])) for o in outlines if "size" in o), None)


def _coco_shape(said: dict[str, Any], categories: dict[int, str], size: tuple[int, int] | None) -> Shape:
    label, outline = categories[int(said["category_id"])], said.get("segmentation")
    if isinstance(outline, dict):
        counts = outline["counts"]
        if "size" in outline and list(outline["size"])[::-1] != list(size or ()):
            raise ValueError(f"a mask of {label} is of another size than the image")
        return Shape(label, rle=counts if isinstance(counts, str) else tuple(map(int, counts)))
    if outline:
        polygons = tuple(tuple(map(float, p)) for p in outline)
        if any(len(p) < 6 or len(p) % 2 or not all(map(math.isfinite, p)) for p in polygons):
            raise ValueError(f"a polygon of {label} has less than three points, half a point, or one that is no number")
        return Shape(label, polygons=polygons)
    x, y, w, h = map(float, said["bbox"])
    if not (w > 0 and h > 0 and all(map(math.isfinite, (x, y, w, h)))):
        raise ValueError(f"the box of {label} is empty")
    return Shape(label, (x, y, w, h))


def _why(e: BaseException) -> str:
    return f"{e} is missing" if isinstance(e, KeyError) else " ".join(str(e).split())[:200]
