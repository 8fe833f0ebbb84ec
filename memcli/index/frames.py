"""The frame of a store's coarse vectors (`encode.coarse`): learnt once from its own vectors, kept in index and cache alike.

A hundred vectors make a frame that serves texts written later nearly as well as their own would (`encode.coarse`), so it is
never learnt anew: every coarse vector would have to be embedded again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from memcli.encode import coarse
from memcli.encode.coarse import Frame
from memcli.index import db, schema
from memcli.index.cache import EmbeddingCache
from memcli.index.coarsening import units

if TYPE_CHECKING:
    from numpy.typing import NDArray


def of(connection: db.Connection) -> Frame | None:
    """The frame of the coarse vectors in an index; None where there can be none."""
    row = connection.execute("SELECT value FROM frame").fetchone()
    return Frame.from_bytes(row[0], int(schema.get_meta(connection, "dimensions") or 0)) if row else None


def settle(connection: db.Connection, cache: EmbeddingCache, others: NDArray[np.float32] | None = None) -> Frame | None:
    """The one frame of index and cache, learnt where there is none yet; the caller holds the write lock.

    It is learnt from the index's vectors and `others`, shape (count, dimensions), of length 1; None where there are neither.
    """
    frame = of(connection)
    if frame is None:
        held = cache.frame()
        dimensions = int(schema.get_meta(connection, "dimensions") or 0)
        frame = Frame.from_bytes(held, dimensions) if held else _learn(connection, others)
        if frame is None:
            return None
        connection.execute("INSERT INTO frame (only, value) VALUES (1, ?)", (frame.to_bytes(),))
    cache.set_frame(frame.to_bytes())
    return frame


def _learn(connection: db.Connection, others: NDArray[np.float32] | None) -> Frame | None:
    if schema.get_meta(connection, "model") is None:
        return None  # found by words only: nothing to learn from
    numbers = [row[0] for row in connection.execute("SELECT rowid FROM vectors_rowids ORDER BY rowid")]
    chosen = numbers[:: 1 + len(numbers) // coarse.LEARNT_FROM]
    sql = "SELECT embedding FROM vectors WHERE passage = ?"
    own = [connection.execute(sql, (number,)).fetchone()[0] for number in chosen]
    parts = ([units(own)] if own else []) + ([others] if others is not None and len(others) else [])
    return coarse.learn(np.concatenate(parts)) if parts else None
