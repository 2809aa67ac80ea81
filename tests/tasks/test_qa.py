"""Four questions per clip, with answers that can be read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.labels import Labels
from schemas.rows import Interval, Sample, annotation
from tasks.qa import parse_seconds, questions, seconds


def labels(defect: str, spans: list[Interval]) -> Labels:
    def by_renderer(**values: object) -> object:
        return annotation(
            sample="s", author_kind="renderer", author="blender", author_version="1", status="accepted", **values
        )

    return Labels(
        by_task={
            "defect_type": by_renderer(task="defect_type", label=defect),
            "object": by_renderer(task="object", label="vase"),
            "visible_interval": by_renderer(task="visible_interval", intervals=spans),
        }  # type: ignore[arg-type]
    )


CLIP = Sample(
    id="s", kind="clip", dataset="d", media=[], groups=["g"], shard="g", object="vase", instance="g", defect="hole",
    frames=20, fps=10.0,
)  # fmt: skip


@pytest.mark.parametrize(
    ("defect", "spans", "answers"),
    [
        ("hole", [Interval(4, 12)], ["Yes", "hole", "vase", "[[0.40, 1.20]]"]),
        ("hole", [Interval(0, 2), Interval(15, 20)], ["Yes", "hole", "vase", "[[0.00, 0.20], [1.50, 2.00]]"]),
        ("hole", [], ["Yes", "hole", "vase", "[]"]),  # there, but facing away for the whole clip
        ("none", [], ["No", "none", "vase", "[]"]),
    ],
)
def test_answers(defect: str, spans: list[Interval], answers: list[str]) -> None:
    made = list(questions(CLIP, labels(defect, spans), ["cup", "vase"]))
    assert [q.key for q in made] == ["q1", "q2", "q3", "q4"]
    assert [q.answer for q in made] == answers
    assert all(q.answer in q.options for q in made if q.options)
    assert len({q.id for q in made}) == 4


spans = st.lists(st.tuples(st.integers(0, 500), st.integers(1, 90)), max_size=4)


@given(spans, st.one_of(st.floats(1, 240), st.sampled_from([23.976, 29.97, 50.0, 59.94, 60.0, 120.0, 240.0])))
def test_intervals_in_seconds_come_back_as_frames(pairs: list[tuple[int, int]], fps: float) -> None:
    made = [Interval(start, start + length) for start, length in pairs]
    back = [Interval(round(a * fps), round(b * fps)) for a, b in parse_seconds(seconds(made, fps))]
    assert back == made


@pytest.mark.parametrize(
    ("fps", "answer"),
    [
        (30.0, "[[0.10, 1.03]]"),
        (50.0, "[[0.06, 0.62]]"),
        (60.0, "[[0.050, 0.517]]"),
        (240.0, "[[0.013, 0.129]]"),  # two decimals would be 2.4 frames apart
        (1000.0, "[[0.0030, 0.0310]]"),
    ],
)
def test_as_many_decimals_as_the_frame_rate_needs(fps: float, answer: str) -> None:
    assert seconds([Interval(3, 31)], fps) == answer
