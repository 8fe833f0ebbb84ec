"""How well and how fast the guards work: `python tests/bench/guard.py ../shared`.

Prints precision and recall on the labelled secrets, the false hits in real notes, talk and code, and the speed.
Some texts of the labelled set carry both labels: the best recall that any detector can reach at the wanted precision
is printed beside the measured one, and both figures again without these texts.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from memcli.guard.hidden import printable
from memcli.guard.secrets import find

WANTED_PRECISION = 0.95


def cases(shared: Path) -> list[dict[str, str | int]]:
    lines = (shared / "data/guard/secrets.jsonl.b64").read_bytes().split()
    return [json.loads(base64.b64decode(line)) for line in lines]


def consistent(rows: list[dict[str, str | int]]) -> list[dict[str, str | int]]:
    """The cases whose text has one label only."""
    labels = defaultdict(set)
    for row in rows:
        labels[row["text"]].add(row["label"])
    return [row for row in rows if len(labels[row["text"]]) == 1]


def precision_recall(rows: list[dict[str, str | int]]) -> tuple[float, float]:
    hits = [row["label"] for row in rows if find(str(row["text"]))]
    positives = sum(row["label"] == 1 for row in rows)
    return sum(label == 1 for label in hits) / max(1, len(hits)), sum(label == 1 for label in hits) / positives


def best_recall(rows: list[dict[str, str | int]], precision: float) -> float:
    """The recall at `precision` of a perfect detector, which must give one answer to one text."""
    labels: dict[object, list[int]] = defaultdict(list)
    for row in rows:
        labels[row["text"]].append(int(row["label"]))
    true = false = 0
    worthwhile = [answers for answers in labels.values() if 1 in answers]
    for answers in sorted(worthwhile, key=lambda a: a.count(0) / a.count(1)):
        gained, lost = answers.count(1), answers.count(0)
        if (true + gained) / (true + gained + false + lost) < precision:
            break
        true, false = true + gained, false + lost
    return true / sum(row["label"] == 1 for row in rows)


def speed(name: str, text: str) -> None:
    for guard in (find, printable):
        started = time.perf_counter()
        guard(text)
        seconds = time.perf_counter() - started
        print(f"  {guard.__name__:10} {name:10} {len(text.encode()) / 1e6 / seconds:6.0f} MB/s")


def main() -> None:
    shared = Path(sys.argv[1] if len(sys.argv) > 1 else "../shared")
    rows = cases(shared)
    for name, part in (("all cases", rows), ("one label per text", consistent(rows))):
        precision, recall = precision_recall(part)
        best = best_recall(part, WANTED_PRECISION)
        print(f"{name}: {len(part)}; precision {precision:.3f}, recall {recall:.3f} (best possible at .95: {best:.3f})")
    missed = Counter(row["rule"] for row in consistent(rows) if row["label"] == 1 and not find(str(row["text"])))
    false = Counter(row["rule"] for row in consistent(rows) if row["label"] == 0 and find(str(row["text"])))
    print("  missed:", dict(missed.most_common()), "\n  false: ", dict(false.most_common()))

    notes = "\n".join(path.read_text(encoding="utf-8") for path in sorted((shared / "markdown/til").rglob("*.md")))
    lines = notes.count("\n")
    print(f"notes: {len(find(notes))} hits in {lines} lines, {len(find(notes)) / lines * 10_000:.2f} per 10,000")
    texts = {"notes": notes}
    for corpus in ("locomo", "cosqa"):
        with (shared / f"data/{corpus}/corpus.jsonl").open(encoding="utf-8") as file:
            entries = [json.loads(line)["text"] for line in file]
        print(f"{corpus}: {sum(map(bool, map(find, entries)))} of {len(entries)} texts hit")
        texts[corpus] = "\n".join(entries)
    for name, text in texts.items():
        speed(name, text)


if __name__ == "__main__":
    main()
