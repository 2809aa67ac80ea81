"""One item to be judged for each kind of labelling project, and rows of every kind of region."""

import cv2
import numpy as np

from annotation.labelling import brush
from annotation.labelling.configuration import Class, configuration
from annotation.labelling.project import Item, Project
from schemas.rows import Annotation, Attribute, Claim, Interval, Region, Relation, Sample, Score, annotation

NASTY = 'Rust, "A" <b>&amp;</b> 🔥 ünï'
CLASSES = [
    Class("pipeline", "Pipeline"), Class("cone", "Traffic Cone"), Class(NASTY), Class("long", "very " * 60 + "long"),
    *(Class(f"object_{n:03}", f"Object {n}") for n in range(230)),
]  # fmt: skip
FREQUENT = ["cone", "pipeline", NASTY]
WIDTH, HEIGHT = 641, 479


def sample(kind: str = "image") -> Sample:
    moving = {"frames": 60, "fps": 15.0, "clip": 0} if kind == "clip" else {}
    return Sample(
        id=f"sample-{kind}", kind=kind, dataset="try", media=[], groups=[], shard="s", object=NASTY, instance="i",
        defect="crack", width=WIDTH, height=HEIGHT, **moving,
    )  # fmt: skip


def mask() -> np.ndarray:
    canvas = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(canvas, (460, 300), (90, 50), 30, 0, 360, 1, -1)
    cv2.circle(canvas, (470, 300), 12, 0, -1)
    return canvas


def regions(*kinds: str) -> list[Region]:
    """One region of each kind, and a second polygon."""
    size = {"width": WIDTH, "height": HEIGHT}
    f32 = [float(np.float32(v)) for v in (33.3, 40.1, 190.7, 52.25, 150.5, 201.9)]
    all_ = [
        Region("poly1", "polygon", NASTY, f32, attributes=[Attribute("note", 'a "note" & <more>'),
               Attribute("state", "occluded"), Attribute("state", "truncated")], **size),
        Region("poly2", "polygon", "object_117", [300.0, 40.0, 420.0, 40.0, 420.0, 130.0, 300.0, 130.0], **size),
        Region("box1", "box", "cone", [220.0, 60.0, 60.0, 110.0], 15.0, **size),
        Region("box2", "box", "pipeline", [20.0, 300.0, 251.0, 81.0], attributes=[Attribute("state", "truncated")],
               **size),
        Region("brush1", "brush", "pipeline", [], counts=brush.encoded(mask()), **size),
    ]  # fmt: skip
    return [r for r in all_ if r.kind in kinds]


def said(task: str, kind: str = "image", **what: object) -> Annotation:
    return annotation(
        sample=f"sample-{kind}", task=task, author_kind="model", author="m", author_version="1", status="candidate",
        **what,
    )  # fmt: skip


SPANS = [Interval(0, 1), Interval(9, 28), Interval(40, 60)]
CLAIMS = [
    Claim("location", "in the upper left", "upper left", "contradicted", "lower right"),
    Claim("shape", "thin", "linear", "supported", "linear"),
]
FACTS = {
    "Visible": "31 of 60 frames, 2.1 s",
    "Largest": "1.8 % of the image",
    "Place": "lower right",
    "Shape": "linear",
}


def captions(kind: str) -> tuple[Annotation, ...]:
    texts = (
        "A long thin crack runs across the lower right of the vessel, darker than the paint around it.",
        "A crack in the upper left, thin, that ends at the rim. See s3://bucket/secret.jpg for another.",
        'It says "<script>alert(1)</script>" & nothing else 🔥.',
    )
    claims = ([], CLAIMS, [])
    return tuple(said("caption", kind, text=t, claims=c, candidate=n) for n, (t, c) in enumerate(zip(texts, claims,
                 strict=True)))  # fmt: skip


def items() -> dict[tuple[str, str], Item]:
    """By project and kind of sample."""
    still = {"image": "/data/local-files/?d=lab/media/picture.jpg"}
    moving = {
        "unmarked": "/data/local-files/?d=lab/media/clip.mp4",
        "marked": "/data/local-files/?d=lab/media/marked.mp4",
    }
    interval = said("visible_interval", "clip", intervals=SPANS)
    masks = said("mask", regions=regions("polygon", "brush"), relations=[Relation("poly1", "poly2", ["part of"])])
    boxes = said("box", regions=regions("box"), relations=[Relation("box2", "box1", ["on", "causes"])])
    rated = said("caption", text=captions("image")[1].text, claims=CLAIMS, scores=[Score("rating", 3.0)])
    scene = said("scene", text="A gallery with a belt conveyor; a person without a hard hat stands beside the belt.")
    level = said("safety_level", label="I", choices=["no hard hat", "no gloves"])
    about_clip = said("caption", "clip", text=captions("clip")[1].text)
    picture = sample()
    clip = sample("clip")
    return {
        ("interval", "clip"): Item(clip, moving, {"visible_interval": interval}),
        ("clip", "clip"): Item(clip, moving, {"visible_interval": interval, "caption": about_clip}, captions("clip"),
                               FACTS),
        ("mask", "image"): Item(picture, still, {"mask": masks}),
        ("box", "image"): Item(picture, still, {"box": boxes}),
        ("caption", "image"): Item(picture, still, {"caption": rated}, captions("image"), FACTS),
        ("caption", "clip"): Item(clip, moving, {"caption": about_clip}, captions("clip"), FACTS),
        ("scene", "image"): Item(picture, still, {"scene": scene, "safety_level": level}, scenario="coal"),
        ("match", "image"): Item(picture, still, {"match": said("match", label="pipeline", choices=["yes"])}),
        ("quality-visual", "image"): Item(picture, still, {"mask": masks, "box": boxes}),
        ("quality-visual", "clip"): Item(clip, moving, {"visible_interval": interval}),
        ("quality-semantic", "image"): Item(picture, still, {"scene": scene, "safety_level": level},
                                            remarks=("Round 1: the level is wrong.",)),
    }  # fmt: skip


def config(project: Project, kind: str) -> str:
    return configuration(project.config or project.name, kind, CLASSES, FREQUENT)


ANSWERED = {
    "interval": {"interval_verdict": "accept"},
    "clip": {"interval_verdict": "accept", "caption_verdict": "accept"},
    "mask": {"verdict": "accept"},
    "box": {"verdict": "accept"},
    "caption": {"caption_verdict": "accept"},
    "scene": {},
    "match": {},
    "quality-visual": {"quality": "correct"},
    "quality-semantic": {"context": "yes", "level": "yes", "complete": "yes"},
}
"""What a person adds to what was filled in when all of it is right."""
