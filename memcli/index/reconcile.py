"""Keeps the index in step with the files: a merge-join of the sorted folder walk with the indexed rows.

Stat first, then hash, then parse; only what says something new is written. Text rows are committed before anything is
embedded, so that words are searchable at once and a kill leaves at worst passages that wait for their vector.
Idempotent: killed at any point, the next run completes the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

from memcli import lock, walk
from memcli.index import db, schema, trusting
from memcli.index.entries import Entries
from memcli.index.parsing import RACY_NS, Parsing, Read
from memcli.index.touched import Look
from memcli.places import Place
from memcli.trust.judge import Judge, Verdict
from memcli.trust.verdict import HELD
from memcli.walk import Found

CHUNK_BYTES = 2 * 1024 * 1024  # text written between two commits
CHUNK_FILES = 2000
FEW_BYTES = 500_000  # what `take_in_few` reads at most; below what is shared among processes
UNREAD = Verdict(HELD)
WALK_NOTED_EVERY_S = 10.0  # the time of a walk is what decides when recall walks again, minutes later


@dataclass(slots=True)
class Report:
    """What a reconcile did: paths by outcome, files named but not read, and why an index was rebuilt, if it was."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    problems: list[Found] = field(default_factory=list)
    rebuilt: str | None = None

    @property
    def touched(self) -> int:
        return len(self.added) + len(self.changed) + len(self.removed)


