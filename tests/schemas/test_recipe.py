"""Recipes: what is refused, and in which words."""

import os
from pathlib import Path

import pytest
import yaml

from schemas.errors import CallError
from schemas.loading import changed, load, validated
from schemas.names import MATERIALS

RECIPES = Path(__file__).parents[2] / "recipes"
MINIMAL = "dataset: tiny\nobjects: [{builtin: vase0, defects: [hole]}]\n"


def recipe_file(folder: Path, text: str) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", sorted(file.stem for file in RECIPES.glob("*.yaml")))
def test_the_recipes_that_come_along_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = RECIPES / f"{name}.yaml"
    monkeypatch.setenv("STEEL_IMAGES", "somewhere")
    if name == "real-objects" and not (file.parents[2] / "shared" / "data" / "meshes").exists():
        pytest.skip("the mesh files are not on this machine")
    assert load(file).dataset == name


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (MINIMAL + "render: {widht: 640}", "`render.widht` is not a known key; did you mean `width`?"),
        (MINIMAL + "rendr: {}", "`rendr` is not a known key; did you mean `render`?"),
        ("dataset: tiny\nobjects: [{builtin: vase0, colour: red}]", "`objects.0.colour` is not a known key"),
        ("objects: [{builtin: vase0}]", "`dataset`: Field required"),
        ("dataset: tiny\nobjects: []", "`objects`"),
        ("dataset: tiny\nobjects: [{normal: 1}]", "name either `builtin` or `mesh`"),
        ("dataset: tiny\nobjects: [{builtin: vase0, defects: [rust]}]", "`objects.0.defects.0`"),
        (MINIMAL + "render: {width: 641}", "`render.width`"),
        (MINIMAL + "render: {clip_degrees: 100}", "clip_degrees must divide 360"),
        ("dataset: Tiny Set\nobjects: [{builtin: vase0}]", "`dataset`"),
        (MINIMAL + "render: {clip_seconds: 0.01}", "a clip needs two frames or more"),
        (MINIMAL + "render: {materials: []}", "`render.materials`"),
        (MINIMAL + "caption: {budget_usd: .inf}", "`caption.budget_usd`: Input should be a finite number, not inf"),
        (
            MINIMAL + "visibility: {min_pixels: .nan}",
            "`visibility.min_pixels`: Input should be a finite number, not nan",
        ),
        (MINIMAL + "caption: {timeout_s: 900}", "`caption.timeout_s`: Input should be less than or equal to 600"),
        (MINIMAL + "render: {elevation_deg: [40, 20]}", "the first number of a range is the smaller one"),
        (MINIMAL + "render: {defect: {radius_pct: [5, 400]}}", "`render.defect.radius_pct.1`"),
        (MINIMAL.replace("[{", "[{mesh: 'none/*.stl'}, {"), "no mesh file matches none/*.stl"),
        ("dataset: tiny\nobjects: [{builtin: vase0, defects: {rust: 2}}]", "`objects.0.defects.0`"),
        ("dataset: tiny\nobjects: [{builtin: vase0, defects: {hole: -1}}]", "a number of instances is between"),
        (
            "dataset: tiny\nobjects: [{mesh: a.stl, labels: a.txt, normal: 0}]",
            "`labelled` (the defect's type) go together",
        ),
        ("dataset: tiny\nobjects: [{mesh: a.stl, labels: a.txt, labelled: hole}]", "is one defective instance"),
        ("dataset: tiny\nobjects: [{mesh: a.stl, unit: mm, size_mm: 4}]", "`unit` or `size_mm`, not both"),
        ("dataset: tiny\nobjects: [{builtin: vase0, unit: mm}]", "has no `unit`; give its `size_mm`"),
        (MINIMAL + "render: {materials: [chalk]}", "chalk: no material or group of that name"),
        (MINIMAL + "render: {materials: [{name: chalk}]}", "material `chalk`: give either `color`"),
        (MINIMAL + "render: {materials: [{name: oak, color: a.png}]}", "`oak` is built in"),
        (MINIMAL + "render: {materials: [{name: oak, repeat: 9}]}", "`oak` is built in and takes no `repeat`"),
        (
            MINIMAL + "render: {materials: [metal, {name: steel}]}",
            "`steel` is a built-in floor; the groups of materials",
        ),
        (
            MINIMAL + "render: {environments: [{name: x, sky: city, floor: {name: oak}}]}",
            "`oak` is a built-in material of objects; the floors are asphalt",
        ),
        (MINIMAL + "render: {environments: [moon]}", "moon: neither an .hdr or .exr file nor one of city-asphalt"),
        (MINIMAL + "render: {environments: [{name: x, sky: city, floor: lava}]}", "no floor of that name"),
        (MINIMAL + "plan: {mix: {never: 0.5, briefly: 0.5, half: 0.5, always: 0}}", "add up to 1, not 1.5"),
        ("dataset: My Parts", "`dataset`: 'My Parts' does not do; write up to 41 small letters"),
        (
            "dataset: d\nobjects: [{builtin: vase0, defects: [scrach]}]",
            "`objects.0.defects.0`: 'scrach' is not known; did you mean `scratch`?",
        ),
        ("dataset: d\nobjects: {builtin: vase0}", "`objects`: a list is wanted, not {'builtin': 'vase0'}"),
        (MINIMAL + "split: {protocols: [unseen]}", "which is not among `protocols`"),
        (MINIMAL + "caption: {class_text: {refine: true}}", "asks a model, which `measured` is not; name another"),
        ("dataset: [", "not valid YAML"),
        ("dataset: 2024-02-30", "not valid YAML: day is out of range"),
        ("just text", "a recipe is a mapping"),
        ("dataset: tiny\nobjects: [{mesh: 'none/*.stl'}]", "no mesh file matches"),
    ],
)
def test_a_wrong_recipe_is_refused_with_the_key_in_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(CallError) as error:
        load(recipe_file(tmp_path, text))
    assert sentence in str(error.value)
    assert "recipe.yaml" in str(error.value) or "mesh" in str(error.value)
    assert "\n" not in str(error.value)


