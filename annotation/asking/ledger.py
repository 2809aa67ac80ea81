"""The ledger: one row per request to a model, in SQL; what keeps an answer from being paid for twice.

A request is *reserved* (its highest possible cost set aside, the budget checked in the same
transaction) before it is sent, and *answered* (text, tokens, real cost) or released after. An answer
that is there is handed out without a call. Transactions run one after the other: SQLite's write lock
or a PostgreSQL advisory lock guards them, so that two processes see each other's reservations.

A try whose answer never arrived (time-out, killed process) may have been billed all the same. Its
reserved cost then moves to `lost`, which counts as spent: the cap holds even if all of it was charged.
"""

import dataclasses
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from annotation.asking import owners
from annotation.asking.database import CLOCK, Url, engine_of, now, upgrade
from annotation.asking.operations import (
    Busy,
    Done,
    Known,
    Operation,
    Outcome,
    OverCap,
    Release,
    Reserve,
    Reserved,
    Settle,
)
from annotation.asking.statements import ANSWER, COMMIT, INSERT, LOSE, ROW, TOTALS, UPDATE
from annotation.asking.tables import BATCH, META, batches, requests, totals
from annotation.models.prices import USD
from annotation.models.providers import Answer
from schemas.addresses import masked
from schemas.errors import BadInput, DefectoryError

_LOCK = sa.select(sa.func.pg_advisory_xact_lock(0x0DEFEC7), sa.extract("epoch", sa.func.clock_timestamp()))
"""Takes PostgreSQL's advisory lock by its key; and the time there."""


@dataclass(frozen=True)
class Spending:
    """In USD. `lost` may have been billed without an answer; `reserved` is under way."""

    spent: float
    lost: float
    reserved: float
    answers: int
    tokens: int
    """Billed, possibly billed, and reserved."""


@dataclass(frozen=True)
class Bought:
    answers: int = 0
    """Of one model."""
    spent_usd: float = 0.0
    """On all models, lost tries among them, and what is set aside for those under way: as the cap counts it."""
    tokens: int = 0
    """The same in tokens; of answers only, in a ledger from before there was a cap on them."""


