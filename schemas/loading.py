"""Recipe files: read, overridden, validated; every mistake is one sentence that names the key."""

import difflib
import glob
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from schemas.addresses import REFUSED, masked
from schemas.errors import CallError
from schemas.filming import EnvironmentSpec, MaterialSpec
from schemas.lines import legible
from schemas.names import SKIES
from schemas.notation import parsed
from schemas.objects import MESH_SUFFIXES, ObjectSpec
from schemas.recipe import Recipe
from schemas.section import Section
from schemas.sources import SourceSpec

PATTERNS = {
    r"^[a-z0-9][a-z0-9-]{0,40}$": "write up to 41 small letters, digits and hyphens, such as `my-parts`",
    r"^[a-z0-9][a-z0-9_-]{0,40}$": "write up to 41 small letters, digits, hyphens and underscores, such as `my-parts`",
    r"^\d+\.\d+\.\d+$": "write three numbers, such as 1.0.0",
}
"""What names have to look like, in words."""


def load(path: Path, overrides: tuple[str, ...] = ()) -> Recipe:
    """The validated recipe of a YAML file, with `a.b=value` overrides (values are YAML) applied.

    File names inside it come back absolute. Raises CallError with one sentence that names the key.
    """
    try:
        raw = parsed(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CallError(f"{path}: no such recipe; the ones that come along are in recipes/") from None
    except (OSError, UnicodeDecodeError) as e:
        raise CallError(f"{path}: cannot be read as a recipe ({e}); give a YAML file") from None
    except yaml.YAMLError as e:
        raise CallError(f"{path}: not valid YAML: {masked(' '.join(str(e).split()))}") from None
    if not isinstance(raw, dict):
        raise CallError(f"{path}: a recipe is a mapping with at least `dataset` and `objects`")
    _override_all(raw, overrides)
    return _anchored(validated(raw, str(path)), path.resolve().parent)


def changed(recipe: Recipe, overrides: tuple[str, ...]) -> Recipe:
    """A recipe with `a.b=value` overrides; file names are relative to the current folder. Raises like `load`."""
    raw = recipe.model_dump(mode="json")
    _override_all(raw, overrides)
    return _anchored(validated(raw, "--set"), Path.cwd())


def validated(raw: Any, where: str) -> Recipe:
    """Raises CallError with one sentence that names `where`, the key and what is wrong."""
    try:
        return Recipe.model_validate(raw)
    except ValidationError as e:
        raise CallError(f"{where}: {_sentence(e)}") from None


ONLY_WITH = {"caption.provider": ("model", "base_url")}
"""What stands beside a key and fits its value alone: where another value is set, it goes back to its default."""


def _override_all(raw: dict[str, Any], overrides: tuple[str, ...]) -> None:
    """In place; what takes others back to their defaults comes first, in whichever order it is given."""
    for text in sorted(overrides, key=lambda text: text.partition("=")[0] not in ONLY_WITH):
        _override(raw, text)


def _override(raw: dict[str, Any], text: str) -> None:
    """Set one `a.b=value` in place; sections that are not there are made, list items are not."""
    key, sep, value = text.partition("=")
    text, shown = masked(text), masked(value)
    if not sep or not key:
        raise CallError(f"--set {text}: write it as key.subkey=value")
    *parents, last = key.split(".")
    here: Any = raw
    try:
        for name in parents:
            here = here[int(name)] if isinstance(here, list) else here.setdefault(name, {})
        wanted = parsed(value)
        if key in ONLY_WITH and here.get(last) != wanted:
            for name in ONLY_WITH[key]:
                here.pop(name, None)
        here[int(last) if isinstance(here, list) else last] = wanted
    except (IndexError, ValueError):
        raise CallError(f"--set {text}: `{key}` names a list item that is not there") from None
    except (AttributeError, TypeError):
        raise CallError(f"--set {text}: a part of `{key}` holds a value, not a section") from None
    except yaml.YAMLError:
        raise CallError(f"--set {text}: `{shown}` is not a YAML value") from None


def _sentence(error: ValidationError) -> str:
    """The first problem in words: the key's path, what is wrong, and the nearest known key."""
    first = error.errors()[0]
    path = ".".join(str(p) for p in first["loc"])
    if first["type"] == "extra_forbidden":
        section: Any = Recipe
        for name in first["loc"][:-1]:
            if isinstance(name, str):
                section = _section_type(section, name)
        known = sorted(section.model_fields)
        near = difflib.get_close_matches(str(first["loc"][-1]), known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known keys: {', '.join(known)}"
        return f"`{path}` is not a known key; {hint}"
    others = error.error_count() - 1
    more = f" ({others} more {'problem' if others == 1 else 'problems'})" if others else ""
    return f"`{path or 'recipe'}`: {_wrong(first)}{more}"


def _wrong(found: Any) -> str:
    """What is wrong with a value. `found` is what pydantic says of it."""
    kind, said, value = found["type"], found["msg"].removeprefix("Value error, "), masked(repr(found["input"]))
    if kind in ("missing", "value_error", REFUSED):  # such a sentence names the value where that helps
        return str(said)
    if kind == "tuple_type":
        return f"a list is wanted, not {value:.80}"
    if kind == "literal_error":
        names = re.findall(r"'([^']*)'", found["ctx"]["expected"])
        if near := difflib.get_close_matches(str(found["input"]), names, n=1):
            return f"{value:.80} is not known; did you mean `{near[0]}`?"
    if kind == "string_pattern_mismatch" and (rule := PATTERNS.get(found["ctx"]["pattern"])):
        return f"{value:.80} does not do; {rule}"
    return f"{said}, not {value:.80}"


def _section_type(section: Any, name: str) -> Any:
    hint = section.model_fields[name].annotation
    args = [a for a in getattr(hint, "__args__", ()) if isinstance(a, type) and issubclass(a, Section)]
    return args[0] if args else hint


def _anchored(recipe: Recipe, folder: Path) -> Recipe:
    """Relative file names made absolute, globs expanded to one object per file, in sorted order."""
    render = recipe.render.model_copy(
        update={
            "materials": tuple(_material(m, folder) for m in recipe.render.materials),
            "environments": tuple(_environment(e, folder) for e in recipe.render.environments),
        }
    )
    objects = tuple(o for spec in recipe.objects for o in _object(spec, folder))
    sources = tuple(_source(s, folder) for s in recipe.sources)
    caption, images = recipe.caption, recipe.images
    written = caption.class_text
    if written.file.endswith((".yaml", ".yml")):
        caption = caption.model_copy(
            update={"class_text": written.model_copy(update={"file": _place(written.file, folder)})}
        )
    for name in ("dimensions", "prompts"):
        if given := getattr(caption, name):
            caption = caption.model_copy(update={name: _place(given, folder)})
    if images.taxonomy.endswith((".yaml", ".yml")):
        images = images.model_copy(update={"taxonomy": _place(images.taxonomy, folder)})
    return recipe.model_copy(
        update={"objects": objects, "render": render, "sources": sources, "images": images, "caption": caption}
    )


def _source(spec: SourceSpec, folder: Path) -> SourceSpec:
    path = _place(spec.path, folder)
    if "$" in path:
        where = f"; the images are to be had from {spec.homepage}" if spec.homepage else ""
        raise CallError(f"sources.{spec.name}: {spec.path}: set the variable to the folder of your copies{where}")
    return spec.model_copy(update={"path": path})


def _place(name: str, folder: Path) -> str:
    """A file name of a recipe, absolute; `~` and variables are expanded."""
    return os.path.normpath(folder / os.path.expandvars(os.path.expanduser(name)))


def _object(spec: ObjectSpec, folder: Path) -> list[ObjectSpec]:
    if spec.shapenet is not None:
        return [spec.model_copy(update={"shapenet": _place(spec.shapenet, folder)})]
    if spec.mesh is None:
        return [spec]
    named = os.path.expandvars(os.path.expanduser(spec.mesh))
    files = [_place(spec.mesh, folder)]
    if glob.has_magic(named) and not Path(files[0]).exists():
        matched = {os.path.normpath(f) for f in _matching(Path(named), folder)}
        files = sorted(f for f in matched if f.lower().endswith(MESH_SUFFIXES))
        if not files:
            raise CallError(f"objects: no mesh file matches {spec.mesh}; it is relative to the recipe file")
    for file in files:
        if file != file.encode("utf-8", "replace").decode():
            raise CallError(f"objects: {legible(file)}: its name is not UTF-8, which a recipe has to be; rename it")
    return [
        spec.model_copy(
            update={
                "mesh": file,
                "category": spec.category or Path(file).stem.lower(),
                "labels": spec.labels and _place(spec.labels.replace("{stem}", Path(file).stem), folder),
            }
        )
        for file in files
    ]


def _matching(pattern: Path, folder: Path) -> list[Path]:
    """What a pattern matches, seen from a folder whose own name is none; `**` is folders at any depth."""
    if "**" not in pattern.parts:
        return [folder / name for name in glob.glob(str(pattern), root_dir=folder)]
    stars = pattern.parts.index("**")
    above, below = Path(*pattern.parts[:stars]), Path(*pattern.parts[stars + 1 :] or ("*",))
    return [found for top in _matching(above, folder) for deep in _folders(top) for found in _matching(below, deep)]


def _folders(top: Path) -> Iterator[Path]:
    """A folder and all inside it that are not hidden; one that links lead back to, or to in several ways, once."""
    seen = set()
    for folder, inner, _ in os.walk(top, followlinks=True):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        if (real := os.path.realpath(folder)) in seen:
            inner.clear()
        else:
            seen.add(real)
            yield Path(folder)


def _material(spec: MaterialSpec, folder: Path) -> MaterialSpec:
    named = {key: getattr(spec, key) for key in ("color", "roughness", "normal", "blend")}
    return spec.model_copy(update={k: _place(v, folder) for k, v in named.items() if isinstance(v, str)})


def _environment(spec: EnvironmentSpec, folder: Path) -> EnvironmentSpec:
    sky = spec.sky if spec.sky in SKIES else _place(spec.sky, folder)
    return spec.model_copy(update={"sky": sky, "floor": spec.floor and _material(spec.floor, folder)})
