"""Learns from `learned/*.jsonl` what the words of a clause say, and writes `learned/weights.npz`.

`python -m annotation.coverage.train` takes some twenty-five minutes on one core. One fifth of the sentences of
`SHARED`, in blocks of neighbours, so that variants of one thought stay together, is never learned from. What the reader
makes of it is printed in the end, and what a logit must reach (`understanding`) is fitted on it and on `texts.jsonl`.
--check prints that of the weights as they are.
"""

import argparse
import json
import time
from importlib import resources

import numpy as np
import torch
from torch.nn import functional

from annotation.coverage import marked
from annotation.coverage.encoder import Reader
from annotation.coverage.rulebook import DIMENSIONS
from annotation.coverage.understanding import FILE, packed, reader, restored, says
from annotation.coverage.wording import Clause

DATA = ("clauses.jsonl", "captions.jsonl", "measured.jsonl")
SHARED = ("sentences.jsonl", "descriptions.jsonl", "statements.jsonl")
"""A fifth of these is never learned from."""
EPOCHS = 7
BATCH = 32
RATE = 8e-4
WARM_UP = 300
"""Steps in which the rate rises: a correction that starts too fast ends in saying the same of every text."""
JOINED = 2200
"""Pairs of texts that are also read as one: people write several clauses in a sentence."""
JOINTS = (", ", "; ", " and ", ", but ", ": ")
UNMARKED = 0.1
"""Share of the examples that the reader gets without the marks of the rules, so that it does not lean on them alone."""
BLOCK = 10
"""Neighbouring sentences that are left out together."""

Example = tuple[Clause, np.ndarray]


def examples(name: str) -> list[Example]:
    """Texts of a data file with their marks, and their bits, (sides,) float32."""
    text = resources.files("annotation.coverage").joinpath("learned", name).read_text(encoding="utf-8")
    rows = [json.loads(line) for line in text.splitlines()]
    return [(marked(row["text"]), np.array([int(bit) for bit in row["bits"]], np.float32)) for row in rows]


def trained(data: list[Example], rng: np.random.Generator) -> Reader:
    """A reader, the same for the same data, generator and processor."""
    torch.manual_seed(int(rng.integers(2**31)))
    torch.set_num_threads(1)
    learner = reader()
    parameters = list(learner.learned().values())
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.02)
    data = data + _joined(data, rng)
    learner.train()
    steps, step = EPOCHS * -(-len(data) // BATCH), 0
    for epoch in range(EPOCHS):
        start, total = time.perf_counter(), 0.0
        for batch in _batches(data, rng):
            for group in optimizer.param_groups:
                group["lr"] = RATE * min(1.0, (step + 1) / WARM_UP) * (1 - step / steps)
            step += 1
            read = [Clause(clause.text) if rng.random() < UNMARKED else clause for clause, _ in batch]
            with torch.autocast("cpu", torch.bfloat16):
                logits = learner(read)
            truth = torch.from_numpy(np.stack([bits for _, bits in batch]))
            loss = functional.binary_cross_entropy_with_logits(logits, truth * 0.96 + 0.02)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: {total / (steps / EPOCHS):.3f}, {time.perf_counter() - start:.0f} s", flush=True)
    learner.eval()
    return learner


def _joined(data: list[Example], rng: np.random.Generator) -> list[Example]:
    """Pairs of examples in one sentence, whose bits are added."""
    pairs = []
    for one, two in rng.integers(len(data), size=(JOINED, 2)):
        (first, bits), (second, more) = data[one], data[two]
        joint = JOINTS[rng.integers(len(JOINTS))]
        text = f"{first.text.rstrip('.')}{joint}{second.text[0].lower()}{second.text[1:]}"
        pairs.append((marked(text), np.maximum(bits, more)))
    return pairs


def _batches(data: list[Example], rng: np.random.Generator) -> list[list[Example]]:
    """Texts of like length together, in an order of chance."""
    order = [data[i] for i in rng.permutation(len(data))]
    batches = []
    for at in range(0, len(order), 16 * BATCH):
        near = sorted(order[at : at + 16 * BATCH], key=lambda example: len(example[0].text))
        batches += [near[i : i + BATCH] for i in range(0, len(near), BATCH)]
    return [batches[i] for i in rng.permutation(len(batches))]


def split() -> tuple[list[Example], list[Example]]:
    """What is learned from, and what is not."""
    learned = [example for name in DATA for example in examples(name)]
    sentences = [example for name in SHARED for example in examples(name)]
    blocks = np.random.default_rng(1).permutation(-(-len(sentences) // BLOCK)) % 5
    out = [blocks[n // BLOCK] == 0 for n in range(len(sentences))]
    learned += [example for example, left in zip(sentences, out, strict=True) if not left]
    return learned, [example for example, left in zip(sentences, out, strict=True) if left]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="learn nothing, measure the weights that are there")
    args = parser.parse_args()
    learned, left_out = split()
    with resources.as_file(resources.files("annotation.coverage").joinpath("learned", FILE)) as path:
        if not args.check:
            np.savez_compressed(path, **packed(trained(learned, np.random.default_rng(0))))  # type: ignore[arg-type]
        with np.load(path) as file:
            _report(restored(dict(file)), left_out)


def _report(learned: Reader, data: list[Example]) -> None:
    clauses, truth = [clause for clause, _ in data], np.stack([bits for _, bits in data]) > 0
    with torch.inference_mode():
        logits = np.concatenate([learned(clauses[i : i + 64]).numpy() for i in range(0, len(clauses), 64)])
    for side, name in enumerate(DIMENSIONS):
        found = [{channel for channel, _, _ in clause.marks} for clause in clauses]
        ruled = np.array([side in channels for channels in found])
        both = np.array([
            says(side, float(logit[side]), side in channels, side + len(DIMENSIONS) in channels)
            for logit, channels in zip(logits, found, strict=True)
        ])  # fmt: skip
        print(name, "rules", _figures(ruled, truth[:, side]), "both", _figures(both, truth[:, side]), sep="  ")


def _figures(bits: np.ndarray, truth: np.ndarray) -> str:
    hits = int((bits & truth).sum())
    return (
        f"P {hits / max(1, bits.sum()):.2f} R {hits / truth.sum():.2f} F1 {2 * hits / (bits.sum() + truth.sum()):.3f}"
    )


if __name__ == "__main__":
    main()
