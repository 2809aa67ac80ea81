"""How many changed copies of real images are found as duplicates, and how many different images are taken for such.

Images of X-SDD, brought to the size of a data set as the import does. Copies are compressed, halved, brightened or
noisy; crops of one image are shifted by 12 % of it. `ratio` is the least share of copies that is found. --quick takes
every fourth image.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from benchmarks.report import finish
from schemas.sources import Images
from tasks.dedup import near_pairs
from tasks.encoders import thumbnail
from tasks.imports.pictures import decode, normalised
from tasks.imports.shifted import shifted_pairs

REAL = Path(__file__).parents[2] / "shared/data/images/x-sdd"
SHIFT = 0.12
"""Of the image's side, down and to the right."""


def squeezed(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR))


def halved(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def brightened(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (picture * 1.15 + 12).clip(0, 255).astype(np.uint8)


def noisy(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return (picture + rng.normal(0, 8, picture.shape)).clip(0, 255).astype(np.uint8)


COPIES: dict[str, Callable[[np.ndarray, np.random.Generator], np.ndarray]] = {
    "JPEG 40": squeezed, "halved": halved, "brightened": brightened, "noisy": noisy,
}  # fmt: skip


def crops(picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    off = round(SHIFT * min(picture.shape[:2]))
    return picture[:-off, :-off], picture[off:, off:]


def shifted(pictures: list[np.ndarray], limit: float) -> set[tuple[int, int]]:
    with tempfile.TemporaryDirectory() as folder:
        return {(i, j) for i, j, _ in shifted_pairs(pictures, len(pictures), limit, Path(folder) / "small.raw")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="every fourth image")
    options = parser.parse_args()
    want, rng = Images(), np.random.default_rng(0)

    def sized(picture: np.ndarray) -> np.ndarray:
        return normalised(picture, want.side, want.fit)

    files = sorted(f for f in REAL.rglob("*") if f.suffix.lower() in (".jpg", ".png"))[:: 4 if options.quick else 1]
    decoded = (decode(f, f.name).pixels for f in files)
    whole = [cv2.cvtColor(p, cv2.COLOR_GRAY2RGB) if p.ndim == 2 else p for p in decoded]
    originals = [sized(p) for p in whole]
    count = len(originals)
    vectors = thumbnail(originals)
    rows, found = [], {}
    for name, change in COPIES.items():
        copies = thumbnail([sized(change(p, rng)) for p in whole])
        pairs = {(i, j) for i, j, _ in near_pairs(np.concatenate([vectors, copies]), want.duplicates)}
        found[name] = sum((n, n + count) in pairs for n in range(count)) / count
        rows.append({"copies": name, "images": count, "found": f"{found[name]:.1%}"})
    parts = [sized(crop) for p in whole for crop in crops(p)]
    together = shifted(parts, want.shifted)
    moved = sum((n, n + 1) in together for n in range(0, len(parts), 2)) / count
    rows.append({"copies": f"crops shifted by {SHIFT:.0%}", "images": count, "found": f"{moved:.1%}"})
    same = len(list(near_pairs(vectors, want.duplicates)))
    alike = len(shifted(originals, want.shifted))
    finish(
        "duplicates_truth", min(found.values()), rows, shifted_crops=round(moved, 3), pairs=count * (count - 1) // 2,
        different_taken_for_copies=same, joined_as_shifted=alike,
    )  # fmt: skip


if __name__ == "__main__":
    main()
