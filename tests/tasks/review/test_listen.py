"""The listener: who may ring, what for, and that a pull follows."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from schemas.errors import DefectoryError
from tasks import review
from tasks.review import listen as listening
from tasks.review.listen import HEADER, LONGEST, PATH, Bell, ears
from tests import factory
from tests.tasks.review.standin import Desk, Fault, serving
from tests.tasks.review.test_sync import RECIPE, connected, result


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.mark.parametrize(
    ("path", "headers", "body", "status", "rings"),
    [
        (PATH, {HEADER: "secret"}, b"{}", 200, True),
        (PATH, {}, b"{}", 403, False),
        (PATH, {HEADER: "secre"}, b"{}", 403, False),
        (f"{PATH}?secret", {HEADER: ""}, b"{}", 404, False),
        ("/", {HEADER: "secret"}, b"{}", 404, False),
        (PATH, {HEADER: "secret"}, b"x" * (LONGEST + 1), 413, False),
    ],
)
def test_only_who_knows_the_secret_rings(
    bell: Bell, path: str, headers: dict[str, str], body: bytes, status: int, rings: bool
) -> None:
    with ears(bell, "secret") as port:
        answer = httpx.post(f"http://127.0.0.1:{port}{path}", headers=headers, content=body)
    assert (answer.status_code, bell.is_set()) == (status, rings)


def test_a_taken_port_is_named(bell: Bell) -> None:
    with ears(bell, "secret") as port, pytest.raises(DefectoryError, match="give another --port"), ears(bell, "", port):
        pass


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving() as found:
        yield found


@pytest.mark.whole
def test_what_is_heard_or_missed_is_pulled(desk: Desk, tmp_path: Path) -> None:
    workspace = factory.build(tmp_path / "root" / "blobs", RECIPE)
    server = connected(desk, workspace)
    review.push(workspace, RECIPE, server)
    one, two, *_ = desk.tasks.values()
    heard: list[review.PullReport | str] = []
    stop = threading.Event()
    thread = threading.Thread(
        target=listening.listen, args=(workspace, RECIPE, server, heard.append), kwargs={"poll_s": 3.0, "stop": stop}
    )
    thread.start()

    def wait(until: int) -> None:
        deadline = time.monotonic() + 30
        while sum(h.decisions for h in heard if isinstance(h, review.PullReport)) < until:
            assert time.monotonic() < deadline, heard
            time.sleep(0.02)

    try:
        while not (hooks := [h for h in desk.webhooks.values() if h["project"] == one["project"]]):
            time.sleep(0.02)
        (hook,) = hooks
        assert not hook["send_payload"]
        desk.answer(one["id"], result(one))
        assert httpx.post(hook["url"], headers=hook["headers"], json={"action": "ANNOTATION_CREATED"}).is_success
        wait(2)
        desk.faults = [Fault("GET", r"/api/projects", 500, times=4)]  # away for a while: said, and tried again
        desk.answer(two["id"], result(two))  # a message that got lost
        wait(4)
    finally:
        stop.set()
        thread.join(timeout=20)
    assert not thread.is_alive()
    assert desk.webhooks == {}
