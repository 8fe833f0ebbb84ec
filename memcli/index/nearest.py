"""Nearest passages among vectors of mixed precisions: coarse ones by estimate, beside those of 8 bits by cosine.

Estimates have no bias, so a passage neither gains nor loses by being kept coarsely; only its place is less sure. Where two
hold the same text, though, the finer one is preferred: a coarse copy never stands above it. A lasting handicap of coarse
vectors would not do: one that lets the finer copy win in 99 of 100 cases, .011 of cosine, lets three more in 100 relevant
coarse passages fall behind an irrelevant fine one on short turns (tests/bench/space.py).
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

from memcli.encode.coarse import CoarseVectors
from memcli.index import db, frames
from memcli.index.coarsening import units
from memcli.index.kept import KeptRows
from memcli.index.search import PassageHit, filter_sql

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memcli.index.search import Filter

_SCORE, _PRECISION = 2, 5
STEP = 1e-6  # of cosine, between copies of one text at different precisions

Row = namedtuple("Row", "passage document score kind hash precision")  # a `search.PassageHit`, and two more


def semantic(connection: db.Connection, vector: bytes, limit: int, where: Filter | None = None) -> list[PassageHit]:
    """The passages nearest to a query vector (8 bits a dimension), by cosine, whatever the precisions of theirs."""
    condition, values = filter_sql(where, "passage", "passages.id")
    fine = connection.execute(
        "WITH hits AS MATERIALIZED (SELECT passage, 1.0 - distance AS score FROM vectors"
        f" WHERE embedding MATCH vec_int8(?) AND k = ?{condition})"
        " SELECT passage, document, score, kind, hash, precision FROM hits JOIN passages ON passages.id = passage",
        (vector, limit, *values),
    )
    rows = [Row(*row) for row in fine] + coarse(connection, vector, limit, condition, values)
    return [PassageHit(*row[:4]) for row in merged(rows, limit)]


def coarse(
    connection: db.Connection, question: bytes, limit: int, condition: str, values: Sequence[object]
) -> list[Row]:
    """The best of the coarse vectors, which `condition` restricts, for a question of 8 bits a dimension."""
    frame = frames.of(connection)
    if frame is None:
        return []
    # Joined by SQLite, four times as fast as row by row. It appends the bytes of a blob as they are, zeros included.
    passages, packed = connection.execute(
        f"SELECT group_concat(passage), CAST(group_concat(vector, '') AS BLOB) FROM coarse WHERE true{condition}",
        values,
    ).fetchone()
    if passages is None:
        return []
    numbers = np.fromstring(passages, dtype=np.int64, sep=",")
    cosines = CoarseVectors(packed, frame).cosines(units([question])[0])
    return _rows(KeptRows(connection), {int(numbers[place]): score for place, score in best(cosines, limit)})


def hits(kept: KeptRows, scores: Mapping[int, float], limit: int) -> list[PassageHit]:
    """The best of these passages, by number, greatest first."""
    return [PassageHit(*row[:4]) for row in merged(_rows(kept, scores), limit)]


def allowed(connection: db.Connection, where: Filter) -> NDArray[np.int64] | None:
    """The passages that a filter lets through; None where it lets all through."""
    condition, values = filter_sql(where, "id", "passages.id")
    if not condition:
        return None
    sql = f"SELECT coalesce(group_concat(id), '') FROM passages WHERE true{condition}"  # joined by SQLite, as above
    joined = connection.execute(sql, values).fetchone()[0]
    return np.fromstring(joined, dtype=np.int64, sep=",") if joined else np.empty(0, dtype=np.int64)


def _rows(kept: KeptRows, scores: Mapping[int, float]) -> list[Row]:
    return [
        Row(number, document, scores[number], kind, key, precision)
        for number, (document, kind, key, precision) in kept.passages(scores).items()
    ]


def best(cosines: NDArray[np.floating[Any]], limit: int) -> list[tuple[int, float]]:
    """(place, cosine) of the greatest, in no order."""
    count = min(limit, len(cosines))
    chosen = np.argpartition(-cosines, count - 1)[:count] if count else np.empty(0, dtype=np.int64)
    return list(zip(chosen.tolist(), cosines[chosen].tolist(), strict=True))


def merged(rows: Iterable[Row], limit: int) -> list[Row]:
    """The best, greatest first, each copy of a text below its finer ones."""
    finest: dict[bytes, Row] = {}
    found = []
    for row in sorted(rows, key=itemgetter(_PRECISION)):
        other = finest.setdefault(row.hash, row)
        if row.precision > other.precision:
            row = row._replace(score=min(row.score, other.score - STEP * (row.precision - other.precision)))
        found.append(row)
    found.sort(key=itemgetter(0))  # passages that are equally near stand in the order of the index
    found.sort(key=itemgetter(_SCORE), reverse=True)
    return found[:limit]
