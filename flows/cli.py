"""The command line: `defectory …`. Every command takes --json (one JSON object on stdout) and --debug.

Exit codes: 0 done, 1 the check or build failed, 2 the call was wrong.
"""

import json
import sys
from typing import Annotated

import typer

from flows.commands.building import build, plan, status
from flows.commands.captions import captions_app
from flows.commands.evaluating import evaluate
from flows.commands.output import OPTIONS
from flows.commands.reannotating import reannotate
from flows.commands.releasing import release, verify
from flows.commands.reviewing import review_app
from flows.commands.serving import doctor, services_app
from schemas.errors import DefectoryError

app = typer.Typer(
    help="The dataset factory for industrial inspection.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
for command in (plan, build, status, reannotate, release, verify, evaluate, doctor):
    app.command()(command)
app.add_typer(review_app, name="review")
app.add_typer(captions_app, name="captions")
app.add_typer(services_app, name="services")

GLOBAL = {"--json": "as_json", "--debug": "debug"}


@app.callback()
def _global(
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object; allowed anywhere in the call.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show logs and tracebacks; allowed anywhere in the call.")
    ] = False,
) -> None:
    OPTIONS.update(as_json=json_, debug=debug)


def main(arguments: list[str] | None = None) -> None:
    """Entry point. --json and --debug may stand anywhere in the call."""
    given = sys.argv[1:] if arguments is None else arguments
    first = [a for a in given if a in GLOBAL]
    OPTIONS.update(as_json="--json" in first, debug="--debug" in first)
    try:
        app(first + [a for a in given if a not in GLOBAL])
    except DefectoryError as e:
        if OPTIONS["debug"]:
            raise
        _fail(str(e), e.exit_code)
    except Exception as e:  # the user gets a sentence; --debug gives the traceback
        if OPTIONS["debug"]:
            raise
        said = " ".join(str(e).split())[:300]
        _fail(f"unexpected {type(e).__name__}: {said}; the same command with --debug shows where", 1)


def _fail(sentence: str, code: int) -> None:
    if OPTIONS["as_json"]:
        print(json.dumps({"error": sentence}))
    else:
        print(f"defectory: {sentence}", file=sys.stderr)
    raise SystemExit(code)
