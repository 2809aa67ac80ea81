"""The build as its user meets it: the command line, the real Blender, kills, wrong input."""

import contextlib
import json
import os
import shutil
import signal
from pathlib import Path

import pytest

from flows.services import members
from schemas.rows import Annotation, Reject, Sample, Split
from tasks.workspace import Workspace
from tests.e2e.command import defectory, project, start, there, wait_for

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("build"))


def checksums(workspace: Path) -> str:
    (release,) = (workspace / "releases").glob("tiny-*-draft")
    return (release / "CHECKSUMS.sha256").read_text()


@pytest.fixture(scope="module")
def undisturbed(home: Path) -> Path:
    done = defectory(home, "build", "recipe.yaml", "--workspace", "whole")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "survey: 4/4" in done.stderr and "render: 3/3" in done.stderr, "progress is shown"
    assert "releases/tiny-0.1.0-draft/report.html" in done.stdout, "says where the report is"
    assert "defectory review push whole" in done.stdout, "says what to do next"
    return home / "whole"


def test_the_release_of_a_build_verifies(home: Path, undisturbed: Path) -> None:
    done = defectory(home, "verify", "whole/releases/tiny-0.1.0-draft", "--json")
    checks = json.loads(done.stdout)
    assert done.returncode == 0, [c for c in checks["checks"] if not c["ok"]]
    assert checks["ok"] and len(checks["checks"]) >= 8


def test_what_was_built(undisturbed: Path) -> None:
    workspace = Workspace.open(undisturbed)
    samples = list(workspace.rows(Sample))
    assert sorted({s.instance for s in samples}) == ["bowl0-bulge-0", "bowl0-normal-0", "eraser0-hole-0"]
    assert len(samples) == 9, "three clips of 120 degrees per orbit"
    (reject,) = workspace.rows(Reject)
    assert reject.stage == "survey" and "broken.stl" in reject.reason
    tasks = {(a.sample, a.task) for a in workspace.rows(Annotation)}
    for s in samples:
        assert {(s.id, t) for t in ("defect_type", "object", "visible_interval", "caption")} <= tasks
    splits = [sp for sp in workspace.rows(Split) if sp.protocol == "grouped"]
    of_group = {(s.groups[0], sp.split) for s in samples for sp in splits if sp.sample == s.id}
    assert len(of_group) == 3, "each orbit in one split"
    assert {split for _, split in of_group} == {"train", "test"}


