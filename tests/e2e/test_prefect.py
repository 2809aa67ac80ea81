"""A build on a real Prefect server: subflows named after the stages, artifacts, killed runs reconciled."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tasks.dag import ORDERS
from tests.e2e.asking import asking
from tests.e2e.command import defectory, environment, free_port, project, start, there, wait_for

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("prefect"))


@pytest.fixture(scope="module")
def api(home: Path) -> Iterator[str]:
    port = free_port()
    server = subprocess.Popen(
        [str(Path(sys.executable).parent / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)],
        env=environment(home, PREFECT_SERVER_ANALYTICS_ENABLED="false", DO_NOT_TRACK="1"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}/api"
    try:
        wait_for(lambda: answers(url), server)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=120)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


def found(api: str, what: str, **body: Any) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = asking(api).post(f"/{what}/filter", json=body).json()
    return rows


@pytest.fixture(scope="module")
def built(home: Path, api: str) -> Path:
    done = defectory(home, "build", "recipe.yaml", "--workspace", "ws", PREFECT_API_URL=api)
    assert done.returncode == 0, done.stdout + done.stderr
    return home / "ws"


def test_a_run_shows_its_stages_as_subflows(api: str, built: Path) -> None:
    names = {r["name"]: r["state_type"] for r in found(api, "flow_runs")}
    stages = ORDERS["objects"]
    assert names == {f"{stage} tiny": "COMPLETED" for stage in ("build", *stages)}
    tasks = {r["name"] for r in found(api, "task_runs")}
    assert {"survey bowl0-bulge-0", "render eraser0-hole-0", "visibility bowl0-bulge-0"} <= tasks


def test_a_run_leaves_artifacts_to_look_at(api: str, built: Path) -> None:
    artifacts = {a["key"]: a for a in found(api, "artifacts") if a["key"]}
    assert {
        f"{s}-counts"
        for s in ("survey", "plan", "render", "visibility", "keyframes", "dedup", "caption", "qa", "split")
    } <= artifacts.keys()
    assert artifacts["render-contact-sheet"]["type"] == "image"
    assert artifacts["render-contact-sheet"]["data"].startswith("data:image/jpeg;base64,")
    assert "broken.stl" in str(artifacts["survey-rejects"]["data"])
    assert '"instance": "all"' in str(artifacts["visibility-agreement"]["data"])
    assert "measured" in str(artifacts["caption-cost"]["data"])
    assert "0.1.0-draft" in str(artifacts["release"]["data"])


def test_no_path_of_this_machine_in_tags(api: str, built: Path) -> None:
    assert not [r["tags"] for r in found(api, "flow_runs") if str(built.parent) in str(r["tags"])]


def test_a_killed_run_is_marked_crashed_by_the_next(home: Path, api: str, built: Path) -> None:
    build = start(home, "build", "recipe.yaml", "--workspace", "killed", PREFECT_API_URL=api)
    wait_for(lambda: there(home / "killed", "work/render/*/scratch/frames/0*.png"), build)
    os.kill(build.pid, signal.SIGKILL)
    build.wait()
    running = {"flow_runs": {"state": {"type": {"any_": ["RUNNING"]}}}}
    assert {r["name"] for r in found(api, "flow_runs", **running)} == {"build tiny", "render tiny"}
    done = defectory(home, "build", "recipe.yaml", "--workspace", "killed", "--until", "render", PREFECT_API_URL=api)
    assert done.returncode == 0, done.stdout + done.stderr
    assert found(api, "flow_runs", **running) == []
    crashed = {"flow_runs": {"state": {"type": {"any_": ["CRASHED"]}}}}
    assert {r["name"] for r in found(api, "flow_runs", **crashed)} == {"build tiny", "render tiny"}


def test_the_process_runner_gives_the_same_release(home: Path, api: str, built: Path) -> None:
    done = defectory(
        home, "build", "recipe.yaml", "--workspace", "processes", "--set", "run.runner=processes", PREFECT_API_URL=api
    )
    assert done.returncode == 0, done.stdout + done.stderr
    one, two = (next((home / ws / "releases").glob("*-draft")) / "CHECKSUMS.sha256" for ws in ("ws", "processes"))
    assert one.read_text() == two.read_text()
