"""Streams of work that are interrupted: what is under way comes to its end first."""

import asyncio

import pytest

from annotation.asking.streams import ordered


def test_an_interrupt_waits_for_all_that_is_under_way_the_one_waited_for_too() -> None:
    begun, ended = [], []

    async def work(item: int) -> None:
        begun.append(item)
        await asyncio.sleep(0.02 if item else 0.06)
        ended.append(item)

    async def interrupted() -> list[int]:
        async def all_of_them() -> None:
            async for _ in ordered(range(100), work, 4, lambda error: True):
                pass

        task = asyncio.create_task(all_of_them())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return list(ended)  # at that moment

    assert asyncio.run(interrupted()) == [1, 2, 3, 0]
    assert begun == [0, 1, 2, 3]
