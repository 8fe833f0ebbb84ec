"""Keeps the index in step with the files: a merge-join of the sorted folder walk with the indexed rows.

Stat first, then hash, then parse; only what says something new is written. Text rows are committed before anything is
embedded, so that words are searchable at once and a kill leaves at worst passages that wait for their vector.
Idempotent: killed at any point, the next run completes the work.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from memcli import lock, tree, walk
from memcli.errors import InvalidMemory, NotFound
from memcli.index import db, graph, schema, timeline, vocabulary, words
from memcli.index.rows import EntryRow, rows_of
from memcli.index.words import Removals
from memcli.places import Place
from memcli.text import path_id
from memcli.walk import Found

CHUNK_BYTES = 8 * 1024 * 1024  # text parsed between two commits
_RACY_NS = 50_000_000  # a file changed this shortly before it was read may change again without showing it in its stat


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
    place: Place, *, only: Iterable[str] | None = None, progress: Callable[[int, int], None] | None = None
) -> Report:
    """Bring the text rows up to date with the files; `only` limits it to these paths (files just written, say).

    `progress` is called with (files done, files to do). Vectors are `index.embeddings`' work. An index that turns out
    to be damaged is made anew from all files.
    """
    try:
        return _reconcile(place, only, progress)
    except db.DatabaseError as error:
        if not db.is_damage(error):
            raise
        with lock.write_lock(place):
            db.discard_cache(place, keep_embeddings=True)
        report = _reconcile(place, None, progress)
        report.rebuilt = schema.DAMAGED
        return report


def _reconcile(place: Place, only: Iterable[str] | None, progress: Callable[[int, int], None] | None) -> Report:
    report = Report()
    with lock.write_lock(place):
        connection, report.rebuilt = schema.open_for_writing(place)
    try:
        if only is not None and report.rebuilt is None and schema.get_meta(connection, "walked"):
            folders: dict[str, int] | None = None
            found = _stat_only(place, only)
            known = _rows_for(connection, {item.path for item in found} | set(only))
        else:
            folders = {}
            # What is known is read first: what another process adds and indexes during the walk is no file that is gone.
            known = _all_rows(connection)
            found = walk.walk(place, folders=_unless_racy(folders))
        present = {item.path for item in found}
        stale = [item for item in found if not _unchanged(item, known.get(item.path))]
        gone = [path for path in known if path not in present]
        _apply(place, connection, report, stale, gone, known, progress)
        report.problems = _problems(connection)
        if folders is not None:
            _remember_walk(place, connection, folders)
        return report
    finally:
        connection.close()


def _unless_racy(folders: dict[str, int]) -> Callable[[str, int], None]:
    """Remembers a folder's time, or 0, which never comes back, where the folder changed too shortly ago to tell."""

    def remember(path: str, mtime_ns: int) -> None:
        folders[path] = mtime_ns if time.time_ns() - mtime_ns > _RACY_NS else 0

    return remember


def _problems(connection: db.Connection) -> list[Found]:
    rows = connection.execute(
        "SELECT path, size, mtime_ns, inode, problem FROM entries WHERE problem IS NOT NULL ORDER BY path"
    )
    return [Found(*row) for row in rows]


def _unchanged(item: Found, row: tuple[int, int, int, str | None] | None) -> bool:
    return row is not None and row[:3] == (item.size, item.mtime_ns, item.inode) and row[3] == item.problem


def _all_rows(connection: db.Connection) -> dict[str, tuple[int, int, int, str | None]]:
    rows = connection.execute("SELECT path, size, mtime_ns, inode, problem FROM entries")
    return {path: (size, mtime, inode, problem) for path, size, mtime, inode, problem in rows}


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
    return [item for path in paths if (item := walk.inspect(place.absolute(path), path))]


