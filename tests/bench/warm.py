"""What a question costs in a process that has answered one before: recall against encoding the question alone.

    python tests/bench/warm.py ../shared STORES

The store mixes turns, long messages, code and issues of the development suites, about 11,000 passages; it is made at the
first run, which embeds them (minutes). Questions are drawn from the same suites. Printed: medians and their ratio, several
times over, since the machine's clock is not constant.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import time
from pathlib import Path

import suites

from memcli import config
from memcli.importers import bring, jsonl
from memcli.places import at_root
from memcli.recall.pipeline import Recall
from memcli.store import Store

DOCUMENTS = {"locomo": 1451, "longmemeval": 2200, "cosqa": 2500, "beam": 400, "cofix": 60}
QUESTIONS = {"locomo": 30, "beam": 20, "longmemeval": 20, "cosqa": 20}
ROUNDS = 5


def build(shared: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    source = folder / "corpus.jsonl"
    with open(source, "w", encoding="utf-8") as file:
        for suite, count in DOCUMENTS.items():
            for row in suites.rows(shared / "data" / suite / "corpus.jsonl")[:count]:
                kept = {"id": row["id"], "text": row["text"], "created": row.get("date")}
                file.write(json.dumps({**kept, "session": row.get("session"), "speaker": row.get("speaker")}) + "\n")
    store = Store.init(at_root(str(folder)))
    bring.bring_in(store, jsonl.read(source), origin="jsonl/mix", topic="imported/mix", now=time.time())
    store.sync()


def measure(recall: Recall, asked: list[str], now: int | None) -> tuple[float, float]:
    """Median seconds to encode a question, and to answer it."""
    encoder = recall._encoder
    assert encoder is not None
    encoding, answering = [], []
    for text in asked:
        encoder._last = None
        began = time.perf_counter()
        encoder.encode(text)
        encoding.append(time.perf_counter() - began)
        encoder._last = None
        began = time.perf_counter()
        recall.ask(text, now=now)
        answering.append(time.perf_counter() - began)
    return statistics.median(encoding), statistics.median(answering)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    arguments = parser.parse_args()
    for kind in ("DATA", "STATE", "CONFIG"):
        os.environ[f"XDG_{kind}_HOME"] = str(arguments.stores.resolve() / "home" / kind.lower())
    folder = arguments.stores / "mix"
    if not folder.exists():
        build(arguments.shared, folder)
    draw = random.Random(3)
    asked = []
    for suite, count in QUESTIONS.items():
        rows = suites.rows(arguments.shared / "data" / suite / "queries.jsonl")
        asked += [row["query"] for row in draw.sample(rows, count)]
    with Recall([at_root(str(folder))], config.load()) as recall:
        now = recall.latest_day()
        for text in asked[:2]:
            recall.ask(text)
        for _ in range(ROUNDS):
            encoding, answering = measure(recall, asked, now)
            print(
                f"encode {1000 * encoding:.1f} ms, recall {1000 * answering:.1f} ms, ratio {answering / encoding:.2f}"
            )


if __name__ == "__main__":
    main()
