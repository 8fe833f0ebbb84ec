"""Vectors and token codes: the cache that keeps them by model and content hash, and the work of embedding what waits.

`embeddings.db` survives renames, rebuilds and schema changes: a text is embedded once by a model. Vectors are stored as
float16, which changes a cosine by less than 1e-3, and reach the search table through that rounding whether they are
new or cached, so that an index that grew and one that was rebuilt hold the same numbers. Token codes stay here alone.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np

from memcli import lock
from memcli.encode import codes
from memcli.errors import IndexUnavailable
from memcli.index import db, schema
from memcli.index.rows import embedding_text
from memcli.places import Place, private_dir

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memcli.encode.embedder import Embedder

GROUP = 2048  # passages embedded between two commits: what a kill can cost, and what is sorted by length together


FORMAT = 2  # of embeddings.db; another one's texts are embedded anew

Cached = tuple["NDArray[np.float16]", bytes]  # a vector, and the codes of its passage's tokens


class EmbeddingCache:
    """Vectors and token codes by (model, content hash): 768 bytes at 384 dimensions, and 48 for each token."""

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
        # Pages of 16 KiB: rows of 2 to 3 KB would leave a quarter of smaller ones empty.
        self._connection = db.connect(path, create=True, page_size=16384)
        if self._connection.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            for table in ("embeddings", "models"):
                self._connection.execute(f"DROP TABLE IF EXISTS {table}")
            self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        self._connection.execute("CREATE TABLE IF NOT EXISTS models (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE)")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS embeddings (model INTEGER NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL,"
            " codes BLOB NOT NULL, PRIMARY KEY (model, hash))"
        )
        self._connection.execute("INSERT OR IGNORE INTO models (key) VALUES (?)", (model,))
        self._model = self._connection.execute("SELECT id FROM models WHERE key = ?", (model,)).fetchone()[0]

    def get(self, hashes: Iterable[bytes]) -> dict[bytes, Cached]:
        found = {}
        for key in hashes:
            row = self._connection.execute(
                "SELECT vector, codes FROM embeddings WHERE model = ? AND hash = ?", (self._model, key)
            ).fetchone()
            if row:
                found[key] = (np.frombuffer(row[0], dtype=np.float16), row[1])
        return found

    def put(self, embedded: dict[bytes, Cached]) -> None:
        with db.transaction(self._connection):
            self._connection.executemany(
                "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?, ?)",
                [(self._model, key, vector.tobytes(), bits) for key, (vector, bits) in sorted(embedded.items())],
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
    known = cache.get({row[1] for row in rows})
    missing = {key: embedding_text(context, text) for _, key, context, text in rows if key not in known}
    if missing:
        made = open_embedder().passages(list(missing.values()), on_batch=report)
        new = dict(zip(missing, zip(made.vectors.astype(np.float16), made.codes, strict=True), strict=True))
        cache.put(new)
        known |= new
    with lock.write_lock(place), db.transaction(connection):
        # A passage may have gone, or its number may have gone to another text, while this group was embedded.
        for number, key, _, _ in rows:
            updated = connection.execute(
                "UPDATE passages SET state = ? WHERE id = ? AND hash = ? AND state = ?",
                (schema.EMBEDDED, number, key, schema.WAITING),
            )
            if updated.rowcount:
                vector = codes.quantised(known[key][0].astype(np.float32))
                connection.execute(schema.INSERT_VECTOR, (number, vector.tobytes()))
