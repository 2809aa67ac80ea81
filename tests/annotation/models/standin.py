"""A local HTTP server that speaks like OpenAI and Gemini, with faults on order."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.annotation.models.batchdesk import Desk

TEXT = "A thin, slanting scratch lies in the upper left, shallow and darker than the surface around it."


@dataclass
class Reply:
    """What to send. `drop` closes the connection in place of an answer; `cut` ends the body that many bytes early;
    `drip_s` passes between two bytes of it."""

    body: dict[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    cut: int = 0
    drip_s: float = 0.0
    drop: bool = False


def openai_answer(text: str | None = TEXT, finish: str = "stop", refusal: str | None = None) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, "refusal": refusal}
    return {
        "id": "x", "object": "chat.completion", "created": 0, "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 40, "total_tokens": 940},
    }  # fmt: skip


def openai_error(message: str, code: str | None = None, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "error", "param": param, "code": code}}


def gemini_answer(text: str | None = TEXT, finish: str = "STOP") -> dict[str, Any]:
    parts = [] if text is None else [{"text": text}]
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": finish}],
        "usageMetadata": {"promptTokenCount": 900, "candidatesTokenCount": 30, "thoughtsTokenCount": 10},
        "modelVersion": "gemini-2.5-flash-001",
    }  # fmt: skip


def gemini_error(
    code: int, message: str, details: list[dict[str, Any]] | None = None, status: str = "ERROR"
) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": status, "details": details or []}}


Script = Callable[[int, dict[str, Any]], Reply]
"""From the running number of a request (from 0) and its JSON to the reply."""


@dataclass
class StandIn:
    script: Script
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    """JSON bodies, with `path` and `authorization` added, in the order in which they came; lines of batches, too."""
    desk: Desk = field(init=False)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.desk = Desk(self._line)

    def take(self, body: dict[str, Any]) -> Reply:
        with self.lock:
            number = len(self.requests)
            self.requests.append(body)
        return self.script(number, body)

    def _line(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        reply = self.take({**body, "path": "batch"})
        return reply.status, reply.body


@contextmanager
def standin(script: Script) -> Iterator[StandIn]:
    state = StandIn(script)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.at_desk(b"")

        def at_desk(self, data: bytes) -> bool:
            path, jobs = self.path, len(state.desk.jobs)
            told = state.desk.handle(self.command, path, self.headers, data)
            if told is not None:
                sent = {"content-length": str(len(told[2])), **told[1]}
                self.send_response(told[0])
                for name, value in sent.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(told[2])
                self.close_connection |= int(sent["content-length"]) > len(told[2])
            elif len(state.desk.jobs) > jobs:
                self.close_connection = True
                self.connection.close()
            else:
                return False
            return True

        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"] or 0))
            if self.at_desk(data):
                return
            body = json.loads(data)
            body["path"] = self.path
            body["authorization"] = self.headers.get("authorization") or self.headers.get("x-goog-api-key")
            reply = state.take(body)
            if reply.delay_s:
                done.wait(reply.delay_s)
            if reply.drop:
                self.close_connection = True
                self.connection.close()
                return
            data = json.dumps(reply.body).encode()
            data = data[: len(data) - reply.cut]
            try:
                self.send_response(reply.status)
                for name, value in {"content-type": "application/json", **reply.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                for byte in data if reply.drip_s else b"":
                    self.wfile.write(bytes([byte]))
                    if done.wait(reply.drip_s):
                        return
                self.wfile.write(b"" if reply.drip_s else data)
            except OSError:
                self.close_connection = True  # the client has gone: that is what a time-out looks like from here

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 64  # who asks many questions at once is not turned away

        def handle_error(self, *_: object) -> None:
            pass  # dropped connections are on order

    done = threading.Event()
    server = Server(("127.0.0.1", 0), Handler)
    state.url = state.desk.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        done.set()
        server.shutdown()
        server.server_close()
        thread.join()
