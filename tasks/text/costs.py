"""What describing samples will cost, online and in batches, before anything is asked."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass
from math import ceil
from typing import Any

from annotation.asking.sessions import cost_of
from annotation.classes import CAUSES, LOOKS, MERGE, MERGED, NOTES
from annotation.coverage import rules
from annotation.models.prices import Price
from annotation.models.providers import Request
from annotation.prompting import PROMPTS, prompt, prompts_digest
from schemas.captions import Caption

WORDS = dict.fromkeys(("object", "defect", "side", "name"), "n" * 40) | dict.fromkeys(("text", "wrong", "notes"), "")
"""What is filled into a prompt: names, generously. What a model has written before is counted by its tokens."""
ASPECTS = len((*LOOKS, *CAUSES))
"""Prompts that a class is asked about with."""


@dataclass(frozen=True)
class TextCost:
    """The most that can be asked for, answers that have to be asked for again aside; USD rounded up to the cent."""

    requests: int
    tokens_in: int
    tokens_out: int
    cost_usd: float
    """As the recipe asks: online or in batches."""
    online_usd: float
    batch_usd: float


@dataclass(frozen=True)
class Asked:
    """Numbers of requests."""

    looks: int = 0
    """About samples, a picture with each."""
    mends: int = 0
    """The same, with a text that is to be written again."""
    texts: int = 0
    """About classes, short answers."""
    merges: int = 0
    """That merge the answers about a class."""

    def __add__(self, other: "Asked") -> "Asked":
        return Asked(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    @property
    def requests(self) -> int:
        return sum(astuple(self))


NO_REQUESTS = Asked()


def text_cost(samples: int, want: Caption, classes: int = 0, more: Asked = NO_REQUESTS) -> TextCost:
    """For so many samples, clips or images, with the largest picture that is sent, and for the texts of so many classes
    where they are refined; and for `more` requests. Raises UnknownPrice for a paid model that no price table has, and
    CallError for prompts that cannot be used."""
    cost = cost_of(want)
    if want.provider == "measured":
        return TextCost(0, 0, 0, 0.0, 0.0, 0.0)
    merges = classes if want.class_text.refine else 0
    mends = samples * _mends(want)
    looks = samples * most_requests(want) - mends
    asked = more + Asked(looks, mends, merges * about_a_class(want), merges)
    tokens_in, tokens_out = _tokens_in(asked, want, cost), asked.requests * want.max_tokens
    online, batch = (ceil(c.of(tokens_in, tokens_out) / 1e7) / 100 for c in (cost, cost.batched))
    return TextCost(asked.requests, tokens_in, tokens_out, batch if want.batch else online, online, batch)


def _tokens_in(asked: Asked, want: Caption, cost: Price) -> int:
    """By the longest prompt of each kind, in tokens as the ledger reserves them before it sends one."""
    prompts_digest(want.prompts)  # refuses what cannot be filled in

    def most(names: Iterable[str], system: str, folder: str = "", **more: Any) -> int:
        filled = (prompt(name, folder).format(**WORDS) for name in names)
        return max(cost.tokens(Request("", system, text, "", 0, None, 0, **more))[0] for text in filled)

    about: dict[str, Any] = {"system": prompt("system", want.prompts), "folder": want.prompts, "images": (b"",)}
    looks = most((name for name in PROMPTS if name not in ("system", "mend")), **about)
    mends = most(["mend"], **about) + 2 * want.max_tokens  # the text, and what is wrong with it
    texts = most((*LOOKS, *CAUSES), prompt("system"))
    merges = most([MERGE], "", schema=MERGED) + 2 * NOTES * want.max_tokens
    return asked.looks * looks + asked.mends * mends + asked.texts * texts + asked.merges * merges


def left_about_a_sample(want: Caption, requests: int) -> Asked:
    """So many requests, of which the last ones mend."""
    mends = min(requests, _mends(want))
    return Asked(looks=requests - mends, mends=mends)


def _mends(want: Caption) -> int:
    """Per sample."""
    return want.regenerate if want.ground else 0


def about_a_class(want: Caption) -> int:
    """Short answers per class."""
    return ASPECTS * want.class_text.answers


def most_requests(want: Caption) -> int:
    """Per sample: the candidates, a supplement question for each dimension, those of the recipe among them, and texts
    that are written again. Raises CallError for a file of dimensions that cannot be used."""
    sides = len(rules(want.dimensions).dimensions) if want.min_dimensions else 0
    return want.candidates + sides + _mends(want)


def beyond(cost: TextCost, want: Caption, spent_usd: float = 0.0, used: int = 0) -> tuple[str, ...]:
    """A sentence for each budget of which not enough is left for `cost`, after what the ledger has `spent_usd` and the
    tokens that were `used`: a build may reach it and stop."""
    tokens = cost.tokens_in + cost.tokens_out
    found = []
    if cost.cost_usd and cost.cost_usd + spent_usd > want.budget_usd:
        needed = ceil((cost.cost_usd + spent_usd) * 100) / 100
        spent = f", of which {spent_usd:.4f} are spent," if spent_usd else ""
        found.append(
            f"caption.budget_usd: {want.budget_usd:g} USD{spent} do not cover the texts, which cost "
            f"{cost.cost_usd:.2f} USD at most; a build stops at its budget: raise it, for instance "
            f"--set caption.budget_usd={needed:g}"
        )
    if tokens and 0 < want.budget_tokens < tokens + used:
        spent = f", of which {used} are used," if used else ""
        found.append(
            f"caption.budget_tokens: {want.budget_tokens} tokens{spent} do not cover the texts, which take {tokens} at "
            f"most; a build stops at its budget: raise it, for instance --set caption.budget_tokens={tokens + used}"
        )
    return tuple(found)
