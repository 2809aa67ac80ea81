"""Push and pull against a stand-in that fails on demand: nothing is lost, nothing is there twice, and all is said."""

import dataclasses
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotation.labels import current
from schemas.errors import DefectoryError, WorkerError
from schemas.rows import Annotation, annotation
from tasks import review
from tasks.stage import Context, Shard
from tasks.workspace import Workspace
from tests import factory
from tests.tasks.review.standin import TOKEN, Desk, Fault, serving

pytestmark = pytest.mark.whole

RECIPE = factory.recipe(review={"project_tasks": 9})
CLIPS = 14


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return factory.build(tmp_path_factory.mktemp("built") / "blobs", RECIPE).root


@pytest.fixture
def workspace(built: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(built, tmp_path / "root" / "blobs"))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with serving() as found:
        yield found


def connected(desk: Desk, workspace: Workspace, timeout_s: float = 30.0) -> review.Server:
    from label_studio_sdk import LabelStudio

    client = LabelStudio(base_url=desk.url, api_key=TOKEN, timeout=timeout_s)
    return review.Server(desk.url, client, workspace.root.parent, "a test")


def push(desk: Desk, workspace: Workspace, **changes: Any) -> review.PushReport:
    return review.push(workspace, factory.recipe(review={"project_tasks": 9}, **changes), connected(desk, workspace))


def pull(desk: Desk, workspace: Workspace, everything: bool = False) -> review.PullReport:
    return review.pull(workspace, RECIPE, connected(desk, workspace), everything)


def result(task: dict[str, Any], **said: Any) -> list[dict[str, Any]]:
    """What was filled in, with the verdicts, and what is said otherwise."""
    kept = [r for p in task["predictions"] for r in p["result"] if r["from_name"] not in said]
    for name, value in {"interval_verdict": "accept", "caption_verdict": "accept", **said}.items():
        kind, key = ("textarea", "text") if name in ("caption", "caption_comment") else ("choices", "choices")
        kept.append({"from_name": name, "to_name": "shown", "type": kind, "value": {key: [value]}})
    return kept


def samples(desk: Desk) -> Counter[str]:
    return Counter(t["data"]["sample"] for t in desk.tasks.values())


def answers(workspace: Workspace) -> list[Annotation]:
    return [a for a in workspace.rows(Annotation) if a.author_kind == "person"]


def test_work_is_split_over_projects_and_a_second_push_asks_little(desk: Desk, workspace: Workspace) -> None:
    first = push(desk, workspace)
    assert (first.created, len(first.projects)) == (CLIPS, 2)
    assert sorted(Counter(t["project"] for t in desk.tasks.values()).values()) == [5, 9]
    assert set(samples(desk).values()) == {1}
    for task in desk.tasks.values():
        assert (task["data"]["project"], task["data"]["round"], task["data"]["batch"]) == ("clip", 1, "")
    assert TOKEN not in str(desk.tasks) + str(desk.projects)
    desk.requests.clear()
    assert push(desk, workspace) == dataclasses.replace(first, created=0, unchanged=CLIPS)
    assert not [r for r in desk.requests if not r.startswith("GET")]
    assert len(desk.requests) < 12


