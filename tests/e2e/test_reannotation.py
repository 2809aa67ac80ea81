"""Labelling again and waiting for people on a real Prefect server with a worker; no Label Studio, no Blender."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from annotation.labels import current
from flows import services
from schemas.digests import digest
from schemas.rows import Annotation, Batch, Row, Sample, Verdict, annotation
from tasks.quality import rounds as quality
from tasks.reannotation.run import reannotation
from tasks.review.pull import review
from tasks.stage import Shard, Stage, execute
from tasks.workspace import Workspace
from tests.e2e.asking import asking
from tests.e2e.command import PATIENCE_S, defectory

pytestmark = pytest.mark.services

RECIPE = """
dataset: spots
sources: [{name: demo, path: images, object: plate, layout: folders, licence: CC0-1.0}]
images: {taxonomy: taxonomy.yaml, side: 64}
review: {quality: {rounds: 1, semantic: 1.0, visual: 1.0}}
"""
TAXONOMY = """
name: spots
version: "%s"
classes: [{name: spot, sources: {demo: [spot, dot]}}]
"""


@dataclass
class Stack:
    home: Path
    workspace: Workspace
    api: str

    def found(self, what: str, **body: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = asking(self.api).post(f"/{what}/filter", json=body).json()
        return rows

    def start(self, name: str, **parameters: Any) -> str:
        (deployment,) = self.found("deployments", deployments={"name": {"any_": [name]}})
        body = {"parameters": {"workspace": str(self.workspace.root), **parameters}}
        made = asking(self.api).post(f"/deployments/{deployment['id']}/create_flow_run", json=body).json()
        return str(made["id"])

    def until(self, run: str, *states: str, seconds: float = PATIENCE_S) -> str:
        end = time.monotonic() + seconds
        while (state := asking(self.api).get(f"/flow_runs/{run}").json()["state"])["name"] not in states:
            assert state["name"] not in ("Failed", "Crashed"), state["message"]
            assert time.monotonic() < end, f"still {state['name']}"
            time.sleep(0.5)
        return str(state["name"])

    def resume(self, run: str) -> None:
        asking(self.api).post(f"/flow_runs/{run}/resume")

    def artifacts(self, run: str) -> dict[str, Any]:
        own = {"flow_run_id": {"any_": [run]}}
        return {a["key"]: a["data"] for a in self.found("artifacts", artifacts=own)}

    def file(self, made: Stage, rows: dict[str, Sequence[Row]]) -> None:
        """Rows by the key of their shard, as a pull brings them in."""
        recipe = self.workspace.recipe()
        shards = [Shard(key, items=tuple(of_it)) for key, of_it in rows.items()]
        for shard in shards:
            execute(made, self.workspace, recipe, shard)
        refs = [made.ref(recipe, s) for s in shards]
        self.workspace.point(made.name, [*self.workspace.current(made.name), *refs])

    def batch(self, reason: str) -> Batch:
        return next(b for b in self.workspace.rows(Batch) if b.reason == reason)

    def samples(self) -> list[Sample]:
        return sorted(self.workspace.rows(Sample), key=lambda s: s.id)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("again")
    (home / "recipe.yaml").write_text(RECIPE)
    (home / "taxonomy.yaml").write_text(TAXONOMY % "1.0")
    rng = np.random.default_rng(0)
    for name in ("spot", "dot"):
        (home / "images" / name).mkdir(parents=True)
        for n in range(2):
            picture = rng.normal(150, 12, (64, 64, 3)).clip(0, 255).astype(np.uint8)
            cv2.circle(picture, (16 + 16 * n, 32), 5 if name == "dot" else 9, (40, 40, 40), -1)
            cv2.imwrite(str(home / "images" / name / f"{n}.png"), picture)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(services, "LABEL_STUDIO", home / "not-installed")
        url = services.up(home / "services", home, lambda _: None).prefect_url
        try:
            api = f"{url}/api"
            build = defectory(
                home, "build", "recipe.yaml", "--workspace", "ws", "--until", "caption", PREFECT_API_URL=api
            )
            assert build.returncode == 0, build.stdout + build.stderr
            yield Stack(home, Workspace.open(home / "ws"), api)
        finally:
            services.down(home / "services")


def test_the_forecast_waits_for_a_yes_and_then_it_is_done(stack: Stack) -> None:
    run = stack.start("reannotate", reason="other words", where="class = 'spot'", settings="caption.candidates=5")
    stack.until(run, "Suspended")
    assert '"forecast": "4"' in str(stack.artifacts(run)["reannotation-forecast"])
    assert not list(stack.workspace.rows(Batch))
    stack.resume(run)
    stack.until(run, "Completed")
    batch = stack.batch("other words")
    assert len(batch.samples) == 4
    labels = current(stack.workspace.rows(Annotation))
    assert {labels[s].by_task["caption"].batch for s in batch.samples} == {batch.id}
    assert (stack.workspace.root / "reannotations" / batch.id / "report.md").exists()
    (report,) = stack.found("artifacts", artifacts={"key": {"any_": ["reannotation-report"]}})
    assert "| dimensions covered, mean of 5 |" in report["data"]


def test_the_command_says_what_it_would_do_and_does_nothing_unasked(stack: Stack) -> None:
    ordered = ("reannotate", "ws", "--where", "covered < 6", "--reason", "shorter", "--set", "caption.candidates=2")
    asked = defectory(stack.home, *ordered, "--json", PREFECT_API_URL=stack.api)
    told = json.loads(asked.stdout)
    assert (asked.returncode, told["done"], told["forecast"]["samples"]) == (0, False, 4)
    assert told["batch"] not in {b.id for b in stack.workspace.rows(Batch)}
    wrong = defectory(stack.home, *ordered[:3], "covred < 6", *ordered[4:], PREFECT_API_URL=stack.api)
    assert wrong.returncode == 2
    assert wrong.stderr.strip().endswith("there is no column `covred`; did you mean `covered`?")


def test_a_round_waits_without_a_process_and_wakes_when_all_is_done(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    ordered = stack.start("reannotate", reason="look again", where="true", by="people", confirm="run at once")
    stack.until(ordered, "Completed")
    batch = stack.batch("look again")
    run = stack.start("review-round", batch=batch.id)
    stack.until(run, "Suspended")
    end = time.monotonic() + PATIENCE_S
    while processes(run):
        assert time.monotonic() < end, "a process of the suspended run is still there"
        time.sleep(0.5)
    assert '"0 of 4"' in str(stack.artifacts(run)["review-standing"])

    # The server dies and comes back: the run still waits.
    server = services._records(stack.home / "services")["prefect"]
    for pid in services.members(server.mark):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(server.pid, 0)
    monkeypatch.setattr(services, "LABEL_STUDIO", stack.home / "not-installed")
    stack.api = f"{services.up(stack.home / 'services', stack.home, lambda _: None).prefect_url}/api"
    assert stack.until(run, "Suspended") == "Suspended"

    labels = current(stack.workspace.rows(Annotation))
    rows: dict[str, list[Row]] = {}
    for sample in stack.samples():
        said = labels[sample.id].by_task["caption"]
        rows.setdefault(sample.shard, []).append(
            annotation(
                sample=sample.id, task="caption", author_kind="person", author="reviewer-1", author_version="1",
                round=1, status="corrected", text="By hand.", supersedes=said.id, batch=batch.id,
            )
        )  # fmt: skip
    stack.file(review, dict(rows))
    stack.until(run, "Completed")  # nobody pressed anything
    assert '"4 of 4"' in str(stack.artifacts(run)["review-standing"])
    assert stack.artifacts(run)["review-progress"] == 100


def test_pressing_resume_ends_the_wait_early(stack: Stack) -> None:
    ordered = stack.start("reannotate", reason="once more", where="true", by="people", confirm="run at once")
    stack.until(ordered, "Completed")
    run = stack.start("review-round", batch=stack.batch("once more").id)
    stack.until(run, "Suspended")
    stack.resume(run)
    stack.until(run, "Completed")
    assert '"0 of 4"' in str(stack.artifacts(run)["review-standing"])


def test_a_failed_quality_round_starts_the_work_again_by_itself(stack: Stack) -> None:
    work = stack.batch("look again")
    want = stack.workspace.recipe().review.quality
    (drawn,) = quality.draw(work, 1, want, ["reviewer-2"], list(stack.workspace.rows(Annotation)), {}, 1)
    said = [
        {"sample": s, "annotation": None, "task": "caption", "round": 1, "reviewer": "reviewer-2", "batch": drawn.id,
         "verdict": "rejected", "findings": [quality.CRITERIA[0]]} for s in drawn.samples
    ]  # fmt: skip
    verdicts = [Verdict(id=digest(s), **s) for s in said]
    stack.file(review, {stack.samples()[0].shard: verdicts})
    stack.file(reannotation, {drawn.id: [drawn]})
    stack.until(stack.start("review-round", batch=drawn.id), "Completed")
    begun = time.monotonic()
    named = {"name": {"like_": "failed its quality rounds"}}
    while not (runs := stack.found("flow_runs", flow_runs=named)):
        assert time.monotonic() - begun < PATIENCE_S, "no run after the event"
        time.sleep(0.5)
    stack.until(runs[0]["id"], "Completed")
    again = stack.batch("failed its quality rounds")
    assert (again.parent, sorted(again.samples)) == (work.id, sorted(work.samples))


def test_another_taxonomy_version_asks_whether_to_look_again(stack: Stack) -> None:
    (stack.home / "taxonomy.yaml").write_text(TAXONOMY % "1.1")
    build = defectory(
        stack.home, "build", "recipe.yaml", "--workspace", "ws", "--until", "caption", PREFECT_API_URL=stack.api
    )
    assert build.returncode == 0, build.stdout + build.stderr
    begun = time.monotonic()
    named = {"name": {"like_": "taxonomy spots 1.0 became spots 1.1"}}
    while not (runs := stack.found("flow_runs", flow_runs=named)):
        assert time.monotonic() - begun < PATIENCE_S, "no run after the event"
        time.sleep(0.5)
    assert runs[0]["parameters"]["task"] == "match"
    stack.until(runs[0]["id"], "Completed")  # nobody has judged any class yet


def processes(run: str) -> list[str]:
    """Processes on this machine that carry the id of a flow run."""
    found = subprocess.run(["pgrep", "-f", run], capture_output=True, text=True, check=False).stdout.split()
    marked = [p.name for p in Path("/proc").iterdir() if p.name.isdigit() and run.encode() in _environment(p)]
    return [*found, *marked]


def _environment(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
