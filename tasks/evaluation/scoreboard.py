"""Scores of an evaluation as tables for people: in per cent, as the paper has them."""

from collections.abc import Iterator
from typing import Any

from annotation.answers import OUTCOMES
from tasks.evaluation.evaluate import Result

TITLES = {
    "q1": "q1 detection", "q2": "q2 defect type", "q3": "q3 object",
    "q4": "q4 time, mIoU",
}  # fmt: skip


def rows(result: Result) -> list[dict[str, Any]]:
    """A row per question, and their mean."""
    found = [(TITLES[k], s, result.outcomes[k], k) for k, s in result.scores.questions.items()]
    made = [
        {
            "question": title, "score": pct(s.score), f"{result.level:.0%} interval": span(s.low, s.high),
            **{o: str(outcomes.get(o, "")) for o in OUTCOMES},
            "constant": pct(result.baseline.questions[key].score if result.baseline else None),
        }
        for title, s, outcomes, key in found
    ]  # fmt: skip
    mean = result.scores.mean
    last = {"question": "mean", "score": pct(mean.score), f"{result.level:.0%} interval": span(mean.low, mean.high)}
    empty: dict[str, str] = dict.fromkeys(OUTCOMES, "")
    return [*made, {**last, **empty, "constant": pct(result.baseline.mean.score if result.baseline else None)}]


def breakdown(result: Result) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Per facet its name and a row per value."""
    for facet, values in result.by.items():
        yield facet, [
            {
                facet.replace("_", " "): value, "clips": str(s.clips), "objects": str(s.clusters),
                **{k: pct(q.score) for k, q in s.questions.items()}, "mean": pct(s.mean.score),
                f"{result.level:.0%} interval": span(s.mean.low, s.mean.high),
            }
            for value, s in values.items()
        ]  # fmt: skip


def pct(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def span(low: float | None, high: float | None) -> str:
    return "-" if low is None or high is None else f"{pct(low)} to {pct(high)}"
