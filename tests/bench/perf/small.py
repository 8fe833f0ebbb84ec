"""The development data in miniature, made of tests/bench/cases: enough to run everything, and to say nothing of speed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.bench import suites

CASES = Path(__file__).resolve().parents[1] / "cases"
SUITES = ("locomo", "longmemeval", "beam", "cosqa", "cofix")


def make(folder: Path) -> Path:
    """A folder with the files of ../shared that are read here."""
    rows = [row for path in sorted(CASES.glob("*.jsonl")) for row in suites.rows(path)]
    turns = [_turn(row) for row in rows if "turn" in row]
    notes = [row for row in rows if "memory" in row]
    asked = [{"query": row["question"]} for row in rows if "question" in row]
    for number, suite in enumerate(SUITES):
        sessions = suite in ("locomo", "longmemeval", "beam")
        some = (
            turns[number::3]
            if sessions
            else [{"id": row["memory"], "text": row["markdown"]} for row in notes[number::9]]
        )
        _write(folder / "data" / suite / "corpus.jsonl", some)
        _write(folder / "data" / suite / "queries.jsonl", asked[number :: len(SUITES)])
    for number, row in enumerate(notes[::3]):
        path = folder / "markdown" / "til" / f"topic{number % 5}" / f"{number}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(row["markdown"], encoding="utf-8")
    return folder


def _turn(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": row["turn"],
        "text": row["text"],
        "date": row["created"],
        "session": row["session"],
        "speaker": row["speaker"],
    }


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
