"""The environment that Prefect is imported in: quiet, and at the server that is configured."""

import contextlib
import os
import signal
import time
from urllib.error import URLError
from urllib.request import urlopen

from flows import services
from schemas.addresses import masked
from schemas.errors import DefectoryError
from tasks.workspace import Workspace

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "120",
}


def end_orphans(workspace: Workspace) -> None:
    """End what a killed build of this workspace left behind, such as Prefect's ephemeral server, and let this
    process's children bear the workspace's mark. Call with the workspace locked: then no build of it is alive."""
    deadline = time.monotonic() + 10
    while left := services.members(workspace.tag):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM if time.monotonic() < deadline else signal.SIGKILL)
        time.sleep(0.1)
    os.environ[services.MARK] = workspace.tag


def configured() -> str | None:
    """The Prefect API that is configured: PREFECT_API_URL, else that of this folder's services if they run."""
    return os.environ.get("PREFECT_API_URL") or services.prefect_api_url(services.home())


def prepare(debug: bool = False) -> None:
    """Call before the first import of Prefect. Uses PREFECT_API_URL, else the services of this folder if they
    run, else Prefect's ephemeral server. Raises DefectoryError when the configured server does not answer."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("PREFECT_LOGGING_LEVEL", "DEBUG" if debug else "CRITICAL")
    os.environ.setdefault("PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW", "ignore")
    if url := configured():
        os.environ["PREFECT_API_URL"] = url
        try:
            with urlopen(f"{url.rstrip('/')}/health", timeout=10):  # noqa: S310 - the configured server
                pass
        except (URLError, OSError, ValueError):
            raise DefectoryError(
                f"PREFECT_API_URL {masked(url)}: the Prefect server does not answer; start it, or unset the variable"
            ) from None
