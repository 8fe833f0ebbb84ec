"""What each session of an agent was shown, and why it was shown nothing: for hooks, so that no session is told the same
twice, for `mem log --injected`, and for what is learned from what agents then did with it.

One file of JSON Lines for each session, in the user's state and private, named by a hash of host and session id (an id is
never a path), bounded in size and number. No text of a memory and no prompt is kept here. A call of a hook is two lines:
what it is about when it begins, and what came of it. One that was begun and has no end was killed, by its deadline or by
the agent. Lean: part of each hook.
"""

from __future__ import annotations

import os
from collections import namedtuple

from memcli.agents.payload import json_value
from memcli.places import private_dir, user_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from json.encoder import encode_basestring_ascii as quoted
    from typing import Any

    def _hasher(data: bytes, *, digest_size: int) -> Any: ...
else:
    try:
        from _json import encode_basestring_ascii as quoted
    except ImportError:  # another Python than CPython
        from json.encoder import encode_basestring_ascii as quoted
    try:
        from _blake2 import blake2b as _hasher  # importing hashlib would load OpenSSL
    except ImportError:
        from hashlib import blake2b as _hasher

try:
    import fcntl
except ImportError:  # Windows: lines are appended whole all the same
    fcntl = None  # type: ignore[assignment]

TTL_S = 5.0
"""For so long the same event with the same words is one: agents run hooks of other agents beside their own."""
MOST_BYTES = 256 << 10  # of a session's file, of which the older half is dropped when there are more
MOST_SESSIONS = 400  # files; the oldest go
DEADLINE = "deadline"
"""Why nothing was said in a call that has no end."""

Row = namedtuple("Row", "at host event session cwd silent injected chars ms text")
Row.__doc__ = """One call of a hook. `at` in seconds since the epoch; `event` is one of ours; `silent` says in one word
why nothing was injected, None where something was; `injected` are the memories, (id, key of the store) each; `chars` is
the length of what was said, `ms` how long it took, `text` a digest of it."""


class Session:
    """One session as hooks know it. Without an id, all sessions of that host in that folder are one until the next
    starts."""

    __slots__ = ("cwd", "host", "id", "path")

    def __init__(self, host: str, session: str, cwd: str = "") -> None:
        self.host = host
        self.id = session
        self.cwd = cwd
        self.path = os.path.join(folder(), f"{digest(host, session or cwd)}.jsonl")

    def begin(self, event: str, about: str, now: float) -> str | None:
        """Note that a call of a hook begins, and return its key; None where the same was begun less than TTL_S ago.

        `about` tells calls of one event apart: the prompt, or why the session starts. Raises OSError where nothing can be
        noted.
        """
        key = digest(event, about)
        private_dir(folder())
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            recent = os.pread(descriptor, 4096, max(0, size - 4096)) if hasattr(os, "pread") else b""
            if _begun_lately(recent, key, now):
                return None
            if size > MOST_BYTES:
                _halve(descriptor, size)
            said = {"at": now, "key": key, "event": event, "host": self.host, "session": self.id, "cwd": self.cwd}
            os.write(descriptor, _line(said))
        finally:
            os.close(descriptor)
        return key

    def end(
        self,
        key: str,
        *,
        silent: str | None = None,
        injected: Iterable[tuple[str, str]] = (),
        chars: int = 0,
        ms: int = 0,
        text: str = "",
        forget: bool = False,
    ) -> None:
        """Note what came of a call. With `forget`, what was shown before may be shown again. Raises OSError."""
        said: dict[str, object] = {"key": key, "silent": silent, "injected": [list(pair) for pair in injected]}
        said |= {"chars": chars, "ms": ms, "text": text}
        if forget:
            said["forget"] = True
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, _line(said))
        finally:
            os.close(descriptor)

    def shown(self) -> frozenset[str]:
        """Ids of the memories that this session was shown and still has before it."""
        found: set[str] = set()
        for said in _said(self.path):
            if said.get("forget"):
                found.clear()
            found.update(name for name, _ in _injected(said))
        return frozenset(found)

    def rows(self) -> list[Row]:
        """Its calls, oldest first."""
        return _rows(self.path)

    def last_text(self, event: str) -> str:
        """The digest of what was last said at an event; "" where nothing was."""
        return next((row.text for row in reversed(self.rows()) if row.event == event and row.text), "")


