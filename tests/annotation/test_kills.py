"""Builds killed at random moments against the stand-in: every answer is there in the end and was paid for once.

The short version runs with the suite; DEFECTORY_KILLS=50 kills so often, online and in batches.
"""

import asyncio
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation.asking import batches
from annotation.asking.batches import BatchAsker, Waiting
from annotation.asking.ledger import Ledger
from annotation.asking.sessions import asking, cost_of
from annotation.models.providers import Request
from schemas.captions import Caption
from tests.annotation.models.standin import Reply, openai_answer, openai_error, standin

KILLS = int(os.environ.get("DEFECTORY_KILLS", "4"))
QUESTIONS = 120
BUDGET = 1.0


def want(url: str, batch: bool) -> Caption:
    return Caption(provider="openai", model="gpt-4o", base_url=url, budget_usd=BUDGET, batch=batch, concurrent=8)


def request(n: int) -> Request:
    return Request("gpt-4o", "Be plain.", f"What is number {n}?", "open", 0, 0.9, 60)


async def build(url: str, folder: Path, batch: bool) -> int:
    """Ask everything; how many answers there are."""
    batches.FIRST_POLL_S = 0.02  # type: ignore[misc]
    batches.GRACE_S = 0.3  # type: ignore[misc]
    async with asking(want(url, batch), f"sqlite:///{folder / 'ledger.sqlite'}", folder / "spool") as asker:
        if isinstance(asker, BatchAsker) and asker.interface is not None:
            asker.interface.most_requests = 25
        while True:
            asked = (asker.ask(request(n), np.random.default_rng(n)) for n in range(QUESTIONS))
            found = await asyncio.gather(*asked, return_exceptions=True)
            wrong = [f for f in found if isinstance(f, BaseException) and not isinstance(f, Waiting)]
            if wrong:
                raise wrong[0]
            if not any(isinstance(f, Waiting) for f in found):
                return len(found)
            assert isinstance(asker, BatchAsker)
            await asker.finish()


def child(url: str, folder: Path, batch: bool) -> None:
    asyncio.run(build(url, folder, batch))


@pytest.mark.parametrize("batch", [False, True], ids=["online", "batch"])
def test_kills_at_random_moments(batch: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Online, an answer that was on its way when its process died may have been billed: its cost counts as lost, and
    it is asked for again. In a batch nothing is ever asked for twice."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-0123456789")
    rng = np.random.default_rng(KILLS)
    context = multiprocessing.get_context("fork")

    def script(n: int, body: dict[str, Any]) -> Reply:
        if not batch and n % 17 == 5:
            return Reply(openai_error("slow down"), 429, {"retry-after": "0"})
        return Reply(openai_answer(f"It is {n}."), delay_s=0.0 if batch else 0.05)

    with standin(script) as server:
        kills = 0
        while kills < KILLS:
            process = context.Process(target=child, args=(server.url, tmp_path, batch))
            process.start()
            time.sleep(float(rng.uniform(0.02, 1.0)) ** 2 * 1.5)
            if process.is_alive():
                process.kill()
            process.join()
            kills += 1
            spending = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}").spending()
            assert spending.spent + spending.lost + spending.reserved <= BUDGET
        assert asyncio.run(build(server.url, tmp_path, batch)) == QUESTIONS
        asked = len(server.requests)
        assert asyncio.run(build(server.url, tmp_path, batch)) == QUESTIONS
        assert len(server.requests) == asked  # what is there is never asked for again
        spending = Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}").spending()
        assert (spending.answers, spending.reserved) == (QUESTIONS, 0)
        each = (900 * 2.5 + 40 * 10) / 1e6 * (0.5 if batch else 1)
        assert spending.spent == pytest.approx(QUESTIONS * each)
        if batch:
            assert len(server.requests) == QUESTIONS and spending.lost == 0
        else:
            refused = sum(n % 17 == 5 for n in range(asked))
            assert asked - refused - QUESTIONS <= 8 * KILLS  # no more than were under way at each kill
            cost = cost_of(want(server.url, batch))
            aside = [cost.of(*cost.tokens(request(n))) / 1e9 for n in range(QUESTIONS)]  # what a reservation holds
            assert (asked - refused - QUESTIONS) * min(aside) <= spending.lost + 1e-9 <= 8 * KILLS * max(aside)
