"""What is asked: questions of the development suites, always the same."""

from __future__ import annotations

import random
from pathlib import Path

from tests.bench import suites

SHARES = {"locomo": 3, "beam": 2, "longmemeval": 2, "cosqa": 2}


def draw(shared: Path, count: int) -> list[str]:
    """`count` questions of all suites, mixed."""
    random_ = random.Random(3)
    found = []
    for suite, share in SHARES.items():
        rows = suites.rows(shared / "data" / suite / "queries.jsonl")
        wanted = -(-count * share // sum(SHARES.values()))
        found += [row["query"] for row in random_.sample(rows, min(wanted, len(rows)))]
    random_.shuffle(found)
    return found[:count]
