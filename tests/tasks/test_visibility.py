"""Visible intervals: exact on made signals, right on a real H.264 pair."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import BadInput
from schemas.rows import Interval
from tasks import video
from tasks.visibility import agreement, f1, frames_of, intervals, visible_pixels

SEEN = [
    # seen frames, min_frames, close_gap, intervals
    ("..........", 1, 0, []),  # never visible: faces away
    ("##########", 1, 0, [(0, 10)]),  # always
    ("..###..##.", 1, 0, [(2, 5), (7, 9)]),  # twice in one clip
    ("..###..##.", 1, 2, [(2, 9)]),  # a gap of two is closed
    ("..###..##.", 3, 0, [(2, 5)]),  # too short is dropped
    ("#.#.#.....", 3, 1, [(0, 5)]),  # gaps close before short ones drop
    ("#........#", 1, 0, [(0, 1), (9, 10)]),  # at both ends
    ("", 1, 0, []),
]


@pytest.mark.parametrize(("seen", "min_frames", "close_gap", "expected"), SEEN)
def test_intervals(seen: str, min_frames: int, close_gap: int, expected: list[tuple[int, int]]) -> None:
    found = intervals(np.array([c == "#" for c in seen], bool), min_frames, close_gap)
    assert found == [Interval(*span) for span in expected]


series = st.lists(st.booleans(), max_size=60).map(lambda v: np.array(v, bool))


@given(series)
def test_without_policy_intervals_are_exactly_the_seen_frames(seen: np.ndarray) -> None:
    assert (frames_of(intervals(seen, 1, 0), len(seen)) == seen).all()


@given(series, st.integers(1, 6), st.integers(0, 4))
def test_intervals_are_ordered_apart_and_long_enough(seen: np.ndarray, min_frames: int, close_gap: int) -> None:
    found = intervals(seen, min_frames, close_gap)
    assert all(s.end_frame - s.start_frame >= min_frames for s in found)
    assert all(b.start_frame - a.end_frame > close_gap for a, b in pairwise(found))
    assert all(seen[s.start_frame] and seen[s.end_frame - 1] for s in found)


@given(series, series)
def test_agreement_counts_every_frame_once(a: np.ndarray, b: np.ndarray) -> None:
    n = min(len(a), len(b))
    counts = agreement(a[:n], b[:n])
    assert sum(counts.values()) == n
    assert (f1(counts) == 1) == bool((a[:n] == b[:n]).all())


def pair(folder: Path, colour: tuple[int, int, int], frames: int = 24) -> tuple[Path, Path, np.ndarray]:
    """A noisy clip, the same with a red disc that comes and goes, and the disc's area per frame."""
    rng = np.random.default_rng(4)
    base = np.clip(rng.normal(colour, 12, (120, 160, 3)), 0, 255)
    y, x = np.mgrid[:120, :160]
    unmarked, marked, area = [], [], []
    for t in range(frames):
        radius = max(0.0, 14 * np.sin(2 * np.pi * t / frames))
        share = np.clip(radius - np.hypot(x - 60 - t, y - 60) + 0.5, 0, 1) if radius else np.zeros(x.shape)
        picture = np.clip(base + rng.normal(0, 3, base.shape), 0, 255)
        unmarked.append(picture.astype(np.uint8))
        marked.append((picture * (1 - share[..., None]) + share[..., None] * (255, 0, 0)).astype(np.uint8))
        area.append(float(share.sum()))
    files = folder / "unmarked.mp4", folder / "marked.mp4"
    for file, pictures in zip(files, (unmarked, marked), strict=True):
        video.encode(file, pictures, fps=12, crf=18)
    return *files, np.array(area)


@pytest.mark.parametrize(
    "colour", [(128, 128, 128), (20, 20, 24), (235, 235, 235), (150, 40, 40)], ids=["grey", "dark", "bright", "red"]
)
def test_visible_area_from_the_encoded_pair_follows_the_exact_area(
    tmp_path: Path, colour: tuple[int, int, int]
) -> None:
    unmarked, marked, exact = pair(tmp_path, colour)
    found = visible_pixels(unmarked, marked, threshold=16)
    assert np.abs(found - exact).max() < 0.15 * exact.max() + 8
    assert ((found >= 24) == (exact >= 24)).mean() >= 23 / 24
    assert not visible_pixels(unmarked, unmarked, threshold=16).any()


def test_a_pair_of_different_length_or_size_is_refused(tmp_path: Path) -> None:
    grey = np.full((64, 64, 3), 128, np.uint8)
    for name, pictures in {"long": [grey] * 6, "short": [grey] * 5, "wide": [grey[:, :32]] * 6}.items():
        video.encode(tmp_path / f"{name}.mp4", pictures, fps=6, crf=18)
    with pytest.raises(BadInput, match=r"short\.mp4: ends at frame 5"):
        visible_pixels(tmp_path / "long.mp4", tmp_path / "short.mp4", 16)
    with pytest.raises(BadInput, match=r"short\.mp4: ends at frame 5"):
        visible_pixels(tmp_path / "short.mp4", tmp_path / "long.mp4", 16)
    with pytest.raises(BadInput, match=r"wide\.mp4: is 32x64, not 64x64"):
        visible_pixels(tmp_path / "long.mp4", tmp_path / "wide.mp4", 16)


def test_a_file_that_is_no_video_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video at all")
    with pytest.raises(BadInput, match=r"broken\.mp4: cannot be read as a video"):
        visible_pixels(broken, broken, 16)
