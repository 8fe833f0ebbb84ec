"""The same questions put to what everybody has: a search of the files, and SQLite's own full-text search."""

from __future__ import annotations

import re
import shutil

from memcli.encode import terms
from memcli.index import db, schema
from memcli.places import Place
from tests.bench.perf import questions
from tests.bench.perf.measure import MS, Bench, Row, median, paired, process

DATABASE = """
import sys
try:
    from pysqlite3 import dbapi2 as sqlite3
except ImportError:
    import sqlite3
rows = sqlite3.connect(sys.argv[1]).execute(
    "SELECT rowid, body FROM t WHERE t MATCH ? ORDER BY rank LIMIT 8", (sys.argv[2],)).fetchall()
"""


def measure(bench: Bench) -> list[Row]:
    place = bench.cache.store(bench.reference)
    asked = questions.draw(bench.shared, bench.rounds)
    database = _database(bench, place)
    searched = [_words(text) for text in asked]
    trees = [place.tree, place.private_tree]
    others = {"Python and SQLite FTS5": lambda n: [bench.python, "-c", DATABASE, str(database), _match(searched[n])]}
    if shutil.which("rg"):
        others["ripgrep, files with any of the words"] = lambda n: ["rg", "-il", "|".join(searched[n]), *trees]
    else:
        others["grep, files with any of the words"] = lambda n: ["grep", "-rliE", "|".join(searched[n]), *trees]
    if shutil.which("sqlite3"):
        query = "SELECT rowid, body FROM t WHERE t MATCH '{}' ORDER BY rank LIMIT 8"
        others["sqlite3, FTS5"] = lambda n: ["sqlite3", str(database), query.format(_match(searched[n]))]
    rows = []
    for name, command in others.items():
        series = paired(
            bench.rounds,
            lambda n, command=command: process(command(n)),  # type: ignore[misc]
            lambda n: process([bench.python, "-c", "pass"]),
        )
        ours, base = (median(values, 1000) for values in series)
        rows.append(Row("peers", name, ours, MS, base, "python -c pass", runs=bench.rounds))
    return rows


def _database(bench: Bench, place: Place) -> str:
    path = bench.scratch / "peer.db"
    path.unlink(missing_ok=True)
    source = schema.open_for_reading(place)
    texts = source.execute("SELECT id, text FROM passages").fetchall()
    source.close()
    connection = db.connect(str(path), create=True)
    with db.transaction(connection):
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(body, tokenize='porter unicode61')")
        connection.executemany("INSERT INTO t (rowid, body) VALUES (?, ?)", texts)
    connection.close()
    return str(path)


def _words(text: str) -> list[str]:
    found = re.findall(r"[^\W_]{2,}", text.lower())
    return [word for word in found if word not in terms.STOP_WORDS] or found


def _match(words: list[str]) -> str:
    return " OR ".join(f'"{word}"' for word in words)
