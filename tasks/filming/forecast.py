"""What a build will cost and show, before anything is built."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from annotation.asking.sessions import model_of
from annotation.models.prices import UnknownPrice
from schemas.errors import BadInput, CallError
from schemas.filming import Render
from schemas.names import VIEWS
from schemas.recipe import Recipe
from tasks.filming.decisive import rendering, steered
from tasks.filming.instances import instances
from tasks.filming.plan import FLAGS, Planner, aim
from tasks.filming.render import light_samples
from tasks.filming.survey import surveyed
from tasks.stage import generator
from tasks.text.answered import UNKNOWN, Standing
from tasks.text.costs import beyond, most_requests, text_cost

BITS_PER_PIXEL = 0.12
"""H.264 at CRF 18 on these clips, measured on the demo; half for every 6 steps of CRF."""
SECONDS_PER_START = 1.5
SECONDS_PER_FRAME = 0.02
SECONDS_PER_MEGASAMPLE = {"traced": 2.4, "baked": 1.0}
SECONDS_PER_LIGHT_SAMPLE = 2.0
SECONDS_PER_FLOOR_MEGAPIXEL = 30.0
SECONDS_PER_DENOISED_MEGAPIXEL = 1.9
SECONDS_PER_ENCODED_MEGAPIXEL = 0.3
"""CPU seconds, fitted to Cycles with one thread on a two-core Xeon machine that was busy with other work, six scenes
at 96x54 to 640x360 with 1 to 8 samples; encoding is that of a pair, marking included. An idle machine needs a third
less. A picture of the floor is made once per orbit, the larger the larger a frame is. A start has Blender's own, the
scene of an object of some 25,000 vertices, and the metering of the exposure."""
SECONDS_PER_IMAGE = 0.35
"""CPU seconds from file to release with measured descriptions, of the 488 images of recipes/real-images.yaml."""
BYTES_PER_IMAGE_PIXEL = 0.7
"""Of PNG files of mostly grey images."""
SECONDS_PER_SURVEY = 2.5
"""CPU seconds for one candidate orbit: most of them make the object and its defect."""


@dataclass(frozen=True)
class Views:
    """What a sample of the defective instances would show, chosen as the `plan` stage would choose."""

    surveyed: int
    """Instances in the sample."""
    rejected: tuple[str, ...]
    """Those that cannot be filmed, and why."""
    wanted: dict[str, float] | None
    """Shares of the clips by view; None when the recipe leaves them to chance."""
    got: dict[str, float]
    """Shares of the clips that would be rendered, by view."""
    flagged: dict[str, float]
    """Shares of the clips with a visible defect in which it is only seen at a grazing angle, small, …"""
    skipped: float
    """Share of the clips that would not be rendered, because there are enough of their view."""


@dataclass(frozen=True)
class Forecast:
    """Rendering within a factor of two; tokens and money as the most that can still be asked for."""

    instances: int
    clips: int
    """Those that would be rendered."""
    images: int
    """Those that would be imported."""
    rendered_frames: int
    cpu_hours: float
    disk_mb: float
    caption_requests: int
    tokens_in: int | None
    """None, like the money, for a model whose price is not known."""
    tokens_out: int | None
    cost_usd: float | None
    """As the recipe asks: online or in batches."""
    online_usd: float | None
    batch_usd: float | None
    budget_usd: float | None
    """What the recipe allows; None where nothing is paid."""
    described: int | None
    """Samples that need no request any more; None, like the next, where that cannot be known or nothing is paid."""
    paid_usd: float | None
    """What the answers cost that a build will find in the ledger."""
    notes: tuple[str, ...]
    """What the figures about texts cover."""
    warnings: tuple[str, ...]
    """What would stop a build before its end."""
    views: Views | None


def forecast(recipe: Recipe, survey: int = 0, images: int = 0, classes: int = 0, come: Standing = UNKNOWN) -> Forecast:
    """The forecast of a recipe; `survey` instances with a defect are looked at with rays to tell what will be seen.

    `images` is how many its sources hold, and `classes` of how many classes; `come` is how far its texts have come.
    """
    want = recipe.render
    made = instances(recipe)
    defective = [i for i in made if i.defect != "none"]
    views = expected(recipe, survey) if survey and defective else None
    kept = 1 - views.skipped if views else 1.0
    orbits = len(made) - len(defective) + kept * len(defective)
    clips = round(orbits * want.clips)
    videos = orbits + kept * len(defective)
    bits = BITS_PER_PIXEL * 2 ** ((18 - want.crf) / 6) * want.width * want.height * want.orbit_frames * videos
    looks = len(made) - len(defective) + len(defective) * (recipe.plan.candidates if steered(recipe) else 1)
    seconds = frame_seconds(want) * orbits * want.orbit_frames + SECONDS_PER_SURVEY * looks
    seconds += SECONDS_PER_IMAGE * images
    stored = bits / 8 + images * BYTES_PER_IMAGE_PIXEL * (recipe.images.side or 1024) ** 2
    starts = len(made) * -(-want.orbit_frames // want.frames_per_process)
    texts = _texts(clips + images, classes or len({i.defect for i in defective}), recipe, come)
    texts["warnings"] = (*_missing(recipe), *texts["warnings"])
    return Forecast(
        instances=len(made),
        clips=clips,
        images=images,
        rendered_frames=clips * want.clip_frames,
        cpu_hours=round((seconds + SECONDS_PER_START * starts) / 3600, 3),
        disk_mb=round(3 * stored / 1e6, 1),  # in the workspace, in the release, and in its shards
        views=views,
        **texts,
    )


def _missing(recipe: Recipe) -> Iterator[str]:
    """What a recipe names for its pictures, and is not there."""
    try:
        rendering(recipe)
    except CallError as e:
        yield str(e)


def _texts(samples: int, classes: int, recipe: Recipe, come: Standing) -> dict[str, Any]:
    """What a forecast says about texts."""
    want, bought = recipe.caption, come.bought
    if come.looked:  # what is not filmed yet is forecast whole, with the classes that only this may have
        samples, classes = come.to_come, max(0, classes - come.classes) if come.to_come else 0
    about: dict[str, Any] = {"described": None, "paid_usd": None, "notes": tuple(_notes(recipe, come))}
    try:
        asked = text_cost(samples, want, classes, come.asked)
    except UnknownPrice as e:
        unknown = dict.fromkeys(("tokens_in", "tokens_out", "cost_usd", "online_usd", "batch_usd"))
        requests = samples * most_requests(want)
        return about | {
            "caption_requests": requests, **unknown, "budget_usd": want.budget_usd, "warnings": (str(e),),
        }  # fmt: skip
    if want.provider != "measured" and (come.looked or not bought.answers):
        about |= {"described": come.described, "paid_usd": round(come.paid_usd, 6)}
    named = dataclasses.asdict(asked)
    return about | {
        "caption_requests": named.pop("requests"), **named,
        "budget_usd": want.budget_usd if asked.cost_usd else None,
        "warnings": beyond(asked, want, bought.spent_usd, bought.tokens),
    }  # fmt: skip


def _notes(recipe: Recipe, come: Standing) -> Iterator[str]:
    """What the figures about texts cover, where the ledger has answers of the recipe's model."""
    bought, model = come.bought, f"{recipe.caption.provider} {model_of(recipe.caption)}"
    if not bought.answers:
        return
    if not come.looked:
        yield (
            f"the ledger has {bought.answers:,} answers of {model}, but which of them a build asks for is not known "
            "before its pictures are there: requests, tokens and money are those of all texts"
        )
        return
    yield (
        f"{recipe.kind}s that are described already: {come.described:,}; answers for {come.paid_usd:.4f} USD are in "
        "the ledger, and requests, tokens and money are what is still to ask, at most"
    )
    if come.to_come:
        yield (
            f"{recipe.kind}s that earlier stages have work left for: {come.to_come:,}; what is asked about them is "
            "not known before, so all of their texts are counted"
        )


