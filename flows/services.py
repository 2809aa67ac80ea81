"""The embedded services: Prefect server, a worker with the deployments, and Label Studio, on this machine.

    home/services.json      addresses, process ids and start times of what was started
    home/credentials.json   log-in and access token of Label Studio, readable by the owner only
    home/logs/              one log per service
    home/prefect/           the Prefect server's database
    home/labelstudio/       Label Studio's database

Every process carries a random mark in its environment, handed on to its children. A process is ours
only if it bears the mark of the record, so neither a recycled process id nor a stranger on the same
port is ever taken for one of ours, and stopping reaches every process group that a service opened.
"""

import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import httpx

from schemas.errors import CallError, WorkerError
from tasks import review
from tasks.workspace import write_atomic

ROOT = Path(__file__).resolve().parents[1]
LABEL_STUDIO = ROOT / ".venv-labelstudio/bin/label-studio"
HOST = "127.0.0.1"
POOL = "defectory"
EMAIL = "admin@defectory.local"
MARK = "DEFECTORY_SERVICE"
NAMES = ("prefect", "worker", "labelstudio")
TITLES = {"prefect": "Prefect server", "worker": "Prefect worker", "labelstudio": "Label Studio"}
PORTS = {"prefect": 4200, "labelstudio": 8080}
PATIENCE_S = {"prefect": 180.0, "worker": 120.0, "labelstudio": 420.0}

PRIVATE_NETWORKS = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.168.0.0/16",
    "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::ffff:0:0/96", "64:ff9b::/96", "2002::/16", "fc00::/7",
    "fe80::/10", "ff00::/8",
)  # fmt: skip
"""Where Label Studio must not be sent to fetch or tell anything."""

Progress = Callable[[str], None]
State = Literal["running", "silent", "died", "stopped"]


@dataclass(frozen=True)
class Record:
    """One started service, as `services.json` keeps it. The worker's `url` is the server that it serves."""

    name: str
    url: str
    pid: int
    mark: str
    started: str
    serves: str = ""
    """Label Studio only: the folder whose files it may show."""


@dataclass(frozen=True)
class ServiceStatus:
    name: str
    title: str
    state: State
    """running: it answers; silent: the process lives but does not answer; died; stopped."""
    url: str
    pid: int | None
    started: str
    log: Path


@dataclass(frozen=True)
class Services:
    """What is running after `up`; a field is empty for what could not be started, and `notes` says why."""

    home: Path
    media_root: Path
    prefect_url: str
    labelstudio_url: str
    email: str
    credentials: Path
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {k: str(v) if isinstance(v, Path) else v for k, v in asdict(self).items()}

    def text(self) -> str:
        """Where everything is, for a terminal."""
        lines = [f"Prefect       {self.prefect_url}   (deployments run on the work pool `{POOL}`)"]
        if self.labelstudio_url:
            lines += [
                f"Label Studio  {self.labelstudio_url}",
                f"  log in as   {self.email}, password in {self.credentials}",
                f"  shows       {self.media_root}",
            ]
        return "\n".join([*lines, *self.notes])


def home() -> Path:
    """Where the services of this machine keep their state: $DEFECTORY_HOME, or `.defectory` in this folder."""
    return review.home()


def up(home: Path, media_root: Path, progress: Progress) -> Services:
    """Start what is not running yet, and wait until each service answers.

    Label Studio shows files below `media_root` only. Raises CallError for a `media_root` other than that
    of a running Label Studio, WorkerError naming the log when a service dies or does not answer in time.
    """
    home, media_root = home.resolve(), media_root.resolve()
    media_root.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        _check_media_root(home, media_root)
        notes = []
        if LABEL_STUDIO.exists():
            reviewing = _start_labelstudio(home, media_root, progress)
        else:
            reviewing = None
            notes.append("Label Studio is not installed and was not started; `make .venv-labelstudio` installs it.")
        prefect = _start_prefect(home, progress)
        _start_worker(home, prefect.url, progress)
        if reviewing:
            _await(home, reviewing, progress)
    return Services(
        home=home,
        media_root=media_root,
        prefect_url=prefect.url,
        labelstudio_url=reviewing.url if reviewing else "",
        email=EMAIL,
        credentials=home / "credentials.json",
        notes=tuple(notes),
    )


def label_studio(home: Path, media_root: Path, progress: Progress) -> Record:
    """Label Studio alone, like `up`. Raises CallError when it is not installed."""
    home, media_root = home.resolve(), media_root.resolve()
    if not LABEL_STUDIO.exists():
        raise CallError("Label Studio is not installed; `make .venv-labelstudio` installs it")
    media_root.mkdir(parents=True, exist_ok=True)
    with _locked(home):
        _check_media_root(home, media_root)
        return _await(home, _start_labelstudio(home, media_root, progress), progress)


