"""What the stand-in server does with files and batches, in OpenAI's and in Gemini's words.

Every line of a batch is answered by the same script that answers online requests; a status other than 200 goes into
the error file. A batch ends when it has been looked at `looks` times.
"""

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Told = tuple[int, dict[str, str], bytes]
"""Status, headers, body."""
Answers = Callable[[dict[str, Any]], tuple[int, dict[str, Any]]]


@dataclass
class Job:
    number: int
    name: str
    lines: list[dict[str, Any]]
    looks: int
    state: str = "in_progress"
    output: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Desk:
    answer: Answers
    url: str = ""
    looks: int = 1
    """How often a batch is found under way before it is done."""
    expires_after: int | None = None
    """Lines of a batch that are answered before it expires; None for all."""
    refuses: str = ""
    """Why every batch fails; empty if none does."""
    drops: int = 0
    """So many submissions are taken, but their confirmations are lost on the way."""
    away: int = 0
    """So many looks at batches are answered 503."""
    garbles: int = 0
    """So many lines at the beginning of every file of results are cut short."""
    holds: bytes | None = None
    """What every file of results holds; None for the answers."""
    breaks: int = 0
    """So many bytes of every file are missing when its connection ends."""
    closed: int = 0
    """The status of all replies where there is no such interface; 0 where there is one."""
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: list[Job] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def handle(self, method: str, path: str, headers: Any, body: bytes) -> Told | None:
        """The reply to a request about files or batches; None for any other, and for a confirmation that gets lost."""
        with self.lock:
            path = path.split("?")[0]
            for pattern, act in ROUTES:
                if found := re.fullmatch(pattern, f"{method} {path}"):
                    if self.closed:
                        return _json({"detail": "not here"}, self.closed)
                    if self.away and method == "GET":
                        self.away -= 1
                        return _json({"error": {"code": 503, "message": "away"}}, 503)
                    return act(self, headers, body, *found.groups())
        return None

    def keep(self, data: bytes) -> str:
        name = f"file-{len(self.files)}"
        self.files[name] = data
        return name

    def results(self, lines: list[dict[str, Any]]) -> bytes:
        if self.holds is not None:
            return self.holds
        texts = [json.dumps(line) for line in lines]
        return "\n".join(t[: len(t) // 2 if n < self.garbles else None] for n, t in enumerate(texts)).encode()

    def start(self, name: str, file: str) -> Job:
        lines = [json.loads(line) for line in self.files[file].splitlines()]
        job = Job(len(self.jobs), name, lines, self.looks)
        if self.refuses:
            job.state = "failed"
        self.jobs.append(job)
        return job

    def look(self, job: Job) -> None:
        if job.state == "cancelling":
            self.end(job, "cancelled", len(job.lines) // 2)
        elif job.state == "in_progress":
            job.looks -= 1
            if job.looks < 0:
                few = self.expires_after is not None and self.expires_after < len(job.lines)
                self.end(job, "expired" if few else "completed", self.expires_after if few else len(job.lines))

    def end(self, job: Job, state: str, count: int | None) -> None:
        job.state = state
        for number, line in enumerate(job.lines):
            if number >= (count or 0):
                job.errors.append({**line, "late": True})
                continue
            status, reply = self.answer(line.get("body") or line.get("request"))
            (job.output if status == 200 else job.errors).append({**line, "status": status, "reply": reply})


def _openai_job(desk: Desk, job: Job) -> dict[str, Any]:
    ended = job.state in ("completed", "expired", "cancelled")
    files: dict[str, str | None] = {"output_file_id": None, "error_file_id": None}
    if ended and job.output:
        lines = [
            {"custom_id": e["custom_id"], "response": {"status_code": 200, "body": e["reply"]}, "error": None}
            for e in job.output
        ]
        files["output_file_id"] = f"out-{job.number}"
        desk.files[f"out-{job.number}"] = desk.results(lines)
    if ended and job.errors:
        lines = [
            {"custom_id": e["custom_id"], "response": None, "error": {"code": "batch_expired", "message": "too late"}}
            if "late" in e
            else {
                "custom_id": e["custom_id"],
                "response": {"status_code": e["status"], "body": e["reply"]},
                "error": None,
            }
            for e in job.errors
        ]
        files["error_file_id"] = f"err-{job.number}"
        desk.files[f"err-{job.number}"] = desk.results(lines)
    failed = sum("late" not in e for e in job.errors)
    done = len(job.output) if ended else len(job.lines) // (job.looks + 2)  # more of them at every look
    errors = {"object": "list", "data": [{"code": desk.refuses, "message": "as ordered"}]} if desk.refuses else None
    return {
        "id": f"batch-{job.number}", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "x",
        "completion_window": "24h", "status": job.state, "created_at": 0, "metadata": {"defectory": job.name},
        "errors": errors, "model": "gpt-4o", **files,
        "request_counts": {"total": len(job.lines), "completed": done, "failed": failed},
    }  # fmt: skip


def _json(body: object, status: int = 200, **headers: str) -> Told:
    return status, {"content-type": "application/json", **headers}, json.dumps(body).encode()


def _openai_upload(desk: Desk, headers: Any, body: bytes) -> Told:
    boundary = b"--" + headers["content-type"].split("boundary=")[1].encode()
    part = next(p for p in body.split(boundary) if b'name="file"' in p)
    data = part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n")
    name = desk.keep(data)
    return _json(
        {"id": name, "object": "file", "bytes": len(data), "created_at": 0, "filename": "x", "purpose": "batch"}
    )


def _openai_create(desk: Desk, headers: Any, body: bytes) -> Told | None:
    want = json.loads(body)
    job = desk.start(want["metadata"]["defectory"], want["input_file_id"])
    if desk.drops:
        desk.drops -= 1
        return None
    return _json(_openai_job(desk, job))


def _openai_get(desk: Desk, headers: Any, body: bytes, number: str) -> Told:
    if int(number) >= len(desk.jobs):
        return _json({"error": {"code": None, "message": "no such batch"}}, 404)
    desk.look(desk.jobs[int(number)])
    return _json(_openai_job(desk, desk.jobs[int(number)]))


def _openai_list(desk: Desk, headers: Any, body: bytes) -> Told:
    return _json({"object": "list", "data": [_openai_job(desk, j) for j in desk.jobs], "has_more": False})


def _openai_cancel(desk: Desk, headers: Any, body: bytes, number: str) -> Told:
    desk.jobs[int(number)].state = "cancelling"
    return _json(_openai_job(desk, desk.jobs[int(number)]))


def _content(desk: Desk, headers: Any, body: bytes, name: str) -> Told:
    data = desk.files[name]
    return 200, {"content-type": "application/octet-stream", "content-length": str(len(data) + desk.breaks)}, data


GEMINI = {
    "in_progress": "RUNNING", "cancelling": "RUNNING", "completed": "SUCCEEDED", "expired": "EXPIRED",
    "cancelled": "CANCELLED", "failed": "FAILED",
}  # fmt: skip


def _gemini_job(desk: Desk, job: Job) -> dict[str, Any]:
    about: dict[str, Any] = {"displayName": job.name, "state": f"BATCH_STATE_{GEMINI[job.state]}"}
    if job.output or job.errors:
        lines = [{"key": e["key"], "response": e["reply"]} for e in job.output]
        lines += [{"key": e["key"], "error": {"code": 13, "message": "late"}} for e in job.errors if "late" in e]
        lines += [
            {"key": e["key"], "error": {"code": e["status"], "message": "as ordered"}}
            for e in job.errors
            if "late" not in e
        ]
        desk.files[f"res-{job.number}"] = desk.results(lines)
        about["output"] = {"responsesFile": f"files/res-{job.number}"}
    return {"name": f"batches/b{job.number}", "metadata": about}


def _gemini_begin(desk: Desk, headers: Any, body: bytes) -> Told:
    return _json({}, **{"x-goog-upload-url": f"{desk.url}/upload/session", "x-goog-upload-status": "active"})


def _gemini_upload(desk: Desk, headers: Any, body: bytes) -> Told:
    return _json({"file": {"name": f"files/{desk.keep(body)}"}}, **{"x-goog-upload-status": "final"})


def _gemini_create(desk: Desk, headers: Any, body: bytes, model: str) -> Told | None:
    want = json.loads(body)["batch"]
    job = desk.start(want["displayName"], want["inputConfig"]["fileName"].removeprefix("files/"))
    if desk.drops:
        desk.drops -= 1
        return None
    return _json(_gemini_job(desk, job))


def _gemini_get(desk: Desk, headers: Any, body: bytes, number: str) -> Told:
    if int(number) >= len(desk.jobs):
        return _json({"error": {"code": 404, "message": "no such batch"}}, 404)
    desk.look(desk.jobs[int(number)])
    return _json(_gemini_job(desk, desk.jobs[int(number)]))


def _gemini_list(desk: Desk, headers: Any, body: bytes) -> Told:
    return _json({"operations": [_gemini_job(desk, j) for j in desk.jobs]})


def _gemini_cancel(desk: Desk, headers: Any, body: bytes, number: str) -> Told:
    desk.jobs[int(number)].state = "cancelling"
    return _json({})


ROUTES: list[tuple[str, Callable[..., Told | None]]] = [
    ("POST /files", _openai_upload),
    ("GET /files/([^/]+)/content", _content),
    ("POST /batches", _openai_create),
    ("GET /batches", _openai_list),
    (r"GET /batches/batch-(\d+)", _openai_get),
    (r"POST /batches/batch-(\d+)/cancel", _openai_cancel),
    (r"POST /upload/v1\w*/files", _gemini_begin),
    ("POST /upload/session", _gemini_upload),
    (r"GET /v1\w*/files/([^/:]+):download", _content),
    (r"POST /v1\w*/models/([^/:]+):batchGenerateContent", _gemini_create),
    (r"GET /v1\w*/batches", _gemini_list),
    (r"GET /v1\w*/batches/b(\d+)", _gemini_get),
    (r"POST /v1\w*/batches/b(\d+):cancel", _gemini_cancel),
]
