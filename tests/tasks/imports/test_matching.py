"""Which image labels are about, where several have the same name; and what is said where that is not certain."""

from pathlib import Path

import pytest

from schemas.errors import BadInput
from tasks.imports.matching import Matching
from tasks.imports.records import Found, Problem
from tasks.imports.tree import Tree
from tests.tasks.imports import sets


def matching(root: Path, *images: str) -> Matching:
    for n, path in enumerate(images):
        sets.write(root / path, sets.picture(n)[:4, :4])
    return Matching(Tree(root))


@pytest.mark.parametrize(
    ("images", "place", "names", "path"),
    [
        # Its folder says which: that of the class, that of the split, or else the nearest one.
        (("test/crack/0.png", "test/hole/0.png"), "truth/hole/0.txt", ["truth/hole/0.txt"], "test/hole/0.png"),
        (("train/images/0.jpg", "val/images/0.jpg"), "val/labels/0.txt", ["val/labels/0.txt"], "val/images/0.jpg"),
        (("a/0.jpg", "a/old/0.jpg"), "a/0.txt", ["a/0.txt"], "a/0.jpg"),
        # What a label file names says which: its folders, from the deepest, and then its suffix.
        (("img/a/1.png", "img/b/1.png"), "all.json", ["img/b/1.png"], "img/b/1.png"),
        (("a/1.png", "b/1.png"), "xml/1.xml", ["xml/1.xml", r"C:\steel\B\1.png"], "b/1.png"),
        (("a/1.png", "b/1.png"), "xml/1.xml", ["xml/1.xml", "/home/me/steel/b/1.jpg"], "b/1.png"),
        (("a.jpg", "a.png"), "a.json", ["a.json", "../pictures/a.PNG"], "a.png"),
        # Folders and suffixes that are not here harm nothing.
        (("images/1.png",), "1.xml", ["1.xml", "VOC2007/1.bmp"], "images/1.png"),
        (("images/1.png",), "1 (copy).json", ["1 (copy).json", "1.png"], "images/1.png"),
        (("images/2.png",), "xml/2.xml", ["xml/2.xml", "renamed.png"], "images/2.png"),
        # Nor does another folder, where every image has a name of its own.
        (("train/Cr_1.jpg", "val/Cr_2.jpg"), "val/Cr_1.xml", ["val/Cr_1.xml"], "train/Cr_1.jpg"),
    ],
)
def test_the_image_that_is_meant(
    tmp_path: Path, images: tuple[str, ...], place: str, names: list[str], path: str
) -> None:
    assert matching(tmp_path, *images).image(place, *names) == path


@pytest.mark.parametrize(
    ("images", "place", "names", "reason"),
    [
        (("a/1.png",), "2.txt", ["2.txt"], "is not there"),
        # A mask of `crack` is about no hole, although that is the only image of this number.
        (("crack/0.png", "hole/0.png", "hole/1.png"), "masks/crack/1.png", ["masks/crack/1.*"], "is not there"),
        (("a/1.png", "b/1.png"), "1.txt", ["1.txt"], "may be a/1.png or b/1.png; name it with its folder"),
        (("a/1.png", "b/1.png", "c/1.png"), "1.txt", ["1.txt"], "may be a/1.png or b/1.png or 1 more"),
        # After files were renamed, a label file may name the image of its neighbour.
        (("8.png", "9.png"), "8.json", ["8.json", "9.png"], "may be 8.png or 9.png"),
    ],
)
def test_what_is_not_certain_is_not_guessed(
    tmp_path: Path, images: tuple[str, ...], place: str, names: list[str], reason: str
) -> None:
    with pytest.raises(BadInput, match=reason):
        matching(tmp_path, *images).image(place, *names)


def test_an_image_has_one_label_file(tmp_path: Path) -> None:
    images = matching(tmp_path, "0.png")
    assert images.image("0.json", "0.json") == "0.png"
    with pytest.raises(BadInput, match="has labels already; the first ones in order were taken"):
        images.image("0 (copy).json", "0 (copy).json", "0.png")


def test_of_copies_in_several_folders_the_first_is_labelled(tmp_path: Path) -> None:
    """And the others are not normal."""
    images = matching(tmp_path, "1/img.png", "2/img.png")
    (tmp_path / "2" / "img.png").write_bytes((tmp_path / "1" / "img.png").read_bytes())
    assert images.image("lable/img.xml", "lable/img.xml") == "1/img.png"
    assert [(type(f), f.path) for f in images.rest(otherwise="normal")] == [(Problem, "2/img.png")]


def test_an_image_whose_labels_are_in_doubt_is_not_normal(tmp_path: Path) -> None:
    images = matching(tmp_path, "a/1.png", "b/1.png", "a/2.png", "a/3.png", "a/4.png")
    with pytest.raises(BadInput):
        images.image("1.txt", "1.txt")
    images.spoilt("2.txt", "2.txt")
    images.image("3.txt", "3.txt")
    found = list(images.rest(otherwise="normal"))
    assert {f.path: f.label for f in found if isinstance(f, Found)} == {"a/4.png": "normal"}
    assert [p.path for p in found if isinstance(p, Problem)] == ["a/1.png", "a/2.png", "b/1.png"]
    assert {f.path: f.label for f in images.rest(lambda path: path[0]) if isinstance(f, Found)} == {
        "a/1.png": "a", "a/2.png": "a", "a/4.png": "a", "b/1.png": "b",
    }  # fmt: skip
