"""The release: a frozen, numbered export of the current labels, equal bytes for equal tables.

The manifest is written first; shards, card, report and Croissant metadata are functions of the manifest
and the media beside it. The folder is built under another name and renamed, so a release exists whole or
not at all. Media are copied, not hard-linked: an edit in a release that somebody unpacked, trimmed or
re-encoded in place would otherwise reach back into the workspace, whose files later releases are made
from. On file systems that can share blocks (XFS, Btrfs) the copy costs no space.
"""

import errno
import hashlib
import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from annotation.labels import current
from schemas.digests import canonical, digest
from schemas.errors import CallError, DefectoryError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Batch, Verdict
from tasks.files import sha256_file
from tasks.quality import passing
from tasks.release import card, checksums, croissant, figures, manifest, report, shards
from tasks.release.edition import DRAFT, TEMPLATES, Edition, said
from tasks.review import JUDGED, NEEDED, gate, missing
from tasks.workspace import Workspace, write_atomic

VERSION = 3
"""Raise it whenever equal tables would make another release than before."""


@dataclass(frozen=True)
class Released:
    path: Path
    version: str
    draft: bool
    counts: dict[str, int]


def fingerprint(workspace: Workspace, recipe: Recipe, version: str | None = None) -> str:
    """Hash of all that decides the bytes of a release: the current shards, what is said of the recipe, the texts."""
    refs = sorted((r.stage, r.key, r.fingerprint) for r in workspace.current())
    texts = {t.name: hashlib.sha256(t.read_bytes()).hexdigest() for t in TEMPLATES.iterdir()}
    release = recipe.release.model_copy(update={"version": version or recipe.release.version})
    return digest(VERSION, texts, recipe.dataset, recipe.seed, recipe.description, said(recipe), release, refs)


def is_current(workspace: Workspace, recipe: Recipe, version: str | None = None) -> Path | None:
    """The folder of the release if it is made from the workspace as it is now; in milliseconds, without reading it."""
    found = _remembered(workspace, recipe, version)
    return found.path if found else None


def release(
    workspace: Workspace, recipe: Recipe, version: str | None = None, out: Path | None = None, fresh: bool = False
) -> Released:
    """Build `<dataset>-<version>[-draft]` in `out` (the workspace's `releases` if not given) and return it.

    Does nothing when it is there and current, unless `fresh`. A draft that differs is replaced whole. Raises
    DefectoryError for a final release that would change, and when no sample is complete; CallError for a
    version that is not X.Y.Z.
    """
    version = version or recipe.release.version
    if not re.fullmatch(r"\d+\.\d+\.\d+", version):
        raise CallError(f"--version {version}: write it as X.Y.Z, with numbers; a draft gets its `-draft` by itself")
    if out is None and not fresh and (found := _remembered(workspace, recipe, version)):
        return found
    parent = (out or workspace.root / "releases").resolve()
    # No `-` in the name, so that nothing takes it for a release.
    building = parent / f".building.{recipe.dataset.replace('-', '_')}.{version}"
    try:
        shutil.rmtree(building, ignore_errors=True)
        building.mkdir(parents=True)
        edition, counts = _build(building, workspace, recipe, version)
        target = parent / edition.name
        _install(building, target, edition)
    except OSError as e:
        if e.errno == errno.ENOSPC:
            raise DefectoryError(f"{parent}: the disk is full; free some space and run the same command again") from e
        raise
    finally:
        shutil.rmtree(building, ignore_errors=True)
    if out is None:
        note = {
            "fingerprint": fingerprint(workspace, recipe, version),
            "checksums": sha256_file(target / checksums.NAME),
            "bytes": _size(target),
            "version": edition.version,
            "counts": counts,
        }
        write_atomic(parent / f"{edition.name}.json", json.dumps(note, sort_keys=True))
    return Released(target, edition.version, edition.draft, counts)


def _remembered(workspace: Workspace, recipe: Recipe, version: str | None) -> Released | None:
    """The release that the workspace notes as made from exactly this, with its checksums still in place."""
    wanted = fingerprint(workspace, recipe, version)
    name = f"{recipe.dataset}-{version or recipe.release.version}"
    for path in (workspace.root / "releases" / name, workspace.root / "releases" / f"{name}{DRAFT}"):
        try:
            note = json.loads(path.with_name(f"{path.name}.json").read_text())
            whole = note["bytes"] == _size(path) and note["checksums"] == sha256_file(path / checksums.NAME)
            if note["fingerprint"] == wanted and whole:
                return Released(path, note["version"], note["version"].endswith(DRAFT), note["counts"])
        except (OSError, ValueError, KeyError, TypeError):
            continue  # no note, or none that can be read: the release is built again and compared
    return None


