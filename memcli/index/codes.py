"""Token codes as recall reads them: by passage, from the cache where embedding left them.

Reads only, and never fails: without a cache, or with a damaged one, no passage has codes and recall goes without. Lean.
"""

from __future__ import annotations

import os

from memcli.errors import IndexUnavailable
from memcli.index import db

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.places import Place


class TokenCodes:
    """The token codes of one store's passages, made by the model with this key."""

    def __init__(self, place: Place, model: str) -> None:
        self._connection: db.Connection | None = None
        try:
            self._connection = db.connect(os.path.join(place.cache, "embeddings.db"), create=False)
            row = self._connection.execute("SELECT id FROM models WHERE key = ?", (model,)).fetchone()
            self._model = row[0] if row else -1
        except (IndexUnavailable, db.DatabaseError):
            self.close()

    def of(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The codes of passages by their content hashes; a passage that has none is left out."""
        found: dict[bytes, bytes] = {}
        if self._connection is None:
            return found
        try:
            for some in db.chunks(list(hashes)):
                marks = ",".join("?" * len(some))
                sql = f"SELECT hash, codes FROM embeddings WHERE model = ? AND hash IN ({marks})"
                found.update(self._connection.execute(sql, (self._model, *some)))
        except db.DatabaseError:
            self.close()
        return found

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
