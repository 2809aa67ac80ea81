"""Readers: what is found in each layout as it is distributed, and what is said of what cannot be used."""

import json
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import CallError
from tasks.imports.folders import class_of
from tasks.imports.layouts import LOOKED_AT, READERS, detected
from tasks.imports.records import Found, Problem
from tasks.imports.tree import Tree
from tests.tasks.imports import sets

DATA = Path(__file__).parents[4] / "shared" / "data" / "images"


def read(root: Path, layout: str = "auto") -> tuple[str, list[Found], list[str]]:
    tree = Tree(root)
    layout = detected(tree)[0] if layout == "auto" else layout
    found = list(READERS[layout](tree))
    return layout, [f for f in found if isinstance(f, Found)], [p.reason for p in found if isinstance(p, Problem)]


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("red iron/2001.jpg", "red iron"),  # X-SDD
        ("NEU-CLS/train/images/Cr_12.bmp", "NEU-CLS"),  # the deepest folder that is no split
        ("train/Cr_12.bmp", "Cr"),  # NEU-CLS, flat
        ("crazing_12.jpg", "crazing"),
        ("rolled-in_scale_7.jpg", "rolled-in_scale"),
        ("images/2/img_02_425390_00001.jpg", "2"),  # GC10-DET
        ("12.jpg", ""),
    ],
)
def test_a_path_says_the_class(path: str, label: str) -> None:
    assert class_of(path) == label


def test_class_folders(tmp_path: Path) -> None:
    sets.class_folders(tmp_path, per_class=2)
    sets.write(tmp_path / "77.jpg", sets.picture(1))
    layout, found, problems = read(tmp_path)
    assert layout == "folders"
    assert {f.label for f in found} == set(sets.CLASSES) and len(found) == 6
    assert problems == ["77.jpg: neither its folder nor its name says a class; put it into a class folder"]


def test_gc10_as_distributed(tmp_path: Path) -> None:
    """Numbered folders, labels in `lable`, pinyin names; some images have no label file."""
    for folder, number in ((1, 7), (2, 8), (2, 9)):
        sets.write(tmp_path / str(folder) / f"img_{number}.jpg", sets.picture(number))
    labels = tmp_path / "lable"
    labels.mkdir()
    (labels / "img_7.xml").write_text(sets.voc("img_7.jpg", [("1_chongkong", 10, 10, 30, 20)]))
    (labels / "img_8.xml").write_text(
        sets.voc("wrong.jpg", [("2_hanfeng", 1, 1, 30, 20), ("7_yiwu", 3, 3, 5, 5), ("2_hanfeng", 40, 1, 50, 9)])
    )
    (labels / "img_99.xml").write_text(sets.voc("img_99.jpg", [("1_chongkong", 1, 1, 2, 2)]))
    layout, found, problems = read(tmp_path)
    assert layout == "voc"
    assert {f.path: f.label for f in found} == {
        "1/img_7.jpg": "1_chongkong", "2/img_8.jpg": "2_hanfeng", "2/img_9.jpg": "2",
    }  # fmt: skip
    assert found[0].shapes[0].box == (10, 10, 20, 10)
    assert problems == ["lable/img_99.xml: its image img_99.jpg is not there"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<annotation><object>", "is no VOC label file"),
        (sets.voc("a.jpg", [("x", 30, 1, 10, 5)]), "the box of x is empty or turned over"),
        ("<!DOCTYPE a [<!ENTITY b 'c'>]><annotation>&b;</annotation>", "declares entities"),
        (sets.voc("a.jpg", [("", 1, 1, 10, 5)]), "an object has no name"),
        ("<camera><gain>1</gain></camera>", "it is about <camera>, not <annotation>"),
        (sets.voc("a.jpg", [("x", 1, 1, 10, 5)]).replace("96", "1e999"), "is no VOC label file"),
    ],
)
def test_a_broken_voc_file_is_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    sets.write(tmp_path / "kind" / "a.jpg", sets.picture(1))
    (tmp_path / "a.xml").write_text(text)
    _, _, problems = read(tmp_path, "voc")
    assert len(problems) == 1 and reason in problems[0] and problems[0].startswith("a.xml: ")


