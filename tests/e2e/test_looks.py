"""Every material, floor and sky looks like itself; surfaces of one's own are used; what cannot be used is named."""

import dataclasses
import json
import os
import subprocess
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from schemas.filming import Render
from schemas.names import FLOORS, MATERIAL_GROUP_OF, SKIES
from tasks.filming import blender, scenes
from tasks.filming.instances import Thing
from tasks.filming.render import job, marked
from tasks.objects import make

pytestmark = pytest.mark.services

WANT = Render(width=128, height=96, fps=2, samples=2, exposure_ev=(0, 0), elevation_deg=(25, 25))
RED_SEEDS = range(4)
MARKING_SEEN = 60
"""The visibility stage's threshold: how much redder than green a pixel has to become (Visibility.threshold)."""


@lru_cache
def vase() -> Thing:
    """With a label that covers all of it: its mask is where the object is."""
    shape = make("vase0", np.random.default_rng(1))
    return Thing(shape, np.ones(len(shape.vertices), np.float32), (), "builtin:vase0")


@dataclasses.dataclass(frozen=True)
class Seen:
    picture: np.ndarray
    """RGB, (H, W, 3) uint8."""
    mask: np.ndarray
    stops: float

    @property
    def thing(self) -> np.ndarray:
        """The object's pixels, (N, 3) float."""
        return self.picture[self.mask == 255].astype(float)

    @property
    def rest(self) -> np.ndarray:
        return self.picture[self.mask == 0].astype(float)


def rendered(folder: Path, jobs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What looks.py says of every job."""
    (folder / "jobs.json").write_text(json.dumps(jobs))
    (python,) = blender.interpreter("")
    subprocess.run(
        [python, Path(__file__).parent / "looks.py", folder],
        env=os.environ | {"TMPDIR": str(folder)}, check=True, capture_output=True, timeout=900,
    )  # fmt: skip
    said: dict[str, dict[str, Any]] = json.loads((folder / "said.json").read_text())
    return said


def shot(folder: Path, looks: dict[str, dict[str, Any]]) -> dict[str, Seen | str]:
    """One frame of the vase for every look (what differs from a plain grey one in the studio), or the error."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = scenes.choose(np.random.default_rng(4), WANT)
    orbit = scenes.orbit(drawn, vase().shape.vertices, WANT)
    orbit = dataclasses.replace(orbit, cameras=orbit.cameras[:1])
    plain = dataclasses.asdict(job(vase(), drawn, orbit, WANT, folder, seed=7))
    common = {
        "sky": "city", "sky_turn": 30.0, "material": {"name": "matte-plastic"}, "material_seed": 1,
        "floor": {"name": "concrete"}, "floor_seed": 1, "exposure_ev": 0.0,
    }  # fmt: skip
    jobs = {name: plain | {"scene": plain["scene"] | common | look} for name, look in looks.items()}
    seen: dict[str, Seen | str] = {}
    for name, said in rendered(folder, jobs).items():
        if "error" in said:
            seen[name] = said["error"]
            continue
        picture, mask = cv2.imread(str(folder / f"{name}.png")), cv2.imread(str(folder / f"{name}.mask.png"), 0)
        seen[name] = Seen(picture[..., ::-1], mask, said["stops"])
    return seen


@pytest.fixture(scope="module")
def looks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Seen]:
    wanted: dict[str, dict[str, Any]] = {
        **{name: {"material": {"name": name}} for name in MATERIAL_GROUP_OF},
        **{f"floor {name}": {"floor": {"name": name}} for name in FLOORS},
        **{f"sky {name}": {"sky": name} for name in SKIES},
        **{f"{name} {n}": {"material": {"name": name}, "material_seed": n} for name in REDDEST for n in RED_SEEDS},
        "brighter": {"exposure_ev": 1.0},
    }
    seen = shot(tmp_path_factory.mktemp("looks"), wanted)
    assert {name: s for name, s in seen.items() if isinstance(s, str)} == {}
    return {name: s for name, s in seen.items() if not isinstance(s, str)}


REDDEST = ("glossy-plastic", "canvas", "felt", "terracotta", "smooth-leather", "anodised-aluminium")


def test_every_material_is_well_exposed_and_unlike_every_other(looks: dict[str, Seen]) -> None:
    for name in MATERIAL_GROUP_OF:
        levels = looks[name].thing.max(axis=1)
        assert 35 < levels.mean() < 225, name
        assert (levels < 8).mean() < 0.35 and (looks[name].thing.min(axis=1) > 250).mean() < 0.35, name
    for one, two in combinations(MATERIAL_GROUP_OF, 2):
        a, b = looks[one].picture, looks[two].picture
        apart = np.abs(a.astype(float) - b)[looks[one].mask == 255].mean()
        assert apart > 2.5, (one, two, apart)


