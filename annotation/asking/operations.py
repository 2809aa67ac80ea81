"""What is asked of a ledger, and what comes of it."""

from dataclasses import dataclass, field

from annotation.models.providers import Answer


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
    tokens: int = 0
    """The most tokens, in and out, that it may take."""
    token_cap: int = 0
    """The same limit in tokens; 0 for none."""
    batch: str = ""
    """Name of the batch that it waits in; empty for one that is sent at once."""
    unfit: Answer | None = None
    """An answer that is there but of no use: anew, but for this one. What it cost then counts as lost."""


@dataclass(frozen=True)
class Settle:
    key: str
    answer: Answer
    cost: int | None
    """Nano-dollars; None where the provider gave no counts: as much as was reserved."""
    tokens: int | None = 0
    """In and out; None likewise."""
    batch: str = ""
    """The batch that answered."""


@dataclass(frozen=True)
class Release:
    """The try failed. `lost`: it may have been billed, so its cost stays counted."""

    key: str
    lost: bool
    note: str
    batch: str = ""


Operation = Reserve | Settle | Release


@dataclass(frozen=True)
class Known:
    """The answer is there already; `cost` is what it cost when it was bought, nano-dollars."""

    answer: Answer
    cost: int


@dataclass(frozen=True)
class Reserved:
    """Go and ask; nobody else will. `tries`: how often this was begun, this time included."""

    tries: int = field(default=1, compare=False)


@dataclass(frozen=True)
class Busy:
    """Somebody alive is asking at this moment, or a batch is to answer; look again later."""

    batch: str = ""
    holder: str = field(default="", compare=False)
    """Who sees to that batch, for people; empty where nobody alive does."""


@dataclass(frozen=True)
class OverCap:
    committed: int
    tokens: int = 0


@dataclass(frozen=True)
class Done:
    """A Settle or Release was written; `kept` is False when another process had taken the request over."""

    kept: bool


Outcome = Known | Reserved | Busy | OverCap | Done
