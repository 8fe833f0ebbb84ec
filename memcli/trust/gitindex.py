"""Whether git takes a file for what it wrote itself: its stat is the one that git's index has for it (gitformat-index).

A file that git brought and nobody touched is one, even where git wrote it otherwise than the repository holds it and the
attributes that told it to are gone by now.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from typing import NamedTuple

from memcli.trust.repositories import Repository, Untold, read_bytes

MAX_INDEX = 256 * 2**20
_STAT = struct.Struct(">10I")  # ctime, mtime (seconds and nanoseconds), device, inode, mode, owner, group, size
_EXTENDED, _LENGTH = 0x4000, 0x0FFF


class _Entry(NamedTuple):
    """What the index has of a file: when it was written, in seconds and nanoseconds, and its size modulo 2**32."""

    seconds: int
    nanoseconds: int
    size: int


class Index:
    """The index of a repository as it was when it was first asked; `width`: bytes of an object's name."""

    def __init__(self, repository: Repository, width: int) -> None:
        self._repository = repository
        self._width = width
        self._data: bytes | None = None
        self._packed: dict[bytes, list[_Entry]] = {}

    def has_as_written(self, file: str) -> bool:
        """Whether `file` (an absolute path) is, by its stat, as git last wrote or read it. Raises Untold."""
        try:
            found = self._of(os.fsencode(os.path.relpath(file, self._repository.root)).replace(os.sep.encode(), b"/"))
        except (struct.error, IndexError):
            raise Untold("git's index is cut off") from None
        info = os.lstat(file)
        seconds, nanoseconds = divmod(info.st_mtime_ns, 10**9)
        return any(
            one.seconds == seconds & 0xFFFFFFFF
            and one.nanoseconds in (0, nanoseconds)
            and one.size == info.st_size & 0xFFFFFFFF
            for one in found
        )

    def _of(self, path: bytes) -> list[_Entry]:
        if self._data is None:
            self._read()
        data = self._data or b""
        return self._packed.get(path, []) if data[7:8] == b"\4" else list(_named(data, path, self._width))

    def _read(self) -> None:
        gitdir = self._repository.gitdir
        data = read_bytes(os.path.join(gitdir, "index"), MAX_INDEX) or b""
        if data and (data[:4] != b"DIRC" or data[4:8] not in (b"\0\0\0\2", b"\0\0\0\3", b"\0\0\0\4")):
            raise Untold("git's index is not as git writes it")
        if any(name.startswith("sharedindex.") for name in os.listdir(gitdir)):
            raise Untold("git's index is split")
        if data[7:8] == b"\4":
            for path, entry in _packed(data, self._width):
                self._packed.setdefault(path, []).append(entry)
        self._data = data


def _named(data: bytes, path: bytes, width: int) -> Iterator[_Entry]:
    """The entries with this path, found by their names, which stand whole in versions 2 and 3."""
    at = data.find(path + b"\0")
    while at >= 0:
        for extra in (0, 2):  # further flags, in version 3
            start = at - 42 - width - extra
            flags = int.from_bytes(data[start + 40 + width : start + 42 + width], "big") if start >= 12 else 0
            if flags & _LENGTH == min(len(path), _LENGTH) and bool(flags & _EXTENDED) == bool(extra):
                yield _entry(data, start)
        at = data.find(path + b"\0", at + 1)


def _packed(data: bytes, width: int) -> Iterator[tuple[bytes, _Entry]]:
    """All paths and entries of version 4, where each name is told by what differs from the one before."""
    at, name = 12, b""
    for _ in range(int.from_bytes(data[8:12], "big")):
        start = at
        flags = int.from_bytes(data[start + 40 + width : start + 42 + width], "big")
        at = start + 42 + width + (2 if flags & _EXTENDED else 0)
        cut = data[at] & 0x7F
        while data[at] & 0x80:
            at += 1
            cut = (cut + 1) << 7 | data[at] & 0x7F
        end = data.find(b"\0", at + 1)
        if end < 0:
            raise IndexError
        name = name[: len(name) - cut] + data[at + 1 : end]
        at = end + 1
        yield name, _entry(data, start)


def _entry(data: bytes, start: int) -> _Entry:
    stat = _STAT.unpack_from(data, start)
    return _Entry(stat[2], stat[3], stat[9])
