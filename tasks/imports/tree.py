"""The files of a source: walked once, images, masks and labels told apart."""

import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path, PurePosixPath

from tasks.imports.records import IMAGES, LABELS

MASK_MARKS = ("_mask", "-mask", "_gt", "_label", "_seg")
"""What stands behind the stem of an image in the name of its mask."""
MASK_FOLDERS = frozenset({"mask", "masks", "ground truth", "ground_truth", "groundtruth", "gt", "annotations_mask",
                          "annotation", "annotations", "label", "labels", "segmentationclass",
                          "segmentationobject"})  # fmt: skip
"""Folders whose pictures are labels (`annotations` of NEU-Seg, `SegmentationClass` of Pascal VOC)."""


class Tree:
    """The files of one source, relative to its root with `/`, sorted. Links and hidden files are not listed."""

    def __init__(
        self, root: Path, images: str = "", labels: str = "", is_class: Callable[[str], bool] = lambda folder: False
    ):
        """`images` and `labels` are patterns; `is_class` tells a folder that is known to be a class."""
        self.root, self._images, self._labels, self.is_class = root, images, labels, is_class

    @cached_property
    def files(self) -> tuple[str, ...]:
        return tuple(sorted(_walk(self.root)))

    @cached_property
    def images(self) -> tuple[str, ...]:
        """Images that are not masks."""
        return tuple(f for f in self.pictures if not is_mask(f) and _matches(f, self._images))

    @cached_property
    def pictures(self) -> tuple[str, ...]:
        return tuple(f for f in self.files if PurePosixPath(f).suffix.lower() in IMAGES)

    @cached_property
    def masks(self) -> tuple[str, ...]:
        return tuple(f for f in self.pictures if is_mask(f) and _matches(f, self._labels))

    def labels(self, *suffixes: str) -> tuple[str, ...]:
        wanted = suffixes or tuple(LABELS)
        found = (f for f in self.files if PurePosixPath(f).suffix.lower() in wanted)
        return tuple(f for f in found if _matches(f, self._labels))


def is_mask(name: str) -> bool:
    path = PurePosixPath(name)
    return path.stem.lower().endswith(MASK_MARKS) or any(p.lower() in MASK_FOLDERS for p in path.parts[:-1])


def _matches(name: str, pattern: str) -> bool:
    return not pattern or fnmatch(name, pattern) or PurePosixPath(name).match(pattern)


def _walk(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [f for f in folders if not f.startswith((".", "__MACOSX")) and not (Path(folder) / f).is_symlink()]
        for name in names:
            path = Path(folder) / name
            if not name.startswith(".") and not path.is_symlink():
                yield path.relative_to(root).as_posix()
