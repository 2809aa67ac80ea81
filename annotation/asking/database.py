"""A SQL database of our own, by URL: transactions that lock when they begin, and columns that came later."""

import sqlite3
import time
from typing import Any

import sqlalchemy as sa

from schemas.addresses import masked
from schemas.errors import DefectoryError

Url = str | sa.URL
CLOCK = "defectory_clock"
"""What a connection knows of the time at its server."""


def engine_of(url: Url, reading: bool = False) -> tuple[str, sa.Engine]:
    """The URL as it may be shown, and an engine whose transactions take the write lock at once, or only read."""
    try:
        parsed = sa.make_url(url)
        if parsed.get_backend_name() != "sqlite" and "@" in f"{parsed.host}{parsed.database}":
            # The password was cut at its first @: the rest of it would be looked up as a host, and shown.
            raise DefectoryError(
                "DEFECTORY_LEDGER_URL: an @ stands where the host or the database is named; "
                "write an @ or / in the user or the password as %40 or %2F"
            )
        if parsed.drivername in ("postgresql", "postgres"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        options: dict[str, Any] = {"postgresql_readonly": True} if reading else {}
        if parsed.get_backend_name() == "postgresql":
            # At any stricter level, whatever the server's default, a transaction would not see what was written while
            # it waited for the lock.
            options["isolation_level"] = "READ COMMITTED"
        engine = sa.create_engine(parsed, pool_pre_ping=True, execution_options=options)
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
            if reading:
                connection.execute("PRAGMA query_only=ON")
            else:
                connection.execute("PRAGMA synchronous=FULL")
                write_ahead(connection)

        @sa.event.listens_for(engine, "begin")
        def _begin(connection: sa.Connection) -> None:
            connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return masked(parsed.render_as_string(hide_password=True)), engine


def now(db: sa.Connection) -> float:
    """Seconds since 1970 when a transaction began, by the clock that all go by who share the database: its server's, or
    for a file this machine's."""
    return float(db.info.get(CLOCK) or time.time())


def write_ahead(connection: sqlite3.Connection, patience_s: float = 60.0) -> None:
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


def upgrade(db: sa.Connection, meta: sa.MetaData) -> set[str]:
    """Make the tables that are missing and add the columns that a database from before lacks; returns those,
    as `table.column`. A new column is nullable or has a server default."""
    known = sa.inspect(db)
    older = {
        t.name: {c["name"] for c in known.get_columns(t.name)} for t in meta.tables.values() if known.has_table(t.name)
    }
    meta.create_all(db)
    added = set()
    for name, columns in older.items():
        for column in meta.tables[name].columns:
            if column.name not in columns:
                ddl = sa.schema.CreateColumn(column).compile(dialect=db.dialect)
                db.execute(sa.text(f"ALTER TABLE {name} ADD COLUMN {ddl}"))
                added.add(f"{name}.{column.name}")
    return added
