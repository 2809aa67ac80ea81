"""Google's Gemini over google-genai."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from annotation.models.providers import (
    ADDRESSES,
    Answer,
    NotThere,
    Request,
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

FINISH = {"STOP": "stop", "MAX_TOKENS": "length"}
REFUSALS = {"SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY", "LANGUAGE"}
UNTHINKING = ("gemini-2.5-flash",)
"""Models that can be told not to think; thoughts would be billed and use up `max_tokens` unseen."""


def thinking(model: str) -> bool:
    """Whether a model thinks before it answers, however it is asked."""
    return not model.startswith(UNTHINKING)


class Gemini:
    name = "gemini"
    free = False
    wants = "image"

    def __init__(self, api_key: str, base_url: str, timeout_s: float):
        import httpx
        from google import genai
        from google.genai import types

        base_url = base_url or ADDRESSES["gemini"]
        self._key, self._timeout_s, self.where = api_key, timeout_s, anonymous(base_url)
        # A client of our own: the transport then does not depend on what else is installed.
        self._http = httpx.AsyncClient(timeout=timeout_s, limits=httpx.Limits(max_connections=None))
        options = types.HttpOptions(
            base_url=base_url, timeout=round(timeout_s * 1000), httpx_async_client=self._http,
            retry_options=types.HttpRetryOptions(attempts=1),
        )  # fmt: skip
        self._client = genai.Client(api_key=api_key, vertexai=False, http_options=options)

    async def answer(self, request: Request) -> Answer:
        from google.genai import types

        parts: list[Any] = [types.Part.from_text(text=request.prompt)]
        for image in request.images:
            kind = "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"
            parts.append(types.Part.from_bytes(data=image, mime_type=kind))
        config = types.GenerateContentConfig(
            system_instruction=request.system,
            temperature=request.temperature,
            max_output_tokens=request.max_tokens,
            response_mime_type="application/json" if request.schema is not None else None,
            response_json_schema=request.schema,
            thinking_config=None if thinking(request.model) else types.ThinkingConfig(thinking_budget=0),
        )
        async with self.speaking(request.model) as client, within(self._timeout_s, self.where):
            reply = await client.models.generate_content(model=request.model, contents=parts, config=config)
        return self.read(reply)

    @asynccontextmanager
    async def speaking(self, model: str) -> AsyncIterator[Any]:
        """The client; what it raises becomes what `answer` raises."""
        import httpx
        from google.genai import errors

        try:
            yield self._client.aio
        except errors.APIError as e:
            raise self.explained(e, model) from None
        except httpx.TimeoutException:
            raise Transient(f"{self.where}: no answer in time", billed=True) from None
        except httpx.HTTPError as e:
            sent = not isinstance(e, httpx.ConnectError)
            raise Transient(f"{self.where}: the connection failed ({self.said(e)})", billed=sent) from None
        except (ValueError, KeyError, TypeError, RecursionError) as e:  # a body that is no JSON, or no answer
            raise Transient(f"{self.where}: unreadable answer ({self.said(e)})", billed=True) from None

    def said(self, reason: object) -> str:
        """The server's words, without the key."""
        return words(reason, self._key)

    def read(self, reply: Any) -> Answer:
        usage = reply.usage_metadata
        version = named(reply.model_version)
        tokens_in = counted(usage.prompt_token_count) if usage else None
        tokens_out = counted((usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)) if usage else None
        if reply.prompt_feedback and reply.prompt_feedback.block_reason:
            return Answer(
                words(reply.prompt_feedback.block_reason.name, self._key), "refused", version, tokens_in, tokens_out
            )
        if not reply.candidates:
            raise Transient(f"{self.where}: an answer without a candidate", billed=True)
        first = reply.candidates[0]
        reason = first.finish_reason.name if first.finish_reason else "STOP"
        parts = (first.content.parts if first.content else None) or []
        text = "".join(p.text for p in parts if p.text and not p.thought)
        text, finish = kept(text, "refused" if reason in REFUSALS else FINISH.get(reason, "stop"))
        return Answer(text, finish, version, tokens_in, tokens_out)

    def explained(self, e: Any, model: str) -> DefectoryError:
        """The exception that says what to do about an HTTP status; a message about the key is never repeated."""
        said = words(e.message or e.status or "", self._key)
        headers = getattr(e.response, "headers", {}) or {}
        wait = seconds(headers.get("retry-after"), headers.get("date")) or _retry_delay(e.details)
        match e.code:
            case 401 | 403:
                return DefectoryError(
                    f"{self.where}: the key in GEMINI_API_KEY was refused ({e.code}); set a valid one"
                )
            case 400 if "api key" in said.lower():
                return DefectoryError(f"{self.where}: the key in GEMINI_API_KEY was refused (400); set a valid one")
            case 400 if e.status == "FAILED_PRECONDITION":  # where the account is, or how it pays
                return DefectoryError(
                    f"{self.where}: does not serve this account as it is ({said}); mend that and run the same command "
                    "again"
                )
            case 404:
                return NotThere(f"{self.name} {model}: {self.where} does not know it (404); choose another model")
            case 405:
                return NotThere(f"{self.where}: takes no questions at this address (405); correct the base_url")
            case code if code < 400 or code == 407:  # it leads elsewhere, or a proxy stands before it
                return DefectoryError(f"{self.where}: not to be reached so ({code}); correct the base_url or the proxy")
            case 408 | 429:
                return Transient(f"{self.where}: {e.code} {said}", billed=False, retry_after=wait, slow=e.code == 429)
            case code if code >= 500:
                return Transient(f"{self.where}: {code} {said}", billed=False, retry_after=wait, slow=code == 503)
            case code:
                return Unanswerable(
                    f"{self.name} {model}: refused this request ({code}); try another model", f"{code} {said}"
                )

    async def close(self) -> None:
        await self._client.aio.aclose()
        await self._http.aclose()


def _retry_delay(details: Any) -> float | None:
    """Google's own form of Retry-After: `RetryInfo` among the error's details."""
    error = details.get("error", {}) if isinstance(details, dict) else {}
    for detail in (error.get("details") if isinstance(error, dict) else None) or []:
        if isinstance(detail, dict) and "retryDelay" in detail:
            return seconds(str(detail["retryDelay"]))
    return None
