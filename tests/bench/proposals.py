"""How well sessions are turned into proposals: precision and recall, by labels made by hand.

    python -m tests.bench.proposals [../shared]

Two sets. `sessions/takeaways.jsonl`: short sessions made up for this, half of them with nothing worth keeping (questions,
musings of the agent, quotations, code, one-off orders, what hooks put in); `worth` has a telling part of everything that is.
Those called "unseen" were written after the first rules; one rule came later ("no, X, not Y"), for another reason, and changed
none of their figures. And real transcripts, where there are any beside the repository; `sessions/takeaways_labels.json` says
of each proposal, by the hash of what was said, whether it was worth it, and what else would have been, in words of our own.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import NamedTuple

from memcli.importers import registry
from memcli.importers.transcripts import Reading
from memcli.lifecycle.takeaways import MOST, Takeaway, Turn, found
from tests.importers import conversations

CASES = Path(__file__).parent / "sessions"


class Score(NamedTuple):
    """Proposals that were right, that were wrong, and what was worth one and got none."""

    right: list[str]
    wrong: list[str]
    missed: list[str]

    @property
    def precision(self) -> float:
        return len(self.right) / max(1, len(self.right) + len(self.wrong))

    @property
    def recall(self) -> float:
        return len(self.right) / max(1, len(self.right) + len(self.missed))


def proposed(path: Path | None = None, data: bytes | None = None) -> list[Takeaway]:
    """What is proposed for one transcript."""
    importer = registry.detect(path) if path else registry.for_format("claude-code")
    reading = Reading(next(one.FORM for one in registry.SESSIONS if one is importer))
    if path:
        with open(path, "rb") as file:
            items = list(reading.items(file))
    else:
        import io

        items = list(reading.items(io.BytesIO(data or b"")))
    return found([Turn(f"t{n:04}", item.speaker or "", item.created, item.text) for n, item in enumerate(items, 1)])[
        :MOST
    ]


def made_up() -> dict[str, Score]:
    scores = {}
    for line in (CASES / "takeaways.jsonl").read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        texts = [one.text for one in proposed(data=conversations.claude_code(map(tuple, case["steps"])))]
        right = [text for text in texts if any(part.lower() in text.lower() for part in case["worth"])]
        missed = [part for part in case["worth"] if not any(part.lower() in text.lower() for text in texts)]
        scores[case["name"]] = Score(right, [text for text in texts if text not in right], missed)
    return scores


def key(text: str) -> str:
    return hashlib.sha256(" ".join(text.split()).encode()).hexdigest()[:16]


def real(shared: Path) -> Score:
    """Raises KeyError for a proposal that nobody has judged."""
    labels = json.loads((CASES / "takeaways_labels.json").read_text(encoding="utf-8"))
    right: list[str] = []
    wrong: list[str] = []
    for path in sorted((shared / "transcripts").rglob("*.jsonl")):
        for one in proposed(path):
            (right if labels["proposed"][key(one.text)]["worth"] else wrong).append(key(one.text))
    return Score(right, wrong, [name for name in labels["worth"] if name not in right])


def main() -> None:
    scores = made_up()
    for name, score in scores.items():
        for what, texts in (("wrong", score.wrong), ("missed", score.missed)):
            for text in texts:
                print(f"{name}: {what}: {text}")
    unseen = [name for name in scores if name.startswith("unseen:")]
    for which, some in (
        ("that the rules were made on", [name for name in scores if name not in unseen]),
        ("unseen", unseen),
    ):
        total = Score(*([text for name in some for text in scores[name][n]] for n in range(3)))
        print(f"made up, {which}: {len(some)} sessions, precision {total.precision:.2f}, recall {total.recall:.2f}")
    if len(sys.argv) > 1:
        score = real(Path(sys.argv[1]))
        print(
            f"real: {len(score.right) + len(score.wrong)} proposed, precision {score.precision:.2f}, recall {score.recall:.2f}"
        )


if __name__ == "__main__":
    main()
