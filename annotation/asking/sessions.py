"""From a recipe's section on text to an asker: provider, ledger, price, limits, and online or in batches."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from annotation.asking import batchbook
from annotation.asking.ask import Asker, OverBudget
from annotation.asking.batches import BatchAsker
from annotation.asking.database import Url
from annotation.asking.ledger import Ledger, spending
from annotation.models import limits
from annotation.models.batch import Batches
from annotation.models.prices import FREE, USD, Price, price
from annotation.models.providers import DEFAULT_MODELS, Provider, key, opened
from schemas.captions import Caption
from schemas.errors import DefectoryError


def model_of(want: Caption) -> str:
    return want.model or DEFAULT_MODELS[want.provider]


def cost_of(want: Caption) -> Price:
    """What a token costs, with `image_side` taken in. Raises UnknownPrice when that is not known."""
    return FREE if want.provider == "measured" else price(want.provider, model_of(want)).showing(want.image_side)


def demand(want: Caption, book_url: Url) -> None:
    """Raises DefectoryError when a paid provider lacks its key or its price, when its budget allows not one request and
    no answer is there, or when `measured` is to be another model: hours of pictures come before the first question."""
    if want.provider == "measured":
        if model_of(want) != (only := DEFAULT_MODELS["measured"]):
            raise DefectoryError(
                f"caption.model: {want.model} is none of `measured`, which has only {only}; take it out"
            )
        return
    cost = cost_of(want)
    key(want.provider, want.base_url)
    least = (cost.batched if want.batch else cost).of(0, want.max_tokens)
    if least > round(want.budget_usd * USD) and not spending(book_url).answers:
        raise OverBudget(
            f"caption.budget_usd: {want.budget_usd:g} USD do not cover one request to {want.provider} "
            f"{model_of(want)} (an answer may cost {least / USD:.4f}); set it, for instance "
            "--set caption.budget_usd=5: `defectory plan` says what a build may cost"
        )


@asynccontextmanager
async def asking(want: Caption, book_url: Url, spool: Path) -> AsyncIterator[Asker]:
    """An asker for everything that `want` lets be asked, over the ledger at `book_url`; batches are written to `spool`.

    Raises DefectoryError before anything is sent when the key, the price or the ledger is missing.
    """
    cost = cost_of(want)
    limiter = limits.shared(
        f"{want.provider} {want.base_url} {model_of(want)}", want.concurrent, want.requests_per_minute,
        want.tokens_per_minute,
    )  # fmt: skip
    async with opened(want.provider, want.base_url, want.timeout_s, limiter.told) as provider:
        book = Ledger(book_url)
        cap = round(want.budget_usd * USD)
        online = Asker(provider, book, cost, cap, limiter=limiter, token_cap=want.budget_tokens)
        batches = interface(provider)
        try:
            if batches is None:
                yield online
                return
            batched = BatchAsker(
                provider, book, cost.batched, cap, token_cap=want.budget_tokens, interface=batches, spool=spool,
            )  # fmt: skip
            with batchbook.tended(book):
                try:
                    if not want.batch:
                        await batched.withdraw()
                        online.reclaim = batched.withdraw
                    yield batched if want.batch else online
                finally:
                    await batched.close()
        finally:
            book.close()


def interface(provider: Provider) -> Batches | None:
    """The batch interface of a provider that has one."""
    from annotation.models.gemini import Gemini
    from annotation.models.gemini_batch import GeminiBatches
    from annotation.models.openai import OpenAI
    from annotation.models.openai_batch import OpenAIBatches

    if isinstance(provider, OpenAI):
        return OpenAIBatches(provider)
    return GeminiBatches(provider) if isinstance(provider, Gemini) else None