def _apply(
    place: Place,
    connection: db.Connection,
    report: Report,
    stale: list[Found],
    gone: list[str],
    known: dict[str, tuple[int, int, int, str | None]],
    progress: Callable[[int, int], None] | None,
) -> None:
    done = 0
    for chunk in _by_size(stale):
        read = [_read(place, item) for item in chunk]
        with lock.write_lock(place), db.transaction(connection):
            # Removals go first, so that a file that moved gives its id back before it asks for it again.
            removals = Removals(connection)
            released = [delete_entry(connection, path, removals) for path in gone]
            report.removed.extend(gone)
            gone = []
            for item, row in read:
                existed = item.path in known
                if _says_the_same(connection, item, row):
                    continue
                released.append(delete_entry(connection, item.path, removals))
                _insert(connection, item, row)
                (report.changed if existed else report.added).append(item.path)
            removals.settle()
            _hand_over_ids(connection, released)
        done += len(chunk)
        if progress:
            progress(done, len(stale))


def _by_size(items: list[Found]) -> Iterator[list[Found]]:
    """Chunks of at most CHUNK_BYTES, in order; one empty chunk when there is nothing to read but perhaps to remove."""
    chunk: list[Found] = []
    size = 0
    for item in items:
        chunk.append(item)
        size += item.size
        if size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk or not items:
        yield chunk


def _read(place: Place, item: Found) -> tuple[Found, EntryRow | None]:
    """A file's rows, or the item with its problem."""
    if item.problem:
        return item, None
    try:
        data = tree.read(place, item.path)
        if data.startswith(b"<<<<<<< ") or (b"\n<<<<<<< " in data and b"\n>>>>>>> " in data):
            return item._replace(problem="it holds merge conflict markers"), None
        row = rows_of(item.path, data)
    except NotFound:
        return item._replace(problem="it vanished while it was read"), None
    except InvalidMemory as error:
        return item._replace(problem=error.message.split(": ", 1)[-1]), None
    if time.time_ns() - item.mtime_ns <= _RACY_NS:
        item = item._replace(mtime_ns=0)
    return item, row


def _says_the_same(connection: db.Connection, item: Found, row: EntryRow | None) -> bool:
    """When only the stat differs, remember the new one; True if that was all."""
    same, value = ("hash = ? AND problem IS NULL", row.hash) if row else ("problem = ?", item.problem)
    updated = connection.execute(
        f"UPDATE entries SET size = ?, mtime_ns = ?, inode = ? WHERE path = ? AND {same}",
        (item.size, item.mtime_ns, item.inode, item.path, value),
    )
    return bool(updated.rowcount == 1)


def _insert(connection: db.Connection, item: Found, row: EntryRow | None) -> None:
    if row is None:
        connection.execute(
            "INSERT INTO entries (path, stem, size, mtime_ns, inode, name, problem) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (item.path, _stem(item.path), item.size, item.mtime_ns, item.inode, path_id(item.path), item.problem),
        )
        return
    memory = row.memory
    entry = connection.execute(
        "INSERT INTO entries (path, stem, size, mtime_ns, inode, hash, name, claimed, type, title, created, tags, source,"
        " session, part, pinned, supersedes, valid_from, valid_to, secrets, hidden, front_problem)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            item.path, _stem(item.path), item.size, item.mtime_ns, item.inode, row.hash,
            _free_name(connection, memory.id, item.path), memory.id, memory.type, memory.title, memory.created,
            _words(memory.tags), memory.source, memory.session,
            memory.part, memory.pinned, _words(memory.supersedes), memory.valid_from, memory.valid_to,
            _words(row.secrets), _words(row.hidden), memory.problem,
        ),
    ).lastrowid  # fmt: skip
    for ordinal, document in enumerate(row.documents):
        number = connection.execute(
            "INSERT INTO documents (entry, ordinal, anchor, ref, speaker, at, day, line, length)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                entry,
                ordinal,
                document.anchor,
                document.ref,
                document.speaker,
                document.at,
                document.day,
                document.line,
                document.length,
            ),
        ).lastrowid
        graph.insert(connection, number, [passage.mentions for passage in document.passages])
        timeline.insert(connection, number, [passage.events for passage in document.passages])
        for position, passage in enumerate(document.passages):
            state = schema.KEYWORD_ONLY if passage.keyword_only else schema.WAITING
            rowid = connection.execute(
                "INSERT INTO passages (document, ordinal, heading, line, kind, text, context, hash, state)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    position,
                    passage.heading,
                    passage.line,
                    passage.kind,
                    passage.text,
                    passage.context,
                    passage.hash,
                    state,
                ),
            ).lastrowid
            words.insert(connection, "passages_fts", rowid, passage.words)
    connection.executemany(
        "INSERT INTO relations (entry, kind, target) VALUES (?, ?, ?)",
        [(entry, *relation) for relation in memory.relations],
    )
    vocabulary.add(connection, entry)


