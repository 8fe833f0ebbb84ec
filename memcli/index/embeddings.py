"""The work of embedding what waits for a vector, at the precision that its memory has.

Vectors and token codes are kept in `embeddings.db` (`index.cache`). Vectors reach the search table through the rounding of
that, whether they are new or cached, so that an index that grew and one that was rebuilt hold the same numbers. Token codes
stay there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memcli import lock
from memcli.encode.coarse import Frame
from memcli.index import db, frames, schema
from memcli.index.cache import EmbeddingCache, Kept
from memcli.index.coarsening import coarser, units, vectors_at
from memcli.index.schema import BIT, BIT_ALONE, FULL, INT8, NONE
from memcli.places import Place
from memcli.text import embedding_text

if TYPE_CHECKING:
    from memcli.encode.embedder import Embedder

GROUP = 2048  # passages embedded between two commits: what a kill can cost, and what is sorted by length together


def embed_waiting(
    place: Place,
    open_embedder: Callable[[], Embedder],
    model: str,
    dimensions: int,
    *,
    paths: Iterable[str] | None = None,
    at_most: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> int:
    """Embed passages that wait for a vector (of the files `paths`, if given); returns how many now have one.

    `open_embedder` is called only when a text is not in the cache. `progress` gets (passages done, to do). A model other
    than the index's replaces all vectors, so that two models' are never mixed. Raises ModelUnavailable.
    """
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
        if schema.get_meta(connection, "model") != model:
            with db.transaction(connection):
                schema.create_vectors(connection, model, dimensions)
    cache = EmbeddingCache(place, model)
    try:
        waiting = _waiting(connection, paths)[:at_most]
        done = 0
        for start in range(0, len(waiting), GROUP):
            group = waiting[start : start + GROUP]

            def report(n: int, base: int = done) -> None:
                if progress:
                    progress(base + n, len(waiting))

            _embed_group(place, connection, cache, group, open_embedder, report)
            done += len(group)
            report(0, done)
        return done
    finally:
        cache.close()
        connection.close()


def _waiting(connection: db.Connection, paths: Iterable[str] | None) -> list[int]:
    if paths is None:
        rows = connection.execute("SELECT id FROM passages WHERE state = 0 ORDER BY id").fetchall()
        return [row[0] for row in rows]
    return [
        row[0]
        for path in paths
        for row in connection.execute(
            "SELECT passages.id FROM entries JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
            " WHERE path = ? AND state = 0",
            (path,),
        )
    ]


class _Waiting(NamedTuple):
    number: int
    hash: bytes
    context: str
    text: str
    name: str
    entry_hash: str


def _embed_group(
    place: Place,
    connection: db.Connection,
    cache: EmbeddingCache,
    group: list[int],
    open_embedder: Callable[[], Embedder],
    report: Callable[[int], None],
) -> None:
    rows = _rows(connection, group)
    of_memory = cache.wanted({(row.name, row.entry_hash) for row in rows})
    wanted = {row.number: of_memory[row.name] for row in rows}
    some_coarse = any(precision in (BIT, BIT_ALONE) for precision in wanted.values())
    frame = _frame(place, connection, cache, {}) if some_coarse else None
    finest: dict[bytes, int] = {}
    for row in rows:
        finest[row.hash] = min(finest.get(row.hash, NONE), wanted[row.number])
    known = {key: kept for key, kept in cache.get(finest).items() if kept.precision <= finest[key]}
    missing = {
        row.hash: embedding_text(row.context, row.text)
        for row in rows
        if row.hash not in known and finest[row.hash] != NONE
    }
    new = {}
    if missing:
        made = open_embedder().passages(list(missing.values()), on_batch=report)
        halves = made.vectors.astype(np.float16)
        new = {
            key: Kept(FULL, half.tobytes(), bits) for key, half, bits in zip(missing, halves, made.codes, strict=True)
        }
        known |= new
    if some_coarse and frame is None:
        frame = _frame(place, connection, cache, known)
    cache.put(coarser(new, finest, frame))
    _write(place, connection, rows, wanted, known, frame)


def _frame(place: Place, connection: db.Connection, cache: EmbeddingCache, known: Mapping[bytes, Kept]) -> Frame | None:
    """The frame of coarse vectors, learnt from these too where there is none yet."""
    small = vectors_at(list(known.values()), [INT8] * len(known), None)
    with lock.write_lock(place):
        return frames.settle(connection, cache, units(small) if small else None)


def _rows(connection: db.Connection, group: list[int]) -> list[_Waiting]:
    marks = ",".join("?" * len(group))
    sql = (
        "SELECT passages.id, passages.hash, context, text, name, entries.hash FROM passages"
        " JOIN documents ON documents.id = document JOIN entries ON entries.id = entry"
    )
    return [_Waiting(*row) for row in connection.execute(f"{sql} WHERE passages.id IN ({marks})", group)]


def _write(
    place: Place,
    connection: db.Connection,
    rows: list[_Waiting],
    wanted: Mapping[int, int],
    known: Mapping[bytes, Kept],
    frame: Frame | None,
) -> None:
    """Give passages their vectors, at the precision wanted of each."""
    seen = [row for row in rows if wanted[row.number] != NONE]
    precisions = [max(wanted[row.number], INT8) for row in seen]
    vectors = vectors_at([known[row.hash] for row in seen], precisions, frame)
    made = {row.number: vector for row, vector in zip(seen, vectors, strict=True)}
    with lock.write_lock(place), db.transaction(connection):
        # A passage may have gone, or its number may have gone to another text, while this group was embedded.
        for row in rows:
            precision = wanted[row.number]
            updated = connection.execute(
                "UPDATE passages SET state = ?, precision = ? WHERE id = ? AND hash = ? AND state = ?",
                (schema.state_at(precision), precision, row.number, row.hash, schema.WAITING),
            )
            if updated.rowcount and row.number in made:
                connection.execute(schema.insert_vector(precision), (row.number, made[row.number]))
