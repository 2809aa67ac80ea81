"""The batches of a ledger: written down before they are sent, so that a killed process finds them again.

A batch is *filling* (requests are reserved for it), *sending* (it may have arrived at the provider),
*sent* (the provider's name for it is known) and *done* (every request of it is settled or released).
"""

import os
import time
from dataclasses import dataclass

import sqlalchemy as sa

from annotation.asking import owners
from annotation.asking.ledger import Ledger
from annotation.asking.operations import Release
from annotation.asking.tables import BATCH, batches, requests


@dataclass(frozen=True)
class Batch:
    name: str
    provider: str
    place: str
    model: str
    status: str
    remote: str | None
    owner: str
    touched_at: float


def begin(book: Ledger, provider: str, place: str, model: str) -> str:
    """Write a new batch down; its name, which is told to the provider, too."""
    name = f"defectory-{os.urandom(12).hex()}"
    with book.transaction() as db:
        db.execute(
            batches.insert().values(
                name=name, provider=provider, place=place, model=model, status="filling", owner=book.owner,
                touched_at=time.time(),
            )
        )  # fmt: skip
    return name


def mark(book: Ledger, name: str, status: str, remote: str | None = None) -> None:
    with book.transaction() as db:
        values = {"status": status, "touched_at": time.time(), **({"remote": remote} if remote else {})}
        db.execute(batches.update().where(batches.c.name == name).values(**values))


def mine(book: Ledger, provider: str, place: str) -> list[Batch]:
    """The open batches at a provider that this process looks after, those that a dead one left behind among them."""
    with book.transaction() as db:
        at = (batches.c.provider == provider, batches.c.place == place, batches.c.status != "done")
        found = [Batch(**row) for row in db.execute(sa.select(batches).where(*at)).mappings()]
        left = [b for b in found if b.owner == book.owner or not owners.alive(b.owner, b.touched_at)]
        # The age of one that was being sent stays: its sender may have been killed while the request was on its way.
        for b in left:
            age = {} if b.status == "sending" else {"touched_at": time.time()}
            db.execute(batches.update().where(batches.c.name == b.name).values(owner=book.owner, **age))
    return left


def leave(book: Ledger) -> None:
    """Let go of the open batches: this process lives on, but looks after them no more unless it comes back."""
    with book.transaction() as db:
        held = (batches.c.owner == book.owner, batches.c.status != "done")
        db.execute(batches.update().where(*held).values(owner=owners.NOBODY))


def closed(book: Ledger, names: set[str]) -> set[str]:
    """Those of `names` whose results are all in the ledger."""
    with book.transaction() as db:
        asked = sa.select(batches.c.name).where(batches.c.name.in_(names), batches.c.status == "done")
        return set(db.execute(asked).scalars())


def close(book: Ledger, name: str, lost: bool, note: str) -> list[str]:
    """Release what the batch left unanswered, and be done with it; the keys of that."""
    with book.transaction() as db:
        of = (requests.c.owner == BATCH + name, requests.c.status == "reserved")
        keys = list(db.execute(sa.select(requests.c.key).where(*of)).scalars())
        for key in keys:
            book.carry_out(db, Release(key, lost, note, name))
        db.execute(batches.update().where(batches.c.name == name).values(status="done"))
    return keys
