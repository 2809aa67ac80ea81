"""Sample-level descriptions: candidates from a model, filtered and scored (SteelDefectX, steps 1 to 3)."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from itertools import groupby

import numpy as np

from annotation import coverage
from annotation.asking import ledger
from annotation.asking.ask import Asks
from annotation.asking.sessions import asking, model_of
from annotation.asking.streams import drained
from annotation.candidates import Candidate, Subject, describe
from annotation.diversity import sentence_encoder
from annotation.grounding import check as grounding
from annotation.grounding.check import Truth
from annotation.measuring.attributes import attributes
from annotation.models.providers import Evidence
from annotation.prompting import prompts_digest
from schemas.captions import Caption
from schemas.digests import digest
from schemas.errors import BadInput
from schemas.names import spoken
from schemas.recipe import Recipe
from schemas.rows import Annotation, Row, Sample, Score, annotation
from tasks import encoders
from tasks.pictures import jpeg
from tasks.stage import MAKER, Context, Shard, following, stage
from tasks.text.describing import described
from tasks.text.pictured import Known, known_of, looked_at, shown
from tasks.workspace import Workspace


def settings(recipe: Recipe) -> tuple[Caption, str, str]:
    """What decides the descriptions: the recipe's section with the model that will answer and what the encoder
    is, the prompts and the rules of coverage; but not what may be spent, nor as whom the server is asked."""
    want = recipe.caption
    decides = {
        "model": model_of(want), "encoder": encoders.identity(want.encoder),
        **{name: getattr(PLAIN, name) for name in (*MANNER, "dimensions", "prompts", "class_text")},
    }  # fmt: skip
    rules = digest(coverage.source(want.dimensions), grounding.source())
    return want.model_copy(update=decides), prompts_digest(want.prompts), rules


PLAIN = Caption()
MANNER = (
    "budget_usd", "budget_tokens", "batch", "concurrent", "requests_per_minute", "tokens_per_minute", "timeout_s",
)  # fmt: skip
"""Settings of how models are asked, which cannot change what they say."""


def _cut(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
    """A model that is asked over the network gets one shard: its limits, and its batches, are for all samples
    together. Measuring is work for all processors, so that it follows the shards before it."""
    shards = following(*READS)(workspace, recipe)
    if recipe.caption.provider == "measured":
        yield from shards
    elif refs := tuple(ref for shard in shards for ref in shard.upstream):
        yield Shard("all", refs)


READS = (MAKER, "visibility", "keyframes")


@stage(version=6, reads=READS, writes=("annotations",), settings=settings, cut=_cut)
def caption(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Candidate descriptions of every sample, each with its scores; one of them is `chosen`.

    The picture is a frame of the unmarked clip: the one that shows most of the defect by the exact mask,
    or the middle keyframe where no defect is visible. As in the paper, the model is told the defect type
    (where the defect is visible); the marked clip is never shown to it.

    A request that can never be answered puts its sample into `rejects`. A missing key, an unknown model
    and a used-up budget stop the build (DefectoryError); a service that failed any sample for now fails
    the shard (WorkerError), for a reject would stay. Answers that were paid for are in the ledger in each case.
    """
    for (sample, _), outcome in drained(lambda: _outcomes(ctx)):
        if isinstance(outcome, list):
            yield from (_row(sample, c, ctx) for c in outcome)
        else:
            yield ctx.reject(sample.id, outcome)


async def _outcomes(ctx: Context) -> AsyncGenerator[tuple[tuple[Sample, Known], list[Candidate] | BadInput]]:
    want = ctx.recipe.caption
    encode = sentence_encoder(want.encoder)
    encode(["A first text, so that a model that cannot be loaded is noticed before anything is paid."])
    async with asking(want, ledger.url(ctx.workspace.root), ctx.scratch) as asker:

        async def describe_one(item: tuple[Sample, Known]) -> list[Candidate]:
            rng = ctx.rng(item[0].id)
            subject = await asyncio.to_thread(subject_of, *item, asker, rng)
            return await describe(subject, want, model_of(want), asker, encode, rng)

        async with aclosing(described(lambda: samples(ctx), describe_one, want, asker)) as outcomes:
            async for item, outcome in outcomes:
                yield item, outcome


def samples(ctx: Context) -> Iterator[tuple[Sample, Known]]:
    """The samples, or those that the shard names, one upstream shard after the other: no more is in memory."""
    only = set(ctx.shard.items)
    for _, refs in groupby(sorted(ctx.shard.upstream, key=lambda r: r.key), key=lambda r: r.key):
        part = replace(ctx, shard=replace(ctx.shard, upstream=tuple(refs)))
        known = known_of(part)
        for sample in part.rows(Sample, MAKER):
            if not only or sample.id in only:
                yield sample, known[sample.id]


def subject_of(sample: Sample, known: Known, asker: Asks, rng: np.random.Generator) -> Subject:
    """What is asked about: the picture as the model is shown it, or as the provider that measures looks at it."""
    picture, mask = shown(sample, known)
    seen = sample.defect != "none" and (mask is not None or sample.kind == "image")
    visible = known.defect_type if seen else None
    defect = sample.defect if seen else ""
    seed = int(rng.integers(2**31))
    image = jpeg(picture, asker.price.side) if asker.provider.wants == "image" else None
    evidence = Evidence(
        picture=picture,
        mask=mask,
        object=spoken(sample.object),
        defect=defect,
        facts=visible.facts if visible else None,
        seed=seed,
        within=known.within,
    )
    truth = Truth(defect or "none", visible.facts if visible else None)
    return Subject(
        object=sample.object,
        defect=(visible and visible.label) or defect,
        image=image,
        evidence=evidence if image is None else None,  # so that no more than a JPEG waits for an answer
        seen=attributes(picture, mask, defect, truth.facts, known.within) if mask is not None and mask.any() else None,
        truth=truth,
    )


def _row(sample: Sample, c: Candidate, ctx: Context) -> Annotation:
    want = ctx.recipe.caption
    scores = {
        **{d: float(bit) for d, bit in c.bits.items()},
        "diversity": c.diversity, "score": c.score, "kept": float(c.kept), "chosen": float(c.chosen),
        "contradicted": float(c.contradicted),
    }  # fmt: skip
    return annotation(
        sample=sample.id,
        task="caption",
        author_kind="model",
        author=f"{want.provider}:{model_of(want)}",
        author_version=c.version,
        status="candidate",
        text=c.text,
        scores=[Score(k, v) for k, v in scores.items()],
        cost_usd=c.cost_usd,
        candidate=c.index,
        media=looked_at(sample),
        claims=c.claims,
    )
