"""Gemini's batch interface over google-genai: an uploaded file of requests, a job, a file of responses."""

import base64
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from annotation.models.batch import Result, State
from annotation.models.gemini import Gemini, thinking
from annotation.models.providers import Request, Transient
from schemas.errors import DefectoryError

ENDED = {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED"}
STATUS = {3: 400, 5: 404, 7: 403, 8: 429, 16: 401}
"""HTTP statuses of the codes that lines carry, as far as they differ from "try again"."""


class GeminiBatches:
    most_requests = 50_000
    most_bytes = 1_900_000_000

    def __init__(self, provider: Gemini):
        self._provider = provider

    def line(self, key: str, request: Request) -> bytes:
        parts: list[dict[str, Any]] = [{"text": request.prompt}]
        for image in request.images:
            kind = "image/png" if image.startswith(b"\x89PNG") else "image/jpeg"
            parts.append({"inlineData": {"mimeType": kind, "data": base64.b64encode(image).decode()}})
        config: dict[str, Any] = {"maxOutputTokens": request.max_tokens}
        if request.temperature is not None:
            config["temperature"] = request.temperature
        if request.schema is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": request.schema}
        if not thinking(request.model):
            config["thinkingConfig"] = {"thinkingBudget": 0}
        body = {
            "contents": [{"role": "user", "parts": parts}],
            "systemInstruction": {"parts": [{"text": request.system}]},
            "generationConfig": config,
        }
        return json.dumps({"key": key, "request": body}, ensure_ascii=True).encode()

    async def send(self, name: str, model: str, file: Path) -> str:
        from google.genai import types

        async with self._provider.speaking(model) as client:
            kind = types.UploadFileConfig(display_name=name, mime_type="application/jsonl")
            uploaded = await client.files.upload(file=file, config=kind)
        async with self._provider.speaking(model) as client:
            job = await client.batches.create(
                model=model, src=uploaded.name, config=types.CreateBatchJobConfig(display_name=name)
            )
        return str(job.name)

    async def find(self, name: str) -> str | None:
        async with self._provider.speaking("batches") as client:
            async for job in await client.batches.list():
                if job.display_name == name:
                    return str(job.name)
        return None

    async def state(self, remote: str) -> State:
        async with self._provider.speaking("batches") as client:
            job = await client.batches.get(name=remote)
        status = job.state.name.removeprefix("JOB_STATE_") if job.state else ""
        said = self._provider.said(job.error.message if job.error else "")
        # Google's client leaves out how many of its requests are done.
        return State(status in ENDED, (said or "no reason given") if status == "FAILED" else "", said=status.lower())

    async def results(self, remote: str) -> AsyncIterator[Result]:
        async with self._provider.speaking("batches") as client:
            job = await client.batches.get(name=remote)
            if job.dest is None or not job.dest.file_name:
                return
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "responses.jsonl"
                await client.files.download(file=job.dest.file_name, destination=file)
                with file.open(encoding="utf-8", errors="replace") as lines:
                    for line in lines:
                        if line.strip():
                            yield self._result(line, job.model or "batch")

    def _result(self, line: str, model: str) -> Result:
        from google.genai import types

        where = self._provider.where
        try:
            entry = json.loads(line)
            key, reply, error = str(entry["key"]), entry.get("response"), entry.get("error") or entry.get("status")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            return "", Transient(f"{where}: unreadable line in a batch ({type(e).__name__})", billed=True)
        if reply is not None:
            try:
                # As the client reads online: an entry that it does not know yet makes no answer unreadable.
                known = types.GenerateContentResponse._from_response(response=reply, kwargs={})
                return key, self._provider.read(known)
            except (ValueError, AttributeError) as e:
                return key, Transient(f"{where}: unreadable answer ({type(e).__name__})", billed=True)
            except DefectoryError as e:
                return key, e
        own = error if isinstance(error, dict) else {"message": error}
        code = own.get("code")
        status = 500 if not isinstance(code, int) else code if code >= 100 else STATUS.get(code, 500)
        told = SimpleNamespace(
            code=status, message=own.get("message"), status=own.get("status"), details=own, response=None
        )
        return key, self._provider.explained(told, model)

    async def cancel(self, remote: str) -> None:
        async with self._provider.speaking("batches") as client:
            await client.batches.cancel(name=remote)
