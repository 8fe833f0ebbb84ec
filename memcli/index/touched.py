"""Looking again at a few folders instead of walking all: what a reconcile needs to know of them, files and rows alike.

Besides the folders that it is told of, it lists each folder whose own time is not the one that the index remembers (one stat
for each), so that a folder that came, went or was moved is found whole, told of or not. What is overwritten in place in a
folder that nobody named is seen by the next full walk.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from memcli import walk
from memcli.index import db
from memcli.places import Place
from memcli.walk import Found

Row = tuple[int, int, int, str | None]  # size, mtime in nanoseconds, inode, problem


class Look:
    """`found`: files of the folders that were listed; `known`: their rows, and those of folders that are gone."""

    def __init__(
        self, place: Place, connection: db.Connection, touched: Collection[str], seen: Callable[[str, int], None]
    ) -> None:
        """`touched` are folders as the index names them (`tree/auth`); one that ends in `/` is listed with all below it.

        `seen` is called with the path and the time of every folder there is.
        """
        self._connection = connection
        self._touched = {path for path in touched if not path.endswith("/")}
        self._deep = tuple(path for path in touched if path.endswith("/"))
        self._before: dict[str, int] = dict(connection.execute("SELECT path, mtime_ns FROM folders"))
        self._inner: dict[str, list[str]] = {}
        for path in self._before:
            above, _, name = path.rpartition("/")
            self._inner.setdefault(above, []).append(name)
        self.known: dict[str, Row] = {}
        left = set(self._before)

        def walked(path: str, mtime_ns: int) -> None:
            left.discard(path)
            seen(path, mtime_ns)

        self.found: list[Found] = walk.walk(place, folders=walked, unlisted=self._unlisted)
        for path in left:
            self._read_rows(path)

    def _unlisted(self, path: str, mtime_ns: int) -> list[str] | None:
        if path not in self._touched and self._before.get(path) == mtime_ns and not f"{path}/".startswith(self._deep):
            return self._inner.get(path, [])
        # Rows before files: what another process adds and indexes meanwhile is no file that is gone.
        self._read_rows(path)
        return None

    def _read_rows(self, folder: str) -> None:
        """The rows of a folder's files, and of the folder itself where it could not be read."""
        rows = self._connection.execute(
            "SELECT path, size, mtime_ns, inode, problem FROM entries WHERE path >= ?1 AND path < ?1 || '0'"  # "0" follows "/"
            " AND (path = ?1 OR path > ?1 || '/' AND instr(substr(path, length(?1) + 2), '/') = 0)",
            (folder,),
        )
        for path, size, mtime_ns, inode, problem in rows:
            self.known[path] = (size, mtime_ns, inode, problem)
