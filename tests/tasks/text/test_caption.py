"""The caption stage end to end: with `measured`, and with `openai` against a local stand-in server."""

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from annotation import coverage
from annotation.asking.ask import OverBudget
from annotation.asking.ledger import Ledger, url
from annotation.models.providers import DEFAULT_MODELS
from schemas.errors import DefectoryError, WorkerError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Interval, Reject, Run, Sample
from tasks.keyframes import keyframes
from tasks.pictures import jpeg
from tasks.stage import cut
from tasks.text.caption import caption, settings
from tasks.text.pictured import Known, frame_of, middle, picture_at
from tasks.visibility import visibility
from tasks.workspace import Workspace
from tests import factory
from tests.annotation.models.standin import Reply, openai_answer, openai_error, standin
from tests.tasks.imports import sets
from tests.tasks.imports.test_build import build

pytestmark = pytest.mark.whole

FULL = "A long, straight mark, shallow and dark, lies in the upper left"


def recipe(**wanted: Any) -> Recipe:
    """One vase with a bulge and one without, two clips each; the defect shows in the first clip only."""
    return factory.recipe(
        objects=[{"builtin": "vase0", "category": "vase", "normal": 1, "defects": ["bulge"]}], caption=wanted
    )


def openai(server: str, **wanted: Any) -> Recipe:
    return recipe(provider="openai", base_url=server, **{"budget_usd": 1.0, "ground": False, **wanted})


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    monkeypatch.setattr("annotation.asking.ask.BACKOFF_S", 0.001)
    made = Workspace.create(tmp_path / "ws")
    for stage in (factory.render, visibility, keyframes):
        factory.run(stage, made, recipe())
    return made


def captions(workspace: Workspace) -> dict[str, list[Annotation]]:
    """Candidates by sample, in the order of their index."""
    found: dict[str, list[Annotation]] = {s.id: [] for s in factory.samples(workspace)}
    for a in workspace.rows(Annotation, workspace.current("caption")):
        found[a.sample].append(a)
    return found


def value(a: Annotation, name: str) -> float:
    return next(s.value for s in a.scores if s.name == name)


def sample(workspace: Workspace, instance: str, clip: int) -> Sample:
    return next(s for s in factory.samples(workspace) if (s.instance, s.clip) == (instance, clip))


def test_measured_end_to_end(workspace: Workspace) -> None:
    factory.run(caption, workspace, recipe())
    found = captions(workspace)
    assert len(found) == 4
    clips = {s.id: next(m.id for m in s.media if m.role == "unmarked") for s in factory.samples(workspace)}
    for rows in found.values():
        assert [a.candidate for a in rows] == [0, 1, 2, 3]
        assert {a.media for a in rows} == {clips[rows[0].sample]}
        assert sum(value(a, "chosen") for a in rows) == 1
        assert 1 <= sum(value(a, "kept") for a in rows) <= 3
        assert all(a.author == "measured:geometry-3" and a.status == "candidate" and a.cost_usd == 0 for a in rows)
    seen = found[sample(workspace, "vase-bulge-0", 0).id]
    assert all(value(a, d) == 1 for a in seen for d in ("shape", "size", "depth", "location", "contrast"))
    assert all("bulge" in (a.text or "") and "darker" in (a.text or "") for a in seen)
    for instance, clip in (("vase-bulge-0", 1), ("vase-normal-0", 0)):  # facing away; normal
        assert all("bulge" not in (a.text or "") for a in found[sample(workspace, instance, clip).id])


