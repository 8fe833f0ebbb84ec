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


def delete(connection: db.Connection, table: str, rowids: Iterable[int]) -> None:
    """Delete rows, and have the totals forget them; once in a transaction, since the totals are settled each time."""
    gone = list(rowids)
    if not gone:
        return
    sql = f"SELECT sz FROM {table}_docsize WHERE id IN (SELECT value FROM json_each(?))"
    removed = [[1, *_numbers(size)] for (size,) in connection.execute(sql, (db.array(gone),))]
    connection.executemany(f"DELETE FROM {table} WHERE rowid = ?", [(rowid,) for rowid in gone])
    connection.execute(f"INSERT INTO {table} ({table}) VALUES ('flush')")  # writes its totals down
    row = connection.execute(f"SELECT block FROM {table}_data WHERE id = ?", (_TOTALS,)).fetchone()
    left = [total - sum(sizes) for total, *sizes in zip(_numbers(row[0]), *removed, strict=True)]
    connection.execute(f"UPDATE {table}_data SET block = ? WHERE id = ?", (_blob(left), _TOTALS))


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
