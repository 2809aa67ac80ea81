"""The short way through the embedded model comes to what the model itself comes to."""

import numpy as np
import pytest
import torch
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEmbeddings

from annotation.coverage import marked
from annotation.coverage.encoder import Settled
from annotation.coverage.understanding import reader
from annotation.diversity import EMBEDDED, _load, sentence_encoder
from annotation.settled import WHOLE, Product, apart, beside, by_length, looked_up

TEXTS = [
    "A dent.",
    "Rust",
    "",
    "A long thin scratch, darker than the steel around it, runs through the upper left corner.",
    "No depth.",
    "A pit " * 300,  # longer than what is read
]


def test_texts_of_one_length_lie_side_by_side_and_come_back_in_their_order() -> None:
    order, alike = by_length([[7, 7, 7], [1], [8, 8, 8], [2]])
    assert (order, alike) == ([1, 3, 0, 2], [(2, 1), (2, 3)])
    flat = torch.tensor([[1.0], [2.0], [7.0], [7.0], [7.0], [8.0], [8.0], [8.0]])
    assert beside((some.sum(1) for some in apart(flat, alike)), order).tolist() == [[21.0], [1.0], [24.0], [2.0]]


def test_the_rows_that_products_meet_are_few_and_a_text_s_own_stay_first() -> None:
    """Kernels are made, and kept, for every number of rows."""
    embeddings = BertEmbeddings(BertConfig(vocab_size=50, hidden_size=8, max_position_embeddings=40)).eval()
    numbers = set()
    with torch.inference_mode():
        for n in range(1, 4 * WHOLE):
            ids = [[1 + n % 40] * (1 + n % 3)] * n
            _, alike = by_length(ids)
            flat = looked_up(embeddings, [piece for text in ids for piece in text], alike)
            numbers.add(len(flat))
            (some,) = apart(flat, alike)
            assert some.shape == (n, len(ids[0]), 8) and torch.equal(some[0], some[-1])
    assert len(numbers) <= 3 * 4


@pytest.mark.parametrize("gelu", [False, True])
def test_a_product_is_the_maps_side_by_side_with_and_without_a_layout_of_its_own(gelu: bool, monkeypatch) -> None:
    maps, x = [nn.Linear(48, 16), nn.Linear(48, 32)], torch.randn(9, 48)
    after = nn.GELU() if gelu else nn.Identity()
    with torch.inference_mode():
        own = after(torch.cat([m(x) for m in maps], 1))
        assert torch.allclose(Product(*maps, gelu=gelu)(x), own, atol=1e-6)
        monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
        assert torch.allclose(Product(*maps, gelu=gelu)(x), own, atol=1e-6)


@pytest.mark.whole
def test_vectors_are_those_of_the_model() -> None:
    sentence_encoder.cache_clear()  # nothing is remembered
    own = _load(EMBEDDED).encode(TEXTS, normalize_embeddings=True)
    assert np.allclose(sentence_encoder(EMBEDDED)(TEXTS), own, atol=2e-6)


@pytest.mark.whole
def test_logits_are_those_of_the_reader() -> None:
    torch.manual_seed(0)
    learned = reader()
    with torch.no_grad():
        for parameter in learned.learned().values():
            parameter += 0.1 * torch.randn_like(parameter)
    read = [marked(text) for text in TEXTS if text]
    assert any(clause.marks for clause in read)
    with torch.inference_mode():
        own = learned(read).numpy()
        assert own.std() > 0.1
        assert np.allclose(Settled(learned)(read), own, atol=1e-4)