def test_the_published_constants_stand_in_the_recipe_itself() -> None:
    """SteelDefectX: four candidates at 0.9, up to three kept, S = 0.6 and 0.4, four dimensions, two people, 7:3."""
    said = yaml.safe_load((RECIPES / "steeldefectx.yaml").read_text())
    published = {"candidates": 4, "temperature": 0.9, "keep": 3, "coverage_weight": 0.6, "min_dimensions": 4}
    assert published.items() <= said["caption"].items() and "max_similarity" in said["caption"]
    assert (said["images"]["side"], said["review"]["annotators"], said["split"]["train"]) == (256, 2, 0.7)


def test_defects_may_be_counted(tmp_path: Path) -> None:
    recipe = load(recipe_file(tmp_path, "dataset: tiny\nobjects: [{builtin: cap0, defects: {crack: 2, hole: 1}}]"))
    assert recipe.objects[0].defects == ("crack", "crack", "hole")


def test_a_material_group_stands_for_its_members_and_an_environment_for_its_pair(tmp_path: Path) -> None:
    text = MINIMAL + "render: {materials: [metal, oak, {name: knit}], environments: [night-steel, sky/hall.hdr]}"
    render = load(recipe_file(tmp_path, text)).render
    assert [m.name for m in render.materials] == [*MATERIALS["metal"], "oak", "knit"]
    assert {m.group for m in render.materials} == {"metal", "wood", "fabric"}
    night, hall = render.environments
    assert (night.sky, night.floor and night.floor.name) == ("night", "steel")
    assert (hall.name, hall.sky, hall.floor) == ("hall", str(tmp_path / "sky" / "hall.hdr"), None)


def test_a_validated_recipe_survives_json(tmp_path: Path) -> None:
    text = (
        MINIMAL + "render: {materials: [metal, {name: mine, group: metal, color: a.png}], environments: [night-steel]}"
    )
    recipe = load(recipe_file(tmp_path, text))
    assert validated(recipe.model_dump(mode="json"), "copy") == recipe


def test_a_missing_recipe_is_named() -> None:
    with pytest.raises(CallError, match=r"nowhere\.yaml: no such recipe"):
        load(Path("nowhere.yaml"))


def test_overrides_reach_sections_and_list_items(tmp_path: Path) -> None:
    file = recipe_file(tmp_path, MINIMAL)
    recipe = load(file, ("render.width=64", "objects.0.normal=3", "seed=9"))
    assert (recipe.render.width, recipe.objects[0].normal, recipe.seed) == (64, 3, 9)


