"""Captions that somebody already has, line by line: what they cover, their score, their claims and what they rest on.

A line is a JSON object with `text`, and if there are any `id`, `image`, `mask` (files, relative to the JSONL file)
and `class`. Nothing is asked of anybody; lines are read one after another and memory does not grow with them.
"""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from annotation.coverage import covered_many
from annotation.diversity import Encode, diversity, score, similarities
from annotation.grounding.check import Truth, ground
from annotation.grounding.claims import family_of
from annotation.grounding.denials import NONE
from annotation.language import english
from annotation.measuring.attributes import Attributes, attributes
from schemas.errors import BadInput, CallError
from schemas.rows import Claim

LONGEST_LINE = 1_000_000
"""Bytes; a longer line is no caption."""
LONGEST_TEXT = 20_000
"""Characters; nor is a longer text."""
MOST_PIXELS = 100_000_000
AT_ONCE = 64
"""Texts that are read at once, and texts of one image that are compared with one another; more are in portions."""
COVERAGE_WEIGHT = 0.6
"""S = 0.6 * covered / 5 + 0.4 * D (SteelDefectX)."""
KEYS = ("id", "text", "image", "mask", "class")


@dataclass(frozen=True)
class Audited:
    """One line of the file. A line that cannot be read has a problem and nothing else; one whose image or mask
    cannot be used has a problem, and its text is scored all the same."""

    line: int
    """From 1."""
    id: Any
    """As the line has it; None without one."""
    problem: str = ""
    covers: dict[str, bool] = field(default_factory=dict)
    diversity: float = 1.0
    score: float | None = None
    claims: list[Claim] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        """For JSON: the bits under their own names, claims as objects."""
        row: dict[str, Any] = {"line": self.line, "id": self.id}
        if self.score is not None:
            row |= {name: int(bit) for name, bit in self.covers.items()}
            row |= {"diversity": self.diversity, "score": self.score, "claims": [vars(c) for c in self.claims]}
        return row | ({"problem": self.problem} if self.problem else {})


@dataclass(frozen=True)
class _Line:
    number: int
    id: Any
    text: str
    image: str
    mask: str
    defect: str
    problem: str = ""
    """Why it cannot be read, where it has no text; otherwise what may be amiss."""

    @property
    def group(self) -> str:
        """What lines have in common that belong together though they name no image."""
        return "" if self.id is None else json.dumps(self.id, sort_keys=True)


def audit(file: Path, encode: Encode) -> Iterator[Audited]:
    """The lines of `file` in order. Lines in a row that are about the same image (the same `id`, without an image) are
    compared with one another: D is 1 - the mean cosine to the others. Elsewhere D is 1.

    Raises CallError for a file that is missing, cannot be read, or has no line.
    """
    if not file.exists() or file.is_dir():
        what = "is a folder" if file.is_dir() else "no such file"
        raise CallError(f"{file}: {what}; give a JSONL file with one caption per line")
    some = False
    try:
        for groups in _groups(file):
            some = True
            yield from _audited(groups, file.parent, encode)
    except OSError as e:
        raise CallError(f"{file}: cannot be read ({e.strerror}); give a JSONL file with one caption per line") from None
    if not some:
        raise CallError(f"{file}: holds no line; give a JSONL file with one caption per line")


def _groups(file: Path) -> Iterator[list[list[_Line]]]:
    """Groups of lines that are compared with one another, so many at a time as are read faster together."""
    groups: list[list[_Line]] = []
    for _, group in groupby(_lines(file), key=lambda line: line.image or line.group or line.number):
        while portion := list(islice(group, AT_ONCE)):
            groups.append(portion)
            if sum(map(len, groups)) >= AT_ONCE:
                yield groups
                groups = []
    if groups:
        yield groups


def _lines(file: Path) -> Iterator[_Line]:
    with file.open("rb") as stream:
        number = 0
        while raw := stream.readline(LONGEST_LINE + 1):
            number += 1
            if len(raw) > LONGEST_LINE:
                while raw and not raw.endswith(b"\n"):
                    raw = stream.readline(LONGEST_LINE)
                yield _bad(number, f"longer than {LONGEST_LINE:,} bytes; give one caption per line")
            elif raw.strip():
                yield _line(number, raw)


def _bad(number: int, problem: str, known: Any = None, image: Any = None) -> _Line:
    """A line without a text still belongs to its image: it parts none of the others about that."""
    return _Line(number, known, "", image if isinstance(image, str) else "", "", "", problem)


def _line(number: int, raw: bytes) -> _Line:
    try:
        said = json.loads(raw.decode("utf-8-sig"))
        if b"\\u" in raw:  # halves of surrogate pairs, which nothing that reads text takes
            said = json.loads(json.dumps(said, ensure_ascii=False).encode("utf-8", "replace"))
    except UnicodeDecodeError:
        return _bad(number, "is not UTF-8; save the file in that encoding")
    except (ValueError, RecursionError):
        return _bad(number, "is not JSON; write one object per line")
    if not isinstance(said, dict):
        return _bad(number, 'is not a JSON object; write {"id": …, "text": …}')
    about, text = (said.get("id"), said.get("image")), said.get("text")
    if not isinstance(text, str) or not text.strip():
        return _bad(number, "has no `text`; give the caption under that name", *about)
    if len(text) > LONGEST_TEXT:
        return _bad(number, f"has a text of more than {LONGEST_TEXT:,} characters; give a caption", *about)
    for key in ("image", "mask", "class"):
        if not isinstance(said.get(key) or "", str):
            return _bad(number, f"has a `{key}` that is no text; give a file's name or a class", *about)
    image, mask, defect = (said.get(key) or "" for key in ("image", "mask", "class"))
    return _Line(number, said.get("id"), text, image, mask, defect, _misspelt(said))


