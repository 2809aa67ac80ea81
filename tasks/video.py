"""Video files: deterministic H.264 encoding with ffmpeg, decoding and probing with PyAV."""

import errno
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import ffmpeg
import imageio_ffmpeg
import numpy as np

from schemas.errors import BadInput, DefectoryError


@dataclass(frozen=True)
class VideoFacts:
    width: int
    height: int
    fps: float
    frames: int


def encode(path: Path, frames: Iterable[np.ndarray], fps: int, crf: int) -> int:
    """Write RGB frames (H, W, 3, uint8, even sides) as H.264 MP4; returns how many there were.

    One x264 thread and no metadata: x264's output depends on the number of threads, and a release must
    be byte-identical on every machine. BT.709, so that players and decoders agree on the colours.
    Raises OSError (ENOSPC) on a full disk and DefectoryError, with ffmpeg's reason, for anything else.
    """
    iterator = iter(frames)
    first = next(iterator, None)
    if first is None:
        raise DefectoryError(f"{path.name}: a video needs at least one frame")
    height, width = first.shape[:2]
    process = (
        ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", s=f"{width}x{height}", framerate=fps)
        .filter("scale", out_color_matrix="bt709", out_range="tv")
        .output(
            str(path), vcodec="libx264", crf=crf, preset="medium", pix_fmt="yuv420p", threads=1,
            colorspace="bt709", color_primaries="bt709", color_trc="bt709", color_range="tv",
            movflags="+faststart", map_metadata=-1, fflags="+bitexact", **{"flags:v": "+bitexact"},
        )
        .global_args("-loglevel", "error")
        .overwrite_output()
        .run_async(cmd=imageio_ffmpeg.get_ffmpeg_exe(), pipe_stdin=True, pipe_stderr=True)
    )  # fmt: skip
    count = 0
    try:
        frame: np.ndarray | None = first
        while frame is not None:
            process.stdin.write(np.ascontiguousarray(frame).tobytes())
            count += 1
            frame = next(iterator, None)
    except BrokenPipeError:
        pass  # ffmpeg died; its own words say why, below
    except BaseException:
        process.kill()
        process.wait()
        raise
    with suppress(BrokenPipeError):
        process.stdin.close()
    errors = process.stderr.read().decode(errors="replace").strip()
    if process.wait() != 0 and os.strerror(errno.ENOSPC) in errors:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    if process.returncode != 0:
        raise DefectoryError(
            f"{path.name}: ffmpeg could not write it: {errors.splitlines()[-1] if errors else 'no reason'}"
        )
    return count


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """The container and its video stream. Raises BadInput for what is not a readable video."""
    try:
        container = av.open(str(path))
    except (av.error.FFmpegError, OSError) as e:
        raise BadInput(f"{path.name}: cannot be read as a video ({e.__class__.__name__}); encode it again") from None
    with container:
        if not container.streams.video:
            raise BadInput(f"{path.name}: holds no video stream")
        yield container, container.streams.video[0]


def decoded(path: Path) -> Iterator[Any]:
    """The decoded frames (`av.VideoFrame`) in order. Raises BadInput where the stream breaks off."""
    with opened(path) as (container, stream):
        try:
            yield from container.decode(stream)
        except av.error.FFmpegError as e:
            raise BadInput(f"{path.name}: breaks off while decoding ({e.__class__.__name__})") from None


def frames(path: Path) -> Iterator[np.ndarray]:
    """RGB frames, (H, W, 3) uint8."""
    for frame in decoded(path):
        yield frame.to_ndarray(format="rgb24")


def frames_at(path: Path, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """The frames with the ascending indices `wanted`, RGB (H, W, 3) uint8; only these are converted.

    Raises BadInput when the clip ends before the last of them.
    """
    left = list(reversed(wanted))
    for index, frame in enumerate(decoded(path)):
        if not left:
            return
        if index == left[-1]:
            left.pop()
            yield frame.to_ndarray(format="rgb24")
    if left:
        raise BadInput(f"{path.name}: ends before frame {left[-1]}; encode it again")


def probe(path: Path) -> VideoFacts:
    with opened(path) as (_, stream):
        rate = stream.average_rate or Fraction(0)
        return VideoFacts(stream.width, stream.height, float(rate), stream.frames or sum(1 for _ in decoded(path)))
