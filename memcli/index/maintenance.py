"""Giving space back: after many deletes, or at once when a memory is purged and must not linger in free pages."""

from __future__ import annotations

import os

from memcli import lock
from memcli.index import db, schema
from memcli.index.cache import EmbeddingCache
from memcli.index.words import TABLES
from memcli.places import Place

HOLES_WORTH_IT = 0.3
MIN_SLOTS = 2048  # below this the holes of sqlite-vec cost less than a rewrite
FREE_WORTH_IT = 0.05
MIN_FREE_BYTES = 1_000_000


def compact(place: Place, *, force: bool = False) -> bool:
    """Rewrite index and cache without what is free in them, each if that is much of it (or anyway, with `force`).

    With `force` the embeddings of texts that are gone are dropped too. Returns whether any was rewritten.
    """
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
        try:
            has_holes = force or holes(connection) >= HOLES_WORTH_IT
            if has_holes:
                _rewrite_vectors(connection)
                for table in TABLES:
                    connection.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")
            if force:
                from memcli.index import arrays  # numpy is for those who purge

                arrays.blank_changed(place, connection)
            rewritten = _vacuum(connection, force=has_holes)
            known = _known(connection) if force else None
        finally:
            connection.close()
        return _compact_cache(place, known) or rewritten


def holes(connection: db.Connection) -> float:
    """The share of the vector table's slots that deletes have left empty; 0 for a small or missing table."""
    if schema.get_meta(connection, "model") is None:
        return 0.0
    slots = connection.execute("SELECT coalesce(sum(size), 0) FROM vectors_chunks").fetchone()[0]
    used = connection.execute("SELECT count(*) FROM vectors_rowids").fetchone()[0]
    return 1.0 - used / slots if slots >= MIN_SLOTS else 0.0


def _rewrite_vectors(connection: db.Connection) -> None:
    if schema.get_meta(connection, "model") is None:
        return
    rows = connection.execute("SELECT passage, embedding FROM vectors ORDER BY passage").fetchall()
    with db.transaction(connection):
        schema.empty_vectors(connection, int(schema.get_meta(connection, "dimensions") or 0))
        connection.executemany(schema.INSERT_VECTOR, rows)


def _vacuum(connection: db.Connection, *, force: bool) -> bool:
    pages, free, size = (
        connection.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")
    )
    if not force and (free < FREE_WORTH_IT * pages or free * size < MIN_FREE_BYTES):
        return False
    connection.execute("VACUUM")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return True


def _known(connection: db.Connection) -> tuple[set[bytes], set[str]]:
    """The texts and the memories that there are, by hash and by name."""
    texts = {row[0] for row in connection.execute("SELECT hash FROM passages")}
    return texts, {row[0] for row in connection.execute("SELECT name FROM entries")}


def _compact_cache(place: Place, known: tuple[set[bytes], set[str]] | None) -> bool:
    """Give the cache's free pages back; drop first what is of none of the `known` texts and memories, if given."""
    if not os.path.exists(os.path.join(place.cache, "embeddings.db")):
        return False
    EmbeddingCache(place, None).close()  # makes its tables those of today
    connection = db.connect(os.path.join(place.cache, "embeddings.db"), create=True)
    try:
        if known is not None:
            with db.transaction(connection):
                for table, column, keep in (("embeddings", "hash", known[0]), ("precisions", "name", known[1])):
                    held = {row[0] for row in connection.execute(f"SELECT DISTINCT {column} FROM {table}")}
                    gone = [(key,) for key in held.difference(keep)]
                    connection.executemany(f"DELETE FROM {table} WHERE {column} = ?", gone)
        return _vacuum(connection, force=known is not None)
    finally:
        connection.close()
