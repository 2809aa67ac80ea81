"""The command line without heavy parts: options anywhere, JSON, exit codes."""

import json
import re
from pathlib import Path

import pytest

from flows import cli

PLAN = ("plan", "--survey", "0")
RECIPE = "dataset: tiny\nobjects: [{builtin: vase0, defects: [hole, bulge]}]\nrender: {width: 64, height: 48, fps: 5}\n"


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        cli.main(list(arguments))
    out, err = capsys.readouterr()
    code = ended.value.code
    return code if isinstance(code, int) else 0 if code is None else 1, out, err


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    return str(tmp_path / "recipe.yaml")


@pytest.mark.parametrize("order", [(*PLAN, "{}", "--json"), ("--json", *PLAN, "{}"), (*PLAN, "--json", "{}")])
def test_json_may_stand_anywhere(capsys: pytest.CaptureFixture[str], recipe: str, order: tuple[str, ...]) -> None:
    code, out, _ = call(capsys, *(a.format(recipe) for a in order))
    forecast = json.loads(out)
    assert code == 0
    assert forecast["instances"] == 3
    assert forecast["clips"] == 9
    assert forecast["rendered_frames"] == 90


def test_a_forecast_grows_with_the_work(capsys: pytest.CaptureFixture[str], recipe: str) -> None:
    small = json.loads(call(capsys, *PLAN, recipe, "--json")[1])
    large = json.loads(
        call(capsys, *PLAN, recipe, "--json", "--set", "render.width=1920", "--set", "render.height=1080")[1]
    )
    assert large["cpu_hours"] > 5 * small["cpu_hours"]
    assert large["disk_mb"] > small["disk_mb"]
    assert small["cost_usd"] == 0


def test_a_forecast_looks_at_a_few_instances(capsys: pytest.CaptureFixture[str], recipe: str) -> None:
    mix = ("--set", "plan.mix={never: 0.2, briefly: 0.2, half: 0.2, always: 0.4}", "--set", "plan.min_best_px=1")
    code, out, err = call(capsys, "plan", recipe, "--survey", "1", "--set", "plan.candidates=1", *mix)
    assert code == 0, err
    assert "Views of the defects, from the orbits of 1 instances" in out
    assert re.search(r"always +40% +\d+%", out), "wanted beside forecast"


def test_a_plan_warns_of_a_budget_that_is_too_small(capsys: pytest.CaptureFixture[str], recipe: str) -> None:
    asked = (*PLAN, recipe, "--set", "caption.provider=openai")
    code, out, _ = call(capsys, *asked)
    assert code == 0 and re.search(r"budget usd +0\n", out)
    assert re.search(
        r"^warning: caption.budget_usd: 0 USD do not cover the texts, .* --set caption.budget_usd=", out, re.M
    )
    enough = json.loads(call(capsys, *asked, "--set", "caption.budget_usd=9", "--json")[1])
    assert (enough["budget_usd"], enough["warnings"]) == (9, [])


def test_a_plan_tells_all_but_the_money_where_a_price_is_unknown(
    capsys: pytest.CaptureFixture[str], recipe: str
) -> None:
    code, out, _ = call(
        capsys, *PLAN, recipe, "--json", "--set", "caption.provider=openai", "--set", "caption.model=my"
    )
    told = json.loads(out)
    assert (code, told["clips"], told["caption_requests"], told["cost_usd"]) == (0, 9, 90, None)
    assert told["warnings"][0].startswith("openai my: its price is not known")


def test_errors_are_one_sentence_and_json_on_request(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    missing = str(tmp_path / "none.yaml")
    code, out, err = call(capsys, "plan", missing)
    assert (code, out) == (2, "") and err.count("\n") == 1 and "no such recipe" in err
    code, out, _ = call(capsys, "plan", missing, "--json")
    assert code == 2 and "no such recipe" in json.loads(out)["error"]


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no such recipe"):
        cli.main(["plan", str(tmp_path / "none.yaml"), "--debug"])


@pytest.mark.parametrize(
    "arguments", [["bake"], ["build"], ["plan", "--colour", "red"], ["review", "burn", "ws"], ["release"]]
)
def test_a_wrong_call_exits_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert call(capsys, *arguments)[0] == 2


def test_status_of_a_folder_that_is_no_workspace(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = call(capsys, "status", str(tmp_path))
    assert code == 2 and "not a workspace" in err
