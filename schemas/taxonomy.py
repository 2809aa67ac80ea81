"""Taxonomies: which class of which source becomes which class of the data set; data, so that people can review it."""

import difflib
import re
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from schemas.errors import BadInput, CallError
from schemas.notation import parsed
from schemas.section import Section

BUILT_IN = Path(__file__).parent / "taxonomies"
NORMAL = ("normal", "good", "ok", "none", "no defect", "defect free", "perfect")
"""Names of images without a defect, unless a taxonomy says others."""


class ClassSpec(Section):
    """One class of the data set."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")
    """How it stands in `defect`: small letters, digits, `_` and `-`."""
    title: str = ""
    """In words; the name with spaces, if empty."""
    note: str = ""
    """What decided that it is a class, or what is merged in it."""
    sources: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    """Per family of sources the names that the class has there, aliases included."""


class Taxonomy(Section):
    """The classes of a data set, and what they are called in its sources."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,40}$")
    version: str = Field(pattern=r"^\d+\.\d+$")
    """X.Y; raised with every change of meaning."""
    description: str = ""
    """What the classes follow, and what was chosen here."""
    normal: tuple[str, ...] = NORMAL
    """Names, in any source, of images without a defect."""
    classes: tuple[ClassSpec, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _unambiguous(self) -> Self:
        names = [c.name for c in self.classes]
        if twice := sorted({n for n in names if names.count(n) > 1}):
            raise ValueError(f"the class {twice[0]} stands there twice")
        owner: dict[tuple[str, str], str] = {}
        for c in self.classes:
            for family, aliases in c.sources.items():
                for alias in aliases:
                    before = owner.setdefault((family, plain(alias)), c.name)
                    if before != c.name:
                        raise ValueError(f"`{alias}` of {family} is mapped to {before} and to {c.name}")
        for alias in self.normal:
            if plain(alias) in {plain(n) for n in names}:
                raise ValueError(f"`{alias}` is a class and a name for images without a defect")
        return self

    @cached_property
    def _known(self) -> dict[str, dict[str, str]]:
        known: dict[str, dict[str, str]] = {}
        for c in self.classes:
            for family, aliases in c.sources.items():
                known.setdefault(family, {}).update({plain(a): c.name for a in aliases})
        return known

    def class_of(self, source: str, source_class: str) -> str:
        """The class of an image of `source`, a family or a name that begins with one (`neu-det` is `neu`).

        A source that is no family is read by the names and aliases of all, as far as they agree. `none` for an
        image without a defect. Raises BadInput for a class that is not known, with the nearest name.
        """
        wanted = plain(source_class)
        if wanted in {plain(n) for n in self.normal}:
            return "none"
        families = [f for f in self._known if source == f or source.startswith((f"{f}-", f"{f}_"))]
        known = self._known[max(families, key=len)] if families else self._everywhere
        if wanted in known:
            return known[wanted]
        near = difflib.get_close_matches(wanted, known, n=1)
        hint = f"; did you mean `{near[0]}`?" if near else f"; it knows {', '.join(sorted(set(known.values()))[:30])}"
        raise BadInput(f"class `{source_class}` of {source} is not in the taxonomy {self.name}{hint}")

    @cached_property
    def _everywhere(self) -> dict[str, str]:
        said: dict[str, set[str]] = {}
        for c in self.classes:
            for alias in (c.name, *(a for aliases in c.sources.values() for a in aliases)):
                said.setdefault(plain(alias), set()).add(c.name)
        return {alias: next(iter(names)) for alias, names in said.items() if len(names) == 1}


def plain(name: str) -> str:
    """A class's name without what differs between copies of a set: case, and what stands between the words."""
    return re.sub(r"[\W_]+", " ", name.casefold()).strip()


def load(name: str) -> Taxonomy:
    """A taxonomy by name (those of `schemas/taxonomies/`) or file. Raises CallError with one sentence."""
    path = BUILT_IN / f"{name}.yaml" if re.fullmatch(r"[a-z0-9-]+", name) else Path(name)
    try:
        raw = parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        built_in = sorted(p.stem for p in BUILT_IN.glob("*.yaml"))
        near = difflib.get_close_matches(name, built_in, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"those that come along: {', '.join(built_in)}"
        raise CallError(f"images.taxonomy {name}: no such taxonomy; {hint}") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise CallError(f"images.taxonomy {path}: cannot be read ({' '.join(str(e).split())[:200]})") from None
    return validated(raw, str(path))


def validated(raw: Any, where: str) -> Taxonomy:
    """Raises CallError with one sentence that names `where`, the key and what is wrong."""
    try:
        return Taxonomy.model_validate(raw)
    except ValidationError as e:
        first = e.errors()[0]
        key = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            section = ClassSpec if len(first["loc"]) > 1 else Taxonomy
            known = sorted(section.model_fields)
            near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
            raise CallError(f"{where}: `{key}` is not a known key; {hint}") from None
        said = f"`{key}`: " if key else ""
        raise CallError(f"{where}: {said}{first['msg'].removeprefix('Value error, ')}") from None
