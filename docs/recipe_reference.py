"""Writes docs/recipe.md from the recipe's own classes: `python -m docs.recipe_reference`."""

import json
import typing
from pathlib import Path

from pydantic_core import PydanticUndefined

from schemas.filming import EnvironmentSpec, MaterialSpec, ViewMix
from schemas.objects import ObjectSpec
from schemas.recipe import Recipe
from schemas.section import Section
from schemas.sources import SourceSpec

HEAD = """# Every key of a recipe

Written by `python -m docs.recipe_reference` from `schemas/recipe.py`. A key that is not in this list is refused.
"""


LISTED: dict[str, tuple[str, type[Section]]] = {
    "objects": ("objects[]", ObjectSpec),
    "sources": ("sources[]", SourceSpec),
    "materials": ("render.materials[]", MaterialSpec),
    "environments": ("render.environments[]", EnvironmentSpec),
    "mix": ("plan.mix", ViewMix),
}
"""Sections that stand in lists or may be left out."""


def page() -> str:
    return HEAD + "".join(section(name, kind) for name, kind in sections("", Recipe))


def sections(name: str, kind: type[Section]) -> typing.Iterator[tuple[str, type[Section]]]:
    yield name, kind
    for key, field in kind.model_fields.items():
        if key in LISTED:
            yield LISTED[key]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            yield from sections(f"{name}.{key}" if name else key, field.annotation)


def section(name: str, kind: type[Section]) -> str:
    lines = [f"\n## `{name}`\n" if name else "\n## At the top\n"]
    if kind.__doc__:
        lines.append(kind.__doc__.strip().replace("\n    ", "\n") + "\n")
    lines += ["| key | default | meaning |", "| --- | --- | --- |"]
    for key, field in kind.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            continue
        default = "required" if field.default is PydanticUndefined else f"`{shown(field.default)}`"
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        if values := choices(field.annotation):
            meaning += f" One of {', '.join(f'`{v}`' for v in values)}."
        lines.append(f"| `{key}` | {default} | {meaning} |")
    return "\n".join(lines) + "\n"


def choices(hint: object) -> list[str]:
    """The strings that a key may hold, when its type lists them."""
    if typing.get_origin(hint) is typing.Literal:
        return [str(v) for v in typing.get_args(hint)]
    return [v for inner in typing.get_args(hint) for v in choices(inner)]


def shown(default: object) -> str:
    return "none" if default is None else json.dumps(default, default=str)


if __name__ == "__main__":
    (Path(__file__).parent / "recipe.md").write_text(page(), encoding="utf-8")
