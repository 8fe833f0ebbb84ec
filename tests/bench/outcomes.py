"""How well it is noticed that an agent used a memory it was shown, on `sessions/outcomes.jsonl`, labelled by hand.

    python -m tests.bench.outcomes [../shared]

With the development data it also pairs texts with the answers of sessions that they have nothing to do with: how often is one
said to show there? (Long chat texts, which are harder than memories.)
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import NamedTuple

from memcli.lifecycle.outcomes import shows

CASES = Path(__file__).parent / "sessions" / "outcomes.jsonl"


class Score(NamedTuple):
    """Memories that were found used and were, that were not, and that were and were not found."""

    right: list[str]
    wrong: list[str]
    missed: list[str]

    @property
    def precision(self) -> float:
        return len(self.right) / max(1, len(self.right) + len(self.wrong))

    @property
    def recall(self) -> float:
        return len(self.right) / max(1, len(self.right) + len(self.missed))


def score() -> Score:
    found = Score([], [], [])
    for line in CASES.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        seen = shows(case["memory"], known=[case["prompt"], case["before"]], answers=[case["answer"]])
        if seen is not None or case["used"]:
            (found.missed if seen is None else found.right if case["used"] else found.wrong).append(case["memory"])
    return found


def mismatched(shared: Path, pairs: int = 4000, seed: int = 1) -> float:
    """How many of these pairs, of a text and a session it is not from, are taken for a use."""
    sessions: dict[str, list[dict[str, str]]] = {}
    with open(shared / "data" / "longmemeval" / "corpus.jsonl", encoding="utf-8") as file:
        for line in file:
            row = json.loads(line)
            sessions.setdefault(row["session"], []).append(row)
    chosen = random.Random(seed)
    names = sorted(sessions)
    wrong = 0
    for _ in range(pairs):
        one, other = chosen.sample(names, 2)
        memory = chosen.choice(sessions[one])["text"][:400]
        known = [row["text"] for row in sessions[other] if row["speaker"] == "user"]
        answers = [row["text"] for row in sessions[other] if row["speaker"] != "user"]
        wrong += shows(memory, known=known, answers=answers) is not None
    return wrong / pairs


def main() -> None:
    found = score()
    for what, texts in (("wrong", found.wrong), ("missed", found.missed)):
        for text in texts:
            print(f"{what}: {text}")
    print(f"precision {found.precision:.2f}, recall {found.recall:.2f}")
    if len(sys.argv) > 1:
        print(f"of texts and sessions that have nothing to do with each other: {mismatched(Path(sys.argv[1])):.2%}")


if __name__ == "__main__":
    main()
