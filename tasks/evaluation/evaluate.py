"""Scores of a video language model on a release (MMVIAD, section 4): asked now, or from a file of answers."""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from annotation.answers import OUTCOMES, Reply, grade, read, refused
from annotation.asking import ledger
from annotation.models.providers import DEFAULT_MODELS
from annotation.scores import LEVEL, Scores, score
from schemas.addresses import secretive
from schemas.digests import digest
from schemas.errors import CallError
from tasks.evaluation import exam, interview
from tasks.evaluation.exam import Exam, Item
from tasks.evaluation.interview import FRAMES, MAX_TOKENS, TEMPERATURE, Entry, Examinee, Journal
from tasks.files import sha256_file
from tasks.workspace import write_atomic

PROTOCOLS = ("mmviad",)
FACETS: dict[str, Callable[[Item], str]] = {
    "defect": lambda item: item.defect,
    "view": lambda item: item.view,
    "object_group": lambda item: item.object_group,
}
"""What scores are broken down by."""
NO_ANSWER = "there is no answer for this clip"


@dataclass(frozen=True)
class Result:
    """All that `scores.json` says. Scores and shares are in [0, 1]."""

    protocol: str
    release: str
    split_protocol: str
    split: str
    model: str
    prompt: str
    scores: Scores
    outcomes: dict[str, dict[str, int]]
    """Question -> answered, invalid, refused -> clips."""
    object_group: float | None
    """Share of the clips whose semantic group the answer to q3 got right, whatever the category."""
    by: dict[str, dict[str, Scores]]
    """Facet -> value -> scores."""
    baseline: Scores | None
    """Of the best answers that look at nothing, learned from train; None where there is no train split."""
    constant: dict[str, Any]
    """Those answers; for q4, None stands for the whole clip."""
    why: dict[str, list[str]]
    """Reasons for answers that could not be read, or were refused, and the clips of each; the commonest first."""
    level: float
    """Of the confidence intervals, whose clusters are object instances."""
    limit: int | None
    versions: list[str]
    """What the model calls itself."""
    cost_usd: float
    asked: dict[str, float | None]
    """How the model was asked; empty for a file of answers."""
    answers: str
    """Hash of the file of answers."""
    folder: Path = field(compare=False)