def test_yolo_with_names_from_data_yaml(tmp_path: Path) -> None:
    for n in range(4):
        sets.write(tmp_path / "train" / "images" / f"{n}.jpg", sets.picture(n))
    labels = tmp_path / "train" / "labels"
    labels.mkdir()
    (tmp_path / "data.yaml").write_text("names: [hole, dent]\nnc: 2\n")
    (labels / "0.txt").write_text("1 0.5 0.5 0.2 0.4\n")
    (labels / "1.txt").write_text("0 0.1 0.1 0.5 0.1 0.3 0.4\n")
    (labels / "2.txt").write_text("7 0.5 0.5 0.2 0.4\n")
    layout, found, problems = read(tmp_path)
    assert layout == "yolo"
    assert {f.path[-5]: f.label for f in found} == {"0": "dent", "1": "hole", "3": "normal"}
    assert found[0].shapes[0].box == pytest.approx((0.4, 0.3, 0.2, 0.4)) and found[0].shapes[0].relative
    assert problems == ["train/labels/2.txt: class 7 is not among the 2 names"]


def test_yolo_files_that_name_the_classes_agree(tmp_path: Path) -> None:
    """The parts of a set that was put together may number them differently."""
    for part, names in (("a", "[hole, dent]"), ("b", "[dent, hole]")):
        sets.write(tmp_path / part / f"{part}.jpg", sets.picture(1))
        (tmp_path / part / f"{part}.txt").write_text("0 0.5 0.5 0.2 0.4\n")
        (tmp_path / part / "data.yaml").write_text(f"names: {names}")
    (tmp_path / "notes.yaml").write_text("a: b: c")  # harms nothing
    _, found, problems = read(tmp_path)
    assert not found and problems == [
        "b/data.yaml: calls class 0 dent, and a/data.yaml calls it hole; make each part of the set a source of its "
        "own, or let the files agree"
    ]
    (tmp_path / "b" / "data.yaml").write_text("names: {0: hole, 7: chip}")
    _, found, problems = read(tmp_path)
    assert [f.label for f in found] == ["hole", "hole"] and not problems


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("names: [hole]\nmade: 2024-02-30", "data.yaml: is no YAML (day is out of range for month)"),
        ("[" * 9999, "data.yaml: is no YAML (maximum recursion depth exceeded"),
        ("names: [dent, [hole, chip]]", "data.yaml: class 1 has no name but a list; write one name per class"),
    ],
)
def test_yolo_names_that_cannot_be_read_are_one_sentence(tmp_path: Path, text: str, reason: str) -> None:
    sets.write(tmp_path / "a.jpg", sets.picture(1))
    (tmp_path / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (tmp_path / "data.yaml").write_text(text)
    _, found, problems = read(tmp_path)
    assert not found and len(problems) == 1 and problems[0].startswith(reason)


def test_yolo_is_told_by_files_that_are_not_empty(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("dent\n\n")
    for n in range(LOOKED_AT + 1):
        sets.write(tmp_path / f"{n:03}.png", sets.picture(1)[:4, :4])
        (tmp_path / f"{n:03}.txt").write_text("" if n < LOOKED_AT else "0 .5 .5 .2 .2")
    layout, found, _ = read(tmp_path)
    assert layout == "yolo" and [f.label for f in found] == ["normal"] * LOOKED_AT + ["dent"]


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        ([[0, 0, 3, 3]], "less than three points"),  # which the library takes for a box
        ([[0, 0, 3, 0, 3, 3, 1]], "half a point"),
        ([[0, 0, float("nan"), 0, 3, 3]], "no number"),
        ({"counts": [4, 8, 12], "size": [4, 6]}, "another size than the image"),
        ([[0, 0, 1e999, 0, 3, 3]], "no number"),
    ],
)
def test_an_outline_that_is_none_is_one_sentence(tmp_path: Path, outline: object, reason: str) -> None:
    sets.write(tmp_path / "1.png", sets.picture(1)[:6, :4])
    images = [{"id": 1, "file_name": "1.png", "width": 4, "height": 6}]
    annotations = [{"image_id": 1, "category_id": 1, "segmentation": outline}]
    labels = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "dent"}]}
    (tmp_path / "all.json").write_text(json.dumps(labels))
    _, found, (problem,) = read(tmp_path, "coco")
    assert not found and reason in problem and problem.startswith("all.json: image 1.png: an annotation cannot be used")


