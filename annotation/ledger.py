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
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from annotation.models.prices import USD
from annotation.models.providers import Answer
from schemas.errors import DefectoryError

LEASE_S = 15 * 60
"""A reservation older than this is taken over even if its owner seems alive: no try takes that long."""

_LOCK = 0x0DEFEC7
"""Key of the PostgreSQL advisory lock."""

_meta = sa.MetaData()
requests = sa.Table(
    "requests",
    _meta,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("provider", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("candidate", sa.Integer, nullable=False),
    sa.Column("status", sa.String(8), nullable=False),  # reserved | answered | released
    sa.Column("owner", sa.String, nullable=False),
    sa.Column("reserved_at", sa.Float, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("reserved", sa.BigInteger, nullable=False),  # money in nano-dollars
    sa.Column("spent", sa.BigInteger, nullable=False),
    sa.Column("lost", sa.BigInteger, nullable=False),
    sa.Column("text", sa.Text),
    sa.Column("finish", sa.String),
    sa.Column("version", sa.String),
    sa.Column("tokens_in", sa.Integer),
    sa.Column("tokens_out", sa.Integer),
    sa.Column("note", sa.Text),  # why the last try failed
)
totals = sa.Table(
    "totals",
    _meta,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("committed", sa.BigInteger, nullable=False),  # reserved + spent + lost of all requests
)


@dataclass(frozen=True)
class Reserve:
    """Asks for the answer to `key`, or for the right to get it at a cost of at most `cost` nano-dollars."""

    key: str
    provider: str
    model: str
    candidate: int
    cost: int
    cap: int
    """Nano-dollars that reserved, spent and lost money of the whole ledger may come to."""


@dataclass(frozen=True)
class Settle:
    key: str
    answer: Answer
    cost: int


@dataclass(frozen=True)
class Release:
    """The try failed. `lost`: it may have been billed, so its cost stays counted."""

    key: str
    lost: bool
    note: str


Operation = Reserve | Settle | Release


@dataclass(frozen=True)
class Known:
    """The answer is there already; `cost` is what it cost when it was bought, nano-dollars."""

    answer: Answer
    cost: int


@dataclass(frozen=True)
class Reserved:
    """Go and ask; nobody else will."""


@dataclass(frozen=True)
class Busy:
    """Somebody alive is asking at this moment; look again later."""


@dataclass(frozen=True)
class OverCap:
    committed: int


@dataclass(frozen=True)
class Done:
    """A Settle or Release was written; `kept` is False when another process had taken the request over."""

    kept: bool


Outcome = Known | Reserved | Busy | OverCap | Done


@dataclass(frozen=True)
class Spending:
    """In USD. `lost` may have been billed without an answer; `reserved` is under way."""

    spent: float
    lost: float
    reserved: float
    answers: int


class Ledger:
    """A ledger in the database at an SQLAlchemy URL (`sqlite:///…`, `postgresql://…`); made if it is not there."""

    def __init__(self, url: str):
        self._shown, self._engine = _engine(url)
        self._owner = f"{_machine()} {os.getpid()} {_started(os.getpid())} {os.urandom(4).hex()}"
        with self._transaction() as db:
            _meta.create_all(db)
            if db.execute(sa.select(totals.c.id)).first() is None:
                db.execute(totals.insert().values(id=1, committed=0))

    def apply(self, operations: Sequence[Operation]) -> list[Outcome]:
        """All of `operations` in one transaction, in order; an outcome for each."""
        with self._transaction() as db:
            return [_APPLY[type(o)](self, db, o) for o in operations]

    def spending(self) -> Spending:
        columns = (sa.func.sum(requests.c[n]) for n in ("spent", "lost", "reserved"))
        with self._transaction() as db:
            spent, lost, reserved = (int(v or 0) / USD for v in db.execute(sa.select(*columns)).one())
            count = db.execute(sa.select(sa.func.count()).where(requests.c.status == "answered")).scalar_one()
        return Spending(spent, lost, reserved, count)

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        try:
            with self._engine.begin() as db:
                if db.dialect.name == "postgresql":
                    db.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
                yield db
        except sa.exc.SQLAlchemyError as e:
            reason = " ".join(str(getattr(e, "orig", None) or e).split())
            raise DefectoryError(
                f"{self._shown}: the ledger cannot be used ({reason:.160}); check DEFECTORY_LEDGER_URL and the disk, "
                "then run the same command again"
            ) from None

    def _reserve(self, db: sa.Connection, ask: Reserve) -> Outcome:
        row = db.execute(sa.select(requests).where(requests.c.key == ask.key)).mappings().first()
        if row is not None and row["status"] == "answered":
            answer = Answer(*(row[f.name] for f in dataclasses.fields(Answer)))
            return Known(answer, row["spent"])
        if row is not None and row["status"] == "reserved":
            if _alive(row["owner"], row["reserved_at"]):
                return Busy()
            self._free(db, ask.key, lost=True, note="its process ended while it was under way")
        committed = db.execute(sa.select(totals.c.committed)).scalar_one()
        if ask.cost and committed + ask.cost > ask.cap:
            return OverCap(committed)
        values = {"status": "reserved", "owner": self._owner, "reserved_at": time.time(), "reserved": ask.cost}
        if row is None:
            db.execute(
                requests.insert().values(
                    key=ask.key, provider=ask.provider, model=ask.model, candidate=ask.candidate,
                    tries=1, spent=0, lost=0, **values,
                )
            )  # fmt: skip
        else:
            db.execute(requests.update().where(requests.c.key == ask.key).values(tries=requests.c.tries + 1, **values))
        self._commit(db, ask.cost)
        return Reserved()

    def _settle(self, db: sa.Connection, done: Settle) -> Outcome:
        row = db.execute(sa.select(requests).where(requests.c.key == done.key)).mappings().one()
        if row["status"] == "answered":
            # Taken over and answered meanwhile: the other answer stands, this one was paid for, too.
            db.execute(requests.update().where(requests.c.key == done.key).values(lost=requests.c.lost + done.cost))
            self._commit(db, done.cost)
            return Done(False)
        mine = row["owner"] == self._owner and row["status"] == "reserved"
        db.execute(
            requests.update()
            .where(requests.c.key == done.key)
            .values(status="answered", reserved=0, spent=done.cost, note=None, **dataclasses.asdict(done.answer))
        )
        self._commit(db, done.cost - row["reserved"])
        return Done(mine)

    def _release(self, db: sa.Connection, failed: Release) -> Outcome:
        row = db.execute(sa.select(requests.c.owner, requests.c.status).where(requests.c.key == failed.key)).one()
        if row.owner != self._owner or row.status != "reserved":
            return Done(False)
        self._free(db, failed.key, failed.lost, failed.note)
        return Done(True)

    def _free(self, db: sa.Connection, key: str, lost: bool, note: str) -> None:
        here = requests.c.key == key
        held = db.execute(sa.select(requests.c.reserved).where(here)).scalar_one()
        values = {"lost": requests.c.lost + held} if lost else {}
        db.execute(requests.update().where(here).values(status="released", reserved=0, note=note, **values))
        if not lost:
            self._commit(db, -held)

    def _commit(self, db: sa.Connection, nanos: int) -> None:
        if nanos:
            db.execute(totals.update().values(committed=totals.c.committed + nanos))


_APPLY: dict[type, Any] = {Reserve: Ledger._reserve, Settle: Ledger._settle, Release: Ledger._release}


def url(workspace: Path) -> str:
    """Where the ledger of a workspace is: DEFECTORY_LEDGER_URL, or `ledger.sqlite` in the workspace."""
    return os.environ.get("DEFECTORY_LEDGER_URL") or f"sqlite:///{workspace / 'ledger.sqlite'}"


def spent_usd(url: str) -> float:
    """USD that the ledger at `url` has paid or may have lost, whatever became of the answers.

    0 for a file that is not there, which is not made. Raises DefectoryError when the ledger cannot be used.
    """
    _, engine = _engine(url)
    if engine.dialect.name == "sqlite" and not Path(engine.url.database or "").is_file():
        return 0.0
    book = Ledger(url)
    try:
        spending = book.spending()
    finally:
        book.close()
    return spending.spent + spending.lost


def _engine(url: str) -> tuple[str, sa.Engine]:
    """The URL as it may be shown, and an engine whose transactions take the write lock when they begin."""
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        engine = sa.create_engine(parsed, pool_pre_ping=True)
    except (sa.exc.SQLAlchemyError, ImportError, ValueError) as e:
        raise DefectoryError(
            f"DEFECTORY_LEDGER_URL: not a database that can be used ({type(e).__name__}); "
            "write sqlite:///FILE or postgresql://USER@HOST/DATABASE"
        ) from None
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _connect(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute("PRAGMA busy_timeout=120000")
            connection.execute("PRAGMA synchronous=FULL")
            _write_ahead(connection)

        @sa.event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN IMMEDIATE")

    return parsed.render_as_string(hide_password=True), engine


def _write_ahead(connection: sqlite3.Connection, patience_s: float = 60.0) -> None:
    """Switch a database to write-ahead logging, once in its life; this alone does not heed the busy time-out."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


@cache
def _machine() -> str:
    """Where a process id means something: this host, this process-id namespace, this boot."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: the host name has to do
        boot = space = "-"
    return f"{socket.gethostname()}/{boot}/{space}".replace(" ", "_")


def _started(pid: int) -> str:
    """When a process started, in ticks: tells it from a later one with the same id. `-` where that cannot be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "-"


def _alive(owner: str, since: float) -> bool:
    """Whether the owner of a reservation may still settle it. Another machine's process is given the lease."""
    machine, pid, started, _ = owner.split(" ")
    if time.time() - since > LEASE_S:
        return False
    if machine != _machine():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _started(int(pid)) == started
