"""The visibility stage beside only decoding the same two videos: how much does finding the defect add?

`ratio` is decoding's time over ours (1 would be free); the bar is 0.7. Clips at three sizes, made here;
every repeat times both in turn, and the medians are compared.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.report import finish
from tasks import video
from tasks.visibility import visible_pixels

SIZES = ((480, 360), (640, 360), (1920, 1080))


def clip_pair(folder: Path, width: int, height: int, frames: int) -> tuple[Path, Path]:
    """A panning textured scene, and the same with a red disc that moves through it."""
    rng = np.random.default_rng(5)
    texture = rng.integers(30, 220, (height // 8, width // 4, 3)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    y, x = np.mgrid[:height, :width]

    def pictures(mark: bool) -> list[np.ndarray]:
        made = []
        for t in range(frames):
            picture = texture[:height, 4 * t : 4 * t + width].copy()
            if mark:
                picture[np.hypot(x - width / 2 + 3 * t, y - height / 2) < height * 0.06] = (255, 0, 0)
            made.append(picture)
        return made

    files = folder / f"u{width}.mp4", folder / f"m{width}.mp4"
    for file, mark in zip(files, (False, True), strict=True):
        video.encode(file, pictures(mark), fps=30, crf=18)
    return files


def decode_only(unmarked: Path, marked: Path) -> None:
    for one, two in zip(video.decoded(unmarked), video.decoded(marked), strict=True):
        del one, two


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    repeats, frames = (5, 24) if quick else (15, 60)
    rows, ratios = [], []
    with tempfile.TemporaryDirectory() as folder:
        for width, height in SIZES:
            pair = clip_pair(Path(folder), width, height, frames)
            ours, decoding = [], []
            for _ in range(repeats):
                decoding.append(seconds(lambda: decode_only(*pair)))  # noqa: B023 - called at once
                ours.append(seconds(lambda: visible_pixels(*pair, threshold=16)))  # noqa: B023 - called at once
            ratios.append(statistics.median(decoding) / statistics.median(ours))
            rows.append(
                {
                    "size": f"{width}x{height}",
                    "frames": frames,
                    "decode only, ms": 1000 * statistics.median(decoding),
                    "visibility, ms": 1000 * statistics.median(ours),
                    "ratio": ratios[-1],
                }
            )
    by_size = {str(r["size"]): round(q, 3) for r, q in zip(rows, ratios, strict=True)}
    finish("visibility_speed", min(ratios), rows, by_size=by_size)


if __name__ == "__main__":
    main()