class Ledger:
    """A ledger in the database at an SQLAlchemy URL (`sqlite:///…`, `postgresql://…`); made if it is not there.

    One for `reading` is neither made nor brought up to date, and waits for no writer.
    """

    def __init__(self, url: Url, reading: bool = False):
        self._shown, self._engine = engine_of(url, reading)
        self._reading = reading
        self.owner = owners.me()
        if reading:
            return
        with self.transaction() as db:
            added = upgrade(db, META)
            if db.execute(sa.select(totals.c.id)).first() is None:
                db.execute(totals.insert().values(id=1, committed=0, tokens=0))
            elif "totals.tokens" in added:
                both = sa.func.coalesce(requests.c.tokens_in, 0) + sa.func.coalesce(requests.c.tokens_out, 0)
                counted = sa.select(sa.func.coalesce(sa.func.sum(both), 0)).scalar_subquery()
                db.execute(totals.update().values(tokens=counted))

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """All of `operations` in one transaction, in order; an outcome for each."""
        with self.transaction() as db:
            return [self.carry_out(db, o) for o in operations]

    def each(self, operations: Sequence[Operation]) -> list[Outcome | BadInput]:
        """Like `apply`, but what cannot be written down fails alone, and nobody waits for it: a try is released without
        its words, an answer as lost."""
        try:
            return [*self.apply(operations)]
        except BadInput as e:
            if half := len(operations) // 2:
                return [*self.each(operations[:half]), *self.each(operations[half:])]
            (failed,) = operations
            if isinstance(failed, Reserve):
                return [e]
            lost = isinstance(failed, Settle) or failed.lost
            try:
                released = self.apply([Release(failed.key, lost, "it cannot be written down", failed.batch)])
            except BadInput:  # not even its key
                return [e]
            return [e] if isinstance(failed, Settle) else [*released]

    def carry_out(self, db: sa.Connection, operation: Operation) -> Outcome:
        """One operation within a transaction that is under way. Raises BadInput when its own data are at fault."""
        try:
            outcome: Outcome = _APPLY[type(operation)](self, db, operation)
        except (sa.exc.DataError, UnicodeError, OverflowError) as e:
            raise BadInput(
                f"request {operation.key:.12}: no database takes the text or the numbers that came for it "
                f"({type(e).__name__}); ask another model or server"
            ) from None
        return outcome

    def answer(self, key: str) -> Known | None:
        """What is answered to a request already."""
        with self.transaction() as db:
            row = db.execute(ANSWER, {"of": key}).one_or_none()
        return None if row is None else Known(Answer(*row[:-1]), row[-1])

    def bought(self, provider: str, model: str) -> Bought:
        """What is there of a model, and was spent on all of them; of any version of ledgers."""
        of_model = (requests.c.provider == provider, requests.c.model == model, requests.c.status == "answered")
        both = sa.func.sum(requests.c.tokens_in) + sa.func.sum(requests.c.tokens_out)
        with self.transaction() as db:
            count = db.execute(sa.select(sa.func.count()).where(*of_model)).scalar_one()
            counted = "tokens" in {c["name"] for c in sa.inspect(db).get_columns(totals.name)}
            committed = db.execute(sa.select(totals.c.committed)).scalar_one()
            tokens = db.execute(sa.select(totals.c.tokens if counted else both)).scalar_one()
        return Bought(count, committed / USD, int(tokens or 0))

    def spending(self) -> Spending:
        columns = (sa.func.sum(requests.c[n]) for n in ("spent", "lost", "reserved"))
        with self.transaction() as db:
            spent, lost, reserved = (int(v or 0) / USD for v in db.execute(sa.select(*columns)).one())
            count = db.execute(sa.select(sa.func.count()).where(requests.c.status == "answered")).scalar_one()
            tokens = db.execute(sa.select(totals.c.tokens)).scalar_one()
        return Spending(spent, lost, reserved, count, int(tokens))

    def there(self) -> bool:
        """Whether the database has a ledger in it; one that does not exist is not made."""
        if self._engine.dialect.name == "sqlite" and not Path(self._engine.url.database or "").is_file():
            return False
        with self.transaction() as db:
            return sa.inspect(db).has_table(requests.name)

    def close(self) -> None:
        owners.gone(self.owner)
        self._engine.dispose()

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as db:
                if db.dialect.name == "postgresql" and not self._reading:
                    db.info[CLOCK] = db.execute(_LOCK).one()[1]
                yield db
        except sa.exc.SQLAlchemyError as e:
            reason = masked(" ".join(str(getattr(e, "orig", None) or e).split()))
            raise DefectoryError(
                f"{self._shown}: the ledger cannot be used ({reason:.160}); check DEFECTORY_LEDGER_URL and the disk, "
                "then run the same command again"
            ) from None

    def _reserve(self, db: sa.Connection, ask: Reserve) -> Outcome:
        row = db.execute(ROW, {"of": ask.key}).mappings().first()
        if row is not None and row["status"] == "answered":
            answer = Answer(*(row[f.name] for f in dataclasses.fields(Answer)))
            if answer != ask.unfit:
                return Known(answer, row["spent"])
        if row is not None and row["status"] == "reserved":
            if row["owner"].startswith(BATCH):
                name = row["owner"].removeprefix(BATCH)
                batch = db.execute(sa.select(batches).where(batches.c.name == name)).one()
                held = batch.owner == self.owner or owners.alive(batch.owner, now(db) - batch.touched_at)
                if batch.status in ("sending", "sent") or (held and batch.status == "filling"):
                    return Busy(name, owners.shown(batch.owner) if held else "")
                # Done: whoever filled it was taken for dead meanwhile, and has not sent what it added since.
                self._free(db, ask.key, lost=False, note="its batch was never sent")
            elif owners.alive(row["owner"], now(db) - row["reserved_at"]):
                return Busy()
            else:
                self._free(db, ask.key, lost=True, note="its process ended while it was under way")
        committed, tokens = db.execute(TOTALS).one()
        over = ask.cost and committed + ask.cost > ask.cap
        if over or (ask.token_cap and tokens + ask.tokens > ask.token_cap):
            return OverCap(committed, tokens)
        owner = f"{BATCH}{ask.batch}" if ask.batch else self.owner
        tries = 1 if row is None else row["tries"] + 1
        values = {
            "status": "reserved", "owner": owner, "reserved_at": now(db), "reserved": ask.cost,
            "reserved_tokens": ask.tokens, "tries": tries,
        }  # fmt: skip
        if row is None:
            new = {"key": ask.key, "provider": ask.provider, "model": ask.model, "candidate": ask.candidate}
            db.execute(INSERT, {**new, "spent": 0, "lost": 0, **values})
        else:
            if row["status"] == "answered":
                used = (row["tokens_in"] or 0) + (row["tokens_out"] or 0)
                db.execute(LOSE, {"of": ask.key, "nanos": row["spent"], "counted": used})
            db.execute(UPDATE, {"of": ask.key, "spent": 0, **values})
        self._commit(db, ask.cost, ask.tokens)
        return Reserved(tries)

    def _settle(self, db: sa.Connection, done: Settle) -> Outcome:
        row = db.execute(ROW, {"of": done.key}).mappings().first()
        if row is None:
            raise BadInput(f"request {done.key:.12}: an answer to what was never asked; nothing can be done with it")
        owner = f"{BATCH}{done.batch}" if done.batch else self.owner
        cost = row["reserved"] if done.cost is None else done.cost
        tokens = row["reserved_tokens"] if done.tokens is None else done.tokens
        if row["status"] == "answered":
            if row["owner"] != owner:  # what is ours is entered already: a batch's results may be read twice
                # Taken over and answered meanwhile: the other answer stands, this one was paid for, too.
                db.execute(LOSE, {"of": done.key, "nanos": cost, "counted": tokens})
                self._commit(db, cost, tokens)
            return Done(False)
        values = {"status": "answered", "owner": owner, "reserved": 0, "reserved_tokens": 0, "spent": cost}
        db.execute(UPDATE, {"of": done.key, "note": None, **values, **dataclasses.asdict(done.answer)})
        self._commit(db, cost - row["reserved"], tokens - row["reserved_tokens"])
        return Done(row["owner"] == owner and row["status"] == "reserved")

    def _release(self, db: sa.Connection, failed: Release) -> Outcome:
        row = db.execute(ROW, {"of": failed.key}).first()
        owner = f"{BATCH}{failed.batch}" if failed.batch else self.owner
        if row is None or row.owner != owner or row.status != "reserved":
            return Done(False)
        self._free(db, failed.key, failed.lost, failed.note)
        return Done(True)

    def _free(self, db: sa.Connection, key: str, lost: bool, note: str) -> None:
        row = db.execute(ROW, {"of": key}).one()
        db.execute(UPDATE, {"of": key, "status": "released", "reserved": 0, "reserved_tokens": 0, "note": note})
        if lost:
            db.execute(LOSE, {"of": key, "nanos": row.reserved, "counted": row.reserved_tokens})
        else:
            self._commit(db, -row.reserved, -row.reserved_tokens)

    def _commit(self, db: sa.Connection, nanos: int, tokens: int) -> None:
        if nanos or tokens:
            db.execute(COMMIT, {"nanos": nanos, "counted": tokens})


