"""Connections to one server, each with a pool of its own.

A pool of connections looks at all of them when a request begins and when it ends: with 64 under way that takes as long
as the rest of a request.
"""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx2
import openai


class _Passing(httpx2.AsyncByteStream):
    """The body of an answer; `done` is called once it is closed."""

    def __init__(self, body: Any, done: Callable[[], None]) -> None:
        self._body, self._done = body, done

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._body:
            yield part

    async def aclose(self) -> None:
        done, self._done = self._done, lambda: None
        try:
            await self._body.aclose()
        finally:
            done()


class Lanes(httpx2.AsyncBaseTransport):
    """A request goes through the lane that was free last; if none is, another one is opened."""

    def __init__(self, opened: Callable[[], httpx2.AsyncBaseTransport]) -> None:
        self._opened = opened
        self._all: list[httpx2.AsyncBaseTransport] = []
        self._free: list[httpx2.AsyncBaseTransport] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if not self._free:
            self._free.append(self._opened())
            self._all.append(self._free[-1])
        lane = self._free.pop()
        try:
            response = await lane.handle_async_request(request)
        except BaseException:
            self._free.append(lane)
            raise
        response.stream = _Passing(response.stream, lambda: self._free.append(lane))
        return response

    async def aclose(self) -> None:
        for lane in self._all:
            await lane.aclose()


class Client(openai.DefaultAsyncHttpxClient):
    """OpenAI's own client of HTTP, with lanes; through a proxy it goes as it always does."""

    def _init_transport(self, *_: Any, **settings: Any) -> Any:
        own = super()._init_transport
        trusts = {name: settings.pop(name) for name in ("verify", "cert") if name in settings}
        context = httpx2.create_ssl_context(**trusts, trust_env=settings.get("trust_env", True))  # takes long: once
        return Lanes(lambda: own(verify=context, **settings))