def test_a_material_varies_with_its_seed(looks: dict[str, Seen]) -> None:
    for name in REDDEST:
        means = np.array([looks[f"{name} {n}"].thing.mean(axis=0) for n in RED_SEEDS])
        assert np.ptp(means, axis=0).max() > 8, name


def test_the_marking_can_be_told_from_every_surface_red_ones_included(looks: dict[str, Seen]) -> None:
    reddest = 0.0
    for name, seen in looks.items():
        change = marked(seen.picture, seen.mask).astype(int) - seen.picture
        redder = (change[..., 0] - change[..., 1])[seen.mask == 255]
        assert (redder > MARKING_SEEN).mean() > 0.98, name
        r, g, b = np.percentile(seen.thing, 50, axis=0)
        reddest = max(reddest, r - max(g, b))
    assert reddest > 60, "there are honest reds among them"


def test_floors_and_skies_are_unlike_each_other(looks: dict[str, Seen]) -> None:
    for names in ([f"floor {n}" for n in FLOORS], [f"sky {n}" for n in SKIES]):
        for one, two in combinations(names, 2):
            apart = np.abs(looks[one].picture.astype(float) - looks[two].picture).mean()
            assert apart > 3, (one, two)
        assert all(25 < looks[n].rest.mean() < 235 for n in names)


def test_the_exposure_goes_some_way_to_meet_the_object(looks: dict[str, Seen]) -> None:
    rubber, porcelain = (looks[name].thing.mean() for name in ("rubberised-plastic", "porcelain"))
    assert 30 < rubber < 110 < porcelain < 220
    assert looks["rubberised-plastic"].stops - 0.7 > 0 > looks["porcelain"].stops
    assert looks["brighter"].stops == looks["matte-plastic"].stops + 1
    assert looks["brighter"].thing.mean() > looks["matte-plastic"].thing.mean() + 15


def picture(path: Path, *rows: tuple[int, int, int]) -> str:
    """A file of level stripes of colours (RGB)."""
    cv2.imwrite(str(path), np.repeat(np.array(rows, np.uint8)[:, None, ::-1], 8, axis=1))
    return str(path)


BLEND = """
import bpy, sys
bpy.ops.wm.read_factory_settings(use_empty=True)
made = bpy.data.materials.new("Green check")
made.use_fake_user = True
tree = made.node_tree
check = tree.nodes.new("ShaderNodeTexChecker")
check.inputs["Color1"].default_value, check.inputs["Color2"].default_value = (0, 0.5, 0, 1), (0, 0.05, 0, 1)
tree.links.new(tree.nodes.new("ShaderNodeTexCoord").outputs["UV"], check.inputs["Vector"])
principled = next(n for n in tree.nodes if n.type == "BSDF_PRINCIPLED")
tree.links.new(check.outputs[0], principled.inputs["Base Color"])
reddened = check.inputs["Color1"].driver_add("default_value", 0).driver
reddened.expression = "0.9"
script = principled.inputs["Roughness"].driver_add("default_value").driver
script.expression = f"bpy.path.__builtins__['open']({sys.argv[1] + '.ran'!r}, 'w') and 0.5"
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[1])
"""


def test_surfaces_of_ones_own(tmp_path: Path) -> None:
    own = str(tmp_path / "own.blend")
    (python,) = blender.interpreter("")
    subprocess.run([python, "-c", BLEND, own], check=True, capture_output=True, timeout=900)
    Path(own + ".ran").unlink(missing_ok=True)
    grey, flat, tilted = (
        picture(tmp_path / f"{n}.png", c)
        for n, c in (("grey", (128, 128, 128)), ("flat", (128, 128, 255)), ("tilted", (128, 230, 200)))
    )
    spec = {"name": "own", "color": grey, "repeat": 3.0, "roughness": 0.9}
    seen = shot(
        tmp_path / "shots",
        {
            "grey": {"material": spec},
            "flat": {"material": spec | {"normal": flat}},
            "up": {"material": spec | {"normal": tilted}},
            "shiny": {"material": spec | {"roughness": picture(tmp_path / "dark.png", (10, 10, 10)), "metallic": 1.0}},
            "striped": {"material": spec | {"color": picture(tmp_path / "striped.png", (200, 20, 20), (20, 20, 200))}},
            "red floor": {"floor": spec | {"color": picture(tmp_path / "red.png", (180, 10, 10))}},
            "blend": {"material": {"name": "own", "blend": own, "material": "Green check", "repeat": 4.0}},
        },
    )
    assert {n: s for n, s in seen.items() if isinstance(s, str)} == {}
    things = {n: s.thing for n, s in seen.items() if isinstance(s, Seen)}
    assert np.abs(things["flat"] - things["grey"]).mean() < 2 < np.abs(things["up"] - things["grey"]).mean()
    assert things["shiny"].std() > 1.3 * things["grey"].std()
    red = things["striped"][:, 0] > things["striped"][:, 2]
    assert 0.2 < red.mean() < 0.8
    floor = seen["red floor"]
    assert isinstance(floor, Seen) and floor.rest[:, 0].mean() > floor.rest[:, 1].mean() + 40
    green = things["blend"]
    assert len(green) > 200, "the label reaches the mask through a material from a .blend file, too"
    assert (green[:, 1] > green[:, 0]).mean() > 0.9 and green[:, 1].std() > 15
    assert not Path(own + ".ran").exists(), "nothing in a .blend file is run: no script, and no driver made it red"


