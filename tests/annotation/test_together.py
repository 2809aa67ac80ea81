"""Many threads' calls as one: what goes together, who gets what, and what happens when the work fails."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from annotation.together import together


class Doubling:
    """Doubles numbers; takes so long at first that all others have to wait. It knows no 13."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.alone = threading.Lock()

    def __call__(self, items: list[int]) -> list[int]:
        assert self.alone.acquire(blocking=False)
        self.calls.append(items)
        if len(self.calls) == 1:
            time.sleep(0.5)
        self.alone.release()
        if 13 in items:
            raise ValueError("13")
        return [2 * i for i in items]


def test_who_waits_goes_along_and_gets_what_is_its_own() -> None:
    work = Doubling()
    call = together(work, 4)
    asked = [[n, n + 100] for n in range(8)]
    with ThreadPoolExecutor(len(asked)) as pool:
        assert list(pool.map(call, asked)) == [[2 * a, 2 * b] for a, b in asked]
    assert len(work.calls) < len(asked)
    assert max(len(items) for items in work.calls) == 4
    assert sorted(n for items in work.calls for n in items) == sorted(n for items in asked for n in items)


def test_more_than_goes_together_goes_alone() -> None:
    work = Doubling()
    assert together(work, 4)(range(9)) == list(range(0, 18, 2))
    assert together(work, 4)([]) == []


def test_an_error_is_raised_to_those_whose_call_it_was_and_to_no_other() -> None:
    work = Doubling()
    call = together(work, 1)
    with ThreadPoolExecutor(3) as pool:
        one, unlucky, other = (pool.submit(call, [n]) for n in (1, 13, 2))
        assert (one.result(), other.result()) == ([2], [4])
        with pytest.raises(ValueError, match="13"):
            unlucky.result()


def test_too_few_results_are_an_error_and_nobody_waits_for_ever() -> None:
    with pytest.raises(ValueError, match="shorter"):
        together(lambda items: items[:1], 4)([1, 2])
