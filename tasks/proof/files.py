"""Checks of a release's files: the sums, the tables' schemas, the media against what their rows say."""

from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from schemas.arrow import arrow_schema, from_dict
from schemas.rows import SCHEMA_VERSION, TABLES, Media
from tasks import video
from tasks.files import sha256_file
from tasks.proof.folder import UNREADABLE, Folder, Found, count, each, sentence
from tasks.release import checksums, manifest


def checksums_hold(release: Folder) -> Found:
    release.sums = checksums.read(release.path)
    yield from checksums.problems(release.path, release.sums)
    return f"{len(release.sums)} files are what they were"


def schemas_hold(release: Folder) -> Found:
    for table in manifest.ORDER:
        name = f"manifest/{table}.parquet"
        try:
            schema = pq.read_schema(release.plain / name)
        except UNREADABLE as e:
            yield f"{name}: {sentence(e, release)}"
            continue
        wanted = arrow_schema(TABLES[table])
        for column in sorted(set(wanted.names) | set(schema.names)):
            if column not in schema.names:
                yield f"{name}: column `{column}` is missing"
            elif column not in wanted.names:
                yield f"{name}: column `{column}` is not of this table"
            elif not schema.field(column).equals(wanted.field(column)):
                yield f"{name}: `{column}` is {schema.field(column).type}, not {wanted.field(column).type}"
        said = manifest.metadata(release.plain / name)
        for key, value in (("table", table), ("schema_version", str(SCHEMA_VERSION))):
            if said.get(key) != value:
                yield f"{name}: its {key} is {said.get(key)!r}, not {value!r}"
    for file in sorted((release.plain / "manifest").iterdir()):
        if file.stem not in manifest.ORDER or file.suffix != ".parquet":
            yield f"manifest/{file.name}: no table of a release"
    return f"{len(manifest.ORDER)} tables, version {SCHEMA_VERSION}"


def media_hold(release: Folder) -> Found:
    """Every file is there, is the one that the row says, and has the size and length that the row says."""
    rows = (
        from_dict(Media, values) for batch in release.batches("SELECT * FROM media ORDER BY path") for values in batch
    )
    yield from each(lambda m: _media_fault(release, m), rows)
    clips = """
        SELECT s.id, m.path FROM samples AS s
        JOIN media AS m ON m.sample = s.id AND m.role IN ('unmarked', 'marked', 'image')
        WHERE (s.width, s.height, s.fps, s.frames) IS DISTINCT FROM (m.width, m.height, m.fps, m.frames) ORDER BY ALL
    """
    for sample, path in release.ask(clips):
        yield f"{sample}: width, height, fps or frames differ from those of {path}"
    return f"{count(release, 'media')} files"


def _media_fault(release: Folder, m: Media) -> str | None:
    file = release.path / m.path
    if not file.resolve().is_relative_to(release.path / "media"):
        return f"{m.path}: leads out of media/"
    if not file.is_file():
        return f"{m.path}: missing"
    if (release.sums.get(m.path) or sha256_file(file)) != m.id:
        return f"{m.path}: is not the file that manifest/media.parquet names by its hash"
    if file.stat().st_size != m.bytes:
        return f"{m.path}: has {file.stat().st_size} bytes, not {m.bytes}"
    try:
        if m.mime.startswith("video/"):
            facts = video.probe(file)
            found: tuple[Any, ...] = (facts.width, facts.height, facts.fps, facts.frames)
            said: tuple[Any, ...] = (m.width, m.height, m.fps, m.frames)
        else:
            with Image.open(file) as picture:
                found, said = picture.size, (m.width, m.height)
    except UNREADABLE as e:
        return f"{m.path}: {sentence(e, release)}"
    return None if found == said else f"{m.path}: is {found}, not {said}, in width, height, fps, frames"
