"""Imported images to look at: a few of every class, the same ones every time, with what is labelled on them."""

from collections import Counter
from pathlib import Path

import numpy as np

from tasks.imports.sheet import PER_CLASS, chosen_images, outlined
from tasks.pictures import read_rgb
from tasks.workspace import Workspace
from tests.tasks.imports import sets
from tests.tasks.imports.test_build import build, recipe, screws


def test_a_few_of_every_class_are_shown_with_their_outlines(tmp_path: Path) -> None:
    sets.class_folders(tmp_path / "xsdd", per_class=PER_CLASS + 2)
    screws(tmp_path / "screws")
    workspace = Workspace.create(tmp_path / "ws")
    build(workspace, recipe(tmp_path, images={"side": 64, "estimate": False}), "import")
    shown = list(chosen_images(workspace, workspace.current("import")))
    assert shown == list(chosen_images(workspace, workspace.current("import")))
    words = Counter(words for _, _, words in shown)
    assert words == {
        **dict.fromkeys(("xsdd: red iron", "xsdd: slag inclusion", "xsdd: surface scratch"), PER_CLASS),
        "screws: dent": 3, "screws: normal": 1,
    }  # fmt: skip
    media, masks, _ = next(s for s in shown if s[2] == "screws: dent")
    file = workspace.path(media.path)
    assert len(masks) == 1 and (outlined(file, masks) != read_rgb(file)).any()
    assert np.array_equal(outlined(file, []), read_rgb(file))
