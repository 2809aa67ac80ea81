"""Croissant metadata, written and validated with MLCommons' own library.

`datePublished` stays out: it would be a clock reading, and a release is equal bytes for equal tables. The
format recommends it and does not demand it; whoever publishes a release knows the day.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from schemas.arrow import arrow_schema
from schemas.rows import TABLES
from tasks.files import sha256_file
from tasks.release.edition import Edition

DESCRIPTIONS = {
    "samples": "One row per clip or image: the unit of the data set.",
    "media": "One row per file below media/; `id` is the SHA-256 of its bytes.",
    "annotations": "One row per statement of one author about one sample; append-only, the current label is derived.",
    "descriptions": "Text levels T0 to T3 and structured attributes of every sample.",
    "class_texts": "Class-level text: what a class looks like and where it comes from, by author and version.",
    "signals": "Per-frame series of a clip: exact mask area and visible defect area in pixels.",
    "groups": "Samples that must not be split between train and test.",
    "splits": "The split of every sample.",
    "qa": "Four questions with answers per clip.",
    "batches": "Work given to people and models: what, why, and which samples; the quality rounds among it.",
    "verdicts": "Reviewers' decisions in the quality rounds.",
    "rejects": "What could not be used, and why.",
}
FILES = {
    "clip": (
        ("clips", "media/*.mp4", "video/mp4", "Clips as files, unmarked and, where defective, marked."),
        ("keyframes", "media/*.jpg", "image/jpeg", "Keyframes of the unmarked clips."),
    ),
    "image": (("images", "media/*.png", "image/png", "The images as files."),),
}
"""What lies in media/, by the kind of the samples."""
KEYS = {"samples": ["id"], "annotations": ["id"], "qa": ["id"], "verdicts": ["id"], "splits": ["sample", "protocol"]}


def text(edition: Edition, folder: Path, tables: dict[str, int]) -> str:
    """The JSON-LD of a release whose manifest, shards and media lie in `folder`."""
    import mlcroissant as mlc

    distribution: list[Any] = [
        mlc.FileObject(
            id=f"{table}.parquet",
            name=f"{table}.parquet",
            description=DESCRIPTIONS[table],
            content_url=f"manifest/{table}.parquet",
            content_size=f"{(folder / 'manifest' / f'{table}.parquet').stat().st_size} B",
            encoding_formats=["application/x-parquet"],
            sha256=sha256_file(folder / "manifest" / f"{table}.parquet"),
        )
        for table in tables
    ]
    shards = ("shards", "shards/*.tar", "application/x-tar", f"WebDataset shards: whole {edition.kind}s with labels.")
    for name, includes, kind, what in (shards, *FILES[edition.kind]):
        distribution.append(
            mlc.FileSet(id=name, name=name, description=what, includes=[includes], encoding_formats=[kind])
        )
    with _quiet():
        metadata = mlc.Metadata(
            name=edition.dataset,
            description=edition.description or f"The data set {edition.dataset}.",
            license=[edition.licence_url],
            version=edition.version,
            cite_as=f"{edition.dataset}, version {edition.version}",
            distribution=distribution,
            record_sets=[_record_set(table, rows) for table, rows in tables.items()],
        )
        return json.dumps(metadata.to_json(), indent=1, sort_keys=True, ensure_ascii=False, default=str) + "\n"


def _record_set(table: str, rows: int) -> Any:
    """The columns that Croissant can type: plain values and lists of them; the nested ones are in the Parquet only."""
    import mlcroissant as mlc

    fields = []
    for column in arrow_schema(TABLES[table]):
        repeated = pa.types.is_list(column.type)
        kind = column.type.value_type if repeated else column.type
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if pa.types.is_struct(kind):
            continue
        fields.append(
            mlc.Field(
                id=f"{table}/{column.name}",
                name=column.name,
                data_types=[_data_type(kind)],
                repeated=repeated or None,
                source=mlc.Source(file_object=f"{table}.parquet", extract=mlc.Extract(column=column.name)),
            )
        )
    return mlc.RecordSet(
        id=table,
        name=table,
        description=f"{DESCRIPTIONS[table]} {rows} rows.",
        key=[f"{table}/{k}" for k in KEYS.get(table, [])] or None,
        fields=fields,
    )


def _data_type(kind: pa.DataType) -> Any:
    import mlcroissant as mlc

    if pa.types.is_integer(kind):
        return mlc.DataType.INTEGER
    if pa.types.is_floating(kind):
        return mlc.DataType.FLOAT
    return mlc.DataType.TEXT


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's advice on recommended properties, which goes to the root of absl's logging."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def declared(folder: Path) -> dict[str, Any]:
    """The metadata as plain JSON. Raises ValueError when it is no JSON object."""
    found = json.loads((folder / "croissant.json").read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("croissant.json: is no JSON object")
    return found


def opened(folder: Path) -> Any:
    """The release as an `mlcroissant.Dataset`, validated.

    Nothing is fetched: metadata that names anything but files of the folder is refused first. Raises
    ValueError with what is wrong.
    """
    import mlcroissant as mlc

    found = declared(folder)
    if not isinstance(found.get("@context"), dict):
        raise ValueError("croissant.json: has no inline @context")
    for entry in found.get("distribution", []):
        url, kind = str(entry.get("contentUrl", "")), str(entry.get("encodingFormat", ""))
        if ":" in url or url.startswith("/") or ".." in Path(url).parts or "git" in kind:
            raise ValueError(f"croissant.json: {entry.get('@id')}: `{url}` is no file of the release")
    try:
        with _quiet():
            return mlc.Dataset(jsonld=str(folder / "croissant.json"))
    except mlc.ValidationError as e:
        raise ValueError(f"croissant.json: {e}") from None


def records(described: Any, table: str, count: int) -> list[dict[str, Any]]:
    """The first records of a table, read by the library. Raises ValueError when it cannot."""
    from mlcroissant._src.core.issues import GenerationError

    try:
        with _quiet():
            return list(islice(described.records(table), count))
    except GenerationError as e:
        raise ValueError(f"croissant.json: {table}: {e}") from None
