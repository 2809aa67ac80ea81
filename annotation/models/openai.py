"""OpenAI's chat completions, and every server that speaks them."""

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from annotation.models.providers import (
    ADDRESSES,
    Answer,
    NotThere,
    Request,
    Told,
    Transient,
    Unanswerable,
    kept,
    seconds,
    within,
    words,
)
from schemas.addresses import anonymous
from schemas.errors import DefectoryError

FINISH = {"stop": "stop", "length": "length", "content_filter": "refused"}

FILTERED = ("content_filter", "content_policy_violation")
"""Codes of a server that did not show the question to its model: another question may pass."""


def parsed(reply: str | bytes) -> Any:
    """JSON, with the entries of its objects as attributes. Raises ValueError."""
    return json.loads(reply, object_hook=lambda entries: SimpleNamespace(**entries))


class OpenAI:
    name = "openai"
    free = False
    wants = "image"

    def __init__(self, api_key: str, base_url: str, timeout_s: float, told: Told):
        import openai

        self._key, self._told, self._timeout_s = api_key, told, timeout_s
        self.where = anonymous(base_url or ADDRESSES["openai"])
        # OpenAI's own newer models refuse `max_tokens`; many compatible servers know nothing else.
        self._limit = "max_tokens" if base_url else "max_completion_tokens"
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or ADDRESSES["openai"],
            timeout=timeout_s,
            max_retries=0,
            organization="",
            project="",
        )

    async def answer(self, request: Request) -> Answer:
        import httpx

        async with self.speaking(request.model) as client, within(self._timeout_s, self.where):
            # Sent and read as it is: what the client makes of its own types takes as long as the rest of a request.
            raw = await client.post("/chat/completions", body=self.body(request), cast_to=httpx.Response)
            self._told(raw.headers)
            reply = parsed(raw.content)
        return self.read(reply)

    @asynccontextmanager
    async def speaking(self, model: str) -> AsyncIterator[Any]:
        """The client; what it raises becomes what `answer` raises."""
        import openai

        try:
            yield self._client
        except openai.APIStatusError as e:
            self._told(e.response.headers)
            raise self.explained(e, model) from None
        except openai.APITimeoutError:
            raise Transient(f"{self.where}: no answer in time", billed=True) from None
        except openai.APIConnectionError as e:
            reason = self.said(e.__cause__ or e)
            sent = "connect" not in type(e.__cause__).__name__.lower()
            raise Transient(f"{self.where}: the connection failed ({reason})", billed=sent) from None
        except (openai.APIError, ValueError) as e:  # a body that is no JSON, or no completion
            raise Transient(f"{self.where}: unreadable answer ({self.said(e)})", billed=True) from None

    def said(self, reason: object) -> str:
        """The server's words, without the key."""
        return words(reason, self._key)

    def body(self, request: Request) -> dict[str, Any]:
        """The JSON of a request, online or as a line of a batch."""
        content: list[dict[str, Any]] = [{"type": "text", "text": request.prompt}]
        for image in request.images:
            kind = "png" if image.startswith(b"\x89PNG") else "jpeg"
            url = f"data:image/{kind};base64,{base64.b64encode(image).decode()}"
            content.append({"type": "image_url", "image_url": {"url": url, "detail": "high"}})
        messages = [{"role": "system", "content": request.system}, {"role": "user", "content": content}]
        body: dict[str, Any] = {"model": request.model, "messages": messages, self._limit: request.max_tokens}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema is not None:
            form = {"name": "answer", "schema": request.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        return body

    def read(self, reply: Any) -> Answer:
        choices: Any = getattr(reply, "choices", None)
        message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
        if message is None:
            raise Transient(f"{self.where}: an answer without a choice", billed=True)
        refusal: Any = getattr(message, "refusal", None)
        reason: Any = getattr(choices[0], "finish_reason", None)
        finish = "refused" if refusal else FINISH.get(reason, "stop")
        text, finish = kept(refusal or getattr(message, "content", None), finish)
        usage = getattr(reply, "usage", None)
        counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
        return Answer(text, finish, getattr(reply, "model", None) or "", *counts)

    def explained(self, e: Any, model: str) -> DefectoryError:
        """The exception that says what to do about an HTTP status; a message about the key is never repeated."""
        own = e.body.get("message") if isinstance(e.body, dict) else None
        said = self.said(own or e.message)
        match e.status_code:
            case 401 | 403:
                return DefectoryError(
                    f"{self.where}: the key in OPENAI_API_KEY was refused ({e.status_code}); set a valid one"
                )
            case 404:
                return NotThere(f"{self.name} {model}: {self.where} does not know it (404); choose another model")
            case 429 if e.code == "insufficient_quota":
                return DefectoryError(
                    f"{self.where}: the account has no credit left; add some and run the same command again"
                )
            case 408 | 409 | 429:
                wait = seconds(e.response.headers.get("retry-after"))
                slow = e.status_code == 429
                return Transient(f"{self.where}: {e.status_code} {said}", billed=False, retry_after=wait, slow=slow)
            case status if status >= 500:
                wait = seconds(e.response.headers.get("retry-after"))
                slow = status in (503, 529)
                return Transient(f"{self.where}: {status} {said}", billed=False, retry_after=wait, slow=slow)
            case status if e.param and e.code not in FILTERED and not str(e.param).startswith("messages"):
                return DefectoryError(
                    f"{self.where}: does not accept `{self.said(e.param)}` as set here ({said}); change it"
                )
            case status:
                return Unanswerable(
                    f"{self.name} {model}: refused this request ({status}); try another model", f"{status} {said}"
                )

    async def close(self) -> None:
        await self._client.close()
