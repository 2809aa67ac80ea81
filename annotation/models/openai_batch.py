"""OpenAI's batch interface: files, /v1/batches, an output and an error file."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from annotation.models.batch import Result, State
from annotation.models.openai import OpenAI, parsed, worded
from annotation.models.providers import NotThere, Request, Transient
from schemas.errors import DefectoryError

ENDED = {"failed", "completed", "expired", "cancelled"}
BUSY = {"token_limit_exceeded", "request_limit_exceeded", "rate_limit_exceeded"}


async def lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The lines of JSONL. Only a newline ends one: the other ends that Unicode knows may stand in JSON's texts."""
    begun = b""
    async for chunk in chunks:
        *whole, begun = (begun + chunk).split(b"\n")
        for line in whole:
            yield line
    yield begun


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
            async with self._submitting(model) as client:
                uploaded = await client.files.create(file=(f"{name}.jsonl", stream), purpose="batch")
        async with self._submitting(model) as client:
            batch = await client.batches.create(
                completion_window="24h", endpoint="/v1/chat/completions", input_file_id=uploaded.id,
                metadata={"defectory": name},
            )  # fmt: skip
        return str(batch.id)

    @asynccontextmanager
    async def _submitting(self, model: str) -> AsyncIterator[Any]:
        """The client. What is not there when a batch is submitted is the interface, not the model."""
        try:
            async with self._provider.speaking(model) as client:
                yield client
        except NotThere:
            raise DefectoryError(
                f"{self._provider.where}: has no batch interface; ask online with --set caption.batch=false"
            ) from None

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
        note = "; ".join(self._provider.said(f"{e.code}: {e.message}") for e in errors[:3])
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
                        async for line in lines(content.iter_bytes()):
                            if line.strip():
                                yield self._result(line, batch.model or "")

    def _result(self, line: bytes, model: str) -> Result:
        where = self._provider.where
        try:
            entry = parsed(line.decode(errors="replace"))
            key, reply = str(entry.custom_id), getattr(entry, "response", None)
        except (ValueError, AttributeError) as e:
            return "", Transient(f"{where}: unreadable line in a batch ({type(e).__name__})", billed=True)
        status, body = getattr(reply, "status_code", None), getattr(reply, "body", None)
        if status == 200:
            try:
                return key, self._provider.read(body)
            except DefectoryError as e:
                return key, e
        if isinstance(status, int):
            return key, self._provider.explained(status, body, model or "batch")
        said = self._provider.said(worded(getattr(entry, "error", None)))
        return key, Transient(f"{where}: {said}", billed=reply is not None)

    async def cancel(self, remote: str) -> None:
        async with self._provider.speaking("batches") as client:
            await client.batches.cancel(remote)
