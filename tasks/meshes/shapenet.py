"""Folders laid out like Anomaly-ShapeNet: templates, positive items, and defective items with point-wise labels.

The published archives hold `dataset/obj/<category>/*.obj` and `dataset/pcd/<category>/{train,test,GT}`; file names
are `<category>_<type><number>`, where the type is `template`, `positive` or a defect's, and `GT/<same stem>.txt`
has lines of `x,y,z,label`. Known slips are allowed for: `desk_bulge0` for `desk0_bulge0`, `1_sink` for `1_concavity`.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from schemas.errors import CallError

KINDS = {
    "template": "none",
    "positive": "none",
    "good": "none",
    "bulge": "bulge",
    "concavity": "concavity",
    "sink": "concavity",
    "crack": "crack",
    "hole": "hole",
    "scratch": "scratch",
    "broken": "broken",
}
"""What the types in file names are in `schemas.names.DEFECT_TYPES`; none for sound items."""
FORMATS = (".obj", ".ply", ".stl", ".pcd")
"""Best first: a mesh is taken before the points that were sampled from it."""
PARTS = ("train", "test", "gt")

_NAME = re.compile(r"(?:(?P<prefix>.*)_)?(?P<kind>[a-z]+)(?P<number>\d*)", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    category: str
    defect: str
    """One of the six types, `none`, or a type that is unknown here."""
    template: bool
    mesh: Path
    spare: Path | None = None
    """The same item in another format, for where the mesh cannot be used."""
    labels: Path | None = None
    """Of a defective item."""
    like: Path | None = None
    """A template of its category."""
    problem: str = ""
    """Why it cannot be used, in one sentence."""


def items(root: Path) -> list[Item]:
    """Every item under a folder, by category, templates first, in order of type and number.

    What cannot be used is there with its problem. Raises CallError for a folder that is missing or holds no item.
    """
    if not root.is_dir():
        raise CallError(f"objects: {root.name}: no such folder for `shapenet`; it is relative to the recipe file")
    found: dict[tuple[str, str, str], list[Path]] = {}
    labels: dict[tuple[str, str, str], Path] = {}
    links = list[Item]()
    for path in _walk(root):
        if path.is_dir():
            problem = f"{path.name}: a link to a folder, which is not followed; put the folder itself in its place"
            links.append(Item(path.name, "unnamed", False, path, problem=problem))
        elif path.suffix.lower() == ".txt" and path.parent.name.lower() == "gt":
            labels[_identity(path)] = path
        elif path.suffix.lower() in FORMATS:
            found.setdefault(_identity(path), []).append(path)
    if not found and not links:
        raise CallError(
            f"objects: {root.name}: no OBJ, PLY, STL or PCD file in it; give a folder like Anomaly-ShapeNet's"
        )
    templates: dict[str, Path] = {}
    for identity in sorted(found):
        if identity[1] == "template":
            templates.setdefault(identity[0], _best(found[identity])[0])
    order = sorted(found, key=lambda i: (i[0], i[1] != "template", i[1], i[2].zfill(8)))
    return [*(one for i in order for one in _items(i, _best(found[i]), labels.get(i), templates)), *links]


def _walk(root: Path) -> Iterator[Path]:
    """Every file that is not hidden; and folders behind links, which may lead out of the root or in circles."""
    for folder, inner, names in os.walk(root):
        inner.sort()
        for name in sorted([*names, *(n for n in inner if Path(folder, n).is_symlink())]):
            if not name.startswith("."):
                yield Path(folder, name)


def _identity(path: Path) -> tuple[str, str, str]:
    """Category, type and number of a file; equal for the mesh, the points and the label of one item."""
    folder = path.parent
    while folder.name.lower() in PARTS:
        folder = folder.parent
    name = _NAME.fullmatch(path.stem)
    if name is None:
        return folder.name, "", path.stem
    kind = name["kind"].lower()
    number = name["number"] or (name["prefix"] if (name["prefix"] or "").isdigit() else "")
    return folder.name, {"sink": "concavity"}.get(kind, kind), number


def _best(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda p: (FORMATS.index(p.suffix.lower()), p.as_posix()))


def _items(
    identity: tuple[str, str, str], paths: list[Path], labels: Path | None, templates: dict[str, Path]
) -> Iterator[Item]:
    """The item in its best format, and what else claims to be the same one in a format that is there already."""
    category, kind, _ = identity
    formats = {path.suffix.lower(): path for path in reversed(paths)}
    mesh, *others = [path for path in paths if formats[path.suffix.lower()] == path]
    defect = KINDS.get(kind, kind or "unnamed")
    problem = ""
    if kind not in KINDS:
        known = ", ".join(k for k, v in KINDS.items() if k == v)
        problem = f"{mesh.name}: `{kind or mesh.stem}` in its name is no known type of defect; known are {known}"
    elif defect != "none" and labels is None:
        problem = f"{mesh.name}: no label file GT/{mesh.stem}.txt for it; add it, or leave the item out"
    item = Item(
        category, defect, kind == "template", mesh,
        spare=others[0] if others else None,
        labels=None if defect == "none" else labels,
        like=templates.get(category),
        problem=problem,
    )  # fmt: skip
    yield item
    for path in paths:
        if formats[path.suffix.lower()] != path:
            twin = f"{path.name}: {formats[path.suffix.lower()].name} says to be the same item; leave one of them out"
            yield replace(item, mesh=path, spare=None, problem=twin)