def evaluate(
    release: Path,
    protocol: str,
    *,
    model: str | None = None,
    split: str = "test",
    split_protocol: str | None = None,
    prompt: str = "main",
    limit: int | None = None,
    answers: Path | None = None,
    out: Path | None = None,
    budget_usd: float = 0.0,
    base_url: str = "",
    temperature: float | None = TEMPERATURE,
    max_tokens: int = MAX_TOKENS,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """Ask `model` (PROVIDER:NAME) about a split, or score `answers`; write scores.json, and what was scored beside it.

    They go to `out`, or beside the release to evaluations/<release>/<model>/<prompt and settings>/<protocol>-<split>/.
    Raises CallError for a wrong call, and what `exam.of` and `interview.interview` raise.
    """
    if protocol not in PROTOCOLS:
        raise CallError(f"--protocol {protocol}: not known; there is {', '.join(PROTOCOLS)}")
    if prompt not in FRAMES:
        raise CallError(f"--prompt {prompt}: not known; there are {', '.join(FRAMES)}")
    if limit is not None and limit < 1:
        raise CallError(f"--limit {limit}: ask about one clip at least")
    if secretive(base_url):
        raise CallError(
            "--base-url: holds a user, a password or a key; take it out: the key is read from OPENAI_API_KEY or "
            "GEMINI_API_KEY in the environment"
        )
    who = None if answers else _examinee(model, prompt, base_url, temperature, max_tokens)
    taken = _limited(exam.of(release, split_protocol, split), limit, prompt)
    name = who.name if who else model or (answers.stem if answers else "")
    folder, book = _places(release, out, taken, name, f"{prompt}-{who.settings_digest}" if who else prompt)
    if who:
        journal = Journal(folder / "journal.jsonl")
        interview.interview(taken.items, who, journal, ledger.url(book), budget_usd, say)
        known = journal.read()
        entries = {i.sample: known[interview.key(i, who)] for i in taken.items}
        file = folder / "answers.jsonl"
        write_atomic(file, "".join(interview.line(entry) for entry in entries.values()))
    else:
        assert answers is not None
        file = answers
        entries = from_file(answers, {i.sample for i in taken.items}, _others(release, taken), name, prompt)
        if not entries:
            raise CallError(
                f"--answers {answers}: has no answer to any of the {len(taken.items)} clips of {taken.protocol} "
                f"{taken.split}; name another split, or give answers to these"
            )
        missing = len(taken.items) - len(entries)
        rest = f"; those without one count as invalid: {missing}" if missing else ""
        say(f"{answers.name}: has answers for {len(entries)} of {len(taken.items)} clips{rest}")
    result = scored(release, taken, entries, name, prompt, limit, who.settings if who else {}, file, folder)
    write_atomic(folder / "scores.json", json.dumps(plain(result), indent=1) + "\n")
    return result


def plain(result: Result) -> dict[str, Any]:
    """For JSON; without the folder, so that equal answers give equal bytes wherever they lie."""
    values = asdict(result)
    del values["folder"]
    return values


def _examinee(model: str | None, prompt: str, base_url: str, temperature: float | None, max_tokens: int) -> Examinee:
    provider, _, name = (model or "").partition(":")
    if provider not in DEFAULT_MODELS:
        raise CallError(
            f"--model {model or ''}: write it as PROVIDER:NAME, such as openai:gpt-4o or gemini:gemini-2.5-flash (an "
            "OpenAI-compatible server of your own with --base-url), or give --answers FILE"
        )
    if provider == "measured":
        raise CallError(
            "--model measured: it describes pictures by measuring them and cannot answer questions about a video; "
            "name openai:NAME or gemini:NAME, or score a file with --answers"
        )
    return Examinee(provider, name or DEFAULT_MODELS[provider], prompt, base_url, temperature, max_tokens)


def _limited(taken: Exam, limit: int | None, prompt: str) -> Exam:
    """The first `limit` clips by the hash of their ids: a sample of the split, part of every larger one."""
    items = sorted(taken.items, key=lambda i: digest(i.sample))[:limit]
    items.sort(key=lambda i: i.sample)
    return Exam(taken.release, taken.protocol, taken.split, _as_asked(items, prompt))


def _as_asked(items: list[Item], prompt: str) -> list[Item]:
    return [exam.as_image(i) for i in items] if prompt == "image" else items


def _places(release: Path, out: Path | None, taken: Exam, name: str, how: str) -> tuple[Path, Path]:
    """The folder for the results, and the one that has the ledger. Raises CallError for one inside the release."""
    root = release.resolve()
    book = out.resolve() if out else root.parent / "evaluations"
    parts = (taken.release, name, how, f"{taken.protocol}-{taken.split}")
    folder = book if out else book.joinpath(*map(_plain_name, parts))
    if folder.is_relative_to(root):
        raise CallError(f"--out {out}: lies in the release, which is frozen; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    return folder, book


def _plain_name(text: str) -> str:
    """A folder's name for any text: what a release says of itself leads nowhere else."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-") or "unnamed"


def _others(release: Path, taken: Exam) -> set[str]:
    """Ids of all clips of the release: a file of answers may hold more than the split that is scored."""
    return {s.id for s in exam.samples(release)} - {i.sample for i in taken.items}


def from_file(file: Path, wanted: set[str], others: set[str], model: str, prompt: str) -> dict[str, Entry]:
    """Answers by sample from JSONL: `sample` (or `id`), `answer` (or `text`), and `finish: refused` where it was.

    Answers to `others` are passed over. Raises CallError, with the line, for what is no such file, for a clip that
    the release does not have, and for two answers to one clip.
    """
    found: dict[str, Entry] = {}
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except OSError as e:
        raise CallError(f"--answers {file}: cannot be read ({e.strerror}); give a JSONL file") from None
    except UnicodeDecodeError:
        raise CallError(f"--answers {file}: is not UTF-8; give a JSONL file") from None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        where = f"{file.name}:{number}"
        try:
            said = json.loads(line)
            sample = said["sample"] if "sample" in said else said["id"]
            text = said["answer"] if "answer" in said else said["text"]
            finish = said.get("finish", "stop")
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise CallError(f'{where}: not an answer; write {{"sample": ID, "answer": TEXT}}') from None
        if not (isinstance(sample, str) and isinstance(text, str) and isinstance(finish, str)):
            raise CallError(f"{where}: `sample`, `answer` and `finish` are texts")
        if sample in others:
            continue
        if sample not in wanted:
            raise CallError(f"{where}: the release has no clip {sample!r:.60}; take the line out, or name its release")
        if sample in found:
            raise CallError(f"{where}: a second answer for {sample}; leave one")
        found[sample] = Entry(
            sample, "", model, prompt, text, finish, str(said.get("version", "")), cost_usd=_cost(said.get("cost_usd"))
        )
    return found


def _cost(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def replies(item: Item, entry: Entry | None) -> dict[str, Reply]:
    if entry is None:
        return dict.fromkeys(item.sheet.keys, Reply("invalid", None, NO_ANSWER))
    if entry.finish in ("refused", "unanswerable"):
        return refused(item.sheet, entry.note or "the model refused")
    return read(entry.answer, item.sheet)


def scored(
    release: Path,
    taken: Exam,
    entries: dict[str, Entry],
    model: str,
    prompt: str,
    limit: int | None,
    asked: dict[str, float | None],
    file: Path,
    folder: Path,
) -> Result:
    """The entries (answers by sample) read and graded; `file` is where they are from."""
    items = taken.items
    keys = items[0].sheet.keys
    said = [replies(i, entries.get(i.sample)) for i in items]
    grades = np.array([[grade(k, r[k], i.truth[k]) for k in keys] for i, r in zip(items, said, strict=True)])
    train = _train(release, taken, prompt)
    group_of = {i.object: i.object_group for i in (*items, *train)}
    reasons = defaultdict(list)
    for item, each in zip(items, said, strict=True):
        for why in dict.fromkeys(r.why for r in each.values() if r.why):
            reasons[why].append(item.sample)
    return Result(
        protocol=PROTOCOLS[0],
        release=taken.release,
        split_protocol=taken.protocol,
        split=taken.split,
        model=model,
        prompt=prompt,
        scores=_scores(items, grades),
        outcomes={k: {o: sum(r[k].outcome == o for r in said) for o in OUTCOMES} for k in keys},
        object_group=(
            float(np.mean([group_of.get(r["q3"].value) == i.object_group for i, r in zip(items, said, strict=True)]))
            if "q3" in keys
            else None
        ),
        by={facet: _by(items, grades, value) for facet, value in FACETS.items()},
        baseline=_scores(items, exam.baseline(train, items)) if train else None,
        constant=exam.constant(train) if train else {},
        why=dict(sorted(reasons.items(), key=lambda entry: (-len(entry[1]), entry[0]))),
        level=LEVEL,
        limit=limit,
        versions=sorted({e.version for e in entries.values() if e.version}),
        cost_usd=round(sum(e.cost_usd for e in entries.values()), 6),
        asked=asked,
        answers=sha256_file(file),
        folder=folder,
    )


def _train(release: Path, taken: Exam, prompt: str) -> list[Item]:
    try:
        return _as_asked(exam.of(release, taken.protocol, "train").items, prompt)
    except CallError:  # no such split: then there is no baseline
        return []


def _scores(items: list[Item], grades: np.ndarray) -> Scores:
    return score(grades, [i.instance for i in items], items[0].sheet.keys)


def _by(items: list[Item], grades: np.ndarray, value: Callable[[Item], str]) -> dict[str, Scores]:
    values = np.array([value(i) for i in items])
    return {
        str(v): _scores([i for i, own in zip(items, values == v, strict=True) if own], grades[values == v])
        for v in np.unique(values)
    }
