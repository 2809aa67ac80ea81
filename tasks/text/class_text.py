"""Class-level text of the classes that a data set has (SteelDefectX, class-level annotation)."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import numpy as np

from annotation import classes
from annotation.asking import ledger
from annotation.asking.sessions import asking, model_of
from annotation.asking.streams import drained
from annotation.diversity import sentence_encoder
from annotation.prompting import prompt
from schemas.digests import digest
from schemas.errors import BadInput
from schemas.recipe import Recipe
from schemas.rows import ClassDescription, Row, Sample
from tasks import encoders
from tasks.stage import MAKER, Context, Shard, gathering, stage
from tasks.text.describing import described

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
    """The texts as they are written, and where a model refines them, who is asked what and which answers are kept."""
    want = recipe.caption
    if not want.class_text.refine:
        return texts(recipe), ()
    asked = want.provider, want.base_url, model_of(want), want.temperature, want.max_tokens
    words = digest([prompt(name) for name in classes.PROMPTS])
    kept = want.class_text.answers, want.max_similarity, encoders.identity(want.encoder)
    return texts(recipe), (*asked, words, *kept)


@stage(version=2, reads=(MAKER,), writes=("class_texts",), settings=settings, cut=gathering(MAKER))
def class_text(shard: Shard, ctx: Context) -> Iterator[Row]:
    """The text of every class that occurs: as the file has it, and refined by a model where the recipe asks for that.

    A class without a text goes to `rejects`; its samples have no T1.
    """
    known: classes.ClassTexts | None = ctx.settings[0]
    if known is None:
        return
    labels = sorted({s.defect for s in ctx.rows(Sample)} - {"none"})
    for label in labels:
        try:
            yield classes.written(known, label)
        except BadInput as e:
            yield ctx.reject(f"{known.taxonomy}/{label}", e)
    if ctx.recipe.caption.class_text.refine:
        for label, outcome in drained(lambda: _refined(known, [n for n in labels if n in known.classes], ctx)):
            if isinstance(outcome, list):
                yield from outcome
            else:
                yield ctx.reject(f"{known.taxonomy}/{label}", outcome)


async def _refined(
    known: classes.ClassTexts, labels: list[str], ctx: Context
) -> AsyncGenerator[tuple[str, list[ClassDescription] | BadInput]]:
    want = ctx.recipe.caption
    encode = sentence_encoder(want.encoder)
    async with asking(want, ledger.url(ctx.workspace.root), ctx.scratch) as asker:

        async def one(label: str) -> list[ClassDescription]:
            rng = np.random.default_rng(int(digest(ctx.seed, "class text", label), 16))
            return [await classes.refined(known, label, want, model_of(want), asker, encode, rng)]

        async with aclosing(described(lambda: labels, one, want, asker)) as outcomes:
            async for label, outcome in outcomes:
                yield label, outcome
