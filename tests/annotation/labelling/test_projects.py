"""Each kind of labelling project: what is put before people, and what comes back of it."""

import copy
import dataclasses
import json
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation.labelling.configuration import Class, configuration
from annotation.labelling.project import Answer, Content, Item, content, lead_time_s, meaning
from annotation.labelling.projects import PROJECTS
from annotation.labelling.regions import to_mask
from annotation.labelling.scenes import criteria
from annotation.labelling.words import said, shown, table, tidy
from schemas.errors import BadInput, CallError
from schemas.rows import Interval, Region, Relation
from tests.annotation.labelling import examples
from tests.annotation.labelling.examples import ANSWERED, CLASSES, FREQUENT, NASTY

ITEMS = examples.items()
STILL = ITEMS["mask", "image"].media


def pushed(key: tuple[str, str]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """What a person who finds all of it right sends, and the task's data."""
    task = json.loads(json.dumps(PROJECTS[key[0]].task(ITEMS[key], 1)))
    return task["predictions"][0]["result"] + clicks(**ANSWERED[key[0]]), task["data"]


def clicks(**said: Any) -> list[dict[str, Any]]:
    kinds = {str: ("choices", "choices"), list: ("textarea", "text"), int: ("rating", "rating")}
    found = []
    for name, value in said.items():
        kind, key = kinds[type(value)]
        given = [value] if isinstance(value, str) else value
        found.append({"from_name": name, "to_name": "shown", "type": kind, "value": {key: given}})
    return found


def answers(project: str, kind: str, drop: tuple[str, ...] = (), **said: Any) -> dict[str, Answer]:
    """Answers by annotation task when one does `said` in place of what was filled in, and not what is in `drop`."""
    result, data = pushed((project, kind))
    kept = [r for r in result if r.get("from_name") not in {*drop, *said}]
    return {a.task: a for a in PROJECTS[project].answers(kept + clicks(**said), data)}


@pytest.mark.parametrize("key", ITEMS)
def test_what_is_accepted_as_it_was_comes_back_exactly(key: tuple[str, str]) -> None:
    item = ITEMS[key]
    found = PROJECTS[key[0]].answers(*pushed(key))
    assert {a.task for a in found} == set(item.judged)
    assert {(a.status, a.about, a.comment) for a in found} == {
        ("accepted", a.id, "") for a in item.judged.values()
    }  # fmt: skip
    if not key[0].startswith("quality"):
        for a in found:
            judged = content(item, a.task)
            assert a.content == judged


@pytest.mark.parametrize("key", ITEMS)
def test_predictions_fit_the_configuration(key: tuple[str, str]) -> None:
    from label_studio_sdk.label_interface import LabelInterface

    project = PROJECTS[key[0]]
    config = examples.config(project, key[1])
    interface = LabelInterface(config)
    task = project.task(ITEMS[key], 1)
    assert interface.validate_prediction(task["predictions"][0], return_errors=True) == []
    for name in {r["from_name"] for r in pushed(key)[0] if r["type"] != "relation"}:
        assert interface.get_control(name)
    wanted = {v[1:] for e in ET.fromstring(config).iter() if (v := e.get("value", "")).startswith("$")}
    assert wanted <= task["data"].keys()


@pytest.mark.parametrize("key", ITEMS)
def test_hot_keys_do_not_collide(key: tuple[str, str]) -> None:
    root = ET.fromstring(examples.config(PROJECTS[key[0]], key[1]))
    keys = [k for e in root.iter() if (k := e.get("hotkey"))]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("key", ITEMS)
def test_a_tasks_content_covers_what_is_seen(key: tuple[str, str]) -> None:
    project, item = PROJECTS[key[0]], ITEMS[key]
    assert project.task(item, 1) == project.task(copy.deepcopy(item), 1)
    other = dataclasses.replace(item, remarks=("look again",))
    assert project.task(other, 1)["data"]["content"] != project.task(item, 1)["data"]["content"]


@pytest.mark.parametrize("key", ITEMS)
def test_an_answer_to_a_task_that_was_edited_is_not_taken(key: tuple[str, str]) -> None:
    result, data = pushed(key)
    for name in data:
        less = {k: v for k, v in data.items() if k != name}
        for edited in (less, {**data, name: "edited"}):
            with pytest.raises(BadInput, match="its task was edited in Label Studio; delete it and push again"):
                PROJECTS[key[0]].answers(result, edited)
    with pytest.raises(BadInput, match="the answer is no list"):
        PROJECTS[key[0]].answers(None, data)


def test_what_a_round_adds_to_a_task_is_part_of_its_content() -> None:
    first, second = (PROJECTS["mask"].task(ITEMS["mask", "image"], 1, batch=b)["data"] for b in ("b1", "b2"))
    assert first["batch"] == "b1"
    assert first["content"] != second["content"]
    assert first["prediction"] == second["prediction"]


# --- one kind after another -----------------------------------------------------------------------


def bars(*spans: tuple[int, int]) -> list[dict[str, Any]]:
    return [
        {"id": f"n{n}", "from_name": "visible", "to_name": "shown", "type": "timelinelabels",
         "value": {"ranges": [{"start": a, "end": b}], "timelinelabels": ["Defect visible"]}}
        for n, (a, b) in enumerate(spans)
    ]  # fmt: skip


def test_moved_intervals_are_a_correction_and_touching_ones_are_one() -> None:
    result, data = pushed(("interval", "clip"))
    kept = [r for r in result if r["from_name"] != "visible"]
    (found,) = PROJECTS["interval"].answers(kept + bars((20, 30), (5, 9), (10, 12)), data)
    assert (found.status, found.content.intervals) == ("corrected", [Interval(4, 12), Interval(19, 30)])
    (none,) = PROJECTS["interval"].answers(kept, data)
    assert (none.status, none.content.intervals) == ("corrected", [])


def test_unusable_intervals_leave_the_description_alone() -> None:
    found = answers("clip", "clip", interval_verdict="reject", interval_comment=["never\nseen"])
    assert found["visible_interval"] == Answer(
        "visible_interval", ITEMS["clip", "clip"].judged["visible_interval"].id, "rejected", comment="never seen"
    )
    assert found["caption"].status == "accepted"


def test_rewritten_words_win_over_the_pick() -> None:
    picked = answers("caption", "image", caption_choice="1")["caption"]
    assert (picked.status, picked.content.text) == ("corrected", examples.captions("image")[0].text)
    assert picked.content.scores[0].value == 3.0
    both = answers("caption", "image", caption_choice="1", caption=["Mine:  s3://mine"], rating=5)["caption"]
    assert (both.content.text, both.content.scores[0].value) == ("Mine: s3://mine", 5.0)


def test_contradicted_claims_and_facts_are_shown_and_markup_is_not() -> None:
    data = PROJECTS["caption"].task(ITEMS["caption", "image"], 1)["data"]
    assert "2 location</th><td>“in the upper left” – measured: lower right" in data["facts"]
    assert "thin" not in data["facts"]
    assert "31 of 60 frames" in data["facts"]
    odd = dataclasses.replace(ITEMS["caption", "image"], facts={"<b>": "<script>alert(1)</script>"})
    assert "<script" not in PROJECTS["caption"].task(odd, 1)["data"]["facts"]


def test_the_level_is_that_of_the_most_severe_hazard_or_somebody_says_why() -> None:
    item = ITEMS["scene", "image"]
    found = answers("scene", "image", level="II", hazards="no gloves")
    assert (found["safety_level"].status, found["scene"].status) == ("corrected", "accepted")
    with pytest.raises(BadInput, match="says level IV, its hazards are those of level I"):
        answers("scene", "image", level="IV")
    assert answers("scene", "image", level="IV", comment=["a drill"])["safety_level"].content.label == "IV"
    assert {a.status for a in answers("scene", "image", level="unrecognisable").values()} == {"rejected"}
    with pytest.raises(BadInput, match="has no safety criteria; scenarios are oil-gas, coal"):
        PROJECTS["scene"].task(dataclasses.replace(item, scenario="moon"), 1)
    assert all(c.keys() == {"title", "I", "II", "III"} for c in criteria().values())


def test_another_class_is_named() -> None:
    _, data = pushed(("match", "image"))
    other = {"from_name": "other", "to_name": "shown", "type": "taxonomy", "value": {"taxonomy": [[NASTY]]}}
    (found,) = PROJECTS["match"].answers([*clicks(match="other"), other], data)
    assert (found.status, found.content) == ("corrected", Content(label=NASTY, choices=["other"]))
    assert answers("match", "image", match="no")["match"].content == Content(choices=["no"])
    with pytest.raises(BadInput, match="and not which"):
        answers("match", "image", match="other")


def test_where_nobody_has_guessed_there_is_nothing_to_correct() -> None:
    fresh = Item(examples.sample(), STILL, {"match": examples.said("match", label="cone", text="A <cone>")})
    data = PROJECTS["match"].task(fresh, 1)["data"]
    (found,) = PROJECTS["match"].answers(clicks(match="yes"), data)
    assert (found.status, found.content) == ("accepted", Content(label="cone", text="A <cone>", choices=["yes"]))


def test_a_label_that_is_not_judged_makes_no_correction() -> None:
    mask = examples.said("mask", label="crack", text="by hand", regions=examples.regions("polygon"))
    task = PROJECTS["mask"].task(Item(examples.sample(), STILL, {"mask": mask}), 1)
    (found,) = PROJECTS["mask"].answers(task["predictions"][0]["result"] + clicks(verdict="accept"), task["data"])
    assert (found.status, found.content.label) == ("accepted", None)


def test_regions_of_two_annotations_do_not_get_mixed_up() -> None:
    one, other = ([Region("r", kind, "cone", points)] for kind, points in (("box", [1.0] * 4), ("polygon", [1.0] * 6)))
    judged = {"mask": examples.said("mask", regions=other), "box": examples.said("box", regions=one)}
    task = PROJECTS["quality-visual"].task(Item(examples.sample(), STILL, judged), 1)
    assert {r["id"] for r in task["predictions"][0]["result"]} == {"mask.r", "box.r"}


def test_the_masks_of_one_frame_are_brushed_at() -> None:
    masks = [to_mask(dataclasses.replace(r, frame=n)) for n, r in enumerate(examples.regions("brush") * 2)]
    item = Item(examples.sample(), STILL, {"mask": examples.said("mask", masks=masks)}, frame=1)
    task = PROJECTS["mask"].task(item, 1)
    (found,) = PROJECTS["mask"].answers(task["predictions"][0]["result"] + clicks(verdict="accept"), task["data"])
    (region,) = found.content.regions
    assert (found.status, region.label, to_mask(region)) == ("accepted", "crack", masks[1])


@pytest.mark.parametrize(("told", "seconds"), [
    (12, 12.0), (0.5, 0.5), (None, None), (-1, None), ("9", None), (True, None), (float("nan"), None),
])  # fmt: skip
def test_lead_time_is_told_or_none(told: Any, seconds: float | None) -> None:
    assert lead_time_s({"lead_time": told}) == seconds


def test_a_quality_verdict_is_one_for_the_whole_picture() -> None:
    found = answers("quality-visual", "image", quality="missing_object", comment=["the cone on the left"])
    assert {a.task: a.status for a in found.values()} == {"mask": "rejected", "box": "rejected"}
    assert found["mask"].content.choices == ["missing_object"]
    for bad in ({"quality": "missing_object"}, {"quality": "odd"}):
        with pytest.raises(BadInput, match="sample sample-image: the answer"):
            answers("quality-visual", "image", **bad)
    failed = answers("quality-semantic", "image", level="no", comment=["II"])
    assert (failed["scene"].status, failed["scene"].content.choices) == ("rejected", ["level"])


def test_accepting_in_the_browser_gives_regions_new_ids_and_changes_nothing() -> None:
    result, data = pushed(("mask", "image"))
    text = json.dumps(result)
    for n, old in enumerate(("poly1", "poly2", "brush1")):
        text = text.replace(f'"{old}"', f'"x{9 - n}"')
    (found,) = PROJECTS["mask"].answers(json.loads(text)[::-1], data)
    assert found.status == "accepted"
    (one_less,) = PROJECTS["mask"].answers([r for r in json.loads(text) if r.get("id") != "x7"], data)
    assert one_less.status == "corrected"


@given(st.permutations(["a", "b", "c"]), st.permutations([0, 1, 2]))
def test_a_meaning_does_not_hang_on_ids_or_order(ids: list[str], order: list[int]) -> None:
    def said_with(names: list[str], places: list[int]) -> Content:
        all_ = [Region(name, "box", "crack", [float(n), 1.0, 2.0, 3.0]) for n, name in enumerate(names)]
        return Content(regions=[all_[p] for p in places], relations=[Relation(names[0], names[2], ["on"])])

    assert meaning(said_with(ids, order)) == meaning(said_with(["a", "b", "c"], [0, 1, 2]))


@pytest.mark.parametrize("key", ITEMS)
def test_an_answer_without_anything_is_one_sentence(key: tuple[str, str]) -> None:
    _, data = pushed(key)
    with pytest.raises(BadInput, match=f"sample {data['sample']}: the answer .*; open the task and answer it again"):
        PROJECTS[key[0]].answers([], data)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from(["accept", "I", "correct", "1"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize("key", ITEMS)
@given(data=st.data())
def test_whatever_is_in_an_answer_it_is_taken_or_bad_input(key: tuple[str, str], data: st.DataObject) -> None:
    result, task = pushed(key)
    spoilt = data.draw(st.integers(0, len(result) - 1))
    field = data.draw(st.sampled_from(list(result[spoilt].get("value", {"labels": 0}))))
    result[spoilt] = {**result[spoilt], "value": {**result[spoilt].get("value", {}), field: data.draw(anything)}}
    try:
        PROJECTS[key[0]].answers(result, task)
    except BadInput as e:
        assert "\n" not in str(e)


# --- text and classes are data --------------------------------------------------------------------


def test_labels_with_markup_quotes_and_emoji_are_labels() -> None:
    root = ET.fromstring(examples.config(PROJECTS["mask"], "image"))
    found = {e.get("alias"): e for e in root.iter("Label")}
    assert set(found) == {c.name for c in CLASSES}
    assert len(found) == 234
    assert [e.get("alias") for e in found.values()][:3] == FREQUENT
    assert [e.get("hotkey") for e in found.values()][:4] == ["1", "2", "3", None]
    assert len(found["long"].get("value", "")) == 80
    assert not list(root.iter("b"))


@pytest.mark.parametrize("name", ["", "a\nb", " a", "a\x00", "$sample", "\ud800"])
def test_names_that_would_come_back_changed_are_refused(name: str) -> None:
    with pytest.raises(CallError, match="cannot be a label"):
        configuration("mask", "image", [Class(name)])


def test_lists_of_classes_are_checked() -> None:
    with pytest.raises(CallError, match="hold one name twice"):
        configuration("mask", "image", [Class("a"), Class("a")])
    with pytest.raises(CallError, match="frequent class b: is not among"):
        configuration("mask", "image", [Class("a")], ["b"])


def test_a_configuration_shows_one_kind_of_sample() -> None:
    still, moving = (ET.fromstring(configuration("quality-visual", kind, CLASSES)) for kind in ("image", "clip"))
    assert [len(list(t.iter(tag))) for t in (still, moving) for tag in ("Image", "Video", "Labels")] == [
        1,
        0,
        1,
        0,
        1,
        0,
    ]


@given(st.text())
def test_text_is_shown_and_comes_back_as_one_line(text: str) -> None:
    assert "://" not in shown(text)
    assert said(shown(text)) == tidy(text.replace("\u2060", " ")) or "\u2060" in text
    assert "<" not in table([("measured", text, text)]).replace("<table>", "").replace("</table>", "").replace(
        '<tr class="measured"><th>', ""
    ).replace("</th><td>", "").replace("</td></tr>", "")


def test_an_item_without_a_picture_is_bad_input() -> None:
    item = dataclasses.replace(ITEMS["mask", "image"], media={})
    with pytest.raises(BadInput, match="sample sample-image: has no image to show"):
        PROJECTS["mask"].task(item, 1)
    for address in ("javascript:alert(1)", "/etc/passwd", "data:text/html,x", ""):
        with pytest.raises(BadInput, match="is no address of a file"):
            PROJECTS["mask"].task(dataclasses.replace(item, media={"image": address}), 1)
    with pytest.raises(BadInput, match="has no class to be checked"):
        PROJECTS["match"].task(Item(examples.sample(), STILL), 1)
