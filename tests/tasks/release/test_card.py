"""The dataset card of a release, from numbers alone."""

from collections import Counter

from schemas.rows import Claim, Sample, annotation
from tasks.release import card
from tasks.release.edition import Edition
from tasks.release.figures import Figures, Tallies
from tasks.release.manifest import Bundle
from tests import factory


def test_the_card_says_how_often_each_author_was_contradicted() -> None:
    numbers = Figures()
    said = {"openai:gpt-4o": ("supported", "contradicted", "uncheckable"), "measured:geometry-3": ("supported",) * 3}
    sample = Sample("c1", "clip", "d", [], ["g"], "s", object="cup", instance="cup-hole-0", defect="hole")
    candidates = [
        annotation(
            sample="c1", task="caption", author_kind="model", author=author, author_version="1", status="candidate",
            text=f"{n}.", candidate=n, claims=[Claim("location", "left", "left", verdict, "right")],
        )
        for author, verdicts in said.items()
        for n, verdict in enumerate(verdicts)
    ]  # fmt: skip
    numbers.add(Bundle(sample, "train", [], candidates, []))
    recipe = {k: v for k, v in factory.recipe().model_dump(mode="json").items() if isinstance(v, dict)}
    edition = Edition("d", "1.0.0", "CC-BY-4.0", "", "grouped", 0, recipe, "Reviewed.", {})
    tallies = Tallies({}, Counter(samples=1), 0, None, [], [], 0, [], [])  # type: ignore[arg-type]
    lines = card.text(edition, numbers, tallies).splitlines()
    assert r"| openai:gpt-4o | 3 | 1 (33.3%) | 1 | 1 | 1 |" in lines
    assert "| measured:geometry-3 | 3 | 0 (0.0%) | 3 | 0 | 0 |" in lines
    above = next(n for n, line in enumerate(lines) if line.startswith("What they claim"))
    assert lines[above - 1] == ""  # else Markdown takes it for a row of the table before it
