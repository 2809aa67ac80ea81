"""The `plan` stage: which orbit of every instance is filmed, and where its clips begin.

The clips of an orbit are cut from a circle, so moving their borders by whole frames changes what each of them
shows. Over the surveyed orbits of an instance and all such moves, the plan takes what brings the data set nearest
to the wanted mix of views, given the choices made before: in recipe order, so that instances appended to a recipe
leave the earlier choices as they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.digests import digest
from schemas.names import VIEWS
from schemas.recipe import Recipe
from schemas.rows import Annotation, Planned, Row, Score, Signal, Survey, annotation
from tasks.stage import Context, Shard, gathering, stage
from tasks.visibility import settled

BRIEF = 1 / 3
"""A defect in more than this share of a clip's frames is no longer seen briefly."""
VERSION = 2
FLAGS = ("grazing", "small", "low_contrast")


def view(seen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Index into `VIEWS` of clips (…) whose frames (…, frames) show the defect or not."""
    share = seen.mean(axis=-1)
    return np.asarray((share > 0).astype(np.int64) + (share > BRIEF) + (share == 1))


@dataclass(frozen=True)
class Aim:
    """All that decides a plan."""

    mix: tuple[float, ...] | None
    """Wanted shares of the defective clips, in the order of `VIEWS`."""
    shares: tuple[float | None, ...]
    """Wanted shares of the clips that show their defect, in the order of `FLAGS`."""
    grazing_deg: float
    small_px: float
    low_contrast_pct: float
    skip: bool
    min_pixels: float
    """A frame shows the defect when it covers so many pixels."""
    min_frames: int
    """Of an interval; what shows for a shorter time counts for nothing, as in the labels."""
    close_gap: int
    """Frames of a gap that does not end an interval."""
    clips: int
    """Of an orbit."""
    frames: int
    """Of a clip."""
    fps: int


def aim(recipe: Recipe) -> Aim:
    want, film = recipe.plan, recipe.render
    return Aim(
        mix=None if want.mix is None else tuple(getattr(want.mix, v) for v in VIEWS),
        shares=tuple(getattr(want, f) for f in FLAGS),
        grazing_deg=want.grazing_deg,
        small_px=want.small_pct / 100 * film.width * film.height,
        low_contrast_pct=want.low_contrast_pct,
        skip=want.skip,
        min_pixels=recipe.visibility.min_pixels,
        min_frames=recipe.visibility.min_frames,
        close_gap=recipe.visibility.close_gap,
        clips=film.clips,
        frames=film.clip_frames,
        fps=film.fps,
    )


@stage(
    version=VERSION,
    reads=("survey",),
    writes=("plans", "signals", "annotations"),
    settings=aim,
    cut=gathering("survey"),
)
def plan(shard: Shard, ctx: Context) -> Iterator[Row]:
    """One row per clip: the orbit it belongs to, what it will show, and whether it is worth rendering.

    What is foreseen of a clip is kept as a signal and an annotation of its own, apart from what is rendered: a
    forecast that changes renders nothing again.
    """
    planner = Planner(ctx.settings, ctx.recipe.dataset)
    for _, surveys in groupby(ctx.rows(Survey), key=lambda s: s.instance):
        for clip in planner.clips(list(surveys)):
            yield clip
            if clip.rendered and clip.view:
                yield Signal(clip.sample, "planned_pixels", "px", float(ctx.settings.fps), clip.pixels)
                yield foreseen(clip)


def foreseen(clip: Planned) -> Annotation:
    """The forecast of a clip: its view as the label, flags as 0 or 1 and what they were judged by as scores."""
    named = {name: getattr(clip, name) for name in (*FLAGS, "incidence_deg", "contrast_pct")}
    scores = [Score(name, float(value)) for name, value in named.items() if value is not None]
    return annotation(
        sample=clip.sample, task="view", author_kind="rule", author="planner", author_version=str(VERSION),
        status="accepted", label=clip.view, scores=scores,
    )  # fmt: skip


def sample_id(dataset: str, instance: str, clip: int) -> str:
    """Stable across rebuilds, and silent about the label and the plan."""
    return "c" + digest(dataset, instance, clip, length=15)


@dataclass(frozen=True)
class _Options:
    """What the clips would show for each candidate orbit and each move of the borders: (candidates, moves, clips)."""

    view: NDArray[np.int64]
    pixels: NDArray[np.float64]
    """(candidates, moves, clips, frames)"""
    incidence: NDArray[np.float64]
    contrast: NDArray[np.float64]
    flags: NDArray[np.bool_]
    """(candidates, moves, clips, len(FLAGS))"""


class Planner:
    """Chooses for one instance after the other and keeps the totals."""

    def __init__(self, aim: Aim, dataset: str) -> None:
        self.aim, self.dataset = aim, dataset
        self.planned = 0
        """Clips of defective instances so far, skipped ones included."""
        self.views = np.zeros(len(VIEWS))
        """Those to be rendered, by view."""
        self.flagged = np.zeros(len(FLAGS))
        """Those of them that show their defect, by flag."""

    def clips(self, surveys: list[Survey]) -> list[Planned]:
        """The clips of one instance, from the surveys of its orbits. None when no orbit can be filmed."""
        usable = [s for s in surveys if s.problem is None]
        if not usable:
            return []
        if not usable[0].pixels:
            return [self._planned(usable[0], 0, clip, rendered=True) for clip in range(self.aim.clips)]
        options = self._options(usable)
        candidate, move = np.unravel_index(int(self._cost(options).argmin()), options.view.shape[:2])
        made = []
        for clip in range(self.aim.clips):
            at: Any = (candidate, move, clip)
            made.append(
                self._planned(
                    usable[int(candidate)],
                    int(move),
                    clip,
                    rendered=self._keep(int(options.view[at]), options.flags[at]),
                    view=VIEWS[options.view[at]],
                    pixels=[round(float(p), 2) for p in options.pixels[at]],
                    **self._facts(options, at),
                )
            )
        return made

    def _planned(self, survey: Survey, move: int, clip: int, **facts: Any) -> Planned:
        orbit = self.aim.clips * self.aim.frames
        return Planned(
            sample=sample_id(self.dataset, survey.instance, clip),
            instance=survey.instance,
            clip=clip,
            candidate=survey.candidate,
            elevation_deg=survey.elevation_deg,
            focal_mm=survey.focal_mm,
            room=survey.room,
            start_deg=survey.start_deg + 360.0 * move / orbit,
            arc=survey.arc,
            **facts,
        )

    @staticmethod
    def _facts(options: _Options, at: Any) -> dict[str, Any]:
        """What holds only for a clip that shows its defect."""
        if not options.view[at]:
            return {}
        flags = dict(zip(FLAGS, options.flags[at].tolist(), strict=True))
        measured = {"incidence_deg": options.incidence[at], "contrast_pct": options.contrast[at]}
        return flags | {name: round(float(value), 2) for name, value in measured.items()}

    def _options(self, usable: list[Survey]) -> _Options:
        clips, frames = self.aim.clips, self.aim.frames
        # Moving the borders by a whole clip only numbers the clips anew.
        index = np.arange(frames)[:, None, None] + np.arange(clips * frames).reshape(clips, frames)
        index %= clips * frames
        pixels, incidence, contrast = (
            np.array([getattr(s, name) for s in usable])[:, index]
            for name in ("pixels", "incidence_deg", "contrast_pct")
        )
        seen = settled(pixels >= self.aim.min_pixels, self.aim.min_frames, self.aim.close_gap)
        shown = np.asarray(seen.any(axis=-1))
        least = np.where(seen, incidence, np.inf).min(axis=-1)
        most = np.where(seen, contrast, 0.0).max(axis=-1)
        small = pixels.max(axis=-1) < self.aim.small_px
        flags = np.stack([least > self.aim.grazing_deg, small, most < self.aim.low_contrast_pct], axis=-1)
        return _Options(view(seen), pixels, least, most, flags & shown[..., None])

    def _cost(self, options: _Options) -> NDArray[np.float64]:
        """Squared distance of the totals from the wanted ones, in clips, after each choice (candidates, moves)."""
        cost = np.zeros(options.view.shape[:2])
        if self.aim.mix is None and all(share is None for share in self.aim.shares):
            return cost  # the first orbit as it was drawn
        views = self.views + (options.view[..., None] == np.arange(len(VIEWS))).sum(axis=-2)
        if self.aim.mix is not None:
            wanted = np.array(self.aim.mix) * (self.planned + self.aim.clips)
            # What is over its share is not rendered, and does no harm then.
            kept = np.minimum(views, _most(wanted)) if self.aim.skip else views
            cost += np.square(kept - wanted).sum(axis=-1)
        flagged, shown = self.flagged + options.flags.sum(axis=-2), views[..., 1:].sum(axis=-1)
        for k, share in enumerate(self.aim.shares):
            if share is not None:
                # Straight on beyond the clips of one orbit: a share that cannot be had must not outweigh the mix.
                error, most = np.abs(flagged[..., k] - share * shown), self.aim.clips
                cost += np.where(error < most, error**2, most * (2 * error - most))
        return cost

    def _keep(self, view: int, flags: NDArray[np.bool_]) -> bool:
        """Whether a clip is rendered; counts it if so."""
        self.planned += 1
        if self.aim.skip and self.aim.mix and self.views[view] >= _most(self.aim.mix[view] * self.planned):
            return False
        self.views[view] += 1
        self.flagged += flags
        return True


def _most(wanted: Any) -> Any:
    """The number of clips that is enough of a wanted one; not thrown up by a rounding error."""
    return np.ceil(wanted - 1e-9)
