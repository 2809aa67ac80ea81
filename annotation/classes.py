"""Class-level text: what a class looks like and where it comes from (SteelDefectX, class-level annotation).

The first texts are data (`class_texts/`): name, visual attributes, likely causes. A model may refine them: many short
answers per class to several prompts (CuPL), the diverse ones merged into new phrases. What a model wrote is a candidate
until a person has read it; every version stays, with its author.
"""

import asyncio
import json
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import Field, StringConstraints, ValidationError

from annotation.asking.ask import Asks
from annotation.diversity import Encode, select, similarities
from annotation.labels import AUTHORITY, FIRMNESS
from annotation.measuring.wording import a
from annotation.models.prices import USD
from annotation.models.providers import Request, cleaned
from annotation.prompting import prompt
from schemas.captions import Caption
from schemas.digests import digest
from schemas.errors import BadInput, CallError
from schemas.names import spoken
from schemas.notation import parsed
from schemas.rows import ClassDescription
from schemas.section import Section

LOOKS = ("class-looks", "class-tell")
CAUSES = ("class-cause",)
MERGE = "class-merge"
PROMPTS = ("system", *LOOKS, *CAUSES, MERGE)
"""All that is asked with."""
NOTES = 8
"""Diverse answers that are merged, at most, for looks and for causes each."""
MERGED: dict[str, Any] = {
    "type": "object",
    "properties": {
        "attributes": {"type": "array", "items": {"type": "string"}},
        "causes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["attributes", "causes"],
    "additionalProperties": False,
}


Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Knowledge(Section):
    """What is known of one class."""

    name: str = ""
    """As it is spoken; the class with spaces, if empty."""
    attributes: tuple[Phrase, ...] = Field(min_length=1)
    """What it looks like, as phrases."""
    causes: tuple[Phrase, ...] = Field(min_length=1)
    """Where it comes from, as phrases."""


class ClassTexts(Section):
    """The class-level texts of one taxonomy, with author and version."""

    taxonomy: str
    version: str
    author: str
    status: Literal["candidate", "accepted"]
    """`accepted` once a person has read and agreed; put that person's pseudonym into `author` then."""
    object: str = "part"
    """What the classes are defects of."""
    classes: dict[str, Knowledge]


def _along(name: str) -> Any:
    return resources.files("annotation").joinpath("class_texts", f"{name}.yaml")


def comes_along(name: str) -> bool:
    """Whether there are texts for a taxonomy of that name."""
    return name.replace("-", "").replace("_", "").isalnum() and bool(_along(name).is_file())


def load(name: str) -> ClassTexts:
    """Texts by the name of a taxonomy that comes along, or by file. Raises CallError with one sentence."""
    try:
        raw = parsed((Path(name) if Path(name).suffix else _along(name)).read_text(encoding="utf-8"))
        return ClassTexts.model_validate(raw)
    except FileNotFoundError:
        raise CallError(f"caption.class_text.file {name}: no such file of class texts; give a YAML file") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise CallError(f"caption.class_text.file {name}: cannot be read ({' '.join(str(e).split()):.200})") from None
    except ValidationError as e:
        first = e.errors()[0]
        raise CallError(
            f"caption.class_text.file {name}: `{'.'.join(map(str, first['loc']))}`: {first['msg']}"
        ) from None


def class_name(label: str, object_: str) -> str:
    """T0, the class-name template; `none` and an empty label are no defect."""
    if label in ("", "none"):
        return f"a photo of {a(spoken(object_))} without a defect."
    return f"a photo of {a(spoken(object_))} with {a(spoken(label))} defect."


def sentence(name: str, attributes: tuple[str, ...] | list[str], causes: tuple[str, ...] | list[str]) -> str:
    """T1: the three parts of class-level text as one sentence."""
    looks, origins = _listed(attributes, "and"), _listed(causes, "or")
    return f"{name[:1].upper()}{name[1:]}: {looks}; typically caused by {origins}."


def _listed(phrases: tuple[str, ...] | list[str], last: str) -> str:
    said = [p.strip().rstrip(".;") for p in phrases]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])}, {last} {said[-1]}"


def written(texts: ClassTexts, label: str) -> ClassDescription:
    """The text of one class as a row. Raises BadInput for a class that has none."""
    if label not in texts.classes:
        raise BadInput(
            f"class {label}: has no class-level text in {texts.taxonomy} {texts.version}; add it to the file"
        )
    known = texts.classes[label]
    name = known.name or spoken(label)
    return _row(
        taxonomy=texts.taxonomy,
        label=label,
        name=name,
        attributes=list(known.attributes),
        causes=list(known.causes),
        text=sentence(name, known.attributes, known.causes),
        author_kind="person" if texts.status == "accepted" else "rule",
        author=texts.author,
        author_version=texts.version,
        status=texts.status,
    )


