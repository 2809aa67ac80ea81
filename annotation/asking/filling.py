"""A batch that requests are still added to: a file on disk, and how many are about to write into it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

from annotation.models.batch import Batches


@dataclass
class Filling:
    name: str
    model: str
    file: Path
    lines: int = 0
    _requests: int = 0
    """That were given room, whether or not they are written in the end."""
    _bytes: int = 0
    _writing: int = 0
    _idle: asyncio.Event = field(default_factory=asyncio.Event)

    def has_room(self, size: int, limits: Batches) -> bool:
        return self._requests < limits.most_requests and self._bytes + size <= limits.most_bytes

    def begin(self, size: int) -> None:
        """Give room to a request, which is written or not until `end`."""
        self._requests, self._bytes, self._writing = self._requests + 1, self._bytes + size, self._writing + 1
        self._idle.clear()

    def write(self, line: bytes) -> None:
        with self.file.open("ab") as file:  # no await in between: lines never mix
            file.write(line + b"\n")
        self.lines += 1

    def end(self) -> None:
        self._writing -= 1
        if not self._writing:
            self._idle.set()

    async def ended(self) -> None:
        """Wait for those that are about to write."""
        if self._writing:
            await self._idle.wait()
