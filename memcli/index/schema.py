"""The tables of the index, their version, and opening them: created when missing, rebuilt when of another version.

    entries     one row per memory file          documents   what a result stands for: an entry, or one turn of an episode
    passages    what is searched: parts of documents, with the text as shown (secrets masked)
    passages_fts  words of passages (contentless FTS5)
    vocabulary  words as written, with how many entries hold each
    vectors     sqlite-vec, one row per passage that is embedded in 8 bits; coarse, the same at about one bit a dimension
    arrays      which file derived from the vectors is good, and changed_vectors, what it lacks (`index.arrays`)
    frame       what coarse vectors are relative to (`encode.coarse`), in one row
    relations   links between entries            folders     mtimes at the last walk       meta   versions, model, times
    entities    names, by key and kind           mentions    which documents, in which passage, mention them
    events      days that documents mention, by passage, as day numbers (`encode.days`)
    standing    how memories stand (tier, utility), of those that do not stand as new ones do; written by `lifecycle`

Lean: imported by every recall.
"""

from __future__ import annotations

import os

from memcli.errors import IndexUnavailable
from memcli.index import db
from memcli.places import Place

VERSION = 5
DAMAGED = "it was damaged"
RECORD = "record"
"""The key in `meta` of the record that `entries.trust` is a copy of: its size when it was, and its path."""

_TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE folders (path TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE entries (
  id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL,
  inode INTEGER NOT NULL, stem TEXT NOT NULL, hash TEXT, name TEXT NOT NULL UNIQUE, claimed TEXT, type TEXT, title TEXT,
  created TEXT, tags TEXT NOT NULL DEFAULT '', source TEXT, session TEXT, part INTEGER, pinned INTEGER NOT NULL DEFAULT 0,
  supersedes TEXT NOT NULL DEFAULT '', valid_from TEXT, valid_to TEXT, secrets TEXT NOT NULL DEFAULT '',
  hidden TEXT NOT NULL DEFAULT '', front_problem TEXT, problem TEXT, trust TEXT NOT NULL DEFAULT 'held');
CREATE INDEX entries_claimed ON entries (claimed);
CREATE INDEX entries_title ON entries (title COLLATE NOCASE);
CREATE INDEX entries_stem ON entries (stem COLLATE NOCASE);
CREATE INDEX entries_session ON entries (session) WHERE session IS NOT NULL;
CREATE INDEX entries_superseding ON entries (id) WHERE supersedes != '';
CREATE INDEX entries_trust ON entries (trust) WHERE trust IN ('held', 'quarantined');
CREATE INDEX entries_type ON entries (type, pinned, created) WHERE problem IS NULL;
CREATE INDEX entries_pinned ON entries (type) WHERE pinned;
CREATE INDEX entries_edited ON entries (mtime_ns = 0 DESC, mtime_ns DESC);
CREATE INDEX entries_problem ON entries (path) WHERE problem IS NOT NULL;
CREATE INDEX entries_valid ON entries (valid_from, valid_to) WHERE valid_from IS NOT NULL OR valid_to IS NOT NULL;
CREATE TABLE documents (
  id INTEGER PRIMARY KEY, entry INTEGER NOT NULL, ordinal INTEGER NOT NULL, anchor TEXT, ref TEXT, speaker TEXT,
  at TEXT, day INTEGER, line INTEGER NOT NULL, length INTEGER NOT NULL, muted INTEGER NOT NULL DEFAULT 0);
CREATE INDEX documents_entry ON documents (entry, ordinal);
CREATE INDEX documents_day ON documents (day) WHERE day IS NOT NULL;
CREATE TABLE passages (
  id INTEGER PRIMARY KEY, document INTEGER NOT NULL, ordinal INTEGER NOT NULL, heading TEXT NOT NULL,
  line INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL, context TEXT NOT NULL, hash BLOB NOT NULL,
  state INTEGER NOT NULL, precision INTEGER NOT NULL DEFAULT 0);
CREATE INDEX passages_document ON passages (document, ordinal);
CREATE INDEX passages_waiting ON passages (id) WHERE state = 0;
CREATE TABLE coarse (passage INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE TABLE arrays (
  only INTEGER PRIMARY KEY CHECK (only = 1), series TEXT NOT NULL, generation INTEGER NOT NULL, complete INTEGER NOT NULL);
CREATE TABLE changed_vectors (
  passage INTEGER PRIMARY KEY, generation INTEGER NOT NULL, precision INTEGER, vector BLOB);
CREATE TABLE frame (only INTEGER PRIMARY KEY CHECK (only = 1), value BLOB NOT NULL);
CREATE TABLE relations (entry INTEGER NOT NULL, kind TEXT NOT NULL, target TEXT NOT NULL);
CREATE INDEX relations_entry ON relations (entry);
CREATE INDEX relations_target ON relations (target COLLATE NOCASE);
CREATE TABLE entities (id INTEGER PRIMARY KEY, key TEXT NOT NULL, kind INTEGER NOT NULL);
CREATE UNIQUE INDEX entities_key ON entities (key, kind);
CREATE TABLE mentions (
  entity INTEGER NOT NULL, document INTEGER NOT NULL, ordinal INTEGER NOT NULL, PRIMARY KEY (entity, document, ordinal)
) WITHOUT ROWID;
CREATE INDEX mentions_document ON mentions (document);
CREATE TABLE events (
  first INTEGER NOT NULL, last INTEGER NOT NULL, document INTEGER NOT NULL, ordinal INTEGER NOT NULL,
  PRIMARY KEY (first, last, document, ordinal)
) WITHOUT ROWID;
CREATE INDEX events_document ON events (document);
CREATE TABLE standing (
  name TEXT PRIMARY KEY, hash TEXT NOT NULL, tier TEXT NOT NULL, utility REAL NOT NULL, barred INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE vocabulary (word TEXT PRIMARY KEY, memories INTEGER NOT NULL) WITHOUT ROWID;
CREATE VIRTUAL TABLE passages_fts USING fts5 (
  title, heading, body, code, facets, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');
"""

# passages.state: how the semantic channel sees a passage. FADED: its memory is archived and shall have no vector.
WAITING, EMBEDDED, KEYWORD_ONLY, FADED = 0, 1, 2, 3

FULL, INT8, BIT, BIT_ALONE, NONE = 0, 1, 2, 3, 4
"""passages.precision, of one that is embedded: what is kept of its vector and its token codes, finest first.

FULL       float16 in the cache, 8 bits a dimension in the index; all token codes
INT8       8 bits a dimension in both; all token codes
BIT        about one bit a dimension (`encode.coarse`); half of the token codes
BIT_ALONE  the same vector; no token codes
NONE       nothing; words alone find it
"""


def index_path(place: Place) -> str:
    return os.path.join(place.cache, "index.db")


def open_for_reading(place: Place) -> db.Connection:
    """The index as it is. Raises IndexUnavailable when it is missing, another's, of another version or damaged."""
    if not db.owns_cache(place):
        raise IndexUnavailable(f"{place.folder} has no index of yours yet", hint="mem index")
    connection = db.connect(index_path(place), create=False)
    if stored_version(connection) != VERSION:
        connection.close()
        raise IndexUnavailable("the index has another version", hint="mem index rebuild")
    if not has_its_record(connection):
        connection.close()
        raise IndexUnavailable("the record of what may speak is gone", hint="mem index")
    return connection


def has_its_record(connection: db.Connection) -> bool:
    """Whether the user's record of whose texts these are is still there, no shorter than it was (`index.trusting`)."""
    size, _, path = (get_meta(connection, RECORD) or "0 /").partition(" ")
    try:
        return os.stat(path).st_size >= int(size)
    except (OSError, ValueError):
        return False


def open_for_writing(place: Place) -> tuple[db.Connection, str | None]:
    """The index, made anew where it must be; the caller holds the write lock.

    Returns the connection and, when an index was discarded, the reason in a few words.
    """
    reason = None
    had_index = os.path.exists(index_path(place))
    if not db.owns_cache(place):
        reason = "it was not made by this user" if had_index else None
        db.claim_cache(place)
    try:
        connection = db.connect(index_path(place), create=True)
        version = stored_version(connection)
        if version == VERSION:
            _ready_vectors(connection)
            return connection, reason
        connection.close()
        if version is not None:
            reason = f"it has version {version}, this mem writes {VERSION}"
        elif had_index and reason is None:
            reason = DAMAGED
    except IndexUnavailable:
        reason = DAMAGED
    db.discard_cache(place, keep_embeddings=True)
    connection = db.connect(index_path(place), create=True)
    with db.transaction(connection):
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        set_meta(connection, "version", str(VERSION))
    _ready_vectors(connection)
    return connection, reason


def _ready_vectors(connection: db.Connection) -> None:
    """Load sqlite-vec; where that fails, forget which model the vectors are of, so that none outlives its passage."""
    try:
        db.load_vectors(connection)
    except IndexUnavailable:
        set_meta(connection, "model", None)


def stored_version(connection: db.Connection) -> int | None:
    """The version of an index; None when the file is empty, damaged or something else."""
    try:
        row = connection.execute("SELECT value FROM meta WHERE key = 'version'").fetchone()
        return int(row[0]) if row else None
    except (db.DatabaseError, ValueError, TypeError):
        return None


def get_meta(connection: db.Connection, key: str) -> str | None:
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def set_meta(connection: db.Connection, key: str, value: str | None) -> None:
    if value is None:
        connection.execute("DELETE FROM meta WHERE key = ?", (key,))
    else:
        connection.execute(
            "INSERT INTO meta VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value", (key, value)
        )


def changed_folders(place: Place, connection: db.Connection) -> bool:
    """Whether a folder of the trees was added to, removed from or renamed in since the last walk (a stat for each)."""
    rows = connection.execute("SELECT path, mtime_ns FROM folders").fetchall()
    if not rows:
        return os.path.isdir(place.tree) or os.path.isdir(place.private_tree)
    for path, mtime_ns in rows:
        absolute = place.tree if path == "tree" else place.absolute(path)
        try:
            if os.stat(absolute).st_mtime_ns != mtime_ns:
                return True
        except OSError:
            return True
    return False


INSERT_VECTOR = "INSERT INTO vectors (passage, embedding) VALUES (?, vec_int8(?))"
INSERT_COARSE = "INSERT INTO coarse (passage, vector) VALUES (?, ?)"


def insert_vector(precision: int) -> str:
    """The statement that gives a passage its vector, (passage, bytes), at a precision that has one."""
    return INSERT_VECTOR if precision <= INT8 else INSERT_COARSE


def state_at(precision: int) -> int:
    """The state of a passage that is at this precision."""
    return EMBEDDED if precision < NONE else FADED


def create_vectors(connection: db.Connection, model: str, dimensions: int) -> None:
    """No vectors yet, for one model; those of another are dropped with their table. Inside a transaction."""
    empty_vectors(connection, dimensions)
    for table in ("coarse", "frame", "arrays", "changed_vectors"):
        connection.execute(f"DELETE FROM {table}")
    connection.execute("UPDATE passages SET state = ? WHERE state = ?", (WAITING, EMBEDDED))
    set_meta(connection, "model", model)
    set_meta(connection, "dimensions", str(dimensions))


def empty_vectors(connection: db.Connection, dimensions: int) -> None:
    """A new table of vectors of 8 bits a dimension in place of the present one. Inside a transaction."""
    connection.execute("DROP TABLE IF EXISTS vectors")
    connection.execute(
        f"CREATE VIRTUAL TABLE vectors USING vec0 (passage INTEGER PRIMARY KEY, embedding int8[{int(dimensions)}] "
        "distance_metric=cosine)"
    )