def _stem(path: str) -> str:
    """The name of a file without its folder and ending: what people link to in a vault."""
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def delete_entry(connection: db.Connection, path: str, removals: Removals) -> str | None:
    """Remove all rows of a file; returns the id that it held for a claim in its front matter, if it did."""
    row = connection.execute("SELECT id, name, claimed FROM entries WHERE path = ?", (path,)).fetchone()
    if row is None:
        return None
    entry, name, claimed = row
    documents = [number for (number,) in connection.execute("SELECT id FROM documents WHERE entry = ?", (entry,))]
    passages = [
        number
        for (number,) in connection.execute(
            "SELECT passages.id FROM passages JOIN documents ON documents.id = document WHERE entry = ?", (entry,)
        )
    ]
    vocabulary.remove(connection, entry)
    removals.remove("passages_fts", passages)
    graph.delete(connection, documents)
    timeline.delete(connection, documents)
    if schema.get_meta(connection, "model") is not None:
        for table in ("vectors", "coarse"):
            connection.executemany(f"DELETE FROM {table} WHERE passage = ?", [(passage,) for passage in passages])
    connection.execute("DELETE FROM passages WHERE document IN (SELECT id FROM documents WHERE entry = ?)", (entry,))
    connection.execute("DELETE FROM documents WHERE entry = ?", (entry,))
    connection.execute("DELETE FROM relations WHERE entry = ?", (entry,))
    connection.execute("DELETE FROM entries WHERE id = ?", (entry,))
    return name if name == claimed else None


def _free_name(connection: db.Connection, claimed: str | None, path: str) -> str:
    """The id a file answers to: the one in its front matter unless another file holds it, else one from its path."""
    if claimed and not connection.execute("SELECT 1 FROM entries WHERE name = ?", (claimed,)).fetchone():
        return claimed
    return path_id(path)


def _hand_over_ids(connection: db.Connection, released: list[str | None]) -> None:
    """An id whose holder is gone, or claims it no more, passes to the next file that claims it."""
    for name in released:
        if name is None or connection.execute("SELECT 1 FROM entries WHERE name = ?", (name,)).fetchone():
            continue
        connection.execute(
            "UPDATE entries SET name = claimed WHERE id = (SELECT id FROM entries WHERE claimed = ? ORDER BY path LIMIT 1)",
            (name,),
        )


def _remember_walk(place: Place, connection: db.Connection, folders: dict[str, int]) -> None:
    with lock.write_lock(place), db.transaction(connection):
        connection.execute("DELETE FROM folders")
        connection.executemany("INSERT INTO folders VALUES (?, ?)", sorted(folders.items()))
        schema.set_meta(connection, "walked", str(time.time()))


def _words(values: Iterable[str]) -> str:
    """A list as one column: items between newlines, so that `instr(tags, char(10) || tag || char(10))` finds one."""
    joined = "\n".join(" ".join(value.split()) for value in values)
    return f"\n{joined}\n" if joined else ""
