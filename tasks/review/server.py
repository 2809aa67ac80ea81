"""The Label Studio that reviews run on: where it is, and its errors as sentences."""

import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from schemas.addresses import secretive
from schemas.errors import CallError, DefectoryError, WorkerError


@dataclass(frozen=True)
class Server:
    """A Label Studio that has answered and taken the token."""

    url: str
    client: Any = field(repr=False)
    media_root: Path
    """The folder that it serves files from."""
    token_from: str
    """Where the token came from, for error sentences."""


def home() -> Path:
    """Where the services of this machine keep their state: $DEFECTORY_HOME, or `.defectory` in this folder."""
    return Path(os.environ.get("DEFECTORY_HOME", ".defectory")).resolve()


def configured(state: Path | None = None) -> Server | None:
    """The Label Studio that is configured or runs on this machine; None when there is neither.

    Raises like `connect` when LABEL_STUDIO_URL is set and that server cannot be used.
    """
    if "LABEL_STUDIO_URL" not in os.environ:
        embedded = _embedded(state or home())
        try:
            if not embedded or not httpx.get(f"{embedded['url']}/health", timeout=5).is_success:
                return None
        except httpx.TransportError:
            return None
    return connect(state)


def connect(state: Path | None = None) -> Server:
    """The Label Studio at LABEL_STUDIO_URL with LABEL_STUDIO_API_KEY, else the one that `make up` started.

    Files are served from DEFECTORY_MEDIA_ROOT, or from what the embedded server was started with. Raises
    CallError when no server is known or no token is there, WorkerError when it does not answer, DefectoryError
    when it refuses the token.
    """
    from label_studio_sdk import LabelStudio

    state = state or home()
    embedded = _embedded(state)
    url = os.environ.get("LABEL_STUDIO_URL") or embedded.get("url")
    if not url:
        raise CallError("no Label Studio is known here; start it with `make up` or set LABEL_STUDIO_URL")
    if secretive(url):
        raise CallError(
            "LABEL_STUDIO_URL: holds a user, a password or a key, but it is kept and shown; take it out: the access "
            "token is read from LABEL_STUDIO_API_KEY"
        )
    secret, token_from = os.environ.get("LABEL_STUDIO_API_KEY"), "LABEL_STUDIO_API_KEY"
    if not secret and url == embedded.get("url"):
        file = state / "credentials.json"
        try:
            secret, token_from = json.loads(file.read_text())["token"], str(file)
        except (OSError, ValueError, KeyError):
            raise CallError(f"{file}: holds no readable token for Label Studio; set LABEL_STUDIO_API_KEY") from None
    if not secret:
        raise CallError(f"LABEL_STUDIO_API_KEY is not set; {url} wants an access token (account settings in its UI)")
    media_root = os.environ.get("DEFECTORY_MEDIA_ROOT") or embedded.get("serves")
    if not media_root:
        raise CallError("DEFECTORY_MEDIA_ROOT is not set; name the folder that Label Studio serves local files from")
    url = url.rstrip("/")
    with speaking(url, token_from):
        client = LabelStudio(base_url=url, api_key=secret, timeout=120)
        client.users.whoami()
    return Server(url, client, Path(media_root).resolve(), token_from)


def _embedded(state: Path) -> dict[str, str]:
    try:
        kept: dict[str, dict[str, str]] = json.loads((state / "services.json").read_text())
    except FileNotFoundError:
        return {}
    return kept.get("labelstudio", {})


LATER = "its log says why, then try again"
REFUSALS: dict[int, tuple[type[DefectoryError], str]] = {
    401: (DefectoryError, "refuses the token from {token_from}; put a valid access token there"),
    403: (
        DefectoryError,
        "refuses the token from {token_from}, or its account may not do this; put the token of one that may there",
    ),
    404: (WorkerError, "has not what it had a moment ago: somebody deleted it; the same command again goes on without"),
}
"""What a refused request means, by its status."""


@contextmanager
def speaking(url: str, token_from: str) -> Iterator[None]:
    """The client's errors as sentences. Bodies and headers of answers stay out of them."""
    from label_studio_sdk.core.api_error import ApiError

    try:
        yield
    except httpx.TimeoutException:
        raise WorkerError(f"Label Studio at {url} takes too long to answer; try again, nothing is lost") from None
    except httpx.TransportError:
        raise WorkerError(
            f"Label Studio at {url} does not answer; start it with `make up` or set LABEL_STUDIO_URL"
        ) from None
    except ApiError as e:
        if e.status_code and e.status_code < 300:
            raise WorkerError(
                f"what answers at {url} does not speak like Label Studio; see what runs there, and try again"
            ) from None
        kind, said = REFUSALS.get(e.status_code or 0, (WorkerError, f"answered {e.status_code}; {LATER}"))
        raise kind(f"Label Studio at {url} {said.format(token_from=token_from)}") from None


def pages(server: Server, first: Callable[[], Iterable[Any]]) -> Iterator[Any]:
    """What a listing of the client yields. Raises WorkerError for an answer that is no listing, as of a proxy."""
    try:
        yield from first()
    except (AttributeError, TypeError, ValueError):
        raise WorkerError(
            f"Label Studio at {server.url} sent a listing that cannot be read; see what answers there, and try again"
        ) from None