def test_what_cannot_be_used_is_named_in_one_sentence(tmp_path: Path) -> None:
    text, cut = tmp_path / "text.png", tmp_path / "cut.png"
    text.write_text("not a picture")
    whole = picture(tmp_path / "whole.png", *[(n, 2 * n, 99) for n in range(64)])
    cut.write_bytes(Path(whole).read_bytes()[:60])
    (tmp_path / "text.hdr").write_text("not a picture")
    (tmp_path / "text.blend").write_text("not a blend")
    square, black, nan, ordinary = (tmp_path / f"{n}.hdr" for n in ("square", "black", "nan", "ordinary"))
    cv2.imwrite(str(square), np.ones((32, 32, 3), np.float32))
    cv2.imwrite(str(black), np.zeros((32, 64, 3), np.float32))
    nan = tmp_path / "nan.exr"
    (python,) = blender.interpreter("")
    blend = str(tmp_path / "own.blend")
    subprocess.run([python, "-c", BLEND, blend], check=True, capture_output=True, timeout=900)
    subprocess.run([python, "-c", NAN, str(nan)], check=True, capture_output=True, timeout=900)
    ordinary.write_bytes(Path(whole).read_bytes())
    own = {"name": "own", "repeat": 1.0, "material": None}
    cases = (
        ("no colour", {"material": own | {"color": "/nowhere/wall.png"}}, "material own: wall.png: no such file"),
        ("text", {"material": own | {"color": str(text)}}, "material own: text.png: not a picture"),
        ("cut", {"floor": own | {"color": whole, "normal": str(cut)}}, "material own: cut.png: not a picture"),
        ("no blend", {"material": own | {"blend": "/nowhere/a.blend", "material": "A"}}, "a.blend: no such file"),
        (
            "text blend",
            {"material": own | {"blend": str(tmp_path / "text.blend"), "material": "A"}},
            "text.blend: cannot be read; give a .blend file",
        ),
        ("other", {"material": own | {"blend": blend, "material": "A"}}, "no material `A` in it; it has Green check"),
        ("unknown", {"material": {"name": "cheese"}}, "material cheese: not built in"),
        ("no sky", {"sky": "/nowhere/a.hdr"}, "environment a.hdr: no such file"),
        ("text sky", {"sky": str(tmp_path / "text.hdr")}, "environment text.hdr: "),
        ("square", {"sky": str(square)}, "environment square.hdr: 32 x 32 pixels, but"),
        ("black", {"sky": str(black)}, "environment black.hdr: gives no light"),
        ("nan", {"sky": str(nan)}, "environment nan.exr: holds values that are no numbers"),
        ("ordinary", {"sky": str(ordinary)}, "environment ordinary.hdr: a picture of ordinary range"),
        ("dark", {"exposure_ev": -9.0}, "under-exposed"),
        ("bright", {"exposure_ev": 9.0}, "over-exposed"),
    )
    seen = shot(tmp_path / "shots", {name: look for name, look, _ in cases})
    for name, _, wanted in cases:
        said = seen[name]
        assert isinstance(said, str), name
        assert wanted in said and "; " in said and "\n" not in said, (name, said)


NAN = """
import bpy, sys
image = bpy.data.images.new("nan", 64, 32, float_buffer=True)
image.pixels = [0.5] * 400 + [float("nan")] * 4 + [0.5] * (64 * 32 * 4 - 404)
image.filepath_raw, image.file_format = sys.argv[1], "OPEN_EXR"
image.save()
"""


def test_an_object_out_of_frame_is_refused(tmp_path: Path) -> None:
    drawn = scenes.choose(np.random.default_rng(4), WANT)
    aside = scenes.orbit(drawn, vase().shape.vertices, WANT)
    away = dataclasses.replace(aside, look_at=aside.look_at + np.array([0, 0, 9.0]))
    said = rendered(tmp_path, {"away": dataclasses.asdict(job(vase(), drawn, away, WANT, tmp_path, seed=7))})
    assert "the object is not in frame" in said["away"]["error"]
