"""Encoding gives the same bytes every time; decoding gives the pictures back, or says why not."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from schemas.errors import BadInput, DefectoryError
from tasks import video


def moving_square(count: int = 6, height: int = 48, width: int = 64) -> Iterator[np.ndarray]:
    for n in range(count):
        picture = np.full((height, width, 3), (40, 90, 140), np.uint8)
        picture[10:30, 4 * n : 4 * n + 16] = (230, 60, 30)
        yield picture


def test_what_goes_in_comes_out(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    assert video.encode(file, moving_square(), fps=10, crf=4) == 6
    assert video.probe(file) == video.VideoFacts(width=64, height=48, fps=10.0, frames=6)
    for seen, made in zip(video.frames(file), moving_square(), strict=True):
        # chroma has half the resolution, so the square's edges differ; its inside does not
        assert np.abs(seen[15:25].astype(int) - made[15:25]).mean() < 6
        assert np.abs(seen[40].astype(int) - made[40]).max() < 8


def test_some_frames_are_those_of_all(tmp_path: Path) -> None:
    file = tmp_path / "clip.mp4"
    video.encode(file, moving_square(), fps=10, crf=18)
    every = list(video.frames(file))
    for wanted in ([], [0], [5], [1, 2, 4], list(range(6))):
        found = list(video.frames_at(file, wanted))
        assert len(found) == len(wanted)
        assert all((f == every[i]).all() for f, i in zip(found, wanted, strict=True))
    with pytest.raises(BadInput, match=r"clip\.mp4: ends before frame 6"):
        list(video.frames_at(file, [2, 6]))


def test_equal_frames_give_equal_bytes_without_a_trace_of_when(tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        video.encode(tmp_path / name, moving_square(), fps=10, crf=18)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_truncated_clip_and_a_text_file_are_bad_input(tmp_path: Path) -> None:
    whole = tmp_path / "whole.mp4"
    video.encode(whole, moving_square(), fps=10, crf=18)
    for name, content in (("cut.mp4", whole.read_bytes()[:200]), ("text.mp4", b"not a video"), ("none.mp4", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(BadInput, match=name):
            list(video.frames(tmp_path / name))


def test_nothing_to_encode_and_nowhere_to_write(tmp_path: Path) -> None:
    with pytest.raises(DefectoryError, match="at least one frame"):
        video.encode(tmp_path / "empty.mp4", [], fps=10, crf=18)
    with pytest.raises(DefectoryError, match=r"clip\.mp4: ffmpeg could not write it"):
        video.encode(tmp_path / "no-such-folder" / "clip.mp4", moving_square(), fps=10, crf=18)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left on device"):
        video.encode(tmp_path / "clip.mp4", moving_square(), fps=10, crf=18)
