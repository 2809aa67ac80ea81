"""Review without a server: what is offered, what becomes of an export, when a round has passed."""

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from annotation.labelling.project import Item
from annotation.labelling.projects import PROJECTS
from annotation.labelling.regions import ranges
from annotation.labels import current
from schemas.errors import CallError, WorkerError
from schemas.rows import Annotation, Interval, Row, Sample, Verdict, annotation
from tasks import review
from tasks.release.export import release
from tasks.review import Work
from tasks.review.answers import answers_of
from tasks.review.items import task_of
from tasks.stage import Context, Shard, stage
from tasks.status import status as status_of
from tasks.workspace import Workspace
from tests import factory

pytestmark = pytest.mark.whole

RECIPE = factory.recipe()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return factory.build(tmp_path_factory.mktemp("built") / "blobs").root


@pytest.fixture
def workspace(built: Path, tmp_path: Path) -> Workspace:
    return Workspace.open(shutil.copytree(built, tmp_path / "root" / "blobs"))


ROUND = Work(PROJECTS["clip"], 1, PROJECTS["clip"].judges)


def answer(
    item: Item, user: int | dict[str, Any] | None = 1, id_: int = 1, at: str = "2026-01-01T00:00:00Z",
    work: Work = ROUND, **said: Any,
) -> dict[str, Any]:  # fmt: skip
    """One exported task with one submitted annotation; `said` overrides what the prediction pre-filled."""
    task = task_of(item, work)
    spans = said.get("intervals", item.judged["visible_interval"].intervals)
    values = {
        "visible": [{"ranges": [r], "timelinelabels": ["Defect visible"]} for r in ranges(spans)],
        "caption": [{"text": [said.get("caption", item.judged["caption"].text)]}],
        "interval_verdict": [{"choices": [said.get("interval_verdict", "accept")]}],
        "caption_verdict": [{"choices": [said.get("caption_verdict", "accept")]}],
        "caption_comment": [{"text": [said["comment"]]}] if "comment" in said else [],
        "rating": [{"rating": said["rating"]}] if "rating" in said else [],
    }
    kinds = {"visible": "timelinelabels", "caption": "textarea", "caption_comment": "textarea", "rating": "rating"}
    result = [
        {"id": f"{name}{n}", "from_name": name, "to_name": "shown", "type": kinds.get(name, "choices"), "value": value}
        for name, given in values.items()
        for n, value in enumerate(given)
    ]
    made = {
        "id": id_, "completed_by": user, "updated_at": at, "was_cancelled": said.get("cancelled", False),
        "lead_time": said.get("seconds", 20.5),
    }  # fmt: skip
    return {"id": id_, "data": task["data"], "annotations": [{**made, "result": result}]}


def offered(workspace: Workspace, work: Work = ROUND) -> list[Item]:
    return list(review.items(workspace, work, workspace.root.parent))


def defective(workspace: Workspace) -> Item:
    return next(i for i in offered(workspace) if i.judged["visible_interval"].intervals)


def server(workspace: Workspace) -> review.Server:
    return review.Server("http://127.0.0.1:9", None, workspace.root.parent, "a test")


def take(workspace: Workspace, *exported: dict[str, Any], work: Work = ROUND) -> tuple[list[Verdict], list[str]]:
    return review.take(workspace, RECIPE, work, server(workspace), answers_of(exported))


def people(workspace: Workspace, sample: str) -> list[Annotation]:
    return [a for a in workspace.rows(Annotation) if a.sample == sample and a.author_kind == "person"]


def label(workspace: Workspace, sample: str) -> dict[str, Annotation]:
    return current(a for a in workspace.rows(Annotation) if a.task in review.TASKS)[sample].by_task


def test_every_clip_is_offered_with_its_chosen_caption_and_addresses_below_the_media_root(workspace: Workspace) -> None:
    items = offered(workspace)
    assert {i.sample.id for i in items} == {s.id for s in factory.samples(workspace)}
    for item in items:
        assert [c.candidate for c in item.candidates] == [0, 1, 2]
        assert item.judged["caption"] == item.candidates[0]
        assert ("marked" in item.media) == (item.sample.defect != "none")
        assert item.media["unmarked"].startswith("/data/local-files/?d=blobs/media/render/")
        assert ("Extent" in item.facts) == (item.sample.defect != "none")


