"""Keyframes and their encoders."""

from pathlib import Path

import numpy as np
import pytest

from schemas.errors import DefectoryError
from tasks.encoders import encoder, phash
from tasks.keyframes import keyframes_of


def scene(shift: int, hue: int = 0) -> np.ndarray:
    """A textured picture, moved by `shift` pixels; deterministic."""
    rng = np.random.default_rng(3)
    texture = np.kron(rng.integers(0, 255, (12, 16, 3)), np.ones((10, 10, 1)))
    return np.roll(np.roll(texture, shift, axis=1), hue, axis=2).astype(np.uint8)


def kept(frames: list[np.ndarray], every: int, max_similarity: float) -> list[int]:
    return [n for n, _, _ in keyframes_of(iter(frames), phash, every, max_similarity)]


def test_a_still_camera_gives_one_keyframe() -> None:
    assert kept([scene(0)] * 30, every=5, max_similarity=0.98) == [0]


def test_a_moving_camera_gives_one_in_every_n() -> None:
    assert kept([scene(7 * t) for t in range(40)], every=5, max_similarity=0.98) == list(range(0, 40, 5))


def test_frames_are_compared_with_the_last_kept_one_not_the_last_seen() -> None:
    frames = [scene(0)] * 10 + [scene(80)] * 10
    assert kept(frames, every=1, max_similarity=0.98) == [0, 10]


def test_a_limit_of_one_keeps_everything_and_of_minus_one_only_the_first() -> None:
    frames = [scene(7 * t) for t in range(20)]
    assert kept(frames, every=1, max_similarity=1.0) == list(range(20))
    assert kept(frames, every=1, max_similarity=-1.0) == [0]


def test_phash_vectors_are_unit_and_see_structure_and_colour() -> None:
    base, noisy, recoloured, other = phash(
        [scene(0), np.clip(scene(0) + np.random.default_rng(0).normal(0, 4, (120, 160, 3)), 0, 255).astype(np.uint8),
         scene(0, hue=1), scene(80)]
    )  # fmt: skip
    assert np.allclose(np.linalg.norm([base, noisy, recoloured, other], axis=1), 1, atol=1e-5)
    assert base @ noisy > 0.95
    assert base @ recoloured < 0.9
    assert base @ other < 0.9


def test_an_encoder_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DefectoryError, match=r"encoder .*nothing-here: cannot be loaded"):
        encoder(str(tmp_path / "nothing-here"))


def tiny_clip(folder: Path) -> Path:
    """A CLIP of the real architecture with random weights, small enough to make here."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import CLIPModel
    from transformers import (
        CLIPConfig,
        CLIPImageProcessor,
        CLIPProcessor,
        CLIPTextConfig,
        CLIPTokenizer,
        CLIPVisionConfig,
    )
    from transformers import (
        CLIPModel as HFModel,
    )

    torch.manual_seed(0)
    vocabulary = {
        c: i for i, c in enumerate([*"abcdefgh", *(f"{c}</w>" for c in "abcdefgh"), "<|startoftext|>", "<|endoftext|>"])
    }
    (folder / "vocab.json").write_text(__import__("json").dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config=CLIPTextConfig(vocab_size=len(vocabulary), bos_token_id=16, eos_token_id=17, **small).to_dict(),
        vision_config=CLIPVisionConfig(image_size=32, patch_size=8, **small).to_dict(),
        projection_dim=16,
    )
    HFModel(config).save_pretrained(folder / "hf")
    size = {"shortest_edge": 32}
    processor = CLIPImageProcessor(size=size, crop_size={"height": 32, "width": 32})
    tokenizer = CLIPTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    CLIPProcessor(processor, tokenizer).save_pretrained(folder / "hf")
    SentenceTransformer(modules=[CLIPModel(str(folder / "hf"))]).save(str(folder / "clip"))
    return folder / "clip"


@pytest.mark.whole
def test_a_sentence_transformers_image_model_from_a_local_path(tmp_path: Path) -> None:
    encode = encoder(str(tiny_clip(tmp_path)))
    vectors = encode([scene(0), scene(0), scene(80)])
    assert vectors.shape == (3, 16)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert vectors[0] @ vectors[1] > 0.9999 > vectors[0] @ vectors[2]
