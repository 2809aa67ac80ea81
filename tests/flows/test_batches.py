"""What is told of batches while they are waited for, and by `status`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from annotation.asking import batchbook, ledger
from annotation.asking.batchbook import Batch
from annotation.asking.ledger import Ledger
from annotation.models.batch import State
from flows import cli
from flows.batches import line, news, watched
from flows.progress import Silent, reporting_to
from tasks.workspace import Workspace
from tests import factory

ASKED = factory.recipe(caption={"provider": "openai"})
BATCH = Batch(
    "defectory-1", "openai", "", "gpt-4o", "sent", "batch_1", "me", 0.0, size=31112, sent_at=1.0e9, state=None,
    done=None, seen_at=None,
)  # fmt: skip


def test_a_line_says_how_a_batch_stands() -> None:
    running = replace(BATCH, state="in_progress", done=12000)
    about = "openai gpt-4o: batch batch_1 of 31,112 requests"
    assert line(BATCH) == f"{about} submitted 2001-09-09 01:46 UTC"
    assert line(running) == f"{about} is in_progress, 12,000 of 31,112 done; waiting since 2001-09-09 01:46 UTC"
    assert line(replace(running, done=None)) == f"{about} is in_progress; waiting since 2001-09-09 01:46 UTC"
    assert (
        line(replace(running, status="done", state="expired", done=5))
        == f"{about} has ended: expired, 5 of 31,112 done"
    )


def test_a_day_of_looks_makes_few_lines() -> None:
    """One at the beginning, one per tenth, one at the end; nothing where nothing changed."""
    known: dict[str, tuple[object, ...]] = {}
    states = [replace(BATCH, state="in_progress", done=n) for n in range(0, 31112, 20)]
    told = [said for batch in states for said in (*news(known, [batch]), *news(known, [batch]))]
    assert len(told) == 10
    assert len(list(news(known, [replace(states[-1], status="done", state="completed")]))) == 1


class Heard(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def submitted(workspace: Workspace) -> tuple[Ledger, str]:
    book = Ledger(ledger.url(workspace.root))
    name = batchbook.begin(book, "openai", "", "gpt-4o")
    batchbook.mark(book, name, "sending", size=4, sent_at=1.0e9)
    batchbook.mark(book, name, "sent", remote="batch_7")
    return book, name


def test_a_stage_tells_of_the_batches_that_others_look_at(tmp_path: Path) -> None:
    workspace, heard = Workspace.create(tmp_path / "ws"), Heard()
    with reporting_to(heard), watched("caption", workspace, ASKED):
        book, name = submitted(workspace)
        batchbook.saw(book, name, State(True, said="completed", done=4))
        batchbook.close(book, name, False, "")
    assert heard.lines[-1] == "caption: openai gpt-4o: batch batch_7 of 4 requests has ended: completed, 4 of 4 done"
    with reporting_to(again := Heard()), watched("caption", workspace, ASKED):
        pass
    assert not again.lines  # what ended before is no news


def test_status_names_open_batches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace.create(tmp_path / "ws")
    workspace.keep_recipe(ASKED)
    book, name = submitted(workspace)
    batchbook.saw(book, name, State(False, said="in_progress", done=1))

    def status(*options: str) -> str:
        with pytest.raises(SystemExit):
            cli.main(["status", str(workspace.root), *options])
        return capsys.readouterr().out

    assert "batch     openai gpt-4o: batch batch_7 of 4 requests is in_progress, 1 of 4 done; waiting since" in status()
    (told,) = json.loads(status("--json"))["batches"]
    assert told.pop("seen") >= "2026"
    assert told == {
        "provider": "openai", "model": "gpt-4o", "batch": "batch_7", "requests": 4, "state": "in_progress", "done": 1,
        "submitted": "2001-09-09T01:46:40+00:00",
    }  # fmt: skip
    batchbook.close(book, name, False, "")
    assert "batch  " not in status() and json.loads(status("--json"))["batches"] == []
