"""Recall inside one process that stays: run as a process of its own for each size, so that its memory can be told.

    python -m tests.bench.perf.inside STORE QUESTIONS EXACT ROUNDS

Prints one JSON object: medians in milliseconds of encoding a question, of answering it, of each channel, and of an exact scan
(float32 in memory, one product and the ten best); resident memory in bytes after the questions, before the scan's matrix was
loaded; and how many of the exact ten nearest the product's own search finds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from memcli import config
from memcli.encode import codes
from memcli.encode.embedder import Question
from memcli.index.search import Filter
from memcli.places import at_root
from memcli.recall.candidates import REACH
from memcli.recall.channels import CHANNELS, SECOND_HAND
from memcli.recall.pipeline import Recall
from memcli.recall.shelf import Shelf
from tests.bench.perf.measure import lines_of

NEAREST = 10
WARM_UP = 3
STEP = 100_000  # vectors widened at a time


class Asker:
    """Asks one store as the warm server does: everything kept open, and each question looks whether folders have changed."""

    def __init__(self, folder: str) -> None:
        self.places = [at_root(folder)]
        self.settings = config.load()
        self.shelf = Shelf()
        self.encoder = self.shelf.encoder(self.settings)
        with self._open() as recall:
            self.now = recall.latest_day()

    def _open(self) -> Recall:
        return Recall(self.places, self.settings, shelf=self.shelf)

    def encode(self, text: str) -> Question | None:
        self.encoder._last = None  # which else spares a question that is asked twice
        return self.encoder.encode(text)

    def ask(self, text: str) -> None:
        self.encoder._last = None
        self.ask_encoded(text)

    def ask_encoded(self, text: str) -> None:
        with self._open() as recall:
            recall.ask(text, now=self.now)

    def nearest(self, vector: bytes) -> list[int]:
        with self._open() as recall:
            return [hit.passage for hit in recall.sources[0].nearest(vector, REACH, Filter())]


def measure(folder: str, questions: list[str], exact: Path, rounds: int) -> dict[str, Any]:
    asker = Asker(folder)
    asked = questions[:rounds]
    for text in questions[-WARM_UP:]:
        asker.ask(text)
    series = _answers(asker, asked)
    memory = resident()
    channels = _channels(asker, asked)
    ids, matrix = load(exact)
    scans, agreed = _scans(asker, questions, ids, matrix)
    again = _answers(asker, asked)
    series = {name: values + again[name] for name, values in series.items()}
    return {
        **{name: 1000 * statistics.median(values) for name, values in series.items()},
        "scan": 1000 * statistics.median(scans),
        "p95": 1000 * sorted(series["answer"])[int(0.95 * len(series["answer"]))],
        "channels": channels,
        "agreement": agreed,
        **memory,
    }


def _answers(asker: Asker, questions: list[str]) -> dict[str, list[float]]:
    """Seconds of encoding each question, and of answering it, its encoding included; by turns."""
    found: dict[str, list[float]] = {"encode": [], "answer": []}
    for text in questions:
        for name, work in (("encode", asker.encode), ("answer", asker.ask)):
            began = time.perf_counter()
            work(text)
            found[name].append(time.perf_counter() - began)
    return found


def _channels(asker: Asker, questions: list[str]) -> dict[str, float]:
    """Median milliseconds that each channel takes of an answer."""
    spent: dict[str, float] = {}
    found: dict[str, list[float]] = defaultdict(list)
    watched: list[tuple[Any, str, Any]] = []
    for verb, channels in (("find", CHANNELS), ("spread", SECOND_HAND)):
        for name, channel in channels.items():
            work = getattr(channel, verb)
            watched.append((channel, verb, work))
            setattr(channel, verb, _watched(spent, name, work))
    try:
        for text in questions:
            spent.clear()
            asker.encode(text)  # which the first channel that needs it would be charged with
            asker.ask_encoded(text)
            for name, seconds in spent.items():
                found[name].append(seconds)
    finally:
        for channel, verb, work in watched:
            setattr(channel, verb, work)
    return {name: 1000 * statistics.median(values) for name, values in found.items()}


def _watched(spent: dict[str, float], name: str, work: Any) -> Any:
    def watched(*arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return work(*arguments)
        finally:
            spent[name] = spent.get(name, 0.0) + time.perf_counter() - began

    return watched


def load(exact: Path) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Passages, and their vectors in 32 bits of length 1, from what `stores` saved in 8."""
    small = np.load(exact, mmap_mode="r")
    ids = np.load(exact.with_suffix(".ids.npy"))
    matrix = np.empty(small.shape, dtype=np.float32)
    for start in range(0, len(small), STEP):
        some = small[start : start + STEP].astype(np.float32)
        matrix[start : start + STEP] = some / np.linalg.norm(some, axis=1, keepdims=True)
    return ids, matrix


def _scans(
    asker: Asker, questions: list[str], ids: NDArray[np.int64], matrix: NDArray[np.float32]
) -> tuple[list[float], float]:
    """Seconds of each exact scan, and the share of the ten nearest that the product's search gives as its first ten."""
    seconds, shares = [], []
    for text in questions:
        question = asker.encode(text)
        if question is None:
            continue
        small = codes.quantised(question.vector)
        wide = small.astype(np.float32) / np.linalg.norm(small.astype(np.float32))
        began = time.perf_counter()
        cosines = matrix @ wide
        nearest = np.argpartition(cosines, -NEAREST)[-NEAREST:]
        seconds.append(time.perf_counter() - began)
        near_enough = cosines >= cosines[nearest].min() - 1e-6  # whatever is as near as the tenth is as good
        right = set(ids[near_enough].tolist())
        shares.append(sum(passage in right for passage in asker.nearest(small.tobytes())[:NEAREST]) / NEAREST)
    return seconds, statistics.mean(shares)


def resident() -> dict[str, float]:
    """Bytes of this process in memory now: of its own, and of files that it has mapped. Linux says so, others nothing."""
    found = {}
    for line in lines_of("/proc/self/status"):
        name, _, value = line.partition(":")
        if name in ("RssAnon", "RssFile", "VmHWM"):
            found[name] = 1024.0 * int(value.split()[0])
    return found


if __name__ == "__main__":
    folder, questions, exact, rounds = sys.argv[1:]
    print(json.dumps(measure(folder, json.loads(Path(questions).read_text()), Path(exact), int(rounds))))
