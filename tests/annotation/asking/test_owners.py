"""Who is alive: a process of this machine is looked at, one of another is given the lease."""

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.process import BaseProcess

import pytest

from annotation.asking import owners

LONG = 1e9


@pytest.fixture
def sleeper() -> Iterator[BaseProcess]:
    process = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    process.start()
    yield process
    process.kill()
    process.join()


def owner(process: BaseProcess, place: str = "") -> str:
    return f"{place or owners.machine()} {process.pid} {owners._started(process.pid or 0)} abcd"


def test_a_process_of_this_machine_lives_however_long_it_was_silent(sleeper: BaseProcess) -> None:
    assert owners.alive(owner(sleeper), LONG)
    assert not owners.alive(f"{owners.machine()} {sleeper.pid} 1 abcd", 0.0)  # an earlier one of the same id


def test_a_killed_process_is_dead_even_before_its_parent_takes_note(sleeper: BaseProcess) -> None:
    was = owner(sleeper)
    sleeper.kill()
    while owners.alive(was, LONG):  # the parent, this process, has not waited for it
        time.sleep(0.01)
    assert sleeper.pid is not None and owners._exists(sleeper.pid)


def test_a_container_on_the_same_host_is_another_machine_and_is_given_the_lease(sleeper: BaseProcess) -> None:
    host, boot, _ = owners.machine().split("/")
    beside = owner(sleeper, f"{host}/{boot}/pid:[1]")
    assert owners.alive(beside, owners.LEASE_S - 60)
    assert not owners.alive(beside, owners.LEASE_S + 60)


def test_an_owner_in_this_process_lives_until_it_lets_go() -> None:
    one, other = owners.me(), owners.me()
    owners.gone(one)
    assert not owners.alive(one, 0.0)
    assert owners.alive(other, LONG)
    assert not owners.alive(owners.NOBODY, 0.0)
