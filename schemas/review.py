"""What a recipe says about the part of people: who labels how, quality rounds, when a release is no draft."""

from typing import Literal, Self

from pydantic import Field, model_validator

from schemas.section import Section, Share

ProjectName = Literal["interval", "clip", "mask", "box", "caption", "scene", "match"]


class Quality(Section):
    """Quality rounds after annotation (InspecSafe-V1, quality control): independent reviewers judge a sample."""

    rounds: int = Field(0, ge=0, le=5)
    """Rounds that every batch has to pass; InspecSafe has 2, 0 asks for none."""
    visual: Share = 0.05
    """Share of the samples whose visual annotations (intervals, masks, boxes) a round judges."""
    semantic: Share = 0.10
    """Share of the samples whose semantic annotations (captions, classes, levels) a round judges."""
    min_accuracy: Share = 0.95
    """A round passes only when more than this share of what it judged is without error."""
    plan: Literal["share", "acceptance"] = "share"
    """`acceptance`: the sample is as large as the two risks below ask for, if that is more than the share."""
    producer_risk: Share = 0.05
    """Of an acceptance plan: how often a batch with `good` errors may fail."""
    consumer_risk: Share = 0.10
    """Of an acceptance plan: how often a batch with `bad` errors may pass."""
    good: Share = 0.01
    """Share of errors that is fine."""
    bad: Share = 0.08
    """Share of errors that must not pass."""
    confidence: float = Field(0.95, gt=0, lt=1)
    """Of the interval that is stated with every accuracy."""

    @model_validator(mode="after")
    def _worse(self) -> Self:
        if self.good >= self.bad:
            raise ValueError("`good` errors are fewer than `bad` ones")
        return self


class Review(Section):
    round: int = Field(1, ge=1)
    """The round that reviewers work on."""
    min_accepted: Share = 0.95
    """The round passes when every sample has its verdicts and this share is accepted as it was or corrected."""
    projects: tuple[ProjectName, ...] = ()
    """What people are asked, by the names of labelling projects; by the kind of the samples if none is named."""
    annotators: int = Field(1, ge=1, le=10)
    """People who work on each sample, independently of each other."""
    min_agreement: Share = 0.8
    """Samples whose annotators agree less than this go to adjudication."""
    project_tasks: int = Field(2000, ge=1, le=100_000)
    """Tasks of a Label Studio project, at most; larger work is split."""
    seconds_per_task: float = Field(45.0, gt=0)
    """What a task takes a person, for forecasts, until there are measured times."""
    quality: Quality = Quality()
