"""Samples described at once, when the service stays away."""

import asyncio
from contextlib import aclosing
from typing import Any, cast

import pytest

from annotation.asking.ask import Asker
from annotation.models.providers import Transient
from schemas.captions import Caption
from schemas.errors import WorkerError
from tasks.text.describing import GIVE_UP, described


def test_what_is_under_way_when_the_others_are_left_comes_to_its_end() -> None:
    """Their answers are on the way, and will be paid for: whoever asked must not close the connections before."""
    ended: list[int] = []

    async def describe(item: int) -> list[int]:
        if item < GIVE_UP:
            raise Transient("x: 503", billed=False)
        await asyncio.sleep(0.05)
        ended.append(item)
        return [item]

    async def outcomes() -> list[Any]:
        stream = described(lambda: range(1000), describe, Caption(candidates=4, concurrent=16), cast(Asker, None))
        async with aclosing(stream) as found:
            return [outcome async for outcome in found]

    async def main() -> int:
        with pytest.raises(WorkerError, match="64 of 64 samples that were tried have no description"):
            await outcomes()
        return len(ended)  # at that moment

    assert asyncio.run(main()) == 8
