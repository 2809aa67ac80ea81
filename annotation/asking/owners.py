"""Who holds something in a shared database, and whether that process is still alive."""

import os
import socket
from functools import cache
from pathlib import Path

LEASE_S = 15 * 60
"""A process that cannot be looked at from here is given so long after its last sign of life: no try takes that long
(`caption.timeout_s` is bounded), and a batch is given signs of life all the time."""
BEAT_S = 3 * 60
"""From one sign of life to the next."""
NOBODY = "nobody"
"""The owner of what its holder has left: whoever comes next may take it at once."""
UNREAD = "-"
_here: set[str] = set()
"""The owners in this process that still hold something."""


def me() -> str:
    """This process, with a few random letters: two ledgers in one process are two owners. Alive until `gone`."""
    owner = f"{machine()} {os.getpid()} {_started(os.getpid())} {os.urandom(4).hex()}"
    _here.add(owner)
    return owner


def gone(owner: str) -> None:
    """One of this process holds nothing any more, though the process lives on."""
    _here.discard(owner)


def shown(owner: str) -> str:
    """An owner, for people."""
    place, pid, *_ = owner.split(" ")
    return f"process {pid} on {place.partition('/')[0]}"


@cache
def machine() -> str:
    """Where a process id means something: this host, this boot, this process-id namespace. Containers that share a
    ledger are machines of their own, even on one host: none sees the others' processes."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: the host name has to do
        boot = space = UNREAD
    return f"{socket.gethostname()}/{boot}/{space}".replace(" ", "_")


def _started(pid: int) -> str:
    """When a process started, in ticks: tells it from a later one with the same id. A killed one that its parent has
    not taken note of has no start any more. `-` where that cannot be read."""
    try:
        state, *rest = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return UNREAD
    return "ended" if state in "ZX" else rest[18]


def alive(owner: str, silent_s: float) -> bool:
    """Whether the owner of what was taken, or last touched, `silent_s` seconds ago may still see to it.

    A process of this machine is looked at, however long it was silent: it may have been asleep. One that cannot be
    looked at is given the lease.
    """
    if owner == NOBODY:
        return False
    place, pid, started, _ = owner.split(" ")
    if place == machine():
        if int(pid) == os.getpid():
            return owner in _here
        if not _exists(int(pid)):
            return False
        now = _started(int(pid))
        if UNREAD not in (now, started):
            return now == started
    return silent_s <= LEASE_S


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
