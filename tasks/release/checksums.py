"""CHECKSUMS.sha256: what a folder holds, one line per file, in the format that `sha256sum -c` reads."""

import heapq
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from tasks.files import sha256_file

NAME = "CHECKSUMS.sha256"
LINE = re.compile(r"([0-9a-f]{64})  (.+)")


def files(folder: Path) -> Iterator[str]:
    """Every file below `folder` (links and all), relative, but the checksums themselves; in no order."""
    for here, folders, names in os.walk(folder):
        for name in [*names, *(f for f in folders if (Path(here) / f).is_symlink())]:
            relative = (Path(here) / name).relative_to(folder).as_posix()
            if relative != NAME:
                yield relative


def write(folder: Path, below: str, known: Iterable[tuple[str, str]]) -> None:
    """Write the sums of every file. Those of the files below the folder `below` are already `known`, as
    (relative name, sum) in order of names, and are not computed again."""
    others = sorted(name for name in files(folder) if not name.startswith(f"{below}/"))
    with open(folder / NAME, "w", encoding="utf-8") as out:
        for name, sum_ in heapq.merge(known, ((name, sha256_file(folder / name)) for name in others)):
            out.write(f"{sum_}  {name}\n")


def read(folder: Path) -> dict[str, str]:
    """Sum by relative name. Raises OSError when there is no such file, ValueError for a line that is none."""
    sums: dict[str, str] = {}
    for number, line in enumerate((folder / NAME).read_text(encoding="utf-8").splitlines(), 1):
        match = LINE.fullmatch(line)
        if match is None:
            raise ValueError(f"{NAME}: line {number} is not `sum  name`")
        sums[match[2]] = match[1]
    return sums


def problems(folder: Path, sums: dict[str, str]) -> Iterator[str]:
    """What differs between the folder and its sums: missing, changed and extra files, and links."""
    present = set(files(folder))
    for name in sorted(sums.keys() | present):
        if name not in sums:
            yield f"{name}: not listed in {NAME}"
        elif name not in present:
            yield f"{name}: missing"
        elif (folder / name).is_symlink():
            yield f"{name}: a link, not a file"
        elif sha256_file(folder / name) != sums[name]:
            yield f"{name}: changed"