def reconcile(
    place: Place,
    *,
    only: Iterable[str] | None = None,
    touched: Collection[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Bring the text rows up to date with the files; `only` limits it to these paths (files just written, say), `touched`
    to these folders and those that show themselves that they changed (`index.touched`).

    `progress` is called with (files done, files to do). Vectors are `index.embeddings`' work. An index that turns out
    to be damaged is made anew from all files.
    """
    try:
        return _reconcile(place, only, touched, progress)
    except db.DatabaseError as error:
        if not db.is_damage(error):
            raise
        with lock.write_lock(place):
            db.discard_cache(place, keep_embeddings=True)
        report = _reconcile(place, None, None, progress)
        report.rebuilt = schema.DAMAGED
        return report


def take_in_few(place: Place, folders: Collection[str], *, most: int, wait_s: float) -> bool:
    """Index what changed in these folders and in those that show that they changed; False where that is more than `most` files
    or FEW_BYTES, and nothing was done.

    For those who must not be kept waiting: the index is never made anew, not even a damaged one, and a lock is waited for
    `wait_s` seconds. Raises IndexUnavailable, StoreError, DatabaseError.
    """
    connection = schema.open_for_reading(place)
    try:
        connection.execute(f"PRAGMA busy_timeout={int(1000 * wait_s)}")
        times: dict[str, int] = {}
        look = Look(place, connection, folders, _unless_racy(times))
        stale = [item for item in look.found if look.known.get(item[0]) != item[1:]]
        gone = sorted(look.known.keys() - {item[0] for item in look.found})
        if len(stale) + len(gone) > most or sum(item.size for item in stale) > FEW_BYTES:
            return False
        if stale or gone:
            db.load_vectors(connection)
            _apply(place, connection, trusting.judge(place), Report(), stale, gone, look.known, None, wait_s)
        _remember_walk(place, connection, times, whole=False, wait_s=wait_s)
        return True
    finally:
        connection.close()


def _reconcile(
    place: Place,
    only: Iterable[str] | None,
    touched: Collection[str] | None,
    progress: Callable[[int, int], None] | None,
) -> Report:
    report = Report()
    with lock.write_lock(place):
        connection, report.rebuilt = schema.open_for_writing(place)
    try:
        judge = trusting.judge(place)
        is_known = not judge.is_first and schema.has_its_record(connection)
        walked = report.rebuilt is None and is_known and schema.get_meta(connection, "walked") is not None
        folders: dict[str, int] = {}
        if only is not None and walked:
            found = _stat_only(place, only)
            known = _rows_for(connection, {item.path for item in found} | set(only))
        elif touched is not None and walked:
            look = Look(place, connection, touched, _unless_racy(folders))
            found, known = look.found, look.known
        else:
            only = touched = None
            # What is known is read first: what another process adds and indexes during the walk is no file that is gone.
            known = _all_rows(connection)
            found = walk.walk(place, folders=_unless_racy(folders))
        stale = [item for item in found if known.get(item[0]) != item[1:]]
        gone = sorted(known.keys() - {item[0] for item in found})
        _apply(place, connection, judge, report, stale, gone, known, progress)
        if not is_known:
            trusting.settle(place, connection, judge)
        report.problems = _problems(connection)
        if only is None:
            _remember_walk(place, connection, folders, whole=touched is None)
        return report
    finally:
        connection.close()


def _unless_racy(folders: dict[str, int]) -> Callable[[str, int], None]:
    """Remembers a folder's time, or 0, which never comes back, where the folder changed too shortly ago to tell."""

    def remember(path: str, mtime_ns: int) -> None:
        folders[path] = mtime_ns if time.time_ns() - mtime_ns > RACY_NS else 0

    return remember


def _problems(connection: db.Connection) -> list[Found]:
    rows = connection.execute(
        "SELECT path, size, mtime_ns, inode, problem FROM entries WHERE problem IS NOT NULL ORDER BY path"
    )
    return [Found(*row) for row in rows]


def _all_rows(connection: db.Connection) -> dict[str, tuple[int, int, int, str | None]]:
    rows = connection.execute("SELECT path, size, mtime_ns, inode, problem FROM entries")
    return {row[0]: row[1:] for row in rows}


def _rows_for(connection: db.Connection, paths: set[str]) -> dict[str, tuple[int, int, int, str | None]]:
    found = {}
    for path in paths:
        row = connection.execute(
            "SELECT size, mtime_ns, inode, problem FROM entries WHERE path = ?", (path,)
        ).fetchone()
        if row:
            found[path] = row
    return found


def _stat_only(place: Place, paths: Iterable[str]) -> list[Found]:
    return [item for path in dict.fromkeys(paths) if (item := walk.inspect(place.absolute(path), path))]


def _apply(
    place: Place,
    connection: db.Connection,
    judge: Judge,
    report: Report,
    stale: list[Found],
    gone: list[str],
    known: dict[str, tuple[int, int, int, str | None]],
    progress: Callable[[int, int], None] | None,
    wait_s: float = lock.TIMEOUT_S,
) -> None:
    if not stale and not gone:
        return
    done = 0
    with Parsing(place, stale) as parsing:
        for chunk in _chunks(parsing):
            verdicts = _verdicts(judge, chunk)
            with lock.write_lock(place, timeout=wait_s), db.transaction(connection):
                entries = Entries(connection)
                # Removals go first, so that a file that moved gives its id back before it asks for it again.
                for path in gone:
                    entries.remove(path)
                report.removed.extend(gone)
                gone = []
                for item, row in chunk:
                    if entries.put(item, row, verdicts.get(item.path, UNREAD)):
                        (report.changed if item.path in known else report.added).append(item.path)
                entries.write()
            done += len(chunk)
            if progress:
                progress(done, len(stale))


def _verdicts(judge: Judge, chunk: list[Read]) -> dict[str, Verdict]:
    """Who wrote the texts of these files, by path."""
    rows = {item.path: row for item, row in chunk if row is not None}
    return judge.verdicts({path: row.hash for path, row in rows.items()}, lambda path: rows[path].said())


def _chunks(files: Iterable[Read]) -> Iterator[list[Read]]:
    """Lists of files with about CHUNK_BYTES of text, in order; an empty one when there are none but perhaps some to remove."""
    chunk: list[Read] = []
    size = 0
    empty = True
    for file in files:
        empty = False
        chunk.append(file)
        size += file.item.size
        if size >= CHUNK_BYTES or len(chunk) == CHUNK_FILES:
            yield chunk
            chunk, size = [], 0
    if chunk or empty:
        yield chunk


def _remember_walk(
    place: Place, connection: db.Connection, folders: dict[str, int], *, whole: bool, wait_s: float = lock.TIMEOUT_S
) -> None:
    before = dict(connection.execute("SELECT path, mtime_ns FROM folders"))
    now = time.time()
    noted = whole and 0 <= now - float(schema.get_meta(connection, "walked") or 0.0) < WALK_NOTED_EVERY_S
    if folders == before and (noted or not whole):
        return  # a commit, and the checkpoint on closing, would take longer than the walk
    with lock.write_lock(place, timeout=wait_s), db.transaction(connection):
        connection.executemany(
            "DELETE FROM folders WHERE path = ?", [(path,) for path in before.keys() - folders.keys()]
        )
        connection.executemany("INSERT OR REPLACE INTO folders VALUES (?, ?)", sorted(folders.items() - before.items()))
        if whole:
            schema.set_meta(connection, "walked", str(now))