def test_a_workspace_that_the_server_cannot_show_is_refused(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="lies outside of"):
        list(review.items(workspace, ROUND, tmp_path / "elsewhere"))


@pytest.mark.parametrize(
    ("said", "interval_status", "caption_status"),
    [
        ({}, "accepted", "accepted"),
        ({"intervals": [Interval(1, 4), Interval(6, 9)]}, "corrected", "accepted"),
        ({"intervals": []}, "corrected", "accepted"),  # "it is never visible" is a correction like any other
        ({"caption": "A person's words."}, "accepted", "corrected"),
        ({"interval_verdict": "reject"}, "rejected", "accepted"),
        ({"caption_verdict": "reject", "comment": "not a disc"}, "accepted", "rejected"),
    ],
)
def test_an_answer_becomes_two_annotations_and_two_verdicts(
    workspace: Workspace, said: dict[str, Any], interval_status: str, caption_status: str
) -> None:
    item = defective(workspace)
    verdicts, problems = take(workspace, answer(item, **said))
    assert not problems
    rows = {a.task: a for a in people(workspace, item.sample.id)}
    assert (rows["visible_interval"].status, rows["caption"].status) == (interval_status, caption_status)
    assert rows["visible_interval"].supersedes == item.judged["visible_interval"].id
    assert rows["caption"].supersedes == item.judged["caption"].id
    assert {(v.task, v.verdict, v.annotation) for v in verdicts} == {
        ("visible_interval", interval_status, item.judged["visible_interval"].id),
        ("caption", caption_status, item.judged["caption"].id),
    }
    labels = label(workspace, item.sample.id)
    if interval_status != "rejected":
        assert labels["visible_interval"].intervals == said.get("intervals", item.judged["visible_interval"].intervals)
    if caption_status != "rejected":
        assert labels["caption"].text == said.get("caption", item.judged["caption"].text)
    assert {v.comment for v in verdicts} - {""} == ({said["comment"]} if "comment" in said else set())


def test_taking_the_same_export_again_writes_nothing(workspace: Workspace) -> None:
    exported = [answer(item, id_=n) for n, item in enumerate(offered(workspace))]
    assert len(take(workspace, *exported)[0]) == 2 * len(exported)
    before = sorted(p.name for p in workspace.root.rglob("*"))
    assert take(workspace, *exported) == ([], [])
    assert sorted(p.name for p in workspace.root.rglob("*")) == before


def test_parts_are_written_under_the_render_shard_so_that_later_stages_find_them(workspace: Workspace) -> None:
    item = defective(workspace)
    take(workspace, answer(item))
    assert [ref.key for ref in workspace.current("review")] == [item.sample.shard]


def test_who_thinks_better_of_it_supersedes_only_their_own_rows(workspace: Workspace) -> None:
    item = defective(workspace)
    take(workspace, answer(item, user=1, id_=1), answer(item, user=2, id_=2, caption="By the second."))
    first = {a.author: a for a in people(workspace, item.sample.id) if a.task == "caption"}
    later = "2026-02-02T00:00:00Z"
    verdicts, _ = take(
        workspace,
        answer(item, user=1, id_=1, caption="By the first.", at=later),
        answer(item, user=2, id_=2, caption="By the second."),
    )
    assert [(v.reviewer, v.task, v.verdict) for v in verdicts] == [("reviewer-1", "caption", "corrected")]
    new = next(a for a in people(workspace, item.sample.id) if a.text == "By the first.")
    assert new.supersedes == first["reviewer-1"].id
    # … and back again: one more row, not the old one revived.
    verdicts, _ = take(
        workspace, answer(item, user=1, id_=1, at=later), answer(item, user=2, id_=2, caption="By the second.")
    )
    assert [(v.annotation, v.verdict) for v in verdicts] == [(new.id, "accepted")]


def test_a_changed_comment_alone_is_a_new_verdict(workspace: Workspace) -> None:
    item = defective(workspace)
    take(workspace, answer(item, caption_verdict="reject", comment="why"))
    verdicts, _ = take(workspace, answer(item, caption_verdict="reject", comment="because"))
    assert [(v.verdict, v.comment) for v in verdicts] == [("rejected", "because")]


