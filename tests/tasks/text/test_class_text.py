"""Class-level text refined by a model, online and in batches, against a local stand-in server."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotation.asking.ledger import Ledger, url
from annotation.prompting import prompt
from schemas.recipe import Recipe
from schemas.rows import ClassDescription
from tasks.text import class_text as task
from tasks.text.class_text import class_text, settings
from tasks.workspace import Workspace
from tests import factory
from tests.annotation.models.standin import Reply, openai_answer, standin

pytestmark = pytest.mark.whole


def recipe(server: str, batch: bool) -> Recipe:
    objects = [{"builtin": "vase0", "category": "vase", "normal": 0, "defects": ["bulge", "hole"]}]
    wanted = {"provider": "openai", "base_url": server, "budget_usd": 1.0, "batch": batch}
    return factory.recipe(objects=objects, caption={**wanted, "class_text": {"refine": True, "answers": 2}})


@pytest.mark.parametrize(
    "changed",
    [
        {"base_url": "http://elsewhere/v1"}, {"temperature": 0.1}, {"max_similarity": 0.5}, {"encoder": "other"},
        {"class_text": {"refine": True, "answers": 3}},
    ],
    ids=lambda changed: next(iter(changed)),
)  # fmt: skip
def test_what_refines_a_text_is_in_the_fingerprint_where_texts_are_refined(changed: dict[str, Any]) -> None:
    def both(**asked: Any) -> list[Any]:
        return [
            settings(factory.recipe(caption={"provider": "openai", **asked, "class_text": text}))
            for text in (asked.get("class_text", {"refine": True, "answers": 2}), {})
        ]

    (before, plain), (after, plain_after) = both(), both(**changed)
    assert before != after and plain == plain_after


def test_the_words_that_classes_are_asked_with_are_in_the_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = factory.recipe(caption={"provider": "openai", "class_text": {"refine": True}})
    before = settings(wanted)
    monkeypatch.setattr(task, "prompt", lambda name: "Otherwise." if name == "class-merge" else prompt(name))
    assert settings(wanted) != before


def answer(_: int, body: dict[str, Any]) -> Reply:
    asked = body["messages"][1]["content"][0]["text"]
    merged = json.dumps({"attributes": ["a smooth rise"], "causes": ["a worn die"]})
    return Reply(openai_answer(merged if "response_format" in body else f"{asked[:40]}: shiny."))


@pytest.mark.parametrize("batch", [False, True])
def test_all_classes_are_refined_at_once(batch: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rounds of batches however many classes there are: the short answers, then what merges them."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    monkeypatch.setattr("annotation.asking.batches.FIRST_POLL_S", 0.01)
    made = Workspace.create(tmp_path / "ws")
    with standin(answer) as server:
        factory.run(factory.render, made, recipe(server.url, batch))
        factory.run(class_text, made, recipe(server.url, batch))
        assert len(server.requests) == 2 * (3 * 2 + 1)
        assert [len(j.lines) for j in server.desk.jobs] == ([12, 2] if batch else [])
    rows = list(made.rows(ClassDescription, made.current("class_text")))
    assert [(r.label, r.author_kind) for r in rows] == [
        ("bulge", "rule"), ("hole", "rule"), ("bulge", "model"), ("hole", "model"),
    ]  # fmt: skip
    assert all(r.attributes == ["a smooth rise"] for r in rows if r.author_kind == "model")
    assert sum(r.cost_usd for r in rows) == pytest.approx(Ledger(url(made.root)).spending().spent)
