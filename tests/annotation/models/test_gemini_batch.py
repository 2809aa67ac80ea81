"""What Gemini's batch interface makes of files of results, however odd."""

import asyncio
import json
from typing import Any

import pytest

from annotation.models.batch import Result
from annotation.models.gemini import Gemini
from annotation.models.gemini_batch import GeminiBatches
from annotation.models.providers import Answer, Transient, Unanswerable, opened
from schemas.errors import DefectoryError
from tests.annotation.models.batchdesk import Job
from tests.annotation.models.standin import TEXT, Reply, StandIn, gemini_answer, standin


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "AIza-very-secret-0123456789")


def results(*entries: Any) -> list[Result]:
    """What is made of a file of results with these entries."""

    async def read(server: StandIn) -> list[Result]:
        async with opened("gemini", server.url) as p:
            assert isinstance(p, Gemini)
            return [r async for r in GeminiBatches(p).results("batches/b0")]

    with standin(lambda n, body: Reply()) as server:
        server.desk.holds = "\n".join(json.dumps(e, ensure_ascii=False) for e in entries).encode()
        server.desk.jobs.append(Job(0, "ours", [], 0, "completed", [{"key": "k", "reply": {}}]))
        return asyncio.run(read(server))


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\u2029"])
def test_other_ends_of_lines_may_stand_in_an_answer(end: str) -> None:
    ((_, answer),) = results({"key": "a", "response": gemini_answer(f"A scratch.{end}It is dark.")})
    assert isinstance(answer, Answer) and answer.text == f"A scratch.{end}It is dark."


def test_an_entry_that_the_client_does_not_know_yet_makes_no_answer_unreadable() -> None:
    new = gemini_answer()
    new["brandNew"] = new["candidates"][0]["brandNew"] = new["usageMetadata"]["brandNew"] = 1
    assert results({"key": "a", "response": new}) == [("a", Answer(TEXT, "stop", "gemini-2.5-flash-001", 900, 40))]


@pytest.mark.parametrize(
    ("odd", "error", "says"),
    [
        ({"response": "<html>"}, Transient, "unreadable answer"),
        ({"response": {"candidates": "odd"}}, Transient, "unreadable answer"),
        ({"error": "overloaded"}, Transient, "500 overloaded"),
        ({"error": {"code": "x", "message": ["odd"]}}, Transient, "500"),
        ({"error": {"code": [8], "message": "too many"}}, Transient, "500 too many"),
        ({"error": {"code": 8, "message": "too many"}}, Transient, "429 too many"),
        ({"error": {"code": 3, "message": "bad image"}}, Unanswerable, "refused this request"),
        ({}, Transient, "500"),
    ],
)
def test_an_odd_line_is_a_failure_of_its_own_request(odd: dict[str, Any], error: type[Exception], says: str) -> None:
    good = {"response": gemini_answer()}
    found = dict(results({"key": "a", **good}, {"key": "odd", **odd}, {"key": "b", **good}))
    assert isinstance(found["a"], Answer) and isinstance(found["b"], Answer)
    assert isinstance(found["odd"], error) and says in str(found["odd"])


def test_an_account_that_is_not_served_is_no_fault_of_a_line() -> None:
    error = {"code": 400, "status": "FAILED_PRECONDITION", "message": "User location is not supported"}
    ((_, failed),) = results({"key": "a", "error": error})
    assert isinstance(failed, DefectoryError) and not isinstance(failed, Transient | Unanswerable)
