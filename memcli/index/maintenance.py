"""Giving space back: after many deletes, or at once when a memory is purged and must not linger in free pages."""

from __future__ import annotations

import os

from memcli import lock
from memcli.index import db, schema
from memcli.index.words import TABLES
from memcli.places import Place

HOLES_WORTH_IT = 0.5
MIN_SLOTS = 2048  # below this the holes of sqlite-vec cost less than a rewrite


def compact(place: Place, *, force: bool = False) -> bool:
    """Rewrite the index without holes if deletes have left half of its vectors' slots empty (or anyway, with `force`).

    With `force` the embeddings of texts that are gone are dropped too. Returns whether it was rewritten.
    """
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
        try:
            if not force and holes(connection) < HOLES_WORTH_IT:
                return False
            _rewrite_vectors(connection)
            for table in TABLES:
                connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            if force:
                _drop_orphan_embeddings(place, {row[0] for row in connection.execute("SELECT hash FROM passages")})
        finally:
            connection.close()
    return True


def holes(connection: db.Connection) -> float:
    """The share of the vector table's slots that deletes have left empty; 0 for a small or missing table."""
    if schema.get_meta(connection, "model") is None:
        return 0.0
    slots = connection.execute("SELECT coalesce(sum(size), 0) FROM vectors_chunks").fetchone()[0]
    used = connection.execute("SELECT count(*) FROM vectors_rowids").fetchone()[0]
    return 1.0 - used / slots if slots >= MIN_SLOTS else 0.0


def _rewrite_vectors(connection: db.Connection) -> None:
    model = schema.get_meta(connection, "model")
    if model is None:
        return
    rows = connection.execute("SELECT passage, embedding FROM vectors ORDER BY passage").fetchall()
    if not rows:
        return
    with db.transaction(connection):
        schema.create_vectors(connection, model, len(rows[0][1]))
        connection.executemany(schema.INSERT_VECTOR, rows)
        connection.executemany(
            "UPDATE passages SET state = ? WHERE id = ?", [(schema.EMBEDDED, row[0]) for row in rows]
        )


def _drop_orphan_embeddings(place: Place, keep: set[bytes]) -> None:
    path = os.path.join(place.cache, "embeddings.db")
    if not os.path.exists(path):
        return
    connection = db.connect(path, create=True)
    try:
        with db.transaction(connection):
            held = {row[0] for row in connection.execute("SELECT DISTINCT hash FROM embeddings")}
            connection.executemany("DELETE FROM embeddings WHERE hash = ?", [(key,) for key in held - keep])
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
