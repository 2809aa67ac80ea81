"""Regions on a picture: polygons and brushed masks of a large taxonomy (InspecSafe-V1), and boxes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from annotation.labelling.project import Answer, Content, Item, Project, Said, answer, content, medium, picture
from annotation.labelling.regions import regions, results


def project(name: str, title: str, instruction: str) -> Project:
    """Regions of the annotation task `name`, pre-filled with what a machine or an earlier round drew."""

    def answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
        said = Said(result, data)
        drawn, links = regions(result, picture(data))
        return [answer(name, data, Content(regions=drawn, relations=links), said.verdict(), said.text("comment"))]

    return Project(
        name=name,
        title=title,
        judges=(name,),
        kinds=("image",),
        instruction=instruction,
        data=lambda item: {"shown": medium(item, "image")},
        prediction=lambda item: prediction(item, name),
        reads=answers,
    )


def prediction(item: Item, task: str, prefix: str = "") -> list[dict[str, Any]]:
    """The regions of one judged annotation; `prefix` tells their ids from those of another one."""
    if task not in item.judged:
        return []
    size = {"width": item.sample.width, "height": item.sample.height, "frames": item.sample.frames, "frame": item.frame}
    said = content(item, task)
    drawn = [replace(r, id=prefix + r.id) for r in said.regions]
    links = [replace(link, source=prefix + link.source, target=prefix + link.target) for link in said.relations]
    return results(drawn, links, picture(size))


MASK = project(
    "mask",
    "Objects and defects, outlined",
    """
<p>Every object of a class is one region. Pick its class (search with <b>shift+f</b>; frequent ones have the keys
<b>1</b>–<b>9</b>), then outline it as a polygon or brush it. Machine-made regions are there from the start: move their
points, give them another class, delete them.</p>
<p>Say of each region if it is hidden in part or cut off. Objects that belong together get a relation.</p>
<p>Keys: <b>q</b> the regions are right, <b>w</b> the picture cannot be used.</p>
""",
)

BOX = project(
    "box",
    "Objects and defects, in boxes",
    """
<p>Every object of a class is one box, as tight as can be; turn it where the object lies askew. Pick the class first
(search with <b>shift+f</b>; frequent ones have the keys <b>1</b>–<b>9</b>).</p>
<p>Keys: <b>q</b> the boxes are right, <b>w</b> the picture cannot be used.</p>
""",
)
