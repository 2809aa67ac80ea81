"""The audit of captions that are there: lines good and bad, groups, images, the command."""

import json
import os
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from flows import cli
from schemas.errors import CallError
from tasks.text import audit as task


def never(texts: list[str]) -> np.ndarray:
    raise AssertionError("one text needs no encoder")


def alike(texts: list[str]) -> np.ndarray:
    """Every text as the same direction."""
    return np.tile([[1.0, 0.0]], (len(texts), 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mask = np.zeros((120, 160), np.uint8)
    cv2.circle(mask, (30, 30), 12, 255, -1)
    picture = np.full((120, 160, 3), 140, np.uint8)
    picture[mask > 0] = 60
    cv2.imwrite(str(tmp_path / "a.png"), picture)
    cv2.imwrite(str(tmp_path / "m.png"), mask)
    cv2.imwrite(str(tmp_path / "short.png"), mask[:50])
    cv2.imwrite(str(tmp_path / "empty.png"), mask * 0)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n????")
    return tmp_path


def written(folder: Path, *lines: object) -> Path:
    file = folder / "captions.jsonl"
    texts = (x if isinstance(x, str | bytes) else json.dumps(x) for x in lines)
    file.write_bytes(b"".join((x if isinstance(x, bytes) else x.encode()) + b"\n" for x in texts))
    return file


GOOD = {
    "id": "1",
    "text": "A dark, roundish dent in the upper left.",
    "image": "a.png",
    "mask": "m.png",
    "class": "dent",
}


def test_a_misspelt_key_is_pointed_out_and_the_text_is_scored(folder: Path) -> None:
    misspelt = {"id": 1, "text": GOOD["text"], "imgae": "a.png", "msk": "m.png", "class_id": 3, "source": "web"}
    line = next(task.audit(written(folder, misspelt), never))
    assert line.problem == "has a key `imgae` in place of `image`. has a key `msk` in place of `mask`"
    assert line.covers["location"] and line.score is not None


def test_a_line_is_scored_and_its_claims_are_checked(folder: Path) -> None:
    line = next(task.audit(written(folder, GOOD), never))
    assert line.problem == ""
    assert line.covers["location"] and line.covers["contrast"] and line.covers["shape"]
    assert line.score == pytest.approx(0.6 * sum(line.covers.values()) / 5 + 0.4)
    assert {c.verdict for c in line.claims} == {"supported"}
    wrong = next(task.audit(written(folder, GOOD | {"text": "A bright hole in the lower right."}), never))
    assert {c.dimension for c in wrong.claims if c.verdict == "contradicted"} == {"contrast", "type", "location"}


def test_what_the_wall_of_a_hole_encloses_is_measured_with_it(folder: Path) -> None:
    ring = np.zeros((120, 160), np.uint8)
    cv2.circle(ring, (80, 60), 40, 255, 1)
    cv2.imwrite(str(folder / "ring.png"), ring)
    said = GOOD | {"text": "It covers about a quarter of the image.", "mask": "ring.png"}
    for defect, verdict in (("hole", "supported"), ("dent", "contradicted")):
        line = next(task.audit(written(folder, said | {"class": defect}), never))
        assert [c.verdict for c in line.claims] == [verdict]


def test_texts_of_one_image_in_a_row_are_compared(folder: Path) -> None:
    file = written(folder, GOOD, GOOD | {"id": "2"}, {"id": "3", "text": "dark"})
    first, second, other = task.audit(file, alike)
    assert (first.diversity, second.diversity, other.diversity) == (0, 0, 1)


def test_a_line_without_a_text_parts_none_of_its_image(folder: Path) -> None:
    first, bad, second = task.audit(written(folder, GOOD, {"image": "a.png"}, GOOD), alike)
    assert "has no `text`" in bad.problem
    assert (first.diversity, second.diversity) == (0, 0)


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_is_seen_as_its_exif_turns_it(folder: Path, turn: int) -> None:
    """The mask lies on the picture as people see it, however the camera was held."""
    stored = Image.open(folder / "a.png")
    for back in BACK.get(turn, ()):
        stored = stored.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = turn
    stored.save(folder / "turned.jpg", exif=exif, quality=95)
    line = next(task.audit(written(folder, GOOD | {"image": "turned.jpg"}), never))
    assert line.problem == "" and {c.verdict for c in line.claims} == {"supported"}


T = Image.Transpose
BACK = {
    2: [T.FLIP_LEFT_RIGHT], 3: [T.ROTATE_180], 4: [T.FLIP_TOP_BOTTOM], 5: [T.TRANSPOSE],
    6: [T.ROTATE_90], 7: [T.TRANSVERSE], 8: [T.ROTATE_270],
}  # fmt: skip
"""What makes the stored picture of the upright one, by the number of its turn in EXIF."""


@pytest.mark.parametrize("size", [(10_001, 10_000), (15_000, 13_000)])
def test_a_picture_that_is_too_large_is_told_by_its_header(folder: Path, size: tuple[int, int]) -> None:
    Image.new("1", size).save(folder / "huge.png")
    line = next(task.audit(written(folder, GOOD | {"image": "huge.png", "mask": ""}), never))
    assert line.problem == "huge.png: is too large; reduce it to at most 100,000,000 pixels"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("not json", "is not JSON"),
        ("[1]", "is not a JSON object"),
        ({"id": "x"}, "has no `text`"),
        ({"text": " "}, "has no `text`"),
        ({"text": 5}, "has no `text`"),
        ({"text": "dark", "image": 5}, "has a `image` that is no text"),
        ({"text": "x" * 20_001}, "more than 20,000 characters"),
        ("[" * 100_000, "is not JSON"),
        (b'{"text": "d\xfcnn"}', "is not UTF-8"),
    ],
)
def test_lines_that_cannot_be_read_are_told_and_the_others_go_on(folder: Path, bad: object, reason: str) -> None:
    first, second = task.audit(written(folder, bad, GOOD), never)
    assert reason in first.problem
    assert first.score is None
    assert second.score is not None


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"image": "none.png"}, "none.png: no such file"),
        ({"mask": "none.png"}, "none.png: no such file"),
        ({"image": "none.png", "mask": ""}, "none.png: no such file"),
        ({"mask": "short.png"}, "a.png: the mask is 160x50 pixels, its picture 160x120"),
        ({"image": "broken.png"}, "broken.png: cannot be read as a picture"),
        ({"image": "."}, ".: is a folder"),
        ({"mask": "empty.png"}, "empty.png: marks nothing; leave `mask` out"),
        ({"image": "a\x00b"}, "no such file"),
        ({"image": "/dev/zero"}, "/dev/zero: no such file"),
        ({"image": "a" * 5000}, "cannot be read (File name too long)"),
        ({"image": ""}, "has a mask but no image"),
    ],
)
def test_without_a_usable_image_the_text_is_scored_all_the_same(
    folder: Path, files: dict[str, str], reason: str
) -> None:
    line = next(task.audit(written(folder, GOOD | files), never))
    assert reason in line.problem
    assert line.score is not None
    assert {c.verdict for c in line.claims if c.dimension != "type"} == {"uncheckable"}


