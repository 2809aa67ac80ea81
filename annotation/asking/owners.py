"""Who holds something in a shared database, and whether that process is still alive."""

import os
import socket
import time
from functools import cache
from pathlib import Path

LEASE_S = 15 * 60
"""What was held longer than this without a sign of life is taken over even if its owner seems alive: no try takes
that long."""
NOBODY = "nobody"
"""The owner of what its holder has left: whoever comes next may take it at once."""


def me() -> str:
    """This process, with a few random letters: two ledgers in one process are two owners."""
    return f"{machine()} {os.getpid()} {_started(os.getpid())} {os.urandom(4).hex()}"


@cache
def machine() -> str:
    """Where a process id means something: this host, this process-id namespace, this boot."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        space = str(Path("/proc/self/ns/pid").readlink())
    except OSError:  # not Linux: the host name has to do
        boot = space = "-"
    return f"{socket.gethostname()}/{boot}/{space}".replace(" ", "_")


def _started(pid: int) -> str:
    """When a process started, in ticks: tells it from a later one with the same id. `-` where that cannot be read."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "-"


def alive(owner: str, since: float) -> bool:
    """Whether the owner of a reservation may still settle it. Another machine's process is given the lease."""
    if owner == NOBODY:
        return False
    place, pid, started, _ = owner.split(" ")
    if time.time() - since > LEASE_S:
        return False
    if place != machine():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return _started(int(pid)) == started
