"""The table of readers, and which of them fits a source."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import PurePosixPath

from schemas.errors import CallError
from tasks.imports.boxes import NO_CLASS, voc, yolo
from tasks.imports.folders import folders, masks
from tasks.imports.polygons import coco, labelme
from tasks.imports.records import Read
from tasks.imports.tree import Tree

READERS: dict[str, Callable[[Tree], Iterator[Read]]] = {
    "folders": folders,
    "voc": voc,
    "yolo": yolo,
    "coco": coco,
    "labelme": labelme,
    "masks": masks,
}
LOOKED_AT = 20
"""Label files that are opened to tell what they are."""
HEAD = 1 << 16


def detected(tree: Tree) -> tuple[str, str]:
    """The layout of a source and, in a few words, what says so. Raises CallError for a folder without images."""
    if not tree.images:
        raise CallError(f"{tree.root}: holds no image that matches; give `path` another folder, or `images` a pattern")
    for layout, evidence in (("voc", _voc), ("coco", _coco), ("labelme", _labelme), ("yolo", _yolo), ("masks", _masks)):
        if count := evidence(tree):
            return layout, f"{count} label files fit" if layout != "masks" else f"{count} mask images"
    return "folders", f"{len({PurePosixPath(f).parent for f in tree.images})} folders of images and no label files"


def _heads(tree: Tree, suffix: str) -> list[str]:
    labels = (tree.root / n for n in tree.labels(suffix) if PurePosixPath(n).name.lower() not in NO_CLASS)
    found = []
    for file in islice((f for f in labels if f.stat().st_size), LOOKED_AT):  # an empty one tells nothing
        with open(file, "rb") as f:
            found.append(f.read(HEAD).decode("utf-8", "replace"))
    return found


def _voc(tree: Tree) -> int:
    return sum("<annotation" in head for head in _heads(tree, ".xml")) and len(tree.labels(".xml"))


def _labelme(tree: Tree) -> int:
    return sum('"shapes"' in head for head in _heads(tree, ".json")) and len(tree.labels(".json"))


def _coco(tree: Tree) -> int:
    marks = ('"images"', '"annotations"', '"categories"')
    return sum(any(m in head for m in marks) and '"shapes"' not in head for head in _heads(tree, ".json"))


def _yolo(tree: Tree) -> int:
    def numbers(head: str) -> bool:
        lines = [line.split() for line in head.splitlines()[:5] if line.strip()]
        return bool(lines) and all(len(v) >= 5 and v[0].isdigit() and _are_shares(v[1:]) for v in lines)

    fits = sum(numbers(h) for h in _heads(tree, ".txt"))
    return fits and len(tree.labels(".txt"))


def _are_shares(values: list[str]) -> bool:
    try:
        return all(-0.5 <= float(v) <= 1.5 for v in values)
    except ValueError:
        return False


def _masks(tree: Tree) -> int:
    return len(tree.masks)
