"""Test beds: stores and what is asked of them, from the development suites and from tests/bench/cases, in one shape.

A line of cases/KIND.jsonl is a memory {"memory": path, "markdown"}, a turn {"turn", "session", "speaker", "created", "text"}
or a question {"question", "gold", "id", "now"?}, whose gold names paths and turns. The memories and turns of all kinds share
one store, so that each question is asked among everything else; each kind is a bed of its own. Documents and queries have
the keys that ../shared/bench/evaluate.py knows.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import suites

Row = dict[str, Any]
CASES = Path(__file__).parent / "cases"
BUILT = "built"  # beside a store that is complete: the digest of what went into it


class Scope(NamedTuple):
    """One store, by its folder, what it holds, and what it is asked."""

    folder: Path
    documents: list[Row]
    queries: list[Row]


class Bed(NamedTuple):
    """Scopes whose questions are scored together. `family` is "suites" or "cases"."""

    name: str
    family: str
    scopes: list[Scope]

    @property
    def queries(self) -> list[Row]:
        return [query for scope in self.scopes for query in scope.queries]

    @property
    def answerable(self) -> list[Row]:
        """The questions that have an answer, in a fixed order."""
        return [query for query in self.queries if query["gold"]]

    @property
    def sessions(self) -> dict[str, str | None]:
        """The session of each document, by id."""
        return {row["id"]: row.get("session") for scope in self.scopes for row in scope.documents}


def of_suite(shared: Path, stores: Path, name: str) -> Bed:
    found = suites.scopes(shared, name)
    return Bed(name, "suites", [Scope(stores / name / scope, documents, asked) for scope, documents, asked in found])


def of_cases(stores: Path, folder: Path = CASES) -> list[Bed]:
    """A bed for each kind of case, all on the same store."""
    documents: list[Row] = []
    kinds: dict[str, list[Row]] = {}
    for path in sorted(folder.glob("*.jsonl")):
        asked = kinds.setdefault(path.stem, [])
        for row in suites.rows(path):
            if "question" in row:
                category = path.stem if row["gold"] else "abstain"
                asked.append({**row, "query": row["question"], "category": category})
            else:
                documents.append(_document(row))
    return [Bed(kind, "cases", [Scope(stores / "cases", documents, asked)]) for kind, asked in kinds.items()]


def _document(row: Row) -> Row:
    if "memory" in row:
        return {"id": row["memory"], "memory": row["memory"], "text": row["markdown"]}
    return {
        "id": row["turn"],
        "text": row["text"],
        "date": row["created"],
        "session": row["session"],
        "speaker": row["speaker"],
    }


def build(scopes: list[Scope]) -> None:
    """Make the stores that are missing; one that holds something else than it should is made anew."""
    for scope in {scope.folder: scope for scope in scopes}.values():
        wanted = digest(scope.documents)
        built = scope.folder / BUILT
        present = built.read_text(encoding="utf-8") if built.exists() else None
        if present == wanted:
            continue
        if present is not None:
            shutil.rmtree(scope.folder)
        began = time.perf_counter()
        problem = suites.make_store(scope.folder, scope.documents)
        if problem:
            raise SystemExit(f"{scope.folder} has no vectors: {problem}")
        built.write_text(wanted, encoding="utf-8")
        say(f"built {scope.folder}: {len(scope.documents)} documents in {time.perf_counter() - began:.0f} s")


def digest(rows: list[Row]) -> str:
    return hashlib.sha256(json.dumps(rows, sort_keys=True).encode()).hexdigest()


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
