"""How fine the vectors and token codes of memories are kept: made coarser at once, finer by embedding the text again.

What is wanted of a memory is noted by name and hash of its file beside the vectors (`index.cache`), so that a rebuilt index
gets the same and an edited memory is whole again. Then its passages follow, in small transactions; last the cache, where a
text that several memories hold stays as fine as the finest of them. Killed at any point, the same call completes the work.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from memcli import lock
from memcli.index import db, maintenance, schema, vectors
from memcli.index.cache import EmbeddingCache, Kept
from memcli.index.schema import BIT as BIT
from memcli.index.schema import BIT_ALONE as BIT_ALONE
from memcli.index.schema import FULL as FULL
from memcli.index.schema import INT8 as INT8
from memcli.index.schema import NONE as NONE
from memcli.places import Place

GROUP = 2048  # passages changed between two commits


class Changed(NamedTuple):
    """What a change of precisions did: passages made coarser, passages that now wait to be embedded, bytes of files freed."""

    coarser: int
    waiting: int
    freed: int


class Size(NamedTuple):
    """What passages at one precision take, in index and cache together: their number, bytes of vectors, bytes of codes."""

    passages: int
    vectors: int
    codes: int


def set_precision(place: Place, wanted: Mapping[str, int]) -> Changed:
    """Bring the memories with these ids (`entries.name`) to the precisions wanted; others stay as they are.

    What must become finer loses its vector and waits for `embed_waiting`; what is to be archived waits for nothing. Raises
    IndexUnavailable where sqlite-vec cannot be loaded.
    """
    before = _bytes(place)
    if not any(wanted.values()) and not os.path.exists(os.path.join(place.cache, "embeddings.db")):
        return Changed(0, 0, 0)  # nothing was ever kept, and nothing is to be kept coarser
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
    cache = EmbeddingCache(place, schema.get_meta(connection, "model"))
    try:
        _note(place, connection, cache, wanted)
        down, up = _change_passages(place, connection, cache, wanted)
        kept_less = _change_cache(place, connection, cache)
    finally:
        cache.close()
        connection.close()
    if down or kept_less:
        maintenance.compact(place)
    return Changed(down, up, max(0, before - _bytes(place)))


def sizes(place: Place) -> dict[int, Size]:
    """What vectors and token codes take, by precision; free pages and what SQLite adds to a row are not counted."""
    connection = schema.open_for_reading(place)
    cache = EmbeddingCache(place, schema.get_meta(connection, "model"))
    try:
        dimensions = int(schema.get_meta(connection, "dimensions") or 0)
        rows = connection.execute(
            "SELECT precision, count(*), coalesce(sum(length(vector)), 0) FROM passages"
            " LEFT JOIN coarse ON passage = passages.id WHERE state IN (?, ?) GROUP BY precision",
            (schema.EMBEDDED, schema.FADED),
        ).fetchall()
        passages = Counter({precision: count for precision, count, _ in rows})
        vectors = Counter({p: count * dimensions if p <= INT8 else length for p, count, length in rows})
        codes: Counter[int] = Counter()
        for precision, length, coded in cache.sizes():
            vectors[precision] += length
            codes[precision] += coded
        return {p: Size(passages[p], vectors[p], codes[p]) for p in (FULL, INT8, BIT, BIT_ALONE, NONE)}
    finally:
        cache.close()
        connection.close()


def _bytes(place: Place) -> int:
    """The size of index and cache on disk, with what is still in their logs."""
    names = [name + log for name in ("index.db", "embeddings.db") for log in ("", "-wal")]
    paths = [os.path.join(place.cache, name) for name in names]
    return sum(os.path.getsize(path) for path in paths if os.path.exists(path))


def _note(place: Place, connection: db.Connection, cache: EmbeddingCache, wanted: Mapping[str, int]) -> None:
    with lock.write_lock(place):
        noted = cache.noted()
        rows = connection.execute("SELECT name, hash FROM entries WHERE hash IS NOT NULL").fetchall()
        cache.want(
            (name, hash_, wanted[name])
            for name, hash_ in rows
            if name in wanted and noted.get((name, hash_), FULL) != wanted[name]
        )


_STATES = (
    "SELECT passages.id, name, state, precision FROM passages JOIN documents ON documents.id = document"
    " JOIN entries ON entries.id = entry"
)


def _change_passages(
    place: Place, connection: db.Connection, cache: EmbeddingCache, wanted: Mapping[str, int]
) -> tuple[int, int]:
    """Returns how many passages became coarser, and how many wait now."""
    changing = [row[0] for row in connection.execute(_STATES) if _is_to_change(row, wanted)]
    down = up = 0
    for some in db.chunks(changing, GROUP):
        with lock.write_lock(place):
            fewer, more = _change(connection, cache, some, wanted)
        down, up = down + fewer, up + more
    return down, up


def _is_to_change(row: tuple[int, str, int, int], wanted: Mapping[str, int]) -> bool:
    _, name, state, precision = row
    if name not in wanted or state == schema.KEYWORD_ONLY:
        return False
    if state == schema.WAITING:
        return wanted[name] == NONE
    return wanted[name] != precision


def _change(
    connection: db.Connection, cache: EmbeddingCache, numbers: list[int], wanted: Mapping[str, int]
) -> tuple[int, int]:
    from memcli.index import frames  # numpy is for those who fade
    from memcli.index.coarsening import vectors_at

    frame = frames.settle(connection, cache)
    with db.transaction(connection):
        # Read again: meanwhile a passage may have gone, or its number to another.
        marks = ",".join("?" * len(numbers))
        rows = connection.execute(f"{_STATES} WHERE passages.id IN ({marks})", numbers).fetchall()
        targets = {row[0]: (row[2:], wanted[row[1]]) for row in rows if _is_to_change(row, wanted)}
        finer = [n for n, ((_, precision), target) in targets.items() if target < precision]
        silent = [n for n, (_, target) in targets.items() if target == NONE]
        packed = [n for n, ((_, p), target) in targets.items() if p <= INT8 and target in (BIT, BIT_ALONE)]
        sql = "SELECT embedding FROM vectors WHERE passage = ?"
        kept = [Kept(INT8, connection.execute(sql, (n,)).fetchone()[0], b"") for n in packed]
        small = vectors_at(kept, [BIT] * len(kept), frame)
        vectors.delete(connection, (*finer, *silent, *packed))
        vectors.insert(connection, BIT, zip(packed, small, strict=True))
        connection.executemany(
            "UPDATE passages SET state = ?, precision = ? WHERE id = ?",
            [(schema.state_at(t), t, n) for n, (_, t) in targets.items() if n not in set(finer)],
        )
        connection.executemany(
            "UPDATE passages SET state = ?, precision = ? WHERE id = ?", [(schema.WAITING, FULL, n) for n in finer]
        )
    return len(targets) - len(finer), len(finer)


def _change_cache(place: Place, connection: db.Connection, cache: EmbeddingCache) -> int:
    """Keep each text in the cache only as fine as the finest passage that holds it; returns how many became coarser."""
    needed: dict[bytes, int] = {}
    states = connection.execute("SELECT hash, state, precision FROM passages WHERE state != ?", (schema.KEYWORD_ONLY,))
    for key, state, precision in states:
        # One that waits may be about to be read from here.
        needed[key] = min(needed.get(key, NONE), FULL if state == schema.WAITING else precision)
    too_fine = [key for key, precision in cache.held().items() if needed.get(key, precision) > precision]
    for some in db.chunks(too_fine, GROUP):
        with lock.write_lock(place):
            _coarsen(connection, cache, {key: needed[key] for key in some})
    return len(too_fine)


def _coarsen(connection: db.Connection, cache: EmbeddingCache, needed: Mapping[bytes, int]) -> None:
    from memcli.index import frames
    from memcli.index.coarsening import coarser

    cache.drop(key for key, precision in needed.items() if precision == NONE)
    kept = {key: row for key, row in cache.get(needed).items() if row.precision < needed[key]}
    cache.put(coarser(kept, needed, frames.settle(connection, cache)))