def down(home: Path) -> list[str]:
    """Stop what `up` started here, whole process groups at a time; returns the names of what was running."""
    home = home.resolve()
    if not home.exists():
        return []
    with _locked(home):
        stopped = [r.name for name in reversed(NAMES) if (r := _records(home).get(name)) and _stop(r)]
        _write_records(home, {})
    return stopped


def status(home: Path) -> list[ServiceStatus]:
    """How each service is, asked at its address."""
    home = home.resolve()
    records = _records(home)
    return [_status_of(home, name, records.get(name)) for name in NAMES]


def prefect_api_url(home: Path) -> str | None:
    """The API address of the embedded Prefect server, or None when it does not run."""
    server = _status_of(home.resolve(), "prefect", _records(home.resolve()).get("prefect"))
    return f"{server.url}/api" if server.state == "running" else None


def credentials(home: Path) -> dict[str, str]:
    """`email`, `password` and `token` of the embedded Label Studio, made at random on first use."""
    file = home / "credentials.json"
    if not file.exists():
        if (home / "labelstudio/label_studio.sqlite3").exists():
            raise CallError(
                f"{file}: is missing, but {home / 'labelstudio'} holds data made with it; put the file back, or "
                "move that folder away to start afresh"
            )
        fresh = {"email": EMAIL, "password": secrets.token_urlsafe(18), "token": secrets.token_hex(20)}
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as f:
            json.dump(fresh, f, indent=2)
    found: dict[str, str] = json.loads(file.read_text())
    return found


# --- the three services ---------------------------------------------------------------------------


def _start_prefect(home: Path, progress: Progress) -> Record:
    if (record := _running(home, "prefect", progress)) is None:
        port = _port("prefect", progress)
        url = f"http://{HOST}:{port}"
        command = [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]
        record = _launch(home, "prefect", url, command, _plain_environment() | _prefect_environment(home, url))
    return _await(home, record, progress)


def _start_worker(home: Path, url: str, progress: Progress) -> Record:
    if record := _records(home).get("worker"):
        if record.url == url and (running := _running(home, "worker", progress)):
            return running
        _stop(record)
    # Flow runs need the user's own environment (model keys, device settings); the servers do not.
    env = dict(os.environ) | _prefect_environment(home, url) | {"DEFECTORY_HOME": str(home)}
    progress("Prefect worker: registering the deployments")
    prefect = [sys.executable, "-m", "prefect", "--no-prompt"]
    template = str(ROOT / "deploy/work-pool.json")
    _call(home, env, [*prefect, "work-pool", "create", POOL, "--type", "process", "--overwrite",
                      "--base-job-template", template])  # fmt: skip
    _call(home, env, [*prefect, "deploy", "--all", "--prefect-file", "deploy/prefect.yaml"])
    command = [*prefect, "worker", "start", "--pool", POOL, "--type", "process"]
    return _await(home, _launch(home, "worker", url, command, env, name_option="--name"), progress)


def _start_labelstudio(home: Path, media_root: Path, progress: Progress) -> Record:
    if record := _running(home, "labelstudio", progress):
        return record
    secret = credentials(home)
    port = _port("labelstudio", progress)
    command = [str(LABEL_STUDIO), "start", "--no-browser", "--internal-host", HOST, "--port", str(port)]
    env = _plain_environment() | {
        "LABEL_STUDIO_BASE_DATA_DIR": str(home / "labelstudio"),
        "LABEL_STUDIO_USERNAME": secret["email"],
        "LABEL_STUDIO_PASSWORD": secret["password"],
        "LABEL_STUDIO_USER_TOKEN": secret["token"],
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
        # Webhooks go to `defectory review listen` on this machine, which the server's guard against requests to private
        # networks would refuse. So its list of them is given without the loopback.
        "USE_DEFAULT_BANNED_SUBNETS": "false",
        "USER_ADDITIONAL_BANNED_SUBNETS": ",".join(PRIVATE_NETWORKS),
        "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
        "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(media_root),
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false",
    }
    return _launch(home, "labelstudio", f"http://{HOST}:{port}", command, env, serves=str(media_root))


def _prefect_environment(home: Path, url: str) -> dict[str, str]:
    return {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_URL": f"{url}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "DO_NOT_TRACK": "1",
    }


def _plain_environment() -> dict[str, str]:
    """Enough to run a program; none of the user's keys, tokens and service settings."""
    wanted = ("PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
    return {k: v for k, v in os.environ.items() if k in wanted} | {"PYTHONUNBUFFERED": "1"}


def _answers(record: Record) -> bool:
    try:
        if record.name == "worker":
            found = httpx.post(f"{record.url}/api/work_pools/{POOL}/workers/filter", json={}, timeout=5)
            online = {w["name"] for w in found.json() if w["status"] == "ONLINE"} if found.is_success else set()
            return _worker_name(record.mark) in online
        path = {"prefect": "/api/health", "labelstudio": "/health"}[record.name]
        return httpx.get(record.url + path, timeout=5).is_success
    except httpx.TransportError:
        return False


def _worker_name(mark: str) -> str:
    return f"on-this-machine-{mark[:8]}"


# --- processes ------------------------------------------------------------------------------------


def _launch(
    home: Path, name: str, url: str, command: list[str], env: Mapping[str, str], serves: str = "", name_option: str = ""
) -> Record:
    mark = secrets.token_hex(8)
    if name_option:
        command = [*command, name_option, _worker_name(mark)]
    with open(_log(home, name), "ab") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**env, MARK: mark}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    started = datetime.now(UTC).isoformat(timespec="seconds")
    record = Record(name, url, process.pid, mark, started, serves)
    _write_records(home, _records(home) | {name: record})
    return record


