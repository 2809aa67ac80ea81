"""Four question-answer pairs per clip (MMVIAD, section 3.1, QA-pair generation)."""

import json
import math
from collections.abc import Iterator

from annotation.labels import Labels, current
from schemas.digests import digest
from schemas.names import DEFECT_TYPES
from schemas.rows import QA, Annotation, Interval, Row, Sample
from tasks.filming.instances import instances
from tasks.stage import Context, Shard, stage


def seconds(spans: list[Interval], fps: float) -> str:
    """Intervals as the answer's text: a JSON list of [start, end] in seconds; `[]` for none.

    Two decimals, or as many more as it takes for an error of at most a quarter of a frame: three above 50 fps.
    """
    digits = max(2, math.ceil(math.log10(2 * fps)))
    return "[" + ", ".join(f"[{s.start_frame / fps:.{digits}f}, {s.end_frame / fps:.{digits}f}]" for s in spans) + "]"


def parse_seconds(answer: str) -> list[tuple[float, float]]:
    """The inverse of `seconds`; raises ValueError for anything else."""
    return [(float(start), float(end)) for start, end in json.loads(answer)]


def questions(sample: Sample, labels: Labels, categories: list[str]) -> Iterator[QA]:
    """q1 anomaly detection, q2 defect classification, q3 object classification, q4 visible time."""
    defect = labels.by_task["defect_type"].label or "none"
    spans = labels.by_task["visible_interval"].intervals or []
    table: tuple[tuple[str, str, str, list[str], str], ...] = (
        (
            "q1",
            "anomaly_detection",
            "Is there a defect on the object in this clip?",
            ["Yes", "No"],
            "No" if defect == "none" else "Yes",
        ),
        (
            "q2",
            "defect_classification",
            "Which type of defect does the object have?",
            [*DEFECT_TYPES, "none"],
            defect,
        ),
        (
            "q3",
            "object_classification",
            "Which object is shown?",
            categories,
            labels.by_task["object"].label or sample.object,
        ),
        (
            "q4",
            "visible_time",
            "In which time intervals, in seconds, is the defect visible? Answer with a list of [start, end] pairs, "
            "or [] if it is never visible.",
            [],
            seconds(spans, sample.fps or 1.0),
        ),
    )
    for key, task, question, options, answer in table:
        yield QA(digest("qa", sample.id, key), sample.id, key, task, question, options, answer)


@stage(
    version=1,
    reads=("render", "visibility", "review"),
    writes=("qa",),
    settings=lambda recipe: sorted({i.category for i in instances(recipe)}),
)
def qa(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Questions and answers from the current labels, reviewed ones first; clips without a label get none."""
    labels = current(ctx.rows(Annotation))
    for sample in ctx.rows(Sample):
        entry = labels.get(sample.id, Labels())
        if {"defect_type", "object", "visible_interval"} <= entry.by_task.keys():
            yield from questions(sample, entry, ctx.settings)
