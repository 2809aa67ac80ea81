"""What is filmed: keys, samples, poses and labels of the instances of a recipe."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import trimesh

from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError
from schemas.objects import MILLIMETRES
from schemas.recipe import Recipe
from tasks.filming.instances import Thing, instances, make


def recipe(**values: object) -> Recipe:
    plain = {"dataset": "tiny", "objects": [{"builtin": "eraser0", "normal": 1, "defects": ["bulge"]}]}
    return Recipe.model_validate(plain | values)


KEYS = [
    # objects of the recipe, keys of the instances
    ([{"builtin": "vase0", "normal": 2, "defects": ["hole"]}], ["vase0-normal-0", "vase0-normal-1", "vase0-hole-0"]),
    ([{"builtin": "vase0", "defects": ["hole", "hole"], "normal": 0}], ["vase0-hole-0", "vase0-hole-1"]),
    ([{"builtin": "vase0"}, {"builtin": "vase0"}], ["vase0-normal-0", "vase0-normal-1"]),
    ([{"builtin": "cup0", "category": "Mug, large"}], ["mug-large-normal-0"]),
    (
        [{"builtin": "cup0", "category": "a b"}, {"builtin": "cup0", "category": "a-b"}],
        ["a-b-normal-0", "a-b-normal-1"],
    ),
    ([{"builtin": "cup0", "category": "../../etc"}], ["etc-normal-0"]),
    ([{"builtin": "cup0", "category": "杯"}], ["object-normal-0"]),
    ([{"mesh": "Part_07.STL"}], ["part-07-normal-0"]),
]


@pytest.mark.parametrize(("objects", "keys"), KEYS)
def test_keys_of_instances(objects: list[dict[str, object]], keys: list[str]) -> None:
    assert [i.key for i in instances(recipe(objects=objects))] == keys


def rng(name: str) -> np.random.Generator:
    return np.random.default_rng(int(digest("instances", name), 16))


def first(wanted: Recipe) -> Thing:
    return make(instances(wanted)[0], wanted, rng)


def solid(thing: Thing) -> trimesh.Trimesh:
    return trimesh.Trimesh(thing.shape.vertices, thing.shape.faces, process=False)


@pytest.fixture
def slab(tmp_path: Path) -> Path:
    """A slab 40 long, 20 wide and 10 high, finely meshed."""
    mesh = trimesh.creation.box((40.0, 20.0, 10.0)).subdivide_to_size(2.0)
    mesh.export(tmp_path / "slab.ply")
    return tmp_path / "slab.ply"


def test_a_sample_is_the_same_instances_and_keys_as_in_the_whole() -> None:
    objects = [{"builtin": name, "normal": 4, "defects": {"hole": 2, "bulge": 2}} for name in ("cup0", "vase3", "tap1")]
    whole = instances(recipe(objects=objects))
    sample = instances(recipe(objects=objects, scale=0.5))
    assert len(whole) == 24 and len(sample) == 12
    assert [i for i in whole if i in sample] == sample
    assert {i.category for i in sample} == {"cup0", "vase3", "tap1"}
    assert {i.defect for i in sample} == {"none", "hole", "bulge"}
    assert len(instances(recipe(objects=objects, scale=1e-6))) == 1


def test_groups_are_the_published_ones_or_the_recipe_s() -> None:
    objects = [{"builtin": "vase3"}, {"mesh": "a.stl"}, {"mesh": "a.stl", "category": "cog", "group": "gears"}]
    assert [(i.category, i.group) for i in instances(recipe(objects=objects))] == [
        ("vase3", "vase"), ("a", "a"), ("cog", "gears"),
    ]  # fmt: skip


@pytest.mark.parametrize("defect", ["none", "scratch"])
def test_equal_generators_make_equal_bytes(defect: str) -> None:
    asked = {"normal": 1} if defect == "none" else {"normal": 0, "defects": [defect]}
    wanted = recipe(objects=[{"builtin": "eraser0", **asked}], render={"lying": 0.5})
    one, two = first(wanted), first(wanted)
    assert one.shape.vertices.tobytes() == two.shape.vertices.tobytes()
    assert (one.label is None) == (defect == "none")
    assert one.facts == two.facts and len(one.facts) == (defect != "none")


def test_lying_is_another_side_on_the_floor_and_the_defect_comes_after(slab: Path) -> None:
    objects = [{"mesh": str(slab), "normal": 12, "defects": ["bulge"]}]
    wanted = recipe(objects=objects, render={"lying": 1.0})
    heights = set()
    for instance in instances(wanted)[:12]:
        low, high = solid(make(instance, wanted, rng)).bounds
        assert low[2] == pytest.approx(0, abs=1e-9)
        heights.add(round(float(high[2] - low[2]), 2))
    assert heights <= {0.25, 0.5, 1.0} and len(heights) > 1
    dented = make(instances(wanted)[-1], wanted, rng)
    assert dented.label is not None and solid(dented).is_watertight
    assert solid(first(recipe(objects=objects))).extents == pytest.approx([1, 0.5, 0.25]), "upright as a rule"


SIZES: list[tuple[dict[str, object], float | None]] = [
    # what the recipe says of the slab's size, its longest side in millimetres
    ({}, None),
    ({"unit": "mm"}, 40.0),
    ({"unit": "in"}, 40 * MILLIMETRES["in"]),
    ({"size_mm": 125.0}, 125.0),
]


@pytest.mark.parametrize(("said", "millimetres"), SIZES)
def test_facts_know_the_object_s_size_where_the_recipe_does(
    slab: Path, said: dict[str, object], millimetres: float | None
) -> None:
    objects = [{"mesh": str(slab), "normal": 0, "defects": ["bulge"], **said}]
    (facts,) = first(recipe(objects=objects)).facts
    assert facts.object_mm == pytest.approx(millimetres)


def test_turning_an_object_keeps_its_lengths_in_millimetres(tmp_path: Path) -> None:
    """Laid on its slope, a wedge has another longest side; what is a millimetre stays one."""
    wedge = trimesh.creation.cone(radius=20.0, height=30.0, sections=64).subdivide_to_size(3.0)
    wedge.export(tmp_path / "cone.ply")
    objects = [{"mesh": str(tmp_path / "cone.ply"), "normal": 0, "defects": ["bulge"], "unit": "mm"}]
    upright, laid = (first(recipe(objects=objects, render={"lying": share})) for share in (0.0, 1.0))
    assert upright.facts[0].object_mm == pytest.approx(40)
    assert laid.facts[0].object_mm == pytest.approx(solid(upright).area ** 0.5 * 40 / solid(laid).area ** 0.5, rel=0.02)


@pytest.fixture
def labelled(slab: Path) -> Callable[..., Recipe]:
    """A recipe for the slab with a label on two corners of its top."""
    mesh = trimesh.load(slab, process=False)
    x, y, z = np.asarray(mesh.vertices).T
    flags = (z > 4.9) & (np.abs(np.abs(x) - 15) < 3.1) & (np.abs(y - 5) < 3.1)
    (slab.parent / "slab.txt").write_text("\n".join(str(int(f)) for f in flags))

    def make_recipe(**render: object) -> Recipe:
        spec = {"mesh": str(slab), "normal": 0, "labelled": "crack", "labels": str(slab.parent / "slab.txt")}
        return recipe(objects=[spec], render=render)

    return make_recipe


@pytest.mark.parametrize("lying", [0.0, 1.0])
def test_a_mesh_with_labels_is_one_instance_with_its_own_defects(labelled: Callable[..., Recipe], lying: float) -> None:
    wanted = labelled(lying=lying)
    (instance,) = instances(wanted)
    assert (instance.key, instance.defect, len(instance.labels)) == ("slab-crack-0", "crack", 64)
    thing = first(wanted)
    assert thing.label is not None and len(thing.label) == len(thing.shape.vertices)
    assert len(thing.facts) == 2, "one per marked place"
    for facts in thing.facts:
        distance = np.linalg.norm(thing.shape.vertices[thing.label > 0] - facts.position, axis=1)
        assert distance.min() < 0.02 and facts.severity is None
        assert facts.area_pct == pytest.approx(100 * 40 / 2800, rel=0.25)


def test_a_file_that_changes_during_the_build_stops_it(labelled: Callable[..., Recipe], tmp_path: Path) -> None:
    wanted = labelled()
    (instance,) = instances(wanted)
    text = tmp_path / "slab.txt"
    text.write_text(text.read_text() + "\n")
    with pytest.raises(DefectoryError, match="the file changed during the build") as stop:
        make(instance, wanted, rng)
    assert not isinstance(stop.value, BadInput)
