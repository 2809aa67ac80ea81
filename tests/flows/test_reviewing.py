"""What `defectory review` tells a Prefect server of, and that it needs none."""

from pathlib import Path

import pytest

from flows.commands.reviewing import _tell
from schemas.digests import digest
from schemas.rows import Batch, Verdict
from tasks.quality.rounds import FINDINGS, made
from tasks.reannotation.run import reannotation
from tasks.review.pull import review
from tasks.stage import Shard, execute
from tasks.workspace import Workspace
from tests import factory

RECIPE = factory.recipe(review={"quality": {"rounds": 1, "semantic": 1.0}})


@pytest.fixture
def failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A workspace with a batch of one sample, which was found wrong."""
    monkeypatch.setenv("DEFECTORY_HOME", str(tmp_path / "services"))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    workspace = Workspace.create(tmp_path / "ws")
    workspace.keep_recipe(RECIPE)
    work = made(kind="annotation", task="caption", round=1, samples=["s1"], settings="{}")
    judging = made(kind="quality", task="caption", round=1, samples=["s1"], parent=work.id, population=1,
                   settings='{"kind": "semantic"}')  # fmt: skip
    said = {"sample": "s1", "annotation": None, "task": "caption", "round": 1, "reviewer": "reviewer-2",
            "batch": judging.id, "verdict": "rejected", "findings": [FINDINGS["semantic"][0]]}  # fmt: skip
    verdict = Verdict(id=digest(said), **said)
    for stage, rows in ((reannotation, (work, judging)), (review, (verdict,))):
        shard = Shard("s", items=rows)
        execute(stage, workspace, RECIPE, shard)
        workspace.point(stage.name, [stage.ref(RECIPE, shard)])
    return workspace


def test_without_a_server_nothing_is_said(failed: Workspace) -> None:
    assert _tell(failed) == []


def test_a_server_that_is_away_is_named_and_the_pull_stands(failed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    (told,) = _tell(failed)
    assert "nobody was told of failed quality rounds: PREFECT_API_URL http://127.0.0.1:9/api" in told


def test_a_server_is_told_of_every_failed_batch(failed: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows import environment, events

    emitted: list[dict[str, object]] = []
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    monkeypatch.setattr(environment, "prepare", lambda debug: None)
    monkeypatch.setattr(events, "emit_event", lambda **said: emitted.append(said))
    (work,) = [b for b in failed.rows(Batch) if b.kind == "annotation"]
    assert _tell(failed) == [f"batch {work.id}: failed its quality rounds"]
    (event,) = emitted
    assert event["event"] == "defectory.quality.failed"
    _tell(failed)
    assert emitted[1]["id"] == event["id"]  # said twice, it is the same event
