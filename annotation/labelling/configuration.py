"""Labelling configurations: the XML of a kind of project, with its classes filled in as data."""

import colorsys
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from annotation.labelling.words import tidy
from schemas.errors import CallError

KEYS = "123456789"
"""Hot keys of the frequent classes, in their order."""
OBJECT_TAGS = {"clip": "Video", "image": "Image"}
LONGEST_TITLE = 80


@dataclass(frozen=True)
class Class:
    name: str
    """As rows have it."""
    title: str = ""
    """As people read it; the name, if empty."""


def configuration(config: str, kind: str, classes: Sequence[Class] = (), frequent: Sequence[str] = ()) -> str:
    """The configuration `configs/<config>.xml` for samples of one kind.

    Tags that show the other kind of sample go out, with what stands in a view that is named for it. `classes` fill the
    lists of labels (frequent ones first, with hot keys) and the taxonomies. Raises CallError for a class that cannot
    be a label.
    """
    folder = resources.files("annotation.labelling") / "configs"
    root = ET.fromstring((folder / f"{config}.xml").read_text(encoding="utf-8"))  # noqa: S314 - our own file
    for other in OBJECT_TAGS.keys() - {kind}:
        for parent in list(root.iter()):
            for child in list(parent):
                if child.tag == OBJECT_TAGS[other] or f"only-{other}" in child.get("className", "").split():
                    parent.remove(child)
    ordered = checked(classes, frequent)
    for parent in root.iter():
        if parent.get("fill") == "classes":
            del parent.attrib["fill"]
            parent.extend(_choices(ordered) if parent.tag == "Taxonomy" else _labels(ordered, len(frequent)))
    style = root.find("Style")
    if style is not None:
        style.text = (folder / "style.css").read_text(encoding="utf-8") + (style.text or "")
    return ET.tostring(root, encoding="unicode")


def checked(classes: Sequence[Class], frequent: Sequence[str]) -> list[Class]:
    """`classes`, frequent ones first. Names come back in answers as they are, so they must be fit to be labels."""
    by_name = {c.name: c for c in classes}
    if len(by_name) < len(classes):
        raise CallError("the classes of the labelling project hold one name twice; name each once")
    for name in by_name:
        if not name or tidy(name) != name or name.startswith("$"):
            raise CallError(
                f"class {name!r:.60}: cannot be a label (control characters, blanks at an end, or `$` in front); "
                "rename it in the taxonomy"
            )
    if missing := [name for name in frequent if name not in by_name]:
        raise CallError(f"frequent class {missing[0]}: is not among the classes; correct the list")
    return [by_name[n] for n in dict.fromkeys([*frequent, *by_name])]


def _labels(classes: Sequence[Class], frequent: int) -> list[ET.Element]:
    found = []
    for n, c in enumerate(classes):
        hotkey = {"hotkey": KEYS[n]} if n < min(frequent, len(KEYS)) else {}
        found.append(ET.Element("Label", {**_name(c), "background": _colour(n), **hotkey}))
    return found


def _choices(classes: Sequence[Class]) -> list[ET.Element]:
    return [ET.Element("Choice", _name(c)) for c in classes]


def _name(c: Class) -> dict[str, str]:
    title = tidy(c.title or c.name).lstrip("$")
    short = title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…"
    return {"value": short or c.name, "alias": c.name}


def _colour(n: int) -> str:
    """Neighbours far apart on the colour wheel: steps of the golden angle."""
    red, green, blue = colorsys.hls_to_rgb(n * 0.381966 % 1, 0.5, 0.75)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
