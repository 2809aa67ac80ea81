"""`defectory release` and `verify`: numbered exports and their proof."""

import dataclasses
import os
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import OPTIONS, ReleasePath, WorkspacePath, emit


def next_steps(root: Path, release: Path) -> list[str]:
    """What to do with a release that has just been made."""
    shown = os.path.relpath(root)
    steps = [
        "",
        f"release  {os.path.relpath(release)}",
        f"report   {os.path.relpath(release / 'report.html')}   (open it in a browser)",
        f"check    defectory verify {os.path.relpath(release)}",
    ]
    if release.name.endswith("-draft"):
        steps += [
            "",
            "This is a draft: nobody has reviewed it. To review it:",
            "  make up                                  start Prefect and Label Studio on this machine",
            f"  defectory review push {shown}    send the samples to Label Studio, then label there",
            f"  defectory review pull {shown}    bring the decisions back",
            f"  defectory release {shown} --version 1.0.0",
        ]
    return steps


def release(
    workspace: WorkspacePath,
    version: Annotated[str | None, typer.Option(help="X.Y.Z; the recipe's by default.", metavar="X.Y.Z")] = None,
) -> None:
    """Freeze the current labels as a numbered release; a draft as long as the review has not passed."""
    from flows.environment import end_orphans, prepare
    from tasks.workspace import Workspace

    opened = Workspace.open(workspace)
    recipe = opened.recipe(version)
    with opened.lock():
        end_orphans(opened)
        prepare(debug=OPTIONS["debug"])
        from flows.build import rerelease
        from flows.progress import Silent, reporting_to

        with reporting_to(Silent()):
            made = rerelease(opened.root, recipe)
    emit(
        {"path": made.path, "version": made.version, "draft": made.draft, "counts": made.counts},
        *next_steps(opened.root, made.path),
    )


def verify(release_dir: ReleasePath) -> None:
    """Prove a release: checksums, references, splits, shards, manifests, Croissant; exit 0 only if all hold."""
    from tasks.proof.verify import verify as prove

    checks = prove(release_dir)
    failed = [c for c in checks if not c.ok]
    emit(
        {"ok": not failed, "checks": [dataclasses.asdict(c) for c in checks]},
        *(f"{'ok  ' if c.ok else 'FAIL'}  {c.name}: {c.detail}" for c in checks),
    )
    if failed:
        raise typer.Exit(1)
