"""Quality rounds (InspecSafe-V1, quality control): an independent reviewer's verdict on finished annotations."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.labelling import clips, pictures
from annotation.labelling.project import Answer, Content, Item, Project, Said, Status, content, medium
from annotation.labelling.words import table

VISUAL = ("visible_interval", "mask", "box")
SEMANTIC = ("caption", "scene", "safety_level", "match", "defect_type")
ERRORS = ("mislabelled", "wrong_shape", "missing_object")
CRITERIA = ("context", "level", "complete")
"""The three that a semantic annotation has to meet."""


def _verdicts(data: Mapping[str, Any], errors: list[str], comment: str, said: Said) -> list[Answer]:
    """One answer per judged annotation: all of them stand or fall together."""
    if errors and not comment:
        raise said.bad("names an error without a word on it")
    status: Status = "rejected" if errors else "accepted"
    return [Answer(task, was["id"], status, Content(choices=errors), comment) for task, was in data["judged"].items()]


def visual_answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
    """Correct, or each of `ERRORS` that it has: an image is erroneous if any object in it is."""
    said = Said(result, data)
    found = said.choices("quality", ("correct", *ERRORS))
    if not found or ("correct" in found and len(found) > 1):
        raise said.bad("is neither correct nor names what is wrong")
    return _verdicts(data, [f for f in found if f != "correct"], said.text("comment"), said)


def semantic_answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
    """The criteria that are not met; all three have to be."""
    said = Said(result, data)
    failed = [name for name in CRITERIA if said.choice(name, ("yes", "no")) == "no"]
    return _verdicts(data, failed, said.text("comment"), said)


def _said(item: Item) -> str:
    rows = []
    for task in item.judged:
        c = content(item, task)
        words = " · ".join([*filter(None, (c.label, c.text)), *c.choices])
        rows.append(("measured", task.replace("_", " "), words))
    return table(rows)


QUALITY_VISUAL = Project(
    name="quality-visual",
    title="Are the regions right?",
    judges=VISUAL,
    kinds=("image", "clip"),
    instruction="""
<p>Somebody else made these. Judge, don't repair: correct (<b>q</b>), or what is wrong: a region with the wrong class
(<b>w</b>), a region with the wrong shape or length (<b>e</b>), an object without a region (<b>r</b>). Any error at all
makes the whole picture erroneous; say which in a word.</p>
""",
    data=lambda item: {"shown": medium(item, "image", "unmarked")},
    prediction=lambda item: (
        clips.prediction(item)
        if item.sample.kind == "clip"
        else [entry for task in ("mask", "box") for entry in pictures.prediction(item, task, f"{task}.")]
    ),
    reads=visual_answers,
)

QUALITY_SEMANTIC = Project(
    name="quality-semantic",
    title="Are the words right?",
    judges=SEMANTIC,
    kinds=("image", "clip"),
    instruction="""
<p>Somebody else wrote this. Judge, don't repair: three questions, and a word on what is wrong. All three have
to be met.</p>
""",
    data=lambda item: {"shown": medium(item, "image", "unmarked"), "words": _said(item)},
    prediction=lambda item: [],
    reads=semantic_answers,
)
