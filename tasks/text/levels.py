"""The four text levels of every sample and its structured attributes (SteelDefectX, annotation levels T0 to T3)."""

from collections.abc import Iterator
from typing import Any

from annotation import classes
from annotation.labels import current
from annotation.measuring.attributes import attributes
from schemas.errors import BadInput
from schemas.names import spoken
from schemas.recipe import Recipe
from schemas.rows import Annotation, ClassDescription, Description, Row, Sample
from tasks.stage import MAKER, Context, Shard, makers, stage
from tasks.text.pictured import Known, known_of, shown
from tasks.workspace import Workspace

BESIDE = ("visibility", "keyframes", "caption", "review", "reannotation")
UNMEASURED: dict[str, Any] = {
    "shape": None, "direction": None, "distribution": None, "number": None, "position": None, "shares": [],
    "scale": None, "polarity": None, "saliency": None,
}  # fmt: skip
"""The measured columns of a sample on which no defect is marked or seen."""


def _cut(workspace: Workspace, recipe: Recipe) -> Iterator[Shard]:
    """One shard per shard of samples, with what is said of all at once beside what is said of these."""
    beside = workspace.current(*BESIDE, "class_text")
    for ref in workspace.current(*makers(recipe, MAKER)):
        yield Shard(ref.key, (ref, *(r for r in beside if r.key in (ref.key, "all"))))


@stage(
    version=4, reads=(MAKER, *BESIDE, "class_text"), writes=("descriptions",), settings=lambda recipe: None, cut=_cut
)
def levels(shard: Shard, ctx: Context) -> Iterator[Row]:
    """T0 from the class name, T1 from the class, T2 as the model chose it, T3 as people left it; and what is measured.

    T2 is what the machine wrote, whatever people made of it; a sample that nobody has reviewed has no T3. The
    attributes are measured in the picture that was described. One that cannot be measured goes to `rejects`.
    """
    texts = classes.current(list(ctx.rows(ClassDescription)))
    samples = {s.id: s for s in ctx.rows(Sample)}
    captions: dict[str, list[Annotation]] = {id_: [] for id_ in samples}
    for a in ctx.rows(Annotation):
        if a.task == "caption" and a.sample in captions:
            captions[a.sample].append(a)
    known = known_of(ctx)
    for id_, sample in samples.items():
        by_machine, standing = (
            current(rows)
            for rows in ([a for a in captions[id_] if a.author_kind != "person"], captions[id_])
        )  # fmt: skip
        machine = by_machine[id_].by_task.get("caption") if by_machine else None
        final = standing[id_].by_task.get("caption") if standing else None
        try:
            measured = _measured(sample, known[id_])
        except BadInput as e:
            yield ctx.reject(id_, e)
            continue
        text = texts.get(sample.defect)
        yield Description(
            sample=id_,
            t0=classes.class_name(sample.defect, sample.object),
            t1=text.text if text else None,
            t2=machine.text if machine else None,
            t3=final.text if final and final.author_kind == "person" else None,
            **measured,
        )


def _measured(sample: Sample, known: Known) -> dict[str, Any]:
    """The columns of the structured attributes. Raises BadInput for a picture or mask that cannot be used."""
    picture, mask = shown(sample, known)
    if mask is None or not mask.any():
        template = classes.class_name(sample.defect, sample.object)
        return {"type": spoken(sample.defect), "template": template[:1].upper() + template[1:], **UNMEASURED}
    facts = known.defect_type.facts if known.defect_type else None
    return attributes(picture, mask, sample.defect, facts, known.within).columns()