def test_a_finished_workspace_is_left_alone(home: Path, undisturbed: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in undisturbed.rglob("*") if p.is_file() and p.name != "recipe.json"}
    done = defectory(home, "build", "recipe.yaml", "--workspace", "whole", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["up_to_date"]
    after = {p: p.stat().st_mtime_ns for p in undisturbed.rglob("*") if p.is_file() and p.name != "recipe.json"}
    assert after == before


def test_a_changed_caption_setting_renders_nothing_again(home: Path, undisturbed: Path) -> None:
    shutil.copytree(undisturbed, home / "changed")
    again = ("--until", "caption", "--set", "caption.keep=2", "--json")
    done = defectory(home, "build", "recipe.yaml", "--workspace", "changed", *again)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = json.loads(done.stdout)["stages"]
    assert {name: stages[name]["shards run now"] for name in ("survey", "plan", "render", "visibility", "caption")} == {
        "survey": 0, "plan": 0, "render": 0, "visibility": 0, "caption": 3,
    }  # fmt: skip
    renders = sorted(p.name for p in (undisturbed / "shards" / "render").iterdir())
    assert sorted(p.name for p in (home / "changed" / "shards" / "render").iterdir()) == renders


def blender_workers(workspace: Path) -> list[int]:
    """Process ids of the Blender workers of one workspace."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if "worker.py" in command and f"{workspace}/" in command:
                found.append(int(entry.name))
    return found


MOMENTS = {
    "first frame": "work/render/*/scratch/frames/0*.png",
    "first shard": "shards/render/*.json",
    "captions": "*/caption/*",
}


def test_a_build_killed_time_and_again_ends_in_the_same_bytes(home: Path, undisturbed: Path) -> None:
    workspace = home / "killed"
    kept: dict[Path, bytes] = {}
    for pattern in MOMENTS.values():
        build = start(home, "build", "recipe.yaml", "--workspace", workspace.name)
        wait_for(lambda pattern=pattern: there(workspace, pattern), build)  # type: ignore[misc]
        os.kill(build.pid, signal.SIGKILL)
        build.wait()
        assert all(p.read_bytes() == content for p, content in kept.items()), "finished shards are not run again"
        kept = {p: p.read_bytes() for p in workspace.glob("shards/*/*.json")}
    done = defectory(home, "build", "recipe.yaml", "--workspace", workspace.name)
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(p.read_bytes() == content for p, content in kept.items()), "finished shards are not run again"
    assert members(Workspace.open(workspace).tag) == [], "nothing of the killed builds is left running"
    assert checksums(workspace) == checksums(undisturbed)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_a_build_that_is_told_to_end_ends_at_once(home: Path, end: signal.Signals) -> None:
    workspace = home / f"ended-{end.name}"
    build = start(home, "build", "recipe.yaml", "--workspace", workspace.name)
    wait_for(lambda: there(workspace, MOMENTS["first frame"]), build)
    build.send_signal(end)
    assert build.wait(timeout=60) == 130
    assert blender_workers(workspace) == []
    assert members(Workspace.open(workspace).tag) == []


def test_a_killed_blender_worker_costs_one_retry(home: Path, undisturbed: Path) -> None:
    workspace, elsewhere = home / "worker-killed", home / "elsewhere"
    elsewhere.mkdir()
    build = start(home, "build", "recipe.yaml", "--workspace", workspace.name, TMPDIR=str(elsewhere))

    def killed() -> list[int]:
        found = blender_workers(workspace) if there(workspace, "work/render/*/scratch/frames/0*.png") else []
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return found

    wait_for(killed, build)
    assert build.wait(timeout=900) == 0
    assert checksums(workspace) == checksums(undisturbed)
    assert not there(workspace, "work/render/*/scratch"), "scratch frames are gone"
    assert not there(elsewhere, "blender*"), "and whatever Blender keeps while it runs"


WRONG = [
    # arguments, environment, exit code, words of the sentence
    (("build", "none.yaml"), {}, 2, "none.yaml: no such recipe"),
    (
        ("build", "recipe.yaml", "--set", "render.widht=3"),
        {},
        2,
        "`render.widht` is not a known key; did you mean `width`",
    ),
    (("build", "recipe.yaml", "--until", "lunch"), {}, 2, "--until lunch: no such stage"),
    (("build", "recipe.yaml", "--workspace", "services"), {}, 2, "not empty and not a workspace"),
    (("status", "nowhere"), {}, 2, "not a workspace"),
    (("verify", "nowhere"), {}, 2, "nowhere: no such folder"),
    (("frobnicate",), {}, 2, "frobnicate"),
    (
        ("build", "recipe.yaml", "--workspace", "no-blender"),
        {"DEFECTORY_BLENDER_PYTHON": "/nowhere/python"},
        1,
        "/nowhere/python",
    ),
    (
        ("build", "recipe.yaml", "--workspace", "no-server"),
        {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
        1,
        "http://127.0.0.1:9/api: the Prefect server does not answer",
    ),
    (
        ("review", "push", "whole"),
        {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "0" * 40, "DEFECTORY_MEDIA_ROOT": "."},
        1,
        "http://127.0.0.1:9",
    ),
]


@pytest.mark.parametrize(
    ("arguments", "extra", "code", "words"), WRONG, ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_wrong_input_gets_one_sentence(
    home: Path, undisturbed: Path, arguments: tuple[str, ...], extra: dict[str, str], code: int, words: str
) -> None:
    (home / "services").mkdir(exist_ok=True)
    (home / "services" / "note.txt").write_text("something else lives here")
    done = defectory(home, *arguments, **extra)
    assert done.returncode == code, done.stdout + done.stderr
    said = done.stderr + done.stdout
    assert words in said
    assert "Traceback" not in said
