"""The files that the examples show: a picture, a clip and the marked clip, made by code."""

from pathlib import Path

import cv2
import numpy as np

from tasks import video
from tests.annotation.labelling.examples import HEIGHT, SPANS, WIDTH


def make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    ground = np.linspace(90, 190, WIDTH, dtype=np.float32)[None, :, None] + rng.normal(0, 6, (HEIGHT, WIDTH, 3))
    picture = ground.clip(0, 255).astype(np.uint8)
    cv2.rectangle(picture, (20, 300), (271, 381), (120, 90, 60), -1)
    cv2.fillPoly(picture, [np.array([[33, 40], [190, 52], [150, 201]])], (60, 70, 150))
    cv2.rectangle(picture, (300, 40), (420, 130), (70, 140, 80), -1)
    cv2.ellipse(picture, (460, 300), (90, 50), 30, 0, 360, (40, 40, 40), -1)
    cv2.imwrite(str(folder / "picture.jpg"), picture)
    even = picture[: HEIGHT // 2 * 2, : WIDTH // 2 * 2]
    plain, marked = [], []
    for n in range(60):
        frame = np.roll(even, 4 * n, axis=1)
        seen = any(s.start_frame <= n < s.end_frame for s in SPANS)
        cv2.putText(frame, f"frame {n}", (10, 460), cv2.FONT_HERSHEY_SIMPLEX, 1, (20, 20, 20), 2)
        plain.append(frame[:, :, ::-1])
        red = frame.copy()
        if seen:
            cv2.circle(red, (320, 200), 40, (30, 30, 220), -1)
        marked.append(red[:, :, ::-1])
    video.encode(folder / "clip.mp4", plain, 15, 18)
    video.encode(folder / "marked.mp4", marked, 15, 18)
