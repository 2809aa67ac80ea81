"""Asking in batches against the stand-in's batch interface: paid once, found again, failures with reasons."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from annotation.asking import batchbook, batches, owners, tables
from annotation.asking.ask import Asker, OverBudget, Paid
from annotation.asking.batches import BatchAsker, Waiting
from annotation.asking.ledger import Ledger
from annotation.asking.operations import Release, Reserve, Settle
from annotation.asking.sessions import asking, interface
from annotation.asking.tables import requests
from annotation.models.batch import Result
from annotation.models.prices import USD, Price
from annotation.models.providers import Answer, Request, Transient, opened
from schemas.captions import Caption
from schemas.errors import BadInput, DefectoryError
from tests.annotation.models.standin import Reply, StandIn, gemini_answer, openai_answer, openai_error, standin

KEY = "sk-very-secret-0123456789"
PROVIDERS = {"openai": ("gpt-4o", openai_answer), "gemini": ("gemini-2.5-flash", gemini_answer)}
PRICE = Price(10.0, 10.0, 800, batch=0.5)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("GEMINI_API_KEY", KEY)
    monkeypatch.setattr("annotation.asking.ask.BACKOFF_S", 0.001)
    monkeypatch.setattr(batches, "FIRST_POLL_S", 0.01)


@pytest.fixture
def book(tmp_path: Path) -> Ledger:
    return Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}")


def request(provider: str, n: int, image: bytes = b"\xff\xd8jpeg") -> Request:
    return Request(PROVIDERS[provider][0], "Be plain.", "What is it?", "open", n, 0.9, 300, (image,))


@asynccontextmanager
async def asker(provider: str, url: str, book: Ledger, folder: Path, cap: float = 10.0) -> AsyncIterator[BatchAsker]:
    async with opened(provider, url) as p:
        made = BatchAsker(
            p, book, PRICE.batched, round(cap * USD), interface=interface(p), spool=folder / "spool",
        )  # fmt: skip
        try:
            yield made
        finally:
            await made.close()


async def rounds(asker: BatchAsker, asked: list[Request]) -> list[Paid | Exception]:
    """What a stage does: ask, let the batches come, ask again."""
    while True:
        found = await asyncio.gather(*(asker.ask(r, np.random.default_rng(0)) for r in asked), return_exceptions=True)
        if not any(isinstance(f, Waiting) for f in found):
            return [f for f in found if isinstance(f, Paid | Exception)]
        await asker.finish()


def run(
    provider: str, server: StandIn, book: Ledger, folder: Path, count: int = 6, cap: float = 10.0,
    change: Callable[[BatchAsker], None] = lambda a: None,
) -> list[Paid | Exception]:  # fmt: skip
    async def whole() -> list[Paid | Exception]:
        async with asker(provider, server.url, book, folder, cap) as made:
            change(made)
            return await rounds(made, [request(provider, n) for n in range(count)])

    return asyncio.run(whole())


async def submitted(provider: str, url: str, book: Ledger, folder: Path) -> None:
    """Six requests in a batch, and the end of whoever sent it."""
    async with asker(provider, url, book, folder) as made:
        for n in range(6):
            with pytest.raises(Waiting):
                await made.ask(request(provider, n), np.random.default_rng(0))
        made._dispatch(next(iter(made._filling.values())))
        await asyncio.gather(*made._sending)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_batch_answers_at_half_price_and_is_never_sent_twice(provider: str, book: Ledger, tmp_path: Path) -> None:
    answer = PROVIDERS[provider][1]
    with standin(lambda n, body: Reply(answer(f"It is {n}."))) as server:
        found = run(provider, server, book, tmp_path)
        again = run(provider, server, book, tmp_path)
        assert (len(server.requests), len(server.desk.jobs)) == (6, 1)
    assert found == again
    assert {f.answer.text for f in found if isinstance(f, Paid)} == {f"It is {n}." for n in range(6)}
    assert {f.cost for f in found if isinstance(f, Paid)} == {round((900 + 40) * 5 * USD / 1e6)}
    spending = book.spending()
    assert (spending.answers, spending.reserved, spending.lost, spending.tokens) == (6, 0, 0, 6 * 940)
    assert not list((tmp_path / "spool").iterdir())


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_ledger_says_how_a_batch_stood_when_it_was_last_seen(provider: str, book: Ledger, tmp_path: Path) -> None:
    answer = PROVIDERS[provider][1]
    with standin(lambda n, body: Reply(answer())) as server:
        asyncio.run(submitted(provider, server.url, book, tmp_path))
        (sent,) = batchbook.submitted(book)
        assert (sent.status, sent.model, sent.size, sent.state) == ("sent", PROVIDERS[provider][0], 6, None)
        assert sent.sent_at is not None and sent.seen_at is None
        run(provider, server, book, tmp_path)
    (ended,) = batchbook.submitted(book)
    said, done = {"openai": ("completed", 6), "gemini": ("succeeded", None)}[provider]
    assert (ended.status, ended.state, ended.done, ended.sent_at) == ("done", said, done, sent.sent_at)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_is_sent_is_what_is_sent_online(provider: str, book: Ledger, tmp_path: Path) -> None:
    """The same question to the same model, picture and all; and the same row in the ledger."""
    answer = PROVIDERS[provider][1]
    with standin(lambda n, body: Reply(answer("It is."))) as server:
        run(provider, server, book, tmp_path, count=1)
        (line,) = server.requests

        async def online(book: Ledger) -> Paid:
            async with opened(provider, server.url) as p:
                return await Asker(p, book, PRICE, USD).ask(request(provider, 0), np.random.default_rng(0))

        known = asyncio.run(online(book))
        assert known.answer.text == "It is." and len(server.requests) == 1
        asyncio.run(online(Ledger(f"sqlite:///{tmp_path / 'other.sqlite'}")))
        sent = server.requests[1]
    if provider == "openai":
        assert {k: line[k] for k in ("model", "messages", "temperature", "max_tokens")} == {
            k: sent[k] for k in ("model", "messages", "temperature", "max_tokens")
        }
    else:
        assert line["generationConfig"].pop("thinkingConfig") == {"thinkingBudget": 0}
        assert sent["generationConfig"].pop("thinkingConfig") == {"thinking_budget": 0}  # both spellings are taken
        assert line["generationConfig"] == {k: v for k, v in sent["generationConfig"].items() if v is not None}
        assert line["systemInstruction"]["parts"] == sent["systemInstruction"]["parts"]
        assert line["contents"][0]["parts"][0] == sent["contents"][0]["parts"][0]


def test_batches_are_split_by_count_and_by_bytes(book: Ledger, tmp_path: Path) -> None:
    def limits(**values: int) -> Callable[[BatchAsker], None]:
        return lambda a: [setattr(a.interface, k, v) for k, v in values.items()] and None

    with standin(lambda n, body: Reply(openai_answer())) as server:
        run("openai", server, book, tmp_path, 7, change=limits(most_requests=3))
        assert [len(j.lines) for j in server.desk.jobs] == [3, 3, 1]
        other = Ledger(f"sqlite:///{tmp_path / 'other.sqlite'}")
        run("openai", server, other, tmp_path, 7, change=limits(most_bytes=5000))
        assert sum(len(j.lines) for j in server.desk.jobs[3:]) == 7
        assert len(server.desk.jobs) > 4
        assert max(len(server.desk.files[f]) for f in server.desk.files if f.startswith("file")) < 5000


@pytest.mark.parametrize("provider", PROVIDERS)
def test_lines_that_fail_are_asked_again_or_get_a_reason(provider: str, book: Ledger, tmp_path: Path) -> None:
    answer = PROVIDERS[provider][1]

    def script(n: int, body: dict[str, Any]) -> Reply:
        if n == 2:
            return Reply(openai_error("bad image"), 400)
        return Reply(openai_error("oops"), 500) if n in (1, 4) else Reply(answer())

    with standin(script) as server:
        found = run(provider, server, book, tmp_path)
        assert [len(j.lines) for j in server.desk.jobs] == [6, 2]
    (reason,) = [str(f) for f in found if isinstance(f, BadInput)]
    assert reason.endswith("refused this request (400); try another model")
    assert sum(isinstance(f, Paid) for f in found) == 5
    assert (book.spending().answers, book.spending().reserved, book.spending().lost) == (5, 0, 0)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_batch_that_expires_keeps_what_it_has_and_the_rest_is_asked_again(
    provider: str, book: Ledger, tmp_path: Path
) -> None:
    answer = PROVIDERS[provider][1]
    with standin(lambda n, body: Reply(answer())) as server:
        server.desk.expires_after = 4
        found = run(provider, server, book, tmp_path)
        assert [len(j.lines) for j in server.desk.jobs] == [6, 2]
        assert len(server.requests) == 6
    assert all(isinstance(f, Paid) for f in found)


def test_what_always_expires_is_given_up(book: Ledger, tmp_path: Path) -> None:
    with standin(lambda n, body: Reply(openai_answer())) as server:
        server.desk.expires_after = 0
        found = run("openai", server, book, tmp_path, 2)
    assert all(isinstance(f, Transient) and "given up after 5 tries" in str(f) for f in found)
    assert book.spending().reserved == 0


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_confirmation_that_is_lost_submits_nothing_twice(provider: str, book: Ledger, tmp_path: Path) -> None:
    answer = PROVIDERS[provider][1]
    with standin(lambda n, body: Reply(answer())) as server:
        server.desk.drops = 1
        found = run(provider, server, book, tmp_path)
        assert (len(server.requests), len(server.desk.jobs)) == (6, 1)
    assert all(isinstance(f, Paid) for f in found)


def test_what_another_build_asks_online_is_waited_for_in_peace(
    book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, asked, waits = Ledger(str(book._engine.url)), request("openai", 0), []

    async def wait(seconds: float) -> None:
        waits.append(seconds)
        other.apply([Settle(key, Answer("It is small.", "stop"), 5)])

    with standin(lambda n, body: Reply(openai_answer())) as server:
        key = asked.key("openai", server.url)
        other.apply([Reserve(key, "openai", "gpt-4o", 0, 10, 10**9)])
        (found,) = run("openai", server, book, tmp_path, 1, change=lambda a: setattr(a, "sleep", wait))
        assert not server.requests
    assert isinstance(found, Paid) and waits == [batches.FIRST_POLL_S]


def refuse(server: StandIn, method: str, ending: str, status: int) -> None:
    """Requests of this method to paths that end so are answered with `status`."""
    handle = server.desk.handle

    def handled(asked: str, path: str, headers: Any, body: bytes) -> Any:
        if asked == method and path.split("?")[0].endswith(ending):
            return status, {"content-type": "application/json"}, b"{}"
        return handle(asked, path, headers, body)

    server.desk.handle = handled  # type: ignore[method-assign]


@pytest.mark.parametrize("status", [401, 404])
def test_a_batch_of_which_nobody_can_tell_whether_it_arrived_is_kept(
    status: int, book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its confirmation was lost, and the look for it is refused: it may be there, and must not be sent again."""
    monkeypatch.setattr(batches, "GRACE_S", 0.05)
    with standin(lambda n, body: Reply(openai_answer())) as server:
        server.desk.drops, handle = 1, server.desk.handle
        refuse(server, "GET", "/batches", status)
        with pytest.raises(Transient, match=r"whether batch defectory-.* arrived is not known"):
            run("openai", server, book, tmp_path)
        server.desk.handle = handle  # type: ignore[method-assign]
        found = run("openai", server, book, tmp_path)
        assert (len(server.requests), len(server.desk.jobs)) == (6, 1)
    assert all(isinstance(f, Paid) for f in found)


