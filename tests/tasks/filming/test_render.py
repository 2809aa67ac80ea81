"""From survey to render with a stand-in for Blender: what is cut, what is covered, what rows come out."""

import json
import sys
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as coco

from schemas.errors import CallError
from schemas.filming import Render
from schemas.names import VIEWS
from schemas.recipe import Recipe
from schemas.rows import Annotation, Media, Planned, Reject, Row, Sample, Signal
from tasks import video
from tasks.filming import blender
from tasks.filming.decisive import rendering
from tasks.filming.plan import plan
from tasks.filming.render import LIGHT_SAMPLES, MARK_RGB, coco_mask, light_samples, marked, render
from tasks.filming.survey import survey
from tasks.stage import Context, Shard, cut, gathering, stage
from tasks.workspace import Workspace
from tests.factory import run

pytestmark = pytest.mark.whole

FAKE = """
    # A picture whose brightness is the frame number, and a mask of two rows in the first half of the orbit.
    import json, sys, zlib, struct
    from pathlib import Path

    def png(path, rows, colour):
        data = b"".join(b"\\0" + bytes(r) for r in rows)
        wide = len(rows[0]) // (3 if colour == 2 else 1)
        chunk = lambda k, d: struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d))
        head = struct.pack(">IIBBBBB", wide, len(rows), 8, colour, 0, 0, 0)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")
        path.write_bytes(b"\\x89PNG\\r\\n\\x1a\\n" + body)

    file = Path(sys.argv[-1])
    job = json.loads(file.read_text())
    out = file.parent / job["output"]
    count = len(job["cameras"])
    (out / "by.txt").write_text("9.9")
    for n in range(count):
        if job["mask"]:
            level = [255, 128, 127] + [0] * (job["height"] - 3) if n < count // 2 else [0] * job["height"]
            png(out / f"{n:05d}.mask.png", [[v] * job["width"] for v in level], 0)
        png(out / f"{n:05d}.png", [[40 + n, 80, 120] * job["width"]] * job["height"], 2)
"""


def recipe(**values: object) -> Recipe:
    plain = {
        "dataset": "tiny",
        "objects": [{"builtin": "eraser0", "normal": 1, "defects": ["bulge"]}],
        "render": {"width": 64, "height": 48, "fps": 2},
        "plan": {"min_best_px": 1},
        "visibility": {"min_pixels": 2},
    }
    return Recipe.model_validate(plain | values)


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Workspace]:
    """Runs the render stage of a recipe in a new workspace, with the fake Blender."""
    script = tmp_path / "fake.py"
    script.write_text(textwrap.dedent(FAKE))
    monkeypatch.setenv("DEFECTORY_BLENDER_PYTHON", sys.executable)
    real = blender.run
    monkeypatch.setattr(blender, "run", lambda *args: real(*args, worker=script))

    def build(wanted: Recipe, name: str = "workspace") -> Workspace:
        workspace = Workspace.create(tmp_path / name)
        for made in (survey, plan, render):
            run(made, workspace, wanted)
        return workspace

    return build