@pytest.mark.parametrize("provider", ["openai", "measured"])
def test_a_sound_image_has_no_defect_called_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: str
) -> None:
    """It is described as sound, whatever is marked on it, and no supplement question is asked about it."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    sets.write(tmp_path / "set" / "images" / "good" / "0.png", sets.picture(0))
    marked = np.zeros((64, 96), np.uint8)
    marked[20:29, 30:39] = 255
    sets.write(tmp_path / "set" / "masks" / "good" / "0.png", marked)
    sound = openai_answer("A clean, even steel strip is seen; nothing is wrong.")
    with standin(lambda n, body: Reply(sound)) as server:
        asked = {"provider": provider, "base_url": server.url, "budget_usd": 1.0}
        source = {"name": "aset", "path": str(tmp_path / "set"), "layout": "masks"}
        wanted = Recipe.model_validate({"dataset": "made", "sources": [source], "caption": asked})
        made = Workspace.create(tmp_path / "images")
        build(made, wanted, "caption")
        questions = [body["messages"][1]["content"][0]["text"] for body in server.requests]
    (image,) = made.rows(Sample)
    assert image.defect == "none"
    texts = [a.text or "" for a in made.rows(Annotation, made.current("caption"))]
    assert len(texts) == 4 and not any("none" in text for text in (*texts, *questions))
    assert len(questions) == (4 if provider == "openai" else 0)
    assert all("No defect is known to be visible" in question for question in questions)


def test_the_same_recipe_gives_the_same_bytes(workspace: Workspace, tmp_path: Path) -> None:
    factory.run(caption, workspace, recipe())
    again = Workspace.create(tmp_path / "again")
    for stage in (factory.render, visibility, keyframes, caption):
        factory.run(stage, again, recipe())
    parts = [sorted((w.root / "tables" / "annotations").glob("caption.*")) for w in (workspace, again)]
    assert [p.name for p in parts[0]] == [p.name for p in parts[1]]
    assert [p.read_bytes() for p in parts[0]] == [p.read_bytes() for p in parts[1]]


def test_openai_end_to_end(workspace: Workspace) -> None:
    """Visible defects get supplement questions when the answers are poor; pictures go along; money is counted."""
    lock, count = threading.Lock(), iter(range(1000))

    def write(_: int, body: dict[str, Any]) -> Reply:
        prompt = body["messages"][1]["content"][0]["text"]
        with lock:
            number = next(count)
        return Reply(
            openai_answer("The defect is small and shallow." if "begins with" in prompt else f"Mark {number}.")
        )

    with standin(write) as server:
        factory.run(caption, workspace, openai(server.url))
        asked = len(server.requests)
        factory.run(caption, workspace, openai(server.url))
        assert len(server.requests) == asked == 4 * 4 + 5
    prompts = [r["messages"][1]["content"][0]["text"] for r in server.requests]
    assert sum("a bulge defect" in p for p in prompts) == 4 + 5  # the one clip that shows it
    assert all(
        r["messages"][1]["content"][1]["image_url"]["url"].startswith("data:image/jpeg") for r in server.requests
    )
    found = captions(workspace)
    supplemented = found[sample(workspace, "vase-bulge-0", 0).id]
    assert [a.candidate for a in supplemented] == [0, 1, 2, 3, 4]
    assert value(supplemented[4], "chosen") == 1
    assert (supplemented[4].text or "").endswith("The defect is small and shallow.")
    each = (900 * 2.5 + 40 * 10) / 1e6
    total = sum(a.cost_usd for rows in found.values() for a in rows)
    assert total == pytest.approx(21 * each)
    assert total == pytest.approx(Ledger(url(workspace.root)).spending().spent)
    assert sum(r.cost_usd for r in workspace.rows(Run, workspace.current("caption"))) == pytest.approx(total)


def test_faults_on_the_way_change_nothing(workspace: Workspace) -> None:
    faults = {
        0: Reply(openai_error("slow down"), 429, {"retry-after": "0"}), 2: Reply({}, 500), 3: Reply(drop=True),
        5: Reply(openai_answer("x."), cut=20), 7: Reply({}, 503),
    }  # fmt: skip
    with standin(lambda n, body: faults.get(n, Reply(openai_answer(f"{FULL}.")))) as server:
        factory.run(caption, workspace, openai(server.url))
    assert [len(rows) for rows in captions(workspace).values()] == [4] * 4
    spending = Ledger(url(workspace.root)).spending()
    assert spending.answers == 16
    assert spending.lost > 0  # the dropped and the truncated answer may have been billed
    assert spending.reserved == 0


def test_a_refused_sample_goes_to_rejects_and_the_build_goes_on(workspace: Workspace) -> None:
    def refuse(n: int, body: dict[str, Any]) -> Reply:
        known = "a bulge defect" in body["messages"][1]["content"][0]["text"]
        return Reply(openai_answer(None, refusal="I cannot help.") if known else openai_answer(f"{FULL}."))

    with standin(refuse) as server:
        factory.run(caption, workspace, openai(server.url))
    (reject,) = workspace.rows(Reject, workspace.current("caption"))
    assert reject.item == sample(workspace, "vase-bulge-0", 0).id
    assert reject.reason == "openai gpt-4o: refused or answered nothing in English, 4 times; try another model"
    assert [len(rows) for _, rows in sorted(captions(workspace).items())].count(4) == 3


def test_a_service_that_is_down_is_worth_another_build(workspace: Workspace) -> None:
    with standin(lambda n, body: Reply({}, 503)) as server, pytest.raises(WorkerError, match=r"503.*given up after"):
        factory.run(caption, workspace, openai(server.url))
    assert not workspace.current("caption")


def test_one_clip_that_failed_for_now_fails_the_shard_and_is_no_reject(workspace: Workspace) -> None:
    """Of two clips in one shard, one meets a server that is busy: what the other got is kept."""
    busy, lock = [True], threading.Lock()
    pictures: list[str] = []

    def write(_: int, body: dict[str, Any]) -> Reply:
        picture = body["messages"][1]["content"][1]["image_url"]["url"]
        with lock:
            if picture not in pictures:
                pictures.append(picture)
        return Reply({}, 503) if busy[0] and picture == pictures[0] else Reply(openai_answer(f"{FULL}."))

    with standin(write) as server:
        with pytest.raises(WorkerError, match=r"503.*; 1 of 4 samples .* run the same command again"):
            factory.run(caption, workspace, openai(server.url))
        assert Ledger(url(workspace.root)).spending().answers == 12
        assert not workspace.current("caption")
        busy[0] = False
        asked = len(server.requests)
        factory.run(caption, workspace, openai(server.url))
        assert len(server.requests) == asked + 4
    assert not list(workspace.rows(Reject, workspace.current("caption")))
    assert [len(rows) for rows in captions(workspace).values()] == [4] * 4


def test_the_budget_stops_the_build_and_loses_nothing(workspace: Workspace) -> None:
    """A cap worth some answers: they are kept, and the next build with more money does not buy them again."""
    with standin(lambda n, body: Reply(openai_answer(f"{FULL}."))) as server:
        with pytest.raises(OverBudget, match=r"caption.budget_usd: 0\.03 USD do not cover"):
            factory.run(caption, workspace, openai(server.url, budget_usd=0.03))
        bought = Ledger(url(workspace.root)).spending()
        assert 0 < bought.answers == len(server.requests)
        assert bought.spent <= 0.03
        factory.run(caption, workspace, openai(server.url, budget_usd=1.0))
        assert len(server.requests) == 16
    assert Ledger(url(workspace.root)).spending().answers == 16


@pytest.mark.parametrize(
    ("wanted", "environment", "says"),
    [
        ({}, {"OPENAI_API_KEY": ""}, "set OPENAI_API_KEY"),
        ({"model": "llama"}, {}, "openai llama: its price is not known"),
        ({"encoder": "/nowhere/model"}, {}, "caption.encoder /nowhere/model: cannot be loaded"),
        ({}, {"DEFECTORY_LEDGER_URL": "nonsense"}, "DEFECTORY_LEDGER_URL"),
    ],
)
def test_what_is_wrong_from_the_start_stops_the_build(
    wanted: dict[str, Any],
    environment: dict[str, str],
    says: str,
    workspace: Workspace,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, content in environment.items():
        monkeypatch.setenv(name, content)
    with standin(lambda n, body: Reply(openai_answer(f"{FULL}."))) as server:
        with pytest.raises(DefectoryError, match=says) as caught:
            factory.run(caption, workspace, openai(server.url, **wanted))
        assert not server.requests
    assert "sk-secret" not in str(caught.value)


def test_a_clip_that_cannot_be_read_is_rejected(workspace: Workspace) -> None:
    broken = sample(workspace, "vase-normal-0", 0)
    (file,) = workspace.root.glob(f"media/render/*/{broken.id}.unmarked.mp4")
    file.write_bytes(file.read_bytes()[:100])
    factory.run(caption, workspace, recipe())
    (reject,) = workspace.rows(Reject, workspace.current("caption"))
    assert reject.item == broken.id


def test_only_what_decides_the_text_is_in_the_fingerprint(workspace: Workspace) -> None:
    refs = [[r for r, _ in cut(caption, workspace, w).shards] for w in (recipe(), recipe(budget_usd=9), recipe(keep=2))]
    assert refs[0] == refs[1] != refs[2]
    assert settings(recipe()) == settings(recipe(budget_usd=9))
    assert settings(openai("http://host/v1")) != settings(openai("http://elsewhere/v1"))


def test_the_fingerprint_covers_what_the_recipe_only_points_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that an empty name stands for, the rules of coverage, the files of a local sentence encoder."""
    assert settings(recipe()) == settings(recipe(model="geometry-3"))
    encoders = []
    for name, config in (("one", "{}"), ("same", "{}"), ("other", '{"dim": 3}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(config)
        encoders.append(settings(recipe(encoder=str(tmp_path / name))))
    assert encoders[0] == encoders[1] != encoders[2]
    before = settings(recipe())
    rules = coverage.source()
    monkeypatch.setattr(coverage, "source", lambda path: rules + "# changed")
    assert settings(recipe()) != before
    monkeypatch.undo()
    monkeypatch.setitem(DEFAULT_MODELS, "measured", "geometry-0")
    assert settings(recipe()) != before


@pytest.mark.parametrize(
    ("area", "masked", "intervals", "frame", "visible"),
    [
        ([0, 3, 9, 5], [1, 2, 3], [Interval(1, 4)], 2, True),  # the largest
        ([0, 9, 9, 5], [1, 2, 3], [Interval(1, 4)], 1, True),  # the earlier of two
        ([0, 3, 9, 5], [1, 2, 3], [Interval(3, 4)], 3, True),  # only what the interval holds
        ([0, 3, 9, 5], [], [Interval(1, 4)], 1, False),  # nothing in the mask: the middle
        ([0, 3, 9, 5], [1, 2, 3], [], 1, False),  # not seen: the middle
    ],
)
def test_the_frame_is_the_one_that_shows_most(
    area: list[float], masked: list[int], intervals: list[Interval], frame: int, visible: bool
) -> None:
    blob = np.zeros((factory.HEIGHT, factory.WIDTH), bool)
    blob[3:6, 4:8] = True
    clip = Sample("c1", "clip", "d", [], ["g"], "g", "vase", "vase-bulge-0", "bulge", frames=4)
    known = Known(Path("x"), area, intervals, {f: [factory.rle(f, blob)] for f in masked})
    found, mask = frame_of(clip, known)
    assert (found, mask is not None) == (frame, visible)
    assert mask is None or np.array_equal(mask, blob)


def test_the_middle_of_a_clip() -> None:
    assert middle([0, 10, 20], 30) == 10
    assert middle([20, 0], 30) == 0
    assert middle([], 30) == 14


def test_pictures(workspace: Workspace) -> None:
    (clip,) = workspace.root.glob(f"media/render/*/{sample(workspace, 'vase-bulge-0', 0).id}.unmarked.mp4")
    assert picture_at(clip, 3).shape == (factory.HEIGHT, factory.WIDTH, 3)
    with pytest.raises(DefectoryError, match="ends before frame 99"):
        picture_at(clip, 99)
    assert jpeg(np.zeros((2000, 1000, 3), np.uint8))[:2] == b"\xff\xd8"


def test_batches_end_to_end(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """One batch of open questions, one of supplements; half the price; then nothing is left to ask, online or not."""
    monkeypatch.setattr("annotation.asking.batches.FIRST_POLL_S", 0.01)

    def write(n: int, body: dict[str, Any]) -> Reply:
        prompt = body["messages"][1]["content"][0]["text"]
        return Reply(openai_answer("The defect is small and shallow." if "begins with" in prompt else f"Mark {n}."))

    with standin(write) as server:
        factory.run(caption, workspace, openai(server.url, batch=True, ground=False))
        assert [len(j.lines) for j in server.desk.jobs] == [16, 5]
        found = captions(workspace)
        spending = Ledger(url(workspace.root)).spending()
        assert spending.spent == pytest.approx(21 * (900 * 2.5 + 40 * 10) / 2e6)
        (part,) = workspace.current("caption")
        workspace.record_path(part).unlink()
        factory.run(caption, workspace, openai(server.url, batch=False, ground=False))
        assert len(server.requests) == 21
    assert captions(workspace) == found
    assert sorted(map(len, found.values())) == [4, 4, 4, 5]


def test_every_fault_ends_with_a_description_or_a_reason(workspace: Workspace) -> None:
    """Every second request meets a fault; all four samples end, no answer is kept twice, and the key is nowhere."""
    faults = [
        Reply(openai_error("slow down"), 429), Reply(openai_error("slow down"), 429, {"retry-after": "0"}),
        Reply({}, 500), Reply(drop=True), Reply(openai_answer(FULL), cut=25), Reply(openai_answer("")),
        Reply(openai_answer(None, refusal="No.")), Reply(openai_answer("long " * 20_000)),
        Reply(openai_answer("Ein Kratzer liegt auf der Oberfläche und ist dunkel.")), Reply(delay_s=3.0),
    ]  # fmt: skip
    with standin(lambda n, b: faults[n // 2 % len(faults)] if n % 2 else Reply(openai_answer(f"{FULL}."))) as server:
        factory.run(caption, workspace, openai(server.url, timeout_s=1.0, ground=False))
    rejected = {r.item for r in workspace.rows(Reject, workspace.current("caption"))}
    found = captions(workspace)
    assert len(found) == 4 and all(bool(rows) != (sample in rejected) for sample, rows in found.items())
    assert Ledger(url(workspace.root)).spending().reserved == 0
    for file in workspace.root.rglob("*"):
        assert not file.is_file() or b"sk-secret-0123456789" not in file.read_bytes()