def test_run_lengths_say_the_size_of_an_image_for_which_no_other_is_listed(tmp_path: Path) -> None:
    sets.write(tmp_path / "1.png", sets.picture(1)[:6, :4])
    annotations = [{"image_id": 1, "category_id": 1, "segmentation": {"counts": [4, 8, 12], "size": [6, 4]}}]
    labels = {"annotations": annotations, "categories": [{"id": 1, "name": "dent"}]}
    (tmp_path / "all.json").write_text(json.dumps({**labels, "images": [{"id": 1, "file_name": "1.png"}]}))
    _, (found,), _ = read(tmp_path, "coco")
    assert found.size == (4, 6)


def test_images_of_a_coco_file_that_share_an_id_are_no_images(tmp_path: Path) -> None:
    """Files that were put together without numbering anew: the labels would be those of both."""
    for n in range(2):
        sets.write(tmp_path / f"{n}.png", sets.picture(n)[:4, :4])
    images = [{"id": 7, "file_name": f"{n}.png"} for n in range(2)]
    labels = {"images": images, "annotations": [], "categories": []}
    (tmp_path / "all.json").write_text(json.dumps(labels))
    _, found, problems = read(tmp_path, "coco")
    assert not found and problems == [
        f"all.json: image {n}.png has the id 7, as another one of this file has" for n in range(2)
    ]


def test_coco_boxes_polygons_and_run_lengths(tmp_path: Path) -> None:
    for n in range(3):
        sets.write(tmp_path / "images" / f"{n}.png", np.eye(4, dtype=np.uint8))
    images = [{"id": n, "file_name": f"{n}.png", "width": 4, "height": 4} for n in range(4)]
    annotations = [
        {"image_id": 0, "category_id": 1, "bbox": [0, 0, 2, 2]},
        {"image_id": 1, "category_id": 2, "segmentation": [[0, 0, 3, 0, 3, 3]]},
        {"image_id": 2, "category_id": 2, "segmentation": {"counts": [4, 8, 4], "size": [4, 4]}},
        {"image_id": 9, "category_id": 1, "bbox": [0, 0, 2, 2]},
    ]
    (tmp_path / "labels.json").write_text(
        json.dumps({"images": images, "annotations": annotations,
                    "categories": [{"id": 1, "name": "hole"}, {"id": 2, "name": "dent"}]})
    )  # fmt: skip
    layout, found, problems = read(tmp_path)
    assert layout == "coco"
    assert [f.label for f in found] == ["hole", "dent", "dent"]
    assert found[2].shapes[0].rle == (4, 8, 4)
    assert problems == [
        "labels.json: has annotations of image 9, which it does not list", "labels.json: image 3.png is not there",
    ]  # fmt: skip


def test_mask_images_beside_images(tmp_path: Path) -> None:
    blot = np.zeros((64, 96), np.uint8)
    blot[10:20, 10:20] = 255
    for n in range(2):
        sets.write(tmp_path / "bright scratch" / f"bs_{n}.jpg", sets.picture(n))
    sets.write(tmp_path / "bright scratch" / "bs_0_mask.png", blot)
    sets.write(tmp_path / "masks" / "bs_1.png", blot)
    sets.write(tmp_path / "masks" / "bs_5.png", blot)
    layout, found, problems = read(tmp_path)
    assert layout == "masks"
    assert {(f.path[-8:], f.label, f.mask) for f in found} == {
        ("bs_0.jpg", "bright scratch", "bright scratch/bs_0_mask.png"),
        ("bs_1.jpg", "bright scratch", "masks/bs_1.png"),
    }  # fmt: skip
    assert problems == ["masks/bs_5.png: the image that this mask belongs to is not there"]


