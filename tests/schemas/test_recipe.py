"""Recipes: what is refused, and in which words."""

from pathlib import Path

import pytest

from schemas.errors import CallError
from schemas.loading import load

MINIMAL = "dataset: tiny\nobjects: [{builtin: vase0, defects: [hole]}]\n"


def recipe_file(folder: Path, text: str) -> Path:
    file = folder / "recipe.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize("name", ["demo", "real-objects"])
def test_the_recipes_that_come_along_are_valid(name: str) -> None:
    file = Path(__file__).parents[2] / "recipes" / f"{name}.yaml"
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
        (MINIMAL + "render: {elevation_deg: [40, 20]}", "the first number of a range is the smaller one"),
        (MINIMAL + "render: {defect: {radius_pct: [5, 400]}}", "`render.defect.radius_pct.1`"),
        (MINIMAL.replace("[{", "[{mesh: 'none/*.stl'}, {"), "no mesh file matches none/*.stl"),
        ("dataset: [", "not valid YAML"),
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


def test_a_missing_recipe_is_named() -> None:
    with pytest.raises(CallError, match=r"nowhere\.yaml: no such recipe"):
        load(Path("nowhere.yaml"))


def test_overrides_reach_sections_and_list_items(tmp_path: Path) -> None:
    file = recipe_file(tmp_path, MINIMAL)
    recipe = load(file, ("render.width=64", "objects.0.normal=3", "seed=9"))
    assert (recipe.render.width, recipe.objects[0].normal, recipe.seed) == (64, 3, 9)


@pytest.mark.parametrize("override", ["render.width", "=3", "render.widht=3", "seed.low=1", "objects.7.normal=1"])
def test_a_wrong_override_is_refused(tmp_path: Path, override: str) -> None:
    with pytest.raises(CallError):
        load(recipe_file(tmp_path, MINIMAL), (override,))


def test_globs_become_one_object_per_mesh_file_in_name_order(tmp_path: Path) -> None:
    for name in ("b.stl", "a.obj", "notes.txt"):
        (tmp_path / name).write_text("")
    recipe = load(recipe_file(tmp_path, "dataset: tiny\nobjects: [{mesh: '*', bodies: all}]"))
    assert [(Path(o.mesh or "").name, o.category) for o in recipe.objects] == [("a.obj", "a"), ("b.stl", "b")]
