"""The rows of the full-text table: written and removed so that what was removed leaves no trace in the scores.

FTS5 with `contentless_delete` takes a removed row out of what is found, but never out of the totals by which BM25 is scaled
(rows, and words in each column; fts5_storage.c). Every edit would shift the scores a little, and an index that followed the
files would rank otherwise than one made anew. So the totals are set right in the transaction that removed the rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from memcli.index import db

Row = tuple[int, str, str, str, str, str]  # number, title, heading, body, code, facets
TABLES = ("passages_fts",)
_TOTALS = 1  # the row of a table's `_data` that holds them: https://sqlite.org/src/file/ext/fts5/fts5_index.c


def insert(connection: db.Connection, table: str, rows: Iterable[Row]) -> None:
    connection.executemany(
        f"INSERT INTO {table} (rowid, title, heading, body, code, facets) VALUES (?, ?, ?, ?, ?, ?)", rows
    )


class Removals:
    """Removes rows within one transaction; `settle` before its end makes the totals forget them."""

    def __init__(self, connection: db.Connection) -> None:
        self._connection = connection
        self._removed: dict[str, list[list[int]]] = {table: [] for table in TABLES}

    def remove(self, table: str, rowids: Iterable[int]) -> None:
        for rowid in rowids:
            size = self._connection.execute(f"SELECT sz FROM {table}_docsize WHERE id = ?", (rowid,)).fetchone()
            if size:
                self._removed[table].append([1, *_numbers(size[0])])
            self._connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))

    def settle(self) -> None:
        for table, removed in self._removed.items():
            if removed:
                self._connection.execute(f"INSERT INTO {table} ({table}) VALUES ('flush')")  # writes its totals down
                row = self._connection.execute(f"SELECT block FROM {table}_data WHERE id = ?", (_TOTALS,)).fetchone()
                left = [total - sum(gone) for total, *gone in zip(_numbers(row[0]), *removed, strict=True)]
                self._connection.execute(f"UPDATE {table}_data SET block = ? WHERE id = ?", (_blob(left), _TOTALS))
                removed.clear()


def _numbers(blob: bytes) -> list[int]:
    """SQLite's variable-length integers: seven bits a byte, the highest first; a set top bit says that more follows."""
    found, value = [], 0
    for byte in blob:
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            found.append(value)
            value = 0
    return found


def _blob(numbers: Iterable[int]) -> bytes:
    out = bytearray()
    for number in numbers:
        groups = [number & 0x7F]
        while number := number >> 7:
            groups.append(number & 0x7F | 0x80)
        out += bytes(reversed(groups))
    return bytes(out)