def test_masks_of_images_that_are_numbered_per_class(tmp_path: Path) -> None:
    """As MVTec: 000.png in every class; what has no mask of its own gets none of another one."""
    images = ("test/crack/0.png", "test/hole/0.png", "test/hole/1.png", "test/good/0.png", "train/good/0.png")
    for n, path in enumerate(images):
        sets.write(tmp_path / path, sets.picture(n))
    for path in ("crack/0_mask.png", "crack/1_mask.png", "hole/0_mask.png", "hole/0_gt.png", "0_mask.png"):
        sets.write(tmp_path / "ground_truth" / path, sets.picture(2))
    layout, found, problems = read(tmp_path)
    assert layout == "masks"
    assert {f.path: f.mask for f in found} == {
        "test/crack/0.png": "ground_truth/crack/0_mask.png",
        "test/hole/0.png": "ground_truth/hole/0_gt.png",
        "test/hole/1.png": "", "test/good/0.png": "", "train/good/0.png": "",
    }  # fmt: skip
    belongs = "the image that this mask belongs to"
    assert problems == [
        f"ground_truth/0_mask.png: {belongs} may be test/crack/0.png or test/good/0.png or 2 more; name it with its "
        "folder, or give the images names of their own",
        f"ground_truth/crack/1_mask.png: {belongs} is not there",
        f"ground_truth/hole/0_mask.png: {belongs} has labels already; the first ones in order were taken",
    ]


@pytest.mark.parametrize(("folder", "layout"), [("annotations", "masks"), ("SegmentationClass", "voc")])
def test_pictures_of_labels_are_no_images(tmp_path: Path, folder: str, layout: str) -> None:
    """As NEU-Seg and as Pascal VOC have them."""
    sets.write(tmp_path / "set" / "images" / "training" / "7.jpg", sets.picture(1))
    sets.write(tmp_path / "set" / folder / "training" / "7.png", sets.picture(2))
    if layout == "voc":
        (tmp_path / "set" / "7.xml").write_text(sets.voc("7.jpg", [("dent", 1, 1, 9, 9)]))
    name, found, problems = read(tmp_path)
    assert name == layout and [f.path for f in found] == ["set/images/training/7.jpg"] and not problems


def test_coco_names_images_with_their_folders(tmp_path: Path) -> None:
    """The numbers are the same in every folder, and one folder of those that are listed is not there."""
    for folder in "ab":
        sets.write(tmp_path / "img" / folder / "1.png", np.eye(4, dtype=np.uint8))
    images = [{"id": n, "file_name": f"img/{folder}/1.png"} for n, folder in enumerate("cba")]
    annotations = [{"image_id": n, "category_id": n, "bbox": [0, 0, 2, 2]} for n in range(3)]
    categories = [{"id": n, "name": f"of {folder}"} for n, folder in enumerate("cba")]
    (tmp_path / "all.json").write_text(
        json.dumps({"images": images, "annotations": annotations, "categories": categories})
    )
    _, found, problems = read(tmp_path, "coco")
    assert {f.path: f.label for f in found} == {"img/a/1.png": "of a", "img/b/1.png": "of b"}
    assert len(problems) == 1 and problems[0].startswith("all.json: image img/c/1.png ")


@pytest.mark.parametrize("layout", ["labelme", "voc", "yolo"])
def test_two_label_files_of_an_image_are_one_sample(tmp_path: Path, layout: str) -> None:
    sets.write(tmp_path / "1.png", sets.picture(1))
    (tmp_path / "classes.txt").write_text("dent")
    for folder, name in (("x", "1"), ("y", "1"), ("y", "1 (copy)")):
        file = tmp_path / folder / name
        file.parent.mkdir(exist_ok=True)
        file.with_suffix(".json").write_text(sets.labelme("1.png", [("dent", [(1, 1), (9, 1), (9, 9)])]))
        file.with_suffix(".xml").write_text(sets.voc("1.png", [("dent", 1, 1, 9, 9)]))
        file.with_suffix(".txt").write_text("0 0.5 0.5 0.2 0.2")
    _, found, problems = read(tmp_path, layout)
    assert [(f.path, f.label) for f in found] == [("1.png", "dent")]
    assert len(problems) == 2 and any("y/1" in p and "has labels already; the first" in p for p in problems)


