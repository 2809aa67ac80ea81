"""What the commands share: the options that may stand anywhere, and results for people or for scripts."""

import dataclasses
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

RecipePath = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", metavar="RECIPE")]
WorkspacePath = Annotated[Path, typer.Argument(help="The workspace of a build.", metavar="WORKSPACE")]
ReleasePath = Annotated[Path, typer.Argument(help="A release's folder.", metavar="RELEASE_DIR")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a recipe key: a.b=value", metavar="KEY=VALUE")
]

OPTIONS = {"as_json": False, "debug": False}


def asks_json() -> bool:
    """Whether the call asks for JSON: for commands that print as they go."""
    return OPTIONS["as_json"]


def emit(result: dict[str, Any], *human: Any) -> None:
    """The result as JSON for scripts, or its human form."""
    if OPTIONS["as_json"]:
        print(json.dumps(result, default=_plain))
        return
    console = Console(soft_wrap=True)
    for part in human:
        console.print(part, highlight=False, markup=False)


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} in a command's result")


def table(title: str, rows: list[dict[str, Any]]) -> Table:
    made = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in rows[0] if rows else ():
        made.add_column(name, justify="right" if isinstance(rows[0][name], int | float) else "left", overflow="fold")
    for row in rows:
        made.add_row(*(f"{v:,.4g}" if isinstance(v, float) else str(v) for v in row.values()))
    return made


def say(text: str) -> None:
    """A line for people while a command works; none for scripts."""
    if not OPTIONS["as_json"]:
        print(text, file=sys.stderr, flush=True)
