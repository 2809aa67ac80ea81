"""The check that a release says everywhere which version it is, and whether it is a draft."""

import re
from collections.abc import Iterator

from tasks.proof.folder import Folder, Found
from tasks.release import croissant, manifest
from tasks.release.edition import DRAFT


def draft_hold(release: Folder) -> Found:
    """One version everywhere, and `draft` said everywhere or nowhere."""
    version = release.about["release"]
    draft = version.endswith(DRAFT)
    for where, said in _versions(release):
        if said != version:
            yield f"{where}: says version {said}, manifest/samples.parquet says {version}"
    for name, banner in (("README.md", "> **This is a draft.**"), ("report.html", 'class="banner"')):
        if (banner in (release.plain / name).read_text(encoding="utf-8")) != draft:
            yield f"{name}: {'says nothing of a draft' if draft else 'says draft'}, the version is {version}"
    return f"{version}, {'a draft' if draft else 'reviewed'}"


def _versions(release: Folder) -> Iterator[tuple[str, str]]:
    """Where the release states its version, and what it says there."""
    dataset = release.about["dataset"]
    if release.path.name.startswith(f"{dataset}-"):
        yield "the folder's name", release.path.name.removeprefix(f"{dataset}-")
    for table in manifest.ORDER:
        name = f"manifest/{table}.parquet"
        yield name, manifest.metadata(release.plain / name).get("release", "none")
    yield "croissant.json", str(croissant.declared(release.plain).get("version"))
    patterns = {
        "README.md": rf"^# {re.escape(dataset)} (\S+)$",
        "report.html": r'<meta name="release" content="([^"]*)">',
        "LICENSE": rf"^{re.escape(dataset)} (\S+)$",
    }
    for name, pattern in patterns.items():
        match = re.search(pattern, (release.plain / name).read_text(encoding="utf-8"), re.MULTILINE)
        yield name, match[1] if match else "none"
