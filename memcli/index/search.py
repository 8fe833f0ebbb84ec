"""Questions that recall asks of one store's index: words, vectors, neighbours, and what to show of a result.

Reads only. Lean: numpy is not imported here; vectors come and go as bytes.
"""

from __future__ import annotations

from collections import namedtuple

from memcli.index import db, schema
from memcli.text import embedding_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

Filter = namedtuple(
    "Filter", "types tags path since until speaker source as_of", defaults=((), (), None, None, None, None, None, None)
)
Filter.__doc__ = """What a result must be: one of `types`, all of `tags`, under `path`, dated from `since` to `until`
(ISO prefixes, inclusive), said by `speaker`, from a `source` that starts so, in force on the day `as_of`. Empty means
anything."""

Document = namedtuple(
    "Document",
    "id entry ordinal anchor ref speaker at day line length path name type title created tags source session part pinned size"
    " mtime_ns inode supersedes valid_from valid_to trust tier utility barred",
)
Document.__doc__ = """A candidate result with what is shown of it: a document row joined with its entry's. `tier`, `utility` and
`barred` are None where a memory stands as a new one does; `trust` says whose text it is (`trust.verdict`)."""

PassageHit = namedtuple("PassageHit", "passage document score kind")
PassageHit.__doc__ = (
    "`score` is BM25 as a positive number, or a cosine; greater is better. `kind` is 'prose' or 'code'."
)

# bm25() weights of title, heading, body, code, facets.
COLUMN_WEIGHTS = "2.0, 2.0, 1.0, 1.0, 1.5"


def keyword(connection: db.Connection, match: str, limit: int, where: Filter | None = None) -> list[PassageHit]:
    """The best passages for an FTS5 MATCH expression (made by `encode.terms`)."""
    if not match:
        return []  # FTS5 refuses to be asked for nothing
    condition, values = filter_sql(where, "passages_fts.rowid", "passages.id")
    # Ordered by the name, not by the expression once more: SQLite would work it out twice for each row.
    rows = connection.execute(
        f"WITH hits AS MATERIALIZED (SELECT rowid AS number, -bm25(passages_fts, {COLUMN_WEIGHTS}) AS score"
        f" FROM passages_fts WHERE passages_fts MATCH ?{condition} ORDER BY score DESC LIMIT ?)"
        " SELECT id, document, score, kind FROM hits JOIN passages ON passages.id = number ORDER BY score DESC",
        (match, *values, limit),
    )
    return [*map(PassageHit._make, rows)]


def known(connection: db.Connection, expressions: list[str]) -> set[str]:
    """Those of these MATCH expressions that match any passage."""
    sql = "SELECT value FROM json_each(?) WHERE EXISTS (SELECT 1 FROM passages_fts WHERE passages_fts MATCH value)"
    return {row[0] for row in connection.execute(sql, (db.array(expressions),))}


def occurrences(
    connection: db.Connection, expressions: list[str], passages: Iterable[int]
) -> list[tuple[int, list[int]]]:
    """For each of these MATCH expressions, how many passages match it, and which of `passages` (a few) do."""
    chosen = list(passages)
    marks = ",".join("?" * len(chosen))
    matching = f"count(*) || ifnull(',' || group_concat(rowid) FILTER (WHERE rowid IN ({marks})), '')"
    sql = f"SELECT (SELECT {matching} FROM passages_fts WHERE passages_fts MATCH value) FROM json_each(?)"
    rows = connection.execute(sql, (*chosen, db.array(expressions)))
    numbers = [[int(number) for number in row[0].split(",")] for row in rows]
    return [(count, found) for count, *found in numbers]


def documents(connection: db.Connection, ids: Iterable[int]) -> dict[int, Document]:
    """What is known of these documents, by id."""
    found: dict[int, Document] = {}
    for some in db.chunks(list(ids)):
        marks = ",".join("?" * len(some))
        for row in connection.execute(
            "SELECT documents.id, entry, ordinal, anchor, ref, speaker, at, day, line, length, path, name, type, title,"
            " created, tags, source, session, part, pinned, size, mtime_ns, inode, supersedes, valid_from, valid_to,"
            " iif(muted, 'quarantined', trust), tier, utility, barred FROM documents JOIN entries ON entries.id = entry"
            " LEFT JOIN standing USING (name, hash)"  # judged by another text is not judged
            f" WHERE documents.id IN ({marks})",
            some,
        ):
            found[row[0]] = Document._make(row)
    return found


def passages(connection: db.Connection, ids: Iterable[int]) -> dict[int, tuple[str, str, int]]:
    """(text, heading, line) of these passages, by id."""
    found = {}
    for some in db.chunks(list(ids)):
        marks = ",".join("?" * len(some))
        for number, text, heading, line in connection.execute(
            f"SELECT id, text, heading, line FROM passages WHERE id IN ({marks})", some
        ):
            found[number] = (text, heading, line)
    return found


