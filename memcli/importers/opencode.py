"""Sessions of opencode: the SQLite database `~/.local/share/opencode/opencode.db` (`XDG_DATA_HOME` moves the first folder).

Its tables: `session` (id, parent_id, directory), `message` and `part`, whose `data` is JSON: who speaks, and a text, a call of
a tool, or bookkeeping. The database is another program's and may be in use: it is opened to be read alone, through `index.db`.
Left out: reasoning, tool output, what opencode wrote itself (`synthetic`), sessions of subagents (`parent_id`).
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from memcli.errors import ImportFailed, IndexUnavailable
from memcli.importers import Item, Skipped, sessions
from memcli.importers.listing import is_plain_file
from memcli.importers.transcripts import (
    Answered,
    Began,
    Ended,
    Event,
    Format,
    Reading,
    Said,
    Told,
    changed,
    note,
    ran,
    word,
)
from memcli.index import db
from memcli.text import plural, utc_iso

NAME = "opencode"
MEANING = "sessions of opencode"
AGENTS: tuple[str, ...] = ("opencode",)
MOST_SESSIONS = 10_000
MOST_PARTS = 200_000  # of one session
MOST_PART_BYTES = 8 * 1024 * 1024

_TABLES = {"session", "message", "part"}
_ROLES = ("user", "assistant")
_BOOKKEEPING = (
    "reasoning", "step-start", "step-finish", "snapshot", "patch", "file", "agent", "retry", "compaction", "subtask",
)  # fmt: skip
_EDITING = {"edit": "edited", "multiedit": "edited", "patch": "edited", "write": "wrote"}


def claims(path: Path) -> bool:
    if not (path.suffix == ".db" and is_plain_file(path)):
        return False
    try:
        with _opened(path):
            return True
    except ImportFailed:
        return False


def scan(here: Path, home: Path) -> list[tuple[Path, int]]:
    path = database(home)
    try:
        count = len(_sessions(path, here)) if is_plain_file(path) else 0
    except ImportFailed:
        return []
    return [(path, count)] if count else []


def transcripts_of(here: Path, home: Path) -> list[Path]:
    return [database(home)] if scan(here, home) else []


def read(path: Path, project: Path | None = None, session: str | None = None) -> Iterator[Item | Skipped]:
    """The sessions in a database: all, those of a project, or one. Raises ImportFailed."""
    wanted = [session] if session else _sessions(path, project)
    with _opened(path) as connection:
        left_out = 0 if project is None or session else _count(connection) - len(wanted)
        for one in wanted:
            reading = Reading(FORM)
            yield from reading.items(io.BytesIO(b"".join(_lines(connection, one))))
            yield from reading.skipped(f"{path.name}, session {one}")
    if left_out and not wanted:
        yield Skipped(path.name, f"{plural(left_out, 'session')} of other projects left out")


def database(home: Path) -> Path:
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data and os.path.isabs(data) else home / ".local" / "share") / "opencode" / "opencode.db"


@contextmanager
def _opened(path: Path) -> Iterator[db.Connection]:
    """The database at `path`. Raises ImportFailed where it is none of opencode's, and for whatever goes wrong with it."""
    try:
        with db.foreign(os.fspath(path)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 1000").fetchall()
            if not {name for (name,) in found} >= _TABLES:
                raise ImportFailed(f"{path} is no database of opencode", hint="mem import (lists what could be read)")
            yield connection
    except (db.DatabaseError, IndexUnavailable) as error:
        raise ImportFailed(
            f"cannot read {path}: {' '.join(str(error).split())}", hint="close opencode, and repeat"
        ) from None


def _sessions(path: Path, project: Path | None) -> list[str]:
    """Ids of the sessions that were begun in a project (or in any), oldest first."""
    with _opened(path) as connection:
        rows = connection.execute(
            "SELECT id, directory FROM session WHERE parent_id IS NULL ORDER BY time_created, id LIMIT ?",
            (MOST_SESSIONS,),
        )
        own = [id_ for id_, folder in rows if project is None or sessions.is_inside(folder, project)]
        return [id_ for id_ in own if isinstance(id_, str)]


def _count(connection: db.Connection) -> int:
    return int(connection.execute("SELECT count(*) FROM session WHERE parent_id IS NULL").fetchone()[0])


def _lines(connection: db.Connection, session: str) -> Iterator[bytes]:
    """A session as lines: {"session", "cwd"}, then a part each."""
    folder = connection.execute("SELECT directory FROM session WHERE id = ?", (session,)).fetchone()
    yield _line({"session": session, "cwd": folder[0] if folder else None})
    rows = connection.execute(
        "SELECT part.id, message.data, part.data, part.time_created FROM message JOIN part ON part.message_id = message.id"
        " WHERE message.session_id = ?1 AND length(part.data) <= ?2 AND length(message.data) <= ?2"
        " ORDER BY message.time_created, message.id, part.id LIMIT ?3",
        (session, MOST_PART_BYTES, MOST_PARTS),
    )
    for id_, message, part, created in rows:
        yield _line({"id": id_, "message": _object(message), "part": _object(part), "at": created})


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, default=str).encode() + b"\n"