@pytest.mark.parametrize("status", [400, 404])
def test_a_batch_that_cannot_be_cancelled_any_more_is_waited_for(status: int, book: Ledger, tmp_path: Path) -> None:
    async def online(url: str) -> Paid:
        want = Caption(provider="openai", model="gpt-4o", base_url=url, budget_usd=10)
        async with asking(want, str(book._engine.url), tmp_path / "spool") as made:
            return await made.ask(request("openai", 0), np.random.default_rng(0))

    with standin(lambda n, body: Reply(openai_answer())) as server:
        server.desk.looks = 3
        asyncio.run(submitted("openai", server.url, book, tmp_path))
        refuse(server, "POST", "/cancel", status)
        assert isinstance(asyncio.run(online(server.url)), Paid)
        assert len(server.requests) == 6
    assert (book.spending().answers, book.spending().lost) == (6, 0)


@pytest.mark.parametrize("arrived", [True, False])
def test_a_process_killed_while_it_sends_is_made_up_for(
    arrived: bool, book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its batch is found again by its name; one that never arrived is given up after a while, at no cost."""

    async def killed(url: str) -> None:
        async with asker("openai", url, book, tmp_path) as made:
            for n in range(6):
                with pytest.raises(Waiting):
                    await made.ask(request("openai", n), np.random.default_rng(0))
            (filling,) = made._filling.values()
            batchbook.mark(book, filling.name, "sending")
            if arrived:
                await made._batches.send(filling.name, filling.model, filling.file)
            made._filling.clear()  # and nothing more: kill -9

    with standin(lambda n, body: Reply(openai_answer())) as server:
        asyncio.run(killed(server.url))
        monkeypatch.setattr("annotation.asking.owners.alive", lambda owner, since: False)
        monkeypatch.setattr(batches, "GRACE_S", 0.05)
        found = run("openai", server, Ledger(str(book._engine.url)), tmp_path)
        assert (len(server.requests), len(server.desk.jobs)) == (6, 1)
    assert all(isinstance(f, Paid) for f in found)
    assert (book.spending().lost, book.spending().answers) == (0, 6)


def test_two_builds_at_once_share_a_batch(book: Ledger, tmp_path: Path) -> None:
    other = Ledger(str(book._engine.url))

    async def both(url: str) -> list[list[Paid | Exception]]:
        asked = [request("openai", n) for n in range(8)]
        async with asker("openai", url, book, tmp_path) as a, asker("openai", url, other, tmp_path / "b") as b:
            return await asyncio.gather(rounds(a, asked), rounds(b, asked[::-1]))

    with standin(lambda n, body: Reply(openai_answer())) as server:
        one, two = asyncio.run(both(server.url))
        assert len(server.requests) == 8
    assert one == two[::-1]
    assert all(isinstance(f, Paid) for f in one)


def test_a_living_build_keeps_its_batches_however_long_they_take(
    book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is uploaded, and the next waits for that, while another build asks the same and an online one begins."""
    monkeypatch.setattr(owners, "LEASE_S", 0.0)
    where, asked = str(book._engine.url), [request("openai", n) for n in range(10)]

    async def three(url: str) -> list[list[Paid | Exception]]:
        async with asker("openai", url, book, tmp_path) as a, asker("openai", url, Ledger(where), tmp_path / "b") as b:
            assert a.interface is not None
            a.interface.most_requests, send, others_asked = 5, a.interface.send, asyncio.Event()

            async def slow(*given: Any) -> str:
                await others_asked.wait()
                return await send(*given)

            async def late() -> list[Paid | Exception]:
                for r in asked:
                    with pytest.raises(Waiting):
                        await b.ask(r, np.random.default_rng(0))
                await b._collect()  # where it would find what a dead build left
                async with asking(Caption(provider="openai", base_url=url, budget_usd=9), where, tmp_path / "c"):
                    others_asked.set()
                return await rounds(b, asked)

            monkeypatch.setattr(a.interface, "send", slow)
            first = asyncio.create_task(rounds(a, asked))
            while [s.status for s in batchbook.submitted(book)] != ["sending"] or len(a._sending) < 2:
                await asyncio.sleep(0.01)
            return [await late(), await first]

    with standin(lambda n, body: Reply(openai_answer())) as server:
        one, two = asyncio.run(three(server.url))
        assert [len(j.lines) for j in server.desk.jobs] == [5, 5]
        assert len(server.requests) == 10
    assert one == two and all(isinstance(f, Paid) for f in one)


def test_a_build_on_another_machine_shows_that_it_lives(
    book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it goes over its samples, and nothing else becomes of its batch."""
    monkeypatch.setattr(owners, "BEAT_S", 0.05)

    def touched() -> float:
        with book.transaction() as db:
            return db.execute(sa.select(tables.batches.c.touched_at)).scalar_one()

    async def silent(url: str) -> None:
        want = Caption(provider="openai", model="gpt-4o", base_url=url, budget_usd=9, batch=True)
        async with asking(want, str(book._engine.url), tmp_path) as made:
            with pytest.raises(Waiting):
                await made.ask(request("openai", 0), np.random.default_rng(0))
            before = touched()
            while touched() == before:
                await asyncio.sleep(0.01)

    with standin(lambda n, body: Reply(openai_answer())) as server:
        asyncio.run(asyncio.wait_for(silent(server.url), 60))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_submission_that_arrives_late_is_found_and_not_sent_again(
    provider: str, book: Ledger, tmp_path: Path
) -> None:
    """Its confirmation is lost, and the provider lists it only at the fourth look."""
    answer = PROVIDERS[provider][1]

    def late(made: BatchAsker) -> None:
        assert made.interface is not None
        looks, find = iter(range(10)), made.interface.find

        async def slow(name: str) -> str | None:
            return await find(name) if next(looks) > 2 else None

        made.interface.find = slow  # type: ignore[method-assign]

    with standin(lambda n, body: Reply(answer())) as server:
        server.desk.drops = 1
        found = run(provider, server, book, tmp_path, change=late)
        assert (len(server.requests), len(server.desk.jobs)) == (6, 1)
    assert all(isinstance(f, Paid) for f in found)


def test_an_online_build_takes_over_a_batch_whose_build_is_stopped_meanwhile(
    book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Until then it waits for it, and says so once."""
    monkeypatch.setattr("annotation.asking.ask.POLL_S", 0.01)
    where = str(book._engine.url)

    async def stopped(url: str) -> list[Paid]:
        want = Caption(provider="openai", model="gpt-4o", base_url=url, budget_usd=9)
        async with asker("openai", url, book, tmp_path) as batched:
            for n in range(6):
                with pytest.raises(Waiting):
                    await batched.ask(request("openai", n), np.random.default_rng(0))
            batched._dispatch(next(iter(batched._filling.values())))
            await asyncio.gather(*batched._sending)
            async with asking(want, where, tmp_path / "online") as online:
                asked = (online.ask(request("openai", n), np.random.default_rng(n)) for n in range(6))
                answers = asyncio.gather(*asked)
                await asyncio.sleep(0.3)
                assert not answers.done()
                await batched.close()
                return await answers

    with standin(lambda n, body: Reply(openai_answer())) as server:
        server.desk.looks = 1000
        found = asyncio.run(asyncio.wait_for(stopped(server.url), 60))
        assert [r["path"] for r in server.requests] == ["batch"] * 3 + ["/chat/completions"] * 3
    assert len(found) == 6
    (said,) = caplog.messages
    assert said.endswith("which has some of the questions; end that build to ask them at once")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_results_that_cannot_be_written_down_cost_no_other(provider: str, book: Ledger, tmp_path: Path) -> None:
    """An answer to what was never asked, and one with half a character in it: that one has a reason."""
    answer = PROVIDERS[provider][1]

    def garbled(made: BatchAsker) -> None:
        assert made.interface is not None
        results = made.interface.results

        async def wrong(remote: str) -> AsyncIterator[Result]:
            bad = iter([Answer("It is.", "stop", "half of \ud83d", 900, 40)])
            yield "nobody asked", Answer("It is.", "stop", "", 900, 40)
            async for key, outcome in results(remote):
                yield key, next(bad, outcome)

        made.interface.results = wrong  # type: ignore[method-assign]

    with standin(lambda n, body: Reply(answer())) as server:
        found = run(provider, server, book, tmp_path, change=garbled)
        assert len(server.requests) == 6
    (reason,) = [str(f) for f in found if isinstance(f, BadInput)]
    assert "no database takes the text or the numbers" in reason
    assert (book.spending().answers, book.spending().reserved) == (5, 0)
    assert book.spending().lost == PRICE.batched.at_most(request(provider, 0)) / USD


def test_an_online_build_takes_over_what_a_dead_one_left_in_a_batch(
    book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cancels the batch, keeps what is answered, and asks the rest at once."""
    want = Caption(provider="openai", model="gpt-4o", budget_usd=9)

    async def online(url: str) -> list[Paid]:
        here = want.model_copy(update={"base_url": url})
        async with asking(here, str(book._engine.url), tmp_path / "online") as made:
            return [await made.ask(request("openai", n), np.random.default_rng(0)) for n in range(6)]

    with standin(lambda n, body: Reply(openai_answer())) as server:
        server.desk.looks = 1000
        asyncio.run(submitted("openai", server.url, book, tmp_path))
        monkeypatch.setattr("annotation.asking.owners.alive", lambda owner, since: False)
        found = asyncio.run(online(server.url))
        assert [r["path"] for r in server.requests] == ["batch"] * 3 + ["/chat/completions"] * 3
    assert len(found) == 6
    assert (book.spending().answers, book.spending().reserved) == (6, 0)


def test_the_next_try_of_a_process_waits_for_no_lease(book: Ledger, tmp_path: Path) -> None:
    """A stage that failed is tried again by the same process, which is alive: its batches are nobody's meanwhile."""
    with standin(lambda n, body: Reply(openai_answer())) as server:
        asyncio.run(submitted("openai", server.url, book, tmp_path))
        again = Ledger(str(book._engine.url))
        assert [b.status for b in batchbook.mine(again, "openai", server.url)] == ["sent"]
        assert all(isinstance(f, Paid) for f in run("openai", server, again, tmp_path))
        assert len(server.requests) == 6


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_service_that_is_away_is_waited_for(
    provider: str, book: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = PROVIDERS[provider][1]
    with standin(lambda n, body: Reply(answer())) as server:
        asyncio.run(submitted(provider, server.url, book, tmp_path))
        with book.transaction() as db:  # its name at the provider was not yet written down
            db.execute(sa.update(tables.batches).values(status="sending", remote=None))
        server.desk.away = 3
        assert all(isinstance(f, Paid) for f in run(provider, server, book, tmp_path))
        assert len(server.requests) == 6
        asyncio.run(submitted(provider, server.url, Ledger(f"sqlite:///{tmp_path / 'b'}"), tmp_path))
        server.desk.away = 10**6
        monkeypatch.setattr(batches, "AWAY_S", 0.0)
        with pytest.raises(Transient, match="503"):
            run(provider, server, Ledger(f"sqlite:///{tmp_path / 'b'}"), tmp_path)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_result_that_cannot_be_read_is_asked_for_again_and_counts_as_lost(
    provider: str, book: Ledger, tmp_path: Path
) -> None:
    answer = PROVIDERS[provider][1]

    def script(n: int, body: dict[str, Any]) -> Reply:
        server.desk.garbles = 2 if n < 6 else 0
        return Reply(answer())

    with standin(script) as server:
        found = run(provider, server, book, tmp_path)
        assert [len(j.lines) for j in server.desk.jobs] == [6, 2]
    assert all(isinstance(f, Paid) for f in found)
    lost = 2 * PRICE.batched.at_most(request(provider, 0)) / USD
    assert (book.spending().answers, book.spending().lost) == (6, pytest.approx(lost))


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_batch_of_another_account_is_given_up_only_on_demand(provider: str, book: Ledger, tmp_path: Path) -> None:
    answer = PROVIDERS[provider][1]
    with standin(lambda n, body: Reply(answer())) as server:
        asyncio.run(submitted(provider, server.url, book, tmp_path))
        server.desk.jobs.clear()
        with pytest.raises(DefectoryError, match=r"batch \S+0 is not known to this key; set the key of the account"):
            run(provider, server, book, tmp_path)
        assert book.spending().reserved > 0

        async def online() -> None:
            want = Caption(provider=provider, base_url=server.url, budget_usd=9)  # type: ignore[arg-type]
            async with asking(want, str(book._engine.url), tmp_path / "online"):
                pass

        asyncio.run(online())
    assert book.spending().reserved == 0 and book.spending().lost > 0


def test_the_cap_holds_before_anything_is_sent(book: Ledger, tmp_path: Path) -> None:
    with standin(lambda n, body: Reply(openai_answer())) as server:
        found = run("openai", server, book, tmp_path, 6, cap=3 * PRICE.batched.at_most(request("openai", 0)) / USD)
        assert not server.desk.jobs or len(server.requests) <= 3
    assert any(isinstance(f, OverBudget) for f in found)
    assert book.spending().reserved == 0


def test_a_batch_that_is_refused_stops_the_build(book: Ledger, tmp_path: Path) -> None:
    with standin(lambda n, body: Reply(openai_answer())) as server:
        server.desk.refuses = "model_not_found"
        with pytest.raises(DefectoryError, match=r"refused a batch \(model_not_found: as ordered\)") as caught:
            run("openai", server, book, tmp_path)
    assert not isinstance(caught.value, BadInput | Transient)
    assert book.spending().reserved == 0


def test_the_key_is_nowhere(book: Ledger, tmp_path: Path) -> None:
    with standin(lambda n, body: Reply(openai_error(f"bad key {KEY}"), 400 if n % 2 else 500)) as server:
        found = run("openai", server, book, tmp_path)
    assert not any(KEY in str(f) for f in found)
    with book.transaction() as db:
        notes = db.execute(sa.select(requests.c.note)).scalars().all()
    assert any("bad key ***" in (n or "") for n in notes)
    assert all(KEY.encode() not in f.read_bytes() for f in tmp_path.rglob("*") if f.is_file())


def test_rows_of_a_batch_belong_to_it(book: Ledger) -> None:
    """Nobody else releases them, and whoever asks is told where the answer will come from."""
    name = batchbook.begin(book, "openai", "here", "m")
    ask = Reserve("k", "openai", "m", 0, 5, 100, 7, 0, name)
    book.apply([ask, Release("k", True, "not mine")])
    assert [getattr(o, "batch", None) for o in Ledger(str(book._engine.url)).apply([ask])] == [name]
    assert batchbook.close(book, name, False, "over") == ["k"]
    assert (book.spending().reserved, book.spending().tokens) == (0, 0)
