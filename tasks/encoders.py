"""Image features for keyframes and duplicates: a function from RGB pictures to unit vectors, chosen by name."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from schemas.digests import digest
from schemas.errors import DefectoryError
from tasks.files import sha256_file

Encoder = Callable[[Sequence[np.ndarray]], np.ndarray]
"""RGB pictures (H, W, 3) uint8 -> (n, d) float32, rows of length 1, so that a dot product is the cosine."""


def identity(name: str) -> str:
    """What a fingerprint says of a model: its name, or for a local folder a digest of what lies in it.

    File names, sizes and the texts of the configuration; hashing gigabytes of weights at each call would cost
    more than it tells.
    """
    folder = Path(name)
    if not folder.is_dir():
        return name
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return digest(
        [(p.relative_to(folder).as_posix(), p.stat().st_size) for p in files],
        [sha256_file(p) for p in files if p.suffix == ".json"],
    )


@lru_cache(maxsize=2)
def encoder(name: str) -> Encoder:
    """`phash`, `thumbnail`, or a sentence-transformers image model by name or local path.

    Raises DefectoryError, naming the model, when it cannot be loaded or does not take pictures.
    """
    built_in: dict[str, Encoder] = {"phash": phash, "thumbnail": thumbnail}
    return built_in.get(name) or _sentence_transformer(name)


def thumbnail(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Grey thumbnails of 32x32 without what changes slowly over the picture, so that the light does not count.

    Their cosine is the correlation of two pictures as they lie: it keeps near 1 through compression, another size,
    noise, brightness and contrast, and falls with every shift.
    """
    rows = []
    for picture in pictures:
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        small = cv2.resize(grey, (64, 64), interpolation=cv2.INTER_AREA).astype(np.float32)
        small -= cv2.GaussianBlur(small, (0, 0), 8)
        tiny = cv2.resize(small, (32, 32), interpolation=cv2.INTER_AREA).ravel()
        rows.append(_unit(tiny - tiny.mean()))
    return np.array(rows, np.float32)


def phash(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Perceptual hash (imagehash, 16x16 DCT signs) for structure beside a 4x4 grid of mean Lab colours.

    Signs agree by chance for unrelated pictures, so the structure part has cosine near 0; the colour part
    tells apart equal shapes in other materials. Both have weight one half.
    """
    import imagehash

    rows = []
    for picture in pictures:
        signs = imagehash.phash(Image.fromarray(picture), hash_size=16).hash.astype(np.float32).ravel() * 2 - 1
        lab = cv2.cvtColor(cv2.resize(picture, (4, 4), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2LAB)
        colour = (lab.astype(np.float32).ravel() - 128) / 128
        rows.append(np.concatenate([_unit(signs), _unit(colour)]) / np.sqrt(2))
    return np.array(rows, np.float32)


def _unit(v: np.ndarray) -> np.ndarray:
    return v / max(float(np.linalg.norm(v)), 1e-12)


def _sentence_transformer(name: str) -> Encoder:
    try:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(name, device="cpu")
        model.encode([Image.new("RGB", (32, 32))])
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as e:
        reason = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        raise DefectoryError(
            f"encoder {name}: cannot be loaded as a sentence-transformers image model ({reason:.200}); "
            "give a local path or a model name, `phash` or `thumbnail`"
        ) from None

    def encode(pictures: Sequence[np.ndarray]) -> np.ndarray:
        vectors = model.encode([Image.fromarray(p) for p in pictures], normalize_embeddings=True, batch_size=16)
        return np.asarray(vectors, np.float32)

    return encode