def _size(folder: Path) -> int:
    """Bytes of all files below `folder`: tells at once when one is gone or cut short."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())


def _install(building: Path, target: Path, edition: Edition) -> None:
    """Put the finished folder in its place, unless the same is there already."""
    if not target.exists():
        os.rename(building, target)
        return
    if _same(building, target):
        return
    if not edition.draft:
        raise DefectoryError(
            f"{target.name}: is frozen and differs from what the workspace holds now; choose another --version"
        )
    old = building.with_name(f"{building.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    os.rename(target, old)
    os.rename(building, target)
    shutil.rmtree(old, ignore_errors=True)


def _same(one: Path, other: Path) -> bool:
    try:
        sums = checksums.read(other)
    except (OSError, ValueError):
        return False
    return sums == checksums.read(one) and not any(checksums.problems(other, sums))


def _build(folder: Path, workspace: Workspace, recipe: Recipe, version: str) -> tuple[Edition, dict[str, int]]:
    spill = workspace.root / "work" / "release"
    with workspace.connect() as con:
        manifest.bounded(con, spill)
        rejected, incomplete = _left_out(con, recipe.kind)
        left_out = rejected | incomplete
        con.register("left_out", pa.table({"sample": list(left_out), "reason": list(left_out.values())}, _LEFT_OUT))
        con.execute("CREATE TEMP VIEW kept AS SELECT id FROM samples WHERE id NOT IN (SELECT sample FROM left_out)")
        _demand_splits(con, recipe)
        passed, review, stands = _review(con, recipe, incomplete)
        edition = Edition(
            dataset=recipe.dataset,
            version=version if passed else version + DRAFT,
            licence=recipe.release.licence,
            description=recipe.description,
            protocol=recipe.split.protocol,
            seed=recipe.seed,
            settings=said(recipe),
            review=review,
            left_out=dict(Counter(left_out.values())),
            kind=recipe.kind,
        )
        tables = _manifest(con, folder, edition, stands)
        _media(con, folder, workspace)
    with manifest.opened(folder / "manifest", spill) as con:
        numbers = _shards(con, folder, edition, recipe.release.shard_mb)
        tallies = figures.tally(con, tables, edition.settings)
        (folder / "README.md").write_text(card.text(edition, numbers, tallies), encoding="utf-8")
        (folder / "LICENSE").write_text(card.licence(edition, numbers), encoding="utf-8")
        (folder / "report.html").write_text(report.text(edition, numbers, tallies, con, folder), encoding="utf-8")
        (folder / "croissant.json").write_text(croissant.text(edition, folder, tables), encoding="utf-8")
        checksums.write(folder, "media", _tuples(con, "SELECT DISTINCT path, id FROM media ORDER BY path"))
    counts = {name: s["clips"] for name, s in sorted(numbers.splits.items())}
    return edition, {
        "samples": tables["samples"], **counts, "left_out": len(left_out), "rejects": tables["rejects"],
    }  # fmt: skip


_LEFT_OUT = pa.schema([("sample", pa.string()), ("reason", pa.string())])


def _left_out(con: duckdb.DuckDBPyConnection, kind: str) -> tuple[dict[str, str], dict[str, str]]:
    """Samples that cannot be in a release, with the reason: those a person rejected, and those without all labels."""
    rejected: dict[str, str] = {}
    incomplete: dict[str, str] = {}
    seen: set[str] = set()
    query = "SELECT * EXCLUDE (masks) FROM annotations WHERE sample IN (SELECT id FROM samples) ORDER BY sample, id"
    for sample, said_of_it in groupby(manifest.rows(con, Annotation, query), key=lambda a: a.sample):
        seen.add(sample)
        labels = current(said_of_it)[sample]
        if lacking := missing(labels, kind):
            incomplete[sample] = f"{', '.join(lacking)}: no label"
        elif labels.rejected:
            rejected[sample] = f"{', '.join(sorted(labels.rejected))}: rejected in review"
    for (sample,) in _tuples(con, "SELECT id FROM samples ORDER BY id"):
        if sample not in seen:
            incomplete[sample] = f"{', '.join(NEEDED[kind])}: no label"
    return rejected, incomplete


def _demand_splits(con: duckdb.DuckDBPyConnection, recipe: Recipe) -> None:
    kept = con.sql("SELECT count(*) FROM kept").fetchall()[0][0]
    if not kept:
        raise DefectoryError(
            f"{recipe.dataset}: no sample has all its labels, so there is nothing to release; see the rejects with "
            "`defectory status`"
        )
    unassigned = con.execute(
        "SELECT id FROM kept WHERE id NOT IN (SELECT sample FROM splits WHERE protocol = ?) ORDER BY id LIMIT 1",
        [recipe.split.protocol],
    ).fetchone()
    if unassigned:
        raise DefectoryError(
            f"{unassigned[0]}: has no split for protocol `{recipe.split.protocol}`; run `defectory build` up to `split`"
        )


def _review(con: duckdb.DuckDBPyConnection, recipe: Recipe, incomplete: dict[str, str]) -> tuple[bool, str, str]:
    """Whether the recipe's round and its quality rounds have passed, and where they stand in sentences and as JSON.

    A clip that could not be labelled was never shown to anybody, so it does not hold up the others.
    """
    want = recipe.review
    reviewable = [id_ for (id_,) in _tuples(con, "SELECT id FROM samples") if id_ not in incomplete]
    judged = """
        SELECT * EXCLUDE (masks) FROM annotations
        WHERE task IN ('visible_interval', 'caption')
          AND sample IN (SELECT sample FROM annotations WHERE author_kind = 'person')
        ORDER BY sample, id
    """
    rows, tasks = manifest.rows(con, Annotation, judged), JUDGED[recipe.kind]
    found = gate(reviewable, rows, want.round, want.min_accepted, tasks, want.annotators)
    batches = manifest.rows(con, Batch, "SELECT * FROM batches ORDER BY id")
    verdicts = manifest.rows(con, Verdict, "SELECT * FROM verdicts WHERE batch IS NOT NULL ORDER BY id")
    rounds = passing.gate(reviewable, tasks, batches, verdicts, want.quality)
    verdicts_of = "a verdict" if want.annotators == 1 else f"{want.annotators} people's verdicts"
    stands = (
        f"Round {want.round}: of {found.clips} {recipe.kind}s {found.judged} were judged, {found.accepted} accepted, "
        f"{found.corrected} corrected, {found.rejected} rejected. It takes {verdicts_of} on every {recipe.kind}, and "
        f"{want.min_accepted:.0%} of them accepted or corrected."
        if found.judged
        else f"Nobody has reviewed it: round {want.round} has no verdict yet."
    )
    stated = {
        "settings": want, "seed": recipe.seed, "gate": found, "outcomes": rounds.outcomes, "rounds": rounds.passed,
    }  # fmt: skip
    return found.passed and rounds.passed, " ".join((stands, *rounds.sentences)), canonical(stated)


_RELEASE_PATH = r"""
    'media/' || sample || '.' || role || CASE WHEN frame IS NULL THEN '' ELSE printf('-%06d', frame) END
    || regexp_extract(path, '\.[A-Za-z0-9]+$')
