"""Class-level text of the classes that a data set has (SteelDefectX, class-level annotation)."""

import asyncio
from collections.abc import Iterator

import numpy as np

from annotation import classes
from annotation.asking import ledger
from annotation.asking.sessions import asking, model_of
from annotation.candidates import prompts_digest
from annotation.diversity import sentence_encoder
from schemas.digests import digest
from schemas.errors import BadInput
from schemas.recipe import Recipe
from schemas.rows import ClassDescription, Row, Sample
from tasks.stage import MAKER, Context, Shard, gathering, stage

STRUCTURAL = "structural"
"""The texts of what is filmed, where a recipe names none."""


def texts(recipe: Recipe) -> classes.ClassTexts | None:
    """The class-level texts of a recipe: its own file, or those that come with its taxonomy. None where there are none.

    Raises CallError for a file that cannot be used.
    """
    if name := recipe.caption.class_text.file:
        return classes.load(name)
    name = recipe.images.taxonomy if recipe.sources else STRUCTURAL
    return classes.load(name) if classes.comes_along(name) else None


def settings(recipe: Recipe) -> tuple[object, ...]:
    want = recipe.caption
    asked = (want.provider, model_of(want), want.temperature, want.max_tokens, want.class_text, prompts_digest())
    return texts(recipe), asked if want.class_text.refine else ()


@stage(version=1, reads=(MAKER,), writes=("class_texts",), settings=settings, cut=gathering(MAKER))
def class_text(shard: Shard, ctx: Context) -> Iterator[Row]:
    """The text of every class that occurs: as the file has it, and refined by a model where the recipe asks for that.

    A class without a text goes to `rejects`; its samples have no T1.
    """
    known: classes.ClassTexts | None = ctx.settings[0]
    if known is None:
        return
    for label in sorted({s.defect for s in ctx.rows(Sample)} - {"none"}):
        try:
            yield classes.written(known, label)
            if ctx.recipe.caption.class_text.refine:
                yield asyncio.run(_refined(known, label, ctx))
        except BadInput as e:
            yield ctx.reject(f"{known.taxonomy}/{label}", e)


async def _refined(known: classes.ClassTexts, label: str, ctx: Context) -> ClassDescription:
    want = ctx.recipe.caption
    rng = np.random.default_rng(int(digest(ctx.seed, "class text", label), 16))
    async with asking(want, ledger.url(ctx.workspace.root), ctx.scratch) as asker:
        return await classes.refined(known, label, want, model_of(want), asker, sentence_encoder(want.encoder), rng)