@pytest.mark.parametrize("layout", ["labelme", "voc"])
def test_the_label_file_of_the_same_name_goes_before_its_copy(tmp_path: Path, layout: str) -> None:
    sets.write(tmp_path / "1.png", sets.picture(1))
    for name, label in (("1 (copy)", "old"), ("1", "new")):
        (tmp_path / f"{name}.json").write_text(sets.labelme("1.png", [(label, [(1, 1), (9, 1), (9, 9)])]))
        (tmp_path / f"{name}.xml").write_text(sets.voc("1.png", [(label, 1, 1, 9, 9)]))
    _, found, problems = read(tmp_path, layout)
    assert [f.label for f in found] == ["new"] and len(problems) == 1 and "1 (copy)" in problems[0]


def test_an_image_whose_labelme_file_is_broken_is_not_normal(tmp_path: Path) -> None:
    for n in range(3):
        sets.write(tmp_path / f"{n}.png", sets.picture(n))
    (tmp_path / "0.json").write_text(sets.labelme("0.png", [("dent", [(1, 1), (9, 9)])]))
    (tmp_path / "1.json").write_text("{")
    _, found, problems = read(tmp_path, "labelme")
    assert [(f.path, f.label) for f in found] == [("2.png", "normal")]
    assert [p.split(":")[0] for p in problems] == ["0.json", "1.json", "0.png", "1.png"]


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (("NEU-CLS/Cr_1.bmp", "NEU-CLS/In_1.bmp"), ["Cr", "In"]),  # packed with its folder
        (("NEU-CLS/train/Cr_1.bmp", "NEU-CLS/test/In_1.bmp"), ["Cr", "In"]),
        (("pack/steel/crack/1.png", "pack/steel/hole/1.png"), ["crack", "hole"]),
        (("scratch/1.png", "scratch/img_2.png"), ["scratch", "scratch"]),  # one class and nothing else
        (("crazing/IMG_1.png", "crazing/DSC_2.png"), ["crazing", "crazing"]),  # known, whatever the files are called
        (("NEU-CLS/crazing_1.png", "NEU-CLS/crazing_2.png"), ["crazing", "crazing"]),
    ],
)
def test_folders_that_all_images_share_are_a_class_only_where_nothing_else_is(
    tmp_path: Path, images: tuple[str, ...], labels: list[str]
) -> None:
    for path in images:
        sets.write(tmp_path / path, sets.picture(1))
    found = READERS["folders"](Tree(tmp_path, is_class=lambda folder: folder == "crazing"))
    assert {f.path: f.label for f in found if isinstance(f, Found)} == dict(zip(images, labels, strict=True))


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = sets.write(tmp_path / "outside" / "kind" / "1.jpg", sets.picture(1))
    inside = tmp_path / "inside" / "kind"
    sets.write(inside / "2.jpg", sets.picture(2))
    (inside / "3.jpg").symlink_to(secret)
    (tmp_path / "inside" / "away").symlink_to(tmp_path / "outside")
    assert Tree(tmp_path / "inside").files == ("kind/2.jpg",)


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="holds no image that matches; give `path` another folder"):
        detected(Tree(tmp_path))


@pytest.mark.parametrize(
    ("folder", "layout", "images", "classes"), [("x-sdd", "folders", 456, 7), ("bsdata", "labelme", 32, 2)]
)
def test_real_sets(folder: str, layout: str, images: int, classes: int) -> None:
    if not (DATA / folder).exists():
        pytest.skip("the real images are not on this machine")
    name, found, problems = read(DATA / folder)
    assert (name, len(found), len({f.label for f in found}), problems) == (layout, images, classes, [])
