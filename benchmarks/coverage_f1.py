"""Coverage beside a plain keyword search, on descriptions labelled by hand.

`ratio` is the F1 of the worst dimension; the bar is 0.95 in each on the half that was held back while the rules were
written. The hand-made labels are `tests/annotation/coverage_gold.jsonl`; --half dev measures the half that the rules
were written with. Only totals are printed, so that a held half stays unread. --quick measures the first 60 of it.
"""

import argparse
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from annotation.coverage import DIMENSIONS, covered
from benchmarks.report import finish

GOLD = Path(__file__).parents[1] / "tests" / "annotation" / "coverage_gold.jsonl"

KEYWORDS = {
    "shape": "shape shaped round circular oval linear elongated curved straight irregular line strip spot block point",
    "size": "size small large big tiny long short wide narrow thin thick width length area",
    "depth": "depth deep shallow raised indented surface flat embedded penetrating sunken protruding",
    "location": "location located left right top bottom upper lower center centre middle edge corner near",
    "contrast": "contrast bright dark light faint visible darker brighter lighter color colour background",
}
"""What a script with one word list per dimension looks for."""

Bits = dict[str, bool]


def by_keyword(text: str) -> Bits:
    """A bit per dimension: one of its keywords is a word of the text."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    return {d: not words.isdisjoint(KEYWORDS[d].split()) for d in DIMENSIONS}


def labelled(path: Path, half: str) -> list[tuple[str, Bits]]:
    """Texts and their labels, of one half only: the lines of the other are dropped unseen."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(r["text"], {d: bool(r[d]) for d in DIMENSIONS}) for r in rows if r["half"] == half]


def agreement(cases: list[tuple[str, Bits]], says: Callable[[str], Bits]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each dimension; 1.0 where there is nothing to find and nothing is found."""
    told = [(says(text), truth) for text, truth in cases]
    figures = {}
    for d in DIMENSIONS:
        hits = sum(bits[d] and truth[d] for bits, truth in told)
        found, there = sum(bits[d] for bits, _ in told), sum(truth[d] for _, truth in told)
        figures[d] = {
            "precision": hits / found if found else 1.0,
            "recall": hits / there if there else 1.0,
            "f1": 2 * hits / (found + there) if found + there else 1.0,
        }
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="the first 60 descriptions only")
    parser.add_argument("--half", default="held", help="held (default) or dev")
    parser.add_argument("--gold", type=Path, default=GOLD, help="other labelled descriptions in the same format")
    args = parser.parse_args()
    cases = labelled(args.gold, args.half)[: 60 if args.quick else None]
    if not cases:
        parser.error(f"{args.gold} has no description with half {args.half!r}")
    covered("")  # the rules are read once, outside the timing
    start = time.perf_counter()
    ours = agreement(cases, covered)
    seconds = time.perf_counter() - start
    plain = agreement(cases, by_keyword)
    rows: list[dict[str, Any]] = [
        {
            "dimension": d,
            **{f"{k}": round(v, 3) for k, v in ours[d].items()},
            **{f"keyword {k}": round(v, 3) for k, v in plain[d].items()},
        }
        for d in DIMENSIONS
    ]
    finish(
        "coverage_f1",
        min(figures["f1"] for figures in ours.values()),
        rows,
        half=args.half,
        texts=len(cases),
        f1={d: round(ours[d]["f1"], 4) for d in DIMENSIONS},
        baseline_f1={d: round(plain[d]["f1"], 4) for d in DIMENSIONS},
        texts_per_second=round(len(cases) / seconds),
    )


if __name__ == "__main__":
    main()