"""
"""Where a file lies in a release: `media/<sample>.<role>[-<frame>].<suffix>`."""


def _manifest(con: duckdb.DuckDBPyConnection, folder: Path, edition: Edition, stands: str) -> dict[str, int]:
    """Write all tables, without the samples left out and the rows that speak of them; returns rows by table.

    With the table of batches goes where the review stands, and by which settings: it follows from the rows.
    """
    (folder / "manifest").mkdir()
    of_kept = "SELECT * FROM {} WHERE sample IN (SELECT id FROM kept)"
    queries = {table: of_kept.format(table) for table in manifest.ORDER} | {
        "samples": "SELECT * FROM samples WHERE id IN (SELECT id FROM kept)",
        "class_texts": "SELECT * FROM class_texts",
        "batches": "SELECT * FROM batches",
        "media": f"SELECT * REPLACE ({_RELEASE_PATH} AS path) FROM media WHERE sample IN (SELECT id FROM kept)",  # noqa: S608
        "rejects": "SELECT * FROM rejects UNION ALL SELECT 'release', sample, reason FROM left_out",
    }
    names = {"dataset": edition.dataset, "release": edition.version, "protocol": edition.protocol,
             "round": str(edition.settings["review"]["round"])}  # fmt: skip
    about = {table: names | ({"review": stands} if table == "batches" else {}) for table in queries}
    return {t: manifest.write(con, t, query, folder / "manifest", about[t]) for t, query in queries.items()}


def _media(con: duckdb.DuckDBPyConnection, folder: Path, workspace: Workspace) -> None:
    (folder / "media").mkdir()
    query = f"SELECT path, {_RELEASE_PATH}, id FROM media WHERE sample IN (SELECT id FROM kept) ORDER BY 2"  # noqa: S608
    for source, name, id_ in _tuples(con, query):
        target = folder / name
        _copy(workspace.path(source), target)
        if sha256_file(target) != id_:
            stage, shard = Path(source).parts[1:3]
            raise DefectoryError(
                f"{source}: is not the file that was made, its hash has changed; delete shards/{stage}/{shard}.json "
                "in the workspace and build again"
            )


def _tuples(con: duckdb.DuckDBPyConnection, query: str) -> Iterator[tuple[Any, ...]]:
    for batch in con.sql(query).to_arrow_reader(4096):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _copy(source: Path, target: Path) -> None:
    """A copy that shares the blocks of the original where the file system can."""
    try:
        with open(source, "rb") as old, open(target, "wb") as new:
            try:
                while os.copy_file_range(old.fileno(), new.fileno(), 1 << 30):
                    pass
            except OSError as e:
                if e.errno not in (errno.EXDEV, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
                    raise
                shutil.copyfileobj(old, new)
    except FileNotFoundError:
        raise DefectoryError(
            f"{source}: is missing from the workspace; delete its shard's record and build again"
        ) from None


def _shards(con: duckdb.DuckDBPyConnection, folder: Path, edition: Edition, target_mb: float) -> figures.Figures:
    """Write the shards; the figures are counted on the way, so the tables are read once."""
    (folder / "shards").mkdir()
    numbers = figures.Figures()
    with shards.Shards(folder / "shards", target_mb) as out:
        for bundle in manifest.bundles(con, edition.protocol):
            out.add(bundle.split, bundle.sample.id, shards.members(bundle, folder, edition.version, edition.protocol))
            numbers.add(bundle)
    return numbers
