"""Writing vectors: the tables that hold them, and what changed since arrays were derived from them (`index.arrays`).

`vectors` (8 bits a dimension) and `coarse` are the tables of record. Arrays are made of them as they were at one moment, so
whatever is written later is noted in `changed_vectors` too, with the bytes, or NULL for a vector that is gone: whoever
searches the arrays hides these passages there and compares what is noted exactly. Where no arrays were made, nothing is noted.

Only this module writes these tables, save for dropping them whole. Lean; inside the caller's transaction.
"""

from __future__ import annotations

import os

from memcli.index import db, schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import numpy as np
    from numpy.typing import NDArray

    from memcli.places import Place

_NOTE = (
    "INSERT OR REPLACE INTO changed_vectors (passage, generation, precision, vector)"
    " SELECT ?, generation, ?, ? FROM arrays"
)


def arrays_path(place: Place) -> str:
    """Where the file derived from the vectors is, if there is one."""
    return os.path.join(place.cache, "vectors.arrays")


def insert(connection: db.Connection, precision: int, rows: Iterable[tuple[int, bytes]]) -> None:
    """Give passages their vectors, (passage, bytes), at a precision that has one; none of them may have one already."""
    given = list(rows)
    connection.executemany(schema.insert_vector(precision), given)
    connection.executemany(_NOTE, [(passage, precision, vector) for passage, vector in given])


def delete(connection: db.Connection, passages: Iterable[int]) -> None:
    """Take their vectors from these passages, as far as they have any."""
    gone = [(passage,) for passage in passages]
    if schema.get_meta(connection, "model") is not None:
        connection.executemany("DELETE FROM vectors WHERE passage = ?", gone)
    connection.executemany("DELETE FROM coarse WHERE passage = ?", gone)
    connection.executemany(_NOTE, [(passage, None, None) for (passage,) in gone])


def stored(connection: db.Connection, dimensions: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int8]]]:
    """All vectors of 8 bits a dimension in parts, (passages, vectors), in no order.

    Read as sqlite-vec keeps them, a thousand to a row, twenty times as fast as one by one: numbers, vectors, and a bit for
    each that says whether it is one (https://alexgarcia.xyz/sqlite-vec, ARCHITECTURE.md, "Shadow Tables").
    """
    import numpy as np

    if schema.get_meta(connection, "model") is None:
        return
    for numbers, valid, rows in connection.execute(
        "SELECT rowids, validity, vectors FROM vectors_chunks JOIN vectors_vector_chunks00 AS held ON held.rowid = chunk_id"
    ):
        chosen = np.unpackbits(np.frombuffer(valid, dtype=np.uint8), bitorder="little").astype(bool)
        yield (
            np.frombuffer(numbers, dtype=np.int64)[chosen],
            np.frombuffer(rows, dtype=np.int8).reshape(-1, dimensions)[chosen],
        )