def frame_seconds(want: Render) -> float:
    """CPU seconds for one frame: rendered once, marked and encoded; within a factor of two."""
    pixels = want.width * want.height / 1e6
    light = light_samples(want)
    renders = SECONDS_PER_MEGASAMPLE["baked" if light else "traced"] * want.samples
    renders += SECONDS_PER_DENOISED_MEGAPIXEL * (want.denoise != "off")
    frame = SECONDS_PER_FRAME + pixels * (renders * (2 if want.pair == "two" else 1) + SECONDS_PER_ENCODED_MEGAPIXEL)
    if not light:
        return frame
    return frame + (SECONDS_PER_LIGHT_SAMPLE * light + SECONDS_PER_FLOOR_MEGAPIXEL * pixels) / want.orbit_frames


def expected(recipe: Recipe, count: int) -> Views:
    """What a seeded sample of `count` defective instances would show."""
    defective = [i for i in instances(recipe) if i.defect != "none"]
    drawn = generator(recipe.seed, "forecast", "sample").permutation(len(defective))[:count]
    planner, rejected = Planner(aim(recipe), recipe.dataset), []
    for n in sorted(drawn):
        try:
            planner.clips(surveyed(defective[n], recipe))
        except BadInput as e:
            rejected.append(f"{defective[n].key}: {e}")
    rendered, shown = planner.views.sum(), planner.views[1:].sum()
    mix = recipe.plan.mix
    return Views(
        surveyed=len(drawn),
        rejected=tuple(rejected),
        wanted=None if mix is None else {v: float(getattr(mix, v)) for v in VIEWS},
        got={v: _share(n, rendered) for v, n in zip(VIEWS, planner.views, strict=True)},
        flagged={f: _share(n, shown) for f, n in zip(FLAGS, planner.flagged, strict=True)},
        skipped=_share(planner.planned - rendered, planner.planned),
    )


def _share(part: float, whole: float) -> float:
    return round(float(part / whole), 4) if whole else 0.0
