"""Pulls at once: Label Studio tells a listener on this machine of every annotation, and polling makes up for what
gets lost on the way (it waits a second for the listener, and does not try again)."""

import hmac
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.review.projects import find
from tasks.review.pull import PullReport, pull
from tasks.review.server import Server, speaking
from tasks.review.work import works
from tasks.workspace import Workspace

HOST = "127.0.0.1"
PATH = "/defectory/review"
HEADER = "X-Defectory-Secret"
ACTIONS = ["ANNOTATION_CREATED", "ANNOTATIONS_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_DELETED"]
LONGEST = 64 * 1024
"""Bytes of a message; ours say only what has happened, and are far shorter."""
SETTLE_S = 0.2
"""Several messages at once are one pull."""


class Bell(threading.Event):
    """Rings when something has been heard since the last pull."""

    def heard(self, timeout_s: float) -> None:
        """Return once anything is heard, or the time is over."""
        if self.wait(timeout_s):
            time.sleep(SETTLE_S)
        self.clear()


@contextmanager
def ears(bell: Bell, secret: str, port: int = 0) -> Iterator[int]:
    """A listener on the loopback that rings the bell for messages that bear the secret; gives its port.

    Raises DefectoryError when the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        timeout = 5.0

        def do_POST(self) -> None:
            self.send_response(self._heard())
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        def _heard(self) -> int:
            if self.path != PATH:
                return 404
            if not hmac.compare_digest(self.headers.get(HEADER, "").encode(), secret.encode()):
                return 403
            length = self.headers.get("Content-Length", "")
            if not length.isdigit() or int(length) > LONGEST:
                return 413
            self.rfile.read(int(length))
            bell.set()
            return 200

        def log_message(self, *_: Any) -> None:
            """Nothing: what was sent is nobody's business."""

    class Listener(ThreadingHTTPServer):
        daemon_threads = True

    try:
        listener = Listener((HOST, port), Handler)
    except OSError as e:
        raise DefectoryError(f"port {port} cannot be listened on ({e.strerror}); give another --port") from None
    thread = threading.Thread(target=listener.serve_forever, args=(0.1,), daemon=True)
    thread.start()
    try:
        yield int(listener.server_address[1])
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def subscribe(server: Server, project: int, port: int, secret: str) -> None:
    """Have the project tell us; what listeners that were killed have left there goes."""
    hooks = server.client.webhooks
    for hook in hooks.list(project=str(project)):
        if PATH in hook.url and hook.project == project:
            hooks.delete(id=hook.id)
    hooks.create(
        url=f"http://{HOST}:{port}{PATH}", project=project, actions=ACTIONS, headers={HEADER: secret},
        send_payload=False, send_for_all_actions=False,
    )  # fmt: skip


def unsubscribe(server: Server, projects: set[int], port: int) -> None:
    hooks = server.client.webhooks
    for project in projects:
        for hook in hooks.list(project=str(project)):
            if f":{port}{PATH}" in hook.url:
                hooks.delete(id=hook.id)


def listen(
    workspace: Workspace, recipe: Recipe, server: Server, say: Callable[[PullReport | str], None],
    port: int = 0, poll_s: float = 60.0, stop: threading.Event | None = None,
) -> None:  # fmt: skip
    """Pull whenever something was answered, and every `poll_s` in any case, until `stop`.

    A server that is away or a workspace that is busy is said once and tried again. Raises DefectoryError at the start
    where nothing was pushed, or the server refuses us.
    """
    stop, bell, secret = stop or threading.Event(), Bell(), secrets.token_urlsafe(24)
    told: set[int] = set()
    trouble = ""
    with ears(bell, secret, port) as heard_at:
        try:
            while not stop.is_set():
                try:
                    with speaking(server.url, server.token_from):
                        for project in _projects(workspace, recipe, server) - told:
                            subscribe(server, project, heard_at, secret)
                            told.add(project)
                    with workspace.lock():
                        report = pull(workspace, recipe, server)
                    if report.decisions or report.problems:
                        say(report)
                    trouble = ""
                    wait_s = poll_s
                except DefectoryError as e:
                    if not told and not trouble:
                        raise
                    if str(e) != trouble:
                        say(str(e))
                    trouble, wait_s = str(e), min(2.0, poll_s)
                bell.heard(wait_s)
        finally:
            with _quietly(say), speaking(server.url, server.token_from):
                unsubscribe(server, told, heard_at)


def _projects(workspace: Workspace, recipe: Recipe, server: Server) -> set[int]:
    return {p.id for work in works(workspace, recipe) for p in find(workspace, recipe, server, work)}


@contextmanager
def _quietly(say: Callable[[PullReport | str], None]) -> Iterator[None]:
    try:
        yield
    except DefectoryError as e:
        say(f"the webhooks in Label Studio could not be removed, the next listener does it: {e}")
