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


MOST_BYTES = 64_000_000
"""Of codes kept between questions: those of about 20,000 passages."""


class TokenCodes:
    """The token codes of one store's passages, made by the model with this key."""

    def __init__(self, place: Place, model: str) -> None:
        self._connection: db.Connection | None = None
        self._key = model
        self._model: int | None = None
        self._kept: dict[bytes, bytes] = {}  # what earlier questions read, until the cache is written to
        self._kept_bytes = 0
        self._version = -1
        try:
            self._connection = db.connect(os.path.join(place.cache, "embeddings.db"), create=False)
        except (IndexUnavailable, db.DatabaseError):
            self.close()

    @property
    def closed(self) -> bool:
        """Whether there was nothing to open, or it could not be read."""
        return self._connection is None

    def of(self, hashes: Iterable[bytes]) -> dict[bytes, bytes]:
        """The codes of passages by their content hashes; a passage that has none is left out."""
        found: dict[bytes, bytes] = {}
        if self._connection is None:
            return found
        try:
            self._look()
            wanted = list(hashes)
            missing = [key for key in wanted if key not in self._kept]
            if self._kept_bytes > MOST_BYTES:
                self._kept.clear()
                missing, self._kept_bytes = wanted, 0
            for some in db.chunks(missing):
                marks = ",".join("?" * len(some))
                sql = f"SELECT hash, codes FROM embeddings WHERE model = ? AND hash IN ({marks})"
                self._kept.update(self._connection.execute(sql, (self._model, *some)))
            self._kept_bytes += sum(len(self._kept.get(key, b"")) for key in missing)
            found.update((key, self._kept[key]) for key in wanted if key in self._kept)
        except db.DatabaseError:
            self.close()
        return found

    def _look(self) -> None:
        """Forget what was read of a cache that another process has written to since."""
        assert self._connection is not None
        version = self._connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version, self._kept_bytes = version, 0
            self._kept.clear()
            row = self._connection.execute("SELECT id FROM models WHERE key = ?", (self._key,)).fetchone()
            self._model = row[0] if row else None

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