def shown(host: str, session: str, cwd: str = "") -> frozenset[str]:
    """Ids of the memories that a session was shown and still has before it."""
    return Session(host, session, cwd).shown()


def read(*, last: bool = False) -> list[list[Row]]:
    """The calls of each session that is known, the session used last first; with `last`, of that one alone."""
    paths = _by_age()
    return [rows for path in (paths[:1] if last else paths) if (rows := _rows(path))]


def prune() -> None:
    """Drop the sessions used longest ago where there are more than MOST_SESSIONS."""
    for path in _by_age()[MOST_SESSIONS:]:
        try:
            os.unlink(path)
        except OSError:
            continue


def folder() -> str:
    return os.path.join(user_dir("state"), "sessions")


def digest(*texts: str) -> str:
    """A short name for some texts."""
    said = "\0".join(texts).encode("utf-8", "surrogatepass")
    return str(_hasher(said, digest_size=12).hexdigest())


def _begun_lately(lines: bytes, key: str, now: float) -> bool:
    marked = f'"key":"{key}"'.encode("ascii")
    if marked not in lines:
        return False
    for line in reversed(lines.split(b"\n")):
        if marked in line and (said := json_value(line.decode("ascii", "replace"))) and "at" in said:
            return bool(abs(now - _number(said["at"])) < TTL_S)
    return False


def _halve(descriptor: int, size: int) -> None:
    """Keep the later half of a file's lines."""
    os.lseek(descriptor, size // 2, os.SEEK_SET)
    rest = os.read(descriptor, size)
    os.ftruncate(descriptor, 0)
    os.write(descriptor, rest[rest.find(b"\n") + 1 :])


def _by_age() -> list[str]:
    """The files of all sessions, the one written last first."""
    found = []
    try:
        with os.scandir(folder()) as listing:
            for entry in listing:
                if entry.name.endswith(".jsonl"):
                    found.append((-entry.stat(follow_symlinks=False).st_mtime_ns, entry.path))
    except OSError:
        pass
    return [path for _, path in sorted(found)]


def _rows(path: str) -> list[Row]:
    begun: dict[str, dict[str, Any]] = {}
    rows = []
    for said in _said(path):
        key = str(said.get("key"))
        if "at" in said:
            if key in begun:
                rows.append(_row(begun[key], {"silent": DEADLINE}))
            begun[key] = said
        elif key in begun:
            rows.append(_row(begun.pop(key), said))
    rows += [_row(said, {"silent": DEADLINE}) for said in begun.values()]
    return sorted(rows, key=lambda row: row.at)


def _row(begun: dict[str, Any], ended: dict[str, Any]) -> Row:
    silent = ended.get("silent")
    return Row(
        at=_number(begun["at"]),
        host=str(begun.get("host") or ""),
        event=str(begun.get("event") or ""),
        session=str(begun.get("session") or ""),
        cwd=str(begun.get("cwd") or ""),
        silent=None if silent is None else str(silent),
        injected=_injected(ended),
        chars=int(_number(ended.get("chars"))),
        ms=int(_number(ended.get("ms"))),
        text=str(ended.get("text") or ""),
    )


def _injected(said: dict[str, Any]) -> list[tuple[str, str]]:
    found = said.get("injected")
    pairs = found if isinstance(found, list) else []
    return [(str(pair[0]), str(pair[1])) for pair in pairs if isinstance(pair, list) and len(pair) == 2]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _said(path: str) -> list[dict[str, Any]]:
    """The lines of a file that are what we write; of a file that is not there, none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        data = os.read(descriptor, 2 * MOST_BYTES)
    except OSError:
        return []
    finally:
        os.close(descriptor)
    values = map(json_value, data.decode("ascii", "replace").splitlines())
    return [value for value in values if isinstance(value, dict)]


def _line(said: dict[str, object]) -> bytes:
    return f"{_json(said)}\n".encode("ascii")


def _json(value: object) -> str:
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, dict):
        return f"{{{','.join([f'{quoted(name)}:{_json(item)}' for name, item in value.items()])}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return repr(value)