def _object(text: object) -> dict[str, Any] | None:
    try:
        row = json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


# --- what a part tells -----------------------------------------------------------------------------------------------


class _Form:
    NAME = NAME

    def tell(self, row: dict[str, Any], facts: dict[str, str]) -> Told:
        if "session" in row:
            note(facts, session=row["session"], cwd=row.get("cwd"))
            return Told("session")
        message, part = row.get("message"), row.get("part")
        if not isinstance(message, dict) or not isinstance(part, dict):
            return Told("no JSON object", known=False)
        role, type_ = message.get("role"), part.get("type")
        created = row.get("at")
        at = utc_iso(created / 1000) if isinstance(created, int | float) and 0 < created < 1e14 else None
        known = role in _ROLES and (type_ in ("text", "tool") or type_ in _BOOKKEEPING)
        events = (
            tuple(_events(str(role), part, facts.get("cwd"))) if not message.get("summary") or role == "user" else ()
        )
        return Told(f"{role}, {type_}"[:60], events, at=at, ref=word(row.get("id")), known=known)


def _events(role: str, part: dict[str, Any], cwd: str | None) -> Iterator[Event]:
    if part.get("type") == "text" and word(part.get("text")) and not (part.get("synthetic") or part.get("ignored")):
        text = part["text"]
        if role == "assistant":
            yield Answered(text)
        elif role == "user":
            quoted = (
                len(text) > 2 and text[0] == text[-1] == '"' and '"' not in text[1:-1]
            )  # as `opencode run` passes it on
            yield Said(text[1:-1] if quoted else text)
    state = part.get("state")
    if role == "assistant" and part.get("type") == "tool" and isinstance(state, dict):
        given = state.get("input")
        what = _action(str(part.get("tool")), given, cwd) if isinstance(given, dict) else None
        if what:
            call = str(part.get("callID"))
            yield Began(call, what)
            if state.get("status") in ("completed", "error"):
                yield Ended(call, _outcome(state))


def _action(tool: str, given: dict[str, Any], cwd: str | None) -> str | None:
    if tool in ("bash", "shell") and word(given.get("command")):
        return ran(given["command"], cwd)
    path = given.get("filePath") or given.get("file_path")
    return changed(path, cwd, how=_EDITING[tool]) if tool in _EDITING and word(path) else None


def _outcome(state: dict[str, Any]) -> str:
    if state.get("status") == "error":
        return "failed"
    metadata = state.get("metadata")
    code = metadata.get("exit") if isinstance(metadata, dict) else None
    return f"failed, exit code {code}" if isinstance(code, int) and code else ""


FORM: Format = _Form()
