"""The embedded Prefect server and worker, really started; Label Studio has tests/e2e/test_review.py."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows import services
from tests.e2e.asking import asking

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("services")
    yield folder
    services.down(folder)


def test_a_day_in_the_life_of_the_services(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "LABEL_STUDIO", tmp_path / "not-installed")
    said: list[str] = []
    started = services.up(home, tmp_path / "media", said.append)
    assert started.labelstudio_url == ""
    assert "`make .venv-labelstudio` installs it" in started.text()  # the rest runs all the same
    assert [s.state for s in services.status(home)] == ["running", "running", "stopped"]
    api = services.prefect_api_url(home)
    assert api == f"{started.prefect_url}/api"
    deployed = asking(api).post("/deployments/filter", json={}).json()
    assert {d["name"] for d in deployed} == {
        "build", "review-push", "review-pull", "release", "reannotate", "review-round", "review-watch",
    }  # fmt: skip
    automations = asking(api).post("/automations/filter", json={}).json()
    assert {a["name"] for a in automations} == {"quality round failed", "taxonomy changed"}
    assert {d["work_pool_name"] for d in deployed} == {services.POOL}
    assert "recipe" in next(d for d in deployed if d["name"] == "build")["parameter_openapi_schema"]["properties"]

    # Again: nothing new is started.
    pids = [s.pid for s in services.status(home)]
    said.clear()
    services.up(home, tmp_path / "media", said.append)
    assert any("already running" in line for line in said)
    assert [s.pid for s in services.status(home)] == pids

    # The server dies; the next start brings it back, and the worker serves it.
    server = services._records(home)["prefect"]
    for pid in services.members(server.mark):
        os.kill(pid, signal.SIGKILL)
    os.waitpid(server.pid, 0)
    assert services.status(home)[0].state == "died"
    services.up(home, tmp_path / "media", said.append)
    assert [s.state for s in services.status(home)][:2] == ["running", "running"]

    marks = [r.mark for r in services._records(home).values()]
    assert set(services.down(home)) == {"prefect", "worker"}
    assert [services.members(mark) for mark in marks] == [[], []]
    assert {s.state for s in services.status(home)} == {"stopped"}
