"""The batches of a ledger: written down before they are sent, so that a killed process finds them again.

A batch is *filling* (requests are reserved for it), *sending* (it may have arrived at the provider),
*sent* (the provider's name for it is known) and *done* (every request of it is settled or released).
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import sqlalchemy as sa

from annotation.asking import owners
from annotation.asking.database import now
from annotation.asking.ledger import Ledger
from annotation.asking.operations import Release
from annotation.asking.tables import BATCH, batches, requests
from annotation.models.batch import State
from schemas.errors import DefectoryError


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
    size: int | None
    """Requests in it, once it is sent; None, like the other facts, in a ledger from before."""
    sent_at: float | None
    """Seconds since 1970."""
    state: str | None
    """The provider's word for it when it was last seen there."""
    done: int | None
    """Requests that had ended then; None where the provider does not say."""
    seen_at: float | None


def begin(book: Ledger, provider: str, place: str, model: str) -> str:
    """Write a new batch down; its name, which is told to the provider, too."""
    name = f"defectory-{os.urandom(12).hex()}"
    with book.transaction() as db:
        db.execute(
            batches.insert().values(
                name=name, provider=provider, place=place, model=model, status="filling", owner=book.owner,
                touched_at=now(db),
            )
        )  # fmt: skip
    return name


@contextmanager
def tended(book: Ledger) -> Iterator[None]:
    """Gives signs of life of this process's open batches as long as this lasts, whatever else it is busy with: to other
    machines, a batch that is filled, queued, uploaded or waited for in silence is one that was left behind."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(owners.BEAT_S):
            with suppress(DefectoryError):  # whoever asks meets the same; the next beat may succeed
                touch(book)

    beats = threading.Thread(target=beat, daemon=True)
    beats.start()
    try:
        yield
    finally:
        over.set()
        beats.join()


def touch(book: Ledger) -> None:
    """A sign of life of the open batches of this process."""
    with book.transaction() as db:
        held = (batches.c.owner == book.owner, batches.c.status != "done")
        db.execute(batches.update().where(*held).values(touched_at=now(db)))


def sending(book: Ledger, name: str, size: int) -> bool:
    """Write down that a batch may arrive at the provider from now on; False if it must not, since this process was
    taken for dead and others ask by now what is in it."""
    with book.transaction() as db:
        ours = (batches.c.name == name, batches.c.owner == book.owner, batches.c.status == "filling")
        values = {"status": "sending", "size": size, "sent_at": now(db), "touched_at": now(db)}
        return db.execute(batches.update().where(*ours).values(**values)).rowcount == 1


def mark(book: Ledger, name: str, status: str, **facts: str | float) -> None:
    with book.transaction() as db:
        values = {"status": status, "touched_at": now(db), **facts}
        db.execute(batches.update().where(batches.c.name == name).values(**values))


def saw(book: Ledger, name: str, state: State) -> None:
    """Write down how a batch stands at the provider."""
    with book.transaction() as db:
        values = {"state": state.said, "done": state.done, "seen_at": now(db)}
        db.execute(batches.update().where(batches.c.name == name).values(**values))


def submitted(book: Ledger) -> list[Batch]:
    """All batches that were ever sent, the latest last; none of a ledger from before that was not opened since."""
    with book.transaction() as db:
        here = sa.inspect(db)
        if not here.has_table(batches.name) or "sent_at" not in {c["name"] for c in here.get_columns(batches.name)}:
            return []
        sent = sa.select(batches).where(batches.c.remote.is_not(None) | (batches.c.status == "sending"))
        return [Batch(**row) for row in db.execute(sent.order_by(batches.c.sent_at)).mappings()]


def mine(book: Ledger, provider: str, place: str) -> list[Batch]:
    """The open batches at a provider that this process looks after, those that a dead one left behind among them."""
    with book.transaction() as db:
        at = (batches.c.provider == provider, batches.c.place == place, batches.c.status != "done")
        found = [Batch(**row) for row in db.execute(sa.select(batches).where(*at)).mappings()]
        left = [b for b in found if b.owner == book.owner or not owners.alive(b.owner, now(db) - b.touched_at)]
        names = [b.name for b in left]
        taken = batches.update().where(batches.c.name.in_(names))
        db.execute(taken.values(owner=book.owner, touched_at=now(db)))
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
