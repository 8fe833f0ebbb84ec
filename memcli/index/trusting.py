"""The index's copy of whose texts it holds: put in with the rows, and brought up to date when the user's record changed.

The record in the user's state decides (`memcli.trust`). An index whose record is gone is not read, so that losing the state
means held. Lean: read by every hook; what judges is imported when there is something to judge.
"""

from __future__ import annotations

import os

from memcli.index import db, schema

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from memcli.errors import MemError
    from memcli.places import Place
    from memcli.trust.judge import Judge, Verdict

COLUMNS = "name, path, hash, title, type, created, source, trust"


def judge(place: Place) -> Judge:
    """Who judges what an index takes in, whose cache is this user's by now."""
    from memcli.trust import record
    from memcli.trust.judge import Judge

    token, issued_for = db.owner(place) or ("", place.folder)
    if issued_for != place.folder:
        record.adopt(place, issued_for)
    return Judge(place, token)


def settle(place: Place, connection: db.Connection, judge: Judge) -> None:
    """Judge all that is indexed, for an index that the record does not know; the caller holds no lock."""
    _renew(place, connection, judge.verdicts)
    judge.done()
    from memcli.trust import record

    path = record.path(place)
    if os.path.exists(path):
        with db.transaction(connection):
            schema.set_meta(connection, schema.RECORD, f"{os.stat(path).st_size} {path}")


def renew(place: Place) -> None:
    """Bring the index to what the record says by now. Raises IndexUnavailable."""
    connection = schema.open_for_reading(place)
    try:
        _renew(place, connection, judge(place).renewed)
    finally:
        connection.close()


def _renew(place: Place, connection: db.Connection, verdicts: Callable[..., dict[str, Verdict]]) -> None:
    from memcli import lock

    rows = connection.execute("SELECT path, hash, trust FROM entries WHERE problem IS NULL").fetchall()
    before = {path: trust for path, _, trust in rows}
    found = verdicts({path: name for path, name, _ in rows}, lambda path: said(connection, path))
    changed = [(verdict.word, path) for path, verdict in found.items() if verdict.word != before[path]]
    muted = [(path, number) for path, verdict in found.items() for number in verdict.muted]
    was_muted = connection.execute("SELECT 1 FROM documents WHERE muted LIMIT 1").fetchone()
    if not (changed or muted or was_muted):
        return
    with lock.write_lock(place), db.transaction(connection):
        connection.executemany("UPDATE entries SET trust = ? WHERE path = ?", changed)
        connection.execute("UPDATE documents SET muted = 0 WHERE muted")
        connection.executemany(
            "UPDATE documents SET muted = 1 WHERE entry = (SELECT id FROM entries WHERE path = ?) AND ordinal = ?",
            muted,
        )


def said(connection: db.Connection, path: str) -> list[str]:
    """The texts of a file, one for each turn, the first with its title, from the index."""
    rows = connection.execute(
        "SELECT title || char(10) || tags, documents.ordinal, group_concat(heading || char(10) || text, char(10))"
        " FROM entries JOIN documents ON entry = entries.id JOIN passages ON document = documents.id"
        " WHERE path = ? GROUP BY documents.id ORDER BY documents.ordinal",
        (path,),
    ).fetchall()
    return [text if ordinal else f"{about}\n{text}" for about, ordinal, text in rows]


def of(place: Place, path: str) -> str:
    """What the index says of the memory at `path`; "held" where it does not know it. Raises IndexUnavailable."""
    connection = schema.open_for_reading(place)
    try:
        row = connection.execute("SELECT trust FROM entries WHERE path = ?", (path,)).fetchone()
    finally:
        connection.close()
    return str(row[0]) if row else "held"


# --- what does not speak ---------------------------------------------------------------------------------------------


def listed(connection: db.Connection, trust: str) -> list[dict[str, str | None]]:
    """The memories of which the index says this, by path: id, path, hash, title, type, created, source, trust."""
    rows = connection.execute(
        f"SELECT {COLUMNS} FROM entries WHERE trust = ? AND trust IN ('held', 'quarantined') AND problem IS NULL ORDER BY path",
        (trust,),
    )
    return [dict(zip(("id", *COLUMNS.split(", ")[1:]), row, strict=True)) for row in rows]


def count(connection: db.Connection, trust: str) -> int:
    """How many memories are held, or quarantined."""
    sql = "SELECT count(*) FROM entries WHERE trust = ? AND trust IN ('held', 'quarantined') AND problem IS NULL"
    number: int = connection.execute(sql, (trust,)).fetchone()[0]
    return number


def notice(places: Iterable[Place]) -> str:
    """What a user should be told, once a session: how much is held in these stores; "" for nothing.

    Never what it says, or what it is called: that was written by others.
    """
    held = 0
    for place in places:
        try:
            connection = schema.open_for_reading(place)
        except _errors():
            continue
        try:
            held += count(connection, "held")
        finally:
            connection.close()
    return f"{held:,} {'memory' if held == 1 else 'memories'} held: mem trust" if held else ""


def _errors() -> tuple[type[MemError] | type[Exception], ...]:
    from memcli.errors import MemError

    return MemError, db.DatabaseError, OSError
