"""All vectors of one store in memory, for a process that answers many questions: ten times as fast as reading them anew.

The same vectors and the same cosines as sqlite-vec's table, which stays the source: what it holds is read once, and again
when another connection changed the database. Imports numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memcli.index import db
from memcli.index.search import PassageHit

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Matrix:
    """The vectors of one store, as they were when last read."""

    def __init__(self, connection: db.Connection) -> None:
        self._connection = connection
        self._version = -1
        self._places: list[tuple[int, int]] = []  # passage and document
        self._kinds: list[str] = []
        self._rows: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)

    def nearest(self, vector: bytes, limit: int) -> list[PassageHit]:
        """The passages nearest to a query vector (8 bits a dimension), by cosine, as `search.semantic` gives them."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._read()
            self._version = version
        if not len(self._rows):
            return []
        question = np.frombuffer(vector, dtype=np.int8).astype(np.float32)
        cosines = self._rows @ (question / np.linalg.norm(question))
        count = min(limit, len(cosines))
        best = np.argpartition(-cosines, count - 1)[:count]
        best = best[np.argsort(-cosines[best], kind="stable")]
        found = []
        for row, cosine in zip(best.tolist(), cosines[best].tolist(), strict=True):
            passage, document = self._places[row]
            found.append(PassageHit(passage, document, cosine, self._kinds[row]))
        return found

    def _read(self) -> None:
        rows = self._connection.execute(
            "SELECT passage, embedding, document, kind FROM vectors JOIN passages ON passages.id = passage ORDER BY passage"
        ).fetchall()
        self._places = [(passage, document) for passage, _, document, _ in rows]
        self._kinds = [kind for _, _, _, kind in rows]
        small = np.frombuffer(b"".join(row[1] for row in rows), dtype=np.int8)
        self._rows = small.reshape(len(rows), -1).astype(np.float32) if rows else np.empty((0, 0), dtype=np.float32)
        self._rows /= np.maximum(np.linalg.norm(self._rows, axis=1, keepdims=True), 1e-9)
