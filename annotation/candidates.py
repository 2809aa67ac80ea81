"""From one sample to its scored candidate descriptions (SteelDefectX, sample-level annotation, steps 1 to 3).

1. An open prompt, asked several times at a high temperature.
2. Greedy diversity filter, five coverage bits, composite score; unfinished sentences last.
3. If no candidate covers enough dimensions of a visible defect, one question per uncovered dimension,
   the answers merged with the best candidate into a supplement candidate.

Between choosing and review, what the chosen candidate claims is held against what is measured; one that is contradicted
is written again with the contradiction named.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from annotation.asking.ask import Asks, Paid
from annotation.coverage import Rulebook, covered_many, rules
from annotation.diversity import Encode, diversity, score, select, similarities
from annotation.grounding.check import Truth, contradictions, ground
from annotation.language import english
from annotation.measuring.attributes import Attributes
from annotation.models.prices import USD
from annotation.models.providers import SECOND, Evidence, Request, cleaned
from annotation.prompting import PROMPTS, prompt
from annotation.together import together
from schemas.captions import Caption
from schemas.errors import BadInput
from schemas.names import spoken
from schemas.rows import Claim

_SCORERS = ThreadPoolExecutor(32, "scorer")
"""Reading texts is work for a processor: in threads of its own it holds up neither requests nor the ledger. They mostly
wait, so that the texts of many samples go through a model together, one model beside the other."""
TEXTS = 32
"""That are read at once."""


@cache
def _reader(book: Rulebook) -> Callable[[Sequence[str]], list[dict[str, bool]]]:
    return together(lambda texts: covered_many(texts, book), TEXTS)


@dataclass(frozen=True, eq=False)
class Subject:
    """What is to be described."""

    object: str
    defect: str
    """The defect type, as the paper gives it to the model; empty when no defect is visible."""
    image: bytes | None
    """JPEG or PNG for models that look at pictures."""
    evidence: Evidence | None
    """For the provider that measures."""
    seen: Attributes | None = None
    """What is measured of the defect; None where no mask says where it is."""
    truth: Truth | None = None
    """What is known without looking."""


@dataclass(frozen=True)
class Candidate:
    index: int
    """Supplements come after the candidates of the open prompt."""
    text: str
    finished: bool
    bits: dict[str, bool]
    diversity: float
    score: float
    kept: bool
    chosen: bool
    version: str
    cost_usd: float
    claims: list[Claim]
    """What the text says of the defect, checked; empty unless grounding is asked for."""

    @property
    def contradicted(self) -> int:
        return sum(c.verdict == "contradicted" for c in self.claims)


@dataclass(frozen=True)
class _Draft:
    index: int
    text: str
    finished: bool
    version: str
    cost: int


async def describe(
    subject: Subject, want: Caption, model: str, asker: Asks, encode: Encode, rng: np.random.Generator
) -> list[Candidate]:
    """The candidates of one sample, in the order of their index; exactly one is `chosen`.

    Refused and empty answers are no candidates. Raises BadInput when none is left, and what `Asker.ask` raises.
    """
    book = rules(want.dimensions)
    sides = tuple(book.dimensions)

    def request(name: str, candidate: int, **words: str) -> Request:
        wording = name if name in PROMPTS else "side"
        return Request(
            model=model,
            system=prompt("system", want.prompts),
            prompt=prompt(wording, want.prompts).format(
                object=spoken(subject.object), defect=spoken(subject.defect), side=spoken(name), **words
            ),
            asks=name if name in sides else "open",
            candidate=candidate,
            temperature=want.temperature,
            max_tokens=want.max_tokens,
            images=(subject.image,) if subject.image is not None and asker.provider.wants == "image" else (),
            evidence=subject.evidence if asker.provider.wants == "evidence" else None,
        )

    def scoring(*work: Any) -> Awaitable[Any]:
        return asyncio.get_running_loop().run_in_executor(_SCORERS, *work)

    async def one(request: Request, stream: np.random.Generator) -> Paid:
        """The answer; one in another language is asked for once more, and is refused if it is no better."""
        paid = await asker.ask(request, stream)
        if english(paid.answer.text):
            return paid
        again = await asker.ask(replace(request, candidate=request.candidate + SECOND), stream)
        if not english(again.answer.text):
            again = replace(again, answer=replace(again.answer, finish="refused"))
        return replace(again, cost=again.cost + paid.cost)

    async def answers(requests: Sequence[Request]) -> list[Paid]:
        """All at once; when one fails, the others are still waited for, so that what is paid for is kept."""
        streams = [np.random.default_rng(s) for s in rng.integers(2**63, size=len(requests))]
        results = await asyncio.gather(
            *(one(r, s) for r, s in zip(requests, streams, strict=True)), return_exceptions=True
        )
        for result in results:
            if isinstance(result, BaseException):
                raise result
        return [replace(r, answer=cleaned(r.answer)) for r in results if isinstance(r, Paid)]

    opening = "open" if subject.defect else "clean"
    paid = await answers([request(opening, n) for n in range(want.candidates)])
    drafts = [
        _Draft(n, p.answer.text, finished(p), p.answer.version, p.cost)
        for n, p in enumerate(paid)
        if p.answer.text and not p.answer.refused
    ]
    if not drafts:
        # Not in the model's words: this goes into releases. They are in the ledger.
        who = f"{asker.provider.name} {model}"
        if all(p.answer.finish == "length" for p in paid):  # models that think first count their thoughts, too
            raise BadInput(
                f"{who}: came to the limit of {want.max_tokens} tokens before the first word, {want.candidates} times; "
                "raise caption.max_tokens"
            )
        raise BadInput(f"{who}: refused or answered nothing in English, {want.candidates} times; try another model")
    # What answers cost that became no candidate is carried by the first one.
    drafts[0] = _dearer(drafts[0], sum(p.cost for p in paid) - sum(d.cost for d in drafts))
    scored: list[Candidate] = await scoring(_scored, drafts, subject, want, book, encode)
    best = max(sum(c.bits.values()) for c in scored)
    if subject.defect and best < want.min_dimensions:
        chosen = next(c for c in scored if c.chosen)
        gaps = [d for d in sides if not chosen.bits[d]]
        told = await answers([request(d, 0) for d in gaps])
        covers = await scoring(_reader(book), [p.answer.text for p in told])
        new = [
            p.answer.text
            for d, p, bits in zip(gaps, told, covers, strict=True)
            if not p.answer.refused and finished(p) and bits[d]
        ]
        cost = sum(p.cost for p in told)
        if new:
            text = " ".join([_closed(chosen.text), *new])
            drafts.append(_Draft(want.candidates, text, True, chosen.version, cost))
        else:
            drafts[0] = _dearer(drafts[0], cost)
        scored = await scoring(_scored, drafts, subject, want, book, encode)
    for again in range(want.regenerate if asker.provider.wants == "image" else 0):
        chosen = next(c for c in scored if c.chosen)
        if not chosen.contradicted:
            break
        (mended,) = await answers([request("mend", again, text=chosen.text, wrong=contradictions(chosen.claims))])
        if mended.answer.refused or not finished(mended):
            drafts[0] = _dearer(drafts[0], mended.cost)
            continue
        index = want.candidates + 1 + again
        drafts.append(_Draft(index, mended.answer.text, True, mended.answer.version, mended.cost))
        scored = await scoring(_scored, drafts, subject, want, book, encode)
    return scored


def _dearer(draft: _Draft, nanos: int) -> _Draft:
    return replace(draft, cost=draft.cost + nanos)


def _scored(
    drafts: Sequence[_Draft], subject: Subject, want: Caption, book: Rulebook, encode: Encode
) -> list[Candidate]:
    """Filter, score and choose: a whole text before one that breaks off, among those the highest score.

    Equal scores go to the earlier candidate. One that was written again takes the place of the one it mends, unless
    it is contradicted more often.
    """
    texts = [d.text for d in drafts]
    cosines = similarities(texts, encode)
    # What completes or mends a candidate leads, so that the filter cannot lose it for resembling that one.
    order = sorted(range(len(drafts)), key=lambda i: (not drafts[i].finished, drafts[i].index < want.candidates, i))
    kept = select(cosines, order, want.keep, want.max_similarity)
    bits = _reader(book)(texts)
    claims = [ground(t, subject.seen, subject.truth) if want.ground else [] for t in texts]
    wrong = [sum(c.verdict == "contradicted" for c in said) for said in claims]
    diverse = [diversity(cosines, i, kept) for i in range(len(drafts))]
    scores = [round(score(b, d, want.coverage_weight), 6) for b, d in zip(bits, diverse, strict=True)]
    chosen = max(kept, key=lambda i: (drafts[i].finished, scores[i], -i))
    mended = [i for i in kept if drafts[i].index > want.candidates]
    if mended:
        chosen = min([chosen, *mended], key=lambda i: (not drafts[i].finished, wrong[i], -i))
    return [
        Candidate(
            index=d.index,
            text=d.text,
            finished=d.finished,
            bits=bits[i],
            diversity=round(diverse[i], 6),
            score=scores[i],
            kept=i in kept,
            chosen=i == chosen,
            version=d.version,
            cost_usd=d.cost / USD,
            claims=claims[i],
        )
        for i, d in enumerate(drafts)
    ]


def finished(paid: Paid) -> bool:
    """Whether an answer came to its end: the model was not cut off, and the last sentence is closed."""
    return paid.answer.finish == "stop" and re.search(r"[.!?][\"')\]]*$", paid.answer.text) is not None


def _closed(text: str) -> str:
    """Without a last sentence that breaks off, if there is a whole one before it."""
    whole = re.match(r"(?s)(.*[.!?][\"')\]]*)", text)
    return whole[1] if whole else f"{text}."
