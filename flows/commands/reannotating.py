"""`defectory reannotate`: chosen samples are labelled again."""

import dataclasses
import sys
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import OPTIONS, Overrides, WorkspacePath, asks_json, emit, table


def reannotate(
    workspace: WorkspacePath,
    task: Annotated[str, typer.Option(help="What is labelled again: caption, defect_type, mask, …")] = "caption",
    reason: Annotated[str, typer.Option(help="Why; it stands in the tables for good.")] = "",
    where: Annotated[
        str, typer.Option(help='A condition in SQL that chooses samples, like "contradicted > 0".', metavar="SQL")
    ] = "",
    ids: Annotated[Path | None, typer.Option(help="A file with sample ids, one on each line.", metavar="FILE")] = None,
    batch: Annotated[str, typer.Option(help="A batch whose samples are done again.", metavar="ID")] = "",
    model: Annotated[str, typer.Option(help="Another model, as PROVIDER or PROVIDER:NAME.")] = "",
    prompts: Annotated[str, typer.Option(help="A folder with other prompts for captions.", metavar="FOLDER")] = "",
    taxonomy: Annotated[str, typer.Option(help="Another taxonomy, by its name or file.", metavar="NAME")] = "",
    human: Annotated[bool, typer.Option("--human", help="People label, no machine.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask; without it and without a terminal, only say what it would cost.")
    ] = False,
    set_: Overrides = None,
) -> None:
    """Label chosen samples again: by another model, other settings, another taxonomy, or people.

    First the forecast; after a yes, new labels supersede the old ones, which stay in the tables. A person's label is
    not overruled by a machine: such samples go back to people. The columns of --where: docs/reannotation.md.
    """
    from flows.environment import prepare
    from flows.forecasts import forecast_table
    from tasks import reannotation
    from tasks.dag import demand_current
    from tasks.reannotation import Order
    from tasks.workspace import Workspace

    opened = Workspace.open(workspace)
    changes = (*reannotation.changes(*model.partition(":")[::2], prompts, taxonomy), *(set_ or ()))
    order = Order(task, reason, where, reannotation.read_ids(ids) if ids else (), batch, human, changes)
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
        planned = reannotation.plan(opened, order)
    facts = {
        "batch": planned.batch.id, "forecast": dataclasses.asdict(planned.forecast), "done_before": planned.done,
    }  # fmt: skip
    if not planned.chosen.samples:
        emit({**facts, "done": False}, "no sample is as the condition says; there is nothing to do")
        return
    if planned.done:
        emit({**facts, "done": True}, f"batch {planned.batch.id}: was done before; give another --reason to repeat it")
        return
    forecast = table(f"Batch {planned.batch.id}", forecast_table(planned.forecast))
    if not (yes or _confirmed(forecast)):
        emit({**facts, "done": False}, *(() if _asks() else (forecast,)), "nothing was done; --yes does it")
        return
    prepare(debug=OPTIONS["debug"])
    from flows.reannotation import reannotate as flow

    made = flow(opened.root, order)
    report = opened.root / "reannotations" / planned.batch.id / "report.md"
    emit(
        {**facts, "done": True, "report": report, **made},
        forecast,
        table("\nBefore and after", reannotation.table(reannotation.Comparison(**made["comparison"]))),
        f"\nreport    {report}",
        *([f"people    {made['people_samples']} samples: defectory review push {workspace}"] if made["people"] else ()),
    )


def _asks() -> bool:
    return not asks_json() and sys.stdin.isatty() and sys.stderr.isatty()


def _confirmed(forecast: object) -> bool:
    if not _asks():
        return False
    emit({}, forecast)
    return typer.confirm("Do it?", err=True)