def test_cancelled_answers_and_foreign_tasks_are_not_taken_and_bad_ones_are_named(workspace: Workspace) -> None:
    one, two, three, *_ = offered(workspace)
    foreign = answer(one)
    foreign["data"] = {"text": "somebody's own task"}
    lacking = answer(two)
    lacking["annotations"][0]["result"] = []
    verdicts, problems = take(workspace, answer(one, cancelled=True), foreign, lacking, answer(three))
    assert {v.sample for v in verdicts} == {three.sample.id}
    (problem,) = problems
    assert two.sample.id in problem


def test_of_two_answers_by_one_person_the_later_counts_and_no_address_gets_in(workspace: Workspace) -> None:
    item = defective(workspace)
    who = {"id": 7, "email": "jo@example.org", "first_name": "Jo"}
    early = answer(item, user=who, id_=9, caption="Early.")
    late = answer(item, user=who, id_=3, caption="Late.", at="2026-03-03T00:00:00Z")
    early["annotations"] += late["annotations"]
    take(workspace, early)
    assert [(a.author, a.text) for a in people(workspace, item.sample.id) if a.task == "caption"] == [
        ("reviewer-7", "Late.")
    ]
    rows = repr([*workspace.rows(Annotation), *workspace.rows(Verdict)])
    assert "reviewer-7" in rows
    assert "example.org" not in rows
    assert "Jo" not in rows


def test_an_answer_about_a_clip_that_was_rendered_again_is_not_taken(workspace: Workspace) -> None:
    item = defective(workspace)
    stale = answer(dataclasses.replace(item, media={"unmarked": "/data/local-files/?d=blobs/media/render/old/a.mp4"}))
    verdicts, (problem,) = take(workspace, stale)
    assert not verdicts
    assert "rendered again" in problem


def recaptioned(workspace: Workspace) -> None:
    """What a build with other caption settings leaves: other texts about the same clips."""

    @stage(version=1, reads=("render",), writes=("annotations",), settings=lambda r: "other")
    def caption(shard: Shard, ctx: Context) -> Iterator[Row]:
        for sample in ctx.rows(Sample):
            by = {"author_kind": "model", "author": "measured:rules", "author_version": "1", "status": "candidate"}
            yield annotation(sample=sample.id, task="caption", text="Other words.", candidate=0, **by)

    factory.run(caption, workspace, RECIPE)


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({}, []),
        ({"caption_verdict": "reject", "comment": "wrong"}, []),
        ({"caption": "A person's words."}, [("caption", "corrected")]),  # hold whatever the machine says
    ],
)
@pytest.mark.parametrize("pulled_before", [True, False])
def test_a_verdict_on_an_earlier_caption_is_no_verdict_on_the_new_one(
    workspace: Workspace, said: dict[str, Any], taken: list[tuple[str, str]], pulled_before: bool
) -> None:
    item = defective(workspace)
    exported = [answer(item, **said), answer(item, user=2, id_=2, **said)]
    if pulled_before:
        take(workspace, *exported)
    recaptioned(workspace)
    again = [] if pulled_before else [("visible_interval", "accepted")]  # the intervals are the same
    verdicts, problems = take(workspace, *exported)
    assert [(v.task, v.verdict) for v in verdicts] == [*again, *taken] * 2
    wanted = f"clip {item.sample.id}: judged an earlier caption; delete the answer in Label Studio and push again"
    assert problems == ([] if taken else [wanted])
    assert label(workspace, item.sample.id)["caption"].text == (said["caption"] if taken else "Other words.")
    # The problem stays until the answer is gone, and an answer to the new caption is taken.
    assert take(workspace, *exported) == ([], problems)
    new = next(i for i in offered(workspace) if i.sample.id == item.sample.id)
    verdicts, problems = take(workspace, answer(new, user=3, id_=3))
    assert {(v.task, v.annotation) for v in verdicts} == {
        ("visible_interval", item.judged["visible_interval"].id),
        ("caption", new.judged["caption"].id),
    }
    assert not problems


