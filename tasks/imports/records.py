"""What a reader finds: one small record per image, or one problem, and nothing decoded yet."""

from dataclasses import dataclass

IMAGES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm"})
LABELS = frozenset({".xml", ".txt", ".json", ".yaml", ".yml"})
NORMAL = "normal"
"""The source class of an image whose labels say that there is nothing on it."""


@dataclass(frozen=True)
class Shape:
    """One labelled region, by exactly one of its forms; coordinates are x, y in pixels of the image as labelled."""

    label: str
    box: tuple[float, float, float, float] | None = None
    """x, y, width, height."""
    polygons: tuple[tuple[float, ...], ...] = ()
    """x0, y0, x1, y1, … each."""
    rle: str | tuple[int, ...] | None = None
    """COCO run lengths, compressed or as counts; of an image of the record's `size`."""
    relative: bool = False
    """Coordinates are shares of width and height (YOLO)."""


@dataclass(frozen=True)
class Found:
    """One image of a source."""

    path: str
    """Relative to the source's root, with `/`."""
    label: str
    """Its class in the source."""
    shapes: tuple[Shape, ...] = ()
    mask: str = ""
    """A mask image, relative to the root; empty if there is none."""
    by_mask: bool = False
    """Its class stands for nothing but its mask: where that marks nothing, the image is normal."""
    size: tuple[int, int] | None = None
    """Width and height that its label file states."""


@dataclass(frozen=True)
class Problem:
    """Something of a source that cannot be used, in a sentence."""

    path: str
    reason: str


Read = Found | Problem


def main_class(shapes: tuple[Shape, ...]) -> str:
    """The class of an image by its shapes: that with the most of them, by name among equals; NORMAL without any."""
    names = [s.label for s in shapes]
    return min(set(names), key=lambda n: (-names.count(n), n)) if names else NORMAL