_APPLY: dict[type, Any] = {Reserve: Ledger._reserve, Settle: Ledger._settle, Release: Ledger._release}


def url(workspace: Path) -> Url:
    """Where the ledger of a workspace is: DEFECTORY_LEDGER_URL, or `ledger.sqlite` in the workspace."""
    # Not as text: a folder may have a `?` in its name, where the text would end.
    return os.environ.get("DEFECTORY_LEDGER_URL") or sa.URL.create("sqlite", database=str(workspace / "ledger.sqlite"))


@contextmanager
def reading(url: Url) -> Iterator[Ledger | None]:
    """The ledger at `url`, to look into; None where there is none, and none is made.

    Raises DefectoryError when the ledger cannot be used.
    """
    book = Ledger(url, reading=True)
    try:
        yield book if book.there() else None
    finally:
        book.close()


def spending(url: Url) -> Spending:
    """Of the ledger at `url`; nothing for one that is not there, which is not made.

    Raises DefectoryError when the ledger cannot be used.
    """
    with reading(url) as there:
        if there is None:
            return Spending(0.0, 0.0, 0.0, 0, 0)
    book = Ledger(url)
    try:
        return book.spending()
    finally:
        book.close()


def spent_usd(url: Url) -> float:
    """USD that the ledger at `url` has paid or may have lost, whatever became of the answers."""
    found = spending(url)
    return found.spent + found.lost
