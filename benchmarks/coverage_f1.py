"""Coverage beside its rules alone and beside a plain keyword search, on descriptions labelled by hand.

`ratio` is the F1 of the worst dimension; the bar is 0.95 in each on texts that were held back. The hand-made labels are
`tests/annotation/coverage_SET.jsonl`: of `gold`, the half `held` was kept unread; its half `dev` and `wild` are what
rules and reader were made with; `fresh`, `other`, `third` and `fourth` were each written by somebody else. Only totals
are printed, so that what is unread stays so. --quick measures the first 60 descriptions.
"""

import argparse
import json
import re
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from annotation.coverage import DIMENSIONS, covered, covered_many, found_by_rules
from benchmarks.report import finish

LABELS = Path(__file__).parents[1] / "tests" / "annotation"

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


def by_rules(text: str) -> Bits:
    """What the rules find without the reader."""
    return {d: bool(spans) for d, spans in found_by_rules(text).items()}


def labelled(path: Path, half: str = "") -> list[tuple[str, Bits]]:
    """Texts and their labels, of one half only, if one is named: the lines of the other are dropped unseen."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(r["text"], {d: bool(r[d]) for d in DIMENSIONS}) for r in rows if half in ("", r.get("half"))]


def agreement(cases: list[tuple[str, Bits]], said: Iterable[Bits]) -> dict[str, dict[str, float]]:
    """Precision, recall and F1 of each dimension; 1.0 where there is nothing to find and nothing is found."""
    told = [(bits, truth) for bits, (_, truth) in zip(said, cases, strict=True)]
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
    parser.add_argument("--set", default="gold", help="gold (default), wild, fresh, other, third or fourth")
    parser.add_argument("--half", default=None, help="held (default of gold) or dev; all if empty")
    args = parser.parse_args()
    path = LABELS / f"coverage_{args.set}.jsonl"
    if not path.is_file():
        parser.error(f"{path.name}: no such labels")
    half = args.half if args.half is not None else "held" if args.set == "gold" else ""
    cases = labelled(path, half)[: 60 if args.quick else None]
    if not cases:
        parser.error(f"{path.name} has no description with half {half!r}")
    texts = [text for text, _ in cases]
    covered("It is round.")  # rules and reader are loaded once, outside the timing
    start = time.perf_counter()
    said = covered_many(texts)
    seconds = time.perf_counter() - start
    ours, ruled, plain = (agreement(cases, bits) for bits in (said, map(by_rules, texts), map(by_keyword, texts)))
    columns = {"": ours, "rules ": ruled, "keyword ": plain}
    rows: list[dict[str, Any]] = [
        {"dimension": d} | {who + name: round(f, 3) for who, by in columns.items() for name, f in by[d].items()}
        for d in DIMENSIONS
    ]
    finish(
        "coverage_f1",
        min(figures["f1"] for figures in ours.values()),
        rows,
        set=args.set,
        half=half,
        texts=len(cases),
        f1={d: round(ours[d]["f1"], 4) for d in DIMENSIONS},
        rules_f1={d: round(ruled[d]["f1"], 4) for d in DIMENSIONS},
        baseline_f1={d: round(plain[d]["f1"], 4) for d in DIMENSIONS},
        texts_per_second=round(len(cases) / seconds),
    )


if __name__ == "__main__":
    main()
