"""What OpenAI's batch interface makes of files of results, however odd, and of servers that have no such interface."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from annotation.models.batch import Result
from annotation.models.openai import OpenAI
from annotation.models.openai_batch import OpenAIBatches, lines
from annotation.models.providers import Answer, Transient, Unanswerable, opened
from schemas.errors import DefectoryError
from tests.annotation.models.batchdesk import Job
from tests.annotation.models.standin import TEXT, Reply, StandIn, openai_answer, standin


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret-0123456789")


def results(file: str, breaks: int = 0) -> list[Result]:
    """What is made of a file of results."""

    async def read(server: StandIn) -> list[Result]:
        async with opened("openai", server.url) as p:
            assert isinstance(p, OpenAI)
            return [r async for r in OpenAIBatches(p).results("batch-0")]

    with standin(lambda n, body: Reply()) as server:
        server.desk.holds, server.desk.breaks = file.encode(), breaks
        server.desk.jobs.append(Job(0, "ours", [], 0, "completed", [{"custom_id": "k", "reply": {}}]))
        return asyncio.run(read(server))


def line(key: str, status: Any = 200, body: Any = None, error: Any = None) -> str:
    response = {"status_code": status, "body": openai_answer() if body is None else body}
    return json.dumps({"custom_id": key, "response": response, "error": error}, ensure_ascii=False)


def test_every_line_is_an_answer_or_says_why_there_is_none() -> None:
    late = json.dumps({"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "too late"}})
    bad = line("b", 400, {"error": {"message": "bad image", "code": None, "param": None}})
    (one, answer), (two, refused), (three, failed) = results("\n".join([line("a"), bad, late]))
    assert (one, answer) == ("a", Answer(TEXT, "stop", "gpt-4o-2024-08-06", 900, 40))
    assert two == "b" and isinstance(refused, Unanswerable) and refused.said == "400 bad image"
    assert three == "c" and isinstance(failed, Transient) and str(failed).endswith(": too late")


@pytest.mark.parametrize(
    ("odd", "says", "billed"),
    [
        (line("odd", 502, "<html>502 Bad\nGateway</html>"), "502 <html>502 Bad Gateway</html>", False),
        (line("odd", 500, {"error": "overloaded"}), "500 overloaded", False),
        (line("odd", 500, {"error": None}), "500 no reason given", False),
        (line("odd", 500, ["overloaded"]), '500 ["overloaded"]', False),
        (line("odd", "soon", error="overloaded"), "overloaded", True),
        (line("odd", 200, "<html>"), "an answer without a choice (no reason given)", True),
        (line("odd", 200, {"choices": ["odd"]}), "an answer without a choice (no reason given)", True),
        ('{"custom_id": "odd", "response": "<html>", "error": {"code": 7}}', '{"code": 7}', True),
        ('{"custom_id": "odd", "error": "overloaded"}', "overloaded", False),
        ('{"custom_id": "odd"}', "no reason given", False),
    ],
)
def test_an_odd_line_is_a_failure_of_its_own_request(odd: str, says: str, billed: bool) -> None:
    found = dict(results("\n".join([line("a"), odd, line("b")])))
    assert isinstance(found["a"], Answer) and isinstance(found["b"], Answer)
    failed = found["odd"]
    assert isinstance(failed, Transient) and str(failed).endswith(f": {says}")
    assert failed.billed is billed


@pytest.mark.parametrize("odd", ["{", "[]", "7", '"odd"', "{}", "[" * 100_000])
def test_a_line_without_a_key_stops_no_other(odd: str) -> None:
    (one, _), (none, failed), (two, _) = results("\n".join([line("a"), odd, line("b")]))
    assert (one, none, two) == ("a", "", "b")
    assert isinstance(failed, Transient) and "unreadable line in a batch" in str(failed)


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_other_ends_of_lines_may_stand_in_an_answer(end: str) -> None:
    ((key, answer),) = results(line("a", body=openai_answer(f"A scratch.{end}It is dark.")) + "\n")
    assert key == "a" and isinstance(answer, Answer) and answer.text == f"A scratch.{end}It is dark."


def test_lines_come_whole_however_they_are_cut_on_the_way() -> None:
    async def cut() -> AsyncIterator[bytes]:
        for chunk in (b"on", b"e\ntw", b"o\n\nthree\nfo", b"ur"):
            yield chunk

    async def whole() -> list[bytes]:
        return [line async for line in lines(cut())]

    assert asyncio.run(whole()) == [b"one", b"two", b"", b"three", b"four"]


def test_a_file_of_results_that_breaks_off_is_read_another_time() -> None:
    with pytest.raises(Transient, match="the connection failed"):
        results(line("a"), breaks=10)


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_batches_says_what_to_set(status: int, tmp_path: Path) -> None:
    file = tmp_path / "batch.jsonl"
    file.write_text(line("a"))

    async def send(server: StandIn) -> None:
        async with opened("openai", server.url) as p:
            assert isinstance(p, OpenAI)
            await OpenAIBatches(p).send("ours", "gpt-4o", file)

    with standin(lambda n, body: Reply()) as server:
        server.desk.closed = status
        with pytest.raises(DefectoryError, match=r"has no batch interface; .* --set caption.batch=false$"):
            asyncio.run(send(server))
