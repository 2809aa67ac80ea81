"""Archives of image sets, unpacked so that nothing in them can reach out of the folder or fill the disk."""

import lzma
import os
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from schemas.digests import digest
from schemas.errors import CallError, DefectoryError
from tasks.imports.records import IMAGES, LABELS

MOST_FILES = 5_000_000
MOST_BYTES = 512 << 30
SWELLING = 200
"""An archive may hold at most this many times its own size, and SPARE more: images hardly shrink when packed."""
SPARE = 256 << 20
PADDING = 1 << 20
"""More than a tar archive has behind its last member."""
KEPT = IMAGES | LABELS | {".names"}
BROKEN = (OSError, EOFError, zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, RuntimeError)

Member = tuple[str, int, IO[bytes]]


def opened(source: Path, folder: Path, where: str) -> Path:
    """The root of a source: itself if it is a folder, else `folder`/<digest>, where the archive is unpacked once.

    Raises CallError when there is neither, and DefectoryError for an archive that is broken, too large, or has a
    member that leads out of it or is a link. `where` names the recipe's key in these sentences.
    """
    if source.is_dir():
        return source
    if not source.is_file():
        raise CallError(f"{where}: no such folder or archive: {source}")
    stat = source.stat()
    root = folder / digest("archive", str(source), stat.st_size, stat.st_mtime_ns, length=16)
    if root.is_dir():
        return root
    building = folder / f".{root.name}.{os.getpid()}"
    shutil.rmtree(building, ignore_errors=True)
    building.mkdir(parents=True)
    try:
        _unpack(source, building, stat.st_size)
        os.rename(building, root)
    except BROKEN as e:
        if not root.is_dir():  # nor has another build made it meanwhile
            reason = " ".join(str(e).split())[:200]
            raise DefectoryError(f"{where}: {source.name}: cannot be unpacked ({reason})") from None
    finally:
        shutil.rmtree(building, ignore_errors=True)
    return root


def _unpack(source: Path, folder: Path, size: int) -> None:
    left = min(MOST_BYTES, SWELLING * size + SPARE)
    for number, (name, _, stream) in enumerate(_members(source)):
        if number >= MOST_FILES:
            raise DefectoryError(f"{source.name}: holds more than {MOST_FILES} files; unpack it yourself")
        target = folder / _inside(name, source.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with open(target, "wb") as out:
            while block := stream.read(1 << 20):
                left -= len(block)
                if left < 0:
                    raise DefectoryError(
                        f"{source.name}: swells to more than {SWELLING} times its size, at {name}; it is not unpacked"
                    )
                out.write(block)


def _inside(name: str, archive: str) -> PurePosixPath:
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in "".join(path.parts[:1]) or "\0" in name:
        raise DefectoryError(f"{archive}: its member {name!r:.120} leads out of the archive; nothing is unpacked")
    return path


def _members(source: Path) -> Iterator[Member]:
    """Name, size and content of the images and label files of an archive, in its order."""
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as packed:
            for info in packed.infolist():
                _inside(info.filename or "?", source.name)
                if (info.external_attr >> 16) & 0o170000 == 0o120000:
                    raise DefectoryError(f"{source.name}: its member {info.filename} is a link; nothing is unpacked")
                if not info.is_dir() and _wanted(info.filename):
                    with packed.open(info) as stream:
                        yield info.filename, info.file_size, stream
        return
    with tarfile.open(source) as tar:
        for member in tar:
            _inside(member.name or "?", source.name)
            if not member.isreg() and not member.isdir():
                raise DefectoryError(
                    f"{source.name}: its member {member.name} is a link or a device; nothing is unpacked"
                )
            if member.isreg() and _wanted(member.name) and (content := tar.extractfile(member)):
                yield member.name, member.size, content
        if tar.fileobj:
            tar.fileobj.read(PADDING)  # to the end of what is packed, where its checksum is


def _wanted(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in KEPT and not path.name.startswith(".") and "__MACOSX" not in path.parts
