"""Asking a video language model about the clips of an exam: every answer is paid once and kept as it was said."""

import asyncio
import json
import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from annotation.answers import CHOICES, KEYS
from annotation.asking import ledger
from annotation.asking.ask import Asker, OverBudget
from annotation.asking.database import Url
from annotation.models.prices import FREE, USD, Price, price
from annotation.models.providers import Request, Transient, Unanswerable, opened
from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError, WorkerError
from tasks import video
from tasks.evaluation.exam import Item, sampled
from tasks.pictures import JPEG_QUALITY, LONGEST_SIDE, jpeg

FRAMES = {"main": 32, "structured": 32, "image": 1}
"""Prompt -> pictures per clip; the paper evaluates with 32."""
MAX_TOKENS = 4096
TEMPERATURE = 0.0
CONCURRENT = 8
"""Clips that are asked about at once: bounds the frames in memory, and failures before giving up."""


@dataclass(frozen=True)
class Examinee:
    """Who is asked, and how."""

    provider: str
    model: str
    prompt: str
    """A key of FRAMES."""
    base_url: str = ""
    temperature: float | None = TEMPERATURE
    """None leaves it to the model."""
    max_tokens: int = MAX_TOKENS

    @property
    def name(self) -> str:
        return f"{self.provider}:{self.model}"

    @property
    def settings(self) -> dict[str, float | None]:
        """How it is asked, for the record."""
        return {
            "pictures": FRAMES[self.prompt], "longest_side": LONGEST_SIDE, "temperature": self.temperature,
            "max_tokens": self.max_tokens,
        }  # fmt: skip

    @property
    def settings_digest(self) -> str:
        """Tells apart what the same model says to the same prompt when it is asked otherwise, or on another server."""
        return digest(self.name, self.base_url, self.settings, length=8)


@dataclass(frozen=True)
class Entry:
    """A raw answer. `key` names the question: all that decides the answer is in it."""

    sample: str
    key: str
    model: str
    prompt: str
    answer: str
    finish: str
    """stop, length, refused; or unanswerable: the server would not take the request, `note` says why."""
    version: str = ""
    tokens_in: int | None = None
    tokens_out: int | None = None
    cost_usd: float = 0.0
    note: str = ""


@cache
def text(name: str) -> str:
    return resources.files("annotation").joinpath("prompts", f"evaluate-{name}.txt").read_text(encoding="utf-8").strip()


def request(item: Item, who: Examinee, images: tuple[bytes, ...]) -> Request:
    times = ", ".join(f"{i / item.fps:.2f}" for i in shown(item, who.prompt))
    options = {f"{k}_options": ", ".join(item.sheet.options[k]) for k in CHOICES}
    count = len(shown(item, who.prompt))
    prompt = text(who.prompt).format(
        count=count, seconds=f"{item.sheet.seconds:.2f}", times=times, **options, **{k: item.questions[k] for k in KEYS}
    )
    return Request(
        model=who.model, system=text("system"), prompt=prompt, asks=who.prompt, candidate=0,
        temperature=who.temperature, max_tokens=who.max_tokens, images=images,
    )  # fmt: skip


def shown(item: Item, prompt: str) -> list[int]:
    """Indices of the frames that are shown."""
    return sampled(item.frames, FRAMES[prompt])


def key(item: Item, who: Examinee) -> str:
    """Names the question without decoding the clip, whose bytes decide its frames."""
    asked = request(item, who, ())
    return digest(
        who.provider, who.base_url, asked.model, asked.system, asked.prompt, asked.temperature,
        asked.max_tokens, item.media, shown(item, who.prompt), LONGEST_SIDE, JPEG_QUALITY, length=32,
    )  # fmt: skip


def pictures(item: Item, who: Examinee) -> tuple[bytes, ...]:
    return tuple(jpeg(frame) for frame in video.frames_at(item.clip, shown(item, who.prompt)))


def at_most(items: Iterable[Item], who: Examinee, cost: Price) -> float:
    """USD that asking about `items` cannot exceed if every request is answered at its first try."""
    return sum(cost.at_most(request(i, who, (b"",) * len(shown(i, who.prompt)))) for i in items) / USD


def line(entry: Entry) -> str:
    """An answer as a line of a JSONL file."""
    return json.dumps(asdict(entry), ensure_ascii=False) + "\n"


