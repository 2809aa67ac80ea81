"""From folders to a release that proves itself, by the real stages; and what a new or a bad image costs."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from schemas.errors import CallError
from schemas.loading import load
from schemas.recipe import Recipe
from schemas.rows import Annotation, Embedding, Group, Media, Reject, Sample, Split
from tasks.dag import STAGES, order
from tasks.imports import stage as imports
from tasks.proof.verify import verify
from tasks.release.export import release
from tasks.stage import cut, execute
from tasks.workspace import Workspace
from tests.annotation.models.standin import Reply, openai_answer, standin
from tests.tasks.imports import sets


def recipe(folder: Path, **changes: Any) -> Recipe:
    values: dict[str, Any] = {
        "dataset": "made",
        "sources": [
            {"name": "xsdd", "path": str(folder / "xsdd"), "licence": "Apache-2.0"},
            {"name": "screws", "path": str(folder / "screws"), "object": "ball screw"},
        ],
        "images": {"side": 64},
    }  # fmt: skip
    return Recipe.model_validate(values | changes)


def screws(root: Path) -> Path:
    """Three images with a marked dent and one without, as labelme writes them."""
    for n in range(4):
        sets.write(root / "data" / f"{n}.jpg", sets.picture(900 + n))
        shapes = [("dent", [(10.0, 10.0), (40.0, 10.0), (40.0, 40.0)])] if n else []
        (root / f"{n}.json").write_text(sets.labelme(f"data/{n}.jpg", shapes))
    return root


def build(workspace: Workspace, wanted: Recipe, until: str = "split") -> Counter[str]:
    """Every stage up to `until`; how many shards each had to run."""
    workspace.keep_recipe(wanted)
    ran: Counter[str] = Counter()
    for name in order(wanted)[: order(wanted).index(until) + 1]:
        if name in STAGES:
            plan = cut(STAGES[name], workspace, wanted)
            for _, shard in plan.todo:
                execute(STAGES[name], workspace, wanted, shard)
                ran[name] += 1
            workspace.point(name, [ref for ref, _ in plan.shards])
    return ran


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    sets.class_folders(tmp_path / "xsdd")
    screws(tmp_path / "screws")
    return tmp_path


@pytest.mark.whole
def test_from_folders_to_a_release_that_holds(folder: Path) -> None:
    workspace = Workspace.create(folder / "ws")
    build(workspace, recipe(folder))
    made = release(workspace, recipe(folder))
    assert made.draft and made.counts["samples"] == 16
    assert [(c.name, c.detail) for c in verify(made.path) if not c.ok] == []
    card = (made.path / "README.md").read_text()
    assert "| images | 16" in card and "clip" not in card
    assert "one key per image" in card and "screws" in (made.path / "LICENSE").read_text()
    build(workspace, recipe(folder))
    assert release(workspace, recipe(folder)).path == made.path


def test_an_image_keeps_where_it_comes_from_and_its_mask(folder: Path) -> None:
    workspace = Workspace.create(folder / "ws")
    build(workspace, recipe(folder), "import")
    samples = {s.source: s for s in workspace.rows(Sample)}
    red = samples["xsdd:red iron/0001.png"]
    assert (red.kind, red.defect, red.source_set, red.source_class) == ("image", "red_iron", "xsdd", "red iron")
    assert (red.width, red.height, red.licence, red.object) == (64, 64, "Apache-2.0", "steel strip")
    assert samples["screws:data/0.jpg"].defect == "none"
    dent = samples["screws:data/1.jpg"]
    (mask,) = (m for a in workspace.rows(Annotation) if a.sample == dent.id and a.masks for m in a.masks)
    # The triangle spans 10..40 of 96x64, stretched to 64x64.
    assert (mask.width, mask.height) == (64, 64)
    assert mask.box == pytest.approx([10 * 64 / 96, 10, 30 * 64 / 96, 30], abs=1)
    assert mask.area == pytest.approx(30 * 30 / 2 * 64 / 96, rel=0.1)
    for m in workspace.rows(Media):
        stored = cv2.imread(str(workspace.path(m.path)), cv2.IMREAD_UNCHANGED)
        assert stored.shape[:2] == (m.height, m.width) == (64, 64)


def test_equal_pictures_are_one_instance_and_similar_ones_one_group(folder: Path) -> None:
    """The same pixels in another file and class, and a copy that is compressed and brightened."""
    original = folder / "xsdd" / "slag inclusion" / "1001.png"
    sets.write(original, sets.picture(7, 100, 80))
    twin = sets.write(folder / "screws" / "data" / "twin.bmp", sets.picture(7, 100, 80))
    near = np.clip(sets.picture(7, 100, 80) * 1.1 + 8, 0, 255).astype(np.uint8)
    similar = sets.write(folder / "xsdd" / "red iron" / "copy.jpg", near, quality=50)
    workspace = Workspace.create(folder / "ws")
    build(workspace, recipe(folder, images={"side": 64, "shifted": 1}))
    ids = {s.source.split("/")[-1]: s for s in workspace.rows(Sample)}
    one, two, three = ids[original.name], ids[twin.name], ids[similar.name]
    assert one.instance == two.instance != three.instance
    groups = [g for g in workspace.rows(Group) if g.sample in {one.id, two.id, three.id}]
    assert len({g.group for g in groups}) == 1 and len({g.sample for g in groups}) == 3
    assert {g.sample for g in workspace.rows(Group)} == {one.id, two.id, three.id}  # and nothing else is alike
    splits = {(s.protocol, s.sample): s.split for s in workspace.rows(Split)}
    assert len({splits["grouped", s.id] for s in (one, two, three)}) == 1


def test_the_split_is_seven_to_three_within_every_class(tmp_path: Path) -> None:
    sets.class_folders(tmp_path / "xsdd", per_class=20)
    one = [{"name": "xsdd", "path": str(tmp_path / "xsdd")}]
    wanted = recipe(tmp_path, sources=one, images={"side": 64, "shifted": 1})
    workspace = Workspace.create(tmp_path / "ws")
    build(workspace, wanted)
    defect = {s.id: s.defect for s in workspace.rows(Sample)}
    train = Counter(defect[s.sample] for s in workspace.rows(Split) if (s.protocol, s.split) == ("grouped", "train"))
    assert set(train.values()) == {14}


def test_one_more_image_runs_one_shard_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "PER_SHARD", 8)
    sets.class_folders(tmp_path / "xsdd", per_class=15)
    wanted = recipe(tmp_path, sources=[{"name": "xsdd", "path": str(tmp_path / "xsdd")}])
    workspace = Workspace.create(tmp_path / "ws")
    first = build(workspace, wanted, "import")
    before = {s.source: s.id for s in workspace.rows(Sample)}
    assert first["import"] == 8
    sets.write(tmp_path / "xsdd" / "red iron" / "new.png", sets.picture(4711))
    assert build(workspace, wanted, "import") == {"import": 1}
    after = {s.source: s.id for s in workspace.rows(Sample)}
    assert after.items() > before.items() and len(after) == 46


def test_where_a_source_lies_does_not_matter(folder: Path) -> None:
    workspace = Workspace.create(folder / "ws")
    build(workspace, recipe(folder), "import")
    shutil.copytree(folder / "xsdd", folder / "moved" / "xsdd")
    shutil.copytree(folder / "screws", folder / "moved" / "screws")
    assert build(workspace, recipe(folder / "moved"), "import") == {}


def test_an_archive_is_a_source(folder: Path) -> None:
    packed = shutil.make_archive(str(folder / "packed"), "zip", folder / "xsdd")
    wanted = recipe(folder, sources=[{"name": "xsdd", "path": packed}])
    workspace = Workspace.create(folder / "ws")
    build(workspace, wanted, "import")
    assert len(list(workspace.rows(Sample))) == 12


def test_what_cannot_be_used_is_a_row_and_harms_nothing_else(folder: Path) -> None:
    xsdd = folder / "xsdd"
    whole = sets.write(xsdd / "red iron" / "cut.jpg", sets.picture(6)).read_bytes()
    (xsdd / "red iron" / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (xsdd / "red iron" / "empty.png").write_bytes(b"")
    sets.write(xsdd / "rusty spots" / "1.png", sets.picture(5))
    outside = sets.labelme("data/3.jpg", [("dent", [(10.0, 10.0), (400.0, 10.0), (40.0, 40.0)])])
    (folder / "screws" / "3.json").write_text(outside)
    (folder / "screws" / "lost.json").write_text(sets.labelme("data/lost.jpg", []))
    (folder / "screws" / "odd.json").write_text(json.dumps({"shapes": [{"points": 3}]}))
    taxonomy = folder / "t.yaml"
    taxonomy.write_text(
        "{name: t, version: '1.0', classes: [{name: red, sources: {xsdd: [red iron]}}, "
        "{name: slag, sources: {xsdd: [slag inclusion]}}, {name: scratch, sources: {xsdd: [surface scratch]}}, "
        "{name: dent, sources: {screws: [dent]}}]}"
    )
    wanted = recipe(folder, images={"side": 64, "taxonomy": str(taxonomy)})
    workspace = Workspace.create(folder / "ws")
    build(workspace, wanted, "import")
    reasons = {r.item: r.reason for r in workspace.rows(Reject)}
    assert reasons.keys() == {
        "xsdd/red iron/cut.jpg", "xsdd/red iron/empty.png", "xsdd/rusty spots/1.png", "screws/data/3.jpg",
        "screws/lost.json", "screws/odd.json",
    }  # fmt: skip
    assert "cannot be read as an image" in reasons["xsdd/red iron/cut.jpg"]
    assert "class `rusty spots` of xsdd is not in the taxonomy t" in reasons["xsdd/rusty spots/1.png"]
    assert "a label of dent lies outside of the image of 96x64" in reasons["screws/data/3.jpg"]
    assert "its image data/lost.jpg is not there" in reasons["screws/lost.json"]
    assert len(list(workspace.rows(Sample))) == 15
    assert all("\n" not in r for r in reasons.values())


def test_names_that_no_table_or_terminal_takes_are_written_legibly(folder: Path) -> None:
    """A file name in GBK, as Chinese sets are unpacked, and labels with control characters."""
    foreign = "缺陷.png".encode("gbk").decode("utf-8", "surrogateescape")
    sets.write(folder / "xsdd" / "red iron" / foreign, sets.picture(4))
    sets.write(folder / "xsdd" / "red\x1b[31m\niron" / "1.png", sets.picture(5))
    sets.write(folder / "xsdd" / "red iron" / "a\x1b[2J.png", sets.picture(6)).write_bytes(b"")
    workspace = Workspace.create(folder / "ws")
    build(workspace, recipe(folder), "import")
    samples = {s.source: s.source_class for s in workspace.rows(Sample)}
    assert len(samples) == 18
    assert samples[r"xsdd:red iron/ȱ\udccf\udcdd.png"] == "red iron"
    assert samples[r"xsdd:red\x1b[31m iron/1.png"] == r"red\x1b[31m iron"
    (reject,) = workspace.rows(Reject)
    assert reject.item == r"xsdd/red iron/a\x1b[2J.png" and reject.reason.startswith(r"red iron/a\x1b[2J.png: cannot")


def test_an_image_whose_mask_marks_nothing_is_normal(tmp_path: Path) -> None:
    """As KolektorSDD2: every image has a mask, and those of sound parts are black. A class folder says more."""
    blot = np.zeros((64, 96), np.uint8)
    for n, path in enumerate(("train/1", "train/2", "test/dent/1")):
        sets.write(tmp_path / "set" / f"{path}.png", sets.picture(n))
        sets.write(tmp_path / "set" / f"{path}_GT.png", blot)
    blot[10:20, 10:20] = 255
    sets.write(tmp_path / "set" / "train" / "2_GT.png", blot)
    workspace = Workspace.create(tmp_path / "ws")
    build(workspace, recipe(tmp_path, sources=[{"name": "made", "path": str(tmp_path / "set")}]), "import")
    assert {s.source: (s.defect, s.source_class) for s in workspace.rows(Sample)} == {
        "made:train/1.png": ("none", "normal"),
        "made:train/2.png": ("defect", "defect"),
        "made:test/dent/1.png": ("dent", "dent"),
    }
    normal = next(s.id for s in workspace.rows(Sample) if s.defect == "none")
    assert {a.task: a.label for a in workspace.rows(Annotation) if a.sample == normal} == {
        "defect_type": "none", "object": "steel strip",
    }  # fmt: skip


def test_limit_takes_the_same_images_when_others_come(folder: Path) -> None:
    wanted = recipe(folder, sources=[{"name": "xsdd", "path": str(folder / "xsdd"), "limit": 2}])
    workspace = Workspace.create(folder / "ws")
    build(workspace, wanted, "keyframes")
    assert Counter(s.defect for s in workspace.rows(Sample)) == dict.fromkeys(
        ("red_iron", "slag_inclusion", "surface_scratch"), 2
    )
    assert len(list(workspace.rows(Embedding))) == 6


def test_a_source_that_is_not_there_says_where_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STEEL_IMAGES", raising=False)
    file = Path(__file__).parents[3] / "recipes" / "steeldefectx.yaml"
    with pytest.raises(CallError, match=r"sources\.neu: \$STEEL_IMAGES/NEU-CLS: set the variable .*to be had from"):
        load(file)
    monkeypatch.setenv("STEEL_IMAGES", str(tmp_path))
    wanted = load(file)
    with pytest.raises(CallError, match=r"sources\.neu \(to be had from .*\): no such folder or archive"):
        list(imports.cut(Workspace.create(tmp_path / "ws"), wanted))


@pytest.mark.whole
def test_one_more_image_costs_its_own_requests_and_no_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    workspace = Workspace.create(folder / "ws")
    with standin(lambda n, body: Reply(openai_answer("A long, thin, shallow and dark mark in the middle."))) as server:
        asked = {"provider": "openai", "base_url": server.url, "budget_usd": 1.0, "ground": False}
        build(workspace, recipe(folder, caption=asked), until="caption")
        before = len(server.requests)
        sets.write(folder / "xsdd" / "red iron" / "another.jpg", sets.picture(77))
        build(workspace, recipe(folder, caption=asked), until="caption")
        assert before == 16 * 4
        assert len(server.requests) == before + 4
