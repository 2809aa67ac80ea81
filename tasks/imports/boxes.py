"""Layouts of detection: VOC XML and YOLO text."""

import math
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

import yaml

from schemas.errors import BadInput
from schemas.notation import parsed
from tasks.imports.folders import classes
from tasks.imports.matching import Matching
from tasks.imports.records import NORMAL, Found, Problem, Read, Shape, main_class
from tasks.imports.tree import Tree

LARGEST_LABEL = 64 << 20
"""Bytes of a label file of one image that are read."""
NO_CLASS = ("classes.txt", "obj.names", "readme.txt", "train.txt", "val.txt", "test.txt", "notes.txt")


def text_of(file: Path, most: int = LARGEST_LABEL) -> str:
    """Raises BadInput for a file that is too large or no UTF-8."""
    try:
        if file.stat().st_size > most:
            raise BadInput(f"{file.name}: has {file.stat().st_size} bytes, more than any label file of an image")
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise BadInput(f"{file.name}: cannot be read ({e})") from None


def voc(tree: Tree) -> Iterator[Read]:
    """Pascal VOC XML: boxes per image (NEU-DET; GC10-DET with its folder `lable`).

    The class of an image is that of most of its boxes. An image without a label file has the class that its path
    says (GC10-DET has such), or is a problem.
    """
    images = Matching(tree)
    for name in images.ordered(tree.labels(".xml")):
        try:
            named, size, shapes = _parsed_voc(tree.root / name)
        except BadInput as e:
            images.spoilt(name, name)
            yield Problem(name, f"{name}: {str(e).removeprefix(f'{PurePosixPath(name).name}: ')}")
            continue
        try:
            yield Found(images.image(name, name, named), main_class(shapes), shapes, size=size)
        except BadInput as e:
            yield Problem(name, f"{name}: its image {named or PurePosixPath(name).stem} {e}")
    yield from images.rest(classes(tree))


def _parsed_voc(file: Path) -> tuple[str, tuple[int, int] | None, tuple[Shape, ...]]:
    text = text_of(file)
    if "<!ENTITY" in text or "<!DOCTYPE" in text:
        raise BadInput(f"{file.name}: declares entities, which no label file needs; it is not read")
    try:
        top = ElementTree.fromstring(text)  # noqa: S314 - without entities there is nothing to expand
        if top.tag != "annotation":
            raise ValueError(f"it is about <{top.tag:.40}>, not <annotation>")
        shapes = tuple(_voc_object(o) for o in top.iter("object"))
        stated = top.find("size")
        size = None
        if stated is not None:
            width, height = (int(float(stated.findtext(k) or 0)) for k in ("width", "height"))
            size = (width, height) if width > 0 and height > 0 else None
    except (ElementTree.ParseError, ValueError, TypeError, OverflowError) as e:
        raise BadInput(f"{file.name}: is no VOC label file ({e})") from None
    return _voc_image(top), size, shapes


def _voc_image(top: ElementTree.Element) -> str:
    """The image that a label file names, with the folder that it is said to lie in, on whatever machine."""
    folder, name, path = ((top.findtext(k) or "").strip() for k in ("folder", "filename", "path"))
    if not name or PurePosixPath(path.replace("\\", "/")).name == name:
        return path
    return f"{folder}/{name}" if folder else name


def _voc_object(node: ElementTree.Element) -> Shape:
    x0, y0, x1, y1 = (float(node.findtext(f"bndbox/{k}") or "none") for k in ("xmin", "ymin", "xmax", "ymax"))
    name = (node.findtext("name") or "").strip()
    if not name:
        raise ValueError("an object has no name")
    if not all(map(math.isfinite, (x0, y0, x1, y1))) or x1 <= x0 or y1 <= y0:
        raise ValueError(f"the box of {name} is empty or turned over: {x0:g}, {y0:g}, {x1:g}, {y1:g}")
    return Shape(name, (x0, y0, x1 - x0, y1 - y0))


def yolo(tree: Tree) -> Iterator[Read]:
    """YOLO: a text file per image, with class names in data.yaml, classes.txt or obj.names; boxes or polygons."""
    try:
        names = _yolo_names(tree)
    except BadInput as e:
        yield Problem("classes", str(e))
        return
    images = Matching(tree)
    for name in tree.labels(".txt"):
        if PurePosixPath(name).name.lower() in NO_CLASS:
            continue
        try:
            path = images.image(name, name)
        except BadInput as e:
            yield Problem(name, f"{name}: its image {e}")
            continue
        try:
            shapes = tuple(_yolo_line(line, names) for line in text_of(tree.root / name).splitlines() if line.strip())
        except (BadInput, ValueError) as e:
            yield Problem(name, f"{name}: {e}")
            continue
        yield Found(path, main_class(shapes), shapes)
    yield from images.rest(otherwise=NORMAL)  # by convention an image without a label file shows nothing


def _yolo_names(tree: Tree) -> dict[int, str]:
    """The names of the class numbers; files that name the classes have to agree."""
    names: dict[int, str] = {}
    first = ""
    problem = BadInput("neither data.yaml nor classes.txt says what the class numbers mean; add one of them")
    for name in tree.files:
        try:
            listed = _listed(tree.root / name, name)
        except BadInput as e:  # perhaps it is about something else
            problem = e
            continue
        other = next((n for n, c in listed.items() if names.get(n, c) != c), None)
        if other is not None:
            raise BadInput(
                f"{name}: calls class {other} {listed[other]}, and {first} calls it {names[other]}; make each part of "
                "the set a source of its own, or let the files agree"
            )
        if listed:
            names, first = {**names, **listed}, first or name
    if not names:
        raise problem
    return names


def _listed(file: Path, name: str) -> dict[int, str]:
    """The classes that a file lists, if it is one that does."""
    if file.suffix.lower() in (".yaml", ".yml"):
        try:
            found = parsed(text_of(file))
        except yaml.YAMLError as e:
            raise BadInput(f"{name}: is no YAML ({' '.join(str(e).split())})") from None
        listed = found.get("names") if isinstance(found, dict) else None
        if isinstance(listed, list):
            listed = dict(enumerate(listed))
        if isinstance(listed, dict) and all(str(k).isdecimal() for k in listed):
            # Written out, a list of aliases of lists may be larger than any memory.
            if other := [k for k, c in listed.items() if isinstance(c, list | dict)]:
                raise BadInput(f"{name}: class {other[0]} has no name but a list; write one name per class")
            return {int(k): str(c) for k, c in listed.items()}
    if file.name.lower() in ("classes.txt", "obj.names"):
        lines = (line.strip() for line in text_of(file).splitlines())
        return {n: c for n, c in enumerate(lines) if c}
    return {}


def _yolo_line(line: str, names: dict[int, str]) -> Shape:
    first, *rest = line.split()
    try:
        number, values = int(first), tuple(map(float, rest))
    except ValueError:
        raise ValueError(f"`{line:.60}` is no line of a YOLO label") from None
    if number not in names:
        raise ValueError(f"class {number} is not among the {len(names)} names")
    if not all(map(math.isfinite, values)):
        raise ValueError(f"`{line:.60}` has a value that is no number")
    if len(values) == 4:
        x, y, w, h = values
        if w <= 0 or h <= 0:
            raise ValueError(f"`{line:.60}` is an empty box")
        return Shape(names[number], (x - w / 2, y - h / 2, w, h), relative=True)
    if len(values) >= 6 and len(values) % 2 == 0:
        return Shape(names[number], polygons=(values,), relative=True)
    raise ValueError(f"`{line:.60}` is neither a box nor a polygon")
