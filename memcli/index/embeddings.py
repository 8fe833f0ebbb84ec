"""The work of embedding what waits for a vector, at the precision that its memory has.

Vectors and token codes are kept in `embeddings.db` (`index.cache`). Vectors reach the search table through the rounding of
that, whether they are new or cached, so that an index that grew and one that was rebuilt hold the same numbers. Token codes
stay there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from memcli import lock
from memcli.encode.coarse import Frame
from memcli.index import db, frames, schema, vectors
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
    try:
        waiting = _waiting(connection, paths)[:at_most]
        if waiting:
            cache = EmbeddingCache(place, model)
            try:
                _embed_groups(place, connection, cache, list(db.chunks(waiting, GROUP)), open_embedder, progress)
            finally:
                cache.close()
        return len(waiting)
    finally:
        connection.close()


def _embed_groups(
    place: Place,
    connection: db.Connection,
    cache: EmbeddingCache,
    groups: list[list[int]],
    open_embedder: Callable[[], Embedder],
    progress: Callable[[int, int], None] | None,
) -> None:
    """Embed group by group; one thread reads the next and writes the last while the model has one.

    That thread alone uses the two databases.
    """
    done, to_do = 0, sum(map(len, groups))

    def report(count: int) -> None:
        if progress:
            progress(done + count, to_do)

    with ThreadPoolExecutor(1) as books:

        def read(number: int) -> Future[_Group] | None:
            return books.submit(_read, place, connection, cache, groups[number]) if number < len(groups) else None

        reading, written = read(0), None
        whole: dict[bytes, Kept] = {}  # made for the group before, and kept as it is
        for number in range(len(groups)):
            assert reading is not None
            group = reading.result()
            reading = read(number + 1)
            # What this group shares with the one before was not in the cache yet when this one was read.
            group.known.update((key, whole[key]) for key in group.missing.keys() & whole.keys())
            missing = {key: text for key, text in group.missing.items() if key not in whole}
            new = _made(open_embedder(), missing, report) if missing else {}
            whole = {key: kept for key, kept in new.items() if group.finest[key] == FULL}
            if written is not None:
                written.result()
            written = books.submit(_write, place, connection, cache, group, new)
            done += len(groups[number])
            report(0)
        if written is not None:
            written.result()


def _made(embedder: Embedder, texts: Mapping[bytes, str], report: Callable[[int], None]) -> dict[bytes, Kept]:
    counted = 0

    def count(texts: int) -> None:
        nonlocal counted
        counted += texts
        report(counted)

    made = embedder.passages(list(texts.values()), on_batch=count)
    halves = made.vectors.astype(np.float16)
    return {key: Kept(FULL, half.tobytes(), bits) for key, half, bits in zip(texts, halves, made.codes, strict=True)}


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


class _Group(NamedTuple):
    """Passages of a group. By hash: the precision that each text is wanted at, the texts that are `known`, and `missing`."""

    rows: list[_Waiting]
    wanted: dict[int, int]
    finest: dict[bytes, int]
    known: dict[bytes, Kept]
    missing: dict[bytes, str]
    frame: Frame | None

    @property
    def some_coarse(self) -> bool:
        return any(precision in (BIT, BIT_ALONE) for precision in self.wanted.values())


def _read(place: Place, connection: db.Connection, cache: EmbeddingCache, numbers: list[int]) -> _Group:
    rows = _rows(connection, numbers)
    of_memory = cache.wanted({(row.name, row.entry_hash) for row in rows})
    group = _Group(rows, {row.number: of_memory[row.name] for row in rows}, {}, {}, {}, None)
    if group.some_coarse:
        group = group._replace(frame=_frame(place, connection, cache, {}))
    for row in rows:
        group.finest[row.hash] = min(group.finest.get(row.hash, NONE), group.wanted[row.number])
    found = cache.get(group.finest, codes=False)
    group.known.update((key, kept) for key, kept in found.items() if kept.precision <= group.finest[key])
    group.missing.update(
        (row.hash, embedding_text(row.context, row.text))
        for row in rows
        if row.hash not in group.known and group.finest[row.hash] != NONE
    )
    return group


def _frame(place: Place, connection: db.Connection, cache: EmbeddingCache, known: Mapping[bytes, Kept]) -> Frame | None:
    """The frame of coarse vectors, learnt from these too where there is none yet."""
    small = vectors_at(list(known.values()), [INT8] * len(known), None)
    with lock.write_lock(place):
        return frames.settle(connection, cache, units(small) if small else None)


def _rows(connection: db.Connection, group: list[int]) -> list[_Waiting]:
    """Those of these passages that wait for a vector."""
    marks = ",".join("?" * len(group))
    sql = (
        "SELECT passages.id, passages.hash, context, text, name, entries.hash FROM passages"
        " JOIN documents ON documents.id = document JOIN entries ON entries.id = entry"
    )
    return [_Waiting(*row) for row in connection.execute(f"{sql} WHERE passages.id IN ({marks}) AND state = 0", group)]


def _write(
    place: Place, connection: db.Connection, cache: EmbeddingCache, group: _Group, new: dict[bytes, Kept]
) -> None:
    """Keep what was made, and give the passages their vectors, at the precision wanted of each."""
    known = group.known | new
    frame = group.frame
    if frame is None and group.some_coarse:
        frame = _frame(place, connection, cache, known)
    if new:
        cache.put(coarser(new, group.finest, frame))
    seen = [row for row in group.rows if group.wanted[row.number] != NONE]
    precisions = [max(group.wanted[row.number], INT8) for row in seen]
    small = vectors_at([known[row.hash] for row in seen], precisions, frame)
    made = {row.number: vector for row, vector in zip(seen, small, strict=True)}
    with lock.write_lock(place), db.transaction(connection):
        # A passage may have gone, or its number may have gone to another text, while this group was embedded.
        waiting = {(row.number, row.hash) for row in _rows(connection, [row.number for row in group.rows])}
        by_precision: dict[int, list[int]] = {}
        for row in group.rows:
            if (row.number, row.hash) in waiting:
                by_precision.setdefault(group.wanted[row.number], []).append(row.number)
        for precision, numbers in by_precision.items():
            connection.executemany(
                "UPDATE passages SET state = ?, precision = ? WHERE id = ?",
                [(schema.state_at(precision), precision, number) for number in numbers],
            )
            if precision != NONE:
                vectors.insert(connection, precision, [(number, made[number]) for number in numbers])
