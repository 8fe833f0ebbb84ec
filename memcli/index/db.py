"""The one place that opens SQLite: which build of it, how it is tuned, and whether a database may be trusted.

A cache is opened only if the token in it is known to this user's state, so that an index that came with somebody's
repository is never parsed. What cannot be opened is reported as IndexUnavailable; the caller discards and rebuilds.
Lean: imported by every recall.
"""

from __future__ import annotations

import os
import sys
import time

from memcli.errors import IndexUnavailable
from memcli.places import Place, private_dir, user_dir

TYPE_CHECKING = False
if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from contextlib import AbstractContextManager
    from json.encoder import encode_basestring_ascii as quoted
    from typing import Any
else:
    try:
        from pysqlite3 import dbapi2 as sqlite3
    except ImportError as error:  # a platform without a wheel
        import sqlite3

        if sqlite3.sqlite_version_info < (3, 51, 3):
            raise ImportError("memcli needs pysqlite3, or Python with SQLite 3.51.3 or newer") from error
    try:
        from _json import encode_basestring_ascii as quoted  # importing json takes as long as a quick question
    except ImportError:  # another Python than CPython
        from json.encoder import encode_basestring_ascii as quoted

Connection = sqlite3.Connection
DatabaseError = sqlite3.DatabaseError
BUSY_TIMEOUT_MS = 30_000
_STEPS = 20_000  # of SQLite's machine between two looks at the clock: less than a millisecond


def connect(path: str, *, create: bool, page_size: int = 4096) -> Connection:
    """Open one database file with our settings; `page_size` (bytes) is a new file's.

    Raises IndexUnavailable when it is missing, damaged or no database.
    """
    if not create and not os.path.exists(path):
        raise IndexUnavailable(f"there is no index at {path}", hint="mem index")
    try:
        if create and not os.path.exists(path):
            # SQLite would make it, and the log beside it, as the umask says. Never on an existing file: closing the
            # descriptor would drop the locks that this process holds on it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        # trusted_schema: a damaged or forged schema may not call functions. mmap: reads without copies.
        connection.executescript(
            f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}; PRAGMA trusted_schema=OFF; PRAGMA synchronous=NORMAL;"
            "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=268435456; PRAGMA cache_size=-32000;"
        )
        if create:
            connection.execute(f"PRAGMA page_size={int(page_size)}")
            connection.execute("PRAGMA journal_mode=WAL")
        return connection
    except (sqlite3.Error, OSError) as error:
        raise IndexUnavailable(f"the index {path} cannot be opened: {error}", hint="mem index rebuild") from None


MOST_STEPS = 2_000_000_000  # of SQLite's machine, for one database of another program: some minutes


class _Foreign:
    """A database of another program, open within `with`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection: Connection | None = None

    def __enter__(self) -> Connection:
        from urllib.parse import quote as escaped

        path = os.path.abspath(self._path)
        try:
            # What lies in its log is read only with SQLite's own locks. Without a log nothing is locked, or made, beside it.
            with_log = os.path.exists(f"{path}-wal") and os.path.getsize(f"{path}-wal") > 0
            address = f"file:{escaped(path)}?{'mode=ro' if with_log else 'immutable=1'}"
            self._connection = sqlite3.connect(address, uri=True, isolation_level=None)
            self._connection.executescript(
                "PRAGMA trusted_schema=OFF; PRAGMA query_only=ON; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0;"
                "PRAGMA busy_timeout=2000; PRAGMA cache_size=-8000;"
            )
        except (sqlite3.Error, OSError, ValueError) as error:
            raise IndexUnavailable(
                f"{path} cannot be opened: {error}", hint="mem import (lists what could be read)"
            ) from None
        left = [MOST_STEPS // 1_000_000]

        def too_long() -> bool:
            left[0] -= 1
            return left[0] < 0

        self._connection.set_progress_handler(too_long, 1_000_000)
        return self._connection

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()


def foreign(path: str) -> AbstractContextManager[Connection]:
    """A database that another program wrote, to be read: nothing in it is trusted, nothing is written, and a question that
    never ends is ended (DatabaseError). Raises IndexUnavailable when it cannot be opened."""
    return _Foreign(path)


def load_vectors(connection: Connection) -> None:
    """Give the connection sqlite-vec's functions. Raises IndexUnavailable where the extension cannot be loaded."""
    try:
        connection.enable_load_extension(True)
        connection.load_extension(_extension_path())
        connection.enable_load_extension(False)
    except (AttributeError, ImportError, sqlite3.Error) as error:
        raise IndexUnavailable(f"sqlite-vec cannot be loaded: {error}", hint="mem doctor") from None


