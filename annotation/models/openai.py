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
    counted,
    kept,
    named,
    seconds,
    within,
    words,
)
from schemas.addresses import anonymous
from schemas.errors import DefectoryError

FINISH = {"stop": "stop", "length": "length", "content_filter": "refused"}

UNHEARD = (502, 504, 520, 524)
"""Gateways say so when the answer of the server behind them did not come: it may have been made, and billed."""
FILTERED = ("content_filter", "content_policy_violation")
"""Codes of a server that did not show the question to its model: another question may pass."""


def parsed(reply: str | bytes) -> Any:
    """JSON, with the entries of its objects as attributes. Raises ValueError."""
    try:
        return json.loads(reply, object_hook=lambda entries: SimpleNamespace(**entries))
    except RecursionError:
        raise ValueError("nested too deeply") from None


def parsed_or_plain(reply: str) -> Any:
    """The same of an error, which gateways tell in HTML or plain words."""
    try:
        return parsed(reply)
    except ValueError:
        return reply


def worded(error: Any) -> str:
    """What an error says, in OpenAI's form, in FastAPI's, or in whichever a server has."""
    match error:
        case SimpleNamespace(message=str(text)) | SimpleNamespace(detail=str(text)) | str(text) if text:
            return text
        case _:
            return json.dumps(error, default=vars) if error else "no reason given"


def blamed(error: Any) -> str:
    """The parameter that an error is about, in OpenAI's form or in FastAPI's; empty if it names none."""
    match error:
        case SimpleNamespace(param=str(name)):
            return name
        case SimpleNamespace(detail=[SimpleNamespace(loc=["body", str(name), *_]), *_]):
            return name
        case _:
            return ""


def moderated(error: Any) -> bool:
    """Whether an error says that this question was kept from its model, not that the sender may ask none."""
    return getattr(error, "code", None) in FILTERED or hasattr(getattr(error, "metadata", None), "flagged_input")


def spoken(content: Any) -> str:
    """The text of an answer. Some servers send it in parts; what the model thought before it is none of it."""
    match content:
        case str():
            return content
        case list():
            texts = [getattr(part, "text", None) for part in content if getattr(part, "type", None) == "text"]
            return "".join(text for text in texts if isinstance(text, str))
        case _:
            return ""


class OpenAI:
    name = "openai"
    free = False
    wants = "image"

    def __init__(self, api_key: str, base_url: str, timeout_s: float, told: Told):
        import openai

        from annotation.models.lanes import Client

        self._key, self._told, self._timeout_s = api_key, told, timeout_s
        self.where = anonymous(base_url or ADDRESSES["openai"])
        # OpenAI's own newer models refuse `max_tokens`; many compatible servers know nothing else.
        self._limit = "max_tokens" if base_url else "max_completion_tokens"
        self._client = openai.AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or ADDRESSES["openai"],
            timeout=timeout_s,
            # The one that it makes for itself leaves a traceback behind where it cannot be made.
            http_client=Client(timeout=timeout_s),
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
        import httpx2
        import openai

        try:
            yield self._client
        except openai.APIStatusError as e:
            headers = e.response.headers
            self._told(headers)
            body, wait = parsed_or_plain(e.response.text), seconds(headers.get("retry-after"), headers.get("date"))
            raise self.explained(e.status_code, body, model, wait, direct=True) from None
        except openai.APITimeoutError:
            raise Transient(f"{self.where}: no answer in time", billed=True) from None
        except openai.APIConnectionError as e:
            reason = self.said(e.__cause__ or e)
            sent = "connect" not in type(e.__cause__).__name__.lower()
            raise Transient(f"{self.where}: the connection failed ({reason})", billed=sent) from None
        except httpx2.HTTPError as e:  # while a file comes in, the client passes on what its transport raises
            raise Transient(f"{self.where}: the connection failed ({self.said(e)})", billed=True) from None
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
            said = self.said(worded(getattr(reply, "error", None)))  # some gateways tell of faults behind them so
            raise Transient(f"{self.where}: an answer without a choice ({said})", billed=True)
        refusal: Any = getattr(message, "refusal", None)
        reason = str(getattr(choices[0], "finish_reason", None))
        finish = "refused" if refusal else FINISH.get(reason, "stop")
        text, finish = kept(spoken(refusal or getattr(message, "content", None)), finish)
        usage = getattr(reply, "usage", None)
        counts = [counted(getattr(usage, name, None)) for name in ("prompt_tokens", "completion_tokens")]
        return Answer(text, finish, named(getattr(reply, "model", None)), *counts)

    def explained(
        self, status: int, body: Any, model: str, wait: float | None = None, direct: bool = False
    ) -> DefectoryError:
        """The exception that says what to do about an HTTP status, `direct` or of a line of a batch; a message about
        the key is never repeated."""
        error = getattr(body, "error", body)
        code, param, said = getattr(error, "code", None), blamed(error), self.said(worded(error))
        match status:
            case _ if status == 402 or code == "insufficient_quota":
                return DefectoryError(
                    f"{self.where}: the account has no credit left; add some and run the same command again"
                )
            case 401 | 403 if not moderated(error):
                return DefectoryError(
                    f"{self.where}: the key in OPENAI_API_KEY was refused ({status}); set a valid one"
                )
            case 404:
                return NotThere(
                    f"{self.name} {model}: {self.where} does not know it (404); choose another model, or correct the "
                    "base_url if the server has it"
                )
            case 405:
                return NotThere(f"{self.where}: takes no questions at this address (405); correct the base_url")
            case _ if status < 400 or status == 407:  # it leads elsewhere, or a proxy stands before it
                return DefectoryError(
                    f"{self.where}: not to be reached so ({status}); correct the base_url or the proxy"
                )
            case 408 | 409 | 429:
                slow = status == 429
                return Transient(f"{self.where}: {status} {said}", billed=False, retry_after=wait, slow=slow)
            case _ if status >= 500:
                billed, slow = direct and status in UNHEARD, status in (503, 529)
                return Transient(f"{self.where}: {status} {said}", billed=billed, retry_after=wait, slow=slow)
            case _ if param and code not in FILTERED and not param.startswith("messages"):
                return DefectoryError(
                    f"{self.where}: does not accept `{self.said(param)}` as set here ({said}); change it"
                )
            case _:
                return Unanswerable(
                    f"{self.name} {model}: refused this request ({status}); try another model", f"{status} {said}"
                )

    async def close(self) -> None:
        await self._client.close()
