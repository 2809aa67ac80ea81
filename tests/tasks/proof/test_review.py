"""A release's review is recomputed from its rows: whatever of it is changed afterwards is found."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from schemas.arrow import from_dict
from schemas.rows import Batch, Verdict
from tasks.proof.verify import CHECKS, verify
from tasks.quality import rounds as quality
from tasks.release.export import release
from tests import factory
from tests.tasks.proof.test_verify import rewrite, save
from tests.tasks.release.test_draft import WANTED, judging

pytestmark = pytest.mark.whole

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def final(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that is no draft, of two quality rounds; one clip was rejected, and is not in it."""
    folder = tmp_path_factory.mktemp("proof")
    wanted = factory.recipe(review={"min_accepted": 0.9, "quality": WANTED.review.quality})
    unlucky = factory.samples(factory.build(folder / "plain", wanted))[3].id
    workspace = factory.build(folder / "ws", wanted, rejected=(unlucky,))
    factory.run(judging(2), workspace, wanted)
    made = release(workspace, wanted)
    assert not made.draft and made.counts["left_out"] == 1
    return made.path


@pytest.fixture
def folder(final: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(final, tmp_path / final.name))


def said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in CHECKS.keys() - {"review"}:
        monkeypatch.delitem(CHECKS, name)
    (check,) = verify(folder)
    return "" if check.ok else check.detail


def of_quality(rows: Rows) -> dict[str, Any]:
    return next(r for r in rows if r["batch"] is not None)


def accept_what_was_rejected(rows: Rows) -> None:
    verdict = of_quality(rows)
    verdict |= {"verdict": "rejected", "findings": ["complete"]}


def seal_what_was_changed(rows: Rows) -> None:
    accept_what_was_rejected(rows)
    verdict = of_quality(rows)
    verdict["id"] = quality.verdict_id(from_dict(Verdict, verdict))


def judge_oneself(rows: Rows) -> None:
    verdict = of_quality(rows)
    verdict["reviewer"] = "reviewer-1"
    verdict["id"] = quality.verdict_id(from_dict(Verdict, verdict))


def change_a_plain_one(rows: Rows) -> None:
    next(r for r in rows if r["batch"] is None)["verdict"] = "corrected"


def withdraw_an_acceptance(rows: Rows) -> None:
    row = next(r for r in rows if r["author_kind"] == "person" and r["task"] == "caption")
    row["status"] = "rejected"


def forget_an_answer(rows: Rows) -> None:
    rows.remove(next(r for r in rows if r["author_kind"] == "person" and r["task"] == "caption"))


def draw_other_samples(rows: Rows) -> None:
    batch = next(r for r in rows if r["kind"] == "quality")
    work = next(r for r in rows if r["id"] == batch["parent"])
    batch["samples"] = sorted(set(work["samples"]) - set(batch["samples"]))[: len(batch["samples"])]
    batch["id"] = quality.batch_id(from_dict(Batch, batch))


def draw_with_another_seed(rows: Rows) -> None:
    batch = next(r for r in rows if r["kind"] == "quality")
    batch["settings"] = json.dumps(json.loads(batch["settings"]) | {"seed": 8})
    batch["id"] = quality.batch_id(from_dict(Batch, batch))


def change_a_reason(rows: Rows) -> None:
    next(r for r in rows if r["kind"] == "annotation")["reason"] = "another"


@pytest.mark.parametrize(
    ("table", "change", "says"),
    [
        ("verdicts", accept_what_was_rejected, "is not what reviewer-"),
        ("verdicts", seal_what_was_changed, "its verdicts say 1 of"),
        ("verdicts", judge_oneself, "is by reviewer-1, who had worked on it"),
        ("verdicts", change_a_plain_one, "says corrected, and no annotation of its reviewer does"),
        ("annotations", withdraw_an_acceptance, "says accepted, and no annotation of its reviewer does"),
        ("annotations", forget_an_answer, "14 samples are said to be judged; by the rows 12 are"),
        ("batches", draw_other_samples, "holds other samples than the seed 7 draws"),
        ("batches", draw_with_another_seed, "was not drawn with the seed 7"),
        ("batches", change_a_reason, "is not what was given out under this id"),
    ],
    ids=lambda v: v.__name__ if callable(v) else "",
)
def test_what_was_changed_afterwards_is_found(
    table: str, change: Callable[[Rows], None], says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(folder, table, change)
    assert says in said(folder, monkeypatch)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda stated: stated["gate"].update(passed=False), "is said to have failed, its counts say otherwise"),
        (lambda stated: stated["gate"].update(clips=20), "is said to be over 20 samples; 13 are here, 1 rejected"),
        (lambda stated: stated["settings"].update(annotators=2), "by the rows 0 are"),
        (lambda stated: stated["outcomes"].pop(), "are not those of the batches in the release"),
        (lambda stated: stated["outcomes"][0].update(errors=4), "4 of"),
        (lambda stated: stated.update(rounds=False), "has not passed"),
        (lambda stated: stated.update(seed=8), "was not drawn with the seed 8"),
        (lambda stated: stated.clear(), "cannot be read"),
    ],
)
def test_what_is_stated_has_to_follow_from_the_rows(
    change: Callable[[dict[str, Any]], None], says: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "manifest" / "batches.parquet"
    table = pq.read_table(file)
    stated = json.loads(table.schema.metadata[b"defectory.review"])
    change(stated)
    save(
        table.replace_schema_metadata(table.schema.metadata | {b"defectory.review": json.dumps(stated).encode()}), file
    )
    assert says in said(folder, monkeypatch)


def test_an_untouched_release_holds(final: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(final, monkeypatch) == ""
