"""The derived file beside a large store's index: `index.sketches` of its vectors, made in the background, never needed.

The tables stay the source; sqlite-vec reads all of them for each question, which takes a tenth of a second for 100,000. From
`LEAST` vectors on a file is worth its room. It holds the vectors as they were at one moment; what was written later is in
`changed_vectors` (`index.vectors`), is hidden in the file and compared exactly. When much has changed the file is made anew,
in place of the old one, which who has it open goes on reading.

Which changes a file knows of is a matter of generations. Making one begins by counting the index's generation up, by which
changes are noted from then on, and reads the vectors after that: so a file of generation g has all that was noted before g.
When it is in place, notes below g go, and `complete` says from which generation on they are all there. A file is used if its
generation is `complete` or later, and if its `series`, drawn by lot for each index, is this one's. Killed anywhere, this
leaves a file that is used rightly or not at all. Imports numpy.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from memcli import lock
from memcli.encode.coarse import CoarseVectors
from memcli.errors import StoreError
from memcli.index import db, frames, nearest, schema, search, sketches, vectors
from memcli.index.coarsening import normalised, units
from memcli.index.schema import INT8
from memcli.index.sketches import Header, Sketches
from memcli.index.vectors import arrays_path

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from memcli.index.kept import KeptRows
    from memcli.index.search import Filter, PassageHit
    from memcli.places import Place

    Places = NDArray[np.int64]

LEAST = 20_000
"""Vectors from which on the file is made."""
CHANGED_SHARE = 0.02
CHANGED_LEAST = 2_000
"""The file is made anew when this share of it has changed, and so many vectors at least."""
_MEAN_OF = 20_000  # vectors that are enough to know the mean by


# --- searching --------------------------------------------------------------------------------------------------------


class ArraySearch:
    """The vectors of one store by way of its file. Looks anew for file and changes when the index was written to."""

    def __init__(self, place: Place, kept: KeptRows) -> None:
        self._path = arrays_path(place)
        self._connection = kept.connection
        self._kept = kept
        self._version = -1
        self._sketches: Sketches | None = None
        self._hidden: Places = np.empty(0, dtype=np.int64)
        self._changed: Places = self._hidden  # passages, in the order of the next two, joined
        self._fine: NDArray[np.float32] = np.empty((0, 0), dtype=np.float32)
        self._coarse: CoarseVectors | None = None

    @property
    def usable(self) -> bool:
        """Whether there is a file that says, with the changes noted since, what the tables say."""
        version = self._kept.look()
        if version != self._version:
            self._look()
            self._version = version
        return self._sketches is not None

    def nearest(self, vector: bytes, limit: int, where: Filter) -> list[PassageHit]:
        """The passages nearest to a query vector (8 bits a dimension), by cosine; only where `usable`."""
        assert self._sketches is not None
        question = units([vector])[0]
        allowed = nearest.allowed(self._connection, where)
        places = None if allowed is None else np.sort(self._sketches.places(allowed))
        passages, cosines = self._sketches.nearest(question, self._hidden, places)
        changed = self._cosines_of_changed(question)
        kept = slice(None) if allowed is None else np.isin(self._changed, allowed)
        passages = np.concatenate((passages, self._changed[kept]))
        chosen = nearest.best(np.concatenate((cosines, changed[kept])), limit)
        return nearest.hits(self._kept, {int(passages[place]): cosine for place, cosine in chosen}, limit)

    def _cosines_of_changed(self, question: NDArray[np.float32]) -> NDArray[np.float32]:
        parts = [self._fine @ question] if len(self._fine) else []
        parts += [self._coarse.cosines(question)] if self._coarse is not None else []
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)

    def _look(self) -> None:
        """Open the file if it serves this index as it is now, and read what changed since it was made."""
        # One statement, so that the changes are those of that state. The file may be newer by now: it knows more of them.
        rows = self._connection.execute(
            "SELECT series, complete, passage, changed_vectors.generation, precision, vector FROM arrays"
            " LEFT JOIN changed_vectors ON true"
        ).fetchall()
        found = Sketches.open(self._path) if rows else None
        if found is None or not _serves(found.header, *rows[0][:2]):
            self._sketches = None
            return
        if self._sketches is None or self._sketches.header != found.header:
            self._sketches = found
        changes = [row[2:3] + row[4:] for row in rows if row[2] is not None and row[3] >= found.header.generation]
        fine = [row for row in changes if row[1] is not None and row[1] <= INT8]
        others = [row for row in changes if row[1] is not None and row[1] > INT8]
        frame = frames.of(self._connection)
        self._hidden = np.sort(self._sketches.places(_numbers(changes)))
        self._changed = _numbers([*fine, *others])
        self._fine = units([row[2] for row in fine]) if fine else np.empty((0, 0), dtype=np.float32)
        self._coarse = CoarseVectors(b"".join(row[2] for row in others), frame) if others and frame else None


def _serves(header: Header, series: str, complete: int) -> bool:
    return header.series == series and header.generation >= complete


def _numbers(rows: list[tuple[int, ...]]) -> Places:
    return np.array([row[0] for row in rows], dtype=np.int64)


# --- making it --------------------------------------------------------------------------------------------------------


def build_where_due(place: Place) -> bool:
    """Make the file, or make it anew, where the store is large and it is missing or much has changed; whether it was made.

    For processes that work in the background or on demand: a second for each 100,000 vectors. Of a store that is large no
    more the file is deleted. Raises IndexUnavailable.
    """
    connection = schema.open_for_reading(place)
    try:
        due = _is_due(place, connection)
        too_small = not due and _is_too_small(connection)
    finally:
        connection.close()
    try:
        if too_small:
            _discard(place)
        with lock.write_lock(place, name="arrays", timeout=0.0):
            return due and _build(place)
    except (StoreError, OSError):
        return False  # somebody is at it, or has it open where that forbids to replace it; or the disk is full


def _is_due(place: Place, connection: db.Connection) -> bool:
    if schema.get_meta(connection, "model") is None:
        return False
    held = sum(search.vectors(connection))
    if held < LEAST:
        return False
    state = connection.execute("SELECT series, complete FROM arrays").fetchone()
    found = Sketches.open(arrays_path(place))
    if state is None or found is None or not _serves(found.header, *state):
        return True
    changed = connection.execute("SELECT count(*) FROM changed_vectors").fetchone()[0]
    return bool(changed > max(CHANGED_LEAST, CHANGED_SHARE * held))


def _is_too_small(connection: db.Connection) -> bool:
    made = connection.execute("SELECT 1 FROM arrays").fetchone() is not None
    return made and (schema.get_meta(connection, "model") is None or sum(search.vectors(connection)) < LEAST)


def _discard(place: Place) -> None:
    """Delete the file, and note no more changes."""
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
        try:
            with db.transaction(connection):
                connection.execute("DELETE FROM arrays")
                connection.execute("DELETE FROM changed_vectors")
        finally:
            connection.close()
        if os.path.exists(arrays_path(place)):
            os.unlink(arrays_path(place))


def _build(place: Place) -> bool:
    with lock.write_lock(place):
        connection, _ = schema.open_for_writing(place)
    try:
        if not _is_due(place, connection):
            return False  # another process was faster
        with lock.write_lock(place), db.transaction(connection):
            connection.execute(
                "INSERT INTO arrays VALUES (1, ?, 1, 1) ON CONFLICT DO UPDATE SET generation = generation + 1",
                (os.urandom(8).hex(),),
            )
        connection.execute("BEGIN")  # all that follows is read of one state
        series, generation = connection.execute("SELECT series, generation FROM arrays").fetchone()
        _write(arrays_path(place), connection, series, generation)
        connection.execute("COMMIT")
        with lock.write_lock(place), db.transaction(connection):
            connection.execute("UPDATE arrays SET complete = ?", (generation,))
            connection.execute("DELETE FROM changed_vectors WHERE generation < ?", (generation,))
        return True
    finally:
        connection.close()


def _write(path: str, connection: db.Connection, series: str, generation: int) -> None:
    dimensions = int(schema.get_meta(connection, "dimensions") or 0)
    frame = frames.of(connection)
    coarse = connection.execute("SELECT passage, vector FROM coarse ORDER BY passage").fetchall() if frame else []
    frame = frame if coarse else None
    numbers = [row[0] for row in connection.execute("SELECT rowid FROM vectors_rowids ORDER BY rowid")]
    header = Header(
        series,
        generation,
        dimensions,
        len(numbers),
        len(coarse),
        len(frame.directions) if frame else 0,
        len(coarse[0][1]) if coarse else 0,
    )
    passages = np.array([*numbers, *(row[0] for row in coarse)], dtype=np.int64)
    packed = b"".join(row[1] for row in coarse)
    mean = frame.centre if frame else np.zeros(dimensions, dtype=np.float32)
    if numbers:
        mean = _mean(connection, dimensions, len(numbers))
    sketches.write(path, header, mean, frame, passages, vectors.stored(connection, dimensions), packed)


def _mean(connection: db.Connection, dimensions: int, count: int) -> NDArray[np.float32]:
    """About the mean of the vectors at length 1, from some drawn evenly from all."""
    some = [rows[:: 1 + count // _MEAN_OF] for _, rows in vectors.stored(connection, dimensions)]
    mean: NDArray[np.float32] = normalised(np.concatenate(some)).mean(axis=0)
    return mean


# --- keeping it honest ------------------------------------------------------------------------------------------------


def blank_changed(place: Place, connection: db.Connection) -> None:
    """Overwrite in the file what has changed since it was made, so that no vector of a purged text is left in it."""
    rows = connection.execute("SELECT passage FROM changed_vectors").fetchall()
    if rows and os.path.exists(arrays_path(place)):
        sketches.blank(arrays_path(place), _numbers(rows))


def problems(place: Place, connection: db.Connection) -> list[str]:
    """What is wrong with the file, in a sentence each: whether it says, with the changes noted, what the tables say."""
    state = connection.execute("SELECT series, complete FROM arrays").fetchone()
    found = Sketches.open(arrays_path(place))
    if state is None or found is None or not _serves(found.header, *state):
        return []  # it is not used, so nothing can be wrong
    changed = _numbers(
        connection.execute(
            "SELECT passage FROM changed_vectors WHERE generation >= ?", (found.header.generation,)
        ).fetchall()
    )
    wrong = 0
    held = 0
    for numbers, rows in vectors.stored(connection, found.header.dimensions):
        same = ~np.isin(numbers, changed)
        places = np.searchsorted(found.passages[: found.header.fine], numbers[same])
        held += len(places)
        if len(places) and places.max() >= found.header.fine:
            return ["the file of vectors lacks some: mem index"]
        wrong += int((found.passages[places] != numbers[same]).sum())
        wrong += int((found.rows[places] != rows[same]).any(axis=1).sum())
    left = int((~np.isin(found.passages[: found.header.fine], changed)).sum())
    return (
        [f"the file of vectors differs from the tables in {wrong + abs(left - held)}"] if wrong or left != held else []
    )
