"""What is to be labelled again: which samples, how, what it will cost; and the batch that stands for it."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

import duckdb

from annotation.asking import ledger
from annotation.asking.sessions import model_of
from annotation.labelling.projects import PROJECTS
from schemas import taxonomy
from schemas.digests import canonical, digest
from schemas.errors import CallError
from schemas.loading import changed
from schemas.recipe import Recipe
from schemas.rows import Batch
from tasks.quality.rounds import made
from tasks.reannotation import columns, condition
from tasks.text import caption as captions
from tasks.text.costs import text_cost
from tasks.workspace import Workspace

BY_MODEL = "caption"
BY_TAXONOMY = "defect_type"
MAY_CHANGE = {BY_MODEL: "caption.", BY_TAXONOMY: "images."}
"""The settings that decide a task's labels, by task: those that a machine can label again."""
PEOPLE_JUDGE = {BY_TAXONOMY: "match"}
"""What people are asked where a task's labels are not theirs to give."""
QUIET = (*captions.MANNER, "base_url")
"""Settings that do not decide what is said, or that may hold what is nobody's business."""
FILES = ("prompts", "dimensions", "encoder")
"""Settings that may name files."""
TASKS = ("caption", "defect_type", "visible_interval", "mask", "box", "scene", "safety_level", "match", "clip")


@dataclass(frozen=True)
class Order:
    """What somebody wants done again, and why."""

    task: str
    reason: str
    where: str = ""
    """A condition over `columns.COLUMNS`; samples are chosen by it, by `ids`, or by the batch that is done again."""
    ids: tuple[str, ...] = ()
    parent: str = ""
    """A batch whose samples are done again."""
    people: bool = False
    """People label, and no machine."""
    overrides: tuple[str, ...] = ()
    """What is to be different, as `key=value` of a recipe."""


@dataclass(frozen=True)
class Chosen:
    """The samples of an order with what has to be known of them."""

    samples: list[str]
    reviewed: int
    """Those that a person has judged."""
    machine: dict[str, str]
    """Ids of the labels that new ones supersede, by sample."""


@dataclass(frozen=True)
class Forecast:
    """What it will cost at most."""

    samples: int
    author: str
    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    budget_left_usd: float | None = None
    """What `caption.budget_usd` leaves of the workspace's ledger; none where nothing is paid."""
    people_tasks: int = 0
    """Samples that people look at, each by as many as the recipe asks for."""
    seconds_per_task: float = 0.0
    measured: bool = False
    """Whether that is the median of what people took here, or the recipe's estimate."""
    people_hours: float = 0.0


@dataclass(frozen=True)
class Plan:
    order: Order
    recipe: Recipe
    """With the order's settings."""
    chosen: Chosen
    forecast: Forecast
    batch: Batch
    done: bool
    """The batch is in the tables: it was run to its end before."""


def changes(provider: str = "", model: str = "", prompts: str = "", taxonomy: str = "") -> tuple[str, ...]:
    """What is to be different, as `overrides` of an order; what is empty stays as it is."""
    given = {"caption.provider": provider, "caption.model": model, "caption.prompts": prompts,
             "images.taxonomy": taxonomy}  # fmt: skip
    return tuple(f"{key}={value}" for key, value in given.items() if value)


def plan(workspace: Workspace, order: Order) -> Plan:
    """What an order comes to. Changes nothing. Raises CallError for a wrong order."""
    before = workspace.recipe()
    recipe = _demanded(order, before)
    chosen = choose(workspace, before, order)
    batch = made(
        kind="reannotation", task=order.task, round=before.review.round, samples=chosen.samples, reason=order.reason,
        parent=order.parent or None, settings=canonical(_settings(order, recipe)),
    )  # fmt: skip
    if order.people and order.task in PEOPLE_JUDGE:
        batch = made(**{k: v for k, v in vars(batch).items() if k != "id"} | {"task": PEOPLE_JUDGE[order.task]})
    done = any(b.id == batch.id for b in workspace.rows(Batch))
    return Plan(order, recipe, chosen, forecast(workspace, order, recipe, chosen), batch, done)


def _demanded(order: Order, before: Recipe) -> Recipe:
    if order.task not in TASKS:
        near = difflib.get_close_matches(order.task, TASKS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(TASKS)}"
        raise CallError(f"--task {order.task}: is not known; {hint}")
    if not order.reason.strip():
        raise CallError("--reason: is empty; say why it is labelled again, it stands in the tables for good")
    if sum(map(bool, (order.where, order.ids, order.parent))) != 1:
        raise CallError("say which samples, in one way: --where CONDITION, --ids FILE or --batch ID")
    if order.people:
        if order.overrides:
            raise CallError(f"--set {order.overrides[0]}: people label here, so no setting changes that; leave it out")
        return before
    prefix = MAY_CHANGE.get(order.task)
    if prefix is None:
        raise CallError(f"--task {order.task}: no machine labels that again on its own; add --human")
    for text in order.overrides:
        if not text.startswith(prefix):
            raise CallError(f"--set {text}: does not decide `{order.task}`; only {prefix}… can differ")
    return changed(before, order.overrides)