def _misspelt(said: dict[str, Any]) -> str:
    """Keys that a line may well want to have and has not: what goes by another name is not looked at."""
    missing = [key for key in KEYS if key not in said]
    near = {key: difflib.get_close_matches(key, missing, n=1, cutoff=0.8) for key in said.keys() - set(KEYS)}
    return ". ".join(f"has a key `{key:.40}` in place of `{meant[0]}`" for key, meant in sorted(near.items()) if meant)


def _audited(groups: list[list[_Line]], folder: Path, encode: Encode) -> Iterator[Audited]:
    readable = [[line for line in group if line.text] for group in groups]
    texts = [line.text for group in readable for line in group]
    covers = dict(zip(texts, covered_many(texts), strict=True))
    compared = [line.text for group in readable if len(group) > 1 for line in group]
    vectors = dict(zip(compared, encode(compared), strict=True)) if compared else {}
    for group, whole in zip(groups, readable, strict=True):
        diverse = dict.fromkeys((line.number for line in whole), 1.0)
        if len(whole) > 1:
            cosines = similarities([line.text for line in whole], lambda some: np.array([vectors[t] for t in some]))
            everyone = range(len(whole))
            diverse = {line.number: round(diversity(cosines, n, everyone), 6) for n, line in enumerate(whole)}
        for line in group:
            yield _checked(line, folder, covers[line.text], diverse[line.number]) if line.text else _unread(line)


def _unread(line: _Line) -> Audited:
    return Audited(line.number, line.id, line.problem)


def _checked(line: _Line, folder: Path, bits: dict[str, bool], diverse: float) -> Audited:
    seen, problems = None, [line.problem] if line.problem else []
    if not english(line.text):
        problems.append("does not look English, so the bits and claims are not to be relied on; translate it")
    if line.defect not in ("", NONE) and family_of(line.defect) is None:
        problems.append(f"class {line.defect:.100} is unknown, so type and depth cannot be checked; name it otherwise")
    if line.mask and not line.image:
        problems.append("has a mask but no image; give both to have the claims checked")
    elif line.image:
        try:
            seen = _seen(folder, line.image, line.mask, line.defect)
        except BadInput as e:
            problems.append(str(e))
    truth = Truth(line.defect) if line.defect else None
    covered = round(score(bits, diverse, COVERAGE_WEIGHT), 6)
    return Audited(
        line.number, line.id, ". ".join(problems), bits, diverse, covered, ground(line.text, seen, truth)
    )  # fmt: skip


@lru_cache(maxsize=2)
def _seen(folder: Path, image: str, mask: str, defect: str) -> Attributes | None:
    """What is measured in an image, None without a mask; several captions of one image share it. The mask may
    be empty where the class says that there is none."""
    if not mask:
        _read(folder, image)
        return None
    marked = _read(folder, mask)
    if marked.ndim == 3:
        marked = marked.max(axis=2)
    picture = _read(folder, image)
    if not marked.any():
        if defect == NONE:
            return None
        raise BadInput(f"{mask}: marks nothing; leave `mask` out, or set `class` to none where there is no defect")
    try:
        return attributes(picture, marked > 0, "" if defect == NONE else defect)
    except BadInput as e:
        raise BadInput(f"{image}: {e}") from None


def _read(folder: Path, name: str) -> np.ndarray:
    """A picture upright, as its EXIF turns it, without alpha; RGB order; grey and 16 bits stay what they are."""
    file = folder / name
    try:
        if file.is_dir():
            raise BadInput(f"{name}: is a folder; name a picture")
        if not file.is_file():  # devices and pipes among them: they might never end
            raise BadInput(f"{name}: no such file; name files relative to the JSONL file")
        _demand_small(file, name)
        data = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as e:
        raise BadInput(f"{name:.100}: cannot be read ({e.strerror}); name a picture that can") from None
    try:
        found = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_ANYCOLOR) if data.size else None
    except cv2.error:
        found = None
    if found is None:
        raise BadInput(f"{name}: cannot be read as a picture; give PNG, JPEG, BMP or TIFF")
    return np.asarray(found[:, :, ::-1] if found.ndim == 3 else found)


def _demand_small(file: Path, name: str) -> None:
    """By the header alone: a small file may unpack to more than the memory holds."""
    from PIL import Image

    try:
        with Image.open(file) as opened:
            small = opened.width * opened.height <= MOST_PIXELS
    except Image.DecompressionBombError:  # Pillow's own limit, which is higher
        small = False
    except (OSError, ValueError):
        raise BadInput(f"{name}: cannot be read as a picture; give PNG, JPEG, BMP or TIFF") from None
    if not small:
        raise BadInput(f"{name}: is too large; reduce it to at most {MOST_PIXELS:,} pixels")


@dataclass
class Summary:
    """What the lines come to, counted as they pass."""

    lines: int = 0
    scored: int = 0
    problems: int = 0
    covered: dict[str, int] = field(default_factory=dict)
    score: float = 0.0
    """Sum over the scored lines."""
    claims: dict[str, dict[str, int]] = field(default_factory=dict)
    """Per dimension of claims, how many have each verdict."""
    contradicted: int = 0
    """Lines with a contradicted claim."""

    def add(self, line: Audited) -> None:
        self.lines += 1
        self.problems += bool(line.problem)
        if line.score is None:
            return
        self.scored += 1
        self.score += line.score
        for name, bit in line.covers.items():
            self.covered[name] = self.covered.get(name, 0) + bit
        for claim in line.claims:
            counts = self.claims.setdefault(claim.dimension, {"supported": 0, "contradicted": 0, "uncheckable": 0})
            counts[claim.verdict] += 1
        self.contradicted += any(c.verdict == "contradicted" for c in line.claims)
