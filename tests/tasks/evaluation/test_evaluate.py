"""`evaluate` on a small release: a stand-in model with faults, files of answers, what is kept, and what it costs."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from annotation.asking.ask import OverBudget
from annotation.asking.ledger import Ledger
from flows import cli
from schemas.errors import CallError, DefectoryError, WorkerError
from tasks.evaluation import exam, interview
from tasks.evaluation.evaluate import Result, evaluate, from_file, plain
from tasks.release import checksums
from tasks.release.export import release
from tests import factory
from tests.annotation.models.standin import Reply, Script, gemini_answer, openai_answer, openai_error, standin

pytestmark = pytest.mark.whole

GOOD = "<think>Look.</think>\n<answer><q1>Yes</q1><q2>hole</q2><q3>cup</q3><q4>[[0.20, 0.80]]</q4></answer>"
BUDGET = 5.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 clips of 7 objects; standard puts 4 of them in test. A defect is seen from 0.2 s to 0.8 s of a clip's 1 s."""
    return release(factory.build(tmp_path_factory.mktemp("evaluate") / "ws"), factory.recipe()).path


@pytest.fixture
def folder(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
    monkeypatch.setenv("GEMINI_API_KEY", "sk-secret-0123456789")
    monkeypatch.setattr("annotation.asking.ask.BACKOFF_S", 0.001)
    return Path(shutil.copytree(made, tmp_path / made.name))


def items(folder: Path, split: str = "train") -> list[exam.Item]:
    return exam.of(folder, "standard", split).items


def asked(folder: Path, script: Script, **options: Any) -> tuple[Result, list[dict[str, Any]]]:
    """The train split of `standard`, for it has most clips."""
    with standin(script) as server:
        wanted = {"model": "openai:gpt-4o", "split": "train", "split_protocol": "standard", "budget_usd": BUDGET}
        return evaluate(folder, "mmviad", base_url=server.url, **{**wanted, **options}), server.requests


def always(text: str) -> Script:
    return lambda n, body: Reply(openai_answer(text))


def right(item: exam.Item) -> str:
    """The answer that is right in everything."""
    said = {**item.truth, "q4": json.dumps(item.truth["q4"])}
    return "<answer>" + "".join(f"<{k}>{v}</{k}>" for k, v in said.items()) + "</answer>"


def write(file: Path, answers: dict[str, str], **more: Any) -> Path:
    file.write_text("".join(json.dumps({"sample": s, "answer": a, **more}) + "\n" for s, a in answers.items()))
    return file


def shares(result: Result) -> dict[str, float]:
    return {k: round(s.score, 6) for k, s in result.scores.questions.items()}


def test_right_answers_get_everything(folder: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "vista.jsonl", {i.sample: right(i) for i in items(folder)})
    result = evaluate(folder, "mmviad", split="train", split_protocol="standard", answers=file)
    assert shares(result) == dict.fromkeys(("q1", "q2", "q3", "q4"), 1.0)
    assert (result.scores.mean.score, result.model, result.object_group) == (1.0, "vista", 1.0)
    assert all(s.mean.score == 1 for values in result.by.values() for s in values.values())
    assert set(result.by["view"]) == {"half", "never", "no defect"}
    assert sum(s.clips for s in result.by["defect"].values()) == result.scores.clips == 10
    assert result.folder == folder.parent / "evaluations" / "blobs-0.1.0-draft" / "vista" / "main" / "standard-train"
    assert json.loads((result.folder / "scores.json").read_text()) == json.loads(json.dumps(plain(result)))


def test_scores_are_those_counted_by_hand(folder: Path, tmp_path: Path) -> None:
    """Everybody says: a hole in a cup, seen in the last half second."""
    found = items(folder)
    file = write(tmp_path / "x.jsonl", {i.sample: GOOD.replace("0.20, 0.80", "0.5, 1.0") for i in found})
    result = evaluate(folder, "mmviad", split="train", split_protocol="standard", answers=file)
    n = len(found)
    assert shares(result) == {
        "q1": round(sum(i.defect != "none" for i in found) / n, 6),
        "q2": round(sum(i.defect == "hole" for i in found) / n, 6),
        "q3": round(sum(i.object == "cup" for i in found) / n, 6),
        "q4": round(sum(0.3 / 0.8 for i in found if i.truth["q4"]) / n, 6),
    }
    assert result.scores.mean.score == pytest.approx(sum(shares(result).values()) / 4, abs=1e-6)
    assert result.outcomes == {k: {"answered": n, "invalid": 0, "refused": 0} for k in ("q1", "q2", "q3", "q4")}
    assert result.baseline is not None and result.constant["q4"] == ()


def test_what_is_missing_invalid_or_refused_counts_as_wrong(folder: Path, tmp_path: Path) -> None:
    found = items(folder)
    answers = {i.sample: right(i) for i in found[3:]}
    file = write(tmp_path / "x.jsonl", answers)
    with file.open("a") as f:
        f.write(json.dumps({"id": found[0].sample, "text": "I would rather not.", "finish": "refused"}) + "\n\n")
        f.write(json.dumps({"id": found[1].sample, "text": right(found[1]).replace("<q2>", "<q2>a ")}) + "\n")
    result = evaluate(folder, "mmviad", split="train", split_protocol="standard", answers=file)
    n = len(found)
    assert result.outcomes["q1"] == {"answered": n - 2, "invalid": 1, "refused": 1}
    assert result.outcomes["q2"] == {"answered": n - 3, "invalid": 2, "refused": 1}
    assert shares(result)["q1"] == round((n - 2) / n, 6)
    assert shares(result)["q2"] == round((n - 3) / n, 6)
    assert result.why["there is no answer for this clip"] == [found[2].sample]


def test_a_file_without_an_answer_to_the_split_is_not_scored_as_all_wrong(folder: Path, tmp_path: Path) -> None:
    others = {i.sample: right(i) for i in items(folder, "train")}
    for name, answers in (("empty", {}), ("others", others)):
        file = write(tmp_path / f"{name}.jsonl", answers)
        with pytest.raises(CallError, match=rf"{name}.jsonl: has no answer to any of the \d+ clips of standard test"):
            evaluate(folder, "mmviad", split_protocol="standard", answers=file)


def test_a_model_with_faults_on_the_way(folder: Path) -> None:
    """429, 500, a dropped connection and a body cut short are asked again; a refusal, garbage and a 400 are answers."""
    faults = {
        0: Reply(openai_error("slow down"), 429, {"retry-after": "0"}), 1: Reply({}, 500), 2: Reply(drop=True),
        3: Reply(openai_answer(GOOD), cut=20), 5: Reply(openai_answer(None, refusal="No.")),
        6: Reply(openai_answer("It has a hole.")), 7: Reply(openai_error("too many images"), 400),
    }  # fmt: skip
    script: Script = lambda n, body: faults.get(n, Reply(openai_answer(GOOD)))  # noqa: E731
    result, requests = asked(folder, script)
    n = len(items(folder))
    assert len(requests) == n + 4
    assert result.outcomes["q1"] == {"answered": n - 3, "invalid": 1, "refused": 2}
    assert set(result.why) == {
        "there is no <answer>", "the model refused", "openai gpt-4o: refused this request (400); try another model",
    }  # fmt: skip
    kept = [json.loads(line) for line in (result.folder / "answers.jsonl").read_text().splitlines()]
    assert {k["sample"] for k in kept} == {i.sample for i in items(folder)}
    assert sum(k["answer"] == GOOD for k in kept) == n - 3, "as it was said, line breaks and all"
    assert result.cost_usd == pytest.approx((n - 1) * (900 * 2.5 + 40 * 10) / 1e6, abs=1e-6)


def test_nobody_is_asked_twice_and_scoring_again_needs_no_key(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with standin(always(GOOD)) as server:
        options: dict[str, Any] = {"model": "openai:gpt-4o", "split_protocol": "standard", "base_url": server.url}
        first = evaluate(folder, "mmviad", budget_usd=BUDGET, **options)
        asked = len(server.requests)
        monkeypatch.delenv("OPENAI_API_KEY")
        assert evaluate(folder, "mmviad", **options) == first
        assert scored_again(folder, first).scores == first.scores
        monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-0123456789")
        journal = first.folder / "journal.jsonl"
        whole = journal.read_bytes()
        journal.write_bytes(whole[:-30])  # a line that a crash cut short: the ledger has the answer
        assert evaluate(folder, "mmviad", **options) == first
        assert len(server.requests) == asked == len(items(folder, "test"))
        assert sorted(map(json.loads, journal.read_bytes().split(b"\n")[-2:-1]), key=str)
        assert len(interview.Journal(journal).read()) == asked
        assert scored_again(folder, first).scores == first.scores


def scored_again(folder: Path, result: Result) -> Result:
    """From the answers that lie beside the scores."""
    options: dict[str, Any] = {"split": result.split, "split_protocol": result.split_protocol}
    return evaluate(folder, "mmviad", answers=result.folder / "answers.jsonl", out=folder.parent / "again", **options)


def test_what_is_asked_otherwise_is_kept_apart(folder: Path) -> None:
    def mean(result: Result) -> float:
        return result.scores.mean.score

    with standin(lambda n, body: Reply(openai_answer(GOOD if body["temperature"] else "No idea."))) as server:
        options: dict[str, Any] = {"model": "openai:gpt-4o", "split_protocol": "standard", "base_url": server.url}
        cold, warm = (evaluate(folder, "mmviad", temperature=t, budget_usd=BUDGET, **options) for t in (0.0, 0.7))
    assert mean(cold) == 0 < mean(warm)
    for result in (cold, warm):
        assert json.loads((result.folder / "scores.json").read_text())["asked"] == result.asked
        assert mean(scored_again(folder, result)) == mean(result)


def test_the_answers_that_are_kept_are_those_to_the_draft_as_it_is_now(folder: Path) -> None:
    with standin(always(GOOD)) as server:
        options: dict[str, Any] = {"model": "openai:gpt-4o", "base_url": server.url, "budget_usd": BUDGET}
        first = evaluate(folder, "mmviad", split_protocol="standard", **options)
        file = folder / "manifest" / "media.parquet"  # made anew: the same clips by name, with other pictures
        table = pq.read_table(file)
        ids = pa.array([id[::-1] for id in table["id"].to_pylist()])
        pq.write_table(table.set_column(table.schema.get_field_index("id"), table.schema.field("id"), ids), file)
        second = evaluate(folder, "mmviad", split_protocol="standard", **options)
    assert second.folder == first.folder
    assert len(interview.Journal(second.folder / "journal.jsonl").read()) == 2 * second.scores.clips
    assert scored_again(folder, second).scores == second.scores


def test_frames_are_sent_in_order_and_reduced(folder: Path) -> None:
    _, requests = asked(folder, always(GOOD), limit=1)
    (body,) = requests
    text, *pictures = body["messages"][1]["content"]
    assert len(pictures) == 10  # all frames of a clip of ten
    assert "These 10 pictures are frames" in text["text"] and "at 0.00, 0.10, 0.20," in text["text"]
    assert "Write one of: crack, scratch, concavity, bulge, broken, hole, none." in text["text"]
    assert all(p["image_url"]["url"].startswith("data:image/jpeg;base64,") for p in pictures)
    assert (body["temperature"], body["max_tokens"]) == (0.0, interview.MAX_TOKENS)


def test_a_model_that_takes_no_temperature(folder: Path) -> None:
    result, (body,) = asked(folder, always(GOOD), limit=1, temperature=None, max_tokens=9000)
    assert "temperature" not in body and body["max_tokens"] == 9000
    assert result.asked == {"pictures": 32, "longest_side": 768, "temperature": None, "max_tokens": 9000}


@pytest.mark.parametrize(
    ("prompt", "says", "count"),
    [("structured", "<segment_perception>", 10), ("image", "seen in this picture", 1), ("main", "<think>", 10)],
)
def test_prompts(folder: Path, prompt: str, says: str, count: int) -> None:
    answer = "<global_perception>a</global_perception><segment_perception>b</segment_perception><think>c</think>"
    answer += "<answer><q1>Yes</q1></answer>" if prompt == "image" else GOOD[GOOD.index("<answer>") :]
    result, requests = asked(folder, always(answer), prompt=prompt)
    content = requests[0]["messages"][1]["content"]
    assert says in content[0]["text"]
    assert len(content) == 1 + count
    assert set(result.scores.questions) == ({"q1"} if prompt == "image" else {"q1", "q2", "q3", "q4"})
    if prompt == "image":  # the middle frame shows the defect in the clips in which it is seen at all
        seen = sum(bool(i.truth["q4"]) for i in items(folder))
        assert shares(result)["q1"] == round(seen / len(items(folder)), 6)


def test_gemini_is_asked_the_same(folder: Path) -> None:
    result, requests = asked(folder, lambda n, body: Reply(gemini_answer(GOOD)), model="gemini:gemini-2.5-flash")
    assert result.outcomes["q1"]["answered"] == len(items(folder))
    assert len(requests[0]["contents"][0]["parts"]) == 11


def test_without_a_budget_nobody_is_asked_and_the_cost_is_said(folder: Path) -> None:
    lines: list[str] = []
    with standin(always(GOOD)) as server:
        options: dict[str, Any] = {"model": "openai:gpt-4o", "base_url": server.url, "split_protocol": "standard"}
        with pytest.raises(
            OverBudget, match=r"--budget-usd 0: openai:gpt-4o has 4 clips left .* at most (0\.\d\d) USD; "
        ):
            evaluate(folder, "mmviad", **options, say=lines.append)
        assert not server.requests
        found = exam.of(folder, "standard", "test").items
        worst = interview.at_most(
            found, interview.Examinee("openai", "gpt-4o", "main"), interview.price("openai", "gpt-4o")
        )
        assert f"4 clips to ask about, for at most {worst:.2f} USD" in lines[-1]
        with pytest.raises(OverBudget, match=r"[1-3] clips left .* allow it with --budget-usd 0\.\d\d and run"):
            evaluate(folder, "mmviad", **options, budget_usd=worst / 2)
        some = len(server.requests)
        assert 0 < some < 4
        evaluate(folder, "mmviad", **options, budget_usd=worst)
        assert len(server.requests) == 4


def test_a_service_that_stays_away_is_given_up_and_what_is_there_is_kept(folder: Path) -> None:
    down = threading.Event()

    def script(n: int, body: dict[str, Any]) -> Reply:
        return Reply({}, 503) if down.is_set() else Reply(openai_answer(GOOD))

    with standin(script) as server:
        options: dict[str, Any] = {
            "model": "openai:gpt-4o", "base_url": server.url, "split_protocol": "standard", "budget_usd": BUDGET,
        }  # fmt: skip
        evaluate(folder, "mmviad", **options, limit=2)
        down.set()
        with pytest.raises(WorkerError, match=r"503.* 2 of 2 clips are without an answer; run the same command again"):
            evaluate(folder, "mmviad", **options)
        assert len(server.requests) == 2 + 2 * 5
        down.clear()
        assert evaluate(folder, "mmviad", **options).scores.clips == 4
        assert len(server.requests) == 2 + 2 * 5 + 2


def test_a_full_disk_costs_no_answer_that_is_under_way(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The journal takes no more; what is asked already comes into the ledger, and is not asked for again."""

    def full(journal: interview.Journal, entry: interview.Entry) -> None:
        raise OSError("no space left")

    def script(n: int, body: dict[str, Any]) -> Reply:
        return Reply(openai_answer(GOOD), delay_s=0.2 if n else 0.0)

    with standin(script) as server:
        options: dict[str, Any] = {
            "model": "openai:gpt-4o", "base_url": server.url, "split_protocol": "standard", "budget_usd": BUDGET,
        }  # fmt: skip
        with monkeypatch.context() as broken:
            broken.setattr(interview.Journal, "add", full)
            with pytest.raises(OSError, match="no space left"):
                evaluate(folder, "mmviad", **options)
        some = len(server.requests)
        assert evaluate(folder, "mmviad", **options).scores.clips == 4
        assert some > 1 and len(server.requests) == 4


def test_a_killed_run_goes_on_where_it_was(folder: Path, tmp_path: Path) -> None:
    def slow(n: int, body: dict[str, Any]) -> Reply:
        return Reply(openai_answer(GOOD), delay_s=0.0 if n < 3 else 60.0 if n < 10 else 0.0)

    with standin(slow) as server:
        command = [
            str(Path(sys.executable).parent / "defectory"), "evaluate", str(folder), "--protocol", "mmviad", "--model",
            "openai:gpt-4o", "--base-url", server.url, "--split", "train", "--split-protocol", "standard",
            "--budget-usd", "5", "--json",
        ]  # fmt: skip
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, start_new_session=True, **quiet)
        deadline = time.monotonic() + 60
        while len(list(tmp_path.rglob("journal.jsonl"))) == 0 or len(server.requests) < 10:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
        (journal,) = tmp_path.rglob("journal.jsonl")
        while journal.read_bytes().count(b"\n") < 3:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert len(interview.Journal(journal).read()) == 3
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
        assert json.loads(done.stdout)["outcomes"]["q1"]["answered"] == 10
        assert len(server.requests) == 10 + 7, "the three answers that were there were not asked for again"
    spending = Ledger(f"sqlite:///{folder.parent / 'evaluations' / 'ledger.sqlite'}").spending()
    assert spending.answers == 10 and spending.reserved == 0
    assert spending.lost > 0, "what was under way may have been billed"


def test_a_limit_is_a_sample_that_is_part_of_larger_ones(folder: Path, tmp_path: Path) -> None:
    file = write(tmp_path / "x.jsonl", {i.sample: right(i) for i in items(folder)})

    def clips(limit: int | None) -> int:
        wanted: dict[str, Any] = {"split": "train", "split_protocol": "standard", "limit": limit}
        result = evaluate(folder, "mmviad", answers=file, out=tmp_path / "out", **wanted)
        assert result.scores.mean.score == 1
        return result.scores.clips

    assert [clips(n) for n in (1, 4, 99, None)] == [1, 4, 10, 10]
    five, six = (asked(folder, always(GOOD), limit=n)[0].folder for n in (5, 6))
    assert five != six, "another server: other answers"


def test_the_release_stays_as_it_was(folder: Path) -> None:
    asked(folder, always(GOOD))
    assert not list(checksums.problems(folder, checksums.read(folder)))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"model": "measured"}, "--model measured: .* cannot answer questions about a video; name openai:NAME"),
        ({"model": "llama"}, "--model llama: write it as PROVIDER:NAME"),
        ({}, "--model : write it as PROVIDER:NAME, .* or give --answers FILE"),
        ({"model": "openai:gpt-4o", "prompt": "long"}, "--prompt long: not known; there are main, structured, image"),
        ({"model": "openai:x", "base_url": "http://me:pw@h"}, "--base-url: holds a user, .* read from OPENAI_API_KEY"),
        ({"model": "openai:gpt-4o", "limit": 0}, "--limit 0: ask about one clip at least"),
        ({"model": "openai:gpt-4o", "split": "val"}, "has no split val of protocol grouped; there are grouped: test"),
        ({"model": "openai:gpt-4o", "split_protocol": "x"}, "has no split test of protocol x; there are"),
        ({"model": "openai:gpt-4o", "out": "inside"}, "lies in the release, which is frozen"),
        ({"answers": "none.jsonl"}, r"none.jsonl: cannot be read .* give a JSONL file"),
    ],
)
def test_wrong_calls(folder: Path, options: dict[str, Any], says: str) -> None:
    places = {k: folder / v for k, v in options.items() if k in ("out", "answers")}
    with pytest.raises(CallError, match=says):
        evaluate(folder, "mmviad", **{**options, **places})


def test_wrong_protocol_and_folder(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="--protocol steel: not known; there is mmviad"):
        evaluate(folder, "steel", model="openai:gpt-4o")
    with pytest.raises(CallError, match="no release, it has no manifest/; give the folder"):
        evaluate(tmp_path, "mmviad", model="openai:gpt-4o")


def test_a_release_of_images_has_nothing_to_ask(folder: Path) -> None:
    file = folder / "manifest" / "qa.parquet"
    pq.write_table(pq.read_table(file).slice(0, 0), file)
    with pytest.raises(CallError, match="holds no questions to ask, as releases of clips do"):
        evaluate(folder, "mmviad", model="openai:gpt-4o")


def damage_a_clip(folder: Path) -> str:
    clip = items(folder)[0].clip
    clip.write_bytes(clip.read_bytes()[:200])
    return f"{clip.name}: "


def damage_a_table(folder: Path) -> str:
    (folder / "manifest" / "qa.parquet").write_bytes(b"no table")
    return "cannot be read as a release .* `defectory verify` says what"


def lead_out_of_the_release(folder: Path) -> str:
    file = folder / "manifest" / "media.parquet"
    table = pq.read_table(file)
    paths = pa.array([f"../elsewhere/{path}" for path in table["path"].to_pylist()])
    pq.write_table(table.set_column(table.schema.get_field_index("path"), table.schema.field("path"), paths), file)
    return "leads out of the release"


def test_a_release_that_calls_itself_a_path_is_written_about_beside_it(folder: Path, tmp_path: Path) -> None:
    file = folder / "manifest" / "samples.parquet"
    table = pq.read_table(file)
    about = {**table.schema.metadata, b"defectory.dataset": str(tmp_path / "elsewhere" / "x").encode()}
    pq.write_table(table.replace_schema_metadata(about), file)
    answers = write(tmp_path / "x.jsonl", {i.sample: GOOD for i in items(folder, "test")})
    result = evaluate(folder, "mmviad", split_protocol="standard", answers=answers)
    assert result.folder.is_relative_to(folder.parent / "evaluations")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("damage", [damage_a_clip, damage_a_table, lead_out_of_the_release])
def test_a_damaged_release_is_named_and_no_model_is_blamed(folder: Path, damage: Callable[[Path], str]) -> None:
    says = damage(folder)
    with pytest.raises(DefectoryError, match=says):
        asked(folder, always(GOOD))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("no json", "x.jsonl:1: not an answer; write"),
        ("[]", "x.jsonl:1: not an answer; write"),
        ('{"sample": "a"}', "x.jsonl:1: not an answer; write"),
        ('{"sample": "a", "answer": null}', "x.jsonl:1: `sample`, `answer` and `finish` are texts"),
        ('{"sample": 3, "answer": "x"}', "x.jsonl:1: `sample`, `answer` and `finish` are texts"),
        ('{"sample": "z", "answer": "x"}', "x.jsonl:1: the release has no clip 'z'"),
        ('\n{"id": "a", "text": "x"}\n{"id": "a", "text": "x"}', "x.jsonl:3: a second answer for a; leave one"),
    ],
)
def test_broken_files_of_answers(tmp_path: Path, line: str, says: str) -> None:
    (tmp_path / "x.jsonl").write_text(line)
    with pytest.raises(CallError, match=says):
        from_file(tmp_path / "x.jsonl", {"a"}, {"b"}, "m", "main")


def test_answers_to_clips_of_other_splits_are_passed_over(tmp_path: Path) -> None:
    file = write(tmp_path / "x.jsonl", {"a": GOOD, "b": GOOD})
    assert from_file(file, {"a"}, {"b"}, "m", "main").keys() == {"a"}


def test_the_command(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = write(tmp_path / "vista.jsonl", {i.sample: right(i) for i in items(folder, "test")})
    call = ["evaluate", str(folder), "--protocol", "mmviad", "--answers", str(file), "--split-protocol", "standard"]
    with pytest.raises(SystemExit) as ended:
        cli.main(call)
    out, err = capsys.readouterr()
    assert ended.value.code in (0, None)
    assert "vista on blobs-0.1.0-draft, standard test, prompt main: 4 clips of" in out
    assert "has answers for 4 of 4 clips" in err
    with pytest.raises(SystemExit):
        cli.main([*call, "--json"])
    assert json.loads(capsys.readouterr().out)["scores"]["mean"]["score"] == 1.0
