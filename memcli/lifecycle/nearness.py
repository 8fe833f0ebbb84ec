"""The vectors of a store for work over all of it: one for each passage, or one for each memory that is no session.

The only place of this package that reads them, but for the one search of a memory just written. Imports numpy.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from memcli.errors import IndexUnavailable
from memcli.index import db, search
from memcli.index.coarsening import units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]


def has_vectors(connection: db.Connection) -> bool:
    """Whether there are vectors that can be read; sqlite-vec is loaded for it."""
    try:
        return search.vector_model(connection) is not None
    except IndexUnavailable:
        return False


def of_passages(connection: db.Connection, passages: Iterable[int]) -> dict[int, Vector]:
    """The unit vectors of those of these passages that have one."""
    if not has_vectors(connection):
        return {}
    # Looked up one by one: for `IN` sqlite-vec reads all vectors.
    sql = "SELECT passage, embedding FROM json_each(?) CROSS JOIN vectors ON passage = value"
    return {number: units([blob])[0] for number, blob in connection.execute(sql, (json.dumps(list(passages)),))}


def of_beginnings(connection: db.Connection, passages: int) -> tuple[NDArray[np.int64], Vector]:
    """The memories that are no sessions, by entry number, and a unit row for each of their first few passages."""
    rows = connection.execute(
        "SELECT entry, embedding FROM vectors JOIN passages ON passages.id = passage JOIN documents ON documents.id = document"
        " WHERE anchor IS NULL AND passages.ordinal < ? ORDER BY passage",
        (passages,),
    ).fetchall()
    if not rows:
        return np.empty(0, dtype=np.int64), np.empty((0, 0), dtype=np.float32)
    return np.array([row[0] for row in rows]), units([row[1] for row in rows])


def of_memories(connection: db.Connection) -> tuple[list[int], Vector]:
    """The memories that are no sessions and have vectors, by entry number, and a matrix of a unit row for each.

    A row is the mean of the vectors of the memory's passages, less the mean of all rows: embeddings of one model share a
    direction that says nothing (Mu and Viswanath 2018, "All-but-the-top").
    """
    if not has_vectors(connection):
        return [], np.empty((0, 0), dtype=np.float32)
    sums: dict[int, Vector] = {}
    for entry, blob in connection.execute(
        "SELECT entry, embedding FROM vectors JOIN passages ON passages.id = passage JOIN documents ON documents.id = document"
        " JOIN entries ON entries.id = entry WHERE anchor IS NULL AND type IS NOT 'episode' ORDER BY passage"
    ):
        (vector,) = units([blob])
        sums[entry] = sums[entry] + vector if entry in sums else vector
    numbers = sorted(sums)
    if not numbers:
        return [], np.empty((0, 0), dtype=np.float32)
    rows = np.stack([sums[number] / np.linalg.norm(sums[number]) for number in numbers])
    rows -= rows.mean(axis=0)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-6)
    return numbers, rows
