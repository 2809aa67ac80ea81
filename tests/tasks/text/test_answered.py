"""What a forecast finds in the ledger: a second build, one more image, a build that was stopped, clips."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from annotation.asking.ask import OverBudget
from schemas.recipe import Recipe
from tasks.dag import STAGES
from tasks.filming.forecast import forecast
from tasks.keyframes import keyframes
from tasks.stage import Shard, Stage, gathering
from tasks.text import answered
from tasks.text.answered import standing
from tasks.text.caption import caption
from tasks.text.class_text import class_text
from tasks.text.costs import NO_REQUESTS, Asked, most_requests
from tasks.visibility import visibility
from tasks.workspace import Workspace
from tests import factory
from tests.annotation.models.standin import Reply, StandIn, openai_answer, standin
from tests.tasks.imports import sets
from tests.tasks.imports.test_build import build

pytestmark = pytest.mark.whole

FULL = "A long, straight mark, shallow and dark, lies in the upper left."
EACH = (900 * 2.5 + 40 * 10) / 1e6
"""USD per answer of the stand-in."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-none")
    with standin(lambda n, body: Reply(openai_answer(FULL))) as found:
        yield found


def recipe(folder: Path, server: StandIn, **wanted: Any) -> Recipe:
    asked = {"provider": "openai", "base_url": server.url, "budget_usd": 9.0, "ground": False, **wanted}
    source = {"name": "xsdd", "path": str(folder / "xsdd")}
    return Recipe.model_validate({"dataset": "made", "sources": [source], "images": {"side": 64}, "caption": asked})


@pytest.fixture
def folder(tmp_path: Path, server: StandIn) -> Path:
    """Three images of three classes, described."""
    sets.class_folders(tmp_path / "xsdd", per_class=1)
    build(Workspace.create(tmp_path / "ws"), recipe(tmp_path, server), "caption")
    return tmp_path


def files(root: Path) -> dict[str, str]:
    return {
        str(f.relative_to(root)): hashlib.sha256(f.read_bytes()).hexdigest() for f in root.rglob("*") if f.is_file()
    }