def test_what_changed_is_brought_up_to_date_where_nobody_has_begun(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    seen = [
        t
        for t in desk.tasks.values()
        if t["data"]["judged"] and t["predictions"][0]["result"][0]["type"] == "timelinelabels"
    ]
    answered, drafted, left = seen[0], seen[1], seen[2]
    desk.answer(answered["id"], result(answered))
    drafted["drafts"] = [{"id": 1}]
    before = dict(drafted["data"])
    demanding = factory.recipe(visibility={"min_pixels": 8, "min_frames": 9})
    factory.run(factory.visibility, workspace, demanding)
    again = push(desk, workspace, visibility={"min_pixels": 8, "min_frames": 9})
    assert (again.created, again.untouched, again.removed) == (0, 2, 0)
    assert again.updated + again.unchanged == CLIPS - 2
    assert drafted["data"] == before
    assert "timelinelabels" not in {r["type"] for r in left["predictions"][0]["result"]}


def test_deleted_tasks_and_projects_come_back_unless_their_work_is_done(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    one, two, *_ = desk.tasks.values()
    desk.answer(one["id"], result(one))
    pull(desk, workspace)
    del desk.tasks[one["id"]], desk.tasks[two["id"]]
    again = push(desk, workspace)
    assert again.created == 1
    assert one["data"]["sample"] not in samples(desk)
    project = next(iter(desk.projects))
    desk.tasks = {n: t for n, t in desk.tasks.items() if t["project"] != project}
    del desk.projects[project]
    push(desk, workspace)
    assert len(samples(desk)) == CLIPS - 1
    assert set(samples(desk).values()) == {1}
    assert pull(desk, workspace, everything=True).withdrawn == 0  # the work in what was deleted stays
    assert len(answers(workspace)) == 2


def test_what_two_pushes_made_twice_is_removed_unless_it_was_touched(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    for task in list(desk.tasks.values())[:3]:
        number = desk.number()
        desk.tasks[number] = {**task, "id": number, "annotations": [], "updated_at": desk.now()}
    both, late, _ = list(desk.tasks.values())[:3]
    copies = list(desk.tasks.values())[-3:]
    desk.answer(both["id"], result(both, caption="Early."))
    desk.answer(copies[0]["id"], result(both, caption="Late."))
    desk.answer(copies[1]["id"], result(late))
    again = push(desk, workspace)
    assert (again.created, again.removed) == (0, 2)
    assert samples(desk)[both["data"]["sample"]] == 2
    assert copies[1]["id"] in desk.tasks  # the one that somebody has worked on stays
    pull(desk, workspace)
    for everything in (False, True):
        assert pull(desk, workspace, everything).decisions == 0
    labels = current(workspace.rows(Annotation))[both["data"]["sample"]].by_task
    assert labels["caption"].text == "Late."


def test_a_pull_asks_for_what_has_changed_and_notices_what_is_gone(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    one, two, three, *_ = desk.tasks.values()
    desk.answer(one["id"], result(one, caption="Mine."))
    desk.answer(two["id"], result(two), user=2)
    assert pull(desk, workspace).decisions == 4
    desk.answer(three["id"], result(three), user=2)
    assert pull(desk, workspace).decisions == 2
    before = current(a for a in workspace.rows(Annotation) if a.author_kind != "person")
    sample = one["data"]["sample"]
    assert current(workspace.rows(Annotation))[sample].by_task["caption"].text == "Mine."

    gone = one["annotations"].pop()
    two["annotations"][0]["was_cancelled"] = True
    found = pull(desk, workspace)
    assert (found.decisions, found.withdrawn) == (4, 4)
    assert current(workspace.rows(Annotation))[sample].by_task == before[sample].by_task
    assert pull(desk, workspace, everything=True).decisions == 0

    # The very same answer again is taken again.
    one["annotations"] = [gone | {"updated_at": desk.now()}]
    one["updated_at"] = desk.now()
    assert pull(desk, workspace).decisions == 2
    assert current(workspace.rows(Annotation))[sample].by_task["caption"].text == "Mine."
    ids = [a.id for a in workspace.rows(Annotation)]
    assert len(ids) == len(set(ids))


def withdrawn(workspace: Workspace) -> set[tuple[str, str]]:
    return {(a.sample, a.author) for a in answers(workspace) if a.status == "withdrawn"}


def test_who_takes_an_answer_back_takes_back_no_other(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    one, two, three, *_ = desk.tasks.values()
    for task, user in ((one, 1), (one, 2), (two, 1), (three, 1)):
        desk.answer(task["id"], result(task), user)
    pull(desk, workspace)
    desk.requests.clear()
    assert pull(desk, workspace).decisions == 0
    listings = desk.requests.count("GET /api/tasks")

    del one["annotations"][0]
    one["updated_at"] = desk.now()
    del desk.tasks[two["id"]]  # tidied up: what was said in it stays
    three["annotations"][0]["result"] = "what"  # cannot be read, which takes nothing back
    three["updated_at"] = desk.now()
    found = pull(desk, workspace)
    assert (found.withdrawn, len(found.problems)) == (2, 1)
    assert withdrawn(workspace) == {(one["data"]["sample"], "reviewer-1")}
    three["annotations"][0]["result"] = result(three)
    assert pull(desk, workspace, everything=True).withdrawn == 0
    desk.requests.clear()
    assert pull(desk, workspace).decisions == 0
    assert desk.requests.count("GET /api/tasks") == listings  # none but what is asked for in any case


def test_the_work_of_a_deleted_project_stays_when_others_work_on_its_samples(desk: Desk, workspace: Workspace) -> None:
    asking, server = factory.recipe(review={"annotators": 2}), connected(desk, workspace)
    review.push(workspace, asking, server)
    one, two, *_ = desk.tasks.values()
    for task in (one, two):
        desk.answer(task["id"], result(task), 1)
    review.pull(workspace, asking, server)
    desk.tasks, desk.projects = {}, {}
    review.push(workspace, asking, server)
    again = next(t for t in desk.tasks.values() if t["data"]["sample"] == one["data"]["sample"])
    desk.answer(again["id"], result(again), 2)
    for everything in (False, True):
        review.pull(workspace, asking, server, everything)
    assert withdrawn(workspace) == set()
    assert review.judged(workspace, asking)[0] == 1


def test_without_the_marks_of_earlier_pulls_everything_is_read_again(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    one, two, *_ = desk.tasks.values()
    for task in (one, two):
        desk.answer(task["id"], result(task))
    pull(desk, workspace)
    (workspace.root / "review" / "pulled.json").write_text("{")
    one["annotations"].clear()
    found = pull(desk, workspace)
    assert (found.decisions, found.problems) == (0, ())  # nobody knows of that answer any more
    (workspace.root / "review" / "pulled.json").unlink()
    assert pull(desk, workspace, everything=True).withdrawn == 2


def test_lead_time_rating_and_comments_arrive(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    one, *_ = desk.tasks.values()
    said = [*result(one, caption="Better."), {"from_name": "rating", "type": "rating", "value": {"rating": 4}}]
    desk.answer(one["id"], said, lead_time=31.5)
    pull(desk, workspace)
    (caption,) = [a for a in answers(workspace) if a.task == "caption"]
    assert (caption.lead_time_s, caption.text, [(s.name, s.value) for s in caption.scores]) == (
        31.5, "Better.", [("rating", 4.0)],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "says"),
    [
        ({"completed_by": None}, "belongs to no account"),
        ({"result": "what"}, "is malformed"),
        ({"result": []}, "lacks a valid"),
        ({"result": [7]}, "no object"),
    ],
)
def test_a_bad_answer_is_named_and_holds_up_no_other(
    desk: Desk, workspace: Workspace, broken: dict[str, Any], says: str
) -> None:
    push(desk, workspace)
    one, two, *_ = desk.tasks.values()
    desk.answer(one["id"], result(one))
    one["annotations"][0] |= broken
    desk.answer(two["id"], result(two))
    found = pull(desk, workspace)
    assert found.decisions == 2
    (problem,) = found.problems
    assert says in problem
    assert one["data"]["sample"] in problem
    assert pull(desk, workspace).problems == (problem,)  # until it is put right
    one["annotations"] = []
    assert pull(desk, workspace).problems == ()


FAULTS = [
    Fault("GET", r"/api/projects", 500), Fault("GET", r"/api/projects", 401), Fault("GET", r"/api/projects", 403),
    Fault("GET", r"/api/projects", delay_s=3.0), Fault("GET", r"/api/projects", body=b"<html>proxy error</html>"),
    Fault("POST", r"/api/projects", 500, after=True), Fault("POST", r"/api/storages/.*", 500),
    Fault("POST", r"/api/projects/\d+/import", 500), Fault("POST", r"/api/projects/\d+/import", 500, after=True),
    Fault("POST", r"/api/projects/\d+/import", delay_s=3.0, after=True),
    Fault("GET", r"/api/tasks", 403), Fault("GET", r"/api/tasks", body=b"{"),
]  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.method}{f.path}-{f.status}-{f.delay_s}-{f.after}")
def test_a_push_that_fails_says_so_and_the_next_one_heals_it(fault: Fault, desk: Desk, workspace: Workspace) -> None:
    desk.faults = [dataclasses.replace(fault)]
    with pytest.raises(DefectoryError) as caught:
        review.push(workspace, RECIPE, connected(desk, workspace, timeout_s=1.0))
    said = str(caught.value)
    assert desk.url in said
    assert TOKEN not in said
    assert said.count("\n") == 0
    desk.faults = []
    healed = push(desk, workspace)
    assert (healed.created + healed.unchanged, healed.problems) == (CLIPS, ())
    push(desk, workspace)
    assert samples(desk) == dict.fromkeys(samples(desk), 1)
    assert len(samples(desk)) == CLIPS
    assert len(desk.storages) == len(desk.projects)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", r"/api/projects/\d+/export", 500), Fault("GET", r"/api/projects/\d+/export", 401),
        Fault("GET", r"/api/projects/\d+/export", delay_s=3.0), Fault("GET", r"/api/projects/\d+/export", body=b"["),
        Fault("GET", r"/api/projects/\d+/export", body=b'{"detail": "no"}'), Fault("GET", r"/api/tasks", 500),
        Fault("GET", r"/api/projects/\d+/export", 404),
        Fault("GET", r"/api/tasks", body=b"null"),
    ],
    ids=lambda f: f"{f.path}-{f.status}-{f.body}-{f.delay_s}",
)  # fmt: skip
def test_a_pull_that_fails_loses_nothing(fault: Fault, desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    for task in list(desk.tasks.values())[:11]:
        desk.answer(task["id"], result(task))
    desk.faults = [dataclasses.replace(fault)]
    with pytest.raises(DefectoryError) as caught:
        review.pull(workspace, RECIPE, connected(desk, workspace, timeout_s=1.0))
    assert desk.url in str(caught.value)
    desk.faults = []
    pull(desk, workspace)
    assert len(answers(workspace)) == len({a.id for a in answers(workspace)}) == 22


def test_a_server_that_is_gone_is_named(workspace: Workspace) -> None:
    with serving() as desk:
        there = connected(desk, workspace)
    with pytest.raises(WorkerError, match="does not answer"):
        review.push(workspace, RECIPE, there)


def test_a_task_that_is_deleted_under_way_is_made_again(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    demanding = {"visibility": {"min_pixels": 8, "min_frames": 9}}
    factory.run(factory.visibility, workspace, factory.recipe(**demanding))
    desk.faults = [Fault("PATCH", r"/api/tasks/\d+", 404, times=1)]
    found = push(desk, workspace, **demanding)
    (problem,) = found.problems
    assert "was deleted during the push; push again" in problem
    desk.faults = []
    again = push(desk, workspace, **demanding)
    assert (again.problems, again.created + again.updated) == ((), 1)
    assert push(desk, workspace, **demanding).unchanged == CLIPS


def test_an_edited_configuration_is_kept_and_ours_is_renewed(desk: Desk, workspace: Workspace) -> None:
    push(desk, workspace)
    first, second = desk.projects.values()
    ours = first["label_config"]
    first["label_config"] = ours.replace('hotkey="v"', 'hotkey="x"')  # fits all the same
    stale = ours.replace("Drag", "Pull") + "<!-- of an earlier version -->"
    second["label_config"] = stale
    from schemas.digests import digest

    second["description"] = second["description"].replace(digest(ours), digest(stale))
    del desk.tasks[max(desk.tasks)]
    assert push(desk, workspace).created == 1
    assert first["label_config"] != ours
    assert second["label_config"] == ours
    first["label_config"] = ours.replace('name="visible"', 'name="seen"')
    project = next(n for n, p in desk.projects.items() if p is first)
    del desk.tasks[
        max(
            n
            for n, t in desk.tasks.items()
            if t["project"] == project and t["predictions"][0]["result"][0]["type"] == "timelinelabels"
        )
    ]
    with pytest.raises(DefectoryError, match="restore the configuration"):
        push(desk, workspace)


def test_captions_that_one_shard_holds_for_all_samples_are_offered_and_judged(desk: Desk, workspace: Workspace) -> None:
    everything = tuple(workspace.current("render"))
    by_service = dataclasses.replace(factory.caption, cut=lambda workspace, recipe: [Shard("all", everything)])
    factory.run(by_service, workspace, RECIPE)
    assert push(desk, workspace).created == CLIPS

    def louder(shard: Shard, ctx: Context) -> Iterator[Annotation]:
        for a in factory.caption.work(shard, ctx):
            values = {k: v for k, v in vars(a).items() if k != "id"}
            yield annotation(**values | {"text": f"{a.text} Indeed."})

    factory.run(dataclasses.replace(by_service, version=2, work=louder), workspace, RECIPE)
    assert push(desk, workspace).updated == CLIPS
    for task in desk.tasks.values():
        desk.answer(task["id"], result(task))
    found = pull(desk, workspace)
    assert (found.accepted, found.problems) == (2 * CLIPS, ())
    assert review.progress(workspace, RECIPE).passed
    assert push(desk, workspace).unchanged == CLIPS


def test_several_annotators_are_asked_for(desk: Desk, workspace: Workspace) -> None:
    asking = factory.recipe(review={"annotators": 3})
    review.push(workspace, asking, connected(desk, workspace))
    assert {p["maximum_annotations"] for p in desk.projects.values()} == {3}
    review.push(workspace, factory.recipe(review={"annotators": 2}), connected(desk, workspace))
    assert {p["maximum_annotations"] for p in desk.projects.values()} == {2}


def test_a_task_is_done_when_as_many_different_people_have_answered(desk: Desk, workspace: Workspace) -> None:
    asking, server = factory.recipe(review={"annotators": 2}), connected(desk, workspace)
    review.push(workspace, asking, server)
    once, twice, both, *others = desk.tasks.values()
    desk.answer(once["id"], result(once))
    for _ in range(2):
        desk.answer(twice["id"], result(twice))  # one person, twice
    for user in (1, 2):
        desk.answer(both["id"], result(both), user)
    review.pull(workspace, asking, server)
    found = review.status(workspace, asking, server)
    assert (found.tasks, found.done, found.waiting) == (CLIPS, 1, CLIPS - 1)
    assert review.judged(workspace, asking) == (1, CLIPS)
    # Of what was deleted there, only what both have answered stays away.
    for task in (once, twice, both):
        del desk.tasks[task["id"]]
    assert review.push(workspace, asking, server).created == 2
    for task in desk.tasks.values():
        desk.answer(task["id"], result(task), 2)
        if task in others:
            desk.answer(task["id"], result(task), 3)
    review.pull(workspace, asking, server)
    assert review.status(workspace, asking, server).passed
