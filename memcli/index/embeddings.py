"""Vectors: the cache that keeps them by model and content hash, and the work of embedding what waits.

`embeddings.db` survives renames, rebuilds and schema changes: a text is embedded once by a model. Vectors are stored as
float16, which changes a cosine by less than 1e-3, and reach the search table through that rounding whether they are
new or cached, so that an index that grew and one that was rebuilt hold the same numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from memcli import lock
from memcli.errors import IndexUnavailable
from memcli.index import db, schema
from memcli.index.rows import embedding_text
from memcli.places import Place, private_dir

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memcli.encode.embedder import Embedder

GROUP = 2048  # passages embedded between two commits: what a kill can cost, and what is sorted by length together


class EmbeddingCache:
    """Vectors by (model, content hash). One row is 768 bytes at 384 dimensions."""

    def __init__(self, place: Place, model: str) -> None:
        private_dir(place.cache)
        path = os.path.join(place.cache, "embeddings.db")
        try:
            self._open(path, model)
        except (IndexUnavailable, db.DatabaseError) as error:
            if isinstance(error, db.DatabaseError) and not db.is_damage(error):
                raise
            for name in (path, f"{path}-wal", f"{path}-shm"):  # a cache: what cannot be read is computed again
                if os.path.exists(name):
                    os.unlink(name)
            self._open(path, model)

    def _open(self, path: str, model: str) -> None:
        self._connection = db.connect(path, create=True)
        self._connection.execute("CREATE TABLE IF NOT EXISTS models (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS embeddings (model INTEGER NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL,"
            " PRIMARY KEY (model, hash)) WITHOUT ROWID"
        )
        self._connection.execute("INSERT OR IGNORE INTO models (key) VALUES (?)", (model,))
        self._model = self._connection.execute("SELECT id FROM models WHERE key = ?", (model,)).fetchone()[0]

    def get(self, hashes: Iterable[bytes]) -> dict[bytes, NDArray[np.float16]]:
        found = {}
        for key in hashes:
            row = self._connection.execute(
                "SELECT vector FROM embeddings WHERE model = ? AND hash = ?", (self._model, key)
            ).fetchone()
            if row:
                found[key] = np.frombuffer(row[0], dtype=np.float16)
        return found

    def put(self, vectors: dict[bytes, NDArray[np.float16]]) -> None:
        with db.transaction(self._connection):
            self._connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
                [(self._model, key, vector.tobytes()) for key, vector in sorted(vectors.items())],
            )

    def close(self) -> None:
        self._connection.close()


def embed_waiting(
    place: Place,
    open_embedder: Callable[[], Embedder],
    model: str,
    dimensions: int,
    *,
    paths: Iterable[str] | None = None,
    at_most: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Embed passages that wait for a vector (of the files `paths`, if given); returns how many now have one.

    `open_embedder` is called only when a text is not in the cache. `progress` gets (passages done, to do). A model other
    than the index's replaces all vectors, so that two models' are never mixed. Raises ModelUnavailable.
    """
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
        if schema.get_meta(connection, "model") != model:
            with db.transaction(connection):
                schema.create_vectors(connection, model, dimensions)
    cache = EmbeddingCache(place, model)
    try:
        waiting = _waiting(connection, paths)[:at_most]
        done = 0
        for start in range(0, len(waiting), GROUP):
            group = waiting[start : start + GROUP]

            def report(n: int, base: int = done) -> None:
                if progress:
                    progress(base + n, len(waiting))

            _embed_group(place, connection, cache, group, open_embedder, report)
            done += len(group)
            report(0, done)
        return done
    finally:
        cache.close()
        connection.close()


def _waiting(connection: db.Connection, paths: Iterable[str] | None) -> list[int]:
    if paths is None:
        rows = connection.execute("SELECT id FROM passages WHERE state = 0 ORDER BY id").fetchall()
        return [row[0] for row in rows]
    return [
        row[0]
        for path in paths
        for row in connection.execute(
            "SELECT passages.id FROM entries JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
            " WHERE path = ? AND state = 0",
            (path,),
        )
    ]


def _embed_group(
    place: Place,
    connection: db.Connection,
    cache: EmbeddingCache,
    group: list[int],
    open_embedder: Callable[[], Embedder],
    report: Callable[[int], None],
) -> None:
    marks = ",".join("?" * len(group))
    rows = connection.execute(f"SELECT id, hash, context, text FROM passages WHERE id IN ({marks})", group).fetchall()
    vectors = cache.get({row[1] for row in rows})
    missing = {key: embedding_text(context, text) for _, key, context, text in rows if key not in vectors}
    if missing:
        embedded = open_embedder().passages(list(missing.values()), on_batch=report).astype(np.float16)
        new = dict(zip(missing, embedded, strict=True))
        cache.put(new)
        vectors |= new
    with lock.write_lock(place), db.transaction(connection):
        # A passage may have gone, or its number may have gone to another text, while this group was embedded.
        for number, key, _, _ in rows:
            updated = connection.execute(
                "UPDATE passages SET state = ? WHERE id = ? AND hash = ? AND state = ?",
                (schema.EMBEDDED, number, key, schema.WAITING),
            )
            if updated.rowcount:
                vector = vectors[key].astype(np.float32)
                connection.execute("INSERT INTO vectors (passage, embedding) VALUES (?, ?)", (number, vector.tobytes()))