def fingerprints(workspace: Workspace, wanted: Recipe) -> list[str]:
    return [ref.fingerprint for ref, _ in cut(render, workspace, wanted).shards]


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace in which the plan is made, and nothing rendered."""
    workspace = Workspace.create(tmp_path_factory.mktemp("planned") / "w")
    for made in (survey, plan):
        run(made, workspace, recipe())
    return workspace


def test_without_a_plan_there_is_nothing_to_render(tmp_path: Path) -> None:
    assert fingerprints(Workspace.create(tmp_path / "w"), recipe()) == []


def test_the_fingerprint_covers_what_decides_the_output_and_nothing_else(planned: Workspace) -> None:
    plain = {"width": 64, "height": 48, "fps": 2}
    base = fingerprints(planned, recipe())
    assert len(base) == 2
    for how in ({"stall_seconds": 5}, {"frames_per_process": 3}, {"blender": "/opt/blender"}):
        assert fingerprints(planned, recipe(render=plain | how)) == base, how
    assert fingerprints(planned, recipe(run={"workers": 1})) == base
    for what in ({"samples": 9}, {"crf": 20}, {"device": "cuda"}, {"clip_seconds": 3}, {"pair": "two"}):
        assert not set(fingerprints(planned, recipe(render=plain | what))) & set(base), what
    assert not set(fingerprints(planned, recipe(seed=1))) & set(base)


def replanned(workspace: Workspace, **changes: object) -> Workspace:
    """The same plan with some rows changed: those of the defective instance."""

    @stage(version=1, writes=("plans",), settings=lambda r: changes, cut=gathering("survey"))
    def other(shard: Shard, ctx: Context) -> Iterator[Row]:
        for row in workspace.rows(Planned, workspace.current("plan")):
            yield replace(row, **changes) if row.view else row  # type: ignore[arg-type]

    run(replace(other, name="plan"), workspace, recipe())
    return workspace


def test_a_choice_elsewhere_renders_nothing_again(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")
    for made in (survey, plan):
        run(made, workspace, recipe())
    normal, defective = fingerprints(workspace, recipe())
    forecast = workspace.current("plan")
    assert fingerprints(replanned(workspace, contrast_pct=1.5, low_contrast=True), recipe()) == [normal, defective]
    workspace.point("plan", forecast)
    same, other = fingerprints(replanned(workspace, start_deg=77.0), recipe())
    assert same == normal and other != defective


def test_skipped_clips_are_not_rendered_and_the_others_keep_their_place(built: Callable[..., Workspace]) -> None:
    """A bulge that is seen from everywhere, where every second clip or so should not show it."""
    wish = {"never": 0.6, "briefly": 0, "half": 0, "always": 0.4}
    objects = [{"builtin": "eraser0", "normal": 0, "defects": ["bulge"]}]
    planning = {"min_best_px": 1, "mix": wish, "skip": True, "candidates": 1}
    workspace = built(recipe(objects=objects, plan=planning, visibility={"min_pixels": 0.1}))
    clips = {p.sample: p for p in workspace.rows(Planned)}
    assert [(p.clip, p.view, p.rendered) for p in clips.values()] == [
        (0, "always", True), (1, "always", False), (2, "always", True),
    ]  # fmt: skip
    samples = list(workspace.rows(Sample))
    assert [s.clip for s in samples] == [0, 2]
    media = {m.id: m for m in workspace.rows(Media)}
    assert [media[s.media[0].id].start_s for s in samples] == [0.0, 4.0]
    shown = [next(video.frames(workspace.path(media[s.media[0].id].path))) for s in samples]
    assert shown[1][0, 0, 0] > shown[0][0, 0, 0], "the fifth frame that was rendered begins the second clip"


def test_files_are_covered_by_content_not_by_place(tmp_path: Path) -> None:
    workspace = Workspace.create(tmp_path / "w")

    def at(folder: str, mesh: bytes = b"mesh", sky: bytes = b"sky") -> list[str]:
        (tmp_path / folder).mkdir(exist_ok=True)
        for name, content in (("part.stl", mesh), ("sky.exr", sky)):
            (tmp_path / folder / name).write_bytes(content)
        objects = [{"mesh": str(tmp_path / folder / "part.stl")}]
        wanted = recipe(objects=objects, render={"environments": [str(tmp_path / folder / "sky.exr")]})
        return [ref.fingerprint for ref, _ in cut(survey, workspace, wanted).shards]

    assert at("a") == at("b")
    assert at("c", mesh=b"another mesh") != at("a")
    assert at("d", sky=b"another sky") != at("a")
    (shard,) = [s for _, s in cut(survey, workspace, recipe(objects=[{"mesh": str(tmp_path / "a/part.stl")}])).shards]
    assert str(tmp_path) not in repr(shard)


def test_a_missing_environment_file_is_told_before_anything_is_rendered(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"render\.environments: nowhere\.exr: no such file"):
        rendering(recipe(render={"environments": [str(tmp_path / "nowhere.exr")]}))


def test_a_defective_instance_gives_pairs_of_clips_and_every_known_label(built: Callable[..., Workspace]) -> None:
    workspace = built(recipe())
    samples = [s for s in workspace.rows(Sample) if s.instance == "eraser0-bulge-0"]
    assert [(s.clip, s.frames, s.defect, s.groups, s.shard) for s in samples] == [
        (n, 4, "bulge", ["eraser0-bulge-0"], "eraser0-bulge-0") for n in range(3)
    ]
    assert not any("bulge" in s.id for s in samples), "an id says nothing about the label"
    first, middle, _ = samples
    media = {m.id: m for m in workspace.rows(Media)}
    assert [[r.role for r in s.media] for s in samples] == [["unmarked", "marked"]] * 3
    assert [(media[s.media[0].id].start_s, media[s.media[0].id].end_s) for s in samples] == [(0, 2), (2, 4), (4, 6)]

    made = [a for a in workspace.rows(Annotation) if a.author_kind == "renderer"]
    by = {(a.sample, a.task): a for a in made}
    assert by[first.id, "defect_type"].label == "bulge"
    facts = by[first.id, "defect_type"].facts
    assert facts is not None and facts.extent_pct > 0
    assert by[first.id, "object"].label == "eraser0"
    assert {(a.author_kind, a.author, a.author_version, a.status) for a in by.values()} == {
        ("renderer", "blender", "9.9", "accepted")
    }
    masks = {s.id: by[s.id, "mask"].masks or [] for s in samples}
    assert [[m.frame for m in masks[s.id]] for s in samples] == [[0, 1, 2, 3], [0, 1], []]
    assert masks[first.id][0].area == round(64 * (255 + 128 + 127) / 255, 2), "fractional coverage"
    assert list(masks[first.id][0].box) == [0, 0, 64, 2], "rows covered by at least one half"
    series = {s.sample: s for s in workspace.rows(Signal) if s.name == "mask_pixels"}
    assert np.allclose(series[middle.id].values, [128.0, 128.0, 0, 0], atol=0.01)
    assert (series[first.id].name, series[first.id].unit, series[first.id].rate_hz) == ("mask_pixels", "px", 2.0)

    planned = {s.sample: s for s in workspace.rows(Signal) if s.name == "planned_pixels"}
    assert len(planned[first.id].values) == 4 and (planned[first.id].unit, planned[first.id].rate_hz) == ("px", 2.0)
    assert first.view in VIEWS
    assert {a.sample: a.label for a in workspace.rows(Annotation) if a.task == "view"} == {
        s.id: s.view for s in samples
    }

    shown = {r.role: next(video.frames(workspace.path(media[r.id].path))) for r in first.media}
    assert np.abs(shown["unmarked"][0, 0].astype(int) - [40, 80, 120]).max() < 8
    assert shown["marked"][0, 10, 0] > 200 and shown["marked"][0, 10, 1] < 60
    assert np.abs(shown["marked"][20:].astype(int) - shown["unmarked"][20:]).max() < 8


def test_a_normal_instance_gives_single_clips_without_a_mask(built: Callable[..., Workspace]) -> None:
    workspace = built(recipe())
    normal = [s for s in workspace.rows(Sample) if s.instance == "eraser0-normal-0"]
    assert [[r.role for r in s.media] for s in normal] == [["unmarked"]] * 3
    tasks = {(a.task, a.label) for a in workspace.rows(Annotation) if a.sample in {s.id for s in normal}}
    assert tasks == {("defect_type", "none"), ("object", "eraser0")}
    assert not [s for s in workspace.rows(Signal) if s.sample in {s.id for s in normal}]


def test_the_same_recipe_gives_the_same_bytes_in_another_place(built: Callable[..., Workspace]) -> None:
    def parts(workspace: Workspace) -> dict[str, bytes]:
        files = [p for p in workspace.root.rglob("*") if p.suffix in (".mp4", ".parquet") and "/runs/" not in str(p)]
        return {str(p.relative_to(workspace.root)): p.read_bytes() for p in files}

    one, two = parts(built(recipe(), "one")), parts(built(recipe(run={"workers": 1}), "two"))
    assert one == two and len(one) > 10


def test_bad_meshes_are_put_aside_and_the_rest_is_built(built: Callable[..., Workspace], tmp_path: Path) -> None:
    (tmp_path / "text.stl").write_text("not a mesh")
    objects = [
        {"mesh": str(tmp_path / "text.stl"), "normal": 1, "defects": ["hole"]},
        {"mesh": str(tmp_path / "missing.ply"), "normal": 1},
        {"builtin": "eraser0"},
    ]
    workspace = built(recipe(objects=objects))
    rejects = {r.item: r.reason for r in workspace.rows(Reject)}
    assert set(rejects) == {"text-normal-0", "text-hole-0", "missing-normal-0"}
    assert "text.stl" in rejects["text-hole-0"] and "no such file" in rejects["missing-normal-0"]
    assert str(tmp_path) not in json.dumps(rejects)
    assert {s.instance for s in workspace.rows(Sample)} == {"eraser0-normal-0"}


MASKS = arrays.arrays(np.uint8, (6, 8), elements=st.integers(0, 255))
PICTURES = arrays.arrays(np.uint8, (6, 8, 3), elements=st.integers(0, 255))


@given(PICTURES, MASKS)
def test_marking_blends_towards_red_and_leaves_the_rest_alone(picture: np.ndarray, mask: np.ndarray) -> None:
    result = marked(picture, mask)
    assert (result[mask == 0] == picture[mask == 0]).all()
    assert (result[mask == 255] == MARK_RGB).all()
    share = mask[..., None] / 255
    assert np.abs(result - (picture * (1 - share) + np.array(MARK_RGB) * share)).max() <= 0.5 + 1e-9


@given(MASKS)
def test_a_mask_row_holds_the_pixels_covered_by_at_least_half(mask: np.ndarray) -> None:
    row = coco_mask(3, mask)
    if row is None:
        assert mask.max() < 128
        return
    assert (row.frame, row.height, row.width) == (3, 6, 8)
    assert (coco.decode({"size": [6, 8], "counts": row.counts.encode()}) == (mask >= 128)).all()
    assert row.area == pytest.approx(mask.sum() / 255, abs=0.005)


def test_light_is_baked_where_the_orbit_is_worth_it() -> None:
    small, large = Render(width=360, height=270, fps=8, samples=4), Render(width=1920, height=1080)
    assert light_samples(small) == 0 < LIGHT_SAMPLES[0] <= light_samples(Render(width=640, height=360))
    assert light_samples(large) == LIGHT_SAMPLES[1]
    assert light_samples(large.model_copy(update={"light": "traced"})) == 0