def test_a_review_of_candidates_that_are_gone_counts_no_more(workspace: Workspace) -> None:
    item = defective(workspace)
    take(workspace, answer(item, intervals=[Interval(0, 3)]))
    assert label(workspace, item.sample.id)["visible_interval"].intervals == [Interval(0, 3)]
    demanding = factory.recipe(visibility={"min_pixels": 8, "min_frames": 9})  # the defect is seen for six frames
    factory.run(factory.visibility, workspace, demanding)
    assert label(workspace, item.sample.id)["visible_interval"].intervals == []
    # The answer is about the same video, so the next pull takes it again, as a correction of the new candidate.
    new = next(i for i in offered(workspace) if i.sample.id == item.sample.id)
    verdicts, _ = take(workspace, answer(item, intervals=[Interval(0, 3)]))
    assert [(v.task, v.verdict, v.annotation) for v in verdicts] == [
        ("visible_interval", "corrected", new.judged["visible_interval"].id)
    ]
    assert label(workspace, item.sample.id)["visible_interval"].intervals == [Interval(0, 3)]


def test_the_second_round_shows_what_the_first_left(workspace: Workspace) -> None:
    item = defective(workspace)
    take(workspace, answer(item, caption="By a person.", interval_verdict="reject"))
    again = next(i for i in offered(workspace, dataclasses.replace(ROUND, round=2)) if i.sample.id == item.sample.id)
    assert again.judged["caption"].text == "By a person."
    assert (
        again.judged["visible_interval"] == item.judged["visible_interval"]
    )  # rejected: judged anew as the machine wrote it


# --- the gate -------------------------------------------------------------------------------------


def judged(
    sample: str, interval: str, caption: str, reviewer: str = "reviewer-1", round_: int = 1
) -> Iterator[Annotation]:
    for task, status in (("visible_interval", interval), ("caption", caption)):
        if status:
            by = {"author_kind": "person", "author": reviewer, "author_version": "1", "status": status}
            yield annotation(sample=sample, task=task, round=round_, text=f"{sample}{reviewer}", **by)


@pytest.mark.parametrize(
    ("verdicts", "outcome"),
    [
        # (sample, interval, caption) …                                        passed, judged, acc, corr, rej
        ([("a", "accepted", "accepted"), ("b", "accepted", "accepted")], (True, 2, 2, 0, 0)),
        ([("a", "accepted", "corrected"), ("b", "corrected", "accepted")], (True, 2, 0, 2, 0)),
        ([("a", "accepted", "accepted"), ("b", "rejected", "accepted")], (True, 2, 1, 0, 1)),  # one half is enough here
        ([("a", "rejected", "accepted"), ("b", "accepted", "rejected")], (False, 2, 0, 0, 2)),
        ([("a", "accepted", "accepted")], (False, 1, 1, 0, 0)),  # b is not judged
        ([("a", "accepted", "accepted"), ("b", "accepted", "")], (False, 1, 1, 0, 0)),  # b's caption is not
        ([], (False, 0, 0, 0, 0)),
    ],
)
def test_the_gate_wants_every_clip_judged_and_enough_usable(
    verdicts: list[tuple[str, str, str]], outcome: tuple[bool, int, int, int, int]
) -> None:
    rows = [row for verdict in verdicts for row in judged(*verdict)]
    got = review.gate(["a", "b"], rows, 1, 0.5)
    assert (got.passed, got.judged, got.accepted, got.corrected, got.rejected) == outcome


def test_the_gate_counts_only_its_round_and_one_rejection_is_enough() -> None:
    rows = [*judged("a", "accepted", "accepted", round_=1)]
    assert not review.gate(["a"], rows, 2, 0.0).passed
    rows += judged("a", "accepted", "rejected", reviewer="reviewer-2")
    assert review.gate(["a"], rows, 1, 0.5).rejected == 1
    assert not review.gate([], [], 1, 0.0).passed  # nothing reviewed is nothing passed


def test_the_gate_forgets_a_verdict_that_its_author_took_back() -> None:
    first = list(judged("a", "accepted", "rejected"))
    values = {k: v for k, v in vars(first[1]).items() if k != "id"}
    back = annotation(**{**values, "status": "accepted", "supersedes": first[1].id})
    assert review.gate(["a"], [*first, back], 1, 1.0).passed


def settled(who: str, *answers: Annotation) -> list[Annotation]:
    """A decision between answers, in the place of each."""
    return [row for a in answers for row in again(a, who, status="corrected")]


