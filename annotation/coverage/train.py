"""Learns from `learned/*.jsonl` what the words of a clause say, and writes `learned/weights.npz`.

`python -m annotation.coverage.train` takes some minutes on one core. With --check, one fifth of the clauses, in
blocks of neighbours, so that variants of one thought stay together, is left out, measured and nothing is written.
"""

import argparse
import json
import time
from importlib import resources

import numpy as np
import torch
from torch.nn import functional

from annotation.coverage import found_by_rules
from annotation.coverage.encoder import Reader
from annotation.coverage.rulebook import DIMENSIONS
from annotation.coverage.understanding import DENIES, FILE, INSISTS, packed, restored

EPOCHS = 7
BATCH = 32
RATE = 1.5e-3
JOINED = 0.25
"""Share of the examples that are read together with another: people write several clauses in a sentence."""
JOINTS = (", ", "; ", " and ", ", but ", ": ")
BLOCK = 10
"""Neighbouring clauses that are left out together."""

Example = tuple[str, np.ndarray]


def examples(name: str) -> list[Example]:
    """Texts of a data file and their bits, (sides,) float32."""
    text = resources.files("annotation.coverage").joinpath("learned", name).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [(row["text"], np.array([int(bit) for bit in row["bits"]], np.float32)) for row in rows]


def trained(data: list[Example], rng: np.random.Generator) -> Reader:
    """A reader, the same for the same data, generator and processor."""
    torch.manual_seed(int(rng.integers(2**31)))
    torch.set_num_threads(1)
    reader = Reader(len(DIMENSIONS))
    parameters = list(reader.learned().values())
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.02)
    reader.train()
    steps, step = EPOCHS * -(-len(data) // BATCH), 0
    for epoch in range(EPOCHS):
        start, total = time.perf_counter(), 0.0
        for batch in _batches(_joined(data, rng), rng):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / 30) * (1 - step / steps)
            step += 1
            logits = reader([text for text, _ in batch])
            truth = torch.from_numpy(np.stack([bits for _, bits in batch]))
            loss = functional.binary_cross_entropy_with_logits(logits, truth * 0.96 + 0.02)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: {total / (steps / EPOCHS):.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    reader.eval()
    return reader


def _joined(data: list[Example], rng: np.random.Generator) -> list[Example]:
    """Every example once; some joined with another, whose bits are added."""
    whole = []
    for text, bits in data:
        if rng.random() < JOINED:
            other, more = data[rng.integers(len(data))]
            text = f"{text.rstrip('.')}{JOINTS[rng.integers(len(JOINTS))]}{other[0].lower()}{other[1:]}"
            bits = np.maximum(bits, more)
        whole.append((text, bits))
    return whole


def _batches(data: list[Example], rng: np.random.Generator) -> list[list[Example]]:
    """Texts of like length together, in an order of chance."""
    order = [data[i] for i in rng.permutation(len(data))]
    batches = []
    for at in range(0, len(order), 16 * BATCH):
        near = sorted(order[at : at + 16 * BATCH], key=lambda example: len(example[0]))
        batches += [near[i : i + BATCH] for i in range(0, len(near), BATCH)]
    return [batches[i] for i in rng.permutation(len(batches))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="leave a fifth of the clauses out and measure on it")
    args = parser.parse_args()
    clauses, captions = examples("clauses.jsonl"), examples("captions.jsonl")
    rng = np.random.default_rng(0)
    if not args.check:
        reader = trained(clauses + captions, rng)
        with resources.as_file(resources.files("annotation.coverage").joinpath("learned", FILE)) as path:
            np.savez_compressed(path, **packed(reader))  # type: ignore[arg-type]
        return
    blocks = np.random.default_rng(1).permutation(-(-len(clauses) // BLOCK)) % 5
    out = [blocks[n // BLOCK] == 0 for n in range(len(clauses))]
    reader = trained([c for c, left in zip(clauses, out, strict=True) if not left] + captions, rng)
    _report(restored(packed(reader)), [c for c, left in zip(clauses, out, strict=True) if left])


def _report(reader: Reader, clauses: list[Example]) -> None:
    texts, truth = [text for text, _ in clauses], np.stack([bits for _, bits in clauses]) > 0
    with torch.inference_mode():
        logits = np.concatenate([reader(texts[i : i + 64]).numpy() for i in range(0, len(texts), 64)])
    ruled = np.array([[bool(spans) for spans in found_by_rules(text).values()] for text in texts])
    both = logits > np.where(ruled, DENIES, INSISTS)
    for side, name in enumerate(DIMENSIONS):
        figures = [_figures(bits[:, side], truth[:, side]) for bits in (ruled, logits > 0, both)]
        print(name, *(f"{who} {f}" for who, f in zip(("rules", "learned", "both"), figures, strict=True)), sep="  ")


def _figures(bits: np.ndarray, truth: np.ndarray) -> str:
    hits = int((bits & truth).sum())
    return (
        f"P {hits / max(1, bits.sum()):.2f} R {hits / truth.sum():.2f} F1 {2 * hits / (bits.sum() + truth.sum()):.3f}"
    )


if __name__ == "__main__":
    main()