def embedding_texts(connection: db.Connection, ids: Iterable[int]) -> dict[int, tuple[bytes, str]]:
    """(content hash, what the model reads) of these passages, by id; without those that it cannot read."""
    found = {}
    for some in db.chunks(list(ids)):
        marks = ",".join("?" * len(some))
        sql = f"SELECT id, hash, context, text FROM passages WHERE id IN ({marks}) AND state != ?"
        for number, key, context, text in connection.execute(sql, (*some, schema.KEYWORD_ONLY)):
            found[number] = key, embedding_text(context, text)
    return found


def beginning(connection: db.Connection, document: int, passages: int) -> list[str]:
    """The texts of the first few passages of a document."""
    sql = "SELECT text FROM passages WHERE document = ? ORDER BY ordinal LIMIT ?"
    return [row[0] for row in connection.execute(sql, (document, passages))]


def vectors(connection: db.Connection) -> tuple[int, int]:
    """How many vectors there are: of 8 bits a dimension, and coarse."""
    sql = "SELECT (SELECT count(*) FROM vectors_rowids), (SELECT count(*) FROM coarse)"
    found: tuple[int, int] = connection.execute(sql).fetchone()
    return found


def passage_hashes(
    connection: db.Connection, passages: Iterable[int], documents: Iterable[int]
) -> list[tuple[int, bytes]]:
    """(document, content hash) of these passages, and of the first one of each of these documents."""
    found: list[tuple[int, bytes]] = []
    for some in db.chunks(list(passages)):
        marks = ",".join("?" * len(some))
        found += connection.execute(f"SELECT document, hash FROM passages WHERE id IN ({marks})", some).fetchall()
    for some in db.chunks(list(documents)):
        marks = ",".join("?" * len(some))
        sql = f"SELECT document, hash FROM passages WHERE document IN ({marks}) AND ordinal = 0"
        found += connection.execute(sql, some).fetchall()
    return found