def test_a_second_build_pays_nothing_and_one_more_image_only_its_own(
    folder: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    before, wanted = files(folder / "ws"), recipe(folder, server)
    found = standing(wanted, folder / "ws")
    assert (found.described, found.asked, found.to_come) == (3, NO_REQUESTS, 0)
    assert found.paid_usd == pytest.approx(12 * EACH) == pytest.approx(found.bought.spent_usd)
    again = forecast(wanted, images=3, classes=3, come=found)
    assert (again.caption_requests, again.cost_usd, again.described, again.warnings) == (0, 0.0, 3, ())
    sets.write(folder / "xsdd" / "red iron" / "new.png", sets.picture(4711))
    more = standing(wanted, folder / "ws")
    assert (more.described, more.asked) == (3, Asked(looks=most_requests(wanted.caption)))
    assert len(server.requests) == 12 and files(folder / "ws") == before
    monkeypatch.setattr(answered, "MOST_NEW", 3)
    many = standing(wanted, folder / "ws")
    assert (many.described, many.asked, many.to_come) == (0, NO_REQUESTS, 4)
    assert forecast(wanted, images=4, classes=3, come=many).caption_requests == 4 * most_requests(wanted.caption)


OTHERWISE: list[tuple[dict[str, Any], int, int]] = [
    ({"keep": 2}, 3, 12),  # scores anew, asks nothing
    ({"candidates": 6}, 0, 12),
    ({"temperature": 0.5}, 0, 0),
    ({"image_side": 32}, 0, 0),
]
"""Changed settings, the images that are described by them, and the answers that are there."""


def test_what_is_asked_otherwise_is_not_answered(folder: Path, server: StandIn) -> None:
    for changed, described, there in OTHERWISE:
        wanted = recipe(folder, server, **changed)
        found = standing(wanted, folder / "ws")
        assert (found.described, changed) == (described, changed)
        assert found.paid_usd == pytest.approx(there * EACH)
        asked = 0 if described else 3 * most_requests(wanted.caption) - there
        assert found.asked == Asked(looks=asked)


def test_a_ledger_elsewhere_is_looked_into_without_a_workspace(
    folder: Path, server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEFECTORY_LEDGER_URL", f"sqlite:///{folder / 'ws' / 'ledger.sqlite'}")
    assert standing(recipe(folder, server), folder / "none").described == 3
    assert not (folder / "none").exists()
    monkeypatch.delenv("DEFECTORY_LEDGER_URL")
    nothing = standing(recipe(folder, server), folder / "none")
    assert (nothing.looked, nothing.bought.answers) == (False, 0) and not (folder / "none").exists()


def test_a_budget_is_held_against_what_is_left_of_it(folder: Path, server: StandIn) -> None:
    wanted = recipe(folder, server, budget_usd=0.03)
    sets.write(folder / "xsdd" / "red iron" / "new.png", sets.picture(4711))
    found = forecast(wanted, images=4, classes=3, come=standing(wanted, folder / "ws"))
    (warning,) = found.warnings
    assert "0.03 USD, of which 0.0318 are spent, do not cover the texts, which cost 0.06 USD at most" in warning
    assert "--set caption.budget_usd=0.1" in warning


def test_refined_class_texts_are_looked_up_too(folder: Path, server: StandIn) -> None:
    file = folder / "texts.yaml"
    knows = "{attributes: [dark], causes: [wear]}"
    classes = "".join(f"  {name}: {knows}\n" for name in ("red_iron", "slag_inclusion"))
    file.write_text(f"taxonomy: own\nversion: '1'\nauthor: me\nstatus: candidate\nclasses:\n{classes}")
    wanted = recipe(folder, server, class_text={"file": str(file), "refine": True, "answers": 2})
    asked = standing(wanted, folder / "ws").asked
    assert asked == Asked(texts=2 * 6, merges=2)
    server.script = lambda n, body: Reply(openai_answer('{"attributes": ["dark"], "causes": ["wear"]}'))
    workspace = Workspace.create(folder / "ws")
    factory.run(class_text, workspace, wanted)
    found = standing(wanted, folder / "ws")
    assert (found.asked, found.classes) == (NO_REQUESTS, 2) and found.paid_usd == pytest.approx((12 + 14) * EACH)


@dataclass(frozen=True)
class Take:
    clips: tuple[int, ...]


def stand_in(name: str, reads: tuple[str, ...] = ()) -> Stage:
    """A stage that makes nothing, anew when the view that is aimed at changes."""
    return Stage(name, 1, reads, (), gathering(*reads), lambda r: r.plan, lambda shard, ctx: iter(()))


@pytest.fixture
def filming(monkeypatch: pytest.MonkeyPatch) -> tuple[Stage, ...]:
    """The stages up to the captions; nothing is looked at with rays, and clips are those of the factory."""

    def cut(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
        if all(workspace.complete(ref) for ref in workspace.current("plan")):
            for shard in factory.render.cut(workspace, recipe):
                yield Shard(shard.key, (), (shard.items, Take(tuple(range(recipe.render.clips)))))

    render = replace(
        factory.render, cut=cut, work=lambda shard, ctx: factory.render.work(replace(shard, items=shard.items[0]), ctx)
    )
    made = (stand_in("survey"), stand_in("plan", ("survey",)), render, visibility, keyframes)
    for stage in made:
        monkeypatch.setitem(STAGES, stage.name, stage)
    return made


def test_clips_that_are_rendered_are_looked_up_and_the_others_counted_whole(
    tmp_path: Path, server: StandIn, filming: tuple[Stage, ...]
) -> None:
    asked = {"provider": "openai", "base_url": server.url, "budget_usd": 9.0, "ground": False}

    def clips(*defects: str, **changes: Any) -> Recipe:
        vases = [{"builtin": "vase0", "category": "vase", "normal": 1, "defects": list(defects)}]
        return factory.recipe(objects=vases, caption=asked, **changes)

    workspace = Workspace.create(tmp_path / "ws")
    for stage in (*filming, caption):
        factory.run(stage, workspace, clips("bulge"))
    each = clips("bulge").render.clips
    found = standing(clips("bulge"), workspace.root)
    assert (found.described, found.asked, found.to_come) == (2 * each, NO_REQUESTS, 0)
    more = standing(clips("bulge", "hole"), workspace.root)
    assert (more.described, more.asked, more.to_come) == (2 * each, NO_REQUESTS, each)
    notes = forecast(clips("bulge", "hole"), come=more).notes
    assert f"already: {2 * each};" in notes[0] and f"work left for: {each};" in notes[1]
    other = clips("bulge", visibility={"min_pixels": 9})
    assert (standing(other, workspace.root).described, standing(other, workspace.root).to_come) == (0, 2 * each)
    elsewhere = forecast(
        clips("bulge", plan={"candidates": 3}), come=standing(clips("bulge", plan={"candidates": 3}), workspace.root)
    )
    assert elsewhere.caption_requests == 2 * each * most_requests(other.caption) and elsewhere.described is None
    assert f"the ledger has {len(server.requests)} answers of openai gpt-4o, but which of them" in elsewhere.notes[0]


def test_a_build_that_stopped_at_its_budget_has_paid_for_a_part(tmp_path: Path, server: StandIn) -> None:
    sets.class_folders(tmp_path / "xsdd", per_class=1)
    with pytest.raises(OverBudget):
        build(Workspace.create(tmp_path / "ws"), recipe(tmp_path, server, budget_usd=0.025), "caption")
    wanted = recipe(tmp_path, server)
    found, bought = standing(wanted, tmp_path / "ws"), len(server.requests)
    assert 0 < bought < 12 and found.paid_usd == pytest.approx(bought * EACH)
    done = 4 * found.described
    assert found.asked == Asked(looks=(3 - found.described) * most_requests(wanted.caption) - (bought - done))
