"""What a process keeps of one store between questions: rows that many questions ask for, until the index is written to.

A cold recall asks once and gains nothing by it, nor loses. Lean.
"""

from __future__ import annotations

from memcli.index import db, graph, search

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from memcli.index.search import Document

    Passage = tuple[int, str, bytes, int]  # document, kind, content hash, precision

MOST = 20_000  # documents, about 25 MB; passages, in a tenth of that


class KeptRows:
    """Rows of one index. Whoever asks several questions has it `look` before each."""

    def __init__(self, connection: db.Connection) -> None:
        self.connection = connection
        self._version = -1
        self._documents: dict[int, Document] = {}
        self._passages: dict[int, Passage] = {}
        self._counts: dict[str, int] = {}

    def look(self) -> int:
        """Forget everything if another connection changed the index; returns a number that changes whenever one does."""
        version: int = self.connection.execute("PRAGMA data_version").fetchone()[0]
        if version != self._version:
            self._version = version
            self._documents.clear()
            self._passages.clear()
            self._counts.clear()
        return version

    def documents(self, ids: Iterable[int]) -> dict[int, Document]:
        """What is known of these documents, by id, ascending."""
        wanted = sorted(ids)
        missing = [number for number in wanted if number not in self._documents]
        if missing:
            if len(self._documents) > MOST:
                self._documents.clear()
                missing = wanted
            self._documents.update(search.documents(self.connection, missing))
        return {number: self._documents[number] for number in wanted if number in self._documents}

    def passages(self, ids: Iterable[int]) -> dict[int, Passage]:
        """(document, kind, content hash, precision) of these passages, by number."""
        wanted = list(ids)
        missing = [number for number in wanted if number not in self._passages]
        if missing:
            if len(self._passages) > 10 * MOST:
                self._passages.clear()
                missing = wanted
            sql = (
                "SELECT id, document, kind, hash, precision FROM passages WHERE id IN (SELECT value FROM json_each(?))"
            )
            self._passages.update((row[0], row[1:]) for row in self.connection.execute(sql, (db.array(missing),)))
        return {number: self._passages[number] for number in wanted if number in self._passages}

    def memories(self) -> int:
        """How many memories there are."""
        if "memories" not in self._counts:
            self._counts["memories"] = search.memories(self.connection)
        return self._counts["memories"]

    def documents_in_all(self) -> int:
        """How many documents there are."""
        if "documents" not in self._counts:
            self._counts["documents"] = graph.documents(self.connection)
        return self._counts["documents"]
