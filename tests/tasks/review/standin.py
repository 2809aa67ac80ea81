"""A stand-in for Label Studio's API: as much of it as push and pull use, over HTTP, with faults to order.

Whatever can be tried with the real server is tried there (tests/e2e/test_review.py); this one fails on demand.
"""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlparse

TOKEN = "e" * 40


@dataclass
class Fault:
    """What happens to the next `times` requests that match: a status, a delay, or another body."""

    method: str
    path: str
    status: int = 200
    body: bytes | None = None
    delay_s: float = 0.0
    after: bool = False
    """Whether the request is carried out all the same, as when an answer gets lost."""
    times: int = 10**9


@dataclass
class Desk:
    """The state of the stand-in."""

    url: str = ""
    projects: dict[int, dict[str, Any]] = field(default_factory=dict)
    tasks: dict[int, dict[str, Any]] = field(default_factory=dict)
    storages: list[dict[str, Any]] = field(default_factory=list)
    webhooks: dict[int, dict[str, Any]] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    lock: threading.RLock = field(default_factory=threading.RLock)
    people: tuple[int, ...] = (1, 2, 3)
    clock: int = 0
    ids: int = 0

    def now(self) -> str:
        """Every change has its own moment, an hour after the one before."""
        self.clock += 1
        return f"2026-01-{1 + self.clock // 24 % 28:02}T{self.clock % 24:02}:00:00.{self.clock:06}Z"

    def number(self) -> int:
        self.ids += 1
        return self.ids

    def answer(self, task: int, result: list[dict[str, Any]], user: int | None = 1, **values: Any) -> dict[str, Any]:
        """A submitted annotation."""
        made = {"id": self.number(), "completed_by": user, "result": result, "was_cancelled": False, "lead_time": 8.0}
        made |= {"updated_at": self.now(), **values}
        self.tasks[task]["annotations"].append(made)
        self.tasks[task]["updated_at"] = self.now()
        return made

    def shown(self, task: dict[str, Any]) -> dict[str, Any]:
        answers = task["annotations"]
        cancelled = sum(a["was_cancelled"] for a in answers)
        return task | {"total_annotations": len(answers) - cancelled, "cancelled_annotations": cancelled}

    def handle(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> Any:
        """The answer to a request; an int is a status without a body."""
        part = [p for p in path.split("/") if p][1:]
        match method, part:
            case "GET", ["current-user", "whoami"]:
                return {"id": 1, "email": "one@example.org"}
            case "GET", ["users"]:
                return [{"id": n, "email": f"{n}@example.org"} for n in self.people]
            case "GET", ["projects"]:
                shown = [self.project(p) for p in self.projects] if query.get("page", ["1"]) == ["1"] else []
                return {"count": len(self.projects), "next": None, "previous": None, "results": shown}
            case "POST", ["projects"]:
                id_ = self.number()
                self.projects[id_] = {"id": id_, "created_at": self.now(), **body}
                return self.project(id_)
            case "GET" | "PATCH", ["projects", id_]:
                if int(id_) not in self.projects:
                    return 404
                self.projects[int(id_)] |= body or {}
                return self.project(int(id_))
            case "GET", ["storages", "localfiles"]:
                return [s for s in self.storages if str(s["project"]) == query["project"][0]]
            case "POST", ["storages", "localfiles"]:
                self.storages.append({"id": self.number(), **body})
                return self.storages[-1]
            case "POST", ["projects", id_, "import"]:
                ids = [self.number() for _ in body]
                for task, number in zip(body, ids, strict=True):
                    made = {
                        "id": number,
                        "project": int(id_),
                        "annotations": [],
                        "drafts": [],
                        "updated_at": self.now(),
                    }
                    predictions = [{"id": self.number(), "task": number, **p} for p in task["predictions"]]
                    self.tasks[number] = made | {"data": task["data"], "predictions": predictions}
                return {"task_count": len(ids), "task_ids": ids}
            case "GET", ["tasks"]:
                return self.listing(query)
            case (("GET" | "PATCH" | "DELETE"), ["tasks", id_]):
                if int(id_) not in self.tasks:
                    return 404
                if method == "DELETE":
                    del self.tasks[int(id_)]
                    return 204
                if method == "PATCH":
                    self.tasks[int(id_)] |= body | {"updated_at": self.now()}
                return self.shown(self.tasks[int(id_)])
            case "GET", ["predictions"]:
                return self.tasks[int(query["task"][0])]["predictions"]
            case "POST", ["predictions"]:
                self.tasks[body["task"]]["predictions"].append({"id": self.number(), **body})
                return self.tasks[body["task"]]["predictions"][-1]
            case "DELETE", ["predictions", id_]:
                for task in self.tasks.values():
                    task["predictions"] = [p for p in task["predictions"] if p["id"] != int(id_)]
                return 204
            case "GET", ["projects", id_, "export"]:
                asked = {int(i) for i in query.get("ids[]", query.get("ids", []))}
                return [t for n, t in self.tasks.items() if n in asked and t["annotations"]]
            case "GET", ["webhooks"]:
                return list(self.webhooks.values())
            case "POST", ["webhooks"]:
                id_ = self.number()
                self.webhooks[id_] = {"id": id_, **body}
                return self.webhooks[id_]
            case "DELETE", ["webhooks", id_]:
                self.webhooks.pop(int(id_), None)
                return 204
        raise AssertionError(f"the stand-in knows no {method} {path}")

    def project(self, id_: int) -> dict[str, Any]:
        tasks = [self.shown(t) for t in self.tasks.values() if t["project"] == id_]
        answered = sum(t["total_annotations"] > 0 for t in tasks)
        return self.projects[id_] | {"task_number": len(tasks), "num_tasks_with_annotations": answered}

    def listing(self, query: dict[str, list[str]]) -> dict[str, Any]:
        asked = json.loads(query.get("query", ["{}"])[0])
        found = [self.shown(t) for t in self.tasks.values() if str(t["project"]) == query["project"][0]]
        for f in asked.get("filters", {}).get("items", []):
            column, value = f["filter"].rsplit(":", 1)[1], f["value"]
            found = [t for t in found if (str(t[column]) in value if f["operator"] == "in_list" else t[column] > value)]
        if asked.get("ordering") == ["-tasks:updated_at"]:
            found.sort(key=lambda t: t["updated_at"], reverse=True)
        if "annotators" in query.get("include", [""])[0]:
            found = [t | {"annotators": sorted({a["completed_by"] for a in t["annotations"]})} for t in found]
        size, page = int(query["page_size"][0]), int(query.get("page", ["1"])[0])
        return {"tasks": found[(page - 1) * size : page * size], "total": len(found), "total_annotations": 0,
                "total_predictions": 0}  # fmt: skip


@contextmanager
def serving() -> Iterator[Desk]:
    """The stand-in on a free port of this machine."""
    desk = Desk()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do(self) -> None:
            url = urlparse(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path = url.path.rstrip("/")
            with desk.lock:
                desk.requests.append(f"{self.command} {path}")
                fault = next((f for f in desk.faults if f.times > 0 and f.method == self.command
                              and re.fullmatch(f.path, path)), None)  # fmt: skip
                if fault:
                    fault.times -= 1
                refused = self.headers.get("Authorization") != f"Token {TOKEN}"
                answer: Any = 401 if refused else None
                if not refused and (not fault or fault.after or (fault.status == 200 and fault.body is None)):
                    answer = desk.handle(self.command, path, parse_qs(url.query), body)
            if fault:
                time.sleep(fault.delay_s)
            status, sent = 200, b"{}"
            if fault and (fault.status != 200 or fault.body is not None):
                status, sent = fault.status, fault.body if fault.body is not None else b"{}"
            elif isinstance(answer, int):
                status = answer
            else:
                sent = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(0 if status == 204 else len(sent)))
            self.end_headers()
            if status != 204:
                self.wfile.write(sent)

        do_GET = do_POST = do_PATCH = do_DELETE = do

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            """A client that was killed, or has stopped waiting."""

    server = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
