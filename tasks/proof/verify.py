"""The proof of a release: every claim it makes, checked from its files alone, without a network.

A release may come from anywhere, so nothing that it says is trusted: whatever fails to be read is a failed
check with a sentence, and no path or address in it is followed out of its folder.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from schemas.errors import CallError
from tasks.proof import draft as proof_draft
from tasks.proof import files as proof_files
from tasks.proof import readers as proof_readers
from tasks.proof import review as proof_review
from tasks.proof import rows as proof_rows
from tasks.proof.folder import UNREADABLE, Folder, Found, sentence
from tasks.release import checksums

SHOWN = 5
"""Problems named per check; the rest are counted."""

CHECKS: dict[str, Callable[[Folder], Found]] = {
    "checksums": proof_files.checksums_hold,
    "schemas": proof_files.schemas_hold,
    "unique": proof_rows.unique_hold,
    "references": proof_rows.references_hold,
    "media": proof_files.media_hold,
    "splits": proof_rows.splits_hold,
    "groups": proof_rows.groups_hold,
    "intervals": proof_rows.intervals_hold,
    "answers": proof_rows.answers_hold,
    "review": proof_review.review_hold,
    "webdataset": proof_readers.shards_hold,
    "duckdb": proof_readers.duckdb_hold,
    "datasets": proof_readers.datasets_hold,
    "croissant": proof_readers.croissant_hold,
    "draft": proof_draft.draft_hold,
}
"""In this order: the sums that the first check reads are what later ones compare files with."""


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str
    """What was found to hold, or the problems with the file or id of each."""


def verify(folder: Path) -> list[Check]:
    """Every check with its result; the release holds when all are ok. Raises CallError if there is no such folder."""
    if not folder.is_dir():
        raise CallError(f"{folder}: no such folder; give the folder of a release")
    if not (folder / checksums.NAME).exists() and not (folder / "manifest").is_dir():
        raise CallError(f"{folder}: no release; it has neither {checksums.NAME} nor manifest/")
    with _prepared(folder.resolve()) as release:
        return [_run(name, check, release) for name, check in CHECKS.items()]


@contextmanager
def _prepared(folder: Path) -> Iterator[Folder]:
    with tempfile.TemporaryDirectory(prefix="defectory-verify-") as scratch:
        plain = Path(scratch) / "release"
        plain.mkdir()
        for entry in folder.iterdir():
            (plain / entry.name).symlink_to(entry)
        release = Folder(folder, plain, Path(scratch))
        try:
            yield release
        finally:
            if "con" in vars(release):
                release.con.close()


def _run(name: str, check: Callable[[Folder], Found], release: Folder) -> Check:
    problems: list[str] = []
    count = 0
    summary = ""
    found = check(release)
    try:
        while True:
            problem = next(found)
            count += 1
            if count <= SHOWN:
                problems.append(problem)
    except StopIteration as done:
        summary = done.value
    except UNREADABLE as e:
        count += 1
        problems.append(sentence(e, release))
    if not count:
        return Check(name, True, summary)
    more = [f"and {count - len(problems)} more"] if count > len(problems) else []
    return Check(name, False, "; ".join([*problems, *more]))