def _call(home: Path, env: Mapping[str, str], command: list[str]) -> None:
    log = _log(home, "worker")
    with open(log, "ab") as out:
        done = subprocess.run(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=out, timeout=180)
    if done.returncode:
        raise WorkerError(f"Prefect worker: `prefect {command[4]}` failed; {log} says why")


def _await(home: Path, record: Record, progress: Progress) -> Record:
    title, log = TITLES[record.name], _log(home, record.name)
    begun = time.monotonic()
    said = False
    while not _answers(record):
        waited = time.monotonic() - begun
        if not members(record.mark):
            raise WorkerError(f"{title}: ended before it answered; {log} says why")
        if waited > PATIENCE_S[record.name]:
            raise WorkerError(f"{title}: has not answered at {record.url} for {waited:.0f} s; look into {log}")
        if not said:
            progress(f"{title}: waiting for {record.url} (the first start takes longest)")
            said = True
        time.sleep(0.3)
    progress(f"{title}: ready at {record.url}" if record.name != "worker" else f"{title}: ready")
    return record


def _running(home: Path, name: str, progress: Progress) -> Record | None:
    record = _records(home).get(name)
    if record is None or not members(record.mark):
        return None
    progress(f"{TITLES[name]}: already running" + (f" at {record.url}" if name != "worker" else ""))
    return record


def members(mark: str) -> list[int]:
    """Ids of the living processes that bear the mark; zombies have an empty environment and don't count."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue  # it has ended, or belongs to somebody else
    return found


def _stop(record: Record, patience_s: float = 15.0) -> bool:
    """Ask the process groups to end, then make them; False if nothing of it was running."""
    was_running = bool(members(record.mark))
    deadline = time.monotonic() + patience_s
    asked: set[int] = set()
    while living := members(record.mark):
        late = time.monotonic() > deadline
        if time.monotonic() > deadline + 15:
            raise WorkerError(f"{TITLES[record.name]}: process {living[0]} cannot be ended; end it by hand")
        for group in _groups(living) - (set() if late else asked):
            asked.add(group)
            try:
                os.killpg(group, signal.SIGKILL if late else signal.SIGTERM)
            except ProcessLookupError:
                continue  # it ended by itself
        time.sleep(0.1)
    return was_running


def _groups(pids: list[int]) -> set[int]:
    groups = set()
    for pid in pids:
        try:
            groups.add(os.getpgid(pid))
        except ProcessLookupError:
            continue
    return groups


def _port(name: str, progress: Progress) -> int:
    wanted = PORTS[name]
    for port in (wanted, 0):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind((HOST, port))
            except OSError:
                continue
            found: int = s.getsockname()[1]
        if found != wanted:
            progress(f"{TITLES[name]}: port {wanted} is taken, using {found}")
        return found
    raise WorkerError(f"{TITLES[name]}: no free port on {HOST}")


# --- state ----------------------------------------------------------------------------------------


@contextmanager
def _locked(home: Path) -> Iterator[None]:
    """One `up` or `down` at a time per home."""
    (home / "logs").mkdir(parents=True, exist_ok=True)
    with open(home / ".lock", "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        yield


def _records(home: Path) -> dict[str, Record]:
    try:
        kept = json.loads((home / "services.json").read_text())
    except FileNotFoundError:
        return {}
    return {name: Record(**values) for name, values in kept.items()}


def _write_records(home: Path, records: Mapping[str, Record]) -> None:
    text = json.dumps({name: asdict(record) for name, record in records.items()}, indent=2)
    write_atomic(home / "services.json", text)


def _check_media_root(home: Path, media_root: Path) -> None:
    record = _records(home).get("labelstudio")
    if record and record.serves != str(media_root) and members(record.mark):
        raise CallError(
            f"Label Studio already runs and shows {record.serves}, not {media_root}; `make down` first, or "
            "give that folder as --media-root"
        )


def _status_of(home: Path, name: str, record: Record | None) -> ServiceStatus:
    state: State = "stopped"
    if record:
        state = "died" if not members(record.mark) else "running" if _answers(record) else "silent"
    return ServiceStatus(
        name=name,
        title=TITLES[name],
        state=state,
        url=record.url if record else "",
        pid=record.pid if record else None,
        started=record.started if record else "",
        log=_log(home, name),
    )


def _log(home: Path, name: str) -> Path:
    return home / "logs" / f"{name}.log"
