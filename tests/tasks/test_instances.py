"""What is filmed: keys, samples, poses and labels of the instances of a recipe."""

import pytest

from schemas.recipe import Recipe
from tasks.instances import instances


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
