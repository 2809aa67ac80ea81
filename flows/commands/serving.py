"""`defectory services …` and `doctor`: what runs on this machine, and what is missing."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import emit, say

services_app = typer.Typer(help="Prefect server, worker and Label Studio on this machine.", no_args_is_help=True)


@services_app.command("up")
def services_up(
    media_root: Annotated[Path, typer.Option(help="The folder that Label Studio may show files from.")] = Path(
        "workspaces"
    ),
) -> None:
    """Start what is not running yet, and say where it is."""
    from flows import services

    started = services.up(services.home(), media_root.resolve(), say)
    emit(started.as_dict(), started.text())


@services_app.command("down")
def services_down() -> None:
    """Stop what `services up` started."""
    from flows import services

    stopped = services.down(services.home())
    emit({"stopped": stopped}, f"stopped: {', '.join(stopped) or 'nothing was running'}")


@services_app.command("status")
def services_status() -> None:
    """What is running, and where."""
    from flows import services

    found = services.status(services.home())
    emit(
        {"services": [dataclasses.asdict(s) for s in found]},
        *(f"{s.title:<16}{s.state:<9}{s.url or '-':<24}log {os.path.relpath(s.log)}" for s in found),
    )


def doctor() -> None:
    """What is installed, what is missing, what to do."""
    from flows.doctor import examine

    findings = examine()
    emit(
        {"ok": all(f.ok for f in findings if f.needed), "findings": [dataclasses.asdict(f) for f in findings]},
        *(f"{'ok  ' if f.ok else 'MISS' if f.needed else 'none'}  {f.what}: {f.detail}" for f in findings),
    )
    if any(f.needed and not f.ok for f in findings):
        raise typer.Exit(1)
