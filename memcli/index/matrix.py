"""All vectors of one store in memory, for a process that answers many questions: ten times as fast as reading them anew.

The same vectors and the same cosines as `nearest.semantic` finds in the tables, which stay the source: what they hold is read
once, and again when another connection changed the database. For stores too small for arrays (`index.arrays`). Imports numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memcli.encode.coarse import CoarseVectors
from memcli.index import frames, nearest, schema, vectors
from memcli.index.coarsening import units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memcli.index.kept import KeptRows
    from memcli.index.search import Filter, PassageHit


class Matrix:
    """The vectors of one store, as they were when last read."""

    def __init__(self, kept: KeptRows) -> None:
        self._connection = kept.connection
        self._kept = kept
        self._version = -1
        self._passages: NDArray[np.int64] = np.empty(0, dtype=np.int64)  # fine ones first
        self._fine: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)  # whole numbers, as the table has them
        self._squares: NDArray[np.float32] = np.empty(0, dtype=np.float32)  # of their lengths
        self._coarse: CoarseVectors | None = None

    def nearest(self, vector: bytes, limit: int, where: Filter) -> list[PassageHit]:
        """The passages nearest to a query vector (8 bits a dimension), by cosine, as `nearest.semantic` gives them."""
        version = self._kept.look()
        if version != self._version:
            self._read()
            self._version = version
        if not len(self._passages):
            return []
        cosines = _as_sqlite_vec(self._fine, self._squares, np.frombuffer(vector, dtype=np.int8))
        if self._coarse is not None:
            cosines = np.concatenate((cosines, self._coarse.cosines(units([vector])[0])))
        passages = self._passages
        allowed = nearest.allowed(self._connection, where)
        if allowed is not None:
            kept = np.isin(passages, allowed)
            passages, cosines = passages[kept], cosines[kept]
        chosen = {int(passages[place]): cosine for place, cosine in nearest.best(cosines, limit)}
        return nearest.hits(self._kept, chosen, limit)

    def _read(self) -> None:
        dimensions = int(schema.get_meta(self._connection, "dimensions") or 0)
        parts = list(vectors.stored(self._connection, dimensions))
        rows = [rows for _, rows in parts] or [np.empty((0, dimensions), dtype=np.int8)]
        self._fine = np.concatenate(rows).astype(np.float32)
        self._squares = np.einsum("ij,ij->i", self._fine, self._fine)
        frame = frames.of(self._connection)
        sql = "SELECT passage, vector FROM coarse ORDER BY passage"
        coarse = self._connection.execute(sql).fetchall() if frame is not None else []
        numbers = [numbers for numbers, _ in parts] + [np.array([row[0] for row in coarse], dtype=np.int64)]
        self._passages = np.concatenate(numbers)
        self._coarse = (
            CoarseVectors(b"".join(row[1] for row in coarse), frame) if frame is not None and coarse else None
        )


def _as_sqlite_vec(
    rows: NDArray[np.float32], squares: NDArray[np.float32], question: NDArray[np.int8]
) -> NDArray[np.float64]:
    """Cosines to the last bit as sqlite-vec has them, so that who answers from memory gives the answer of who does not.

    Products of vectors of 8 bits are whole numbers, which float32 adds without error in any order up to 1,040 dimensions. The
    quotient is taken in double precision and the distance, 1 less it, rounded to single: as sqlite-vec does it.
    """
    asked = question.astype(np.float32)
    lengths = np.maximum(np.sqrt(squares.astype(np.float64)) * np.sqrt(np.float64(asked @ asked)), 1e-9)
    distances: NDArray[np.float32] = (1.0 - (rows @ asked) / lengths).astype(np.float32)
    return 1.0 - distances.astype(np.float64)
