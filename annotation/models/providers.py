"""The boundary to language models: what is asked, what is answered, what can go wrong, and who answers.

A provider sends one request once. Retries, the ledger and the budget are above it (`annotation.asking.ask`).
"""

import asyncio
import hashlib
import json
import os
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from schemas.addresses import masked
from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError, WorkerError
from schemas.rows import DefectFacts

TIMEOUT_S = 90.0
SECOND = 1000
"""Added to the number of a candidate that is asked for once more, for its answer was of no use."""
MAX_ANSWER = 64_000
"""Characters; a longer answer is cut and counts as unfinished."""
MAX_LINE = 4000
"""The same of an answer that is to be one line of text."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of the sample beyond the text of a question; only the `measured` provider looks at it."""

    picture: np.ndarray
    """(H, W, 3) uint8 RGB."""
    mask: np.ndarray | None
    """(H, W) bool where the defect is seen; None where none is."""
    object: str
    defect: str
    facts: DefectFacts | None
    seed: int
    """Varies the wording between samples."""
    within: tuple[np.ndarray, ...] = ()
    """Boxes that are known to hold a defect each, (H, W) bool."""

    @cached_property
    def digest(self) -> str:
        pixels = hashlib.sha256(np.ascontiguousarray(self.picture).tobytes())
        pixels.update(b"" if self.mask is None else np.packbits(self.mask).tobytes())
        for box in self.within:
            pixels.update(np.packbits(box).tobytes())
        return digest(pixels.hexdigest(), self.picture.shape, self.object, self.defect, self.facts, self.seed)


@dataclass(frozen=True, eq=False)
class Request:
    """One question. Everything in it decides the answer, so everything is in its key."""

    model: str
    system: str
    prompt: str
    asks: str
    """`open`, or the dimension that a supplement question is about."""
    candidate: int
    """Repeats of one question differ in this."""
    temperature: float | None
    """None leaves it to the model: some take none."""
    max_tokens: int
    images: tuple[bytes, ...] = ()
    """JPEG or PNG, in the order in which they are shown."""
    evidence: Evidence | None = None
    schema: dict[str, Any] | None = None
    """JSON schema of the answer, an object; None for free text."""

    def key(self, provider: str, where: str) -> str:
        """SHA-256 by which the ledger knows this request to a provider at an address."""
        images = [hashlib.sha256(i).hexdigest() for i in self.images]
        shown = images if len(images) > 1 else next(iter(images), None)  # one picture: as in ledgers that are there
        formed = [] if self.schema is None else [self.schema]  # free text: as in ledgers that are there
        return digest(
            provider, where, self.model, self.system, self.prompt, self.asks, self.candidate, self.temperature,
            self.max_tokens, shown, self.evidence.digest if self.evidence else None, *formed, length=64,
        )  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """`finish` is stop, length or refused; tokens are those that the provider bills, None if it did not say."""

    text: str
    finish: str
    version: str = ""
    """The model's own name for what answered."""
    tokens_in: int | None = None
    tokens_out: int | None = None

    @property
    def refused(self) -> bool:
        return self.finish == "refused"


class Named(Protocol):
    """Whom requests are for."""

    name: str
    where: str
    """Address of the server, without user and password: one model name means another model elsewhere."""
    wants: str
    """`image` or `evidence`: which of the two a request to it carries."""


class Provider(Named, Protocol):
    free: bool
    """No money can be spent on it, whatever the model."""

    async def answer(self, request: Request) -> Answer:
        """Send once. Raises Transient when another try may help, Unanswerable when this request can
        never be answered, DefectoryError when no request can (key, model, account)."""
        ...

    async def close(self) -> None: ...


class Transient(WorkerError):
    """This try failed, another may not. `billed`: the provider may have charged for it all the same;
    `slow`: it said that it had too much to do."""

    def __init__(self, message: str, *, billed: bool, retry_after: float | None = None, slow: bool = False):
        super().__init__(message)
        self.billed, self.retry_after, self.slow = billed, retry_after, slow


class NotThere(DefectoryError):
    """The server does not know what was named: a model, a batch, a file."""


class Unanswerable(BadInput):
    """This request can never be answered. The message goes into `rejects` and so into releases; `said`, the
    server's own words, goes only into the ledger."""

    def __init__(self, message: str, said: str):
        super().__init__(message)
        self.said = said


Told = Callable[[Mapping[str, str]], None]


def _unheard(_: Mapping[str, str]) -> None:
    pass


ADDRESSES = {"openai": "https://api.openai.com/v1", "gemini": "https://generativelanguage.googleapis.com"}
DEFAULT_MODELS = {"measured": "geometry-3", "openai": "gpt-4o", "gemini": "gemini-2.5-flash"}


@asynccontextmanager
async def opened(
    name: str, base_url: str = "", timeout_s: float = TIMEOUT_S, told: Told | None = None
) -> AsyncIterator[Provider]:
    """The provider `measured`, `openai` or `gemini`; `told` is given the headers of every answer.

    Raises DefectoryError when its key is missing, or when nothing can be sent from this environment.
    """
    provider = _provider(name, base_url, timeout_s, told or _unheard)
    try:
        yield provider
    finally:
        await provider.close()


