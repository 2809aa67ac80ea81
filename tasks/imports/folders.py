"""Layouts whose classes are folders: plain class folders, and images with a mask image beside each."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tasks.imports.records import NORMAL, Found, Problem, Read
from tasks.imports.tree import MASK_FOLDERS, MASK_MARKS, Tree

SPLITS = frozenset({"train", "training", "test", "testing", "val", "valid", "validation", "images", "image", "img",
                    "jpegimages", "data", "dataset", "src", "source images"})  # fmt: skip
"""Folders that say something else than a class."""
PREFIX = re.compile(r"^(?P<name>.*?[A-Za-z])[ _-]*\(?\d[\d_() -]*$")
"""`crazing_12`, `Cr_12`, `RS-3`: a class and a number, as NEU-CLS names its files."""


def class_of(path: str) -> str:
    """The class that a path says: the deepest folder that is no split; else the name before the number; else ""."""
    found = PurePosixPath(path)
    for folder in reversed(found.parts[:-1]):
        if folder.lower() not in SPLITS | MASK_FOLDERS:
            return folder
    match = PREFIX.match(found.stem)
    return match["name"] if match else ""


def folders(tree: Tree) -> Iterator[Read]:
    """One folder per class, however deep; without class folders, the class before the number of a file's name."""
    for path in tree.images:
        if label := class_of(path):
            yield Found(path, label)
        else:
            yield Problem(path, f"{path}: neither its folder nor its name says a class; put it into a class folder")


def masks(tree: Tree) -> Iterator[Read]:
    """A mask image per image, in a folder of masks or under the image's name with a mark behind it.

    An image without a mask is normal where its path says no class.
    """
    by_stem: dict[str, str] = {}
    for path in tree.masks:
        by_stem.setdefault(_plain(path), path)
    used: set[str] = set()
    for path in tree.images:
        mask = by_stem.get(PurePosixPath(path).stem, "")
        used.add(mask)
        yield Found(path, class_of(path) or (NORMAL if not mask else "defect"), mask=mask)
    for mask in sorted(set(by_stem.values()) - used):
        yield Problem(mask, f"{mask}: the image that this mask belongs to is not there")


def _plain(mask: str) -> str:
    stem = PurePosixPath(mask).stem
    for mark in MASK_MARKS:
        if stem.lower().endswith(mark):
            return stem[: -len(mark)]
    return stem
