"""Push and pull against a real Label Studio, beside the bare SDK on the same tasks in the same run.

    python -m benchmarks.review_sync [--quick] [--kills N]

A workspace of 5,000 clips (500 with --quick) with candidate intervals and captions goes to a server that is started for
it: the push beside a bare import of the same JSON, the same push again, and a pull after 100 clips were labelled.
`--kills` adds a run in which pushes and pulls are killed at random moments, with what is then on either side.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.report import finish
from benchmarks.review_kills import ordeal
from flows import services
from schemas.digests import digest
from schemas.recipe import Recipe
from schemas.rows import DefectFacts, Interval, Media, MediaRef, Row, Sample, Score, annotation
from tasks import review
from tasks.review.items import items, task_of
from tasks.review.projects import find
from tasks.review.work import works
from tasks.stage import Context, Shard, Stage, execute, stage
from tasks.workspace import Workspace

PER_SHARD = 50
CHANGES = 100
REPEATS = 3


def recipe(dataset: str) -> Recipe:
    objects = [{"builtin": "cup0", "normal": 0, "defects": ["hole"]}]
    return Recipe.model_validate({"dataset": dataset, "objects": objects, "review": {"project_tasks": 2500}})


def making(samples: int) -> list[Stage]:
    """Stages that fill a workspace with rows about clips that are there in name only."""

    def cut(workspace: Workspace, wanted: Recipe) -> Iterator[Shard]:
        for start in range(0, samples, PER_SHARD):
            yield Shard(f"cup-hole-{start}", (), tuple(range(start, min(start + PER_SHARD, samples))))

    @stage(version=1, writes=("media", "samples", "annotations"), settings=lambda r: None, cut=cut)
    def render(shard: Shard, ctx: Context) -> Iterator[Row]:
        for n in shard.items:
            id_ = f"c{digest(ctx.recipe.dataset, n)}"
            paths = {role: f"media/render/{shard.key}/{id_}.{role}.mp4" for role in ("unmarked", "marked")}
            yield from (Media(digest(path), path, role, "video/mp4", 1) for role, path in paths.items())
            media = [MediaRef(role, digest(path)) for role, path in paths.items()]
            yield Sample(id=id_, kind="clip", dataset=ctx.recipe.dataset, media=media, groups=[shard.key],
                         shard=shard.key, object="cup", instance=shard.key, defect="hole", clip=n, frames=60, fps=30.0,
                         width=640, height=480)  # fmt: skip
            by = {"author_kind": "renderer", "author": "blender", "author_version": "1", "status": "accepted"}
            facts = DefectFacts(8.0, 6.0, 3.0, 0.4, [0.1, 0.2, 0.3])
            yield annotation(sample=id_, task="defect_type", label="hole", facts=facts, **by)
            yield annotation(sample=id_, task="object", label="cup", **by)
            rule = {"author_kind": "rule", "author": "visibility", "author_version": "1", "status": "accepted"}
            spans = [Interval(n % 20, 20 + n % 30)]
            yield annotation(sample=id_, task="visible_interval", intervals=spans, **rule)
            by = {"author_kind": "model", "author": "m", "author_version": "1", "status": "candidate"}
            for k in range(4):
                text = f"A round hole of about {n % 9 + 2} % of the cup, version {k}, near the middle of the wall."
                scores = [Score("chosen", float(k == 0))]
                yield annotation(sample=id_, task="caption", text=text, candidate=k, scores=scores, **by)

    return [render]


def fill(root: Path, samples: int) -> tuple[Workspace, Recipe]:
    workspace, wanted = Workspace.create(root), recipe(root.name)
    workspace.keep_recipe(wanted)
    (root / "media").mkdir()
    for made in making(samples):
        shards = list(made.cut(workspace, wanted))
        for shard in shards:
            execute(made, workspace, wanted, shard)
        workspace.point(made.name, [made.ref(wanted, shard) for shard in shards])
    return workspace, wanted


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def bare(server: review.Server, tasks: list[dict[str, Any]], config: str, number: int) -> float:
    """The SDK on its own: a project, and the tasks in as few imports as the server takes well."""

    def work() -> None:
        made = server.client.projects.create(title=f"bare {number}", label_config=config)
        for start in range(0, len(tasks), 1000):
            server.client.projects.import_tasks(id=made.id, request=tasks[start : start + 1000])

    return timed(work)[0]


def label(server: review.Server, workspace: Workspace, wanted: Recipe, samples: int) -> int:
    """Answers to so many tasks, spread over the projects; how many there are."""
    (work,) = works(workspace, wanted)
    verdicts = ("interval_verdict", "caption_verdict")
    accepted = [
        {"from_name": v, "to_name": "shown", "type": "choices", "value": {"choices": ["accept"]}} for v in verdicts
    ]
    done = 0
    projects = find(workspace, wanted, server, work)
    for project in projects:
        page = server.client.tasks.list(project=project.id, fields="all", page_size=-(-samples // len(projects)))
        for task in page.items or ():
            server.client.annotations.create(id=task.id, result=[*task.predictions[0].result, *accepted], lead_time=9.5)
            done += 1
    return done


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="500 tasks, one repeat")
    parser.add_argument("--kills", type=int, default=0, metavar="N", help="kill pushes and pulls N times as well")
    given = parser.parse_args()
    quick = given.quick
    samples, repeats = (500, 1) if quick else (5000, REPEATS)
    with tempfile.TemporaryDirectory() as folder:
        home, media_root = Path(folder) / "home", Path(folder) / "media"
        try:
            services.label_studio(home, media_root, print)
            server = review.connect(home)
            if given.kills:
                print(ordeal(fill(media_root / "killed", 300)[0], server, home, given.kills))
            measure(server, media_root, samples, repeats)
        finally:
            services.down(home)


def measure(server: review.Server, media_root: Path, samples: int, repeats: int) -> None:
    bares, pushes, agains, pulls = [], [], [], []
    for n in range(repeats):
        workspace, wanted = fill(media_root / f"sync-{n}", samples)
        (work,) = works(workspace, wanted)
        tasks = [task_of(item, work) for item in items(workspace, work, media_root)]
        if n == 0:  # the first import of a fresh server is slower than all others
            bare(server, tasks[:100], _config(workspace, wanted), 99)
        first = n % 2  # by turns, so that neither always finds the smaller database
        if first:
            bares.append(bare(server, tasks, _config(workspace, wanted), n))
        seconds, report = timed(partial(review.push, workspace, wanted, server))
        assert (report.created, report.unchanged) == (samples, 0), report
        pushes.append(seconds)
        if not first:
            bares.append(bare(server, tasks, _config(workspace, wanted), n))
        seconds, report = timed(partial(review.push, workspace, wanted, server))
        assert (report.created, report.updated, report.unchanged) == (0, 0, samples), report
        agains.append(seconds)
        review.pull(workspace, wanted, server)
        done = label(server, workspace, wanted, CHANGES)
        seconds, pulled = timed(partial(review.pull, workspace, wanted, server))
        assert (pulled.decisions, pulled.problems) == (2 * done, ()), pulled
        pulls.append(seconds)
        print(json.dumps({"bare": bares[-1], "push": pushes[-1], "again": agains[-1], "pull": seconds}), flush=True)
    rows = [
        {"what": f"bare SDK import of {samples} tasks", "median s": statistics.median(bares), "limit s": ""},
        {"what": f"push of {samples} tasks", "median s": statistics.median(pushes),
         "limit s": f"{1.3 * statistics.median(bares):.2f}"},
        {"what": "push again, nothing changed", "median s": statistics.median(agains), "limit s": "5"},
        {"what": f"pull of {CHANGES} changes", "median s": statistics.median(pulls), "limit s": "3"},
    ]  # fmt: skip
    ratio = statistics.median(p / b for p, b in zip(pushes, bares, strict=True))
    finish(
        "review_sync", ratio, rows, tasks=samples, repeats=repeats, push_s=round(statistics.median(pushes), 3),
        bare_s=round(statistics.median(bares), 3), again_s=round(statistics.median(agains), 3),
        pull_100_s=round(statistics.median(pulls), 3),
    )  # fmt: skip


def _config(workspace: Workspace, wanted: Recipe) -> str:
    from tasks.review.projects import config_of

    (work,) = works(workspace, wanted)
    return config_of(workspace, wanted, work)


if __name__ == "__main__":
    main()
