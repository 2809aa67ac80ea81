"""How a data set shows its defects: the mix of views that was wanted, planned, and got according to the exact masks."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from schemas.names import VIEWS
from tasks.filming.plan import FLAGS, view
from tasks.visibility import settled

VIEW_WORDS = {
    "never": "in no frame, or for too short a time to count",
    "briefly": "in at most a third of the frames",
    "half": "in more, but not in all",
    "always": "in every frame",
}
FLAG_WORDS = {
    "grazing": "only at a grazing angle",
    "small": "small in the frame",
    "low_contrast": "of low contrast",
}


@dataclass(frozen=True)
class Mix:
    wanted: dict[str, float] | None
    """Share by view that the recipe asks for; None when it leaves them to chance."""
    planned: dict[str, int]
    """Clips by view, as rays foresaw them."""
    got: dict[str, int]
    """Clips by view, as the rendered masks show them."""
    asked: dict[str, float | None]
    """By flag, the share that the recipe asks for among the clips planned to show their defect."""
    flagged: dict[str, int]
    """By flag, the clips planned to."""
    frames: int
    """Frames of which there are both a forecast and a mask."""
    agreed: int
    """Those in which both say that the defect is visible, or both that it is not."""

    @property
    def shown(self) -> int:
        """Clips planned to show their defect."""
        return sum(n for name, n in self.planned.items() if name != "never")


def mix(con: duckdb.DuckDBPyConnection, settings: dict[str, dict[str, Any]]) -> Mix | None:
    """The mix of a release whose tables `con` reads, made with `settings`; None when nothing was planned in it."""
    if "visibility" not in settings:
        return None
    shown = settings["visibility"]
    least = float(shown["min_pixels"])
    planned = Counter(dict(con.sql("SELECT view, count(*) FROM samples WHERE view IS NOT NULL GROUP BY 1").fetchall()))
    if not planned:
        return None
    got: Counter[str] = Counter()
    masks = con.sql("SELECT m.values FROM signals m JOIN samples ON samples.id = m.sample WHERE m.name = 'mask_pixels'")
    while batch := masks.fetchmany(1000):
        for (pixels,) in batch:
            seen = settled(np.array(pixels) >= least, shown["min_frames"], shown["close_gap"])
            got[VIEWS[view(seen)]] += 1
    both = con.execute(
        "SELECT sum(len(m.values)), sum(len(list_filter(list_zip(m.values, p.values), "
        "x -> (x[1] >= $least) = (x[2] >= $least)))) FROM signals m JOIN signals p ON m.sample = p.sample "
        "WHERE m.name = 'mask_pixels' AND p.name = 'planned_pixels'",
        {"least": least},
    ).fetchone()
    flagged = con.sql(
        "SELECT score.name, sum(score.value) "
        "FROM (SELECT unnest(scores) AS score FROM annotations WHERE task = 'view') GROUP BY 1"
    ).fetchall()
    counts, want = {name: int(n) for name, n in flagged if name in FLAGS}, settings["plan"]
    frames, agreed = both or (0, 0)
    return Mix(
        wanted=want["mix"],
        planned={v: planned[v] for v in VIEWS},
        got={v: got[v] for v in VIEWS},
        asked={f: want[f] for f in FLAGS},
        flagged={f: counts.get(f, 0) for f in FLAGS},
        frames=int(frames or 0),
        agreed=int(agreed or 0),
    )
