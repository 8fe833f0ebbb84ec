"""`embeddings.db`: vectors and token codes by model and content hash, each as fine as the finest memory that holds the text.

It survives renames, rebuilds and schema changes, so that a text is embedded once by a model. Beside them lie which memories
are kept coarser than whole, by name and hash of the file, so that an edited one is not, and a rebuilt index gets the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from memcli.errors import IndexUnavailable
from memcli.index import db
from memcli.index.schema import BIT, FULL
from memcli.places import Place, private_dir

FORMAT = 3  # 2 has neither `precision` nor `frame`; texts of an older one are embedded anew


class Kept(NamedTuple):
    """What is kept of one text, at a precision: its vector (float16, 8 bits, or coarse) and its token codes."""

    precision: int
    vector: bytes
    codes: bytes


class EmbeddingCache:
    """Whole, 768 bytes at 384 dimensions and 48 for each token. `model` may be None where only precisions are asked for."""

    def __init__(self, place: Place, model: str | None) -> None:
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

    def _open(self, path: str, model: str | None) -> None:
        # Pages of 16 KiB: rows of 2 to 3 KB would leave a quarter of smaller ones empty.
        self._connection = db.connect(path, create=True, page_size=16384)
        with db.transaction(self._connection):
            self._make_tables(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if model is not None:
                self._connection.execute("INSERT OR IGNORE INTO models (key) VALUES (?)", (model,))
        row = self._connection.execute("SELECT id FROM models WHERE key = ?", (model,)).fetchone()
        self._model = row[0] if row else -1

    def _make_tables(self, found: int) -> None:
        if found == FORMAT:
            return
        execute = self._connection.execute
        if found == 2:
            execute("ALTER TABLE models ADD COLUMN frame BLOB")
            execute(f"ALTER TABLE embeddings ADD COLUMN precision INTEGER NOT NULL DEFAULT {FULL}")
        else:
            for table in ("embeddings", "models", "precisions"):
                execute(f"DROP TABLE IF EXISTS {table}")
            execute("CREATE TABLE models (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, frame BLOB)")
            execute(
                "CREATE TABLE embeddings (model INTEGER NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL,"
                f" codes BLOB NOT NULL, precision INTEGER NOT NULL DEFAULT {FULL}, PRIMARY KEY (model, hash))"
            )
        execute(
            "CREATE TABLE precisions (name TEXT PRIMARY KEY, hash TEXT NOT NULL, precision INTEGER NOT NULL) WITHOUT ROWID"
        )
        execute(f"PRAGMA user_version = {FORMAT}")

    def get(self, hashes: Iterable[bytes], *, codes: bool = True) -> dict[bytes, Kept]:
        """What is kept of these texts; without `codes`, which are most of it, these are empty."""
        found = {}
        column = "codes" if codes else "x''"
        for some in db.chunks(list(hashes)):
            marks = ",".join("?" * len(some))
            for key, *kept in self._connection.execute(
                f"SELECT hash, precision, vector, {column} FROM embeddings WHERE model = ? AND hash IN ({marks})",
                (self._model, *some),
            ):
                found[key] = Kept(*kept)
        return found

    def put(self, kept: Mapping[bytes, Kept]) -> None:
        with db.transaction(self._connection):
            self._connection.executemany(
                "INSERT OR REPLACE INTO embeddings (model, hash, precision, vector, codes) VALUES (?, ?, ?, ?, ?)",
                [(self._model, key, *row) for key, row in sorted(kept.items())],
            )

    def drop(self, hashes: Iterable[bytes]) -> None:
        with db.transaction(self._connection):
            self._connection.executemany(
                "DELETE FROM embeddings WHERE model = ? AND hash = ?", [(self._model, key) for key in hashes]
            )

    def held(self) -> dict[bytes, int]:
        """The precision at which each text is kept, by its hash."""
        sql = "SELECT hash, precision FROM embeddings WHERE model = ?"
        return dict(self._connection.execute(sql, (self._model,)).fetchall())

    def sizes(self) -> list[tuple[int, int, int]]:
        """(precision, bytes of vectors, bytes of token codes), for each precision."""
        sql = "SELECT precision, sum(length(vector)), sum(length(codes)) FROM embeddings WHERE model = ? GROUP BY precision"
        return list(self._connection.execute(sql, (self._model,)))

    # --- what memories want

    def wanted(self, entries: Iterable[tuple[str, str]]) -> dict[str, int]:
        """The precision of each of these memories, (name, hash of the file); FULL where none was noted for this text."""
        asked = dict(entries)
        found = dict.fromkeys(asked, FULL)
        for some in db.chunks(list(asked)):
            marks = ",".join("?" * len(some))
            for name, hash_, precision in self._connection.execute(
                f"SELECT name, hash, precision FROM precisions WHERE name IN ({marks})", some
            ):
                if hash_ == asked[name]:
                    found[name] = precision
        return found

    def noted(self) -> dict[tuple[str, str], int]:
        """All that was noted and is not FULL, by name and hash of the file."""
        rows = self._connection.execute("SELECT name, hash, precision FROM precisions")
        return {(name, hash_): precision for name, hash_, precision in rows}

    def want(self, entries: Iterable[tuple[str, str, int]]) -> None:
        """Note precisions of memories, (name, hash of the file, precision), in place of what was noted of them."""
        rows = list(entries)
        with db.transaction(self._connection):
            self._connection.executemany("DELETE FROM precisions WHERE name = ?", [(name,) for name, _, _ in rows])
            self._connection.executemany(
                "INSERT INTO precisions VALUES (?, ?, ?)", [row for row in rows if row[2] != FULL]
            )

    # --- the frame of coarse vectors

    def frame(self) -> bytes | None:
        row = self._connection.execute("SELECT frame FROM models WHERE id = ?", (self._model,)).fetchone()
        return row[0] if row else None

    def set_frame(self, frame: bytes) -> None:
        """Have coarse vectors of this frame; those of another mean nothing any more."""
        if self.frame() == frame:
            return
        with db.transaction(self._connection):
            self._connection.execute("DELETE FROM embeddings WHERE model = ? AND precision >= ?", (self._model, BIT))
            self._connection.execute("UPDATE models SET frame = ? WHERE id = ?", (frame, self._model))

    def close(self) -> None:
        self._connection.close()
