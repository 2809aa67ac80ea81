"""WebDataset shards: tar files that hold whole samples, equal bytes for equal samples.

The key of a sample is its id. WebDataset takes everything after the first dot of a file's name as its
field: `c1.mp4` and `c1.marked.mp4` are the fields `mp4` and `marked.mp4` of sample `c1`, and decoders go
by what follows the last dot, so both are decoded as video. `mp4` is there for every clip; `marked.mp4`
shows the answer and exists for defective clips only. An image has the field `png`.
"""

import dataclasses
import io
import json
import tarfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.rows import Interval
from tasks.release.manifest import Bundle

FIELDS = {"unmarked": "mp4", "marked": "marked.mp4", "image": "png"}
"""The field of a sample in a shard by the role of the file."""
MB = 1_000_000


def document(bundle: Bundle, release: str, protocol: str) -> dict[str, Any]:
    """What `<id>.json` says: labels, intervals in frames and in seconds, questions, masks as COCO RLE."""
    s, labels = bundle.sample, bundle.labels.by_task
    mask, interval, caption = labels.get("mask"), labels.get("visible_interval"), labels.get("caption")
    defect, item = labels.get("defect_type"), labels.get("object")
    return {
        "id": s.id, "dataset": s.dataset, "release": release, "draft": release.endswith("-draft"),
        "split": bundle.split, "protocol": protocol, "groups": s.groups, "instance": s.instance, "clip": s.clip,
        "object": item.label if item else s.object,
        "defect": defect.label if defect else s.defect,
        "defect_facts": dataclasses.asdict(defect.facts) if defect and defect.facts else None,
        "frames": s.frames, "fps": s.fps, "width": s.width, "height": s.height,
        "environment": s.environment, "floor": s.floor, "material": s.material,
        "visible_intervals": [_in_seconds(i, s.fps) for i in (interval.intervals or [])] if interval else [],
        "caption": caption.text if caption else None,
        "description": _described(bundle),
        "qa": [{k: getattr(q, k) for k in ("key", "task", "question", "options", "answer")} for q in bundle.qa],
        "masks": [dataclasses.asdict(m) for m in mask.masks or []] if mask else [],
        "authors": {task: f"{a.author_kind}:{a.author} ({a.status})" for task, a in sorted(labels.items())},
        "source": s.source, "licence": s.licence, "source_set": s.source_set, "source_class": s.source_class,
    }  # fmt: skip


def members(bundle: Bundle, folder: Path, release: str, protocol: str) -> dict[str, bytes | Path]:
    """The fields of one sample: its document and its videos, which lie in the release `folder`."""
    found: dict[str, bytes | Path] = {"json": encoded(document(bundle, release, protocol))}
    for m in bundle.media:
        if m.role in FIELDS:
            found[FIELDS[m.role]] = folder / m.path
    return found


def _described(bundle: Bundle) -> dict[str, Any] | None:
    """The text levels and structured attributes."""
    if bundle.description is None:
        return None
    return {k: v for k, v in dataclasses.asdict(bundle.description).items() if k != "sample"}


def _in_seconds(span: Interval, fps: float | None) -> dict[str, float]:
    rate = fps or 1.0
    return dataclasses.asdict(span) | {
        "start_s": round(span.start_frame / rate, 6),
        "end_s": round(span.end_frame / rate, 6),
    }


class Shards:
    """Writes samples to `<split>-<number>.tar`, starting the next one before it would pass `target_mb`.

    A sample larger than the target gets a shard of its own.
    """

    def __init__(self, folder: Path, target_mb: float):
        self.folder, self.target = folder, int(target_mb * MB)
        self.count: Counter[str] = Counter()
        """Shards by split."""
        self._open: dict[str, tarfile.TarFile] = {}

    def add(self, split: str, key: str, members: Mapping[str, bytes | Path]) -> None:
        """Add one sample; `members` are its fields by name, each given as bytes or as the file to copy."""
        sizes = {field: m.stat().st_size if isinstance(m, Path) else len(m) for field, m in members.items()}
        needed = sum(tarfile.BLOCKSIZE + size + -size % tarfile.BLOCKSIZE for size in sizes.values())
        if split in self._open and self._open[split].offset + needed > self.target:
            self._open.pop(split).close()
        if split not in self._open:
            path = self.folder / f"{split}-{self.count[split]:06d}.tar"
            self._open[split] = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - closed when full
            self.count[split] += 1
        for field in sorted(members):
            info = tarfile.TarInfo(f"{key}.{field}")
            info.size, info.mode, info.mtime = sizes[field], 0o644, 0
            content = members[field]
            with open(content, "rb") if isinstance(content, Path) else io.BytesIO(content) as stream:
                self._open[split].addfile(info, stream)

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *_: object) -> None:
        for tar in self._open.values():
            tar.close()


def encoded(values: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys: equal bytes for equal values."""
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
