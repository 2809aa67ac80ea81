"""What of a recipe's texts is paid already: the requests that a build would make, looked up in the ledger.

Samples are looked at as the caption stage would, by their own questions, as far as their pictures are there. Images
that a source has got since the last build are imported into a folder that is thrown away, unless there are many; clips
that are still to be rendered are counted only. Nothing is asked, and neither ledger nor workspace is changed.
"""

import asyncio
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from annotation import classes
from annotation.asking import ledger
from annotation.asking.ledger import Bought
from annotation.asking.looking import Look, Unanswered, addressee
from annotation.asking.sessions import cost_of, model_of
from annotation.asking.streams import drained, ordered
from annotation.candidates import describe
from annotation.diversity import sentence_encoder
from annotation.models.prices import USD, UnknownPrice
from schemas.digests import digest
from schemas.errors import BadInput
from schemas.recipe import Recipe
from schemas.rows import Sample
from tasks.dag import STAGES, order
from tasks.imports.stage import Item, import_images
from tasks.stage import Context, Shard, cut, execute, generator
from tasks.text.caption import READS, caption, samples, subject_of
from tasks.text.class_text import texts
from tasks.text.costs import NO_REQUESTS, Asked, about_a_class, left_about_a_sample, most_requests
from tasks.text.describing import at_once
from tasks.text.pictured import Known
from tasks.workspace import Ref, Workspace

MOST_NEW = 1000
"""Images that are imported for a forecast; that takes about a minute."""
EMPTY = Bought()
"""Of a ledger that is not there."""


@dataclass(frozen=True)
class Standing:
    """How far the texts of a recipe have come."""

    looked: bool = False
    """Whether anything below is known: the requests of the samples were looked up."""
    described: int = 0
    """Samples, of those looked up, that need no request any more."""
    asked: Asked = NO_REQUESTS
    """What is still to ask for the others, at most, and for their classes."""
    classes: int = 0
    """Classes that were looked up."""
    to_come: int = 0
    """Samples that earlier stages have work left for: what is asked about them is not known before."""
    paid_usd: float = 0.0
    """What the answers cost that were found."""
    bought: Bought = EMPTY
    """What the ledger holds, whoever asked for it."""


UNKNOWN = Standing()
Say = Callable[[str], None]


@dataclass(frozen=True)
class Foreseen(Workspace):
    """A workspace whose stages point to the shards that the next build will have, done or not; no pointer is moved."""

    pointers: dict[str, list[Ref]] = field(default_factory=dict)

    def current(self, *stages: str) -> list[Ref]:
        return [ref for stage in stages or sorted(self.pointers) for ref in self.pointers.get(stage, ())]


@dataclass(frozen=True)
class Part:
    """Samples whose pictures are there: the shards that made them, and the workspace that these are in."""

    home: Workspace
    refs: tuple[Ref, ...]


def standing(recipe: Recipe, root: Path, say: Say = lambda text: None) -> Standing:
    """Of a recipe that is, or will be, built at `root`; tells `say` of work that takes a while."""
    want, root = recipe.caption, root.resolve()
    if want.provider == "measured":
        return UNKNOWN
    with ledger.reading(ledger.url(root)) as book, tempfile.TemporaryDirectory() as folder:
        bought = book.bought(want.provider, model_of(want)) if book else EMPTY
        if book is None or not bought.answers:
            return Standing(bought=bought)
        try:
            look = Look(addressee(want), book, cost_of(want))
        except UnknownPrice:  # nothing can have been asked for the pictures that would be sent
            return Standing(bought=bought)
        scratch = Workspace.create(Path(folder) / "new")
        there = _images(recipe, root, scratch, say) if recipe.sources else _clips(recipe, root)
        if there is None:
            return Standing(bought=bought)
        parts, to_come = there
        done = _done(recipe, root, parts, bought)
        described, cost = sum(_count(part) for part in done), _cost(recipe, root, done)
        left = [part for part in parts if part not in done]
        if left:
            say(f"looking {sum(_count(part) for part in left):,} {recipe.kind}s up in the ledger")
        seen = [*_described(left, recipe, look), *_refined(parts, recipe, look)]
        return Standing(
            True, described + sum(s.done for s in seen if s.looks), sum((s.asked for s in seen), NO_REQUESTS),
            sum(not s.looks for s in seen), to_come, cost + sum(s.paid for s in seen) / USD, bought,
        )  # fmt: skip


def _images(recipe: Recipe, root: Path, scratch: Workspace, say: Say) -> tuple[list[Part], int]:
    """Where the images of a recipe are, and how many are left out: those that are not imported are imported into
    `scratch`, unless there are many."""
    built = Workspace(root)
    shards = [(import_images.ref(recipe, shard), shard) for shard in import_images.cut(scratch, recipe)]
    parts = [Part(built, (ref,)) for ref, _ in shards if built.complete(ref)]
    new = [(ref, shard) for ref, shard in shards if not built.complete(ref)]
    images = sum(isinstance(item, Item) for _, shard in new for item in shard.items)
    if images > MOST_NEW:
        return parts, images
    if images:
        say(f"importing {images:,} images to look them up in the ledger")
    for ref, shard in new:
        execute(import_images, scratch, recipe, shard)
        parts.append(Part(scratch, (ref,)))
    return parts, 0


