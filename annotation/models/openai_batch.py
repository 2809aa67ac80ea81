"""OpenAI's batch interface: files, /v1/batches, an output and an error file."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from annotation.models.batch import Result, State
from annotation.models.openai import OpenAI
from annotation.models.providers import Request, Transient
from schemas.errors import DefectoryError

ENDED = {"failed", "completed", "expired", "cancelled"}
BUSY = {"token_limit_exceeded", "request_limit_exceeded", "rate_limit_exceeded"}


class OpenAIBatches:
    most_requests = 50_000
    most_bytes = 190_000_000

    def __init__(self, provider: OpenAI):
        self._provider = provider

    def line(self, key: str, request: Request) -> bytes:
        body = self._provider.body(request)
        return json.dumps(
            {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}, ensure_ascii=True
        ).encode()

    async def send(self, name: str, model: str, file: Path) -> str:
        with file.open("rb") as stream:
            async with self._provider.speaking(model) as client:
                uploaded = await client.files.create(file=(f"{name}.jsonl", stream), purpose="batch")
        async with self._provider.speaking(model) as client:
            batch = await client.batches.create(
                completion_window="24h", endpoint="/v1/chat/completions", input_file_id=uploaded.id,
                metadata={"defectory": name},
            )  # fmt: skip
        return str(batch.id)

    async def find(self, name: str) -> str | None:
        async with self._provider.speaking("batches") as client:
            async for batch in client.batches.list(limit=100):
                if (batch.metadata or {}).get("defectory") == name:
                    return str(batch.id)
        return None

    async def state(self, remote: str) -> State:
        async with self._provider.speaking("batches") as client:
            batch = await client.batches.retrieve(remote)
        errors = (batch.errors.data if batch.errors else None) or []
        note = "; ".join(f"{e.code}: {self._provider.said(e.message)}" for e in errors[:3])
        failed, counts = batch.status == "failed", batch.request_counts
        return State(
            batch.status in ENDED, (note or "no reason given") if failed else "",
            failed and any(e.code in BUSY for e in errors), batch.status,
            counts.completed + counts.failed if counts else None,
        )  # fmt: skip

    async def results(self, remote: str) -> AsyncIterator[Result]:
        async with self._provider.speaking("batches") as client:
            batch = await client.batches.retrieve(remote)
            for file in (batch.output_file_id, batch.error_file_id):
                if file:
                    async with client.files.with_streaming_response.content(file) as content:
                        async for line in content.iter_lines():
                            if line.strip():
                                yield self._result(line, batch.model or "")

    def _result(self, line: str, model: str) -> Result:
        from openai.types.chat import ChatCompletion

        try:
            entry = json.loads(line)
            key, reply, error = str(entry["custom_id"]), entry.get("response") or {}, entry.get("error") or {}
            status, body = reply.get("status_code"), reply.get("body") or {}
        except (ValueError, KeyError, TypeError, AttributeError) as e:
            what = f"unreadable line in a batch ({type(e).__name__})"
            return "", Transient(f"{self._provider.where}: {what}", billed=True)
        if status == 200:
            try:
                return key, self._provider.read(ChatCompletion.construct(**body))
            except (TypeError, AttributeError, ValueError) as e:
                return key, Transient(f"{self._provider.where}: unreadable answer ({type(e).__name__})", billed=True)
            except DefectoryError as e:
                return key, e
        if status is None:
            said = self._provider.said(error.get("message") or error.get("code") or "")
            return key, Transient(f"{self._provider.where}: {said}", billed=False)
        own: dict[str, Any] = body.get("error") or {}
        told = SimpleNamespace(
            status_code=int(status), body=own, message=str(own.get("message")), code=own.get("code"),
            param=own.get("param"), response=SimpleNamespace(headers={}),
        )  # fmt: skip
        return key, self._provider.explained(told, model or "batch")

    async def cancel(self, remote: str) -> None:
        async with self._provider.speaking("batches") as client:
            await client.batches.cancel(remote)
