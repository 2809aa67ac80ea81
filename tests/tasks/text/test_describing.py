"""Samples described at once, when the service stays away or the budget is used up."""

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from annotation.asking import batches
from annotation.asking.ask import Asker, OverBudget
from annotation.asking.ledger import spending
from annotation.asking.sessions import asking
from annotation.models.providers import Request, Transient
from schemas.captions import Caption
from schemas.errors import WorkerError
from tasks.text.describing import GIVE_UP, described
from tests.annotation.models.standin import Reply, openai_answer, standin


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


@pytest.mark.parametrize(("budget", "enough"), [(0.03, True), (0.012, False)])
def test_a_cap_is_reached_when_batches_are_paid_not_when_they_are_sent(
    budget: float, enough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten answers may cost 0.06 USD, and cost 0.013: what batches do not use up is there for the others."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    monkeypatch.setattr(batches, "FIRST_POLL_S", 0.01)
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"

    async def outcomes(server: str) -> list[Any]:
        want = Caption(provider="openai", base_url=server, budget_usd=budget, batch=True, candidates=4, concurrent=8)
        async with asking(want, url, tmp_path) as asker:

            async def describe(item: int) -> list[int]:
                asked = Request("gpt-4o", "Be plain." * 100, "What is it?", "open", item, 0.9, 1000)
                await asker.ask(asked, np.random.default_rng(item))
                return [item]

            async with aclosing(described(lambda: range(10), describe, want, asker)) as found:
                return [outcome async for _, outcome in found]

    with standin(lambda n, body: Reply(openai_answer())) as server:
        if enough:
            assert asyncio.run(outcomes(server.url)) == [[n] for n in range(10)]
        else:
            with pytest.raises(OverBudget, match=r"0\.012 USD do not cover the next request"):
                asyncio.run(outcomes(server.url))
        assert spending(url).answers == len(server.requests) == (10 if enough else 5)
    assert spending(url).reserved == 0