def _clips(recipe: Recipe, root: Path) -> tuple[list[Part], int] | None:
    """Where the clips of a recipe are, and how many are left out, for earlier stages have work left for them; None
    where it is not chosen yet which ones are rendered."""
    built = Foreseen(root)
    for name in order(recipe)[: order(recipe).index("caption")]:
        plan = cut(STAGES[name], built, recipe)
        built.pointers[name] = [ref for ref, _ in plan.shards]
        if name == "plan" and plan.todo:
            return None
    beside = [ref for ref in built.current(*READS[1:]) if built.complete(ref)]
    parts, left = [], 0
    for ref, shard in cut(STAGES["render"], built, recipe).shards:
        with_it = [r for r in beside if r.key == ref.key]
        if built.complete(ref) and len(with_it) == len(READS) - 1:
            parts.append(Part(built, (ref, *with_it)))
        else:
            left += len(shard.items[1].clips)
    return parts, left


def _done(recipe: Recipe, root: Path, parts: list[Part], bought: Bought) -> list[Part]:
    """The parts that the caption stage has described to its end by these settings: no need to look at them again,
    where the ledger is still the one that was asked."""
    before = cut(caption, Workspace(root), recipe)
    if before.todo:
        return []
    refs = {ref for _, shard in before.shards for ref in shard.upstream}
    done = [part for part in parts if refs.issuperset(part.refs)]
    enough = bought.answers >= recipe.caption.candidates * sum(_count(part) for part in done)
    return done if enough else []


def _count(part: Part) -> int:
    record = part.home.record(part.refs[0])
    return int(record["tables"].get("samples", 0)) if record else 0


def _cost(recipe: Recipe, root: Path, done: list[Part]) -> float:
    """USD that the descriptions of these parts cost."""
    ids = {s.id for part in done for s in part.home.rows(Sample, part.refs[:1])}
    total = 0.0
    workspace = Workspace(root)
    for ref, _ in cut(caption, workspace, recipe).shards if ids else ():
        part = workspace.part_path("annotations", ref)
        if part.exists():
            rows = pq.read_table(part, columns=["sample", "cost_usd"]).to_pylist()
            total += sum(row["cost_usd"] for row in rows if row["sample"] in ids)
    return total


@dataclass(frozen=True)
class Seen:
    """One sample or class that was looked up."""

    looks: bool
    """Whether it is a sample."""
    asked: Asked
    """What is still to ask about it, at most."""
    paid: int
    """Nano-dollars."""

    @property
    def done(self) -> bool:
        return self.asked == NO_REQUESTS


def _described(parts: list[Part], recipe: Recipe, look: Look) -> Iterator[Seen]:
    """The samples of `parts`."""
    want, most = recipe.caption, most_requests(recipe.caption)
    if not parts:
        return
    encode = sentence_encoder(want.encoder)

    async def one(item: tuple[Sample, Known]) -> Seen:
        mine, rng = replace(look), generator(recipe.seed, caption.name, item[0].id)
        try:
            subject = await asyncio.to_thread(subject_of, *item, mine, rng)
            await describe(subject, want, model_of(want), mine, encode, rng)
        except Unanswered:
            return Seen(True, left_about_a_sample(want, mine.left(most)), mine.paid)
        except BadInput:
            pass  # nothing more is asked about what goes to `rejects`
        return Seen(True, NO_REQUESTS, mine.paid)

    def items() -> Iterator[tuple[Sample, Known]]:
        for part in parts:
            shard, nowhere = Shard("all", part.refs), Path()
            yield from samples(Context(part.home, part.refs[0], shard, recipe.seed, None, recipe, nowhere, nowhere))

    async def all_of_them() -> AsyncGenerator[Seen]:
        async with aclosing(ordered(items(), one, at_once(want), lambda error: True)) as outcomes:
            async for _, outcome in outcomes:
                if isinstance(outcome, Seen):
                    yield outcome

    yield from drained(all_of_them)


def _refined(parts: list[Part], recipe: Recipe, look: Look) -> Iterator[Seen]:
    """The classes that occur in `parts`, where their texts are refined."""
    want, known = recipe.caption, texts(recipe)
    if known is None or not want.class_text.refine:
        return
    encode = sentence_encoder(want.encoder)
    labels = {s.defect for part in parts for s in part.home.rows(Sample, part.refs[:1])} & known.classes.keys()
    for label in sorted(labels):
        mine, rng = replace(look), np.random.default_rng(int(digest(recipe.seed, "class text", label), 16))
        asked = NO_REQUESTS
        try:
            asyncio.run(classes.refined(known, label, want, model_of(want), mine, encode, rng))
        except Unanswered:
            asked = Asked(texts=max(about_a_class(want) - mine.answered, 0), merges=1)
        except BadInput:
            pass
        yield Seen(False, asked, mine.paid)