class Journal:
    """Every answer when it comes, append-only, those to clips of an earlier draft of the release among them. A line
    that a crash cut short is not read; the ledger still has its answer."""

    def __init__(self, path: Path):
        self.path = path

    def read(self) -> dict[str, Entry]:
        """Entries by key; of several, the first."""
        found: dict[str, Entry] = {}
        if self.path.exists():
            for written in self.path.read_bytes().splitlines():
                try:
                    entry = Entry(**json.loads(written))
                except (ValueError, TypeError):
                    continue
                found.setdefault(entry.key, entry)
        return found

    def add(self, entry: Entry) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b") as f:
            whole = f.tell() == 0 or (f.seek(-1, 2), f.read(1))[1] == b"\n"
            f.write((b"" if whole else b"\n") + line(entry).encode())


def interview(
    items: list[Item], who: Examinee, journal: Journal, book_url: Url, budget_usd: float, say: Callable[[str], None]
) -> None:
    """Ask about every item that the journal has no answer for, and keep the answers there.

    Raises OverBudget when the budget does not cover what is left, WorkerError when the service failed for some
    clips, DefectoryError when no request can be answered. What was answered until then is kept.
    """
    known = journal.read().keys()
    left = [i for i in items if key(i, who) not in known]
    say(f"{len(items) - len(left)} of {len(items)} clips are answered already")
    if left:
        asyncio.run(_interview(left, who, journal, book_url, budget_usd, say))


async def _interview(
    left: list[Item], who: Examinee, journal: Journal, book_url: Url, budget_usd: float, say: Callable[[str], None]
) -> None:
    failed: list[Transient] = []
    fatal: list[BaseException] = []
    done = 0
    async with opened(who.provider, who.base_url) as provider:
        cost = FREE if provider.free else price(who.provider, who.model)
        say(f"{who.name}: {len(left)} clips to ask about, for at most {at_most(left, who, cost):.2f} USD "
            f"(the budget is {budget_usd:g} USD)")  # fmt: skip
        book = ledger.Ledger(book_url)
        asker = Asker(provider, book, cost, round(budget_usd * USD), "--budget-usd", "--budget-usd ")
        queue = iter(left)

        async def work() -> None:
            nonlocal done
            for item in queue:
                if fatal or len(failed) >= CONCURRENT:
                    return
                try:
                    journal.add(await _asked(item, who, asker))
                except Transient as e:
                    failed.append(e)
                except BadInput as e:
                    fatal.append(DefectoryError(f"{item.sample}: {e}"))
                except BaseException as e:
                    fatal.append(e)
                    if not isinstance(e, DefectoryError):
                        raise
                else:
                    done += 1
                    if done % 50 == 0 or done == len(left):
                        say(f"{done} of {len(left)} answered")

        try:
            await asyncio.gather(*(work() for _ in range(CONCURRENT)), return_exceptions=True)
            committed = book.spending()
        finally:
            book.close()
    if fatal and isinstance(fatal[0], OverBudget):
        known = journal.read().keys()
        rest = at_most([i for i in left if key(i, who) not in known], who, cost)
        needed = committed.spent + committed.lost + committed.reserved + rest
        raise OverBudget(
            f"--budget-usd {budget_usd:g}: {who.name} has {len(left) - done} clips left to answer, for at most "
            f"{rest:.2f} USD; allow it with --budget-usd {math.ceil(100 * needed) / 100:.2f} and run the same command "
            "again: answers that are there are not paid twice"
        )
    if fatal:
        raise fatal[0]
    if failed:
        raise WorkerError(
            f"{failed[0]}; {len(left) - done} of {len(left)} clips are without an answer; run the same command again: "
            "answers that are there are not asked for twice"
        )


async def _asked(item: Item, who: Examinee, asker: Asker) -> Entry:
    name = key(item, who)
    entry = Entry(item.sample, name, who.name, who.prompt, answer="", finish="unanswerable")
    asked = request(item, who, await asyncio.to_thread(pictures, item, who))
    try:
        paid = await asker.ask(asked, np.random.default_rng(int(name[:15], 16)))
    except Unanswerable as e:
        return replace(entry, note=str(e))
    a = paid.answer
    return replace(
        entry, answer=a.text, finish=a.finish, version=a.version, tokens_in=a.tokens_in, tokens_out=a.tokens_out,
        cost_usd=paid.cost / USD,
    )  # fmt: skip
