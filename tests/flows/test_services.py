"""Processes and state of the services, with stand-ins for the programs."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from flows import services
from flows.services import Record
from schemas.errors import CallError, WorkerError


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "logs").mkdir()
    yield tmp_path
    services.down(tmp_path)


def start(home: Path, name: str, code: str, serves: str = "") -> Record:
    """A stand-in program under the name of a service."""
    command = [sys.executable, "-c", code]
    return services._launch(home, name, "http://127.0.0.1:9", command, dict(os.environ), serves)


SLEEP = "import time; time.sleep(600)"
WITH_A_CHILD_OF_ITS_OWN = f"""
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", {SLEEP!r}], start_new_session=True)
print("started", flush=True)
time.sleep(600)
"""
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('started', flush=True); time.sleep(600)"
)


def wait_for_start(home: Path, name: str) -> None:
    end = time.monotonic() + 20
    while "started" not in services._log(home, name).read_text():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_down_reaches_every_process_group_that_a_service_opened(home: Path) -> None:
    record = start(home, "prefect", WITH_A_CHILD_OF_ITS_OWN)
    wait_for_start(home, "prefect")
    assert len(services.members(record.mark)) == 2
    assert services.down(home) == ["prefect"]
    assert services.members(record.mark) == []
    assert services.down(home) == []  # nothing left, nothing to stop


def test_who_does_not_end_when_asked_is_made_to(home: Path) -> None:
    record = start(home, "prefect", STUBBORN)
    wait_for_start(home, "prefect")
    assert services._stop(record, patience_s=0.5)
    assert services.members(record.mark) == []


def test_a_stranger_with_a_recorded_process_id_is_left_alone(home: Path) -> None:
    stranger = subprocess.Popen([sys.executable, "-c", SLEEP])
    try:
        record = Record("prefect", "http://127.0.0.1:9", stranger.pid, "0" * 16, "2026-01-01T00:00:00+00:00")
        services._write_records(home, {"prefect": record})
        assert [s.state for s in services.status(home)] == ["died", "stopped", "stopped"]
        assert services.down(home) == []
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_status_tells_dead_from_silent(home: Path) -> None:
    record = start(home, "prefect", SLEEP)
    assert services.status(home)[0].state == "silent"
    assert services.prefect_api_url(home) is None
    os.kill(record.pid, signal.SIGKILL)
    os.waitpid(record.pid, 0)
    assert services.status(home)[0].state == "died"


def test_a_service_that_ends_before_it_answers_is_named_with_its_log(home: Path) -> None:
    record = start(home, "labelstudio", "print('no such table'); raise SystemExit(3)")
    with pytest.raises(WorkerError, match=r"Label Studio: ended before it answered; .*labelstudio\.log says why"):
        services._await(home, record, lambda text: None)
    assert "no such table" in services._log(home, "labelstudio").read_text()


def test_a_service_that_never_answers_is_given_up(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(services.PATIENCE_S, "prefect", 0.5)
    said: list[str] = []
    with pytest.raises(WorkerError, match="has not answered"):
        services._await(home, start(home, "prefect", SLEEP), said.append)
    assert len(said) == 1
    assert "waiting for http://127.0.0.1:9" in said[0]


def test_another_port_is_taken_when_the_usual_one_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with socket.socket() as taken:
        taken.bind((services.HOST, 0))
        taken.listen()
        usual = taken.getsockname()[1]
        monkeypatch.setitem(services.PORTS, "prefect", usual)
        other = services._port("prefect", said.append)
    assert other != usual
    assert said == [f"Prefect server: port {usual} is taken, using {other}"]
    assert services._port("prefect", said.append) == usual
    assert len(said) == 1


def test_credentials_are_made_once_at_random_and_are_private(home: Path) -> None:
    made = services.credentials(home)
    assert services.credentials(home) == made
    assert stat.S_IMODE((home / "credentials.json").stat().st_mode) == 0o600
    assert len(bytes.fromhex(made["token"])) == 20
    (home / "credentials.json").unlink()
    assert services.credentials(home)["password"] != made["password"]


def test_lost_credentials_of_a_label_studio_with_data_are_not_replaced(home: Path) -> None:
    (home / "labelstudio").mkdir()
    (home / "labelstudio/label_studio.sqlite3").touch()
    with pytest.raises(CallError, match="put the file back"):
        services.credentials(home)


def test_another_media_root_than_the_running_one_is_refused(home: Path) -> None:
    start(home, "labelstudio", SLEEP, serves=str(home / "one"))
    services._check_media_root(home, home / "one")
    with pytest.raises(CallError, match="make down"):
        services._check_media_root(home, home / "two")


def test_no_key_of_the_user_reaches_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "private")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "private")
    assert "private" not in services._plain_environment().values()


def test_state_holds_no_secret(home: Path) -> None:
    secret = services.credentials(home)
    start(home, "labelstudio", SLEEP)
    kept = (home / "services.json").read_text()
    assert json.loads(kept)["labelstudio"]["url"] == "http://127.0.0.1:9"
    assert secret["token"] not in kept
    assert secret["password"] not in kept


def test_containers_publish_their_ports_on_loopback_only_and_hold_no_secret() -> None:
    compose = yaml.safe_load((services.ROOT / "deploy/compose.yaml").read_text())
    ports = [port for service in compose["services"].values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if name.endswith(("PASSWORD", "TOKEN", "KEY")) and name != "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN":
                assert value.startswith("${"), name
