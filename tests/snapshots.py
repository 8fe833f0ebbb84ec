"""What tests compare: the text of an index without its row numbers, and whether an index equals a fresh one."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from memcli.encode import terms
from memcli.index import schema, search
from memcli.index.reconcile import reconcile
from memcli.places import Place

QUESTIONS = ("token", "alpha beta", "naïve", "2026", "deployment order", "記憶")

_TABLES = {
    "entries": "path, hash, name, claimed, type, title, created, tags, source, session, part, pinned, supersedes, valid_from,"
    " valid_to, secrets, hidden, front_problem, problem",
    "documents": "path, documents.ordinal, anchor, ref, speaker, at, day, documents.line, length",
    "passages": "path, documents.ordinal, passages.ordinal, heading, passages.line, kind, text, context, passages.hash",
    "relations": "path, kind, target",
    "entities": "key, kind",
    "mentions": "path, documents.ordinal, mentions.ordinal, key, entities.kind",
    "events": "path, documents.ordinal, events.ordinal, first, last",
    "vocabulary": "word, memories",
}
_FROM = {
    "entries": "entries",
    "documents": "documents JOIN entries ON entries.id = entry",
    "passages": "passages JOIN documents ON documents.id = document JOIN entries ON entries.id = entry",
    "relations": "relations JOIN entries ON entries.id = entry",
    "entities": "entities",
    "mentions": "mentions JOIN entities ON entities.id = entity JOIN documents ON documents.id = document"
    " JOIN entries ON entries.id = entry",
    "events": "events JOIN documents ON documents.id = document JOIN entries ON entries.id = entry",
    "vocabulary": "vocabulary",
}


def index_rows(place: Place, questions: Iterable[str] = QUESTIONS) -> dict[str, list[object]]:
    """Every text row of the index, and what the keyword table answers, with paths in place of row numbers."""
    connection = schema.open_for_reading(place)
    try:
        rows: dict[str, list[object]] = {
            table: sorted(connection.execute(f"SELECT {columns} FROM {_FROM[table]}"), key=repr)
            for table, columns in _TABLES.items()
        }
        for question in questions:
            match = terms.match_expression(terms.query_terms(question))
            hits = search.keyword(connection, match, 1000)
            known = search.documents(connection, [hit.document for hit in hits])
            rows[f"keyword {question}"] = sorted(
                (known[hit.document].path, known[hit.document].ordinal, f"{hit.score:.6g}") for hit in hits
            )
        return rows
    finally:
        connection.close()


def rebuilt_rows(place: Place, scratch: Path, questions: Iterable[str] = QUESTIONS) -> dict[str, list[object]]:
    """`index_rows` of an index made anew from a copy of the store's files."""
    copy = Path(shutil.copytree(place.folder, scratch / ".mem", ignore=shutil.ignore_patterns("cache"), symlinks=True))
    try:
        fresh = Place(str(copy))
        reconcile(fresh)
        return index_rows(fresh, questions)
    finally:
        shutil.rmtree(copy)