def passages_at(connection: db.Connection, places: Iterable[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, str]]:
    """(passage, kind) at these places, each a document and the ordinal of one of its passages."""
    found = {}
    values = [number for place in places for number in place]
    for some in db.chunks(values):
        marks = ",".join(["(?, ?)"] * (len(some) // 2))
        for document, ordinal, number, kind in connection.execute(
            f"SELECT document, ordinal, id, kind FROM passages WHERE (document, ordinal) IN (VALUES {marks})", some
        ):
            found[document, ordinal] = number, kind
    return found


def first_passages(connection: db.Connection, ids: Iterable[int]) -> dict[int, int]:
    """The first passage of each document."""
    found = {}
    for some in db.chunks(list(ids)):
        marks = ",".join("?" * len(some))
        for document, number in connection.execute(
            f"SELECT document, id FROM passages WHERE ordinal = 0 AND document IN ({marks})", some
        ):
            found[document] = number
    return found


def named(connection: db.Connection, text: str) -> list[int]:
    """Documents whose memory has exactly this id, path, file name or title (case aside)."""
    stem = text.removeprefix(".mem/").removesuffix(".md")
    # Not with OR, for which SQLite would scan the entries.
    rows = connection.execute(
        "WITH meant (entry) AS (SELECT id FROM entries WHERE name = ?1 UNION SELECT id FROM entries"
        " WHERE path IN (?1, ?2 || '.md', 'tree/' || ?2 || '.md', 'local/tree/' || ?2 || '.md')"
        " UNION SELECT id FROM entries WHERE title = ?1 COLLATE NOCASE)"
        " SELECT documents.id FROM meant JOIN documents USING (entry) WHERE ordinal = 0 ORDER BY entry",
        (text, stem),
    )
    return [row[0] for row in rows]


def superseding(connection: db.Connection, names: list[str], where: Filter | None = None) -> dict[str, str]:
    """For each of these memories that another one replaces, the newest that does; only what is in force `as_of` counts."""
    wanted = set(names)
    found: dict[str, str] = {}
    as_of = where.as_of if where is not None else None
    sql = (
        "SELECT name, supersedes, coalesce(valid_from, created, '') AS begins FROM entries"
        " WHERE supersedes != '' ORDER BY begins"
    )
    for name, supersedes, begins in connection.execute(sql):
        if as_of is None or begins[: len(as_of)] <= as_of:
            found.update((old, name) for old in supersedes.split("\n") if old in wanted and old != name)
    return found


def short_id(connection: db.Connection, name: str) -> str:
    """The shortest prefix of an id, of at least 4 letters, that no other memory shares."""
    for length in range(4, len(name)):
        prefix = name[:length]
        shared = connection.execute(
            "SELECT count(*) FROM (SELECT 1 FROM entries WHERE name >= ? AND name < ? LIMIT 2)",
            (prefix, prefix + "\uffff"),
        ).fetchone()[0]
        if shared < 2:
            return prefix
    return name


def entries(connection: db.Connection, path: str | None, type_: str | None, tag: str | None) -> list[dict[str, object]]:
    """Memories for a listing, by path: those below `path`, of a type, with a tag; None means any."""
    where = Filter(types=(type_,) if type_ else (), tags=(tag,) if tag else (), path=path)
    condition, values = filter_sql(where, "entries.id", "entries.id")
    columns = "name AS id, path, type, title, created, tags, source, session, trust"
    cursor = connection.execute(f"SELECT {columns} FROM entries WHERE problem IS NULL{condition} ORDER BY path", values)
    names = [column[0] for column in cursor.description]
    found = [dict(zip(names, row, strict=True)) for row in cursor]
    for row in found:
        row["tags"] = str(row["tags"]).split("\n")[1:-1]
    return found


def size(connection: db.Connection) -> int:
    """About how many passages there are (their highest number): the N of inverse document frequencies."""
    number: int = connection.execute("SELECT coalesce(max(id), 0) FROM passages").fetchone()[0]
    return number


def latest_day(connection: db.Connection) -> int | None:
    """The day of the newest document (`encode.days`): what "last week" goes by where nothing else says what day it is."""
    row = connection.execute("SELECT day FROM documents WHERE day IS NOT NULL ORDER BY day DESC LIMIT 1").fetchone()
    return row[0] if row else None


def memories(connection: db.Connection) -> int:
    # Counting all rows of a table reads its smallest index alone.
    sql = "SELECT (SELECT count(*) FROM entries) - (SELECT count(*) FROM entries WHERE problem IS NOT NULL)"
    number: int = connection.execute(sql).fetchone()[0]
    return number


def count(connection: db.Connection) -> tuple[int, int, int]:
    """(memories, passages, passages that have a vector or, being archived, shall have none)."""
    memories = connection.execute("SELECT count(*) FROM entries WHERE problem IS NULL").fetchone()[0]
    states = dict(connection.execute("SELECT state, count(*) FROM passages GROUP BY state").fetchall())
    return memories, sum(states.values()), sum(states.get(state, 0) for state in (schema.EMBEDDED, schema.FADED))


def waiting(connection: db.Connection, at_most: int) -> int:
    """How many passages wait for a vector, counted up to `at_most`."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM passages WHERE state = 0 LIMIT ?)"
    number: int = connection.execute(sql, (at_most,)).fetchone()[0]
    return number


def vector_model(connection: db.Connection) -> str | None:
    """The model whose vectors the index holds, or None; sqlite-vec is loaded when there are some.

    Raises IndexUnavailable where there are vectors and sqlite-vec cannot be loaded.
    """
    model = schema.get_meta(connection, "model")
    if model is not None:
        db.load_vectors(connection)
    return model


def filter_sql(where: Filter | None, column: str, chosen: str) -> tuple[str, list[object]]:
    """A filter as SQL, `AND column IN (SELECT chosen …)`, and its values; nothing for a filter that lets all through."""
    if where is None or where == Filter():
        return "", []
    parts: list[str] = []
    values: list[object] = []

    def need(sql: str, *args: object) -> None:
        parts.append(sql)
        values.extend(args)

    if where.types:
        need(f"type IN ({','.join('?' * len(where.types))})", *where.types)
    for tag in where.tags:
        need("instr(lower(tags), char(10) || ? || char(10))", tag.lower().lstrip("#"))
    if where.path:
        prefix = where.path.strip("/")
        options = [prefix, f"tree/{prefix}", f"local/tree/{prefix}"]
        need("(" + " OR ".join("path = ? OR substr(path, 1, ?) = ?" for _ in options) + ")",
             *(value for option in options for value in (option, len(option) + 1, option + "/")))  # fmt: skip
    if where.since:
        need("coalesce(at, created) >= ?", where.since)
    if where.until:
        need("substr(coalesce(at, created), 1, ?) <= ?", len(where.until), where.until)
    if where.speaker:
        need("speaker = ? COLLATE NOCASE", where.speaker)
    if where.as_of:
        length = len(where.as_of)
        need("(coalesce(at, created) IS NULL OR substr(coalesce(at, created), 1, ?) <= ?)", length, where.as_of)
        need("(valid_from IS NULL OR substr(valid_from, 1, ?) <= ?)", length, where.as_of)
        need("(valid_to IS NULL OR substr(valid_to, 1, ?) >= ?)", length, where.as_of)
    if where.source:
        need("substr(source, 1, ?) = ?", len(where.source), where.source)
    sql = (
        f" AND {column} IN (SELECT {chosen} FROM passages JOIN documents ON documents.id = document"
        f" JOIN entries ON entries.id = entry WHERE {' AND '.join(parts)})"
    )
    return sql, values
