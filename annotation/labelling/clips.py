"""When a defect is visible in a clip (MMVIAD, section 3.1), alone or with the clip's description."""

from collections.abc import Mapping, Sequence
from typing import Any

from annotation.labelling import captions
from annotation.labelling.project import Answer, Content, Item, Project, Said, answer, content, medium, picture
from annotation.labelling.regions import joined, regions, results
from schemas.rows import Interval, Region

LABEL = "Defect visible"
TASK = "visible_interval"


def data(item: Item) -> dict[str, Any]:
    return {
        "unmarked": medium(item, "unmarked"),
        "marked": medium(item, "marked", "unmarked"),
        "marked_title": "Defect in red" if "marked" in item.media else "No defect was made here: the same clip",
    }


def prediction(item: Item) -> list[dict[str, Any]]:
    spans = content(item, TASK).intervals if TASK in item.judged else None
    bars = [
        Region(f"visible-{n}", "interval", LABEL, [float(i.start_frame), float(i.end_frame)])
        for n, i in enumerate(spans or ())
    ]
    return results(bars, (), picture({"width": 0, "height": 0, "frames": item.sample.frames, "frame": None}, *TAGS))


TAGS = ("shown", "visible")


def answers(result: Sequence[Any], data: Mapping[str, Any]) -> list[Answer]:
    said = Said(result, data)
    drawn, _ = regions(result, picture(data, *TAGS))
    spans = joined(Interval(int(r.points[0]), int(r.points[1])) for r in drawn)
    verdict = said.verdict("interval_verdict")
    return [answer(TASK, data, Content(intervals=spans), verdict, said.text("interval_comment"))]


INTERVAL = Project(
    name="interval",
    title="When the defect is visible",
    judges=(TASK,),
    kinds=("clip",),
    instruction="""
<p>Play the clip. The red bars on the timeline are the frames in which the defect should be visible: drag their
ends, draw new ones with <b>v</b>, or delete them until they fit.</p>
<p>Keys: <b>q</b> the intervals are right, <b>w</b> they cannot be used.</p>
""",
    data=data,
    prediction=prediction,
    reads=answers,
)

CLIP = Project(
    name="clip",
    title="When the defect is visible, and how it is described",
    judges=(TASK, captions.TASK),
    kinds=("clip",),
    instruction="""
<p>Play the clip. The red bars on the timeline are the frames in which the defect should be visible: drag their
ends, draw new ones with <b>v</b>, or delete them until they fit. Then pick or rewrite the description.</p>
<p>Keys: <b>q</b>/<b>w</b> intervals right/unusable, <b>a</b>/<b>s</b> description right/unusable.</p>
""",
    data=lambda item: data(item) | captions.data(item),
    prediction=lambda item: prediction(item) + captions.prediction(item),
    reads=lambda result, data: answers(result, data) + captions.answers(result, data),
)
