"""Layouts whose classes are folders: plain class folders, and images with a mask image beside each."""

import re
from collections.abc import Callable, Iterator
from itertools import takewhile
from os.path import commonpath
from pathlib import PurePosixPath

from schemas.errors import BadInput
from tasks.imports.matching import Matching
from tasks.imports.records import NORMAL, Found, Problem, Read
from tasks.imports.tree import MASK_FOLDERS, MASK_MARKS, Tree, is_mask

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


def classes(tree: Tree) -> Callable[[str], str]:
    """What says the class of an image of a source by its path."""
    packed = _packed(tree)
    return lambda path: class_of(_below(path, packed))


def _packed(tree: Tree) -> int:
    """How many leading folders are of the set, not of a class: those that all its images have in common.

    None of them, unless what is below tells classes: `NEU-CLS/Cr_1.bmp` does beside `NEU-CLS/In_1.bmp`, but a source of
    `scratch/1.png` and `scratch/img_2.png` has one class. A folder that the taxonomy knows is a class in any case.
    """
    images = [f for f in tree.pictures if not is_mask(f)]  # a pattern does not change what a folder means
    shared = PurePosixPath(commonpath([str(PurePosixPath(f).parent) for f in images] or [""])).parts
    packed = sum(1 for _ in takewhile(lambda folder: not tree.is_class(folder), shared))
    told = {class_of(_below(f, packed)) for f in images} - {""}
    return packed if len(told) > 1 or any(map(tree.is_class, told)) else 0


def _below(path: str, folders: int) -> str:
    return str(PurePosixPath(*PurePosixPath(path).parts[folders:]))


def folders(tree: Tree) -> Iterator[Read]:
    """One folder per class, however deep; without class folders, the class before the number of a file's name."""
    class_of = classes(tree)
    for path in tree.images:
        if label := class_of(path):
            yield Found(path, label)
        else:
            yield Problem(path, f"{path}: neither its folder nor its name says a class; put it into a class folder")


def masks(tree: Tree) -> Iterator[Read]:
    """A mask image per image, in a folder of masks or under the image's name with a mark behind it.

    An image without a mask, or with one that marks nothing, is normal where its path says no class.
    """
    images, class_of = Matching(tree), classes(tree)
    for mask in tree.masks:
        try:
            path = images.image(mask, _unmarked(mask))
        except BadInput as e:
            yield Problem(mask, f"{mask}: the image that this mask belongs to {e}")
            continue
        label = class_of(path)
        yield Found(path, label or "defect", mask=mask, by_mask=not label)
    yield from images.rest(class_of, NORMAL)


def _unmarked(mask: str) -> str:
    """The path of a mask as if it were its image, of whatever suffix."""
    path = PurePosixPath(mask)
    mark = next((m for m in MASK_MARKS if path.stem.lower().endswith(m)), "")
    return f"{path.parent}/{path.stem[: len(path.stem) - len(mark)]}.*"
