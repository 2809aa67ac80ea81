"""The mix of views in a release: wanted by the recipe, planned per clip, got by the masks."""

from pathlib import Path
from typing import Any

import pytest

from tasks.filming.views import mix
from tasks.release.export import release
from tasks.release.manifest import opened
from tests import factory

pytestmark = pytest.mark.whole

WISH = {"never": 0.4, "briefly": 0.1, "half": 0.3, "always": 0.2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three defective instances of two clips: one shows its defect in six of ten frames, the other never."""
    wanted = factory.recipe(plan={"mix": WISH, "small": 0.5})
    return release(factory.build(tmp_path_factory.mktemp("views") / "ws", wanted), wanted).path


def test_the_mix_is_counted_from_the_tables_of_a_release(folder: Path, tmp_path: Path) -> None:
    settings: dict[str, dict[str, Any]] = {
        "visibility": {"min_pixels": 8.0, "min_frames": 2, "close_gap": 1},
        "plan": {"mix": WISH, "grazing": None, "small": 0.5, "low_contrast": None},
    }
    with opened(folder / "manifest", tmp_path) as con:
        found = mix(con, settings)
        assert found is not None
        assert found.wanted == WISH
        assert found.planned == found.got == {"never": 3, "briefly": 0, "half": 3, "always": 0}
        assert (found.shown, found.flagged) == (3, {"grazing": 0, "small": 3, "low_contrast": 0})
        assert (found.frames, found.agreed) == (60, 60)
        blind = mix(con, settings | {"visibility": settings["visibility"] | {"min_pixels": 80.0}})
        assert blind is not None and blind.got["never"] == 6, "by the masks, under the threshold of the recipe"
        # The forecast is two per cent above the mask: a threshold between the two parts them.
        least = (
            1.01
            * next(
                iter(
                    con.sql(
                        "SELECT list_max(values) FROM signals WHERE name = 'mask_pixels' ORDER BY 1 DESC"
                    ).fetchall()
                )
            )[0]
        )
        parted = mix(con, settings | {"visibility": settings["visibility"] | {"min_pixels": least}})
        assert parted is not None and parted.agreed < parted.frames == 60


def test_a_release_without_a_plan_has_no_mix(folder: Path, tmp_path: Path) -> None:
    with opened(folder / "manifest", tmp_path) as con:
        con.execute("CREATE TEMP TABLE unplanned AS SELECT * REPLACE (NULL::VARCHAR AS view) FROM samples")
        con.execute("CREATE OR REPLACE TEMP VIEW samples AS SELECT * FROM unplanned")
        assert mix(con, {"visibility": {"min_pixels": 8}, "plan": {}}) is None


def test_card_and_report_show_it(folder: Path) -> None:
    card, report = (folder / "README.md").read_text(), (folder / "report.html").read_text()
    assert "| in no frame, or for too short a time to count | 40% | 50% (3) | 50% (3) |" in card
    assert "| in every frame | 20% | 0% (0) | 0% (0) |" in card
    assert "agree on whether the defect is visible in 100.00% of 60 frames" in card
    assert "100% small in the frame (50% wanted)" in card and "100% small in the frame (50% wanted)" in report
    assert "Views, wanted and got" in report