def test_an_empty_mask_is_right_where_there_is_no_defect(folder: Path) -> None:
    line = next(task.audit(written(folder, GOOD | {"mask": "empty.png", "class": "none"}), never))
    assert line.problem == ""
    assert {c.dimension for c in line.claims if c.verdict == "contradicted"} == {"type"}


def test_a_class_that_is_not_known_is_told(folder: Path) -> None:
    line = next(task.audit(written(folder, GOOD | {"class": "flurb"}), never))
    assert line.problem == "class flurb is unknown, so type and depth cannot be checked; name it otherwise"
    assert {c.verdict for c in line.claims if c.dimension == "type"} == {"uncheckable"}
    assert "supported" in {c.verdict for c in line.claims}


def test_another_language_is_told(folder: Path) -> None:
    line = next(task.audit(written(folder, {"text": "Ein dünner, dunkler Kratzer liegt oben links."}), never))
    assert line.problem == "does not look English, so the bits and claims are not to be relied on; translate it"


@pytest.mark.parametrize("known", [7, "7", None, 1.5, {"a": [1]}, True])
def test_an_id_comes_back_as_it_was(folder: Path, known: object) -> None:
    good, bad = task.audit(written(folder, GOOD | {"id": known}, {"id": known}), never)
    assert [good.row()["id"], bad.row()["id"]] == [known, known]


def test_halves_of_surrogate_pairs_are_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Broken writers leave them; neither the sentence encoder nor a terminal takes any."""
    halves = [{"id": "\ud83d", "image": "\udc00", "text": f"A dark dent \ud83d of {n} mm."} for n in range(2)]
    assert [line.id for line in task.audit(written(folder, *halves), alike)] == ["?", "?"]
    whole = next(task.audit(written(folder, {"id": "\U0001f4a5", "text": "dark"}), never))
    assert whole.id == "\U0001f4a5"
    with pytest.raises(SystemExit) as ended:
        cli.main(["captions", "audit", str(written(folder, *halves)), "--json"])
    assert ended.value.code in (0, None) and '"id": "?"' in capsys.readouterr().out


def test_many_lines_come_in_their_order_and_only_neighbours_are_compared(folder: Path) -> None:
    lines = [{"id": n // 2, "text": f"A dent of {n} mm."} for n in range(2 * task.AT_ONCE + 3)]
    found = list(task.audit(written(folder, *lines, "not json"), alike))
    assert [f.line for f in found] == list(range(1, len(lines) + 2))
    assert [f.diversity for f in found] == [0.0] * (len(lines) - 1) + [1.0] * 2


def test_marks_and_ends_of_other_systems(folder: Path) -> None:
    file = folder / "captions.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + b"\r\n".join(json.dumps(GOOD | {"id": n}).encode() for n in range(2)))
    assert [(f.id, f.problem) for f in task.audit(file, alike)] == [(0, ""), (1, "")]


def test_a_stream_is_read_as_well(folder: Path) -> None:
    pipe = folder / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=lambda: pipe.write_text(json.dumps(GOOD)), daemon=True).start()
    assert [line.id for line in task.audit(pipe, never)] == ["1"]


def test_missing_and_empty_files_are_wrong_calls(folder: Path) -> None:
    with pytest.raises(CallError, match="no such file"):
        next(task.audit(folder / "none.jsonl", never))
    with pytest.raises(CallError, match="is a folder"):
        next(task.audit(folder, never))
    with pytest.raises(CallError, match="holds no line"):
        next(task.audit(written(folder, "", " "), never))


def test_the_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(written(folder, GOOD, "not json"))
    with pytest.raises(SystemExit) as ended:
        cli.main(["captions", "audit", file, "--json"])
    out, err = capsys.readouterr()
    first, second = (json.loads(row) for row in out.splitlines())
    assert ended.value.code in (0, None)
    assert {first[d] for d in ("shape", "size", "depth", "location", "contrast")} <= {0, 1}
    assert {"dimension", "said", "claimed", "verdict", "measured"} == set(first["claims"][0])
    assert "is not JSON" in second["problem"]
    assert "2 lines, 1 scored" in err
    with pytest.raises(SystemExit) as ended:
        cli.main(["captions", "audit", file])
    assert "1 with a problem" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        cli.main(["captions", "audit", str(folder / "none.jsonl")])
    assert ended.value.code == 2
