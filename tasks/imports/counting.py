"""How many images the sources of a recipe hold, before any is read."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from schemas import taxonomy
from schemas.errors import BadInput
from schemas.recipe import Recipe
from tasks.imports.archives import opened
from tasks.imports.layouts import READERS
from tasks.imports.records import Problem
from tasks.imports.stage import class_of, layout_of, tree_of


@dataclass(frozen=True)
class Count:
    """What one source would bring."""

    source: str
    layout: str
    """How it is read, and what says so."""
    images: int
    classes: int
    """Of the data set, among these images."""
    bytes: int
    rejected: int
    """Images and label files that cannot be used, as far as names tell; unreadable ones are found by the build."""


def counted(recipe: Recipe) -> list[Count]:
    """A count per source. Raises CallError for a source that is not there."""
    known = taxonomy.load(recipe.images.taxonomy) if recipe.images.taxonomy else None
    found = []
    for spec in recipe.sources:
        with tempfile.TemporaryDirectory() as folder:
            tree = tree_of(spec, opened(Path(spec.path), Path(folder), f"sources.{spec.name}"), known)
            layout, why = layout_of(spec, tree)
            images: Counter[tuple[str, str]] = Counter()
            size = rejected = 0
            for item in READERS[layout](tree):
                if isinstance(item, Problem):
                    rejected += 1
                    continue
                try:
                    key = item.label, class_of(spec, item.label, recipe, known)
                except BadInput:
                    rejected += 1
                    continue
                if not spec.limit or images[key] < spec.limit:
                    images[key] += 1
                    size += (tree.root / item.path).stat().st_size
            classes = len({defect for _, defect in images})
            found.append(Count(spec.name, f"{layout}, {why}", images.total(), classes, size, rejected))
    return found