def _extension_path() -> str:
    # Importing sqlite_vec would import the standard library's sqlite3 beside ours; its path is all we need.
    suffix = {"darwin": ".dylib", "win32": ".dll"}.get(sys.platform, ".so")
    for folder in sys.path:
        path = os.path.join(folder, "sqlite_vec", "vec0" + suffix)
        if os.path.exists(path):
            return path[: -len(suffix)]
    raise ImportError("sqlite-vec is not installed")


def is_damage(error: BaseException) -> bool:
    """Whether an error says that the database itself is broken, not that it is in use or that the disk is full."""
    passing = ("locked", "busy", "full", "readonly", "read-only", "interrupted", "out of memory")
    return isinstance(error, sqlite3.DatabaseError) and not (
        isinstance(error, sqlite3.OperationalError) and any(word in str(error) for word in passing)
    )


class _Transaction:
    """`BEGIN IMMEDIATE` … `COMMIT`, or `ROLLBACK` when the body raises."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def transaction(connection: Connection) -> AbstractContextManager[None]:
    return _Transaction(connection)


class limited:
    """While inside, statements of these connections end with OperationalError once `time.monotonic()` is past `until`, and wait
    no longer for locks."""

    def __init__(self, connections: Iterable[Connection], until: float) -> None:
        self._connections = list(connections)
        self._until = until

    def __enter__(self) -> None:
        left = max(1, min(BUSY_TIMEOUT_MS, int(1000 * (self._until - time.monotonic()))))
        for connection in self._connections:
            connection.set_progress_handler(lambda: time.monotonic() > self._until, _STEPS)
            connection.execute(f"PRAGMA busy_timeout={left}")

    def __exit__(self, *_: object) -> None:
        for connection in self._connections:
            connection.set_progress_handler(None, 0)
            connection.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")


def chunks(values: list[Any], size: int = 30_000) -> Iterator[list[Any]]:
    """Slices small enough for SQLite's limit on bound values."""
    for start in range(0, len(values), size):
        yield values[start : start + size]


def array(values: Iterable[int | str]) -> str:
    """Values as one bound value, for `json_each`."""
    return f"[{','.join([quoted(value) if isinstance(value, str) else str(value) for value in values])}]"


# --- whose cache is it -----------------------------------------------------------------------------------------------


def owns_cache(place: Place) -> bool:
    """Whether the cache folder was made by this user: its token is one that the user's state issued."""
    return owner(place) is not None


def owner(place: Place) -> tuple[str, str] | None:
    """The token of a cache folder that this user made, and the folder of the store that it was issued for; else None."""
    try:
        with open(os.path.join(place.cache, "owner"), encoding="ascii") as file:
            token = file.read(64).strip()
        if not token.isalnum():
            return None
        with open(os.path.join(user_dir("state"), "owners", token), "rb") as file:
            issued_for = os.fsdecode(file.read(8192))
    except (OSError, UnicodeDecodeError):
        return None
    # A store that was moved keeps its cache; a copy beside the original does not share its token.
    return (token, issued_for) if issued_for == place.folder or not os.path.exists(issued_for) else None


def claim_cache(place: Place) -> None:
    """Make the cache folder this user's, discarding unopened whatever in it came from elsewhere."""
    if owns_cache(place):
        return
    discard_cache(place)
    token = os.urandom(16).hex()
    owners = private_dir(os.path.join(user_dir("state"), "owners"))
    _write(os.path.join(owners, token), os.fsencode(place.folder))
    _write(os.path.join(private_dir(place.cache), "owner"), token.encode("ascii"))
    hidden = os.path.join(place.local, ".gitignore")
    if not os.path.lexists(hidden):  # a repository may have committed a tree without the .gitignore above it
        _write(hidden, b"*\n")


def _write(path: str, data: bytes) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(data)


def discard_cache(place: Place, *, keep_embeddings: bool = False) -> None:
    """Delete the cache's files (never anything else)."""
    try:
        names = os.listdir(place.cache)
    except OSError:
        return
    for name in names:
        if keep_embeddings and (name.startswith("embeddings.db") or name == "owner"):
            continue
        try:
            os.unlink(os.path.join(place.cache, name))
        except OSError as error:
            raise IndexUnavailable(f"cannot remove {place.cache}/{name}: {error.strerror}") from None
