"""The command line: `defectory …`. Every command takes --json (one JSON object on stdout) and --debug.

Exit codes: 0 done, 1 the check or build failed, 2 the call was wrong. Heavy imports wait inside the
commands, so that --help and errors are quick.
"""

import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from flows.captions_cli import captions_app
from schemas.errors import DefectoryError

if TYPE_CHECKING:
    from flows.progress import Progress
    from tasks.filming.forecast import Views
    from tasks.workspace import Workspace

app = typer.Typer(
    help="The dataset factory for industrial inspection.", no_args_is_help=True, add_completion=False,
    pretty_exceptions_enable=False,
)  # fmt: skip
review_app = typer.Typer(help="Send work to reviewers in Label Studio, bring it back.", no_args_is_help=True)
services_app = typer.Typer(help="Prefect server, worker and Label Studio on this machine.", no_args_is_help=True)
app.add_typer(review_app, name="review")
app.add_typer(services_app, name="services")
app.add_typer(captions_app, name="captions")

RecipePath = Annotated[Path, typer.Argument(help="The recipe, a YAML file.", metavar="RECIPE")]
WorkspacePath = Annotated[Path, typer.Argument(help="The workspace of a build.", metavar="WORKSPACE")]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a recipe key: a.b=value", metavar="KEY=VALUE")
]

GLOBAL = {"--json": "as_json", "--debug": "debug"}
_options = {"as_json": False, "debug": False}


@app.callback()
def _global(
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object; allowed anywhere in the call.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show logs and tracebacks; allowed anywhere in the call.")
    ] = False,
) -> None:
    _options.update(as_json=json_, debug=debug)


def asks_json() -> bool:
    """Whether the call asks for JSON: for commands that print as they go."""
    return _options["as_json"]


def emit(result: dict[str, Any], *human: Any) -> None:
    """The result as JSON for scripts, or its human form."""
    if _options["as_json"]:
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


@app.command()
def plan(
    recipe: RecipePath,
    survey: Annotated[
        int, typer.Option(help="Defective instances to look at with rays, seconds each; 0 for none.", min=0)
    ] = 8,
    set_: Overrides = None,
) -> None:
    """What a build will cost and show: frames, CPU hours, disk, tokens, money, and the mix of views."""
    from schemas.loading import load
    from tasks.filming.forecast import forecast

    found = forecast(load(recipe, tuple(set_ or ())), survey)
    costs = {name: value for name, value in dataclasses.asdict(found).items() if name != "views"}
    rows = [{"what": name.replace("_", " "), "forecast": value} for name, value in costs.items()]
    emit(dataclasses.asdict(found), table(f"Forecast for {recipe}", rows), *_views(found.views))


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


@app.command()
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
    if left is None and (until != "release" or released):
        emit(
            {"workspace": root, "up_to_date": True, "release": released},
            f"{root.name}: everything up to {until} is done already",
            *(_next_steps(root, released) if released else ()),
        )
        return
    prepare(debug=_options["debug"])
    from flows.build import build as flow

    with _interruptible(opened), _progress() as progress:
        progress.say("starting Prefect")
        done = flow(root, wanted, until)
    made = done.get("release")
    rejected = opened.sql("SELECT stage, item, reason FROM rejects ORDER BY stage, item")
    emit(
        {"workspace": root, "up_to_date": False, "stages": done, "rejects": rejected, "release": made and made.path},
        *([table("Rejected, and why", rejected)] if rejected else ()),
        *(_next_steps(root, made.path) if made else (f"{root}: done up to {until}",)),
    )


@contextlib.contextmanager
def _interruptible(workspace: "Workspace") -> Iterator[None]:
    """Ctrl-C and SIGTERM end the build with its Blender workers and its ephemeral Prefect server."""
    from flows import services

    def interrupted(*_: object) -> None:
        # At once and for good: a build survives a kill, while an orderly end would wait for every shard under
        # way and for a server that the same Ctrl-C has ended.
        for pid in services.members(workspace.tag):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        cursor = "\x1b[?25h\n" if sys.stderr.isatty() else ""
        print(f"{cursor}defectory: stopped; the same command continues where it was", file=sys.stderr, flush=True)
        os._exit(130)

    before = {number: signal.signal(number, interrupted) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _progress() -> "Iterator[Progress]":
    from flows.progress import Lines, Silent, Terminal, reporting_to

    if not _options["as_json"] and sys.stderr.isatty():
        with Terminal() as bars, reporting_to(bars):
            yield bars
    else:
        lines = Silent() if _options["as_json"] else Lines()
        with reporting_to(lines):
            yield lines


def _next_steps(root: Path, release: Path) -> list[str]:
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
            f"  defectory review push {shown}    send the clips to Label Studio, then label there",
            f"  defectory review pull {shown}    bring the decisions back",
            f"  defectory release {shown} --version 1.0.0",
        ]
    return steps


@app.command()
def status(workspace: WorkspacePath) -> None:
    """Stages, shards, rejects, spending and waiting reviews of a workspace."""
    from tasks.status import status as look
    from tasks.workspace import Workspace

    found = look(Workspace.open(workspace))
    emit(
        dataclasses.asdict(found),
        table(
            f"{workspace}: {found.dataset}, {f'left to do: {found.unfinished}' if found.unfinished else 'up to date'}",
            [dataclasses.asdict(s) for s in found.stages],
        ),
        *([table("\nRejected, and why", [dataclasses.asdict(r) for r in found.rejects])] if found.rejects else ()),
        f"\nspent     {found.spent_usd:.4f} USD",
        f"review    {found.review}",
        f"releases  {', '.join(found.releases) or 'none'}",
    )


