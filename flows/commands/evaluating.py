"""`defectory evaluate`: models examined on a release."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import ReleasePath, emit, say, table

SHOWN = 8
"""Reasons for answers that were not read."""


def evaluate(
    release_dir: ReleasePath,
    protocol: Annotated[str, typer.Option(help="How to ask and score: mmviad.", metavar="P")],
    model: Annotated[str | None, typer.Option(help="Who is asked.", metavar="PROVIDER:NAME")] = None,
    split: Annotated[str, typer.Option(help="The split to ask about.")] = "test",
    split_protocol: Annotated[
        str | None,
        typer.Option(help="grouped, standard or unseen; that of the release's shards by default.", metavar="S"),
    ] = None,
    prompt: Annotated[str, typer.Option(help="main, structured, or image (one frame, one question).")] = "main",
    limit: Annotated[int | None, typer.Option(help="Ask about this many clips only.", metavar="N")] = None,
    answers: Annotated[
        Path | None, typer.Option(help="Score this file of answers (JSONL) and ask nobody.", metavar="FILE")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the results; beside the release by default.")] = None,
    budget_usd: Annotated[float, typer.Option(help="Hard stop for spending; 0 allows no paid request.", min=0)] = 0.0,
    base_url: Annotated[str, typer.Option(help="Another server with the provider's interface.", metavar="URL")] = "",
    temperature: Annotated[float, typer.Option(help="Of the sampling; below 0 leaves it to the model.")] = 0.0,
    max_tokens: Annotated[int, typer.Option(help="Longest answer, reasoning and all.", min=16)] = 4096,
) -> None:
    """Score a video language model on a release, asked now or from a file of answers."""
    from tasks.evaluation import scoreboard
    from tasks.evaluation.evaluate import evaluate as score
    from tasks.evaluation.evaluate import plain

    try:
        result = score(
            release_dir, protocol, model=model, split=split, split_protocol=split_protocol, prompt=prompt, limit=limit,
            answers=answers, out=out, budget_usd=budget_usd, base_url=base_url,
            temperature=temperature if temperature >= 0 else None, max_tokens=max_tokens, say=say,
        )  # fmt: skip
    except KeyboardInterrupt:
        print("\ndefectory: stopped; the same command continues where it was", file=sys.stderr)
        raise typer.Exit(130) from None
    about = f"{result.model} on {result.release}, {result.split_protocol} {result.split}, prompt {result.prompt}"
    emit(
        {**plain(result), "folder": result.folder},
        table(
            f"{about}: {result.scores.clips} clips of {result.scores.clusters} objects, in per cent",
            scoreboard.rows(result),
        ),
        *(table(f"\nBy {facet.replace('_', ' ')}", rows) for facet, rows in scoreboard.breakdown(result)),
        *([table("\nNot read, or refused", _unread(result.why))] if result.why else ()),
        f"\nanswers cost {result.cost_usd:.4f} USD\nresults in {os.path.relpath(result.folder)}",
    )


def _unread(why: dict[str, list[str]]) -> list[dict[str, str]]:
    """The commonest reasons, each with the first clip that it holds for."""
    found = [
        {"reason": reason, "clips": f"{len(clips):,}", "such as": clips[0]}
        for reason, clips in list(why.items())[:SHOWN]
    ]
    if len(why) > SHOWN:
        found.append({"reason": f"{len(why) - SHOWN} more reasons, in scores.json", "clips": "", "such as": ""})
    return found