def _settings(order: Order, recipe: Recipe) -> dict[str, Any]:
    """What decides what comes out, but not what may be spent."""
    if order.people:
        return {"by": "people"}
    if order.task == BY_MODEL:
        decides = digest(captions.settings(recipe))
        told = [_told(*o.split("=", 1)) for o in sorted(order.overrides)
                if o.split("=")[0].removeprefix("caption.") not in QUIET]  # fmt: skip
        return {"by": "model", "author": author(order, recipe), "settings": decides, "set": told}
    known = taxonomy.load(recipe.images.taxonomy)
    return {"by": "taxonomy", "author": author(order, recipe), "version": known.version, "settings": digest(known)}


def _told(key: str, value: str) -> str:
    """An override as it stands in the tables: files without their folder, which is nobody's business."""
    return f"{key}={PurePath(value).name if key.removeprefix('caption.') in FILES else value}"


def author(order: Order, recipe: Recipe) -> str:
    """Who will label, as the rows name them."""
    if order.people:
        return "people"
    if order.task == BY_MODEL:
        return f"{recipe.caption.provider}:{model_of(recipe.caption)}"
    if not recipe.images.taxonomy:
        raise CallError("images.taxonomy: the recipe names none; add --set images.taxonomy=NAME")
    return f"taxonomy:{taxonomy.load(recipe.images.taxonomy).name}"


def choose(workspace: Workspace, recipe: Recipe, order: Order) -> Chosen:
    """The samples of an order. Raises CallError for a condition or an id that cannot be used."""
    where = order.where or "true"
    speaks_of = condition.mentioned(where)
    with workspace.connect() as con, workspace.connect() as read:
        compares = bool(speaks_of & {"agreement", "settled"})
        encode = None
        if compares and order.task == BY_MODEL:
            from annotation.diversity import sentence_encoder

            encode = sentence_encoder(recipe.caption.encoder)
        columns.tabulate(con, read, recipe, label_of(order.task), encode, compares)
        wanted = condition.chosen(con, where) if order.where else _listed(workspace, order)
        _demand_known(con, wanted, order)
        con.execute("CREATE TABLE wanted AS SELECT unnest($ids) AS id", {"ids": wanted})
        found = con.execute(
            f"SELECT id, reviewed, machine FROM {columns.TABLE} SEMI JOIN wanted USING (id) ORDER BY id"  # noqa: S608
        ).fetchall()
    return Chosen(
        samples=[id_ for id_, _, _ in found],
        reviewed=sum(bool(reviewed) for _, reviewed, _ in found),
        machine={id_: machine for id_, _, machine in found if machine},
    )


def label_of(task: str) -> str:
    """The annotation task whose labels are looked at: of a labelling project, the first that it judges."""
    return PROJECTS[task].judges[0] if task == "clip" else task


def _listed(workspace: Workspace, order: Order) -> list[str]:
    if order.ids:
        return sorted(set(order.ids))
    batch = next((b for b in workspace.rows(Batch) if b.id == order.parent), None)
    if batch is None:
        raise CallError(f"--batch {order.parent}: there is no such batch in {workspace.root}")
    return sorted(set(batch.samples))


def _demand_known(con: duckdb.DuckDBPyConnection, wanted: Iterable[str], order: Order) -> None:
    if not order.ids:
        return
    known = {id_ for (id_,) in con.execute("SELECT id FROM samples").fetchall()}
    for id_ in wanted:
        if id_ not in known:
            near = difflib.get_close_matches(id_, sorted(known), n=1)
            raise CallError(f"--ids: {id_} is no sample" + (f"; did you mean {near[0]}?" if near else ""))


def read_ids(file: Path) -> tuple[str, ...]:
    """The ids of a file with one on each line; empty lines and those that begin with # are passed over."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise CallError(f"--ids {file}: cannot be read ({e}); give a text file with one id on each line") from None
    found = tuple(dict.fromkeys(line.strip() for line in lines if line.strip() and not line.startswith("#")))
    if not found:
        raise CallError(f"--ids {file}: names no sample; write one id on each line")
    return found


def forecast(workspace: Workspace, order: Order, recipe: Recipe, chosen: Chosen) -> Forecast:
    """Tokens and money as the most that can be asked for; people's time by what it took here, where that is known."""
    looked_at = len(chosen.samples) if order.people else chosen.reviewed
    seconds, measured = lead_time(workspace, label_of(order.task), recipe.review.seconds_per_task)
    tasks = looked_at * recipe.review.annotators
    found = Forecast(
        samples=len(chosen.samples), author=author(order, recipe), people_tasks=tasks, seconds_per_task=seconds,
        measured=measured, people_hours=round(tasks * seconds / 3600, 2),
    )  # fmt: skip
    if order.people or order.task != BY_MODEL:
        return found
    asked = text_cost(len(chosen.samples), recipe.caption)
    left = recipe.caption.budget_usd - ledger.spent_usd(ledger.url(workspace.root))
    return replace(
        found, requests=asked.requests, tokens_in=asked.tokens_in, tokens_out=asked.tokens_out,
        cost_usd=asked.cost_usd, budget_left_usd=round(left, 6) if asked.online_usd else None,
    )  # fmt: skip


def lead_time(workspace: Workspace, task: str, otherwise: float) -> tuple[float, bool]:
    """The median of the seconds that people took for a task here, or `otherwise`; and whether it was measured."""
    (found,) = workspace.sql(
        "SELECT median(lead_time_s) AS seconds FROM annotations WHERE task = ? AND author_kind = 'person'", task
    )
    return (round(found["seconds"], 1), True) if found["seconds"] else (otherwise, False)
