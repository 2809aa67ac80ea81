"""Pushes and pulls that are killed at random moments: what must hold afterwards, tried from tests and benchmarks."""

import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from schemas.rows import Annotation, Verdict
from tasks import review
from tasks.review.projects import find
from tasks.review.work import works
from tasks.workspace import Workspace

ROOT = Path(__file__).parents[1]
CHILD = """
import sys
from pathlib import Path
from tasks import review
from tasks.workspace import Workspace
what, root, home = sys.argv[1:]
opened = Workspace.open(Path(root))
server = review.connect(Path(home))
print("ready", flush=True)
with opened.lock():
    getattr(review, what)(opened, opened.recipe(), server)
"""


def killed(what: str, workspace: Workspace, home: Path, after_s: float) -> bool:
    """Whether a push or pull was still under way when it was killed, so long after it had begun."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, what, str(workspace.root), str(home)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert child.stdout
    child.stdout.readline()
    time.sleep(after_s)
    alive = child.poll() is None
    child.kill()
    child.wait()
    child.stdout.close()
    return alive


def tasks(workspace: Workspace, server: review.Server) -> list[Any]:
    """All tasks of the workspace on the server, with their annotations."""
    recipe = workspace.recipe()
    projects = [p for work in works(workspace, recipe) for p in find(workspace, recipe, server, work)]
    return [t for p in projects for t in server.client.tasks.list(project=p.id, fields="all", page_size=500)]


def answer(server: review.Server, task: Any) -> None:
    verdicts = ("interval_verdict", "caption_verdict")
    accepted = [
        {"from_name": v, "to_name": "shown", "type": "choices", "value": {"choices": ["accept"]}} for v in verdicts
    ]
    server.client.annotations.create(id=task.id, result=[*task.predictions[0].result, *accepted], lead_time=3.0)


def ordeal(workspace: Workspace, server: review.Server, home: Path, kills: int, seed: int = 1) -> dict[str, int]:
    """So many kills, pushes and pulls by turns, people answering in between; then one whole push and pull.

    Raises AssertionError when a task is there twice, or an answer is lost or in the tables twice.
    """
    rng = random.Random(seed)
    recipe = workspace.recipe()
    wanted = {
        i.sample.id for work in works(workspace, recipe) for i in review.items(workspace, work, server.media_root)
    }
    in_the_middle = answered = 0
    for n in range(kills):
        what = "push" if n % 2 == 0 or n < kills // 3 else "pull"
        in_the_middle += killed(what, workspace, home, rng.uniform(0, 1.5))
        open_ = [t for t in tasks(workspace, server) if not t.total_annotations and t.predictions]
        for task in rng.sample(open_, min(2, len(open_))):
            answer(server, task)
            answered += 1
    report = review.push(workspace, recipe, server)
    again = review.push(workspace, recipe, server)
    assert (again.created, again.updated, again.removed) == (0, 0, 0), again
    on_server = tasks(workspace, server)
    count = Counter(t.data["sample"] for t in on_server)
    twice = {s for s, n in count.items() if n > 1}
    touched = Counter(t.data["sample"] for t in on_server if t.total_annotations)
    assert count.keys() == wanted, "a task is missing"
    assert not {s for s in twice if touched[s] < count[s]}, "a task is there twice"
    review.pull(workspace, recipe, server)
    assert review.pull(workspace, recipe, server, everything=True).decisions == 0
    rows = [a for a in workspace.rows(Annotation) if a.author_kind == "person"]
    verdicts = list(workspace.rows(Verdict))
    assert len({a.id for a in rows}) == len(rows) == len(verdicts) == 2 * len(touched), "a row is missing or twice"
    assert sum(t.total_annotations for t in on_server) == answered, "an annotation is lost"
    return {"kills": kills, "in_the_middle": in_the_middle, "answers": answered, "rows": len(rows),
            "healed": report.created + report.removed}  # fmt: skip
