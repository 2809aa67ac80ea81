"""What the batch interfaces of providers have in common: a file of requests, a name, and results some hours later."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from annotation.models.providers import Answer, Request
from schemas.errors import DefectoryError

Result = tuple[str, Answer | DefectoryError]
"""Key of a request, and its answer or what `Provider.answer` would have raised. No key: a line that cannot be read."""


@dataclass(frozen=True)
class State:
    ended: bool
    """Nothing more will come: done, failed, expired or cancelled."""
    note: str = ""
    """Why all of it failed, in the provider's words; empty otherwise."""
    busy: bool = False
    """It failed because too much is waiting already: the same batch may be taken later."""
    said: str = ""
    """The provider's word for it, in small letters."""
    done: int | None = None
    """Requests of it that have ended, one way or another; None where the provider does not say."""


class Batches(Protocol):
    """The methods raise what `Provider.answer` raises."""

    most_requests: int
    most_bytes: int
    """Of one batch file."""

    def line(self, key: str, request: Request) -> bytes:
        """One line of a batch file, without its end."""
        ...

    async def send(self, name: str, model: str, file: Path) -> str:
        """Upload and submit under our name; the provider's own name for the batch."""
        ...

    async def find(self, name: str) -> str | None:
        """The provider's name for the batch that was submitted under our `name`, if it was."""
        ...

    async def state(self, remote: str) -> State: ...

    def results(self, remote: str) -> AsyncIterator[Result]:
        """Of a batch that has ended: what there is, failures among it, in any order."""
        ...

    async def cancel(self, remote: str) -> None:
        """What is answered until then stays available."""
        ...


def room(request: Request) -> int:
    """Bytes that the line of a request cannot exceed."""
    text = len(request.system) + len(request.prompt) + (len(str(request.schema)) if request.schema else 0)
    return 12 * text + sum(4 * (len(i) // 3 + 1) + 200 for i in request.images) + 2000
