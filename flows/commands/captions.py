"""`defectory captions …`: captions that are there already."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.output import asks_json, emit, table

if TYPE_CHECKING:
    from tasks.text.audit import Audited, Summary

captions_app = typer.Typer(help="Look at captions that are there already.", no_args_is_help=True)


@captions_app.callback()
def _captions() -> None:
    """Look at captions that are there already."""


@captions_app.command("audit")
def audit(
    file: Annotated[
        Path,
        typer.Argument(help="Captions, one JSON object per line: text, and id, image, mask, class.", metavar="FILE"),
    ],
) -> None:
    """Score captions: the five dimensions, S, and every claim held against image and mask. Needs no key, no network.

    With --json, one JSON object per line of the file. Lines that cannot be used are listed with the reason and counted;
    the exit code is 0 when the audit ran, 2 for a missing or empty file.
    """
    from annotation.diversity import EMBEDDED, sentence_encoder
    from tasks.text import audit as task

    found, summary = task.audit(file, sentence_encoder(EMBEDDED)), task.Summary()
    if asks_json():
        for line in _counted(found, summary):
            print(json.dumps(line.row(), ensure_ascii=False), flush=True)
        print(_total(summary), file=sys.stderr)
        return
    for line in _counted(found, summary):
        if summary.lines == 1:  # a file that cannot be used is an error, not an empty table
            print(f"{'line':>6}  {'id':<20} shape size depth place contr      S  claims")
        print(_told(line))
    if not summary.scored:
        emit({}, f"\n{_total(summary)}")
        return
    coverage = [{"dimension": d, "covered": f"{n / summary.scored:.0%}"} for d, n in summary.covered.items()]
    claims = [{"claims about": d, **counts} for d, counts in summary.claims.items()]
    emit(
        {},
        table("\nCoverage", coverage),
        *([table("\nClaims, held against image, mask and class", claims)] if claims else ()),
        f"\n{_total(summary)}",
    )


def _counted(lines: "Iterator[Audited]", summary: "Summary") -> "Iterator[Audited]":
    for line in lines:
        summary.add(line)
        yield line


def _told(line: "Audited") -> str:
    """A line of the table, and one more for each contradiction and problem."""
    start = f"{line.line:>6}  {_shown('' if line.id is None else str(line.id), 20):<20} "
    bad = [f"{'':>8}problem: {_shown(line.problem, 300)}"] if line.problem else []
    if line.score is None:
        return "\n".join([start.rstrip(), *bad])
    bits = " ".join(f"{'yes' if bit else '-':^5}" for bit in line.covers.values())
    wrong = [c for c in line.claims if c.verdict == "contradicted"]
    right = sum(c.verdict == "supported" for c in line.claims)
    counted = f"{right} supported, {len(wrong)} contradicted, {len(line.claims) - right - len(wrong)} uncheckable"
    told = [f"{'':>8}{c.dimension}: “{_shown(c.said, 80)}”, but measured is: {c.measured}" for c in wrong]
    return "\n".join([f"{start}{bits} {line.score:6.3f}  {counted}", *told, *bad])


def _shown(text: str, length: int) -> str:
    """Text of others on a terminal: one line, without control characters, not too long."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    return plain if len(plain) <= length else f"{plain[: length - 1]}…"


def _total(summary: "Summary") -> str:
    mean = f", mean score {summary.score / summary.scored:.3f}" if summary.scored else ""
    return (
        f"{summary.lines} lines, {summary.scored} scored{mean}; {summary.contradicted} with a contradicted claim, "
        f"{summary.problems} with a problem"
    )
