"""All vectors of one store in memory, for a process that answers many questions: ten times as fast as reading them anew.

The same vectors and the same cosines as `search.semantic` finds in the tables, which stay the source: what they hold is read
once, and again when another connection changed the database. Imports numpy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memcli.encode.coarse import CoarseVectors
from memcli.index import db, frames
from memcli.index.coarsening import units
from memcli.index.nearest import Row, best, merged
from memcli.index.search import PassageHit

if TYPE_CHECKING:
    from numpy.typing import NDArray

_JOIN = "JOIN passages ON passages.id = passage ORDER BY passage"


class Matrix:
    """The vectors of one store, as they were when last read."""

    def __init__(self, connection: db.Connection) -> None:
        self._connection = connection
        self._version = -1
        self._passages: list[tuple[int, int, str, bytes, int]] = []  # passage, document, kind, hash, precision
        self._fine: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)
        self._coarse: CoarseVectors | None = None

    def nearest(self, vector: bytes, limit: int) -> list[PassageHit]:
        """The passages nearest to a query vector (8 bits a dimension), by cosine, as `search.semantic` gives them."""
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._read()
            self._version = version
        question = units([vector])[0]
        cosines = [self._fine @ question] if len(self._fine) else []
        if self._coarse is not None:
            cosines.append(self._coarse.cosines(question))
        if not cosines:
            return []
        chosen = best(np.concatenate(cosines), limit)
        rows = []
        for place, cosine in chosen:
            passage, document, kind, key, precision = self._passages[place]
            rows.append(Row(passage, document, cosine, kind, key, precision))
        return [PassageHit(*row[:4]) for row in merged(rows, limit)]

    def _read(self) -> None:
        columns = "passage, document, kind, hash, precision"
        fine = self._connection.execute(f"SELECT {columns}, embedding FROM vectors {_JOIN}").fetchall()
        coarse = self._connection.execute(f"SELECT {columns}, vector FROM coarse {_JOIN}").fetchall()
        frame = frames.of(self._connection)
        self._passages = [row[:-1] for row in (*fine, *coarse)]
        self._fine = units([row[-1] for row in fine]) if fine else np.empty((0, 0), dtype=np.float32)
        packed = b"".join([row[-1] for row in coarse])
        self._coarse = CoarseVectors(packed, frame) if frame is not None and coarse else None
