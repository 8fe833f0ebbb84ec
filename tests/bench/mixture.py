"""Whether curated memories drown among past sessions: the same notes asked for alone, and among 50,000 turns.

    python tests/bench/mixture.py ../shared STORES [--turns N] [--write]

Notes and questions are those of tests/bench/cases whose answers are notes alone; turns are those of the development suites,
functions and issues counting as turns, repeated as further sessions until there are enough. The R@10 that 50,000 turns cost
may be .03 at most (exit code 1 where it is more). It is measured on one ranking of notes and turns, and as `mem recall` shows
it, with few turns of past sessions; with vectors, and by words alone. STORES as for report.py; embeddings of the suites'
stores are used again.
"""

from __future__ import annotations

import argparse
import itertools
import random
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import beds
import numpy as np
import pages
import suites
import tables
from beds import Row, Scope
from paired import estimate
from report import DOCS
from variants import ask

from memcli import config
from memcli.encode import model
from memcli.index import schema
from memcli.index.cache import EmbeddingCache
from memcli.places import Place, at_root
from memcli.recall.answer import EVERY_EPISODE
from memcli.recall.pipeline import Recall

NOTES = 200
TURNS = 50_000
MOST = 0.03  # of R@10
SOURCES = ("longmemeval", "beam", "locomo", "cosqa", "cofix")
SESSION = 40  # documents that become one session where they came without
SEED = 7
AT_ONCE = 500  # embeddings copied at a time


def notes_and_questions(cases: list[beds.Bed], most: int) -> tuple[list[Row], list[Row]]:
    """At most `most` notes of the cases and the questions that these alone answer.

    Questions are taken at random, each with its gold and the notes that link to it: the way to the answer belongs to it.
    """
    notes = {row["id"]: row for row in cases[0].scopes[0].documents if "memory" in row}
    targets = {name: set(re.findall(r"\[\[([^\]|#]+)", row["text"])) for name, row in notes.items()}
    asked = [query for bed in cases for query in bed.answerable if set(query["gold"]) <= set(notes)]
    random.Random(SEED).shuffle(asked)
    chosen: set[str] = set()
    for query in asked:
        stems = {name.removesuffix(".md") for name in query["gold"]}
        needed = {*query["gold"], *(name for name, linked in targets.items() if linked & stems)}
        if len(chosen | needed) <= most:
            chosen |= needed
    return [notes[name] for name in sorted(chosen)], [query for query in asked if set(query["gold"]) <= chosen]


def turns(shared: Path, wanted: int) -> tuple[list[Row], int]:
    """`wanted` turns in sessions, and how many of them are distinct; each round repeats all under other names."""
    first = list(_turns_once(shared))
    rounds = (
        {**row, "id": f"{row['id']}~{again}", "session": f"{row['session']}~{again}"}
        for again in itertools.count()
        for row in first
    )
    return list(itertools.islice(rounds, wanted)), min(wanted, len(first))


def _turns_once(shared: Path) -> Iterator[Row]:
    for suite in SOURCES:
        for number, row in enumerate(suites.rows(shared / "data" / suite / "corpus.jsonl")):
            session = row.get("session") or f"{suite} {number // SESSION}"
            date, speaker = row.get("date") or "2025-01-01", row.get("speaker") or "assistant"
            yield {"id": row["id"], "text": row["text"], "date": date, "session": session, "speaker": speaker}


def lend_embeddings(stores: Path, folder: Path) -> None:
    """Copy the embeddings of the suites' stores into a store that is about to hold the same texts."""
    key = model.load(model.default()).key
    to = EmbeddingCache(at_root(str(folder)), key)
    for lender in sorted(path for suite in SOURCES for path in (stores / suite).glob("*") if (path / ".mem").is_dir()):
        place = at_root(str(lender))
        hashes = _embedded(place)
        own = EmbeddingCache(place, key)
        for start in range(0, len(hashes), AT_ONCE):
            to.put(own.get(hashes[start : start + AT_ONCE]))
        own.close()
    to.close()


def _embedded(place: Place) -> list[bytes]:
    connection = schema.open_for_reading(place)
    try:
        rows = connection.execute("SELECT DISTINCT hash FROM passages WHERE state = ?", (schema.EMBEDDED,)).fetchall()
    finally:
        connection.close()
    return [row[0] for row in rows]


def recalls(scope: Scope, *, episodes: int, lexical: bool) -> list[float]:
    """R@10 of each question, with at most `episodes` turns of past sessions among the ten."""
    found = []
    with Recall([at_root(str(scope.folder))], config.load(), lexical=lexical) as recall:
        for query in scope.queries:
            refs, _ = ask(recall, query, limit=10, episodes=episodes)
            found.append(len(set(refs) & set(query["gold"])) / len(query["gold"]))
        for notice in recall.notices_now():
            beds.say(notice)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shared", type=Path)
    parser.add_argument("stores", type=Path)
    parser.add_argument("--turns", type=int, default=TURNS)
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    arguments = parser.parse_args()
    suites.at_home(arguments.stores)
    notes, questions = notes_and_questions(beds.of_cases(arguments.stores), NOTES)
    said, distinct = turns(arguments.shared, arguments.turns)
    alone = Scope(arguments.stores / "mixture" / "notes", notes, questions)
    among = Scope(arguments.stores / "mixture" / f"among-{arguments.turns}", [*notes, *said], questions)
    if not (among.folder / beds.BUILT).exists():
        lend_embeddings(arguments.stores, among.folder)
    beds.build([alone, among])
    rows: list[list[str]] = []
    lost: list[float] = []
    few = config.load().number("recall.episodes")
    for how, lexical in (("", False), (", by words alone", True)):
        for name, episodes in (("one ranking", EVERY_EPISODE), ("as `mem recall` shows it", few)):
            before, after = (np.array(recalls(one, episodes=episodes, lexical=lexical)) for one in (alone, among))
            change = estimate([after - before])
            lost.append(-change.mean)
            reached = (tables.number(float(values.mean())) for values in (before, after))
            rows.append([name + how, *reached, tables.difference(change)])
    head = ["R@10", f"{len(notes)} notes alone", f"among {len(said):,} turns", "difference"]
    told = f"{len(questions)} questions that notes answer; {distinct:,} of the turns are distinct."
    block = f"{told} At most {tables.number(MOST, 2)} may be lost.\n\n{pages.table(head, rows)}"
    print(block)
    if arguments.write:
        pages.put(DOCS / "benchmarks.md", {"mixture": block})
    sys.exit(1 if max(lost) > MOST else 0)


if __name__ == "__main__":
    main()
