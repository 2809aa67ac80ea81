"""`defectory plan`, `build` and `status`: from a recipe to a workspace."""

import contextlib
import dataclasses
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.output import (
    OPTIONS,
    Overrides,
    RecipePath,
    WorkspacePath,
    asks_json,
    emit,
    say,
    table,
)
from flows.commands.releasing import next_steps

if TYPE_CHECKING:
    from flows.progress import Progress
    from tasks.filming.forecast import Views
    from tasks.workspace import Workspace

ENDING = (signal.SIGINT, signal.SIGTERM)


def plan(
    recipe: RecipePath,
    survey: Annotated[
        int, typer.Option(help="Defective instances to look at with rays, seconds each; 0 for none.", min=0)
    ] = 8,
    workspace: Annotated[
        Path | None, typer.Option(help="Where it is, or will be, built; workspaces/DATASET by default.")
    ] = None,
    set_: Overrides = None,
) -> None:
    """What a build will cost and show: frames or images, CPU hours, disk, tokens, money, and the mix of views.

    Texts that the ledger of the workspace has already are not counted again.
    """
    from schemas.loading import load
    from tasks.filming.forecast import forecast
    from tasks.imports.counting import counted
    from tasks.text.answered import standing

    wanted = load(recipe, tuple(set_ or ()))
    sources = [dataclasses.asdict(c) for c in counted(wanted)]
    come = standing(wanted, workspace or Path("workspaces") / wanted.dataset, say)
    found = forecast(wanted, survey, sum(s["images"] for s in sources), sum(s["classes"] for s in sources), come)
    other = {"images"} if wanted.kind == "clip" else {"instances", "clips", "rendered_frames"}
    rows = [
        {"what": name.replace("_", " "), "forecast": value}
        for name, value in dataclasses.asdict(found).items()
        if name not in other | {"views", "notes", "warnings"} and value is not None
    ]
    emit(
        {**dataclasses.asdict(found), "sources": sources},
        *([table("Sources", sources), ""] if sources else ()),
        table(f"Forecast for {recipe}", rows),
        *_views(found.views),
        *(f"\nnote: {sentence}" for sentence in found.notes),
        *(f"\nwarning: {sentence}" for sentence in found.warnings),
    )


def _views(views: "Views | None") -> list[Any]:
    """What is to be seen, as a person reads it."""
    if views is None:
        return []
    wanted = views.wanted or {}
    rows = [
        {"view": name, "wanted": f"{wanted[name]:.0%}" if wanted else "any", "forecast": f"{share:.0%}"}
        for name, share in views.got.items()
    ]
    flags = ", ".join(f"{share:.0%} {name.replace('_', ' ')}" for name, share in views.flagged.items())
    return [
        table(f"\nViews of the defects, from the orbits of {views.surveyed} instances", rows),
        f"of the clips that show their defect: {flags}",
        *([f"not rendered, because there are enough of their view: {views.skipped:.0%}"] if views.skipped else []),
        *(f"cannot be filmed: {reason}" for reason in views.rejected),
    ]


def build(
    recipe: RecipePath,
    workspace: Annotated[Path | None, typer.Option(help="Where to build; workspaces/DATASET by default.")] = None,
    until: Annotated[str, typer.Option(help="Stop after this stage.", metavar="STAGE")] = "release",
    set_: Overrides = None,
) -> None:
    """Build a recipe: only what is not done yet; the same command continues after a stop."""
    from flows.environment import end_orphans, prepare
    from schemas.loading import load
    from tasks.dag import demand_stage, unfinished
    from tasks.reannotation.taxonomies import news
    from tasks.release.export import is_current
    from tasks.workspace import Workspace

    wanted = load(recipe, tuple(set_ or ()))
    demand_stage(wanted, until, "--until")
    root = (workspace or Path("workspaces") / wanted.dataset).resolve()
    opened = Workspace.create(root)
    with opened.lock():
        opened.keep_recipe(wanted)
        end_orphans(opened)
        left = unfinished(opened, wanted, until)
        released = is_current(opened, wanted) if until == "release" and left is None else None
        told = news(opened, wanted) is None
        if left is None and told and (until != "release" or released):
            emit(
                {"workspace": root, "up_to_date": True, "release": released},
                f"{root.name}: everything up to {until} is done already",
                *(next_steps(root, released) if released else ()),
            )
            return
        prepare(debug=OPTIONS["debug"])
        from flows.build import build as flow

        with _interruptible(opened), _progress() as progress:
            progress.say("starting Prefect")
            done = flow(root, wanted, until)
    made = done.get("release")
    rejected = opened.sql("SELECT stage, item, reason FROM rejects ORDER BY stage, item")
    emit(
        {"workspace": root, "up_to_date": False, "stages": done, "rejects": rejected, "release": made and made.path},
        *([table("Rejected, and why", rejected)] if rejected else ()),
        *(next_steps(root, made.path) if made else (f"{root}: done up to {until}",)),
    )


@contextlib.contextmanager
def _interruptible(workspace: "Workspace") -> Iterator[None]:
    """Ctrl-C and SIGTERM end the build with its Blender workers and its ephemeral Prefect server.

    Prefect puts a handler of its own in place of any that is there, and the main thread waits for shards: so a thread
    is told of every signal, whoever handles it.
    """
    from flows import services

    def interrupted() -> None:
        # At once and for good: a build survives a kill, while an orderly end would wait for every shard under
        # way and for a server that the same Ctrl-C has ended.
        for pid in services.members(workspace.tag):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        cursor = "\x1b[?25h\n" if sys.stderr.isatty() else ""
        print(f"{cursor}defectory: stopped; the same command continues where it was", file=sys.stderr, flush=True)
        os._exit(130)

    def watch() -> None:
        while told := ear.recv(1):
            if told[0] in ENDING:
                interrupted()

    ear, mouth = socket.socketpair()
    mouth.setblocking(False)
    before = {number: signal.signal(number, lambda *_: None) for number in ENDING}
    listened = signal.set_wakeup_fd(mouth.fileno())
    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        signal.set_wakeup_fd(listened)
        mouth.close()  # ends the thread
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _progress() -> "Iterator[Progress]":
    from flows.progress import Lines, Silent, Terminal, reporting_to

    if not asks_json() and sys.stderr.isatty():
        with Terminal() as bars, reporting_to(bars):
            yield bars
    else:
        lines = Silent() if asks_json() else Lines()
        with reporting_to(lines):
            yield lines


def status(workspace: WorkspacePath) -> None:
    """Stages, shards, rejects, spending, open batches and waiting reviews of a workspace."""
    from flows.batches import line, moment, shown
    from tasks.status import status as look
    from tasks.workspace import Workspace

    found = look(Workspace.open(workspace))
    emit(
        {**dataclasses.asdict(found), "batches": [shown(b) for b in found.batches]},
        table(
            f"{workspace}: {found.dataset}, {f'left to do: {found.unfinished}' if found.unfinished else 'up to date'}",
            [dataclasses.asdict(s) for s in found.stages],
        ),
        *([table("\nRejected, and why", [dataclasses.asdict(r) for r in found.rejects])] if found.rejects else ()),
        f"\nspent     {found.spent_usd:.4f} USD",
        *(f"batch     {line(b)}" + (f", seen {moment(b.seen_at)}" if b.seen_at else "") for b in found.batches),
        f"review    {found.review}",
        f"releases  {', '.join(found.releases) or 'none'}",
    )
