"""The ledger: reserve, settle, release; the cap; killed owners; two processes; random interleavings."""

import dataclasses
import multiprocessing
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.asking import ledger, owners, tables
from annotation.asking.database import write_ahead
from annotation.asking.ledger import Bought, Ledger, reading, spent_usd
from annotation.asking.operations import Busy, Done, Known, OverCap, Release, Reserve, Reserved, Settle
from annotation.models.prices import USD
from annotation.models.providers import Answer
from schemas.errors import BadInput, DefectoryError

ANSWER = Answer("It is small.", "stop", "model-1", 10, 5)


def reserve(key: str, cost: int = 10, cap: int = 100) -> Reserve:
    return Reserve(key, "openai", "gpt-4o", 0, cost, cap)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a PostgreSQL server of our own; skips where its programs are not installed."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not programs:
        pytest.skip("no PostgreSQL server is installed")
    folder = Path("/tmp") / f"defectory-pg-{os.getpid()}"
    folder.mkdir(mode=0o700)
    user = "nobody" if os.getuid() == 0 else None  # the server refuses to run as root
    if user:
        shutil.chown(folder, user)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    data = folder / "data"
    bin_ = programs[-1].parent
    try:
        subprocess.run(
            [bin_ / "initdb", "-D", data, "-U", "tester", "-A", "trust", "-N"],
            user=user, check=True, capture_output=True, cwd=folder,
        )  # fmt: skip
        server = subprocess.Popen(
            [bin_ / "postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", folder, "-F"],
            user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder,
        )  # fmt: skip
        try:
            for _ in range(200):
                if (
                    subprocess.run(
                        [bin_ / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True
                    ).returncode
                    == 0
                ):
                    break
                time.sleep(0.05)
            yield f"postgresql://tester@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGINT)  # at once, whoever is still connected
            server.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    found: str = request.getfixturevalue("postgres")
    engine = sa.create_engine(found.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as db:
        db.execute(sa.text("DROP TABLE IF EXISTS requests, totals, batches"))
    engine.dispose()
    return found


def test_an_answer_is_bought_once_and_kept(url: str) -> None:
    book = Ledger(url)
    assert book.apply([reserve("a")]) == [Reserved()]
    assert book.apply([reserve("a")]) == [Busy()]
    assert book.apply([Settle("a", ANSWER, 7)]) == [Done(True)]
    assert Ledger(url).apply([reserve("a")]) == [Known(ANSWER, 7)]
    spending = book.spending()
    assert (spending.spent, spending.lost, spending.reserved, spending.answers) == (7 / USD, 0, 0, 1)


def test_the_cap_is_checked_when_reserving(url: str) -> None:
    book = Ledger(url)
    first, second, third = book.apply([reserve("a", 60), reserve("b", 41), reserve("c", 40)])
    assert (first, second, third) == (Reserved(), OverCap(60), Reserved())
    book.apply([Settle("a", ANSWER, 5)])  # cheaper than feared
    assert book.apply([reserve("b", 41)]) == [Reserved()]


def test_free_requests_need_no_budget(url: str) -> None:
    assert Ledger(url).apply([reserve("a", cost=0, cap=0)]) == [Reserved()]


def test_a_failed_try_gives_its_money_back_unless_it_may_have_been_billed(url: str) -> None:
    book = Ledger(url)
    book.apply([reserve("a", 60), Release("a", lost=False, note="429")])
    assert book.apply([reserve("a", 60)]) == [Reserved()]
    book.apply([Release("a", lost=True, note="no answer in time")])
    assert book.spending().lost == 60 / USD
    assert book.apply([reserve("a", 60)]) == [OverCap(60)]


def _reserve_and_die(url: str) -> None:
    Ledger(url).apply([reserve("a", 60)])
    os._exit(9)


def test_a_killed_process_leaves_nothing_blocked(url: str) -> None:
    child = multiprocessing.get_context("spawn").Process(target=_reserve_and_die, args=(url,))
    child.start()
    child.join()
    assert child.exitcode == 9
    book = Ledger(url)
    assert book.apply([reserve("a", 40)]) == [Reserved()]
    spending = book.spending()
    assert (spending.lost, spending.reserved) == (60 / USD, 40 / USD)  # its try may have been billed


def test_another_machine_is_given_the_lease(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "machine", lambda: "elsewhere/boot/pid")
    Ledger(url).apply([reserve("a", 60)])
    monkeypatch.undo()
    book = Ledger(url)
    assert book.apply([reserve("a", 40)]) == [Busy()]
    monkeypatch.setattr(owners, "LEASE_S", -1.0)
    assert book.apply([reserve("a", 40)]) == [Reserved()]


def test_whoever_was_taken_over_still_delivers(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(owners, "machine", lambda: "elsewhere/boot/pid")
        slow = Ledger(url)
    fast = Ledger(url)
    slow.apply([reserve("a", 30)])
    monkeypatch.setattr(owners, "LEASE_S", -1.0)
    fast.apply([reserve("a", 30)])
    monkeypatch.undo()
    assert slow.apply([Release("a", lost=True, note="")]) == [Done(False)]  # not its reservation any more
    assert fast.apply([Settle("a", ANSWER, 7)]) == [Done(True)]
    assert slow.apply([Settle("a", Answer("late", "stop"), 7)]) == [Done(False)]
    assert slow.apply([reserve("a")]) == [Known(ANSWER, 7)]
    assert slow.spending().lost == 37 / USD  # the reservation that was taken over, and the late answer


def test_whoever_was_taken_over_may_deliver_first(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both answers are paid for and counted, the one that stands and the other."""
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(owners, "machine", lambda: "elsewhere/boot/pid")
        slow = Ledger(url)
    fast = Ledger(url)
    slow.apply([reserve("a", 30)])
    monkeypatch.setattr(owners, "LEASE_S", -1.0)
    fast.apply([reserve("a", 30)])
    monkeypatch.undo()
    assert slow.apply([Settle("a", ANSWER, 7)]) == [Done(False)]
    assert fast.apply([Settle("a", Answer("other", "stop"), 8)]) == [Done(False)]
    assert slow.apply([reserve("a")]) == [Known(ANSWER, 7)]
    spending = slow.spending()
    assert (spending.spent, spending.lost, spending.reserved) == (7 / USD, 38 / USD, 0)


def test_an_answer_entered_twice_is_paid_once(url: str) -> None:
    """Whoever did not hear that a transaction was carried out tries again."""
    book = Ledger(url)
    book.apply([reserve("a")])
    assert [book.apply([Settle("a", ANSWER, 7)]) for _ in range(2)] == [[Done(True)], [Done(False)]]
    spending = book.spending()
    assert (spending.spent, spending.lost) == (7 / USD, 0)


def test_who_waited_for_the_lock_sees_what_was_written_meanwhile(url: str) -> None:
    """Whatever level of isolation the server has by default."""
    if url.startswith("postgresql"):
        engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
        with engine.begin() as db:
            db.execute(sa.text("ALTER ROLE tester SET default_transaction_isolation = 'serializable'"))
        engine.dispose()
    first, second = Ledger(url), Ledger(url)
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.extend(second.apply([reserve("a")])))
    with first.transaction() as db:
        thread.start()
        time.sleep(0.2)
        first.carry_out(db, reserve("a"))
    thread.join()
    assert found == [Busy()]


def test_machines_whose_clocks_differ_go_by_the_clock_of_the_server(
    postgres: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(owners, "machine", lambda: "elsewhere/boot/pid")
        elsewhere.setattr(time, "time", lambda: 1e9)
        assert Ledger(postgres).apply([reserve("clock")]) == [Reserved()]
    assert Ledger(postgres).apply([reserve("clock")]) == [Busy()]


@pytest.mark.parametrize(
    "wrong",
    [Answer("It is small.", "stop", "half a pair: \ud83d", 10, 5), Answer("It is small.", "stop", "", 10**20, 5)],
)
def test_what_cannot_be_written_down_fails_alone(url: str, wrong: Answer) -> None:
    """Beside it answers were paid for. It counts as lost; a failed try does so only without its words."""
    book, keys = Ledger(url), "abcdef"
    book.apply([reserve(k) for k in keys])
    results = [Settle(k, ANSWER, 7) for k in keys]
    results[3] = Settle("d", wrong, 7)
    failed = Release("e", lost=False, note="bad \ud83d")
    done = book.each([*results[:4], failed, results[5], Settle("nobody asked", ANSWER, 7), Settle("\ud83d", ANSWER, 7)])
    assert [type(o) for o in done] == [Done, Done, Done, BadInput, Done, Done, BadInput, BadInput]
    assert str(done[3]).startswith("request d: no database takes the text or the numbers that came for it")
    assert str(done[6]).startswith("request nobody asked: an answer to what was never asked")
    spending = book.spending()
    assert (spending.answers, spending.lost, spending.reserved) == (4, 10 / USD, 0)


def test_what_a_forecast_holds_against_the_budget_is_what_the_cap_counts(url: str) -> None:
    """Tries that were lost, too, and those that a dead process left under way: they are lost when asked again."""
    book = Ledger(url)
    each = {n: dataclasses.replace(reserve(n), tokens=20) for n in "abc"}
    book.apply([*each.values(), Settle("a", ANSWER, 7, 15), Release("b", True, "no answer in time")])
    assert book.bought("openai", "gpt-4o") == Bought(1, 27 / USD, 55)


def test_an_answer_that_is_unfit_is_bought_anew_and_counts_as_lost(url: str) -> None:
    """Only that one: what was bought meanwhile in its place is handed out."""
    book, better = Ledger(url), Answer("{}", "stop", "model-1", 10, 5)
    anew = dataclasses.replace(reserve("a"), unfit=ANSWER)
    book.apply([reserve("a"), Settle("a", ANSWER, 7, 15)])
    assert book.apply([dataclasses.replace(anew, cost=94)]) == [OverCap(7, 15)]
    assert book.apply([reserve("a"), anew]) == [Known(ANSWER, 7), Reserved()]
    assert (book.spending().lost, book.spending().spent, book.spending().tokens) == (7 / USD, 0, 15)
    assert book.apply([Settle("a", better, 6, 15), anew]) == [Done(True), Known(better, 6)]
    assert (book.spending().lost, book.spending().spent, book.spending().tokens) == (7 / USD, 6 / USD, 30)


def _buy(url: str, keys: list[str], sold: list[str], cap: int) -> None:
    """What every builder does: reserve, and only then pay and settle."""
    book = Ledger(url)
    for key in keys:
        while (outcome := book.apply([reserve(key, 10, cap)])[0]) == Busy():
            time.sleep(0.001)
        if outcome == Reserved():
            sold.append(key)
            book.apply([Settle(key, ANSWER, 10)])


def test_threads_with_their_own_ledgers_never_pay_twice(url: str) -> None:
    keys = [f"k{n}" for n in range(20)]
    sold: list[str] = []
    threads = [threading.Thread(target=_buy, args=(url, keys[n:] + keys[:n], sold, 150)) for n in range(0, 20, 5)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(sold) == len(set(sold)) == 15  # the cap is worth fifteen


def _buy_in_a_process(url: str, keys: list[str], queue: "multiprocessing.Queue[list[str]]") -> None:
    sold: list[str] = []
    _buy(url, keys, sold, 1000)
    queue.put(sold)


def test_two_processes_at_once_never_pay_twice(url: str) -> None:
    context = multiprocessing.get_context("spawn")
    keys, queue = [f"k{n}" for n in range(30)], context.Queue()
    children = [context.Process(target=_buy_in_a_process, args=(url, k, queue)) for k in (keys, keys[::-1])]
    for c in children:
        c.start()
    sold = [key for _ in children for key in queue.get()]
    for c in children:
        c.join()
    assert sorted(sold) == sorted(keys)


STEPS = st.lists(
    st.tuples(
        st.integers(0, 2),  # who
        st.integers(0, 3),  # which request
        st.sampled_from(["reserve", "settle", "release", "lose", "die"]),
        st.integers(0, 30),  # cost
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_random_interleavings_never_pass_the_cap_and_never_pay_twice(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int, str, int]]
) -> None:
    """A world beside the ledger: what the provider charged, whether or not its answer arrived."""
    cap, charged = 100, 0
    url = f"sqlite:///{tmp_path_factory.mktemp('walk') / 'ledger.sqlite'}"
    books = [Ledger(url) for _ in range(3)]
    dead: set[str] = set()
    held: dict[int, tuple[int, int]] = {}  # request -> who, cost
    delivered: set[int] = set()
    original = owners.alive
    owners.alive = lambda owner, since: owner not in dead  # every book is a process of its own here
    try:
        for who, request, action, cost in steps:
            key = f"r{request}"
            if action == "reserve":
                (outcome,) = books[who].apply([reserve(key, cost, cap)])
                if isinstance(outcome, Reserved):
                    assert request not in delivered
                    assert request not in held
                    held[request] = (who, cost)
                elif isinstance(outcome, Known):
                    assert request in delivered
                elif isinstance(outcome, Busy):
                    assert request in held
            elif action == "die":
                for r in [r for r, (w, _) in held.items() if w == who]:
                    charged += held.pop(r)[1]  # at the worst, everything under way was billed
                dead.add(books[who].owner)
                books[who].close()
                books[who] = Ledger(url)
            elif held.get(request, (None, 0))[0] == who:
                _, reserved = held.pop(request)
                if action == "settle":
                    charged += min(cost, reserved)
                    delivered.add(request)
                    books[who].apply([Settle(key, ANSWER, min(cost, reserved))])
                else:
                    charged += reserved if action == "lose" else 0
                    books[who].apply([Release(key, lost=action == "lose", note="")])
            assert charged + sum(c for _, c in held.values()) <= cap
    finally:
        owners.alive = original
        for book in books:
            book.close()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("nonsense", "DEFECTORY_LEDGER_URL: not a database"),
        ("sqlite:////proc/nowhere/ledger.sqlite", "the ledger cannot be used"),
        ("postgresql://me:hunter2@127.0.0.1:1/none", r"//127.0.0.1.*cannot be used"),
        ("postgresql://me:un@hunter2@127.0.0.1:1/none", "write an @ or / in the user or the password as %40 or %2F"),
        ("postgresql://me:un@hunter2/3@127.0.0.1:1/none", "write an @ or / in the user or the password as %40 or %2F"),
        ("postgresql://127.0.0.1:1/none?user=me&password=hunter2", r"password=\*\*\*&user=me: .*cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used(url: str, says: str) -> None:
    with pytest.raises(DefectoryError, match=says) as caught:
        Ledger(url)
    assert "hunter2" not in str(caught.value)


def test_all_that_was_spent_is_what_was_paid_and_what_was_lost(url: str) -> None:
    cent = USD // 100
    book = Ledger(url)
    book.apply([reserve(k, cost=3 * cent, cap=USD) for k in ("paid", "lost", "under way", "refused")])
    book.apply([Settle("paid", ANSWER, cent), Release("lost", True, ""), Release("refused", False, "")])
    assert spent_usd(url) == pytest.approx(0.04)


@pytest.mark.parametrize("name", ["what?now", "a%20b", "a#b", "a b", "x?mode=ro"])
def test_the_ledger_lies_in_its_workspace_whatever_that_is_called(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DEFECTORY_LEDGER_URL", raising=False)
    (tmp_path / name).mkdir()
    Ledger(ledger.url(tmp_path / name)).close()
    assert [f.relative_to(tmp_path) for f in tmp_path.rglob("*.sqlite")] == [Path(name, "ledger.sqlite")]
    with reading(ledger.url(tmp_path / name)) as book:
        assert book is not None


def test_a_ledger_that_is_not_there_has_spent_nothing_and_is_not_made(tmp_path: Path) -> None:
    assert spent_usd(f"sqlite:///{tmp_path / 'ledger.sqlite'}") == 0.0
    assert not list(tmp_path.iterdir())


def test_a_ledger_is_looked_into_while_another_writes_and_is_not_made(url: str, tmp_path: Path) -> None:
    with reading(url) as book:
        assert book is None
    writer = Ledger(url)
    writer.apply([reserve("a"), Settle("a", ANSWER, 7)])
    with writer.transaction() as db, reading(url) as book:  # a writer keeps no reader waiting
        assert book is not None
        db.execute(sa.delete(tables.requests))
        assert book.spending().answers == 1
        with pytest.raises(DefectoryError, match="read"):
            book.apply([reserve("b")])


def switch_when_told(start: Any, file: Path) -> None:
    start.wait()
    connection = sqlite3.connect(file, isolation_level=None)
    write_ahead(connection)
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")
    connection.close()


def test_many_processes_open_a_new_ledger_at_the_same_moment(tmp_path: Path) -> None:
    """The switch to write-ahead logging says `database is locked` in about one of ten such races when tried once."""
    fork = multiprocessing.get_context("fork")
    for attempt in range(60):
        start = fork.Barrier(4)
        processes = [
            fork.Process(target=switch_when_told, args=(start, tmp_path / f"{attempt}.sqlite")) for _ in range(4)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        assert [process.exitcode for process in processes] == [0] * 4


def test_a_limit_in_tokens_is_as_hard_as_one_in_money(url: str) -> None:
    def ask(key: str, tokens: int) -> Reserve:
        return Reserve(key, "openai", "gpt-4o", 0, 0, 0, tokens, 100)

    book = Ledger(url)
    assert book.apply([ask("a", 60), ask("b", 41), ask("c", 40)]) == [Reserved(), OverCap(0, 60), Reserved()]
    book.apply([Settle("a", ANSWER, 0, 15), Release("c", lost=True, note="")])
    assert book.spending().tokens == 55
    assert book.apply([ask("b", 45), ask("d", 1)]) == [Reserved(), OverCap(0, 100)]


def test_a_ledger_from_before_goes_on_working(tmp_path: Path) -> None:
    """Made by the first release: no tokens reserved, no batches. Its answers are known, and count in tokens."""
    file = tmp_path / "ledger.sqlite"
    with sqlite3.connect(file) as db:
        db.executescript("""
            CREATE TABLE requests (
                key VARCHAR(64) NOT NULL, provider VARCHAR NOT NULL, model VARCHAR NOT NULL, candidate INTEGER NOT NULL,
                status VARCHAR(8) NOT NULL, owner VARCHAR NOT NULL, reserved_at FLOAT NOT NULL, tries INTEGER NOT NULL,
                reserved BIGINT NOT NULL, spent BIGINT NOT NULL, lost BIGINT NOT NULL, text TEXT, finish VARCHAR,
                version VARCHAR, tokens_in INTEGER, tokens_out INTEGER, note TEXT, PRIMARY KEY (key));
            CREATE TABLE totals (id INTEGER NOT NULL, committed BIGINT NOT NULL, PRIMARY KEY (id));
            INSERT INTO requests VALUES ('a', 'openai', 'gpt-4o', 0, 'answered', 'x 1 1 y', 0, 1, 0, 7, 0,
                'It is small.', 'stop', 'model-1', 10, 5, NULL);
            INSERT INTO requests VALUES ('b', 'openai', 'gpt-4o', 0, 'reserved', 'x 1 1 y', 0, 1, 9, 0, 0,
                NULL, NULL, NULL, NULL, NULL, NULL);
            INSERT INTO totals VALUES (1, 16);
        """)
    for _ in range(2):  # the second time there is nothing left to upgrade
        book = Ledger(f"sqlite:///{file}")
        assert book.apply([reserve("a")]) == [Known(ANSWER, 7)]
        assert book.spending().tokens == 15
    assert book.apply([reserve("b", 5)]) == [Reserved()]
    assert (book.spending().lost, book.spending().reserved) == (9 / USD, 5 / USD)
