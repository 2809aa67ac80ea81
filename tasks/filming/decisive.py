"""The settings of a recipe that decide what is filmed: files named by content, how to run it left out."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import CallError
from schemas.filming import MaterialSpec, Render
from schemas.names import SKIES
from schemas.recipe import Recipe
from tasks.filming.instances import content_of

RUNNING = ("blender", "frames_per_process", "stall_seconds")
"""How the renderer is run."""
PICTURE = ("samples", "denoise", "bounces", "light", "pair", "crf", "device")
"""What pictures look like, and not what is to be seen in them."""


@dataclass(frozen=True)
class Surveying:
    """All that decides a survey."""

    render: Render
    candidates: int
    min_best_px: float
    steered: bool


def rendering(recipe: Recipe) -> Render:
    """What decides a rendered clip. Raises CallError for a named file that is not there."""
    want = recipe.render
    named = {
        "materials": tuple(_by_content(m) for m in want.materials),
        "environments": tuple(
            e.model_copy(
                update={
                    "sky": e.sky if e.sky in SKIES else _named(e.sky, "render.environments"),
                    "floor": e.floor and _by_content(e.floor),
                }
            )
            for e in want.environments
        ),
    }
    return _plain(want.model_copy(update=named), RUNNING)


def surveying(recipe: Recipe) -> Surveying:
    """What decides a survey: other settings of the renderer's quality look at the same scene."""
    want = recipe.plan
    return Surveying(_plain(rendering(recipe), PICTURE), want.candidates, want.min_best_px, steered(recipe))


def steered(recipe: Recipe) -> bool:
    """Whether a recipe wants anything of its views, so that there is something to choose."""
    want = recipe.plan
    return any(wish is not None for wish in (want.mix, want.grazing, want.small, want.low_contrast))


def _plain(want: Render, fields: Iterable[str]) -> Render:
    """`want` with `fields` at their defaults."""
    return want.model_copy(update={name: Render.model_fields[name].default for name in fields})


def _by_content(surface: MaterialSpec) -> MaterialSpec:
    fields = {key: getattr(surface, key) for key in ("color", "roughness", "normal", "blend")}
    where = f"material {surface.name}"
    return surface.model_copy(update={k: _named(v, where) for k, v in fields.items() if isinstance(v, str)})


def _named(path: str, where: str) -> str:
    """A file's name and content in place of where it lies. Raises CallError when it is not there."""
    found = content_of(path)
    if not found:
        raise CallError(f"{where}: {Path(path).name}: no such file, or not readable; names are relative to the recipe")
    return f"{Path(path).name}@{found}"
