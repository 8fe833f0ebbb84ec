"""What this user's state knows of the texts of a store: by content, how each came to be there.

One private file for each store, append-only: a line is a content hash and a word, and the last line about a hash counts.
Nothing that lies in a store is asked: not its journal, its configuration, its front matter or a file of this kind. Where the
record is lost, every text is one that nobody knows, which means held.

The worktrees of a repository share one record, since what a person trusts in one they trust in all. A store that was moved
keeps its record, as it keeps its cache.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from memcli import lock
from memcli.errors import WriteFailed
from memcli.places import Place, folder_key, main_worktree, open_regular, private_dir, user_dir
from memcli.trust.verdict import AGENT, HELD, QUARANTINED, TRUSTED, YOURS

REJECTED = "rejected"
"""Quarantined, and `mem review` need not ask again."""
WORDS = frozenset((YOURS, AGENT, TRUSTED, HELD, QUARANTINED, REJECTED))
MADE, CACHE, MET, FOLLOW, FOLLOW_NOT = "made", "cache", "met", "follow", "no-follow"
"""Lines about the store: it was made by this user; an index with this token was made of it, and when; what git brings is
trusted from here on, or no longer."""
MAX_BYTES = 256 * 2**20  # three million texts
FEW = 50  # hashes that are looked up faster in the bytes than in a table of all


class Record:
    """The record of a store as it was read; what is noted meanwhile is in it too."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._data = _read(path(place))
        self._table: dict[str, str] | None = None
        self._noted: dict[str, str] = {}

    @property
    def exists(self) -> bool:
        return bool(self._data)

    @property
    def follows(self) -> bool:
        """Whether what git brings to this store is trusted from now on."""
        return self._data.rfind(f"\n{FOLLOW}\n".encode()) > self._data.rfind(f"\n{FOLLOW_NOT}\n".encode())

    @property
    def met_at(self) -> int:
        """When an index was last made of the store for the first time (nanoseconds since the epoch)."""
        _, found, rest = self._data.rpartition(f"\n{MET} ".encode())
        line = rest.partition(b"\n")[0]
        return int(line) if found and line.isdigit() else 0

    def knows(self, token: str) -> bool:
        """Whether an index with this token was made of the store before."""
        return f"\n{CACHE} {token}\n".encode() in self._data

    @property
    def is_only_made(self) -> bool:
        """Whether this user made the store, and no index was made of it yet."""
        return f"\n{MADE}\n".encode() in self._data and f"\n{CACHE} ".encode() not in self._data

    def words(self, hashes: Collection[str]) -> dict[str, str]:
        """What is known of these texts, by content hash; nothing of those that are new."""
        if self._table is None and len(hashes) > FEW:
            self._table = _table(self._data)
        found = {}
        for name in hashes:
            word = self._noted.get(name) or (self._table.get(name) if self._table is not None else self._find(name))
            if word is not None:
                found[name] = word
        return found

    def _find(self, name: str) -> str | None:
        at = self._data.rfind(b"\n" + name.encode("ascii") + b" ")
        if at < 0:
            return None
        word = self._data[at + len(name) + 2 :].split(b"\n", 1)[0].decode("ascii", "replace")
        return word if word in WORDS else _table(self._data).get(name)  # a torn line: one before it counts

    def note(self, words: dict[str, str], *about_store: str) -> None:
        """Note these texts, by content hash, and lines about the store."""
        if words or about_store:
            append(self.place, [*about_store, *(f"{name} {word}" for name, word in words.items())])
            self._noted |= words


def append(place: Place, lines: Iterable[str]) -> None:
    """Append lines durably, in one piece. Raises WriteFailed."""
    name = path(place)
    data = "".join(f"{line}\n" for line in lines).encode("ascii")
    private_dir(os.path.dirname(name))
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0)
    with lock.write_lock(place, name="trust"):
        try:
            with open(os.open(name, flags, 0o600), "rb+", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                if not size:
                    data = f"memcli trust 1 {_one_line(place.folder)}\n".encode() + data
                elif os.pread(file.fileno(), 1, size - 1) != b"\n":
                    data = b"\n" + data  # a kill left a torn line
                view = memoryview(data)
                while view:
                    view = view[file.write(view) :]
                os.fsync(file.fileno())
        except OSError as error:
            raise WriteFailed(f"cannot write {name}: {error.strerror}") from None


def path(place: Place) -> str:
    """Where the record of a store lies in the user's state."""
    return os.path.join(user_dir("state"), "trust", folder_key(_original(place.folder)))


def begin(place: Place) -> None:
    """Note that this user made this store, so that what is in it from the start is not somebody else's."""
    append(place, [MADE])


def adopt(place: Place, before: str) -> None:
    """Let a store that was moved here from the folder `before` have the record it had there."""
    target, source = path(place), os.path.join(user_dir("state"), "trust", folder_key(_original(before)))
    if source == target or os.path.exists(target) or not os.path.isfile(source):
        return
    data = _read(source)
    private_dir(os.path.dirname(target))
    with lock.write_lock(place, name="trust"):
        try:
            with open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return
        except OSError as error:
            raise WriteFailed(f"cannot write {target}: {error.strerror}") from None


def _original(folder: str) -> str:
    """A store's folder; for one in a linked worktree, where the main worktree has it."""
    above = folder
    while (parent := os.path.dirname(above)) != above:
        above = parent
        if os.path.lexists(os.path.join(above, ".git")):
            main = main_worktree(above)
            return os.path.join(main, os.path.relpath(folder, above)) if main else folder
    return folder


def _one_line(folder: str) -> str:
    return folder.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace").replace("\n", "\\n")


def _read(name: str) -> bytes:
    """The bytes of a record; nothing where there is none, or something else of that name."""
    try:
        with open_regular(name) as file:
            return file.read(MAX_BYTES)
    except OSError:
        return b""


def _table(data: bytes) -> dict[str, str]:
    """The last good word about each hash."""
    found = {}
    for line in data.decode("ascii", "replace").split("\n"):
        name, _, word = line.partition(" ")
        if len(name) == 64 and word in WORDS:
            found[name] = word
    return found