def again(a: Annotation, who: str, **values: Any) -> list[Annotation]:
    kept = {k: v for k, v in vars(a).items() if k != "id"}
    return [annotation(**kept | {"author": who, "supersedes": a.id} | values)]


ONE, TWO = (list(judged("a", "accepted", "accepted", reviewer)) for reviewer in ("reviewer-1", "reviewer-2"))


@pytest.mark.parametrize(
    ("rows", "passed"),
    [
        (ONE, False),
        ([*ONE, *TWO], True),
        ([*ONE, *TWO[:1]], False),  # the second has not judged the caption
        ([*ONE, *(r for a in ONE for r in again(a, "reviewer-1", text="Other."))], False),  # one person, twice
        ([*ONE, *(r for a in ONE for r in again(a, "reviewer-2"))], False),  # who saw the first one's answer
        ([*ONE, *TWO, *settled("reviewer-3", ONE[1], TWO[1])], True),  # decided over, and said all the same
        ([*ONE, *settled("reviewer-3", *ONE)], False),
        ([*ONE, *TWO, *again(TWO[1], "reviewer-2", status="withdrawn")], False),
        ([*ONE, *judged("a", "accepted", "accepted", "reviewer-2", round_=2)], False),
    ],
)
def test_the_gate_wants_as_many_people_as_the_recipe_asks_for(rows: list[Annotation], passed: bool) -> None:
    found = review.gate(["a"], rows, 1, 1.0, annotators=2)
    assert (found.passed, found.judged) == (passed, int(passed))
    assert review.gate(["a"], rows, 1, 1.0).passed


def test_the_gate_wants_the_rows_of_a_sample_in_one_place() -> None:
    rows = [*judged("a", "accepted", ""), *judged("b", "accepted", ""), *judged("a", "", "accepted")]
    with pytest.raises(CallError, match="sorted by sample"):
        review.gate(["a", "b"], rows, 1, 1.0)


def test_status_and_release_agree_on_which_clips_are_to_be_judged(tmp_path: Path) -> None:
    plain = factory.samples(factory.build(tmp_path / "plain"))
    broken = next(s.id for s in plain if s.defect == "hole")
    workspace = factory.build(tmp_path / "ws", broken=broken, reviewed=True)
    # The clip that could not be labelled is shown to nobody and holds up nothing.
    assert broken not in {i.sample.id for i in offered(workspace)}
    assert review.progress(workspace, RECIPE).passed
    assert review.judged(workspace, RECIPE) == (len(plain) - 1, len(plain) - 1)
    made = release(workspace, RECIPE)
    assert (made.draft, made.counts["left_out"]) == (False, 1)


def test_a_verdict_on_what_is_gone_is_not_counted_as_judged(tmp_path: Path) -> None:
    workspace = factory.build(tmp_path / "ws", reviewed=True)
    clips = len(factory.samples(workspace))
    assert review.judged(workspace, RECIPE) == (clips, clips)
    recaptioned(workspace)
    assert review.judged(workspace, RECIPE) == (0, clips)
    assert review.judged(workspace, factory.recipe(review={"round": 2})) == (0, clips)
    assert status_of(workspace).review == f"round 1, 0 of {clips} clips are judged"


# --- the server's address -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({}, CallError, "make up"),
        ({"LABEL_STUDIO_URL": "http://127.0.0.1:9"}, CallError, "LABEL_STUDIO_API_KEY"),
        (
            {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "a" * 40},
            CallError,
            "DEFECTORY_MEDIA_ROOT",
        ),
        (
            {"LABEL_STUDIO_URL": "http://127.0.0.1:9", "LABEL_STUDIO_API_KEY": "a" * 40, "DEFECTORY_MEDIA_ROOT": "."},
            WorkerError,
            "http://127.0.0.1:9 does not answer; start it with `make up` or set LABEL_STUDIO_URL",
        ),
    ],
)
def test_what_is_missing_to_reach_label_studio(
    settings: dict[str, str], error: type[Exception], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY", "DEFECTORY_MEDIA_ROOT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(error, match=says) as caught:
        review.connect(tmp_path)
    assert "a" * 40 not in str(caught.value)
    if not settings:
        assert review.configured(tmp_path) is None