async def refined(
    texts: ClassTexts, label: str, want: Caption, model: str, asker: Asks, encode: Encode, rng: np.random.Generator
) -> ClassDescription:
    """A candidate by the model: many short answers, the diverse ones of them merged with what the file says.

    Raises BadInput when the class has no text or the model gives no usable answer, and what `Asker.ask` raises.
    """
    base = written(texts, label)

    def request(name: str, candidate: int, schema: dict[str, Any] | None = None, notes: str = "") -> Request:
        return Request(
            model=model,
            system=prompt("system") if schema is None else "",
            prompt=prompt(name).format(name=base.name, object=texts.object, notes=notes),
            asks=name,
            candidate=candidate,
            temperature=want.temperature if schema is None else 0.0,
            max_tokens=want.max_tokens,
            schema=schema,
        )

    questions = [(name, n) for name in (*LOOKS, *CAUSES) for n in range(want.class_text.answers)]
    streams = [np.random.default_rng(s) for s in rng.integers(2**63, size=len(questions) + 1)]
    asked = await asyncio.gather(
        *(asker.ask(request(*q), s) for q, s in zip(questions, streams, strict=False)), return_exceptions=True
    )
    for outcome in asked:
        if isinstance(outcome, BaseException):
            raise outcome
    paid = [p for p in asked if not isinstance(p, BaseException)]
    said = {
        kind: [
            cleaned(p.answer).text
            for (name, _), p in zip(questions, paid, strict=True)
            if name in kind and not p.answer.refused and p.answer.text
        ]
        for kind in (LOOKS, CAUSES)
    }
    notes = [note for answers in said.values() for note in diverse(answers, want.max_similarity, encode)]
    if not notes:
        who = f"class {label}: {asker.provider.name} {model}"
        if paid and all(p.answer.finish == "length" for p in paid):
            raise BadInput(f"{who} came to the limit of {want.max_tokens} tokens every time; raise caption.max_tokens")
        raise BadInput(f"{who} gave no usable answer; try another model")
    ours = [f"- ours: {phrase}" for phrase in (*base.attributes, *base.causes)]
    joined = "\n".join([*ours, *(f"- {note}" for note in notes)])
    merged = await asker.ask(request(MERGE, 0, MERGED, joined), streams[-1])
    into = f"class {label}: {asker.provider.name} {model} merged the notes into"
    stays = "the text it had stays; try another model"  # a stored answer is not asked for again
    try:
        parts = json.loads(merged.answer.text)
        attributes, causes = ([cleaned_phrase(p) for p in parts[key]] for key in ("attributes", "causes"))
    except (ValueError, KeyError, TypeError):
        raise BadInput(f"{into} no JSON; {stays}") from None
    if not attributes or not causes:
        raise BadInput(f"{into} nothing; {stays}")
    return _row(
        taxonomy=texts.taxonomy,
        label=label,
        name=base.name,
        attributes=attributes,
        causes=causes,
        text=sentence(base.name, attributes, causes),
        author_kind="model",
        author=f"{want.provider}:{model}",
        author_version=merged.answer.version,
        status="candidate",
        answers=notes,
        cost_usd=(sum(p.cost for p in paid) + merged.cost) / USD,
    )


def diverse(answers: list[str], max_similarity: float, encode: Encode) -> list[str]:
    """At most `NOTES` of the answers, none nearly the same as another."""
    texts = list(dict.fromkeys(a for a in answers if a))
    if not texts:
        return []
    return [texts[n] for n in select(similarities(texts, encode), range(len(texts)), NOTES, max_similarity)]


def cleaned_phrase(phrase: object) -> str:
    """One line of printable text out of what a model wrote."""
    return " ".join("".join(c if c.isprintable() else " " for c in str(phrase)).split())[:300]


def _row(**values: Any) -> ClassDescription:
    return ClassDescription(id=digest("class text", values), **values)


def current(rows: list[ClassDescription]) -> dict[str, ClassDescription]:
    """The text of each class that holds: a person's over the file's over a model's, then the firmer one."""
    heard = (r for r in rows if r.status != "rejected")
    ranked = sorted(heard, key=lambda r: (AUTHORITY[r.author_kind], FIRMNESS[r.status], r.author_version, r.id))
    return {row.label: row for row in ranked}
