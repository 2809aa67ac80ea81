"""Lanes: a connection is used again when its answer is closed, and by nobody before."""

import asyncio
from collections.abc import AsyncIterator

import httpx2
import pytest

from annotation.models.lanes import Client, Lanes


class Body(httpx2.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"answer"


class Counting(httpx2.AsyncBaseTransport):
    """Answers after a moment; fails where the path says so."""

    under_way = 0

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        assert self.under_way == 0, "two requests in one lane"
        self.under_way += 1
        await asyncio.sleep(0.001)
        self.under_way -= 1
        if request.url.path == "/fails":
            raise httpx2.ReadError("gone")
        return httpx2.Response(200, stream=Body())


def test_as_many_lanes_as_requests_at_once_and_no_more() -> None:
    opened: list[Counting] = []

    def lane() -> Counting:
        opened.append(Counting())
        return opened[-1]

    async def rounds() -> None:
        async with httpx2.AsyncClient(transport=Lanes(lane)) as client:
            for _ in range(5):
                paths = ["/", "/fails", "/", "/fails"]
                asked = (client.get(f"http://server{path}") for path in paths)
                answers = await asyncio.gather(*asked, return_exceptions=True)
                assert [isinstance(a, httpx2.ReadError) for a in answers] == [False, True, False, True]

    asyncio.run(rounds())
    assert len(opened) == 4


def test_an_answer_that_is_still_read_keeps_its_lane() -> None:
    opened: list[Counting] = []

    def lane() -> Counting:
        opened.append(Counting())
        return opened[-1]

    async def two() -> None:
        async with httpx2.AsyncClient(transport=Lanes(lane)) as client:
            async with client.stream("GET", "http://server/"):
                await client.get("http://server/")
            await client.get("http://server/")

    asyncio.run(two())
    assert len(opened) == 2


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    client = Client(timeout=1)
    direct = client._transport_for_url(httpx2.URL("http://server/"))
    through = client._transport_for_url(httpx2.URL("https://server/"))
    assert isinstance(direct, Lanes)
    assert not isinstance(through, Lanes)
