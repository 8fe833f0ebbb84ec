"""Nearest passages among vectors of mixed precisions: coarse ones by estimate, beside those of 8 bits by cosine.

Estimates have no bias, so a passage neither gains nor loses by being kept coarsely; only its place is less sure. Where two
hold the same text, though, the finer one is preferred: a coarse copy never stands above it. A lasting handicap of coarse
vectors would not do: one that lets the finer copy win in 99 of 100 cases, .011 of cosine, lets three more in 100 relevant
coarse passages fall behind an irrelevant fine one on short turns (tests/bench/space.py).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from memcli.encode.coarse import CoarseVectors
from memcli.index import db, frames
from memcli.index.coarsening import units

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = 1e-6  # of cosine, between copies of one text at different precisions

Row = namedtuple("Row", "passage document score kind hash precision")


def coarse(
    connection: db.Connection, question: bytes, limit: int, condition: str, values: Sequence[object]
) -> list[Row]:
    """The best of the coarse vectors, which `condition` restricts, for a question of 8 bits a dimension."""
    frame = frames.of(connection)
    if frame is None:
        return []
    rows = connection.execute(f"SELECT passage, vector FROM coarse WHERE true{condition}", values).fetchall()
    if not rows:
        return []
    cosines = CoarseVectors(b"".join([row[1] for row in rows]), frame).cosines(units([question])[0])
    scores = {rows[place][0]: score for place, score in best(cosines, limit)}
    marks = ",".join("?" * len(scores))
    sql = f"SELECT id, document, kind, hash, precision FROM passages WHERE id IN ({marks})"
    return [
        Row(number, document, scores[number], kind, key, precision)
        for number, document, kind, key, precision in connection.execute(sql, list(scores))
    ]


def best(cosines: NDArray[np.float32], limit: int) -> list[tuple[int, float]]:
    """(place, cosine) of the greatest, in no order."""
    count = min(limit, len(cosines))
    chosen = np.argpartition(-cosines, count - 1)[:count] if count else np.empty(0, dtype=np.int64)
    return list(zip(chosen.tolist(), cosines[chosen].tolist(), strict=True))


def merged(rows: Iterable[Row], limit: int) -> list[Row]:
    """The best, greatest first, each copy of a text below its finer ones."""
    finest: dict[bytes, tuple[float, int]] = {}
    found = []
    for row in sorted(rows, key=lambda row: (row.precision, -row.score)):
        score, precision = finest.setdefault(row.hash, (row.score, row.precision))
        if row.precision > precision:
            row = row._replace(score=min(row.score, score - STEP * (row.precision - precision)))
        found.append(row)
    return sorted(found, key=lambda row: (-row.score, row.passage))[:limit]
