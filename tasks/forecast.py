"""What a build will cost, before anything is built."""

from dataclasses import dataclass

from annotation.prices import FREE, price
from schemas.recipe import Caption, Recipe
from tasks.render import effort, instances

PROMPT_TOKENS = 400
"""A prompt of ours, generously: the longest has under 300 words."""
BITS_PER_PIXEL = 0.12
"""H.264 at CRF 18 on these clips, measured on the demo; half for every 6 steps of CRF."""


@dataclass(frozen=True)
class Forecast:
    """Rendering within a factor of two; tokens and money as the most that can be asked for."""

    instances: int
    clips: int
    rendered_frames: int
    cpu_hours: float
    disk_mb: float
    caption_requests: int
    tokens_in: int
    tokens_out: int
    cost_usd: float


def forecast(recipe: Recipe) -> Forecast:
    """The forecast of a recipe. Raises DefectoryError for a paid model whose price is not known."""
    want = recipe.render
    made = instances(recipe)
    one = effort(want)
    clips = len(made) * want.clips
    videos = len(made) + sum(i.defect != "none" for i in made)
    bits = BITS_PER_PIXEL * 2 ** ((18 - want.crf) / 6) * want.width * want.height * want.orbit_frames * videos
    paid = FREE if recipe.caption.provider == "measured" else price(recipe.caption.provider, recipe.caption.model)
    requests = 0 if paid is FREE else clips * most_requests(recipe.caption)
    tokens_in = requests * (PROMPT_TOKENS + paid.image_tokens)
    tokens_out = requests * recipe.caption.max_tokens
    return Forecast(
        instances=len(made),
        clips=clips,
        rendered_frames=one.frames * len(made),
        cpu_hours=round(one.cpu_s * len(made) / 3600, 3),
        disk_mb=round(3 * bits / 8e6, 1),  # in the workspace, in the release, and in its shards
        caption_requests=requests,
        tokens_in=tokens_in,
        tokens_out=tokens_out,
        cost_usd=round(paid.of(tokens_in, tokens_out) / 1e9, 2),
    )


def most_requests(want: Caption) -> int:
    """Per sample: the candidates, and a supplement question for each of the five dimensions."""
    return want.candidates + (5 if want.min_dimensions else 0)
