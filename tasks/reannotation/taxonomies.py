"""Which version of its taxonomy a workspace was last built with, so that a change is noticed."""

import json

from schemas import taxonomy
from schemas.recipe import Recipe
from tasks.workspace import Workspace, write_atomic

FILE = "taxonomy.json"


def version_of(recipe: Recipe) -> str | None:
    """Name and version of a recipe's taxonomy; None without one. Raises CallError for one that cannot be read."""
    if not recipe.images.taxonomy:
        return None
    known = taxonomy.load(recipe.images.taxonomy)
    return f"{known.name} {known.version}"


def news(workspace: Workspace, recipe: Recipe) -> tuple[str, str] | None:
    """The version of the last build and that of the recipe, where they are not the same."""
    now = version_of(recipe)
    try:
        before = json.loads((workspace.root / FILE).read_text())
    except (FileNotFoundError, ValueError):
        return None  # the first build with a taxonomy
    return (before, now) if now is not None and now != before else None


def remember(workspace: Workspace, recipe: Recipe) -> None:
    now = version_of(recipe)
    if now is not None:
        write_atomic(workspace.root / FILE, json.dumps(now))