@pytest.mark.parametrize(
    ("overrides", "asked"),
    [
        (("caption.provider=measured",), ("measured", "", "")),
        (("caption.model=gemini-2.5-pro", "caption.provider=gemini"), ("gemini", "gemini-2.5-pro", "")),
        (("caption.provider=openai",), ("openai", "gpt-4o", "http://here/v1")),
        (("caption.model=llama",), ("openai", "llama", "http://here/v1")),
    ],
)
def test_another_provider_is_not_asked_for_the_model_or_at_the_address_of_the_first(
    tmp_path: Path, overrides: tuple[str, ...], asked: tuple[str, str, str]
) -> None:
    text = MINIMAL + "caption: {provider: openai, model: gpt-4o, base_url: 'http://here/v1'}"
    want = load(recipe_file(tmp_path, text), overrides).caption
    assert (want.provider, want.model, want.base_url) == asked
    again = changed(load(recipe_file(tmp_path, text)), overrides).caption
    assert (again.provider, again.model, again.base_url) == asked


@pytest.mark.parametrize("override", ["render.width", "=3", "render.widht=3", "seed.low=1", "objects.7.normal=1"])
def test_a_wrong_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(CallError):
        load(recipe_file(tmp_path, MINIMAL), (override,))


def test_globs_become_one_object_per_mesh_file_in_name_order(tmp_path: Path) -> None:
    for name in ("b.stl", "a.obj", "notes.txt"):
        (tmp_path / name).write_text("")
    recipe = load(recipe_file(tmp_path, "dataset: tiny\nobjects: [{mesh: '*', bodies: all}]"))
    assert [(Path(o.mesh or "").name, o.category) for o in recipe.objects] == [("a.obj", "a"), ("b.stl", "b")]


def test_a_mesh_whose_name_no_recipe_can_keep_is_named(tmp_path: Path) -> None:
    (tmp_path / "零件.stl".encode("gbk").decode("utf-8", "surrogateescape")).write_bytes(b"")
    with pytest.raises(CallError, match=r"\\udcc1.*\.stl: its name is not UTF-8, which a recipe has to be"):
        load(recipe_file(tmp_path, "dataset: d\nobjects: [{mesh: '*.stl'}]"))


def test_two_stars_are_folders_at_any_depth(tmp_path: Path) -> None:
    for name in ("parts/a.stl", "parts/deep/b.stl", "parts/deep/deeper/c.stl", "parts/.cache/a.stl", "parts/._a.stl"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for pattern in ("parts/**/*.stl", "**/parts/**/*.stl", "parts/**"):
        assert matched(tmp_path, pattern) == ["parts/a.stl", "parts/deep/b.stl", "parts/deep/deeper/c.stl"]
    assert matched(tmp_path, "parts/*.stl") == ["parts/a.stl"]
    assert matched(tmp_path, f"{tmp_path}/*/deep/*.stl") == ["parts/deep/b.stl"]


def test_folders_behind_links_are_looked_into_once(tmp_path: Path) -> None:
    for name in ("parts/a.stl", "elsewhere/b.stl"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("")
    for link, target in {"parts/in": "elsewhere", "parts/again": "parts", "elsewhere/back": "parts"}.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    assert matched(tmp_path, "parts/**/*.stl") == ["parts/a.stl", "parts/in/b.stl"]


def test_the_name_of_the_folder_is_no_pattern(tmp_path: Path) -> None:
    folder = tmp_path / "set[1]" / "recipes"
    folder.mkdir(parents=True)
    (folder.parent / "a.stl").write_text("")
    (folder.parent / "b[2].stl").write_text("")
    assert matched(folder, "../*.stl") == ["../a.stl", "../b[2].stl"]
    assert matched(folder, "../b[2].stl") == ["../b[2].stl"]
    assert matched(folder, "../gone.stl") == ["../gone.stl"], "a file by its name, which may come later"


def matched(folder: Path, pattern: str) -> list[str]:
    """The files of a recipe's objects, relative to the recipe's folder."""
    recipe = load(recipe_file(folder, f"dataset: tiny\nobjects: [{{mesh: '{pattern}'}}]"))
    return [os.path.relpath(o.mesh or "", folder) for o in recipe.objects]
