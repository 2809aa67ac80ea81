"""Image sets made by code, in the layouts in which the real ones come."""

import json
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("red iron", "slag inclusion", "surface scratch")


def picture(seed: int, width: int = 96, height: int = 64) -> np.ndarray:
    """Grey noise with a blot of its own, (H, W) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    ground = (
        rng.normal(130, 12, (height, width)) + 20 * np.sin(x / rng.uniform(4, 12)) + 20 * np.cos(y / rng.uniform(4, 12))
    )
    blot = ((x - rng.integers(20, width - 20)) / 9) ** 2 + ((y - rng.integers(16, height - 16)) / 6) ** 2 < 1
    ground[blot] = 30
    return ground.clip(0, 255).astype(np.uint8)


def write(file: Path, pixels: np.ndarray, **options: object) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, **options)  # type: ignore[arg-type]
    return file


def class_folders(root: Path, per_class: int = 4) -> Path:
    """As X-SDD: a folder per class, with spaces in its name, jpg and png, odd sizes among them."""
    for c, name in enumerate(CLASSES):
        for n in range(per_class):
            suffix = "png" if n % 2 else "jpg"
            write(root / name / f"{c}{n:03d}.{suffix}", picture(100 * c + n, 96 + n, 64 + 3 * n))
    return root


def voc(name: str, boxes: list[tuple[str, int, int, int, int]], width: int = 96, height: int = 64) -> str:
    objects = "".join(
        f"<object><name>{label}</name><bndbox><xmin>{x0}</xmin><ymin>{y0}</ymin><xmax>{x1}</xmax><ymax>{y1}</ymax>"
        "</bndbox></object>"
        for label, x0, y0, x1, y1 in boxes
    )
    size = f"<size><width>{width}</width><height>{height}</height><depth>1</depth></size>"
    return f"<annotation><filename>{name}</filename>{size}{objects}</annotation>"


def labelme(name: str, shapes: list[tuple[str, list[tuple[float, float]]]], width: int = 96, height: int = 64) -> str:
    said = [{"label": label, "points": points, "shape_type": "polygon"} for label, points in shapes]
    return json.dumps({"imagePath": name, "imageWidth": width, "imageHeight": height, "shapes": said})