def _provider(name: str, base_url: str, timeout_s: float, told: Told) -> Provider:
    if name == "measured":
        from annotation.measured.provider import Measured

        return Measured()
    if name not in KEYS:
        raise DefectoryError(f"provider {name}: not known; there are {', '.join(DEFAULT_MODELS)}")
    import httpx
    import httpx2

    secret = key(name, base_url)
    try:
        if name == "openai":
            from annotation.models.openai import OpenAI

            return OpenAI(secret, base_url, timeout_s, told)
        from annotation.models.gemini import Gemini

        return Gemini(secret, base_url, timeout_s)
    except (ImportError, OSError, ValueError, httpx.InvalidURL, httpx2.InvalidURL) as e:
        raise DefectoryError(
            f"provider {name}: nothing can be sent with the proxies and certificates that the environment names "
            f"({words(e, secret)}); mend HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY or SSL_CERT_FILE"
        ) from None


KEYS = {"openai": ("OPENAI_API_KEY",), "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY")}


def key(provider: str, base_url: str = "") -> str:
    """The key from the environment. Raises DefectoryError, naming the variable, when there is none that can be sent."""
    for name in KEYS[provider]:
        if value := os.environ.get(name, "").strip():
            # Refused before an HTTP client sees it: those repeat what they cannot send.
            if not (value.isascii() and value.isprintable()):
                raise DefectoryError(
                    f"{name}: holds a character that is in no key, such as a line break or a typographic dash; set it "
                    "to the key as the provider shows it"
                )
            return value
    keyless = "; any value will do if that server asks for none" if base_url else ""
    raise DefectoryError(
        f"provider {provider}: no key in the environment; set {' or '.join(KEYS[provider])}{keyless}, "
        "or use `measured`, which needs none"
    )


def kept(text: str, finish: str) -> tuple[str, str]:
    """Model output as the ledger keeps it: as it was, but of bounded length and without what no database takes
    (NUL, halves of surrogate pairs); and how it finished."""
    whole = re.sub(r"[\x00\ud800-\udfff]", "\ufffd", text)
    return (whole, finish) if len(whole) <= MAX_ANSWER else (whole[:MAX_ANSWER], "length")


def check(request: Request, answer: Answer) -> None:
    """Raises Transient when an answer that was to follow a schema does not: another try may."""
    if request.schema is None or answer.refused:
        return
    import jsonschema

    try:
        jsonschema.validate(json.loads(answer.text), request.schema)
    except (ValueError, RecursionError) as e:
        what = "is cut off" if answer.finish == "length" else "is no JSON"
        raise Transient(f"{request.model}: an answer that {what} ({type(e).__name__})", billed=True) from None
    except jsonschema.ValidationError as e:
        raise Transient(
            f"{request.model}: an answer that does not follow its schema ({e.json_path})", billed=True
        ) from None


def cleaned(answer: Answer) -> Answer:
    """Model output is not to be trusted: one line, no control characters, bounded length."""
    line = shown(answer.text)
    if len(line) > MAX_LINE:
        return replace(answer, text=line[:MAX_LINE], finish="length")
    return replace(answer, text=line)


UNSEEN = r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufffd\ud800-\udfff]"


def shown(text: str) -> str:
    """One line of what can be seen, which every database and every terminal takes."""
    return " ".join(re.sub(UNSEEN, " ", text).split())


def named(model: object) -> str:
    """A provider's own name for the model that answered."""
    return shown(str(model or ""))[:200]


def counted(tokens: object) -> int | None:
    """A provider's count of tokens, if it is one that a ledger takes."""
    return tokens if type(tokens) is int and 0 <= tokens < 2**31 else None


def words(reason: object, secret: str) -> str:
    """A provider's own error message, fit to be shown: one line, short, without the key or what looks like one."""
    text = masked(shown(str(reason).replace(secret, "***")))
    return re.sub(r"\b(sk-|AIza)[\w*.-]{4,}", r"\1***", text)[:200]


def seconds(value: str | None, sent: str | None = None) -> float | None:
    """A `Retry-After` header, in seconds from now: a number, a duration such as `34s`, or a date; None for nonsense.
    A date is counted from the `Date` header that was `sent` with it, for our clock may be wrong."""
    if found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*s?\s*", value or ""):
        return float(found[1])
    until, now = _instant(value), _instant(sent)
    return None if until is None else max(0.0, until - (time.time() if now is None else now))


def _instant(date: str | None) -> float | None:
    """Seconds since 1970 of a date in a header; None for nonsense."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return None


@asynccontextmanager
async def within(seconds: float, where: str) -> AsyncIterator[None]:
    """A limit for all of a request: a client's own begins again with every byte that drips in."""
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise Transient(f"{where}: no answer in time", billed=True) from None
