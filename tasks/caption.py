"""Sample-level descriptions: candidates from a model, filtered and scored (SteelDefectX, steps 1 to 3)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np
from pycocotools import mask as rle

from annotation import coverage, ledger
from annotation.ask import Asker
from annotation.candidates import Candidate, Subject, describe, prompts_digest
from annotation.diversity import Encode, sentence_encoder
from annotation.models.prices import FREE, USD, price
from annotation.models.providers import DEFAULT_MODELS, Evidence, Provider, Transient, anonymous, opened
from schemas.captions import Caption
from schemas.digests import digest
from schemas.errors import BadInput, DefectoryError, WorkerError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Interval, Mask, Media, Row, Sample, Score, Signal, annotation
from tasks import encoders, video
from tasks.pictures import jpeg
from tasks.stage import Context, Shard, stage

CONCURRENT = 16
"""Samples of a shard that are worked on at once; each asks its candidates at once."""


def settings(recipe: Recipe) -> tuple[Caption, str, str]:
    """What decides the descriptions: the recipe's section with the model that will answer and what the encoder
    is, the prompts and the rules of coverage; but not what may be spent, nor as whom the server is asked."""
    want = recipe.caption
    decides = {
        "model": _model(want), "encoder": encoders.identity(want.encoder), "base_url": anonymous(want.base_url),
        "budget_usd": 0.0,
    }  # fmt: skip
    return want.model_copy(update=decides), prompts_digest(), digest(coverage.source())


def _model(want: Caption) -> str:
    return want.model or DEFAULT_MODELS[want.provider]


@dataclass
class Known:
    """What earlier stages say of one sample."""

    clip: Path
    area: list[float] = field(default_factory=list)
    """Exact visible defect area of every frame, pixels; empty for normal clips."""
    intervals: list[Interval] | None = None
    masks: dict[int, Mask] = field(default_factory=dict)
    defect_type: Annotation | None = None
    keyframes: list[int] = field(default_factory=list)


@stage(version=1, reads=("render", "visibility", "keyframes"), writes=("annotations",), settings=settings)
def caption(shard: Shard, ctx: Context) -> Iterator[Row]:
    """Candidate descriptions of every sample, each with its scores; one of them is `chosen`.

    The picture is a frame of the unmarked clip: the one that shows most of the defect by the exact mask,
    or the middle keyframe where no defect is visible. As in the paper, the model is told the defect type
    (where the defect is visible); the marked clip is never shown to it.

    A request that can never be answered puts its sample into `rejects`. A missing key, an unknown model
    and a used-up budget stop the build (DefectoryError); a service that failed any sample for now fails
    the shard (WorkerError), for a reject would stay. Answers that were paid for are in the ledger in each case.
    """
    samples = list(ctx.rows(Sample, "render"))
    for sample, outcome in zip(samples, asyncio.run(_all(samples, _known(ctx), ctx)), strict=True):
        if isinstance(outcome, list):
            yield from (_row(sample, c, ctx) for c in outcome)
        else:
            yield ctx.reject(sample.id, outcome)


def _known(ctx: Context) -> dict[str, Known]:
    paths = {m.id: ctx.workspace.path(m.path) for m in ctx.rows(Media, "render")}
    known = {
        s.id: Known(next(paths[m.id] for m in s.media if m.role == "unmarked")) for s in ctx.rows(Sample, "render")
    }
    for signal in ctx.rows(Signal, "render"):
        if signal.name == "mask_pixels":
            known[signal.sample].area = signal.values
    for a in ctx.rows(Annotation):
        here = known[a.sample]
        match a.task:
            case "mask":
                here.masks.update({m.frame: m for m in a.masks or ()})
            case "defect_type":
                here.defect_type = a
            case "visible_interval":
                here.intervals = a.intervals
    for media in ctx.rows(Media, "keyframes"):
        if media.sample is not None and media.frame is not None:
            known[media.sample].keyframes.append(media.frame)
    return known


async def _all(samples: list[Sample], known: dict[str, Known], ctx: Context) -> list[list[Candidate] | BadInput]:
    """An outcome per sample. Raises the first error that is not for good one sample's own, after the requests
    under way have come to their end: one that stops the build before one that another try may mend."""
    want = ctx.recipe.caption
    model = _model(want)
    encode = sentence_encoder(want.encoder)
    encode(["A first text, so that a model that cannot be loaded is noticed before anything is paid."])
    room = asyncio.Semaphore(CONCURRENT)
    stopped = False
    async with opened(want.provider, want.base_url) as provider:
        book = ledger.Ledger(ledger.url(ctx.workspace.root))
        try:
            cost = FREE if provider.free else price(provider.name, model)
            asker = Asker(provider, book, cost, round(want.budget_usd * USD))

            async def one(sample: Sample) -> list[Candidate]:
                nonlocal stopped
                async with room:
                    if stopped:
                        raise asyncio.CancelledError
                    try:
                        return await _described(sample, known[sample.id], ctx, model, asker, encode, provider)
                    except (BadInput, Transient):
                        raise
                    except DefectoryError:
                        stopped = True
                        raise

            results = await asyncio.gather(*(one(s) for s in samples), return_exceptions=True)
        finally:
            book.close()
    for result in sorted(results, key=lambda r: isinstance(r, Transient) + 2 * isinstance(r, asyncio.CancelledError)):
        if isinstance(result, Transient):
            failed = sum(isinstance(r, Transient) for r in results)
            raise WorkerError(
                f"{result}; {failed} of {len(samples)} clips of this shard have no description; "
                "run the same command again: answers that are there are not asked for twice"
            )
        if isinstance(result, BaseException) and not isinstance(result, BadInput):
            raise result
    return [r for r in results if isinstance(r, list | BadInput)]


async def _described(
    sample: Sample, known: Known, ctx: Context, model: str, asker: Asker, encode: Encode, provider: Provider
) -> list[Candidate]:
    rng = ctx.rng(sample.id)
    frame, mask = frame_of(sample, known)
    picture = await asyncio.to_thread(picture_at, known.clip, frame)
    visible = known.defect_type if mask is not None else None
    subject = Subject(
        object=sample.object,
        defect=(visible.label or sample.defect) if visible else sample.defect if mask is not None else "",
        image=jpeg(picture) if provider.wants == "image" else None,
        evidence=Evidence(
            picture=picture,
            mask=mask,
            object=sample.object,
            defect=sample.defect if mask is not None else "",
            facts=visible.facts if visible else None,
            seed=int(rng.integers(2**31)),
        ),
    )
    return await describe(subject, ctx.recipe.caption, model, asker, encode, rng)


def frame_of(sample: Sample, known: Known) -> tuple[int, np.ndarray | None]:
    """The frame to describe, and where the defect is in it, (H, W) bool; None where none is visible."""
    if known.intervals is None:
        raise BadInput(f"{sample.id}: has no visible interval; see the rejects of the visibility stage")
    seen = {f for span in known.intervals for f in range(span.start_frame, span.end_frame)}
    largest_first = sorted(seen & known.masks.keys(), key=lambda f: (-known.area[f], f))
    for frame in largest_first:
        mask = decode_mask(known.masks[frame])
        if mask.any():
            return frame, mask
    return middle(known.keyframes, sample.frames or 1), None


def middle(keyframes: list[int], frames: int) -> int:
    """The middle keyframe (the earlier of two), or the middle frame of a clip without keyframes."""
    return sorted(keyframes)[(len(keyframes) - 1) // 2] if keyframes else (frames - 1) // 2


def decode_mask(mask: Mask) -> np.ndarray:
    """(H, W) bool."""
    decoded: np.ndarray = rle.decode({"size": [mask.height, mask.width], "counts": mask.counts.encode()})
    return decoded.astype(bool)


def picture_at(clip: Path, frame: int) -> np.ndarray:
    """One frame of a clip, (H, W, 3) uint8 RGB. Raises BadInput when the clip cannot be read that far."""
    found = next(islice(video.decoded(clip), frame, None), None)
    if found is None:
        raise BadInput(f"{clip.name}: ends before frame {frame}; render it again")
    picture: np.ndarray = found.to_ndarray(format="rgb24")
    return picture


def _row(sample: Sample, c: Candidate, ctx: Context) -> Annotation:
    want = ctx.recipe.caption
    scores = {
        **{d: float(bit) for d, bit in c.bits.items()},
        "diversity": c.diversity, "score": c.score, "kept": float(c.kept), "chosen": float(c.chosen),
    }  # fmt: skip
    return annotation(
        sample=sample.id,
        task="caption",
        author_kind="model",
        author=f"{want.provider}:{_model(want)}",
        author_version=c.version,
        status="candidate",
        text=c.text,
        scores=[Score(k, v) for k, v in scores.items()],
        cost_usd=c.cost_usd,
        candidate=c.index,
        media=next(m.id for m in sample.media if m.role == "unmarked"),
    )