def _opened(workspace: Path) -> Any:
    from tasks.workspace import Workspace

    return Workspace.open(workspace)


@review_app.command("push")
def review_push(workspace: WorkspacePath) -> None:
    """Send the clips with their candidate intervals and captions to Label Studio; safe to repeat."""
    from tasks import review
    from tasks.dag import demand_current

    opened = _opened(workspace)
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
        report = review.push(opened, opened.recipe(), review.connect())
    emit(
        dataclasses.asdict(report),
        f"{report.created} tasks created, {report.updated} updated, {report.unchanged} as they were, "
        f"{report.untouched} left alone because somebody works on them\nlabel here: {report.url}\n"
        f"then: defectory review pull {workspace}",
    )


@review_app.command("pull")
def review_pull(workspace: WorkspacePath) -> None:
    """Bring the reviewers' decisions back as annotations and verdicts; safe to repeat."""
    from tasks import review
    from tasks.dag import demand_current

    opened = _opened(workspace)
    with opened.lock():
        demand_current(opened, opened.recipe(), "caption")
        report = review.pull(opened, opened.recipe(), review.connect())
    emit(
        dataclasses.asdict(report),
        f"{report.decisions} new decisions from {report.reviewers} reviewers: {report.accepted} accepted, "
        f"{report.corrected} corrected, {report.rejected} rejected",
        *report.problems,
        f"then: defectory release {workspace} --version X.Y.Z",
    )


@review_app.command("status")
def review_status(workspace: WorkspacePath) -> None:
    """How far the reviewers are, and whether the round has passed."""
    from tasks import review

    opened = _opened(workspace)
    found = review.status(opened, opened.recipe(), review.connect())
    emit(
        dataclasses.asdict(found),
        f"round {found.round} at {found.url}",
        f"{found.done} of {found.tasks} clips labelled, {found.waiting} waiting",
        f"{found.accepted} accepted, {found.corrected} corrected, {found.rejected} rejected (pulled so far)",
        "passed" if found.passed else "not passed yet",
    )


@app.command()
def release(
    workspace: WorkspacePath,
    version: Annotated[str | None, typer.Option(help="X.Y.Z; the recipe's by default.", metavar="X.Y.Z")] = None,
) -> None:
    """Freeze the current labels as a numbered release; a draft as long as the review has not passed."""
    from flows.environment import end_orphans, prepare

    opened = _opened(workspace)
    recipe = opened.recipe(version)
    with opened.lock():
        end_orphans(opened)
    prepare(debug=_options["debug"])
    from flows.build import rerelease
    from flows.progress import Silent, reporting_to

    with reporting_to(Silent()):
        made = rerelease(opened.root, recipe)
    emit(
        {"path": made.path, "version": made.version, "draft": made.draft, "counts": made.counts},
        *_next_steps(opened.root, made.path),
    )


@app.command()
def verify(release_dir: Annotated[Path, typer.Argument(help="A release's folder.", metavar="RELEASE_DIR")]) -> None:
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


@app.command()
def evaluate(
    release_dir: Annotated[Path, typer.Argument(help="A release's folder.", metavar="RELEASE_DIR")],
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

    def say(text: str) -> None:
        if not _options["as_json"]:
            print(text, file=sys.stderr, flush=True)

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
        *(
            [f"\nnot read, or refused: {'; '.join(f'{why} ({n})' for why, n in result.why.items())}"]
            if result.why
            else ()
        ),
        f"\nanswers cost {result.cost_usd:.4f} USD\nresults in {os.path.relpath(result.folder)}",
    )


@services_app.command("up")
def services_up(
    media_root: Annotated[Path, typer.Option(help="The folder that Label Studio may show files from.")] = Path(
        "workspaces"
    ),
) -> None:
    """Start what is not running yet, and say where it is."""
    from flows import services

    def say(text: str) -> None:
        if not _options["as_json"]:
            print(text, file=sys.stderr, flush=True)

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


@app.command()
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


def main(arguments: list[str] | None = None) -> None:
    """Entry point. --json and --debug may stand anywhere in the call."""
    given = sys.argv[1:] if arguments is None else arguments
    first = [a for a in given if a in GLOBAL]
    _options.update(as_json="--json" in first, debug="--debug" in first)
    try:
        app(first + [a for a in given if a not in GLOBAL])
    except DefectoryError as e:
        if _options["debug"]:
            raise
        _fail(str(e), e.exit_code)
    except Exception as e:  # the user gets a sentence; --debug gives the traceback
        if _options["debug"]:
            raise
        said = " ".join(str(e).split())[:300]
        _fail(f"unexpected {type(e).__name__}: {said}; the same command with --debug shows where", 1)


def _fail(sentence: str, code: int) -> None:
    if _options["as_json"]:
        print(json.dumps({"error": sentence}))
    else:
        print(f"defectory: {sentence}", file=sys.stderr)
    raise SystemExit(code)
