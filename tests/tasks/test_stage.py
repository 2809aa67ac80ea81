"""The one mechanism: a shard runs once, whole or not at all, and only when something it depends on changed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from schemas.errors import BadInput, CallError, DefectoryError
from schemas.recipe import Recipe
from schemas.rows import QA, Media, Reject, Row, Run, Signal
from tasks.stage import Context, Shard, Stage, cut, execute, following, gathering, stage
from tasks.workspace import Ref, Workspace

RUNS: list[str] = []


def recipe(**values: object) -> Recipe:
    return Recipe.model_validate({"dataset": "tiny", "objects": [{"builtin": "vase0"}], **values})


def three(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
    for name in ("a", "b", "c"):
        yield Shard(name, items=(name,))


@stage(version=1, writes=("signals", "media"), settings=lambda r: r.render, cut=three)
def make(shard: Shard, ctx: Context) -> Iterator[Row]:
    RUNS.append(f"make {shard.key}")
    file = ctx.out / "note.txt"
    file.write_text(shard.key)
    yield ctx.media(file, "note")
    if shard.key == "b":
        yield ctx.reject("b-item", BadInput("b-item: cannot be used; leave it out"))
    yield Signal(shard.key, "noise", "px", 1.0, [float(ctx.rng(shard.key).random())])


@stage(version=1, reads=("make",), writes=("qa",), settings=lambda r: r.split)
def ask(shard: Shard, ctx: Context) -> Iterator[Row]:
    RUNS.append(f"ask {shard.key}")
    for signal in ctx.rows(Signal):
        yield QA(signal.sample, signal.sample, "q1", "t", "?", [], f"{signal.values[0]:.4f}")


@stage(version=1, reads=("make",), writes=("qa",), settings=lambda r: None, cut=gathering("make"))
def count(shard: Shard, ctx: Context) -> Iterator[Row]:
    yield QA("n", "n", "q1", "t", "?", [], str(sum(1 for _ in ctx.rows(Signal))))


def build(workspace: Workspace, recipe: Recipe, *stages: Stage) -> list[str]:
    RUNS.clear()
    for one in stages:
        plan = cut(one, workspace, recipe)
        for _, shard in plan.todo:
            execute(one, workspace, recipe, shard)
        workspace.point(one.name, [ref for ref, _ in plan.shards])
    return list(RUNS)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace.create(tmp_path / "ws")


def test_a_second_build_runs_nothing(workspace: Workspace) -> None:
    assert len(build(workspace, recipe(), make, ask)) == 6
    assert build(workspace, recipe(), make, ask) == []


def test_a_changed_setting_redoes_only_what_depends_on_it(workspace: Workspace) -> None:
    build(workspace, recipe(), make, ask)
    assert build(workspace, recipe(split={"train": 0.5}), make, ask) == ["ask a", "ask b", "ask c"]
    assert len(build(workspace, recipe(render={"samples": 2}), make, ask)) == 6
    assert build(workspace, recipe(), make, ask) == [], "the parts of the first settings are still there"
    assert build(workspace, recipe(run={"workers": 9}), make, ask) == [], "how to run changes nothing"


def test_rows_and_media_are_readable_and_traceable(workspace: Workspace) -> None:
    build(workspace, recipe(), make, ask, count)
    assert [q.answer for q in workspace.rows(QA, workspace.current("count"))] == ["3"]
    for media in workspace.rows(Media):
        assert workspace.path(media.path).stat().st_size == media.bytes
    (reject,) = workspace.rows(Reject)
    assert (reject.stage, reject.item) == ("make", "b-item")
    assert workspace.sql("SELECT count(*) AS n FROM signals") == [{"n": 3}]
    assert {r.stage for r in workspace.rows(Run)} == {"make", "ask", "count"}


def test_the_order_of_shards_changes_no_byte(tmp_path: Path) -> None:
    digests = []
    for name, order in (("one", 1), ("two", -1)):
        workspace = Workspace.create(tmp_path / name)
        plan = cut(make, workspace, recipe())
        for _, shard in plan.todo[::order]:
            execute(make, workspace, recipe(), shard)
        parts = sorted(p for p in (workspace.root / "tables").rglob("*.parquet") if p.parent.name != "runs")
        digests.append({p.name: p.read_bytes() for p in parts})
    assert digests[0] == digests[1]


def test_a_shard_that_dies_leaves_nothing_that_is_read(workspace: Workspace) -> None:
    @stage(version=1, writes=("signals",), settings=lambda r: None, cut=three)
    def dies(shard: Shard, ctx: Context) -> Iterator[Row]:
        yield Signal(shard.key, "x", "px", 1.0, [])
        (ctx.scratch / "kept").write_text("frame 1")
        raise KeyboardInterrupt

    plan = cut(dies, workspace, recipe())
    ref, shard = plan.todo[0]
    with pytest.raises(KeyboardInterrupt):
        execute(dies, workspace, recipe(), shard)
    assert workspace.record(ref) is None
    assert len(cut(dies, workspace, recipe()).todo) == 3
    assert (workspace.work_dir(ref) / "scratch" / "kept").read_text() == "frame 1", "scratch survives for the next run"


def test_leftovers_of_a_killed_commit_are_overwritten(workspace: Workspace) -> None:
    plan = cut(make, workspace, recipe())
    ref, shard = plan.todo[0]
    workspace.media_dir(ref).mkdir(parents=True)
    (workspace.media_dir(ref) / "half.bin").write_text("half")
    execute(make, workspace, recipe(), shard)
    assert [p.name for p in workspace.media_dir(ref).iterdir()] == ["note.txt"]


def test_parts_of_a_killed_commit_that_have_no_rows_this_time_are_gone(workspace: Workspace) -> None:
    """The first run rejected something and was killed before its record; the second has nothing to reject."""
    plan = cut(make, workspace, recipe())
    (ref, shard), (other, rejecting) = plan.todo[0], plan.todo[1]
    execute(make, workspace, recipe(), rejecting)
    left_behind = workspace.part_path("rejects", ref)
    left_behind.write_bytes(workspace.part_path("rejects", other).read_bytes())
    execute(make, workspace, recipe(), shard)
    assert list(workspace.rows(Reject, [ref])) == []


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_shard_whose_media_are_not_whole_is_made_again(workspace: Workspace, damage: str) -> None:
    build(workspace, recipe(), make, ask)
    file = workspace.path(next(m.path for m in workspace.rows(Media) if "/b." in m.path))
    whole = file.read_bytes()
    file.unlink() if damage == "gone" else file.write_bytes(b"")
    assert build(workspace, recipe(), make, ask) == ["make b"]
    assert file.read_bytes() == whole


def test_a_row_for_an_undeclared_table_is_a_bug(workspace: Workspace) -> None:
    @stage(version=1, writes=("qa",), settings=lambda r: None, cut=three)
    def wrong(shard: Shard, ctx: Context) -> Iterator[Row]:
        yield Signal(shard.key, "x", "px", 1.0, [])

    with pytest.raises(TypeError, match="signals"):
        execute(wrong, workspace, recipe(), Shard("a"))


def test_a_full_disk_is_said_in_one_sentence(workspace: Workspace) -> None:
    @stage(version=1, writes=("media",), settings=lambda r: None, cut=three)
    def fills(shard: Shard, ctx: Context) -> Iterator[Row]:
        with open("/dev/full", "w") as f:
            f.write("x" * 100_000)
        yield from ()

    with pytest.raises(DefectoryError, match="the disk is full; free some space"):
        execute(fills, workspace, recipe(), Shard("a"))


def test_following_reads_the_namesakes_of_other_stages(workspace: Workspace) -> None:
    build(workspace, recipe(), make, ask)
    shards = list(following("make", "ask", "not-run")(workspace, recipe()))
    assert [[r.stage for r in s.upstream] for s in shards] == [["make", "ask"]] * 3


def test_one_process_at_a_time(workspace: Workspace) -> None:
    def taken_by_another() -> None:
        with workspace.lock():
            pass

    with workspace.lock(), workspace.lock(), ThreadPoolExecutor(1) as other:  # its holder may take it again
        found = other.submit(taken_by_another).exception()
    assert isinstance(found, DefectoryError) and "another process is working on this workspace" in str(found)
    taken_by_another()


def test_a_workspace_holds_one_data_set(workspace: Workspace) -> None:
    workspace.keep_recipe(recipe())
    assert workspace.recipe() == recipe()
    with pytest.raises(CallError, match="holds the data set tiny, not other"):
        workspace.keep_recipe(recipe(dataset="other"))


def test_paths_stay_inside(workspace: Workspace) -> None:
    with pytest.raises(DefectoryError, match="leads out of the workspace"):
        workspace.path("../../etc/passwd")


def test_a_folder_with_other_things_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(CallError, match="not empty and not a workspace"):
        Workspace.create(tmp_path)
    with pytest.raises(CallError, match="not a workspace"):
        Workspace.open(tmp_path)


def test_a_part_without_its_record_does_not_count(workspace: Workspace) -> None:
    plan = cut(make, workspace, recipe())
    ref, shard = plan.todo[0]
    execute(make, workspace, recipe(), shard)
    workspace.record_path(ref).unlink()
    assert ref in [r for r, _ in cut(make, workspace, recipe()).todo]
    assert workspace.record(Ref("make", "z", "0")) is None


def test_parts_from_before_a_column_was_added_are_read(workspace: Workspace) -> None:
    """A workspace that an earlier version began: the column is null to queries, and its default in rows."""
    build(workspace, recipe(), make)
    before = list(workspace.rows(Media))
    assert before
    for part in (workspace.root / "tables" / "media").glob("*.parquet"):
        pq.write_table(pq.read_table(part).drop_columns(["parent", "frame"]), part)
    assert [m.id for m in workspace.rows(Media)] == [m.id for m in before]
    assert all(r["parent"] is None for r in workspace.sql("SELECT id, parent FROM media"))
